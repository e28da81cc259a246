//! The compiled policy, and judging with it.
//!
//! A judgement has two halves. Which rules hold depends on the view alone and is remembered. What
//! follows (shadow, exceptions, which findings to redact) is worked out from the facts each time.
//!
//! INVARIANT: whatever happens between the facts and the decision, the decision is a refusal unless
//! Cedar evaluated both sets without a single error and authorisation permits.

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::{Authorizer, PolicySet};
use events::{Action, Decision, Digest, FiredRule, LocatedFinding, Outcome};
use sha2::{Digest as _, Sha256};

use crate::compile::{self, Rule, Source};
use crate::exceptions::{self, Exception, Suspensions};
use crate::memo::Memo;
use crate::reads::Reads;
use crate::request::Names;
use crate::view::View;
use crate::{ExceptionOptions, Facts, Judgement, PolicyError, PolicyOptions, Preset, RuleCard};

/// The code of a refusal by a consequence.
pub const REASON_BLOCK: &str = "policy_block";
/// The code of a refusal because evaluating a rule failed.
pub const REASON_ERROR: &str = "policy_error";
/// The code of a refusal by authorisation.
pub const REASON_NOT_AUTHORISED: &str = "not_authorised";

/// The stack for compiling, in bytes: enough for the longest rule, which a test holds. Given back after.
const COMPILE_STACK_BYTES: usize = if cfg!(debug_assertions) { 256 << 20 } else { 64 << 20 };

/// The stack that evaluating is sure to find, in bytes: enough for the deepest rule, which a test holds.
/// Threads of the usual 2 MiB have it in release builds. Without it, what a rule answers could depend
/// on the thread that asks.
const EVALUATE_STACK_BYTES: usize = if cfg!(debug_assertions) { 16 << 20 } else { 1 << 20 };

/// The compiled policy. Immutable; share it between threads.
#[derive(Debug)]
pub struct Engine {
    authorisation: PolicySet,
    authorizer: Authorizer,
    consequences: PolicySet,
    digest: Digest,
    exceptions: Vec<Exception>,
    memo: Memo<Arc<Held>>,
    pub(crate) names: Names,
    pub(crate) reads: Reads,
    rules: Vec<Rule>,
}

/// Which rules hold in a view.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) authorised: bool,
    /// What is decided if no exception holds.
    pub(crate) decision: Arc<Decision>,
    /// A rule could not be evaluated.
    failed: bool,
    /// Places of the `forbid`s that hold, of both sets, ascending.
    rules: Vec<usize>,
}

/// A rule that holds, and what an exception does to it.
struct Fired<'a> {
    /// The exception that switches it off.
    exception: Option<&'a Exception>,
    rule: &'a Rule,
}

impl Fired<'_> {
    const fn is_enforced(&self) -> bool {
        self.exception.is_none() && !self.rule.card.shadow
    }
}

impl Engine {
    /// Parses, validates and compiles the shipped policies and the operator's own.
    pub fn new(options: &PolicyOptions) -> Result<Self, PolicyError> {
        let shipped = compile::shipped(options.preset);
        let own = options.sources.iter().map(|own| Source {
            name: &own.name,
            shipped: false,
            text: &own.text,
        });
        Self::of(options, &shipped.into_iter().chain(own).collect::<Vec<_>>())
    }

    /// Compiles exactly these sources.
    pub(crate) fn of(options: &PolicyOptions, sources: &[Source<'_>]) -> Result<Self, PolicyError> {
        // Cedar recurses over a rule, and unoptimised builds spend kilobytes on each step.
        let mut rules = stacker::grow(COMPILE_STACK_BYTES, || compile::rules(sources))?;
        cast_shadows(&mut rules, options)?;
        let (consequences, authorisation): (Vec<&Rule>, Vec<&Rule>) =
            rules.iter().partition(|rule| compile::is_consequence(rule) || rule.card.shadow);
        Ok(Self {
            authorisation: compile::policy_set(authorisation)?,
            authorizer: Authorizer::new(),
            consequences: compile::policy_set(consequences)?,
            digest: digest(options, sources),
            exceptions: exceptions::read(&options.exceptions, &rules)?,
            memo: Memo::new(),
            names: Names::new()?,
            reads: compile::reads(&rules),
            rules,
        })
    }

    /// Exceptions that can hold besides the engine's own, checked as those are. Several may have one id.
    pub fn suspensions(&self, options: &[ExceptionOptions]) -> Result<Suspensions, PolicyError> {
        exceptions::read_each(options, &self.rules)
    }

    /// Judges one message. Never fails: what cannot be judged is refused, with [`REASON_ERROR`].
    pub fn judge(&self, facts: &Facts<'_>) -> Judgement {
        self.judge_with(facts, &Suspensions::default())
    }

    /// The same, while these hold too.
    pub fn judge_with(&self, facts: &Facts<'_>, suspensions: &Suspensions) -> Judgement {
        let held = self.held(facts, |_| true);
        let holding: Vec<&Exception> = self
            .exceptions
            .iter()
            .chain(suspensions.exceptions())
            .filter(|one| held.rules.contains(&one.rule) && one.holds(facts))
            .collect();
        if holding.is_empty() {
            let redactions = self.redactions(facts, held.rules.iter().copied(), &holding);
            return Judgement::new(Arc::clone(&held.decision), redactions);
        }
        let fired = self.excepted(facts, &held, &holding);
        let enforced = fired.iter().filter(|(_, one)| one.is_enforced()).map(|(index, _)| *index);
        let redactions = self.redactions(facts, enforced, &holding);
        let decision = decide(held.authorised, held.failed, fired.iter().map(|(_, one)| one));
        Judgement::new(Arc::new(decision), redactions)
    }

    /// The digest of everything the engine was built from, for records.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Every rule, shipped ones first, in the order of their sources.
    pub fn rules(&self) -> impl Iterator<Item = &RuleCard> {
        self.rules.iter().map(|rule| &rule.card)
    }

    /// Which rules hold for the facts, with the findings that `counts` lets through.
    fn held<'a>(
        &'a self,
        facts: &Facts<'a>,
        counts: impl Fn(&LocatedFinding) -> bool,
    ) -> Arc<Held> {
        let view = View::of(facts, &self.reads, counts);
        self.memo.get_or_make(&view.key(), || {
            let evaluate = || Arc::new(self.evaluate(&view, &self.reads));
            stacker::maybe_grow(EVALUATE_STACK_BYTES, EVALUATE_STACK_BYTES, evaluate)
        })
    }

    pub(crate) fn evaluate(&self, view: &View<'_>, reads: &Reads) -> Held {
        let mut held =
            Held { authorised: false, decision: Arc::default(), failed: false, rules: Vec::new() };
        match self.names.request(view, reads) {
            Err(_) => held.failed = true,
            Ok((request, entities)) => {
                let sets = [&self.authorisation, &self.consequences];
                let [may, follows] =
                    sets.map(|set| self.authorizer.is_authorized(&request, set, &entities));
                held.authorised = may.decision() == cedar_policy::Decision::Allow;
                for response in [&may, &follows] {
                    held.failed |= response.diagnostics().errors().next().is_some();
                    let fired: BTreeSet<&str> =
                        response.diagnostics().reason().map(AsRef::as_ref).collect();
                    let places = self.rules.iter().enumerate();
                    held.rules.extend(
                        places
                            .filter(|(_, rule)| !rule.permits && fired.contains(&*rule.card.id))
                            .map(|(index, _)| index),
                    );
                }
            }
        }
        held.rules.sort_unstable();
        let fired: Vec<Fired<'_>> = held
            .rules
            .iter()
            .filter_map(|index| self.rules.get(*index))
            .map(|rule| Fired { exception: None, rule })
            .collect();
        held.decision = Arc::new(decide(held.authorised, held.failed, &fired));
        held
    }

    /// The rules that hold once the exceptions are heard. A rule that an exception switches off for
    /// some findings, and that holds for the others too, is named twice: let go and enforced.
    fn excepted<'a>(
        &'a self,
        facts: &Facts<'a>,
        held: &Held,
        holding: &[&'a Exception],
    ) -> Vec<(usize, Fired<'a>)> {
        let mut fired = Vec::new();
        for &index in &held.rules {
            let Some(rule) = self.rules.get(index) else { continue };
            let about: Vec<&Exception> =
                holding.iter().copied().filter(|one| one.rule == index).collect();
            let mut let_go = |exception| {
                fired.push((index, Fired { exception: Some(exception), rule }));
            };
            if let Some(exception) = about.iter().find(|one| !one.is_partial()) {
                let_go(*exception);
                continue;
            }
            about.iter().filter(|one| concerns(one, facts)).for_each(|one| let_go(*one));
            let counts = |located: &LocatedFinding| !about.iter().any(|one| one.is_about(located));
            let without = self.held(facts, counts);
            if without.failed || without.rules.contains(&index) {
                fired.push((index, Fired { exception: None, rule }));
            }
        }
        fired
    }

    /// The findings that the enforced ones among `rules` replace, except those let go.
    fn redactions(
        &self,
        facts: &Facts<'_>,
        rules: impl Iterator<Item = usize>,
        holding: &[&Exception],
    ) -> Vec<usize> {
        let redacting: Vec<(usize, &RuleCard)> = rules
            .filter_map(|index| self.rules.get(index).map(|rule| (index, &rule.card)))
            .filter(|(_, card)| !card.shadow && !card.applies_to.is_empty())
            .collect();
        if redacting.is_empty() {
            return Vec::new();
        }
        let replaced = |located: &LocatedFinding| {
            redacting.iter().any(|(index, card)| {
                card.applies_to.iter().any(|coverage| coverage.covers(located))
                    && !holding.iter().any(|one| one.rule == *index && one.is_about(located))
            })
        };
        let findings = facts.findings.iter().enumerate();
        findings.filter(|(_, located)| replaced(located)).map(|(index, _)| index).collect()
    }
}

fn concerns(exception: &Exception, facts: &Facts<'_>) -> bool {
    facts.findings.iter().any(|located| exception.is_about(located))
}

fn decide<'a>(
    authorised: bool,
    failed: bool,
    fired: impl IntoIterator<Item = &'a Fired<'a>>,
) -> Decision {
    let mut actions = BTreeSet::new();
    let mut rules = Vec::new();
    for one in fired {
        let card = &one.rule.card;
        let action = card.action.unwrap_or(Action::Block);
        actions.extend(one.is_enforced().then_some(action));
        rules.push(FiredRule {
            action,
            controls: card.controls.clone(),
            exception: one.exception.map(|exception| exception.id().to_owned()),
            id: card.id.clone(),
            playbook: card.playbook.clone(),
            shadow: card.shadow,
        });
    }
    let reason = if failed {
        Some(REASON_ERROR)
    } else if !authorised {
        Some(REASON_NOT_AUTHORISED)
    } else {
        actions.iter().any(|action| action.refuses()).then_some(REASON_BLOCK)
    };
    if failed || !authorised {
        actions.insert(Action::Block);
    }
    Decision {
        actions: actions.into_iter().collect(),
        outcome: if reason.is_some() { Outcome::Refused } else { Outcome::Allowed },
        reason: reason.map(Into::into),
        rules,
    }
}

/// Marks the rules that are recorded but not enforced.
fn cast_shadows(rules: &mut [Rule], options: &PolicyOptions) -> Result<(), PolicyError> {
    for id in &options.shadow {
        let setting = |message: String, hint: &str| PolicyError::Setting {
            hint: hint.to_owned(),
            message,
            what: "shadow".to_owned(),
        };
        match rules.iter_mut().find(|rule| rule.card.id == *id) {
            None => {
                return Err(setting(
                    format!("there is no rule `{id}`"),
                    "name the `@id` of a rule of the policy in force",
                ));
            }
            Some(rule) if rule.permits => {
                return Err(setting(
                    format!("`{id}` is a `permit`, which in shadow would grant nothing"),
                    "forbid what it should no longer permit, or remove it",
                ));
            }
            Some(rule) => rule.card.shadow = true,
        }
    }
    if options.preset == Preset::Observe {
        for rule in rules.iter_mut().filter(|rule| compile::is_consequence(rule)) {
            rule.card.shadow = true;
        }
    }
    Ok(())
}

/// SHA-256 over everything the engine is built from, each part with its length before it.
fn digest(options: &PolicyOptions, sources: &[Source<'_>]) -> Digest {
    let mut hasher = Sha256::new();
    let mut part = |text: &str| {
        hasher.update((text.len() as u64).to_be_bytes());
        hasher.update(text.as_bytes());
    };
    part("bartizan policy 1");
    part(options.preset.as_str());
    part(compile::schema_text());
    part(&sources.len().to_string());
    for source in sources {
        part(source.name);
        part(source.text);
    }
    let shadow: BTreeSet<&String> = options.shadow.iter().collect();
    part(&shadow.len().to_string());
    for id in shadow {
        part(id);
    }
    for exception in &options.exceptions {
        part(&format!("{exception:?}"));
    }
    Digest(hasher.finalize().into())
}
