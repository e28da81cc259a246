//! From the text of a configuration file to options, with every problem pointed at.
//!
//! INVARIANT: a message names file, line and column, says what to do, and shows no secret.

use std::ops::Range;

use serde::Deserialize as _;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::known_keys::unknown_keys;
use super::options::ConfigOptions;
use super::schema::schema;
use super::secret::{NOT_A_REFERENCE, shown};
use crate::exit::Problem;

/// A configuration file as read, kept for messages about it.
pub(crate) struct ConfigText<'a> {
    name: &'a str,
    text: &'a str,
    table: Option<Spanned<DeTable<'a>>>,
}

impl<'a> ConfigText<'a> {
    /// A file of this name with this text.
    pub(crate) fn new(name: &'a str, text: &'a str) -> Self {
        Self { name, text, table: None }
    }

    /// The options it says, or everything that is wrong with it.
    pub(crate) fn parse(&mut self) -> Result<ConfigOptions, Vec<Problem>> {
        let table = DeTable::parse(self.text).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            let message = format!("not TOML: {}", first_line(error.message()));
            vec![self.problem(message, span, "see https://toml.io for the notation")]
        })?;
        let unknown = unknown_keys(table.get_ref(), &schema());
        if !unknown.is_empty() {
            let hidden: Vec<_> = unknown.iter().map(|unknown| unknown.value.clone()).collect();
            let explain = |unknown: super::known_keys::UnknownKey| {
                let shown = hide(shown(self.text), &hidden);
                Problem::new(unknown.message).with_help(unknown.help).at(
                    self.name,
                    &shown,
                    &unknown.span,
                )
            };
            return Err(unknown.into_iter().map(explain).collect());
        }
        if let Some(span) = first_date(table.get_ref()) {
            let help = "write it in quotes: \"2027-04-01\"";
            return Err(vec![self.problem("dates are written as text", span, help)]);
        }
        let options = ConfigOptions::deserialize(toml::Deserializer::from(table.clone()));
        self.table = Some(table);
        options.map_err(|error| vec![self.value_problem(&error)])
    }

    /// A problem with the value at `path` (`upstreams[1].base_url`), or with the nearest part of the
    /// path that is in the file.
    pub(crate) fn problem_at(&self, path: &str, message: &str, help: &str) -> Problem {
        let message = format!("`{path}`: {message}");
        match self.table.as_ref().and_then(|table| found(table, path).1) {
            Some(span) => self.problem(message, span, help),
            None => Problem::new(message).with_help(help),
        }
    }

    /// Whether the file says anything at `path`.
    pub(crate) fn says(&self, path: &str) -> bool {
        let found = self.table.as_ref().map(|table| found(table, path));
        found.is_some_and(|(depth, _)| depth == path.split(['.', '[']).count())
    }

    /// A value of the wrong type or outside its choices.
    fn value_problem(&self, error: &toml::de::Error) -> Problem {
        let message = first_line(error.message());
        let span = error.span().unwrap_or(0..0);
        if message == NOT_A_REFERENCE {
            let (what, help) = NOT_A_REFERENCE.split_once(": ").unwrap_or((NOT_A_REFERENCE, ""));
            return self.problem(format!("`api_key` is {what}"), span, help);
        }
        if let Some(name) = message.strip_prefix("missing field ") {
            let help = "`bartizan config example` shows what belongs there";
            return self.problem(format!("the key {name} is missing"), span, help);
        }
        self.problem(
            message.to_owned(),
            span,
            "`bartizan config example` shows every key with its default",
        )
    }

    fn problem(&self, message: impl Into<String>, span: Range<usize>, help: &str) -> Problem {
        Problem::new(message.into()).with_help(help).at(self.name, &shown(self.text), &span)
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or(text)
}

/// Stars out values, keeping every offset.
fn hide(text: String, values: &[Range<usize>]) -> String {
    let mut bytes = text.into_bytes();
    for value in values {
        for byte in bytes.get_mut(value.clone()).into_iter().flatten() {
            if !byte.is_ascii_whitespace() {
                *byte = b'*';
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// Where the first date or time without quotes stands.
fn first_date(table: &DeTable<'_>) -> Option<Range<usize>> {
    fn search(value: &Spanned<DeValue<'_>>) -> Option<Range<usize>> {
        match value.get_ref() {
            DeValue::Datetime(_) => Some(value.span()),
            DeValue::Table(table) => first_date(table),
            DeValue::Array(items) => items.iter().find_map(search),
            _ => None,
        }
    }
    table.iter().find_map(|(_, value)| search(value))
}

/// How many parts of `path` are in the file, and where the deepest of them stands.
fn found(table: &Spanned<DeTable<'_>>, path: &str) -> (usize, Option<Range<usize>>) {
    let (mut depth, mut span) = (0, None);
    let mut here: Option<&DeValue<'_>> = None;
    for segment in path.split(['.', '[']) {
        let next = match (here, segment.strip_suffix(']')) {
            (None, _) => table.get_ref().get(segment),
            (Some(value), Some(index)) => {
                index.parse::<usize>().ok().and_then(|index| value.get(index))
            }
            (Some(value), None) => value.get(segment),
        };
        let Some(next) = next else { break };
        depth += 1;
        span = Some(next.span());
        here = Some(next.get_ref());
    }
    (depth, span)
}

/// The value of a JSON schema's keyword as text.
pub(crate) fn keyword<'a>(schema: &'a Value, name: &str) -> Option<&'a str> {
    schema.get(name).and_then(Value::as_str)
}
