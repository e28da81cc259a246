//! From texts of rules to rules that can be run.
//!
//! INVARIANT: what is wrong is said with the rule's file and what to do; nothing that is wrong is left out in silence. INVARIANT: a rule that could
//! never hit (a field that is none of ours, a count beyond what is remembered, records of another product) is wrong. INVARIANT: every rule's answer depends on the
//! last [`Rules::horizon_s`] seconds alone.
//!
//! Not here: reading files (`bartizan`), running them (`hunter`).

use std::collections::{BTreeMap, BTreeSet};

use rsigma_eval::RuleFieldSet;
use rsigma_parser::{
    ConditionOperator, CorrelationCondition, CorrelationRule, CorrelationType, LogSource,
    SigmaCollection, SigmaRule, WindowMode, parse_sigma_yaml,
};
use thiserror::Error;

use crate::sigma::hunter::Hunter;
use crate::sigma::memory::{ENTRIES_PER_GROUP_MAX, ENTRIES_PER_STEP_MAX};
use crate::sigma::rule::{Level, Rule};

/// Files of rules.
pub const RULES_MAX: usize = 4_096;
/// Bytes of a file of rules.
pub const RULE_BYTES_MAX: usize = 256 << 10;
/// Rules that a correlation in order may refer to: what is tried grows with every one.
pub const STEPS_MAX: usize = 4;
/// The longest time that a correlation may look at, in seconds: a week.
pub const WINDOW_S_MAX: u64 = 7 * 86_400;
/// The product that rules are for.
const PRODUCT: &str = "bartizan";
/// Attributes that change how the engine works, which is not for rules to say.
const ENGINE_PREFIX: &str = "rsigma.";

/// What is wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the rule `{file}`: {what}; hint: {hint}")]
pub struct RuleError {
    /// The file.
    pub file: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub hint: &'static str,
}

/// Rules that can be run together.
#[derive(Clone, Debug)]
pub struct Rules {
    files: Vec<SigmaCollection>,
    /// Sorted by name, each with the place of its file.
    sorted: Vec<(Rule, usize)>,
    horizon_s: u64,
}

impl Rules {
    /// Reads rules: names of files without their ending, and their texts. `is_field` says which fields records have, besides those that are derived.
    pub fn parse<'t>(
        sources: impl IntoIterator<Item = (&'t str, &'t str)>,
        is_field: impl Fn(&str) -> bool,
    ) -> Result<Self, Vec<RuleError>> {
        let mut read = Reading {
            files: Vec::new(),
            rules: BTreeMap::new(),
            ids: BTreeSet::new(),
            errors: Vec::new(),
        };
        for (name, text) in sources {
            if let Err((what, hint)) = read.file(name, text, &is_field) {
                read.errors.push(RuleError { file: name.to_owned(), what, hint });
            }
        }
        let Reading { files, rules, mut errors, .. } = read;
        if let Some(what) = unchecked_percentile(&files) {
            let hint = "refer to the detection, and count what is above a bound";
            errors.push(RuleError { file: String::from("(all)"), what, hint });
        }
        let horizon_s = horizon_s(&files);
        let rules = Self { files, sorted: rules.into_values().collect(), horizon_s };
        if errors.is_empty()
            && let Err(what) = Hunter::new(&rules, None)
        {
            let hint = "see that every rule that is referred to is there, and that they are not in a circle";
            errors.push(RuleError { file: String::from("(all)"), what, hint });
        }
        if errors.is_empty() { Ok(rules) } else { Err(errors) }
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.sorted.iter().map(|(rule, _)| rule)
    }

    /// The rule of this name.
    pub fn get(&self, name: &str) -> Option<&Rule> {
        let at = self.sorted.binary_search_by(|(rule, _)| rule.name.as_str().cmp(name)).ok()?;
        self.sorted.get(at).map(|(rule, _)| rule)
    }

    /// How many seconds of records answers depend on: who begins with records that old gives the same answers as who began earlier.
    pub const fn horizon_s(&self) -> u64 {
        self.horizon_s
    }

    /// The documents of these rules and of those that they refer to, or all; filters always.
    pub(crate) fn documents(&self, only: Option<&BTreeSet<&str>>) -> SigmaCollection {
        let mut wanted: BTreeSet<usize> = match only {
            None => (0..self.files.len()).collect(),
            Some(names) => {
                let named =
                    self.sorted.iter().filter(|(rule, _)| names.contains(rule.name.as_str()));
                named.map(|(_, file)| *file).collect()
            }
        };
        loop {
            let files = wanted.iter().filter_map(|at| self.files.get(*at));
            let referred: BTreeSet<&str> = files
                .flat_map(|file| &file.correlations)
                .flat_map(|one| &one.rules)
                .map(String::as_str)
                .collect();
            let has = |file: &SigmaCollection| {
                identities(file).any(|identity| referred.contains(identity))
            };
            let more: Vec<usize> = (0..self.files.len())
                .filter(|at| !wanted.contains(at) && self.files.get(*at).is_some_and(has))
                .collect();
            if more.is_empty() {
                break;
            }
            wanted.extend(more);
        }
        let mut all = SigmaCollection::new();
        for (at, file) in self.files.iter().enumerate() {
            all.filters.extend(file.filters.iter().cloned());
            if wanted.contains(&at) {
                all.rules.extend(file.rules.iter().cloned());
                all.correlations.extend(file.correlations.iter().cloned());
            }
        }
        all
    }

    /// The rule of this id.
    pub(crate) fn by_id(&self, id: &str) -> Option<&Rule> {
        self.sorted.iter().map(|(rule, _)| rule).find(|rule| rule.id == id)
    }
}

/// Ids and names of the documents of a file.
fn identities(file: &SigmaCollection) -> impl Iterator<Item = &str> {
    let rules = file.rules.iter().flat_map(|one| [&one.id, &one.name]);
    let correlations = file.correlations.iter().flat_map(|one| [&one.id, &one.name]);
    rules.chain(correlations).flatten().map(String::as_str)
}

/// A hit is told once a window, so it depends on the hits of one window, and these on the records of another, and on those of the correlations
/// that they refer to.
fn horizon_s(files: &[SigmaCollection]) -> u64 {
    let all: u64 = files
        .iter()
        .flat_map(|file| &file.correlations)
        .filter(|one| refers_to_correlation(files, one))
        .map(|one| one.timespan.seconds)
        .sum();
    let longest =
        files.iter().flat_map(|file| &file.correlations).map(|one| one.timespan.seconds).max();
    all.saturating_add(longest.unwrap_or(0).saturating_mul(2))
}

/// A correlation of a percentile, which the engine takes to hold always: what it says is checked here where it is told, and cannot be where another rule
/// refers to it.
fn unchecked_percentile(files: &[SigmaCollection]) -> Option<String> {
    let all = || files.iter().flat_map(|file| &file.correlations);
    let mut percentiles =
        all().filter(|one| one.correlation_type == CorrelationType::ValuePercentile);
    let is_referred_to = |one: &&CorrelationRule| {
        let is_it =
            |name: &String| one.id.as_ref() == Some(name) || one.name.as_ref() == Some(name);
        all().any(|other| other.rules.iter().any(is_it))
    };
    percentiles
        .find(is_referred_to)
        .map(|one| format!("another correlation refers to the percentile `{}`", one.title))
}

fn refers_to_correlation(files: &[SigmaCollection], one: &CorrelationRule) -> bool {
    let is_it = |other: &CorrelationRule| {
        one.rules
            .iter()
            .any(|name| other.id.as_ref() == Some(name) || other.name.as_ref() == Some(name))
    };
    files.iter().flat_map(|file| &file.correlations).any(is_it)
}

type Wrong = (String, &'static str);

struct Reading {
    files: Vec<SigmaCollection>,
    rules: BTreeMap<String, (Rule, usize)>,
    ids: BTreeSet<String>,
    errors: Vec<RuleError>,
}

impl Reading {
    fn file(
        &mut self,
        name: &str,
        text: &str,
        is_field: &impl Fn(&str) -> bool,
    ) -> Result<(), Wrong> {
        if self.files.len() == RULES_MAX {
            return Err((
                format!("there are more than {RULES_MAX}"),
                "put rules that belong together into one file",
            ));
        }
        if text.len() > RULE_BYTES_MAX {
            return Err((
                format!("it is longer than {RULE_BYTES_MAX} bytes"),
                "put rules into several files",
            ));
        }
        let syntax = "see the specification: https://sigmahq.io/docs/basics/rules.html";
        let mut file = parse_sigma_yaml(text).map_err(|error| (error.to_string(), syntax))?;
        if let Some(error) = file.errors.first() {
            return Err((error.clone(), syntax));
        }
        for rule in &mut file.rules {
            rule.custom_attributes.retain(|name, _| !name.starts_with(ENGINE_PREFIX));
            detection(rule)?;
        }
        for rule in &mut file.correlations {
            rule.custom_attributes.retain(|name, _| !name.starts_with(ENGINE_PREFIX));
            correlation(rule)?;
        }
        for filter in &file.filters {
            is_for_us(filter.logsource.as_ref())?;
        }
        let fields = RuleFieldSet::collect(&file, &[], true);
        let aliases: BTreeSet<&str> = file
            .correlations
            .iter()
            .flat_map(|one| &one.aliases)
            .map(|one| one.alias.as_str())
            .collect();
        let is_known =
            |field: &&str| is_field(field) || super::is_derived(field) || aliases.contains(*field);
        if let Some(field) = fields.names().find(|field| !is_known(field)) {
            let hint = "docs/reference/export.md lists the fields, docs/reference/hunts.md those that are derived";
            return Err((format!("no record has the field `{field}`"), hint));
        }
        self.register(name, &file)?;
        self.files.push(file);
        Ok(())
    }

    /// The rules of a file that are told: those that no correlation of the same file is made of, unless it says `generate`.
    fn register(&mut self, name: &str, file: &SigmaCollection) -> Result<(), Wrong> {
        let mut parts = BTreeSet::new();
        for one in file.correlations.iter().filter(|one| !one.generate) {
            parts.extend(one.rules.iter().map(String::as_str));
        }
        let is_part = |id: &Option<String>, name: &Option<String>| {
            [id, name].into_iter().flatten().any(|identity| parts.contains(identity.as_str()))
        };
        let detections =
            file.rules.iter().filter(|one| !is_part(&one.id, &one.name)).map(of_detection);
        let correlations =
            file.correlations.iter().filter(|one| !is_part(&one.id, &one.name)).map(of_correlation);
        let mut told: Vec<Rule> = detections.chain(correlations).collect();
        if let [only] = told.as_mut_slice() {
            name.clone_into(&mut only.name);
        }
        for identity in identities(file) {
            if !self.ids.insert(identity.to_owned()) {
                return Err((
                    format!("`{identity}` is there twice"),
                    "give each document an id and a name of its own",
                ));
            }
        }
        let at = self.files.len();
        for rule in told {
            if rule.name.is_empty() {
                return Err((
                    format!("`{}` has no name", rule.title),
                    "in a file with several rules, give each a `name`",
                ));
            }
            let is_word = |byte: u8| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
            };
            if !rule.name.bytes().all(is_word) {
                return Err((
                    format!("`{}` is no name", rule.name),
                    "name rules and files with small letters, digits, `-` and `_`",
                ));
            }
            if let Some((other, _)) = self.rules.insert(rule.name.clone(), (rule, at)) {
                return Err((
                    format!("there is another rule `{}`", other.name),
                    "give it a name of its own",
                ));
            }
        }
        Ok(())
    }
}

fn needs_id(id: Option<&String>, title: &str) -> Result<(), Wrong> {
    let hint = "give every document an `id`, a UUID";
    id.map(|_| ()).ok_or_else(|| (format!("`{title}` has no id"), hint))
}

fn is_for_us(source: Option<&LogSource>) -> Result<(), Wrong> {
    let product = source.and_then(|source| source.product.as_deref());
    if product == Some(PRODUCT) {
        return Ok(());
    }
    let hint = "write `logsource: {product: bartizan, category: CLASS}` if it is about records of Bartizan";
    Err((format!("it is for records of `{}`", product.unwrap_or("any product")), hint))
}

fn detection(rule: &SigmaRule) -> Result<(), Wrong> {
    needs_id(rule.id.as_ref(), &rule.title)?;
    is_for_us(Some(&rule.logsource))?;
    let compiled = rsigma_eval::compile_rule(rule);
    let hint = "see the specification: https://sigmahq.io/docs/basics/rules.html";
    compiled.map(drop).map_err(|error| (error.to_string(), hint))
}

/// Checks a correlation, and has the engine remember no more of it than is allowed.
fn correlation(rule: &mut CorrelationRule) -> Result<(), Wrong> {
    needs_id(rule.id.as_ref(), &rule.title)?;
    if rule.window != WindowMode::Sliding {
        return Err((
            String::from("its window does not slide"),
            "leave `window` out: other windows depend on when one began to look",
        ));
    }
    if !(1..=WINDOW_S_MAX).contains(&rule.timespan.seconds) {
        return Err((
            format!("`timespan` is longer than {WINDOW_S_MAX} seconds, or nothing"),
            "choose a shorter one, or write a saved SQL hunt",
        ));
    }
    let is_temporal = matches!(
        rule.correlation_type,
        CorrelationType::Temporal | CorrelationType::TemporalOrdered
    );
    if is_temporal && rule.rules.len() > STEPS_MAX {
        return Err((
            format!("it is of more than {STEPS_MAX} steps"),
            "leave out the steps that follow from others",
        ));
    }
    let entries = if is_temporal { ENTRIES_PER_STEP_MAX } else { ENTRIES_PER_GROUP_MAX };
    let counts =
        matches!(rule.correlation_type, CorrelationType::EventCount | CorrelationType::ValueCount);
    if let CorrelationCondition::Threshold { predicates, .. } = &rule.condition
        && counts
        && predicates.iter().any(|(_, count)| *count > entries as u64)
    {
        return Err((
            format!("it counts to more than {entries}, which is not remembered"),
            "count fewer within a shorter time, or write a saved SQL hunt",
        ));
    }
    if rule.correlation_type == CorrelationType::Temporal
        && let CorrelationCondition::Threshold { predicates, .. } = &mut rule.condition
        && predicates.as_slice() == [(ConditionOperator::Gte, 1)]
    {
        // Without a condition all of them have to be there; the engine takes one to be enough.
        *predicates = vec![(ConditionOperator::Gte, rule.rules.len() as u64)];
    }
    rule.custom_attributes
        .insert(format!("{ENGINE_PREFIX}max_group_entries"), entries.to_string().into());
    Ok(())
}

fn of_detection(rule: &SigmaRule) -> Rule {
    let atlas = rule.custom_attributes.get("atlas").and_then(|value| value.as_sequence());
    let atlas = atlas.into_iter().flatten().filter_map(|id| id.as_str().map(str::to_owned));
    Rule {
        name: rule.name.clone().unwrap_or_default(),
        id: rule.id.clone().unwrap_or_default(),
        title: rule.title.clone(),
        description: one_line(rule.description.as_deref()),
        level: rule.level.map_or(Level::Medium, Level::from),
        tags: rule.tags.clone(),
        atlas: atlas.collect(),
        falsepositives: rule.falsepositives.clone(),
        references: rule.references.clone(),
        sort: "detection",
        window_s: 0,
    }
}

fn of_correlation(rule: &CorrelationRule) -> Rule {
    let atlas = rule.custom_attributes.get("atlas").and_then(|value| value.as_sequence());
    let atlas = atlas.into_iter().flatten().filter_map(|id| id.as_str().map(str::to_owned));
    Rule {
        name: rule.name.clone().unwrap_or_default(),
        id: rule.id.clone().unwrap_or_default(),
        title: rule.title.clone(),
        description: one_line(rule.description.as_deref()),
        level: rule.level.map_or(Level::Medium, Level::from),
        tags: rule.tags.clone(),
        atlas: atlas.collect(),
        falsepositives: rule.falsepositives.clone(),
        references: rule.references.clone(),
        sort: rule.correlation_type.as_str(),
        window_s: rule.timespan.seconds,
    }
}

fn one_line(text: Option<&str>) -> String {
    text.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
