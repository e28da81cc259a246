//! Asking all external guards about a message.
//!
//! INVARIANT: there is a report of every guard that is configured for the stage, saying whether it looked,
//! and if not, why. INVARIANT: a guard that failed open is reported as failed.

use std::sync::Arc;

use events::{Finding, GuardReport, GuardStatus, NodeNotice, Provenance};
use futures_util::future::{BoxFuture, join_all};
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::circuit::Change;
use crate::error::Failure;
use crate::guard::{ExternalGuard, Looked};
use crate::{GuardError, GuardSettings, OnFailure};

/// When guards are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// About an answer.
    Answer,
    /// About a request.
    Request,
}

/// A text that guards may be asked about.
#[derive(Clone, Debug)]
pub struct Passage {
    /// What was found in it before, with spans in `text`.
    pub own: Vec<Finding>,
    /// Where it comes from.
    pub provenance: Provenance,
    /// The text.
    pub text: String,
}

/// All external guards. Cheap to clone.
#[derive(Clone, Default)]
pub struct ExternalGuards(Vec<Arc<ExternalGuard>>);

impl std::fmt::Debug for ExternalGuards {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.0.iter().map(|guard| &guard.name)).finish()
    }
}

impl ExternalGuards {
    /// Prepares the guards; nothing is connected yet.
    pub fn new(settings: Vec<GuardSettings>) -> Result<Self, GuardError> {
        let mut guards = Self::default();
        for settings in settings {
            guards.add(settings)?;
        }
        Ok(guards)
    }

    /// Prepares one more guard.
    pub fn add(&mut self, settings: GuardSettings) -> Result<(), GuardError> {
        let mut key = [0; 32];
        SystemRandom::new().fill(&mut key).map_err(|_| GuardError::Randomness)?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        self.0.push(Arc::new(ExternalGuard::new(settings, key)?));
        Ok(())
    }

    /// Whether any guard is asked at this stage.
    pub fn are_asked(&self, stage: Stage) -> bool {
        self.at(stage).next().is_some()
    }

    /// Whether any guard that is asked at this stage makes use of what was found before.
    pub fn read_findings(&self, stage: Stage) -> bool {
        self.at(stage).any(|guard| guard.reads_findings())
    }

    /// Which guard has to be asked about which passage.
    pub fn consult(&self, stage: Stage, passages: Vec<Passage>) -> Consultation {
        let (mut asked, mut reports) = (Vec::new(), Vec::new());
        for guard in self.at(stage) {
            let is_for = |passage: &Passage| {
                !passage.text.is_empty() && (stage == Stage::Answer || guard.is_for(passage))
            };
            let all = || passages.iter().enumerate().filter(|(_, passage)| is_for(passage));
            let unsure = all().filter(|(_, passage)| guard.is_unsure_of(passage));
            let wanted: Vec<usize> = unsure.map(|(index, _)| index).collect();
            if wanted.is_empty() {
                let is_sure = all().next().is_some();
                let reason = if is_sure { "outside_grey_band" } else { "nothing_to_ask" };
                reports.push(report(guard, GuardStatus::Skipped, Some(reason.to_owned())));
            } else {
                asked.push((Arc::clone(guard), wanted));
            }
        }
        Consultation { asked, passages, reports }
    }

    /// What is to be said of the guards of this stage when nothing is looked for at all.
    pub fn switched_off(&self, stage: Stage) -> Vec<GuardReport> {
        let reason = || Some(String::from("guards_off"));
        self.at(stage).map(|guard| report(guard, GuardStatus::Skipped, reason())).collect()
    }

    /// What is to be said of the guards of this stage before there was anything to ask about.
    pub fn not_reached(&self, stage: Stage) -> Vec<GuardReport> {
        let reason = || Some(String::from("not_reached"));
        self.at(stage).map(|guard| report(guard, GuardStatus::Skipped, reason())).collect()
    }

    /// What is to be said of so many passages that nobody was asked about, and cannot be any more.
    pub fn not_asked(&self, stage: Stage, passages: usize) -> Consulted {
        let mut consulted = Consulted::default();
        let wanted: Vec<usize> = (0..passages).collect();
        for guard in self.at(stage) {
            let failure = Some(Failure::NotAsked);
            consulted.add(guard, &wanted, Looked { failure, ..Looked::default() });
        }
        consulted
    }

    fn at(&self, stage: Stage) -> impl Iterator<Item = &Arc<ExternalGuard>> {
        self.0.iter().filter(move |guard| match stage {
            Stage::Answer => guard.stages.answer,
            Stage::Request => guard.stages.request,
        })
    }
}

/// What is to be asked about one message.
pub struct Consultation {
    asked: Vec<(Arc<ExternalGuard>, Vec<usize>)>,
    passages: Vec<Passage>,
    reports: Vec<GuardReport>,
}

impl std::fmt::Debug for Consultation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.asked.iter().map(|(guard, _)| &guard.name);
        formatter.debug_list().entries(names).finish()
    }
}

/// Why a message must not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is longer than a guard reads, and the guard fails closed.
    TooLong {
        /// The guard.
        guard: String,
    },
    /// A guard could not look, and it fails closed.
    Unavailable {
        /// The guard.
        guard: String,
    },
}

/// What the guards said.
#[derive(Debug, Default)]
pub struct Consulted {
    /// What was found, with the number of the passage.
    pub findings: Vec<(usize, Finding)>,
    /// What became of services, for the record.
    pub notices: Vec<NodeNotice>,
    /// Whether the message must not go on, whatever was found.
    pub refused: Option<Refused>,
    /// How each guard did.
    pub reports: Vec<GuardReport>,
    /// The number of each passage that a guard did not look at and that passes all the same, and why.
    pub unscanned: Vec<(usize, String)>,
}

impl Consultation {
    /// Whether nobody has to be asked.
    pub const fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }

    /// What is to be said when nobody has to be asked.
    pub fn without_asking(self) -> Consulted {
        Consulted { reports: self.reports, ..Consulted::default() }
    }

    /// Asks everybody, at the same time.
    pub fn ask(self) -> BoxFuture<'static, Consulted> {
        Box::pin(self.ask_all())
    }

    async fn ask_all(self) -> Consulted {
        let Self { asked, passages, reports } = self;
        let mut consulted = Consulted { reports, ..Consulted::default() };
        let looks = asked.iter().map(|(guard, wanted)| guard.look(wanted, &passages));
        let looked = join_all(looks).await;
        for ((guard, wanted), looked) in asked.iter().zip(looked) {
            consulted.add(guard, wanted, looked);
        }
        consulted
    }
}

impl Consulted {
    fn add(&mut self, guard: &ExternalGuard, wanted: &[usize], looked: Looked) {
        let Looked { change, failure, findings } = looked;
        self.findings.extend(findings);
        self.notices.extend(change.map(|change| notice(guard, change)));
        let Some(failure) = failure else {
            self.reports.push(report(guard, GuardStatus::Ran, None));
            return;
        };
        tracing::debug!(guard = guard.name, %failure, "an external guard could not look");
        let name = &guard.name;
        let status = match guard.on_failure {
            OnFailure::Closed => {
                self.refused.get_or_insert_with(|| match failure {
                    Failure::TooLong => Refused::TooLong { guard: name.clone() },
                    _ => Refused::Unavailable { guard: name.clone() },
                });
                GuardStatus::FailedClosed
            }
            OnFailure::Open => {
                let why = format!("external guard `{name}`: {failure}");
                self.unscanned.extend(wanted.iter().map(|passage| (*passage, why.clone())));
                GuardStatus::FailedOpen
            }
        };
        self.reports.push(report(guard, status, Some(failure.to_string())));
    }
}

fn report(guard: &ExternalGuard, status: GuardStatus, reason: Option<String>) -> GuardReport {
    GuardReport { guard: guard.name.clone(), reason, status }
}

fn notice(guard: &ExternalGuard, change: Change) -> NodeNotice {
    let name = &guard.name;
    let (state, detail) = match change {
        Change::Opened => {
            tracing::warn!(guard = name, "an external guard fails and is left alone for a while");
            ("degraded", format!("external guard `{name}` fails and is not asked for a while"))
        }
        Change::Closed => {
            tracing::info!(guard = name, "an external guard answers again");
            ("recovered", format!("external guard `{name}` answers again"))
        }
    };
    NodeNotice { detail, state: state.to_owned() }
}
