//! Facts about one interaction, and judging them.
//!
//! INVARIANT: detectors and policy are called here and nowhere else in the gateway, for requests and
//! answers alike, so that no endpoint can forget a guard.

use std::net::IpAddr;
use std::sync::Arc;

use events::{
    Finding, GuardReport, GuardStatus, InteractionOpened, Kind, LocatedFinding, Principal,
    Provenance, Span, Unscanned,
};
use policy::{Facts, Grants, Judgement, Resource, Stage, Verb};
use wire::{Document, Embedded, Unescaped};

use crate::{
    break_glass::BreakGlass,
    exchange::now_ms,
    files::Files,
    joined::{self, Piece, Tail, is_value},
    request::FINDINGS_MAX,
    vault::Vault,
};

/// The detectors and the policy of this process.
pub struct Judge {
    detect: detect::Engine,
    /// Whether detectors run at all.
    guards: bool,
    break_glass: BreakGlass,
    policy: Arc<policy::Engine>,
}

impl std::fmt::Debug for Judge {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Judge").field("guards", &self.guards).finish_non_exhaustive()
    }
}

/// Who wants what of whom: everything policy may know besides the findings.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) client_address: Option<IpAddr>,
    /// What the caller's key may do at most.
    pub(crate) grants: Arc<Grants>,
    pub(crate) model: String,
    pub(crate) principal: Principal,
    pub(crate) request_bytes: u64,
    /// The risk of the conversation with this turn, 0 to 100.
    pub(crate) risk: u8,
    pub(crate) route: String,
    pub(crate) streamed: bool,
    /// Whether low-trust content of this request was found to steer; recomputed with each request.
    pub(crate) tainted: bool,
    pub(crate) time_ms: u64,
    /// The tools that the model is offered, if the key's grant names tools.
    pub(crate) tools: Vec<String>,
    pub(crate) unknown_fields: u32,
    pub(crate) unscanned: u32,
    pub(crate) upstream: String,
    pub(crate) verb: Verb,
}

impl Subject {
    /// What an open record says; the caller adds what it does not hold.
    pub(crate) fn of(opened: &InteractionOpened) -> Self {
        Self {
            client_address: None,
            // Nothing, until it is known.
            grants: Arc::new(Grants { actions: Some(Vec::new()), ..Grants::UNLIMITED }),
            model: opened.model.clone().unwrap_or_default(),
            principal: opened.principal.clone(),
            request_bytes: opened.request_bytes,
            risk: 0,
            route: String::new(),
            streamed: opened.streamed,
            tainted: false,
            time_ms: now_ms(),
            tools: Vec::new(),
            unknown_fields: opened.unknown_fields.len() as u32,
            unscanned: opened.unscanned.len() as u32,
            upstream: opened.upstream.clone().unwrap_or_default(),
            verb: Verb::Infer,
        }
    }
}

/// Where a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// In this field of the document.
    Field(usize),
    /// In the text of this file.
    File(usize),
}

/// What the detectors made of a request.
#[derive(Debug, Default)]
pub(crate) struct Inspected {
    /// The values that lie across several fields, each as a whole.
    pub(crate) across: Vec<(Kind, String)>,
    /// Where each finding is.
    pub(crate) places: Vec<Place>,
    pub(crate) findings: Vec<LocatedFinding>,
    pub(crate) unscanned: Vec<Unscanned>,
}

impl Judge {
    /// A judge with these engines; without `guards`, detectors do not run.
    pub fn new(
        detect: detect::Engine,
        policy: impl Into<Arc<policy::Engine>>,
        guards: bool,
    ) -> Self {
        Self { break_glass: BreakGlass::default(), detect, guards, policy: policy.into() }
    }

    /// The same, with what lets rules go for a while.
    #[must_use]
    pub fn breaking(self, break_glass: BreakGlass) -> Self {
        Self { break_glass, ..self }
    }

    /// What lets rules go.
    pub(crate) const fn break_glass(&self) -> &BreakGlass {
        &self.break_glass
    }

    /// Whether detectors run.
    pub(crate) const fn guards(&self) -> bool {
        self.guards
    }

    /// Whether a name that is logged and counted holds what should be neither: a secret, a key of ours or an address of a person.
    pub(crate) fn is_secret(&self, name: &str) -> bool {
        let is_one = |finding: &Finding| {
            finding.kind.family() == "secret" || finding.kind.as_str() == "pii.email"
        };
        let found = || self.detect.inspect(name, Provenance::User).findings;
        name.contains(events::VIRTUAL_KEY_PREFIX) || (self.guards && found().iter().any(is_one))
    }

    /// Reads every field of a request, what neighbouring fields say together, with what was said `before` them, and the texts
    /// of its files.
    pub(crate) fn inspect(
        &self,
        document: &Document<'_>,
        files: &Files,
        before: Option<&Tail>,
    ) -> Inspected {
        let mut inspected = Inspected::default();
        if !self.guards {
            return inspected;
        }
        for (index, field) in document.fields.iter().enumerate() {
            // The request is refused for them.
            if inspected.findings.len() > FINDINGS_MAX {
                break;
            }
            // What stands in the arguments of a tool is read as the tool will read it.
            let unescaped = (field.embedded == Embedded::Json).then(|| Unescaped::of(&field.text));
            let text = unescaped.as_ref().map_or(&*field.text, |unescaped| &*unescaped.text);
            let inspection = self.detect.inspect(text, field.provenance);
            if let Some(why) = inspection.incomplete {
                inspected
                    .unscanned
                    .push(Unscanned { path: document.path_of(field), why: why.to_owned() });
            }
            for mut finding in inspection.findings {
                if let Some(unescaped) = &unescaped {
                    let place = |offset: u32| unescaped.original_offset(offset as usize);
                    finding.span = Span::new(place(finding.span.start), place(finding.span.end));
                }
                inspected.places.push(Place::Field(index));
                inspected.findings.push(LocatedFinding {
                    finding,
                    path: document.path_of(field),
                    provenance: field.provenance,
                });
            }
        }
        self.inspect_joined(document, before, &mut inspected);
        for (index, file) in files.texts.iter().enumerate() {
            if inspected.findings.len() > FINDINGS_MAX {
                break;
            }
            let inspection = self.detect.inspect(&file.text, Provenance::File);
            if let Some(why) = inspection.incomplete {
                let path = file.path().to_owned();
                inspected.unscanned.push(Unscanned { path, why: why.to_owned() });
            }
            for finding in inspection.findings {
                let path = file.path_of(finding.span);
                inspected.places.push(Place::File(index));
                let provenance = Provenance::File;
                inspected.findings.push(LocatedFinding { finding, path, provenance });
            }
        }
        inspected
    }

    /// Reads what the neighbouring fields of a request say together.
    fn inspect_joined(
        &self,
        document: &Document<'_>,
        before: Option<&Tail>,
        inspected: &mut Inspected,
    ) {
        let mut before = before;
        for run in document.runs() {
            let provenance = document.fields[run[0]].provenance;
            let before = before.take().filter(|before| before.provenance == provenance);
            let tail = before.map(|before| Piece { field: None, text: &before.text });
            let fields =
                run.iter().map(|at| Piece { field: Some(*at), text: &document.fields[*at].text });
            let pieces: Vec<Piece<'_>> = tail.into_iter().chain(fields).collect();
            if pieces.len() < 2 || inspected.findings.len() > FINDINGS_MAX {
                continue;
            }
            let inspect = |text: &str| self.detect.inspect(text, provenance);
            let (found, incomplete) = joined::read(&pieces, &inspect, &|_, _| false);
            if let Some(why) = incomplete {
                let (path, why) = (document.path(run[0]), format!("joined: {why}"));
                inspected.unscanned.push(Unscanned { path, why });
            }
            for across in found {
                for (index, finding) in across.parts {
                    inspected.places.push(Place::Field(index));
                    let path = document.path(index);
                    inspected.findings.push(LocatedFinding { finding, path, provenance });
                }
                if is_value(&across.kind) {
                    inspected.across.push((across.kind, across.value));
                }
            }
        }
    }

    /// Reads what the neighbouring texts of a whole answer say together: what of it is found in which field. What the caller
    /// sent itself is no news.
    pub(crate) fn joined_answer(
        &self,
        document: &Document<'_>,
        reference: &Arc<detect::Reference>,
        vault: &Vault,
    ) -> Vec<(usize, Finding)> {
        if !self.guards {
            return Vec::new();
        }
        let mut parts = Vec::new();
        for run in document.runs().into_iter().filter(|run| run.len() > 1) {
            let pieces: Vec<Piece<'_>> = run
                .iter()
                .map(|at| Piece { field: Some(*at), text: &document.fields[*at].text })
                .collect();
            let inspect =
                |text: &str| self.detect.inspect_against(text, Provenance::Output, reference);
            let is_own = |text: &str, finding: &Finding| {
                let range = finding.span.range();
                is_value(&finding.kind)
                    && (text.get(range.clone()).is_some_and(|value| vault.is_callers_own(value))
                        || vault.covers(text, &range))
            };
            let (found, _) = joined::read(&pieces, &inspect, &is_own);
            parts.extend(found.into_iter().flat_map(|across| across.parts));
        }
        parts
    }

    /// Reads the whole text of one lane of an answer, for what its scanner could not see.
    pub(crate) fn inspect_answer(
        &self,
        text: &str,
        reference: &Arc<detect::Reference>,
    ) -> detect::Inspection {
        if self.guards {
            self.detect.inspect_late_against(text, Provenance::Output, reference)
        } else {
            detect::Inspection::default()
        }
    }

    /// What is found in a text that a model or a user wrote.
    pub(crate) fn findings_in(&self, text: &str) -> Vec<Finding> {
        self.detect.inspect(text, Provenance::Output).findings
    }

    /// A scanner for one lane of an answer.
    pub(crate) fn scanner(&self, reference: &Arc<detect::Reference>) -> detect::Scanner {
        self.detect.stream_against(reference)
    }

    /// What the answer to a request is compared with: the prompts that its operator wrote, the form that it asks for, and what it may quote.
    pub(crate) fn reference(
        &self,
        document: &Document<'_>,
        files: &Files,
        form: Option<detect::AnswerForm>,
    ) -> detect::Reference {
        if !self.guards {
            return detect::Reference::default();
        }
        let of = |wanted: &'static [Provenance]| {
            let fields = document.fields.iter();
            fields.filter(|field| wanted.contains(&field.provenance)).map(|field| &*field.text)
        };
        // What the user wrote is no secret to the user.
        let prompts = of(&[Provenance::System, Provenance::Developer]);
        let reference = detect::Reference::of_prompts(prompts, of(&[Provenance::User]));
        let reference = match form {
            Some(form) => reference.expecting(form),
            None => reference,
        };
        let is_source = |from| matches!(from, Provenance::Retrieved | Provenance::ToolResult);
        let brings = document.fields.iter().any(|field| is_source(field.provenance));
        if !brings && files.texts.is_empty() {
            return reference;
        }
        let fields = document.fields.iter().map(|field| &*field.text);
        reference.citing(fields.chain(files.texts.iter().map(|file| &*file.text)))
    }

    /// What the answers of a session are compared with: everything said in it so far, as [`Self::reference`] does it.
    pub(crate) fn reference_of(&self, said: &[(Provenance, String)]) -> detect::Reference {
        if !self.guards {
            return detect::Reference::default();
        }
        let of = |wanted: &'static [Provenance]| {
            let texts = said.iter().filter(|(provenance, _)| wanted.contains(provenance));
            texts.map(|(_, text)| text.as_str())
        };
        let prompts = of(&[Provenance::System, Provenance::Developer]);
        let reference = detect::Reference::of_prompts(prompts, of(&[Provenance::User]));
        if of(&[Provenance::Retrieved, Provenance::ToolResult]).next().is_none() {
            return reference;
        }
        reference.citing(said.iter().map(|(_, text)| text.as_str()))
    }

    /// Judges a request.
    pub(crate) fn request(&self, subject: &Subject, findings: &[LocatedFinding]) -> Judgement {
        self.judge(subject, findings, Stage::Request)
    }

    /// Judges what is known of an answer so far.
    pub(crate) fn answer(&self, subject: &Subject, findings: &[LocatedFinding]) -> Judgement {
        self.judge(subject, findings, Stage::Response)
    }

    fn judge(&self, subject: &Subject, findings: &[LocatedFinding], stage: Stage) -> Judgement {
        let facts = Facts {
            action: subject.verb,
            client_address: subject.client_address,
            findings,
            grants: &subject.grants,
            principal: &subject.principal,
            request_bytes: subject.request_bytes,
            resource: Resource {
                name: &subject.model,
                route: &subject.route,
                upstream: &subject.upstream,
            },
            risk: subject.risk,
            stage,
            streamed: subject.streamed,
            tainted: subject.tainted,
            time_ms: subject.time_ms,
            tools: &subject.tools,
            unknown_fields: subject.unknown_fields,
            unscanned: subject.unscanned,
        };
        // Asked now and not when the request came: an answer may take long.
        match self.break_glass.now(now_ms()) {
            None => self.policy.judge(&facts),
            Some(suspensions) => self.policy.judge_with(&facts, &suspensions),
        }
    }

    /// What each guard did, for the record.
    pub(crate) fn report(&self) -> Vec<GuardReport> {
        let detect = if self.guards { GuardStatus::Ran } else { GuardStatus::Skipped };
        vec![
            GuardReport { guard: "detect".to_owned(), reason: None, status: detect },
            GuardReport { guard: "policy".to_owned(), reason: None, status: GuardStatus::Ran },
        ]
    }
}
