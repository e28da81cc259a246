//! Which exceptions hold for a message.
//!
//! INVARIANT: an exception without a scope, owner or reason, for a rule that does not exist, or for a
//! rule of authorisation, is refused when the engine is built. INVARIANT: it holds strictly before
//! its expiry and only where every given part of its scope matches.

use std::collections::BTreeSet;

use events::LocatedFinding;

use crate::card::{RuleSet, is_of_kind};
use crate::compile::Rule;
use crate::error::PolicyError;
use crate::{ExceptionOptions, ExceptionScope, Facts};

/// The most exceptions.
pub const EXCEPTIONS_MAX: usize = 1_000;

/// An exception and the place of its rule.
#[derive(Clone, Debug)]
pub(crate) struct Exception {
    options: ExceptionOptions,
    pub(crate) rule: usize,
}

impl Exception {
    pub(crate) fn id(&self) -> &str {
        &self.options.id
    }

    /// Whether it is about some findings and not about all that the rule is about.
    pub(crate) const fn is_partial(&self) -> bool {
        let ExceptionScope { kind, provenance, .. } = &self.options.scope;
        kind.is_some() || provenance.is_some()
    }

    /// Whether it is about some findings and this is one of them.
    pub(crate) fn is_about(&self, located: &LocatedFinding) -> bool {
        let ExceptionScope { kind, provenance, .. } = &self.options.scope;
        let found = located.finding.kind.as_str();
        self.is_partial()
            && kind.as_deref().is_none_or(|kind| is_of_kind(found, kind))
            && provenance.is_none_or(|provenance| located.provenance == provenance)
    }

    /// Whether it holds for the message.
    pub(crate) fn holds(&self, facts: &Facts<'_>) -> bool {
        // Naming every part makes a new one a compile error here.
        let ExceptionScope { application, key, kind: _, model, provenance: _, route, team, tenant } =
            &self.options.scope;
        let is = |wanted: &Option<String>, given: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| given == Some(wanted))
        };
        let principal = facts.principal;
        facts.time_ms < self.options.expires_ms
            && is(application, principal.application.as_deref())
            && key.is_none_or(|key| principal.key == Some(key))
            && is(model, Some(facts.resource.name))
            && is(route, Some(facts.resource.route))
            && is(team, principal.team.as_deref())
            && is(tenant, principal.tenant.as_deref())
    }
}

/// Exceptions that hold besides those that an engine was built with: see [`crate::Engine::suspensions`].
#[derive(Clone, Debug, Default)]
pub struct Suspensions(Vec<Exception>);

impl Suspensions {
    pub(crate) fn exceptions(&self) -> &[Exception] {
        &self.0
    }
}

impl<'a> FromIterator<&'a Self> for Suspensions {
    fn from_iter<I: IntoIterator<Item = &'a Self>>(all: I) -> Self {
        Self(all.into_iter().flat_map(|one| one.0.iter().cloned()).collect())
    }
}

/// Checks exceptions one by one: several may have the same id.
pub(crate) fn read_each(
    options: &[ExceptionOptions],
    rules: &[Rule],
) -> Result<Suspensions, PolicyError> {
    let read = options.iter().map(|one| read(std::slice::from_ref(one), rules));
    let read: Result<Vec<_>, _> = read.collect();
    Ok(Suspensions(read?.concat()))
}

/// Checks the exceptions and finds their rules.
pub(crate) fn read(
    options: &[ExceptionOptions],
    rules: &[Rule],
) -> Result<Vec<Exception>, PolicyError> {
    if options.len() > EXCEPTIONS_MAX {
        return Err(PolicyError::Limit {
            count: options.len(),
            hint: "remove those that have expired",
            max: EXCEPTIONS_MAX,
            what: "the policy".to_owned(),
            unit: "exceptions",
        });
    }
    let mut taken = BTreeSet::new();
    let mut exceptions = Vec::with_capacity(options.len());
    for one in options {
        let rule = rules.iter().position(|rule| rule.card.id == one.rule);
        let fault = fault(one, rule.and_then(|rule| rules.get(rule)), taken.insert(&one.id));
        match (rule, fault) {
            (Some(rule), None) => exceptions.push(Exception { options: one.clone(), rule }),
            (_, fault) => {
                let (message, hint) = fault.unwrap_or((NO_RULE, NO_RULE_HINT));
                return Err(PolicyError::Setting {
                    hint: hint.to_owned(),
                    message: message.replace("{rule}", &one.rule),
                    what: format!("exception `{}`", one.id),
                });
            }
        }
    }
    Ok(exceptions)
}

const NO_RULE: &str = "there is no rule `{rule}`";
const NO_RULE_HINT: &str = "name the `@id` of a rule of the policy in force";

fn fault(
    options: &ExceptionOptions,
    rule: Option<&Rule>,
    is_new: bool,
) -> Option<(&'static str, &'static str)> {
    let blank = |text: &str| text.trim().is_empty();
    if rule.is_none() {
        Some((NO_RULE, NO_RULE_HINT))
    } else if rule.is_some_and(|rule| rule.card.set == RuleSet::Authorisation) {
        Some((
            "`{rule}` is a rule of authorisation, to which there are no exceptions",
            "change what the key is granted, or write a `permit` of your own",
        ))
    } else if blank(&options.id) || !is_new {
        Some(("its id is empty or taken", "give it an id of its own, by which records name it"))
    } else if blank(&options.owner) || blank(&options.reason) {
        Some(("it has no owner or no reason", "write who answers for it and why it is there"))
    } else if options.scope == ExceptionScope::default() {
        Some((
            "it has no scope, so it would switch `{rule}` off for everybody",
            "say for which key, application, team, tenant, model, route, kind or provenance it is",
        ))
    } else {
        None
    }
}
