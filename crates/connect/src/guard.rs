//! One external guard: which texts it is asked about, and asking it.
//!
//! A message costs at most `questions_max` questions, of which a few are under way at a time, and all of
//! them together at most `time_max`. The first that fails decides: the guard could not look at the message.
//!
//! INVARIANT: a service sees nothing but text, its provenance and what the configuration says; not who
//! asks, not what is asked of the model besides. INVARIANT: values that we know of are starred out unless
//! the guard is there to find them. INVARIANT: findings so far are kept when the guard fails.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use bytes::Bytes;
use events::{Finding, Kind, Rank, Span};
use futures_util::{StreamExt as _, stream};
use http::HeaderMap;
use net::{Endpoint, EndpointSettings};
use ring::hmac;
use stdx::SharedSecret;
use tokio::sync::Semaphore;

use crate::adapter::{Adapter, Piece};
use crate::cache::{Cache, CacheKey};
use crate::circuit::{Change, Circuit};
use crate::consultation::Passage;
use crate::error::{Failure, Unreadable};
use crate::label::{Row, is_kind_in_table};
use crate::mark::Reading;
use crate::window::pieces;
use crate::{Details, GreyBand, GuardError, GuardSettings, OnFailure, Stages};

/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Findings of one guard in one message; more is no answer.
const FINDINGS_MAX: usize = 10_000;
/// Questions about one message that are under way at a time.
const QUESTIONS_AT_A_TIME_MAX: usize = 8;
/// The rank from which a value that we know of is starred out.
const STARRED_RANK_MIN: Rank = Rank::new(20);

/// A guard that can be asked.
pub(crate) struct ExternalGuard {
    adapter: &'static Adapter,
    cache: Cache,
    circuit: Circuit,
    details: Details,
    api_key: Option<SharedSecret>,
    endpoint: Endpoint,
    grey_band: Option<GreyBand>,
    pub(crate) name: String,
    pub(crate) on_failure: OnFailure,
    path: String,
    provenances: Vec<events::Provenance>,
    questions: Semaphore,
    questions_max: usize,
    reading: Reading,
    sends_values: bool,
    pub(crate) stages: Stages,
    text_characters_max: usize,
    time_max: Duration,
}

/// What a guard made of a message.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    pub(crate) change: Option<Change>,
    pub(crate) failure: Option<Failure>,
    /// With the passage that each is in.
    pub(crate) findings: Vec<(usize, Finding)>,
}

/// A question that is not answered yet.
struct Question<'a> {
    key: CacheKey,
    /// The passage.
    passage: usize,
    piece: Piece<'a>,
    /// Where the piece begins in the passage.
    start: usize,
}

impl ExternalGuard {
    /// Prepares a guard; nothing is connected yet. `cache_key` hashes the texts that it remembers.
    pub(crate) fn new(settings: GuardSettings, cache_key: hmac::Key) -> Result<Self, GuardError> {
        let adapter = settings.kind.adapter();
        for detail in adapter.needs {
            if (detail.of)(&settings.details).is_none_or(str::is_empty) {
                let kind = settings.kind.as_str();
                return Err(GuardError::Missing { detail: detail.name, kind });
            }
        }
        let endpoint = Endpoint::new(&EndpointSettings {
            ca_pem: settings.ca_pem.clone(),
            connect_time_max: settings.time_max,
            url: settings.url.clone(),
        })?;
        let guard = Self {
            adapter,
            api_key: settings.api_key.clone(),
            cache: Cache::new(settings.cache, cache_key),
            circuit: Circuit::new(settings.circuit),
            endpoint,
            path: (adapter.path)(&settings.details),
            questions: Semaphore::new(settings.concurrency_max.min(Semaphore::MAX_PERMITS)),
            reading: reading(adapter, &settings)?,
            sends_values: settings.sends_values.unwrap_or(adapter.sends_values),
            text_characters_max: settings
                .text_characters_max
                .unwrap_or(adapter.text_characters_max),
            details: settings.details,
            grey_band: settings.grey_band,
            name: settings.name,
            on_failure: settings.on_failure,
            provenances: settings.provenances,
            questions_max: settings.questions_max,
            stages: settings.stages,
            time_max: settings.time_max,
        };
        match guard.headers() {
            Err(Failure::KeyUnusable) => Err(GuardError::Key { name: guard.name }),
            // A key may be there later than the guard.
            Ok(_) | Err(_) => Ok(guard),
        }
    }

    /// Whether it makes a difference to it what was found in a text before.
    pub(crate) const fn reads_findings(&self) -> bool {
        self.grey_band.is_some() || !self.sends_values
    }

    /// Whether this text of a request is its business.
    pub(crate) fn is_for(&self, passage: &Passage) -> bool {
        self.provenances.contains(&passage.provenance)
    }

    /// Whether our own score of a text is such that it is to be asked.
    pub(crate) fn is_unsure_of(&self, passage: &Passage) -> bool {
        let Some(GreyBand { from, kinds, to }) = &self.grey_band else { return true };
        let counts = |kind: &Kind| {
            kinds.iter().any(|known| *known == kind.family() || *known == kind.as_str())
        };
        let found = passage.own.iter().filter(|found| counts(&found.kind));
        let rank = found.map(|found| found.rank).max().unwrap_or_default();
        (*from..=*to).contains(&rank)
    }

    /// Asks about these passages.
    pub(crate) async fn look(&self, wanted: &[usize], passages: &[Passage]) -> Looked {
        let mut looked = Looked::default();
        let texts: Vec<_> = wanted
            .iter()
            .filter_map(|index| {
                let passage = passages.get(*index)?;
                Some((*index, passage.provenance, self.shown(passage)))
            })
            .collect();
        let mut questions = Vec::new();
        let now = Instant::now();
        for (passage, provenance, text) in &texts {
            for range in pieces(text, self.text_characters_max) {
                let start = range.start;
                let piece = Piece { provenance: *provenance, text: &text[range] };
                let key = self.cache.key(*provenance, piece.text);
                match self.cache.get(&key, now) {
                    Some(findings) => looked.add(*passage, start, &findings),
                    None => questions.push(Question { key, passage: *passage, piece, start }),
                }
            }
        }
        if questions.len() > self.questions_max {
            looked.failure = Some(Failure::TooLong);
        } else if !questions.is_empty() {
            self.ask_all(questions, &mut looked).await;
        }
        looked.finish()
    }

    async fn ask_all(&self, questions: Vec<Question<'_>>, looked: &mut Looked) {
        let Some(admission) = self.circuit.admit(Instant::now()) else {
            looked.failure = Some(Failure::CircuitOpen);
            return;
        };
        let asked: Vec<_> =
            questions.into_iter().map(|question| self.answer_to(question)).collect();
        let mut asked = stream::iter(asked).buffer_unordered(QUESTIONS_AT_A_TIME_MAX);
        let all = async {
            while let Some((question, answer)) = asked.next().await {
                let findings = answer?;
                self.cache.put(question.key, &findings, Instant::now());
                looked.add(question.passage, question.start, &findings);
                if looked.findings.len() > FINDINGS_MAX {
                    return Err(Unreadable(format!("more than {FINDINGS_MAX} findings")).into());
                }
            }
            Ok(())
        };
        let answered = match tokio::time::timeout(self.time_max, all).await {
            Ok(answered) => answered,
            Err(_) => Err(Failure::TimedOut),
        };
        let now = Instant::now();
        match answered {
            Ok(()) => looked.change = admission.succeeded(now),
            Err(failure) => {
                if failure.is_the_services() {
                    looked.change = admission.failed(now);
                }
                looked.failure = Some(failure);
            }
        }
    }

    async fn answer_to<'a>(
        &self,
        question: Question<'a>,
    ) -> (Question<'a>, Result<Vec<Finding>, Failure>) {
        let answer = self.ask(question.piece).await;
        (question, answer)
    }

    /// The key as it is now, in the way that the service wants it.
    fn headers(&self) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        let Some(key) = &self.api_key else { return Ok(headers) };
        let key = key.current().ok_or(Failure::KeyMissing)?;
        let (name, value) = self.adapter.key.header(&key).ok_or(Failure::KeyUnusable)?;
        headers.insert(name, value);
        Ok(headers)
    }

    async fn ask(&self, piece: Piece<'_>) -> Result<Vec<Finding>, Failure> {
        let body = serde_json::to_vec(&(self.adapter.ask)(&self.details, piece))
            .map_err(|error| Failure::from(Unreadable::from(error)))?;
        // The semaphore is never closed; without a permit the question would only be asked sooner.
        let _permit = self.questions.acquire().await.ok();
        let headers = self.headers()?;
        let asked = self.endpoint.post_json(
            &self.path,
            headers,
            Bytes::from(body),
            ANSWER_BYTES_MAX,
            self.time_max,
        );
        let (status, body) = asked.await?;
        if !status.is_success() {
            return Err(Failure::Status(status.as_u16()));
        }
        let marks = (self.adapter.read)(piece, &body)?;
        Ok(self.reading.findings(&marks, piece.text)?)
    }

    /// What the service may see of a text. Offsets stay the same.
    fn shown<'a>(&self, passage: &'a Passage) -> Cow<'a, str> {
        if self.sends_values { Cow::Borrowed(&passage.text) } else { starred(passage) }
    }
}

impl Looked {
    fn add(&mut self, passage: usize, start: usize, findings: &[Finding]) {
        for finding in findings {
            let span = finding.span.range();
            let span = Span::new(start + span.start, start + span.end);
            self.findings.push((passage, Finding { span, ..finding.clone() }));
        }
    }

    /// In order, and what two overlapping pieces showed once.
    fn finish(mut self) -> Self {
        self.findings.sort_by(|(left_at, left), (right_at, right)| {
            let place = |at: usize, finding: &Finding| (at, finding.span.start, finding.span.end);
            place(*left_at, left)
                .cmp(&place(*right_at, right))
                .then_with(|| left.kind.cmp(&right.kind))
                .then_with(|| right.rank.cmp(&left.rank))
        });
        self.findings.dedup_by(|(at, later), (earlier_at, earlier)| {
            at == earlier_at && later.span == earlier.span && later.kind == earlier.kind
        });
        self
    }
}

/// A text with the values that we know of starred out, byte for byte.
fn starred(passage: &Passage) -> Cow<'_, str> {
    let text = &passage.text;
    let is_value = |found: &&Finding| {
        matches!(found.kind.family(), "pii" | "secret") && found.rank >= STARRED_RANK_MIN
    };
    let mut bytes: Option<Vec<u8>> = None;
    for found in passage.own.iter().filter(is_value) {
        let bytes = bytes.get_or_insert_with(|| text.as_bytes().to_vec());
        let Span { start, end } = found.span;
        let start = text.floor_char_boundary(start as usize);
        let end = text.ceil_char_boundary(end as usize);
        if let Some(value) = bytes.get_mut(start..end) {
            value.fill(b'*');
        }
    }
    match bytes.map(String::from_utf8) {
        None => Cow::Borrowed(text),
        Some(Ok(starred)) => Cow::Owned(starred),
        Some(Err(_)) => Cow::Owned("*".repeat(text.len())),
    }
}

pub(crate) fn reading(adapter: &Adapter, settings: &GuardSettings) -> Result<Reading, GuardError> {
    let mut labels: Vec<Row> = Vec::new();
    for (label, kind) in &settings.kinds {
        if !is_kind_in_table(kind) {
            return Err(GuardError::Kind { kind: kind.clone() });
        }
        labels.push((label.trim().to_lowercase().into(), kind.clone().into()));
    }
    // Whole labels before beginnings of labels, and longer ones first.
    labels.sort_by_key(|(label, _)| (label.ends_with('*'), std::cmp::Reverse(label.len())));
    labels.extend(adapter.labels.iter().map(|(label, kind)| ((*label).into(), (*kind).into())));
    let ranks =
        if settings.ranks.is_empty() { adapter.ranks.to_vec() } else { settings.ranks.clone() };
    let is_ascending = ranks.is_sorted_by(|(score, rank), (next_score, next_rank)| {
        score < next_score && rank <= next_rank
    });
    let is_in_range =
        |(score, rank): &(f32, u8)| (0.0..=1.0).contains(score) && *rank <= Rank::MAX.get();
    if !is_ascending || !ranks.iter().all(is_in_range) {
        return Err(GuardError::Ranks);
    }
    Ok(Reading { detector: format!("external.{}", settings.name).into(), labels, ranks })
}

#[cfg(test)]
mod tests {
    use events::{Provenance, Score};

    use super::*;
    use crate::GuardKind;

    fn found(kind: &'static str, rank: u8, start: usize, end: usize) -> Finding {
        Finding {
            detector: "test".into(),
            kind: Kind::of(kind),
            rank: Rank::new(rank),
            score: Score::ONE,
            span: Span::new(start, end),
            view: "raw".into(),
        }
    }

    fn passage(text: &str, own: Vec<Finding>) -> Passage {
        Passage { own, provenance: Provenance::User, text: text.to_owned() }
    }

    fn guard(change: impl FnOnce(&mut GuardSettings)) -> Result<ExternalGuard, GuardError> {
        let mut settings =
            GuardSettings::new("test", GuardKind::Webhook, "http://127.0.0.1:1/guard");
        change(&mut settings);
        ExternalGuard::new(settings, hmac::Key::new(hmac::HMAC_SHA256, &[0; 32]))
    }

    #[test]
    fn values_are_starred_out_and_offsets_stay() {
        for (text, own, expect) in [
            ("call 555-1234 now", vec![found("pii.phone", 30, 5, 13)], "call ******** now"),
            ("born 1.2.1990", vec![found("pii.date_time", 10, 5, 13)], "born 1.2.1990"),
            ("é@x", vec![found("pii.email", 60, 1, 99)], "****"),
            ("ignore that", vec![found("injection", 60, 0, 6)], "ignore that"),
        ] {
            let passage = passage(text, own);
            assert_eq!(starred(&passage), expect);
            assert_eq!(starred(&passage).len(), text.len());
        }
    }

    #[test]
    fn the_grey_band_is_where_our_own_rank_is_unsure() {
        let band = |guard: &mut GuardSettings| {
            let (from, to) = (Rank::new(10), Rank::new(30));
            let kinds = vec!["injection".to_owned(), "toxicity.threat".to_owned()];
            guard.grey_band = Some(GreyBand { from, kinds, to });
        };
        let guard = guard(band).expect("settings");
        for (own, expect) in [
            (vec![], false),
            (vec![found("injection", 10, 0, 1)], true),
            (vec![found("injection.suffix", 30, 0, 1)], true),
            (vec![found("injection", 10, 0, 1), found("injection", 31, 0, 1)], false),
            (vec![found("toxicity.threat", 20, 0, 1)], true),
            (vec![found("toxicity", 20, 0, 1)], false),
        ] {
            assert_eq!(guard.is_unsure_of(&passage("x", own.clone())), expect, "{own:?}");
        }
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let why = |change: fn(&mut GuardSettings)| {
            guard(change).err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert_eq!(why(|_| {}), "");
        assert!(why(|guard| guard.kind = GuardKind::NemoChecks).contains("`config`"));
        assert!(why(|guard| guard.kind = GuardKind::LlamaGuard).contains("`model`"));
        assert!(why(|guard| guard.url = "localhost".to_owned()).contains("http://"));
        assert!(why(|guard| guard.ranks = vec![(0.9, 20), (0.5, 30)]).contains("ascending"));
        assert!(why(|guard| guard.ranks = vec![(1.5, 20)]).contains("between 0 and 1"));
        assert!(why(|guard| guard.ranks = vec![(0.5, 61)]).contains("up to 60"));
        let kind = |guard: &mut GuardSettings| {
            guard.kinds.insert("x".to_owned(), "Not A Kind".to_owned());
        };
        assert!(why(kind).contains("`Not A Kind`"));
    }
}
