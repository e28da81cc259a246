//! What batches owe. One that is begun owes at once what its requests may use: nobody has to read what it answers. Once its
//! provider says what it has used, or how many requests it has answered, that is what it owes.
//!
//! A provider says so as often as it is asked, and nothing is kept of batches but here. So only the process that has counted
//! a batch corrects it; if that has ended meanwhile, or counts together with other gateways, what was counted stays.
//!
//! INVARIANT: a correction sets what is owed and does not add to it, so it may come any number of times. INVARIANT:
//! bounded: [`BATCHES_MAX`].
//!
//! Not here: the counters (`quota`), what a batch may use (`handles`, when its requests are inspected).

use std::collections::HashMap;

use wire::{Document, HandleOf, Operation, Progress};

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
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) at_ms: u64,
    pub(crate) counters: Vec<CounterId>,
    /// What it may use.
    pub(crate) estimate: Amount,
    /// What it owes as far as is known.
    pub(crate) owed: Amount,
    pub(crate) price: (u64, u64),
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

    /// What a batch owes by what its provider says: what it was counted as, and what is right. After a count of tokens nothing
    /// better is to come.
    pub(crate) fn corrected(
        &mut self,
        batch: &str,
        progress: &Progress,
    ) -> Option<(Counted, Amount)> {
        let counted = self.0.remove(batch)?;
        let Counted { at_ms, estimate, price, .. } = counted;
        let most = TOKENS_MAX.max(estimate.tokens);
        let right = match progress.usage {
            Some(used) => cost(used.input.min(most), used.output.min(most), price),
            None => estimate.share(progress.answered, progress.requests()),
        };
        if progress.usage.is_none() {
            let counters = counted.counters.clone();
            let known = Counted { at_ms, counters, estimate, owed: right, price };
            self.0.insert(batch.to_owned(), known);
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
    let itself = || document.handles.iter().find(|handle| handle.of == HandleOf::Itself);
    let Some(own) = stored.own.as_deref().or_else(|| Some(&*itself()?.id)) else { return };
    let batch = || format!("{}\n{own}", stored.claims.upstream);
    if asked.operation.begins_batch() {
        if itself().is_some() {
            exchange.begins_batch(batch());
        }
        return;
    }
    let progress = match asked.operation {
        // The results of a batch of messages are those of all its requests.
        Operation::MessageBatchResults if asked.lines.is_some() => {
            let usage = Some(document.facts.usage.unwrap_or_default());
            Progress { has_ended: true, usage, ..Progress::default() }
        }
        _ => document.facts.progress.unwrap_or_default(),
    };
    if asked.operation.is_of_batch() && progress.has_ended {
        quotas.correct(&batch(), &progress);
    }
}

#[cfg(test)]
mod tests {
    use events::TokenUsage;

    use super::*;

    fn counted(at_ms: u64) -> Counted {
        let estimate = cost(100, 900, (1, 2));
        Counted { at_ms, counters: Vec::new(), estimate, owed: estimate, price: (1, 2) }
    }

    fn right(batches: &mut Batches, progress: &Progress) -> Option<(u64, u64)> {
        let (_, right) = batches.corrected("a", progress)?;
        Some((right.tokens, right.nanousd))
    }

    #[test]
    fn what_a_provider_says_is_what_is_owed() {
        let mut batches = Batches::default();
        batches.add("a".to_owned(), counted(1));
        let of = |answered, requests| Progress {
            has_ended: true,
            answered,
            total: requests,
            ..Progress::default()
        };
        assert_eq!(right(&mut batches, &of(1, 4)), Some((250, 475)));
        assert_eq!(right(&mut batches, &of(4, 4)), Some((1_000, 1_900)), "it is set, not added to");
        assert_eq!(right(&mut batches, &of(0, 0)), Some((1_000, 1_900)), "nothing is said");
        let usage = Some(TokenUsage { input: 90, output: u64::MAX });
        let said = Progress { usage, ..of(4, 4) };
        assert_eq!(right(&mut batches, &said), Some((90 + TOKENS_MAX, 90 + 2 * TOKENS_MAX)));
        assert_eq!(right(&mut batches, &said), None, "the last word was said");
    }

    #[test]
    fn the_limit_is_crossed() {
        let mut batches = Batches::default();
        for number in 0..BATCHES_MAX {
            batches.add(number.to_string(), counted(DAY_MS));
        }
        batches.add("a".to_owned(), counted(DAY_MS + REMEMBERED_MS));
        assert_eq!(right(&mut batches, &Progress::default()), None, "there is no room");
        batches.add("a".to_owned(), counted(DAY_MS + REMEMBERED_MS + 1));
        assert!(right(&mut batches, &Progress::default()).is_some(), "the oldest have gone");
    }
}
