//! A fact: one field of an event with its value, whatever format it goes into.
//!
//! INVARIANT: no text of a fact is longer than [`TEXT_BYTES_MAX`]; how many were cut is a fact of its own.
//! INVARIANT: facts are in the order of the table of fields, and an empty text or list is no fact.
//!
//! Not here: which facts an event has (`walk`), what formats call them (`field`).

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::field::Field;

/// The longest text in an exported event, in bytes; the index of a SIEM passes over longer ones.
pub const TEXT_BYTES_MAX: usize = 1_024;

/// What a field says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Yes or no.
    Is(bool),
    /// A moment, in milliseconds since 1970.
    Moment(u64),
    /// A span of time, in microseconds.
    Microseconds(u64),
    /// A text.
    Text(Cow<'a, str>),
    /// Texts, of which those of neighbouring fields belong together by their place.
    Texts(Vec<Cow<'a, str>>),
    /// A whole number.
    Whole(u64),
    /// Whole numbers, as with texts.
    Wholes(Vec<u64>),
}

/// The largest whole number that consumers hold, which take them as signed.
pub(crate) const fn signed(number: u64) -> i64 {
    if number > i64::MAX as u64 { i64::MAX } else { number.cast_signed() }
}

/// `2026-11-23T14:05:09.123Z`, of milliseconds since 1970; moments that no calendar has become its last.
pub fn calendar(time_ms: u64) -> String {
    Timestamp::from_millisecond(signed(time_ms)).unwrap_or(Timestamp::MAX).to_string()
}

/// As much of a text as may stand in an exported event, up to a whole character.
pub(crate) fn bounded(text: &str, bytes_max: usize) -> &str {
    if text.len() <= bytes_max {
        return text;
    }
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or_default()
}

impl Value<'_> {
    /// As JSON in our own units.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Is(is) => json!(is),
            Self::Microseconds(number) | Self::Moment(number) | Self::Whole(number) => {
                json!(signed(*number))
            }
            Self::Text(text) => json!(text),
            Self::Texts(texts) => json!(texts),
            Self::Wholes(numbers) => numbers.iter().map(|number| signed(*number)).collect(),
        }
    }
}

/// What is known of one event, field by field.
#[derive(Debug, Default)]
pub struct Facts<'a> {
    facts: Vec<(Field, Value<'a>)>,
    cut: u64,
}

impl<'a> Facts<'a> {
    /// All of them, in the order of the table of fields.
    pub fn iter(&self) -> impl Iterator<Item = &(Field, Value<'a>)> {
        self.facts.iter()
    }

    /// What a field says.
    pub fn get(&self, field: Field) -> Option<&Value<'a>> {
        let found = self.facts.binary_search_by_key(&field, |(field, _)| *field).ok();
        found.and_then(|at| self.facts.get(at)).map(|(_, value)| value)
    }

    /// What a field says, if that is a text.
    pub(crate) fn text(&self, field: Field) -> Option<&str> {
        match self.get(field) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// What a field says, if that is a number.
    pub(crate) fn number(&self, field: Field) -> Option<u64> {
        match self.get(field)? {
            Value::Whole(number) | Value::Moment(number) | Value::Microseconds(number) => {
                Some(*number)
            }
            _ => None,
        }
    }

    /// What a field says, if that is a list of texts.
    pub(crate) fn texts(&self, field: Field) -> &[Cow<'a, str>] {
        match self.get(field) {
            Some(Value::Texts(texts)) => texts,
            _ => &[],
        }
    }

    pub(crate) fn put(&mut self, field: Field, value: Value<'a>) {
        self.facts.push((field, value));
    }

    pub(crate) fn put_text(&mut self, field: Field, text: impl Into<Cow<'a, str>>) {
        let text = self.bounded(text.into());
        if !text.is_empty() {
            self.put(field, Value::Text(text));
        }
    }

    pub(crate) fn put_maybe(&mut self, field: Field, text: Option<impl Into<Cow<'a, str>>>) {
        if let Some(text) = text {
            self.put_text(field, text);
        }
    }

    pub(crate) fn put_texts<T: Into<Cow<'a, str>>>(
        &mut self,
        field: Field,
        texts: impl IntoIterator<Item = T>,
    ) {
        let texts: Vec<_> = texts.into_iter().map(|text| self.bounded(text.into())).collect();
        if !texts.is_empty() {
            self.put(field, Value::Texts(texts));
        }
    }

    pub(crate) fn put_wholes(&mut self, field: Field, numbers: impl IntoIterator<Item = u64>) {
        let numbers: Vec<u64> = numbers.into_iter().collect();
        if !numbers.is_empty() {
            self.put(field, Value::Wholes(numbers));
        }
    }

    /// A count, of which nought is not worth saying.
    pub(crate) fn put_count(&mut self, field: Field, count: u64) {
        if count > 0 {
            self.put(field, Value::Whole(count));
        }
    }

    /// No more facts come: they are put in order.
    pub(crate) fn finish(mut self) -> Self {
        self.put_count(Field::TextsCut, self.cut);
        self.facts.sort_by_key(|(field, _)| *field);
        self
    }

    fn bounded(&mut self, text: Cow<'a, str>) -> Cow<'a, str> {
        if text.len() <= TEXT_BYTES_MAX {
            return text;
        }
        self.cut += 1;
        match text {
            Cow::Borrowed(text) => Cow::Borrowed(bounded(text, TEXT_BYTES_MAX)),
            Cow::Owned(text) => Cow::Owned(bounded(&text, TEXT_BYTES_MAX).to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Facts, TEXT_BYTES_MAX, Value, bounded, calendar};
    use crate::field::Field;

    #[test]
    fn long_texts_are_cut_at_a_character_and_counted() {
        let mut facts = Facts::default();
        facts.put_text(Field::Model, "é".repeat(TEXT_BYTES_MAX));
        facts.put_texts(Field::Rules, ["x".repeat(TEXT_BYTES_MAX + 1), String::from("short")]);
        let facts = facts.finish();
        assert_eq!(facts.text(Field::Model), Some("é".repeat(TEXT_BYTES_MAX / 2).as_str()));
        assert_eq!(facts.get(Field::TextsCut), Some(&Value::Whole(2)));
        assert_eq!(bounded("é", 1), "");
    }

    #[test]
    fn any_moment_has_a_date() {
        assert_eq!(calendar(1_795_442_709_123), "2026-11-23T14:05:09.123Z");
        assert!(calendar(u64::MAX).starts_with("9999-12-"));
    }
}
