//! From Cedar text to checked rules.
//!
//! INVARIANT: what leaves here is valid against the schema in strict mode, every rule has a card, and
//! ids are unique over all sources. INVARIANT: a rule that the validator only warns about (one that
//! can never hold, or that looks like something it is not) is refused too: it would not protect as
//! its author thinks.

use std::collections::{BTreeSet, HashMap};
use std::str::FromStr as _;

use cedar_policy::{
    Effect, ParseErrors, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator, pst,
};
use miette::Diagnostic;

use crate::card::RuleSet;
use crate::error::{Place, PolicyError};
use crate::outline::Outline;
use crate::reads::{self, Reads};
use crate::{Preset, RuleCard, annotations};

/// The longest source, in bytes.
pub const SOURCE_BYTES_MAX: usize = 256 * 1024;
/// The longest rule, in bytes. Cedar's own work recurses over a rule, so a rule has a limit.
pub const RULE_BYTES_MAX: usize = 8 * 1024;
/// The most expressions inside each other in a rule. A chain of `||` or `&&` counts one for each link.
pub const RULE_DEPTH_MAX: usize = 128;
/// The most brackets inside each other.
pub const NESTING_MAX: usize = 32;
/// The most rules over all sources, the shipped ones included.
pub const RULES_MAX: usize = 1_000;

const SCHEMA: &str = include_str!("../policies/schema.cedarschema");
const AUTHORISATION: &str = include_str!("../policies/authorisation.cedar");
const BALANCED: &str = include_str!("../policies/consequences-balanced.cedar");
const STRICT: &str = include_str!("../policies/consequences-strict.cedar");

/// A named text: a source of rules.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub(crate) name: &'a str,
    pub(crate) shipped: bool,
    pub(crate) text: &'a str,
}

/// The shipped sources of a preset.
pub(crate) const fn shipped(preset: Preset) -> [Source<'static>; 2] {
    let consequences = match preset {
        Preset::Observe | Preset::Balanced => {
            Source { name: "shipped:consequences-balanced.cedar", shipped: true, text: BALANCED }
        }
        Preset::Strict => {
            Source { name: "shipped:consequences-strict.cedar", shipped: true, text: STRICT }
        }
    };
    let authorisation =
        Source { name: "shipped:authorisation.cedar", shipped: true, text: AUTHORISATION };
    [authorisation, consequences]
}

/// The text of the schema, for digests and for the reference.
pub(crate) const fn schema_text() -> &'static str {
    SCHEMA
}

/// The schema, parsed.
pub(crate) fn schema() -> Result<Schema, PolicyError> {
    Schema::from_cedarschema_str(SCHEMA)
        .map(|(schema, _)| schema)
        .map_err(|error| PolicyError::Shipped(format!("schema: {}", chain(&error))))
}

/// A checked rule.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) card: RuleCard,
    pub(crate) permits: bool,
    policy: Policy,
    shipped: bool,
    template: pst::Template,
}

/// Parses, checks and validates the rules of all sources, in their order. Shipped rules are validated
/// by the tests, not again on every start.
pub(crate) fn rules(sources: &[Source<'_>]) -> Result<Vec<Rule>, PolicyError> {
    let mut rules = Vec::new();
    let mut texts = HashMap::new();
    for source in sources {
        if texts.insert(source.name, source.text).is_some() {
            return Err(PolicyError::Setting {
                hint: "name each source once".to_owned(),
                message: "two sources have this name".to_owned(),
                what: format!("source `{}`", source.name),
            });
        }
        read_source(*source, &mut rules)?;
    }
    check_limit("the policy", rules.len(), RULES_MAX, "rules", "remove or merge some rules")?;
    check_ids(&rules)?;
    let own: Vec<&Rule> = rules.iter().filter(|rule| !rule.shipped).collect();
    if !own.is_empty() {
        validate(&own, &texts)?;
    }
    Ok(rules)
}

/// What the rules can read.
pub(crate) fn reads(rules: &[Rule]) -> Reads {
    Reads::of(rules.iter().map(|rule| &rule.template))
}

/// A policy set of some of the rules.
pub(crate) fn policy_set<'a>(
    rules: impl IntoIterator<Item = &'a Rule>,
) -> Result<PolicySet, PolicyError> {
    PolicySet::from_policies(rules.into_iter().map(|rule| rule.policy.clone()))
        .map_err(|error| PolicyError::Shipped(chain(&error)))
}

fn read_source(source: Source<'_>, rules: &mut Vec<Rule>) -> Result<(), PolicyError> {
    let hint = "split the file in two";
    check_limit(source.name, source.text.len(), SOURCE_BYTES_MAX, "bytes", hint)?;
    let Outline { nesting, rule_bytes } = Outline::of(source.text);
    check_limit(source.name, nesting, NESTING_MAX, "brackets inside each other", "nest less")?;
    check_limit(source.name, rule_bytes, RULE_BYTES_MAX, "bytes in one rule", "split the rule")?;
    let set = PolicySet::from_str(source.text).map_err(|error| syntax(source, &error))?;
    if let Some(template) = set.templates().next() {
        return Err(PolicyError::Syntax {
            message: "templates (`?principal`, `?resource`) are not supported".to_owned(),
            place: Place {
                line: line_of(source.text, &template.to_cedar(), &mut 0),
                source: source.name.to_owned(),
            },
            hint: "name the principal or resource in the rule".to_owned(),
        });
    }
    let mut policies: Vec<&Policy> = set.policies().collect();
    policies.sort_by_key(|policy| position(policy.id()));
    let mut from = 0;
    for policy in policies {
        let text = policy.to_cedar().unwrap_or_default();
        let place =
            Place { line: line_of(source.text, &text, &mut from), source: source.name.to_owned() };
        rules.push(rule(policy, text, place, source.shipped)?);
    }
    Ok(())
}

fn rule(policy: &Policy, text: String, place: Place, shipped: bool) -> Result<Rule, PolicyError> {
    let permits = policy.effect() == Effect::Permit;
    let card = annotations::card(policy.annotations(), permits, text, place)?;
    let policy = policy.new_id(PolicyId::new(&card.id));
    let template = match policy.to_pst() {
        Ok(pst::Policy::Static(fixed)) => fixed.body().clone(),
        Ok(_) => return Err(PolicyError::Shipped(format!("rule `{}` is linked", card.id))),
        Err(error) => {
            return Err(PolicyError::Syntax {
                message: chain(&error),
                place: Place { line: card.line, source: card.source },
                hint: "write the condition in another way".to_owned(),
            });
        }
    };
    check_limit(
        &format!("{}:{}: rule `{}`", card.source, card.line, card.id),
        reads::depth(&template),
        RULE_DEPTH_MAX,
        "expressions inside each other",
        "split the rule in two",
    )?;
    Ok(Rule { card, permits, policy, shipped, template })
}

fn check_ids(rules: &[Rule]) -> Result<(), PolicyError> {
    let mut taken: HashMap<&str, &RuleCard> = HashMap::new();
    for Rule { card, .. } in rules {
        if let Some(first) = taken.insert(&card.id, card) {
            return Err(PolicyError::DuplicateId {
                first: place(first),
                id: card.id.clone(),
                place: place(card),
            });
        }
    }
    Ok(())
}

fn validate(rules: &[&Rule], texts: &HashMap<&str, &str>) -> Result<(), PolicyError> {
    let set = policy_set(rules.iter().copied())?;
    let result = Validator::new(schema()?).validate(&set, ValidationMode::Strict);
    let errors = result.validation_errors().map(|one| (one.policy_id(), one as &dyn Diagnostic));
    let warnings =
        result.validation_warnings().map(|one| (one.policy_id(), one as &dyn Diagnostic));
    let found: Vec<(&PolicyId, &dyn Diagnostic)> = errors.chain(warnings).collect();
    // The first rule in the order of the sources, whichever the validator met first.
    for Rule { card, .. } in rules {
        let id = PolicyId::new(&card.id);
        let faults: Vec<&dyn Diagnostic> =
            found.iter().filter(|(about, _)| **about == id).map(|(_, fault)| *fault).collect();
        if !faults.is_empty() {
            return Err(invalid(card, &faults, texts));
        }
    }
    if result.validation_passed() { Ok(()) } else { Err(PolicyError::Shipped(result.to_string())) }
}

fn invalid(
    card: &RuleCard,
    faults: &[&dyn Diagnostic],
    texts: &HashMap<&str, &str>,
) -> PolicyError {
    let mut place = place(card);
    if let (Some(offset), Some(text)) =
        (faults.iter().find_map(|fault| offset_of(*fault)), texts.get(card.source.as_str()))
    {
        place.line = line_at(text, offset);
    }
    let about = format!("for policy `{}`, ", card.id);
    let messages: BTreeSet<String> =
        faults.iter().map(|fault| fault.to_string().replace(&about, "")).collect();
    let help = faults.iter().find_map(|fault| fault.help().map(|help| help.to_string()));
    PolicyError::Schema {
        hint: help.unwrap_or_else(|| {
            "see `schema.cedarschema` among the shipped policies for what rules can read".to_owned()
        }),
        message: messages.into_iter().collect::<Vec<_>>().join("; "),
        place,
        rule: card.id.clone(),
    }
}

fn syntax(source: Source<'_>, errors: &ParseErrors) -> PolicyError {
    let offset = offset_of(errors).unwrap_or_default();
    PolicyError::Syntax {
        message: chain(errors),
        place: Place { line: line_at(source.text, offset), source: source.name.to_owned() },
        hint: errors.help().map_or_else(
            || "see https://docs.cedarpolicy.com for the language".to_owned(),
            |help| help.to_string(),
        ),
    }
}

fn check_limit(
    what: &str,
    count: usize,
    max: usize,
    unit: &'static str,
    hint: &'static str,
) -> Result<(), PolicyError> {
    if count <= max {
        return Ok(());
    }
    Err(PolicyError::Limit { count, hint, max, what: what.to_owned(), unit })
}

fn place(card: &RuleCard) -> Place {
    Place { line: card.line, source: card.source.clone() }
}

/// Cedar names the rules of a source `policy0`, `policy1`, … in their order.
fn position(id: &PolicyId) -> usize {
    let name: &str = id.as_ref();
    name.trim_start_matches("policy").parse().unwrap_or(usize::MAX)
}

/// The line on which `part` begins, searching from `*from`, which is moved behind it.
fn line_of(text: &str, part: &str, from: &mut usize) -> usize {
    let begin = text.get(*from..).and_then(|rest| rest.find(part)).map_or(*from, |at| *from + at);
    *from = begin.saturating_add(part.len()).min(text.len());
    line_at(text, begin)
}

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn offset_of(error: &(impl Diagnostic + ?Sized)) -> Option<usize> {
    error.labels()?.next().map(|label| label.offset())
}

/// The error and what caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut at = error.source();
    while let Some(cause) = at {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        at = cause.source();
    }
    text
}

/// Whether the rule belongs to the consequences.
pub(crate) fn is_consequence(rule: &Rule) -> bool {
    rule.card.set == RuleSet::Consequence
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::{COLUMNS, FAMILIES};

    #[test]
    fn the_shipped_rules_are_valid() {
        for preset in Preset::ALL {
            let sources = shipped(preset).map(|source| Source { shipped: false, ..source });
            let rules = rules(&sources).unwrap_or_else(|error| panic!("{preset}: {error}"));
            for Rule { card, .. } in &rules {
                assert!(card.summary.is_some() && !card.controls.is_empty(), "{}", card.id);
                assert!(card.severity.is_some() || card.action.is_none(), "{}", card.id);
            }
        }
    }

    /// Every family and column, and no others: a rule that reads one compiles, and one that reads
    /// anything else does not.
    #[test]
    fn the_schema_declares_every_family_and_provenance() {
        let declared = |record: &str| -> Vec<String> {
            let body = SCHEMA.split(&format!("type {record} = {{")).nth(1).expect("the type");
            let body = body.split('}').next().expect("its end");
            let lines = body.lines().filter_map(|line| line.split_once(':'));
            lines.map(|(name, _)| name.trim().to_owned()).collect()
        };
        assert_eq!(declared("Findings"), FAMILIES);
        assert_eq!(declared("Ranks"), COLUMNS);
    }

    #[test]
    fn lines_are_counted_from_one() {
        assert_eq!(line_at("a\nb\nc", 0), 1);
        assert_eq!(line_at("a\nb\nc", 4), 3);
        let mut from = 0;
        let text = "same\nsame\n";
        let lines = [line_of(text, "same", &mut from), line_of(text, "same", &mut from)];
        assert_eq!(lines, [1, 2]);
    }
}
