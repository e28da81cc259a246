//! Guards outside this process, asked about a request that would otherwise be sent on.
//!
//! Examining a request is plain computation, and asking is not, so it is examined in two goes: the first
//! judges it by our own findings and ends, as a refusal, when there is something to ask; then the guards are
//! asked; the second takes up what the first has seen, and judges it with what the guards said beside it.
//!
//! INVARIANT: a request with questions that nobody asked is refused, so that forgetting to ask lets nothing
//! through. INVARIANT: of a request that is refused without them, guards outside see nothing. INVARIANT: a
//! request that a closed guard could not look at is refused, with what was found until then on record.
//!
//! Not here: which guard is asked about what, and what it says (`connect`); answers (`external_answer`).

use std::collections::BTreeMap;

use connect::{Consultation, Consulted, Passage, Refused, Stage};
use events::{
    Decision, Event, EventBody, Finding, GuardReport, GuardStatus, InteractionOpened,
    LocatedFinding, NodeNotice, Provenance, Span, Unscanned,
};
use http::StatusCode;
use journal::Journal;
use wire::{Document, Embedded, Unescaped};

use crate::{
    exchange::now_ms,
    files::{self, Files},
    joined::Tail,
    judge::{Inspected, Place},
    masking::too_many_values,
    not_scanned::note_unscanned,
    refusal::Refusal,
    request::FINDINGS_MAX,
    service::Shared,
};

/// What guards outside are asked about a request, and what they said.
#[derive(Default)]
pub(crate) struct External(Option<Box<State>>);

/// Where asking has got to, once it has begun.
enum State {
    /// After the first go; the places are those of the passages.
    ToAsk { consultation: Consultation, places: Vec<Place>, seen: Seen },
    /// Before the second.
    Asked { consulted: Consulted, places: Vec<Place>, seen: Option<Seen> },
}

/// What a request showed at the first go.
pub(crate) struct Seen {
    pub(crate) files: Files,
    pub(crate) inspected: Inspected,
}

impl Seen {
    fn now(
        shared: &Shared,
        document: &Document<'_>,
        before: Option<&Tail>,
    ) -> Result<Self, Refusal> {
        let files =
            if shared.judge.guards() { files::open(document)? } else { files::leave(document) };
        Ok(Self { inspected: shared.judge.inspect(document, &files, before), files })
    }
}

impl External {
    /// Whether nothing was seen yet.
    pub(crate) const fn is_first_go(&self) -> bool {
        self.0.is_none()
    }

    /// What the first go has seen; a first look, if this is it. What was not looked at goes on record.
    pub(crate) fn look(
        &mut self,
        shared: &Shared,
        (document, before): (&Document<'_>, Option<&Tail>),
        opened: &mut InteractionOpened,
    ) -> Result<Seen, Refusal> {
        let seen = match self.0.as_deref_mut() {
            Some(State::Asked { seen, .. }) => seen.take(),
            Some(State::ToAsk { .. }) | None => None,
        };
        let seen = match seen {
            Some(seen) => seen,
            None => Seen::now(shared, document, before)?,
        };
        note_unscanned(&mut opened.unscanned, &seen.files.unscanned);
        note_unscanned(&mut opened.unscanned, &seen.inspected.unscanned);
        if seen.inspected.findings.len() > FINDINGS_MAX {
            return Err(too_many_values());
        }
        Ok(seen)
    }

    /// Asks what the first go left to be asked. Whether there was anything.
    pub(crate) async fn ask(&mut self, journal: &Journal) -> bool {
        let Some(State::ToAsk { consultation, places, seen }) = self.0.take().map(|state| *state)
        else {
            return false;
        };
        let mut consulted = consultation.ask().await;
        record(journal, std::mem::take(&mut consulted.notices));
        self.0 = Some(Box::new(State::Asked { consulted, places, seen: Some(seen) }));
        true
    }

    /// Adds what the guards said, in the second go.
    pub(crate) fn join(
        &mut self,
        document: &Document<'_>,
        seen: Seen,
        opened: &mut InteractionOpened,
    ) -> Result<Seen, Refusal> {
        match self.0.take().map(|state| *state) {
            Some(State::Asked { consulted, places, .. }) => {
                add(consulted, &places, document, seen, opened)
            }
            None | Some(State::ToAsk { .. }) => Ok(seen),
        }
    }

    /// Ends the first go of a request that would be sent on, whose findings are on record already. An error, if guards have to
    /// be asked about it first.
    pub(crate) fn leave(
        &mut self,
        shared: &Shared,
        document: &Document<'_>,
        mut seen: Seen,
        opened: &mut InteractionOpened,
    ) -> Result<(), Refusal> {
        if !shared.external.are_asked(Stage::Request) {
            return Ok(());
        }
        if !shared.judge.guards() {
            add_reports(&mut opened.guards, shared.external.switched_off(Stage::Request));
            return Ok(());
        }
        seen.inspected.findings = std::mem::take(&mut opened.findings);
        let (passages, places) = passages(document, &seen);
        let consultation = shared.external.consult(Stage::Request, passages);
        if consultation.is_empty() {
            add_reports(&mut opened.guards, consultation.without_asking().reports);
            opened.findings = seen.inspected.findings;
            return Ok(());
        }
        self.0 = Some(Box::new(State::ToAsk { consultation, places, seen }));
        opened.decision = Decision::default();
        Err(Refusal::internal("guard_unavailable", "the guards outside were not asked"))
    }
}

/// Writes down what became of services.
pub(crate) fn record(journal: &Journal, notices: Vec<NodeNotice>) {
    for notice in notices {
        if let Err(error) = journal.append_later(&Event::new(now_ms(), EventBody::Node(notice))) {
            tracing::error!(%error, "what became of an external guard could not be recorded");
        }
    }
}

/// Adds reports; of one guard, what it did when it was asked counts more than that it was not, the later reason why it was
/// not more than the earlier, and a failure more than a success.
pub(crate) fn add_reports(known: &mut Vec<GuardReport>, more: Vec<GuardReport>) {
    for report in more {
        match known.iter_mut().find(|one| one.guard == report.guard) {
            None => known.push(report),
            Some(one) => {
                let is_news = match one.status {
                    GuardStatus::Skipped => true,
                    GuardStatus::Ran => report.status != GuardStatus::Skipped,
                    GuardStatus::FailedOpen => report.status == GuardStatus::FailedClosed,
                    GuardStatus::FailedClosed => false,
                };
                if is_news {
                    *one = report;
                }
            }
        }
    }
}

/// The refusal of a message that a closed guard could not look at.
pub(crate) fn refusal(refused: &Refused) -> Refusal {
    match refused {
        Refused::Unavailable { guard } => Refusal::guard(guard),
        Refused::TooLong { guard } => Refusal::request(
            StatusCode::PAYLOAD_TOO_LARGE,
            "guard_text_too_long",
            format!("this is longer than the guard `{guard}` reads; send less at a time"),
        ),
    }
}

/// The texts of a request, and where each stands.
fn passages(document: &Document<'_>, seen: &Seen) -> (Vec<Passage>, Vec<Place>) {
    let Seen { files, inspected } = seen;
    let mut found: BTreeMap<Place, Vec<Finding>> = BTreeMap::new();
    for (place, located) in inspected.places.iter().zip(&inspected.findings) {
        found.entry(*place).or_default().push(located.finding.clone());
    }
    let mut own = |place: Place| found.remove(&place).unwrap_or_default();
    let (mut passages, mut places) = (Vec::new(), Vec::new());
    for (index, field) in document.fields.iter().enumerate() {
        let place = Place::Field(index);
        let mut own = own(place);
        let unescaped = unescaped(&field.text, field.embedded);
        if let Some(unescaped) = &unescaped {
            for finding in &mut own {
                finding.span = read_span(unescaped, finding.span);
            }
        }
        let text = unescaped.map_or_else(|| field.text.to_string(), |read| read.text.into_owned());
        passages.push(Passage { own, provenance: field.provenance, text });
        places.push(place);
    }
    for (index, file) in files.texts.iter().enumerate() {
        let place = Place::File(index);
        let text = file.text.clone();
        passages.push(Passage { own: own(place), provenance: Provenance::File, text });
        places.push(place);
    }
    (passages, places)
}

/// JSON as whoever uses it will read it.
fn unescaped(text: &str, embedded: Embedded) -> Option<Unescaped<'_>> {
    (embedded == Embedded::Json).then(|| Unescaped::of(text))
}

/// A span of a text that holds escapes, in what is read.
fn read_span(unescaped: &Unescaped<'_>, span: Span) -> Span {
    let read = |original: u32| {
        let (mut from, mut to) = (0, unescaped.text.len());
        while from < to {
            let middle = usize::midpoint(from, to);
            if unescaped.original_offset(middle) < original as usize {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        from
    };
    Span::new(read(span.start), read(span.end))
}

/// What the guards said, added to what we found ourselves.
fn add(
    consulted: Consulted,
    places: &[Place],
    document: &Document<'_>,
    mut seen: Seen,
    opened: &mut InteractionOpened,
) -> Result<Seen, Refusal> {
    let Consulted { findings, refused, reports, unscanned, .. } = consulted;
    add_reports(&mut opened.guards, reports);
    for (passage, mut finding) in findings {
        let Some(place) = places.get(passage).copied() else { continue };
        let (path, provenance) = match place {
            Place::Field(index) => {
                let Some(field) = document.fields.get(index) else { continue };
                if let Some(unescaped) = unescaped(&field.text, field.embedded) {
                    let original = |offset: u32| unescaped.original_offset(offset as usize);
                    let Span { start, end } = finding.span;
                    finding.span = Span::new(original(start), original(end));
                }
                (document.path_of(field), field.provenance)
            }
            Place::File(index) => {
                let Some(file) = seen.files.texts.get(index) else { continue };
                (file.path_of(finding.span), Provenance::File)
            }
        };
        seen.inspected.places.push(place);
        seen.inspected.findings.push(LocatedFinding { finding, path, provenance });
    }
    for (passage, why) in unscanned {
        let path = match places.get(passage) {
            Some(Place::Field(index)) => document.fields.get(*index).map(|at| document.path_of(at)),
            Some(Place::File(index)) => {
                seen.files.texts.get(*index).map(|file| file.path().to_owned())
            }
            None => None,
        };
        let path = path.unwrap_or_default();
        note_unscanned(&mut opened.unscanned, &[Unscanned { path, why }]);
    }
    let Some(refused) = refused else { return Ok(seen) };
    opened.findings = seen.inspected.findings;
    let refusal = refusal(&refused);
    opened.decision.reason = Some(refusal.code.clone());
    Err(refusal)
}
