//! Runs rules over records, one after the other.
//!
//! INVARIANT: the answer to a record depends on the records before it alone: on no clock, and not on when they came. INVARIANT: findings of hunts are
//! no records to hunt in, so that no rule feeds itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rsigma_eval::{
    CorrelationConfig, CorrelationEngine, EvaluationResult, Event as _, LogSourceExtractor,
    TimestampFallback,
};
use rsigma_parser::{
    ConditionOperator, CorrelationCondition, CorrelationType, LogSource, SigmaCollection,
};

use crate::sigma::facts::Facts;
use crate::sigma::hit::{HUNT_KIND_PREFIX, Hit};
use crate::sigma::memory::{self, CORRELATED_BYTES_MAX, ENTRY_BYTES};
use crate::sigma::rules::Rules;

/// Groups and windows that were told of, at most; more are told again.
const TOLD_MAX: usize = 16_384;
/// A clock that is set back by more than this many seconds begins anew: what was before would not go for as long.
const BACK_S_MAX: u64 = 3_600;
/// The field that says what sort of record it is, and rules' category.
const CLASS: &str = "class";

/// Runs rules over records.
pub struct Hunter<'r> {
    rules: &'r Rules,
    documents: SigmaCollection,
    engine: CorrelationEngine,
    /// What a record takes to be remembered that a document fits: the texts of these fields, for each correlation.
    costs: HashMap<String, Vec<Vec<String>>>,
    /// At most so many bytes are remembered, by an estimate from above.
    bytes: usize,
    bytes_max: usize,
    forgotten: u64,
    /// The window in which each rule and group was last told of.
    told: BTreeMap<(String, Vec<(String, String)>), u64>,
    time_s: u64,
}

impl std::fmt::Debug for Hunter<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Hunter").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl<'r> Hunter<'r> {
    /// A hunter that has seen nothing yet, with these rules or all. Says what is wrong with the rules together.
    pub fn new(rules: &'r Rules, only: Option<&BTreeSet<&str>>) -> Result<Self, String> {
        let documents = rules.documents(only);
        let engine = engine(&documents)?;
        let costs = costs(&documents);
        Ok(Self {
            rules,
            documents,
            engine,
            costs,
            bytes: 0,
            bytes_max: CORRELATED_BYTES_MAX,
            forgotten: 0,
            told: BTreeMap::new(),
            time_s: 0,
        })
    }

    /// The same, which remembers no more than so many bytes.
    #[must_use]
    pub fn remembering(mut self, bytes_max: usize) -> Self {
        self.bytes_max = bytes_max;
        self
    }

    /// Groups that were forgotten before their time, for want of room.
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Takes the next record; what the rules find in it.
    pub fn observe(&mut self, facts: &Facts<'_>) -> Vec<Hit<'r>> {
        if facts.text("kind").is_some_and(|kind| kind.starts_with(HUNT_KIND_PREFIX)) {
            return Vec::new();
        }
        let time_s = self.goes_on(facts.time_ms / 1_000);
        let found = self.engine.process_event_at(facts, time_s);
        if found.is_empty() {
            return Vec::new();
        }
        let hits = found.iter().filter_map(|one| self.hit(one, facts)).collect();
        self.bytes += found.iter().map(|one| self.cost(one, facts)).sum::<usize>();
        if self.bytes > self.bytes_max {
            self.trim(time_s);
        }
        hits
    }

    /// Windows only ever go on, unless the clock was set back by much.
    fn goes_on(&mut self, time_s: u64) -> i64 {
        if time_s.saturating_add(BACK_S_MAX) < self.time_s
            && let Ok(engine) = engine(&self.documents)
        {
            self.forgotten += self.engine.state_count() as u64;
            self.engine = engine;
            self.told.clear();
            self.bytes = 0;
            self.time_s = 0;
        }
        self.time_s = self.time_s.max(time_s);
        i64::try_from(self.time_s).unwrap_or(i64::MAX)
    }

    fn hit(&mut self, found: &EvaluationResult, facts: &Facts<'_>) -> Option<Hit<'r>> {
        let rules: &'r Rules = self.rules;
        let rule = rules.by_id(found.header.rule_id.as_deref()?)?;
        let mut hit = Hit {
            rule,
            time_ms: facts.time_ms,
            group: Vec::new(),
            value: None,
            interaction: facts.text("interaction").map(str::to_owned),
        };
        if let Some(body) = found.as_correlation() {
            if body.correlation_type == CorrelationType::ValuePercentile
                && !self.is_beyond(&rule.id, body.aggregated_value)
            {
                return None;
            }
            hit.group.clone_from(&body.group_key);
            hit.value = Some(body.aggregated_value);
            let window = self.time_s / rule.window_s.max(1);
            let key = (rule.name.clone(), hit.group.clone());
            if self.told.insert(key, window) == Some(window) {
                return None;
            }
            if self.told.len() > TOLD_MAX {
                self.forget_told();
            }
        }
        Some(hit)
    }

    /// Whether a percentile is what the rule asks for: the engine does not look.
    fn is_beyond(&self, id: &str, value: f64) -> bool {
        let rule = self.documents.correlations.iter().find(|one| one.id.as_deref() == Some(id));
        let Some(CorrelationCondition::Threshold { predicates, .. }) =
            rule.map(|one| &one.condition)
        else {
            return false;
        };
        predicates.iter().all(|(operator, wanted)| {
            let order = value.total_cmp(&(*wanted as f64));
            match operator {
                ConditionOperator::Lt => order.is_lt(),
                ConditionOperator::Lte => order.is_le(),
                ConditionOperator::Gt => order.is_gt(),
                ConditionOperator::Gte => order.is_ge(),
                ConditionOperator::Eq => order.is_eq(),
                ConditionOperator::Neq => order.is_ne(),
            }
        })
    }

    /// Lets go of windows that are over; should that not be enough, of all.
    fn forget_told(&mut self) {
        let (rules, time_s) = (self.rules, self.time_s);
        self.told.retain(|(name, _), window| {
            rules.get(name).is_some_and(|rule| *window == time_s / rule.window_s.max(1))
        });
        if self.told.len() > TOLD_MAX {
            self.forgotten += self.told.len() as u64;
            self.told.clear();
        }
    }

    fn cost(&self, found: &EvaluationResult, facts: &Facts<'_>) -> usize {
        let correlations = found.header.rule_id.as_ref().and_then(|id| self.costs.get(id));
        let text = |field: &String| match facts.get_field(field) {
            Some(value) => value.as_str().map_or(0, |text| text.len()),
            None => 0,
        };
        let each =
            |fields: &Vec<String>| 2 * ENTRY_BYTES + 2 * fields.iter().map(text).sum::<usize>();
        correlations.into_iter().flatten().map(each).sum()
    }

    fn trim(&mut self, time_s: i64) {
        self.engine.evict_expired(time_s);
        let mut kept = self.engine.export_state();
        let half = self.bytes_max / 2;
        self.bytes = memory::bytes(&kept);
        if self.bytes <= half {
            return;
        }
        let (gone, left) = memory::trim(&mut kept, half);
        // What it knows cannot be taken from the engine, so there is another one. The documents have made one before.
        if let Ok(mut engine) = engine(&self.documents) {
            engine.import_state(kept);
            self.engine = engine;
            self.forgotten += gone;
            self.bytes = left;
        }
    }
}

fn engine(documents: &SigmaCollection) -> Result<CorrelationEngine, String> {
    let config = CorrelationConfig {
        timestamp_fields: Vec::new(),
        timestamp_fallback: TimestampFallback::Skip,
        max_state_entries: usize::MAX,
        ..CorrelationConfig::default()
    };
    let mut engine = CorrelationEngine::new(config);
    let source =
        LogSourceExtractor::new().with_field_names("product", "service", CLASS).with_defaults(
            LogSource { product: Some(String::from("bartizan")), ..LogSource::default() },
        );
    engine.set_logsource_extractor(Some(source));
    engine.add_collection(documents).map_err(|error| error.to_string())?;
    Ok(engine)
}

/// By the id of a document: the fields whose texts each correlation keeps that is made of it.
fn costs(documents: &SigmaCollection) -> HashMap<String, Vec<Vec<String>>> {
    let rules = documents.rules.iter().map(|one| (&one.id, &one.name));
    let correlations = documents.correlations.iter().map(|one| (&one.id, &one.name));
    let mut costs = HashMap::new();
    for (id, name) in rules.chain(correlations) {
        let is_part = |one: &String| id.as_ref() == Some(one) || name.as_ref() == Some(one);
        let of_it = documents.correlations.iter().filter(|one| one.rules.iter().any(is_part));
        let fields: Vec<Vec<String>> = of_it
            .map(|one| {
                let counted = match &one.condition {
                    CorrelationCondition::Threshold { field, .. } => {
                        field.clone().unwrap_or_default()
                    }
                    CorrelationCondition::Extended(_) => Vec::new(),
                };
                one.group_by.iter().cloned().chain(counted).collect()
            })
            .collect();
        if let (Some(id), false) = (id, fields.is_empty()) {
            costs.insert(id.clone(), fields);
        }
    }
    costs
}

#[cfg(test)]
#[path = "hunter_tests.rs"]
mod tests;
