//! Guards outside this process, asked about an answer.
//!
//! Of a whole answer, every text is asked about before anything is released. Of a stream, a lane's text is
//! asked about when the lane ends, and the event that ends it waits: what was found then is *late*, it can stop
//! the ending but not what was sent. A lane ends with its choice, with the event that says it again whole, or with
//! the stream. Text that comes whole in one event of a stream (the names of tools, fields beside the deltas that the content
//! map does not know) is kept until its choice ends and asked about then.
//!
//! INVARIANT: what guards find goes through the same [`AnswerGuard`] as our own findings, so that policy
//! judges both alike. INVARIANT: an answer that a closed guard could not look at does not go on. INVARIANT: no
//! stream ends well with text that nobody was asked about, whatever its dialect calls an ending.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use connect::{Consulted, ExternalGuards, Passage, Stage};
use events::{Finding, GuardReport, Provenance, Unscanned};
use journal::Journal;
use wire::{Channel, Delivery, Document, Field, Lane, StreamPart, Transcript, Unescaped};

use crate::{
    answer::AnswerGuard,
    asked::Asked,
    cpu::Cpu,
    exchange::Exchange,
    external::{add_reports, record, refusal},
    judge::Judge,
    refusal::Refusal,
    service::Shared,
};

/// Bytes of text that came whole in its events, kept of one answer to be asked about. What follows counts as text that nobody
/// was asked about.
const SENT_BYTES_MAX: usize = 256 << 10;

/// What was found beforehand, by guards outside and where texts stand side by side, by lane and in the order of its texts, until the lane is judged.
#[derive(Default)]
pub(crate) struct Foreseen(BTreeMap<Lane, VecDeque<Vec<Finding>>>);

impl Foreseen {
    /// What was found in the lane's next text.
    pub(crate) fn take(&mut self, lane: Lane) -> Vec<Finding> {
        self.0.get_mut(&lane).and_then(VecDeque::pop_front).unwrap_or_default()
    }
}

impl Foreseen {
    /// Something was found in the lane's text of this number, from 0.
    fn add(&mut self, lane: Lane, nth: usize, finding: Finding) {
        let texts = self.0.entry(lane).or_default();
        if texts.len() <= nth {
            texts.resize_with(nth + 1, Vec::new);
        }
        if let Some(found) = texts.get_mut(nth) {
            found.push(finding);
        }
    }

    /// Adds what the fields of a whole answer say together.
    pub(crate) fn add_joined(&mut self, document: &Document<'_>, mut parts: Vec<(usize, Finding)>) {
        if parts.is_empty() {
            return;
        }
        parts.sort_by_key(|(field, _)| *field);
        let (mut texts, mut parts) = (BTreeMap::<Lane, usize>::new(), parts.into_iter().peekable());
        for (index, lane) in document.fields.iter().map(|field| field.lane).enumerate() {
            let Some(lane) = lane else { continue };
            let nth = texts.entry(lane).or_default();
            while let Some((_, finding)) = parts.next_if(|(field, _)| *field == index) {
                self.add(lane, *nth, finding);
            }
            *nth += 1;
        }
    }
}

/// A text of an answer.
struct LaneOf {
    lane: Lane,
    path: String,
    /// The text, if it came whole, so that its lane does not wait for what is found in it.
    sent: Option<String>,
}

impl LaneOf {
    const fn new(lane: Lane, path: String) -> Self {
        Self { lane, path, sent: None }
    }
}

/// Asks about a whole answer; what was found waits in the guard. An answer that cannot be read is left to
/// whoever reads it next.
pub(crate) async fn ask_whole(
    shared: &Shared,
    asked: Asked,
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
    let read = || {
        let document = asked.read(body, &shared.read_limits).ok()?;
        let of_lane = |field: &Field<'_>| {
            let lane = field.lane?;
            let at = LaneOf::new(lane, document.path_of(field));
            Some((at, read_text(lane, &field.text)))
        };
        Some(document.fields.iter().filter_map(of_lane).unzip())
    };
    let Some((lanes, texts)) = shared.cpu.inspect(body.len(), read).await else {
        return Ok(Vec::new());
    };
    let lanes: Vec<LaneOf> = lanes;
    let judge = Arc::clone(&shared.judge);
    let mut consulted = ask(external.clone(), judge, shared.cpu.clone(), texts).await;
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

/// Asks about texts of an answer.
async fn ask(
    external: ExternalGuards,
    judge: Arc<Judge>,
    cpu: Cpu,
    texts: Vec<String>,
) -> Consulted {
    let bytes = texts.iter().map(String::len).sum();
    let reads_findings = external.read_findings(Stage::Answer);
    let passage = |text: String| {
        let own = if reads_findings { judge.findings_in(&text) } else { Vec::new() };
        Passage { own, provenance: Provenance::Output, text }
    };
    let consult = || external.consult(Stage::Answer, texts.into_iter().map(passage).collect());
    cpu.inspect(bytes, consult).await.ask().await
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
        match &at.sent {
            Some(text) => guard.judge_sent(at.lane, &at.path, text, found),
            None => guard.foreseen.0.entry(at.lane).or_default().push_back(found),
        }
    }
    for (text, why) in unscanned {
        let path = lanes.get(text).map_or_else(String::new, |at| at.path.clone());
        guard.verdict.unscanned.push(Unscanned { path, why });
    }
    refused.as_ref().map(refusal)
}

/// Asking about a stream at the end of its lanes.
pub(crate) struct AtEnd {
    cpu: Cpu,
    external: ExternalGuards,
    journal: Journal,
    /// The lanes that had text, and whether it was asked about.
    lanes: BTreeMap<Lane, bool>,
    sent: SentWhole,
    /// How each guard did so far.
    reports: Vec<GuardReport>,
    waiting: Option<Waiting>,
}

/// An event that ends something, held back until the guards have looked.
struct Waiting {
    answer: Pin<Box<dyn Future<Output = Consulted> + Send>>,
    event: StreamPart,
    lanes: Vec<LaneOf>,
}

/// What is known of a stream when its next event comes.
pub(crate) struct SoFar<'s> {
    pub(crate) guard: Option<&'s AnswerGuard>,
    pub(crate) transcript: &'s Transcript,
}

impl AtEnd {
    pub(crate) fn new(external: ExternalGuards, journal: Journal, cpu: Cpu) -> Self {
        let reports = external.not_reached(Stage::Answer);
        let (lanes, sent) = (BTreeMap::new(), SentWhole::default());
        Self { cpu, external, journal, lanes, sent, reports, waiting: None }
    }

    /// Whether the guards are looking.
    pub(crate) const fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Whether the event has to wait, because it ends lanes, or the whole stream, of which there is something
    /// to ask.
    pub(crate) fn holds(
        &mut self,
        event: &StreamPart,
        document: Option<&Document<'_>>,
        is_last: bool,
        so_far: &SoFar<'_>,
    ) -> bool {
        let Some(guard) = so_far.guard.filter(|guard| guard.judge().guards()) else { return false };
        if !self.external.are_asked(Stage::Answer) {
            return false;
        }
        let texts = self.ended(document, is_last, guard, so_far.transcript);
        if texts.is_empty() {
            return false;
        }
        let (lanes, texts): (Vec<LaneOf>, Vec<String>) = texts.into_iter().unzip();
        self.lanes.extend(lanes.iter().map(|at| (at.lane, true)));
        let (external, judge) = (self.external.clone(), Arc::clone(guard.judge()));
        let answer = Box::pin(ask(external, judge, self.cpu.clone(), texts));
        self.waiting = Some(Waiting { answer, event: event.clone(), lanes });
        true
    }

    /// The lanes that an event ends and that were not asked about, each with all of its text.
    fn ended(
        &mut self,
        document: Option<&Document<'_>>,
        is_last: bool,
        guard: &AnswerGuard,
        transcript: &Transcript,
    ) -> Vec<(LaneOf, String)> {
        let (mut news, mut said_again) = (Vec::new(), BTreeSet::new());
        for (document, field) in document.into_iter().flat_map(fields_of) {
            let is_open = |lane: &Lane| !transcript.is_closed(*lane);
            let Some(lane) = field.lane.filter(is_open) else { continue };
            if lane.channel.delivery() == Delivery::Whole {
                let is_asked = lane.channel == Channel::Asked && guard.was_asked(&field.text);
                if !is_asked && self.sent.take(lane, &field.text, || document.path_of(field)) {
                    self.lanes.insert(lane, false);
                }
                continue;
            }
            if field.repeats {
                said_again.insert(lane);
            }
            // What is said again was read when it was said.
            let is_news = !field.repeats || transcript.text(lane).is_none();
            if is_news && !field.text.is_empty() {
                self.lanes.entry(lane).or_default();
                news.push((lane, field));
            }
        }
        let finished = document.map_or(&[][..], |document| &document.facts.finished);
        let is_due = |lane: Lane| {
            let ends = is_last
                || said_again.contains(&lane)
                || finished.iter().any(|finish| finish.choice == lane.choice);
            ends && self.lanes.get(&lane) == Some(&false)
        };
        let mut texts: BTreeMap<Lane, (String, String)> = BTreeMap::new();
        for lane in guard.open_lanes(None).into_iter().filter(|lane| is_due(*lane)) {
            texts.insert(lane, guard.read_so_far(lane));
        }
        for (lane, field) in news.into_iter().filter(|(lane, _)| is_due(*lane)) {
            let path = || document.map(|document| document.path_of(field)).unwrap_or_default();
            let (_, text) = texts.entry(lane).or_insert_with(|| (path(), String::new()));
            text.push_str(&read_text(lane, &field.text));
        }
        let joined = texts.into_iter().map(|(lane, (path, text))| (LaneOf::new(lane, path), text));
        let mut all: Vec<_> = joined.collect();
        if is_last || !finished.is_empty() {
            for at in self.sent.due(is_due) {
                all.extend(at.sent.clone().map(|text| (at, text)));
            }
        }
        all
    }

    /// Whether the stream may not end yet: with text that nobody was asked about it does not end well, unless every
    /// guard passes what it could not look at.
    pub(crate) fn missed(&mut self, guard: Option<&mut AnswerGuard>) -> Option<Refusal> {
        let unasked = self.lanes.iter().filter(|(_, was_asked)| !**was_asked);
        let lost = self.sent.lost.iter();
        let lanes = unasked.map(|(lane, _)| lane).chain(lost);
        let lanes: Vec<LaneOf> = lanes.map(|lane| LaneOf::new(*lane, String::new())).collect();
        let guard = guard.filter(|_| !lanes.is_empty())?;
        let consulted = self.external.not_asked(Stage::Answer, lanes.len());
        take(consulted, &lanes, guard, &mut self.reports)
    }

    /// Waits for the guards; the event that waited for them, and whether the answer must not go on.
    pub(crate) fn poll(
        &mut self,
        context: &mut Context<'_>,
        guard: Option<&mut AnswerGuard>,
    ) -> Poll<Option<(StreamPart, Option<Refusal>)>> {
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

/// Text that came whole in its events: once each, until it is asked about.
#[derive(Default)]
struct SentWhole {
    bytes: usize,
    known: BTreeSet<(Lane, String)>,
    /// Lanes with more text than is kept.
    lost: BTreeSet<Lane>,
    news: Vec<LaneOf>,
}

impl SentWhole {
    /// Takes a text. Whether there is something new to ask.
    fn take(&mut self, lane: Lane, text: &str, path: impl Fn() -> String) -> bool {
        let key = (lane, text.to_owned());
        if text.is_empty() || self.known.contains(&key) {
            return false;
        }
        if self.bytes + text.len() > SENT_BYTES_MAX {
            self.lost.insert(lane);
            return false;
        }
        self.bytes += text.len();
        self.known.insert(key);
        self.news.push(LaneOf { sent: Some(text.to_owned()), ..LaneOf::new(lane, path()) });
        true
    }

    /// The texts of lanes that have ended.
    fn due(&mut self, is_due: impl Fn(Lane) -> bool) -> Vec<LaneOf> {
        self.news.extract_if(.., |at| is_due(at.lane)).collect()
    }
}

fn fields_of<'d, 't>(
    document: &'d Document<'t>,
) -> impl Iterator<Item = (&'d Document<'t>, &'d Field<'t>)> {
    document.fields.iter().map(move |field| (document, field))
}
