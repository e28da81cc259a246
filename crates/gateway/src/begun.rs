//! What batches owe. One that is begun owes at once what its requests may use: nobody has to read what it answers. Once its
//! provider says what it has used, or which of its requests were answered, that is what it owes.
//!
//! A count of tokens is taken as it is: of the batch, or of each line of its output. Where nobody counts, a batch owes the most
//! that so many requests may have used as were answered: as if each were the dearest of them.
//!
//! A provider says so as often as it is asked, and nothing is kept of batches but here. So only the process that has counted
//! a batch corrects it; if that has ended meanwhile, or counts together with other gateways, what was counted stays.
//!
//! INVARIANT: a correction sets what is owed and does not add to it, so it may come any number of times. INVARIANT: without a
//! count, a batch owes no less than what was answered may have used. INVARIANT: bounded: [`BATCHES_MAX`].
//!
//! Not here: the counters (`quota`), what a batch may use (`handles`, when its requests are inspected).

use std::collections::HashMap;

use events::TokenUsage;
use wire::{Document, HandleOf, Member, Progress};

use crate::asked::Asked;
use crate::counter::{Amount, DAY_MS, cost};
use crate::exchange::Exchange;
use crate::handles::Stored;
use crate::quota::{CounterId, Quotas};
use crate::tally::TOKENS_MAX;

/// Batches that are remembered at a time, some 500 bytes each. What more are begun stays counted as it was.
const BATCHES_MAX: usize = 10_000;
/// How long a batch is remembered at least, in milliseconds. Providers end them within a day.
const REMEMBERED_MS: u64 = 2 * DAY_MS;

/// Batches that this process has counted.
#[derive(Debug, Default)]
pub(crate) struct Batches(HashMap<String, Counted>);

/// What one was counted as.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    pub(crate) at_ms: u64,
    pub(crate) counters: Vec<CounterId>,
    /// What it may use.
    pub(crate) estimate: Estimate,
    /// The file that it has written its answers to, once it has ended.
    pub(crate) output: Option<String>,
    /// What it owes as far as is known.
    pub(crate) owed: Amount,
    pub(crate) price: (u64, u64),
}

/// What the requests of a batch may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Estimate {
    /// All together.
    pub(crate) all: TokenUsage,
    /// The one with the longest request, and the one with the longest answers.
    pub(crate) dearest: TokenUsage,
}

impl Estimate {
    /// One more request, which may use this.
    pub(crate) fn add(&mut self, one: TokenUsage) {
        self.all = plus(self.all, one);
        self.dearest.input = self.dearest.input.max(one.input);
        self.dearest.output = self.dearest.output.max(one.output);
    }

    /// The most that so many of them may use, whichever they are.
    fn of(self, requests: u64) -> TokenUsage {
        let most = |all: u64, one: u64| one.saturating_mul(requests).min(all);
        TokenUsage {
            input: most(self.all.input, self.dearest.input),
            output: most(self.all.output, self.dearest.output),
        }
    }
}

const fn plus(one: TokenUsage, other: TokenUsage) -> TokenUsage {
    TokenUsage {
        input: one.input.saturating_add(other.input),
        output: one.output.saturating_add(other.output),
    }
}

/// What is known of what a batch has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// What so many of its requests may.
    Answered(u64),
    /// So many tokens, and what so many more of its requests may. Nothing better is to come.
    Used(TokenUsage, u64),
}

impl Batches {
    /// A batch was counted.
    pub(crate) fn add(&mut self, batch: String, counted: Counted) {
        if self.0.len() >= BATCHES_MAX {
            let oldest_ms = counted.at_ms.saturating_sub(REMEMBERED_MS);
            self.0.retain(|_, one| one.at_ms >= oldest_ms);
        }
        if self.0.len() < BATCHES_MAX {
            self.0.insert(batch, counted);
        }
    }

    /// A batch that has ended has written its answers to a file.
    fn has_written(&mut self, batch: &str, output: String) {
        if let Some(counted) = self.0.get_mut(batch) {
            counted.output = Some(output);
        }
    }

    /// The batch whose answers a file is.
    fn writer_of(&self, output: &str) -> Option<String> {
        let wrote = |counted: &Counted| counted.output.as_deref() == Some(output);
        self.0.iter().find(|(_, counted)| wrote(counted)).map(|(batch, _)| batch.clone())
    }

    /// What a batch was counted as, and what is right.
    pub(crate) fn corrected(&mut self, batch: &str, known: Known) -> Option<(Counted, Amount)> {
        let counted = self.0.remove(batch)?;
        let Counted { estimate, price, .. } = counted;
        let right = match known {
            Known::Answered(requests) => estimate.of(requests),
            Known::Used(used, requests) => {
                let most = TOKENS_MAX.max(estimate.all.input.saturating_add(estimate.all.output));
                let used =
                    TokenUsage { input: used.input.min(most), output: used.output.min(most) };
                plus(used, estimate.of(requests))
            }
        };
        let right = cost(right.input, right.output, price);
        if let Known::Answered(_) = known {
            self.0.insert(batch.to_owned(), Counted { owed: right, ..counted.clone() });
        }
        Some((counted, right))
    }
}

/// Takes from what is said of a batch what it owes.
pub(crate) fn note(
    quotas: &Quotas,
    exchange: &mut Exchange,
    asked: Asked,
    stored: &Stored,
    document: &Document<'_>,
) {
    let there = |own: &str| format!("{}\n{own}", stored.claims.upstream);
    let named = |of: HandleOf| document.handles.iter().find(|handle| handle.of == of);
    let itself = || stored.own.as_deref().or_else(|| Some(&*named(HandleOf::Itself)?.id));
    let Some(own) = itself().map(there) else { return };
    if asked.operation.begins_batch() {
        if named(HandleOf::Itself).is_some() {
            exchange.begins_batch(own, stored.claims.estimate);
        }
        return;
    }
    if asked.lines.is_some() {
        // The results of a batch of messages have its id; a file has its own.
        let is_of_batch = asked.operation.is_of_batch();
        let writer = if is_of_batch { Some(own) } else { quotas.batches().writer_of(&own) };
        if let Some(batch) = writer {
            quotas.correct(&batch, used(&document.members));
        }
        return;
    }
    let progress = document.facts.progress.unwrap_or_default();
    if !asked.operation.is_of_batch() || !progress.has_ended {
        return;
    }
    let output = named(HandleOf::Output).map(|output| there(&output.id));
    // Zeros are what has not been counted.
    let known = match progress.usage.filter(|usage| usage.input > 0) {
        Some(used) => Some(Known::Used(used, 0)),
        None => answered(&progress, output.is_some()).map(Known::Answered),
    };
    if let Some(output) = output {
        quotas.batches().has_written(&own, output);
    }
    if let Some(known) = known {
        quotas.correct(&own, known);
    }
}

/// How many requests of a batch that has ended were answered, if its provider has counted. Where all its counts are zero, it
/// has, if the batch was given up before it had written anything.
fn answered(progress: &Progress, has_output: bool) -> Option<u64> {
    let is_counted = progress.requests() > 0 || (progress.is_given_up && !has_output);
    progress.answered.filter(|_| is_counted)
}

/// What the lines that a batch has written say that it has used. An answer without a count may have used what its request may;
/// a failure has used nothing.
fn used(lines: &[Member<'_>]) -> Known {
    let (mut used, mut unsaid) = (TokenUsage::default(), 0);
    for line in lines {
        match line.facts.usage.filter(|usage| usage.input > 0) {
            Some(usage) => used = plus(used, usage),
            None if line.body.is_some() && !line.facts.error => unsaid += 1,
            None => {}
        }
    }
    Known::Used(used, unsaid)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nine requests that may use 10 + 90 tokens, and one that may use 10 + 990.
    fn counted(at_ms: u64) -> Counted {
        let mut estimate = Estimate::default();
        for output in [[90; 9].as_slice(), &[990]].concat() {
            estimate.add(TokenUsage { input: 10, output });
        }
        let owed = cost(100, 1_800, (1, 2));
        Counted { at_ms, counters: Vec::new(), estimate, output: None, owed, price: (1, 2) }
    }

    fn right(batches: &mut Batches, known: Known) -> Option<(u64, u64)> {
        let (_, right) = batches.corrected("a", known)?;
        Some((right.tokens, right.nanousd))
    }

    #[test]
    fn what_a_provider_says_is_what_is_owed() {
        let mut batches = Batches::default();
        batches.add("a".to_owned(), counted(1));
        for (answered, expected) in [
            (1, (1_000, 10 + 2 * 990)),
            (2, (1_820, 20 + 2 * 1_800)),
            (10, (1_900, 100 + 2 * 1_800)),
            (99, (1_900, 100 + 2 * 1_800)),
            (0, (0, 0)),
        ] {
            // It is set, not added to; and never less than what the dearest of them may have cost.
            assert_eq!(right(&mut batches, Known::Answered(answered)), Some(expected));
        }
        let used = TokenUsage { input: 90, output: u64::MAX };
        let said = Some((90 + TOKENS_MAX, 90 + 2 * TOKENS_MAX));
        assert_eq!(right(&mut batches, Known::Used(used, 0)), said);
        assert_eq!(right(&mut batches, Known::Used(used, 0)), None, "the last word was said");
        batches.add("a".to_owned(), counted(1));
        let used = TokenUsage { input: 5, output: 7 };
        let and_one = Some((5 + 7 + 1_000, 5 + 10 + 2 * (7 + 990)));
        assert_eq!(right(&mut batches, Known::Used(used, 1)), and_one);
    }

    #[test]
    fn zeros_are_counts_of_a_batch_that_was_given_up_before_it_began() {
        let given_up = |answered, total| Progress {
            has_ended: true,
            is_given_up: true,
            answered,
            total,
            ..Progress::default()
        };
        let done = |answered, total| Progress { is_given_up: false, ..given_up(answered, total) };
        for (progress, has_output, expected) in [
            (given_up(Some(0), 0), false, Some(0)),
            (given_up(Some(0), 0), true, None),
            (given_up(None, 0), false, None),
            (given_up(Some(2), 5), true, Some(2)),
            (done(Some(0), 0), false, None),
            (done(Some(0), 5), false, Some(0)),
            (done(None, 5), true, None),
            (done(Some(4), 5), true, Some(4)),
        ] {
            assert_eq!(answered(&progress, has_output), expected, "{progress:?}");
        }
    }

    #[test]
    fn the_limit_is_crossed() {
        let mut batches = Batches::default();
        for number in 0..BATCHES_MAX {
            batches.add(number.to_string(), counted(DAY_MS));
        }
        batches.add("a".to_owned(), counted(DAY_MS + REMEMBERED_MS));
        assert_eq!(right(&mut batches, Known::Answered(1)), None, "there is no room");
        batches.add("a".to_owned(), counted(DAY_MS + REMEMBERED_MS + 1));
        assert!(right(&mut batches, Known::Answered(1)).is_some(), "the oldest have gone");
    }
}
