//! Where a claim is, and what it says as text.
//!
//! INVARIANT: what is no text becomes none: a claim of another form fits no condition and is nobody's name.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::json::Json;

/// Claims by name.
pub(crate) type Claims = BTreeMap<String, Json>;

/// Claims that are lists in one text, with spaces between (RFC 8693 section 4.2, and Entra's name for it).
const SPACED: [&str; 2] = ["scope", "scp"];
/// Steps of a path.
const STEPS_MAX: usize = 8;

/// A claim by its name (`sub`, `https://example.com/team`), or below others as a JSON pointer
/// (`/realm_access/roles`, RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath(Vec<String>);

impl ClaimPath {
    /// The path written so; nothing if it names nothing or goes too deep.
    pub fn parse(text: &str) -> Option<Self> {
        let steps: Vec<String> = match text.strip_prefix('/') {
            None => vec![text.to_owned()],
            Some(steps) => {
                steps.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
            }
        };
        let is_path = steps.len() <= STEPS_MAX && steps.iter().all(|step| !step.is_empty());
        is_path.then_some(Self(steps))
    }

    pub(crate) fn find<'c>(&self, claims: &'c Claims) -> Option<&'c Json> {
        let (first, rest) = self.0.split_first()?;
        rest.iter().try_fold(claims.get(first)?, |value, step| match value {
            Json::Object(members) => members.get(step),
            _ => None,
        })
    }

    /// Every text that the claim has.
    pub(crate) fn texts<'c>(&self, claims: &'c Claims) -> Vec<Cow<'c, str>> {
        match self.find(claims) {
            Some(Json::Text(text)) if self.is_spaced() => {
                text.split_ascii_whitespace().map(Cow::Borrowed).collect()
            }
            Some(Json::List(items)) => items.iter().filter_map(text_of).collect(),
            Some(value) => text_of(value).into_iter().collect(),
            None => Vec::new(),
        }
    }

    fn is_spaced(&self) -> bool {
        matches!(self.0.as_slice(), [only] if SPACED.contains(&only.as_str()))
    }
}

impl std::fmt::Display for ClaimPath {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.as_slice() {
            [only] if !only.starts_with('/') => formatter.write_str(only),
            steps => steps.iter().try_for_each(|step| {
                write!(formatter, "/{}", step.replace('~', "~0").replace('/', "~1"))
            }),
        }
    }
}

/// A value as text: texts, truth values and whole numbers.
pub(crate) fn text_of(value: &Json) -> Option<Cow<'_, str>> {
    /// Whole numbers up to here are exact.
    const EXACT_MAX: f64 = 9_007_199_254_740_991.0;
    match value {
        Json::Text(text) => Some(Cow::Borrowed(text)),
        Json::Bool(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
        Json::Number(number) if number.fract() == 0.0 && number.abs() <= EXACT_MAX => {
            Some(Cow::Owned(format!("{number:.0}")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_found_by_name_or_by_pointer() {
        let claims = Json::object(
            br#"{"sub":"ann","realm":{"roles":["a","b",7,null,1.5]},"scope":"x  y","a/b":{"~":true},"/":1}"#,
        )
        .unwrap_or_default();
        for (path, expected) in [
            ("sub", &["ann"][..]),
            ("/sub", &["ann"]),
            ("/realm/roles", &["a", "b", "7"]),
            ("realm/roles", &[]),
            ("scope", &["x", "y"]),
            ("/a~1b/~0", &["true"]),
            ("realm", &[]),
            ("/sub/x", &[]),
            ("nothing", &[]),
        ] {
            let parsed = ClaimPath::parse(path).map(|path| (path.texts(&claims), path.to_string()));
            let shown = if path == "/sub" { "sub" } else { path };
            let expected: Vec<Cow<'_, str>> = expected.iter().map(|text| (*text).into()).collect();
            assert_eq!(parsed, Some((expected, shown.to_owned())), "{path}");
        }
        for path in ["", "/", "//", "/a/", "/a/b/c/d/e/f/g/h/i"] {
            assert_eq!(ClaimPath::parse(path), None, "{path}");
        }
    }
}
