//! Guards outside this process, asked about an answer.
//!
//! Of a whole answer, every text is asked about before anything is released. Of a stream, the texts of a
//! choice are asked about when it ends, and its ending waits: what was found then is *late*, it can stop
//! the ending but not what was sent. Text that comes whole in one event of a stream (the names of tools,
//! fields that the content map does not know) is not asked about.
//!
//! INVARIANT: what guards find goes through the same [`AnswerGuard`] as our own findings, so that policy
//! judges both alike. INVARIANT: an answer that a closed guard could not look at does not go on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use connect::{Consulted, ExternalGuards, Passage, Stage};
use events::{Finding, GuardReport, Provenance, Unscanned};
use journal::Journal;
use wire::{Delivery, Document, Lane, Operation, SseEvent, Unescaped};

use crate::{
    answer::AnswerGuard,
    exchange::Exchange,
    external::{add_reports, record, refusal},
    judge::Judge,
    refusal::Refusal,
    service::Shared,
};

/// What guards outside found, by lane and in the order of its texts, until the lane is judged.
#[derive(Default)]
pub(crate) struct Foreseen(BTreeMap<Lane, VecDeque<Vec<Finding>>>);

impl Foreseen {
    /// What was found in the lane's next text.
    pub(crate) fn take(&mut self, lane: Lane) -> Vec<Finding> {
        self.0.get_mut(&lane).and_then(VecDeque::pop_front).unwrap_or_default()
    }
}

/// A text of an answer.
struct LaneOf {
    lane: Lane,
    path: String,
}

/// Asks about a whole answer; what was found waits in the guard. An answer that cannot be read is left to
/// whoever reads it next.
pub(crate) async fn ask_whole(
    shared: &Shared,
    operation: Operation,
    body: &[u8],
    guard: &mut AnswerGuard,
    exchange: &mut Exchange,
) -> Result<Vec<GuardReport>, Refusal> {
    let external = &shared.external;
    if !external.are_asked(Stage::Answer) {
        return Ok(Vec::new());
    }
    if !shared.judge.guards() {
        return Ok(external.switched_off(Stage::Answer));
    }
    let prepare = || {
        let unknown = wire::UnknownFields::Scan;
        let document = wire::read_response(operation, body, unknown, &shared.read_limits).ok()?;
        let (mut lanes, mut passages) = (Vec::new(), Vec::new());
        for field in &document.fields {
            let Some(lane) = field.lane else { continue };
            let text = read_text(lane, &field.text);
            passages.push(passage(external, &shared.judge, text));
            lanes.push(LaneOf { lane, path: document.path_of(field) });
        }
        Some((lanes, external.consult(Stage::Answer, passages)))
    };
    let prepared = if body.len() <= shared.limits.inline_inspection_bytes_max {
        prepare()
    } else {
        tokio::task::block_in_place(prepare)
    };
    let Some((lanes, consultation)) = prepared else { return Ok(Vec::new()) };
    let mut consulted = consultation.ask().await;
    record(&shared.journal, std::mem::take(&mut consulted.notices));
    let mut reports = Vec::new();
    let refused = take(consulted, &lanes, guard, &mut reports);
    let Some(refused) = refused else { return Ok(reports) };
    let mut all = shared.judge.report();
    all.extend(reports);
    exchange.guards(all);
    exchange.verdict(std::mem::take(&mut guard.verdict));
    Err(refused)
}

/// A lane's text as whoever uses it will read it.
fn read_text(lane: Lane, text: &str) -> String {
    if lane.channel.is_json() { Unescaped::of(text).text.into_owned() } else { text.to_owned() }
}

fn passage(external: &ExternalGuards, judge: &Judge, text: String) -> Passage {
    let own = if external.read_findings(Stage::Answer) {
        judge.findings_in_answer(&text)
    } else {
        Vec::new()
    };
    Passage { own, provenance: Provenance::Output, text }
}

/// Gives the guard what was found, and the record what was not looked at. A refusal, if the answer must
/// not go on.
fn take(
    consulted: Consulted,
    lanes: &[LaneOf],
    guard: &mut AnswerGuard,
    reports: &mut Vec<GuardReport>,
) -> Option<Refusal> {
    let Consulted { findings, refused, reports: new, unscanned, .. } = consulted;
    add_reports(reports, new);
    let mut by_text: Vec<Vec<Finding>> = lanes.iter().map(|_| Vec::new()).collect();
    for (text, finding) in findings {
        if let Some(found) = by_text.get_mut(text) {
            found.push(finding);
        }
    }
    for (at, found) in lanes.iter().zip(by_text) {
        guard.foreseen.0.entry(at.lane).or_default().push_back(found);
    }
    for (text, why) in unscanned {
        let path = lanes.get(text).map_or_else(String::new, |at| at.path.clone());
        guard.verdict.unscanned.push(Unscanned { path, why });
    }
    refused.as_ref().map(refusal)
}

/// Asking about a stream at the end of its choices.
pub(crate) struct AtEnd {
    asked: BTreeSet<Lane>,
    external: ExternalGuards,
    journal: Journal,
    /// How each guard did so far.
    reports: Vec<GuardReport>,
    waiting: Option<Waiting>,
}

/// An event that ends something, held back until the guards have looked.
struct Waiting {
    answer: Pin<Box<dyn Future<Output = Consulted> + Send>>,
    event: SseEvent,
    lanes: Vec<LaneOf>,
}

impl AtEnd {
    pub(crate) fn new(external: ExternalGuards, journal: Journal) -> Self {
        let reports = external.not_reached(Stage::Answer);
        Self { asked: BTreeSet::new(), external, journal, reports, waiting: None }
    }

    /// Whether the guards are looking.
    pub(crate) const fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Whether the event has to wait, because it ends a choice (or, without a document, the stream) of which
    /// there is something to ask.
    pub(crate) fn holds(
        &mut self,
        event: &SseEvent,
        document: Option<&Document<'_>>,
        guard: Option<&AnswerGuard>,
    ) -> bool {
        let Some(guard) = guard.filter(|guard| guard.judge().guards()) else { return false };
        if !self.external.are_asked(Stage::Answer) {
            return false;
        }
        let ends = |lane: Lane| match document {
            None => true,
            Some(document) => {
                document.facts.finished.iter().any(|finish| finish.choice == lane.choice)
            }
        };
        let mut texts: BTreeMap<Lane, (String, String)> = BTreeMap::new();
        for lane in guard.open_lanes(None).into_iter().filter(|lane| ends(*lane)) {
            texts.insert(lane, guard.read_so_far(lane));
        }
        for field in document.into_iter().flat_map(|document| &document.fields) {
            let Some(lane) = field.lane.filter(|lane| ends(*lane)) else { continue };
            if lane.channel.delivery() == Delivery::Incremental {
                let path = document.map(|document| document.path_of(field)).unwrap_or_default();
                let (_, text) = texts.entry(lane).or_insert_with(|| (path, String::new()));
                text.push_str(&read_text(lane, &field.text));
            }
        }
        texts.retain(|lane, (_, text)| !self.asked.contains(lane) && !text.is_empty());
        if texts.is_empty() {
            return false;
        }
        let (mut lanes, mut passages) = (Vec::new(), Vec::new());
        for (lane, (path, text)) in texts {
            self.asked.insert(lane);
            passages.push(passage(&self.external, guard.judge(), text));
            lanes.push(LaneOf { lane, path });
        }
        let answer = self.external.consult(Stage::Answer, passages).ask();
        self.waiting = Some(Waiting { answer, event: event.clone(), lanes });
        true
    }

    /// Waits for the guards; the event that waited for them, and whether the answer must not go on.
    pub(crate) fn poll(
        &mut self,
        context: &mut Context<'_>,
        guard: Option<&mut AnswerGuard>,
    ) -> Poll<Option<(SseEvent, Option<Refusal>)>> {
        let (Some(waiting), Some(guard)) = (&mut self.waiting, guard) else {
            return Poll::Ready(None);
        };
        let Poll::Ready(mut consulted) = waiting.answer.as_mut().poll(context) else {
            return Poll::Pending;
        };
        record(&self.journal, std::mem::take(&mut consulted.notices));
        let refusal = take(consulted, &waiting.lanes, guard, &mut self.reports);
        let waited = self.waiting.take().map(|waiting| (waiting.event, refusal));
        Poll::Ready(waited)
    }

    /// How each guard did, once.
    pub(crate) fn take_reports(&mut self) -> Vec<GuardReport> {
        std::mem::take(&mut self.reports)
    }
}
