//! Which records are exported: a span of time, and conditions on fields by our own names.
//!
//! `class=interaction_closed`, `principal.team!=blue`, `findings.kind=pii.*`, `severity>=3`. All have to hold. A list is equal
//! to what one of it is equal to, and different from what none of it is; a field that an event does not have is different from
//! everything.
//!
//! INVARIANT: a condition on a field that no event has, or a number that is none, is refused with what there is instead.

use std::str::FromStr;

use crate::fact::{Facts, Value, signed};
use crate::field::Field;

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Is,
    IsNot,
    AtLeast,
    AtMost,
}

/// The signs of comparisons; longer ones first, for they contain the others.
const SIGNS: [(&str, Comparison); 4] = [
    ("!=", Comparison::IsNot),
    (">=", Comparison::AtLeast),
    ("<=", Comparison::AtMost),
    ("=", Comparison::Is),
];

/// A condition on a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    field: Field,
    comparison: Comparison,
    wanted: String,
    number: Option<i64>,
}

/// What is wrong with a condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// There is nothing to compare.
    #[error("`{0}` is no condition")]
    Shape(String),
    /// No event has such a field.
    #[error("events have no field `{0}`")]
    Field(String),
    /// Only numbers are larger or smaller.
    #[error("`{0}` is no whole number")]
    Number(String),
}

impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        let shape = || ConditionError::Shape(text.to_owned());
        let end = text.find(['=', '!', '<', '>']).ok_or_else(shape)?;
        let (name, rest) = text.split_at(end);
        let sign = SIGNS.iter().find_map(|(sign, comparison)| {
            rest.strip_prefix(sign).map(|wanted| (*comparison, wanted))
        });
        let (comparison, wanted) = sign.ok_or_else(shape)?;
        let name = name.trim();
        let field = Field::ALL.iter().copied().find(|field| field.name() == name);
        let field = field.ok_or_else(|| ConditionError::Field(name.to_owned()))?;
        let wanted = wanted.trim();
        let number = wanted.parse().ok();
        if matches!(comparison, Comparison::AtLeast | Comparison::AtMost) && number.is_none() {
            return Err(ConditionError::Number(wanted.to_owned()));
        }
        Ok(Self { field, comparison, wanted: wanted.to_owned(), number })
    }
}

impl Condition {
    /// The fields that conditions may name.
    pub fn fields() -> impl Iterator<Item = &'static str> {
        Field::ALL.iter().map(|field| field.name())
    }

    fn holds(&self, facts: &Facts<'_>) -> bool {
        let value = facts.get(self.field);
        match self.comparison {
            Comparison::Is => value.is_some_and(|value| self.is(value)),
            Comparison::IsNot => !value.is_some_and(|value| self.is(value)),
            Comparison::AtLeast => self.any_number(value, |one, wanted| one >= wanted),
            Comparison::AtMost => self.any_number(value, |one, wanted| one <= wanted),
        }
    }

    fn is(&self, value: &Value<'_>) -> bool {
        let equals = |text: &str| match self.wanted.strip_suffix('*') {
            Some(beginning) => text.starts_with(beginning),
            None => text == self.wanted,
        };
        match value {
            Value::Is(is) => equals(&is.to_string()),
            Value::Text(text) => equals(text),
            Value::Texts(texts) => texts.iter().any(|text| equals(text)),
            numbers => self.any_number(Some(numbers), |one, wanted| one == wanted),
        }
    }

    fn any_number(&self, value: Option<&Value<'_>>, holds: fn(i64, i64) -> bool) -> bool {
        let Some(wanted) = self.number else { return false };
        match value {
            Some(Value::Whole(one) | Value::Moment(one) | Value::Microseconds(one)) => {
                holds(signed(*one), wanted)
            }
            Some(Value::Wholes(numbers)) => numbers.iter().any(|one| holds(signed(*one), wanted)),
            _ => false,
        }
    }
}

/// Which records are exported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Conditions that all hold.
    pub conditions: Vec<Condition>,
    /// From this moment on, in milliseconds since 1970.
    pub since_ms: Option<u64>,
    /// Before this moment.
    pub until_ms: Option<u64>,
}

impl Selection {
    pub(crate) fn is_in_time(&self, time_ms: u64) -> bool {
        self.since_ms.is_none_or(|since| time_ms >= since)
            && self.until_ms.is_none_or(|until| time_ms < until)
    }

    pub(crate) fn holds(&self, facts: &Facts<'_>) -> bool {
        self.conditions.iter().all(|condition| condition.holds(facts))
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::{Condition, ConditionError};
    use crate::fact::{Facts, Value};
    use crate::field::Field;

    fn facts() -> Facts<'static> {
        let mut facts = Facts::default();
        facts.put_text(Field::Class, "interaction_closed");
        facts.put(Field::Severity, Value::Whole(3));
        facts.put(Field::Streamed, Value::Is(true));
        facts.put(
            Field::FindingKinds,
            Value::Texts(vec![Cow::Borrowed("pii.email"), Cow::Borrowed("injection")]),
        );
        facts.put_wholes(Field::FindingRanks, [60, 20]);
        facts.finish()
    }

    #[test]
    fn conditions_are_read_and_hold() {
        let facts = facts();
        for (text, expected) in [
            ("class=interaction_closed", true),
            ("class=interaction_*", true),
            ("class = node", false),
            ("class!=node", true),
            ("severity>=3", true),
            ("severity<=2", false),
            ("severity=3", true),
            ("streamed=true", true),
            ("findings.kind=injection", true),
            ("findings.kind=pii.*", true),
            ("findings.kind!=pii.*", false),
            ("findings.rank>=60", true),
            ("model=x", false),
            ("model!=x", true),
            ("message=a=b", false),
        ] {
            let condition: Condition = text.parse().expect(text);
            assert_eq!(condition.holds(&facts), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        let parse = |text: &str| text.parse::<Condition>();
        assert_eq!(parse("class"), Err(ConditionError::Shape("class".into())));
        assert_eq!(parse("class>3"), Err(ConditionError::Shape("class>3".into())));
        assert_eq!(parse("colour=red"), Err(ConditionError::Field("colour".into())));
        assert_eq!(parse("severity>=high"), Err(ConditionError::Number("high".into())));
    }
}
