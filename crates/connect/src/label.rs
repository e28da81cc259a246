//! From the labels of a service to kinds of finding.
//!
//! A table is read from its top; the first pattern that fits decides. A pattern is a label in small
//! letters, or begins one and ends in `*`; a kind may end in `*` too and then takes over what the `*` of
//! the pattern stood for. A kind that is empty says that the label is nothing to report.
//!
//! INVARIANT: a kind is of bounded length and of small letters, digits, `_` and `.` only, whatever a
//! service says.

use std::borrow::Cow;

use events::Kind;

/// Bytes of a kind.
pub const KIND_BYTES_MAX: usize = 64;
/// Bytes of a label that are looked at.
const LABEL_BYTES_MAX: usize = 128;

/// The kind of finding of a verdict that says no more than that; the shipped policies block it.
pub(crate) const VERDICT: &str = "custom.external_verdict";
/// The whole label is the kind, if it can be one.
pub(crate) const AS_LABELLED: &str = "=";
/// The label is nothing to report.
pub(crate) const NOTHING: &str = "";

/// What a label means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// It is not in the table.
    Unknown,
    /// Nothing to report.
    Nothing,
    /// A finding of this kind.
    Found(Kind),
}

/// A pattern and the kind it stands for.
pub(crate) type Row = (Cow<'static, str>, Cow<'static, str>);

/// What a label means by these rows.
pub(crate) fn meaning(rows: &[Row], label: &str) -> Meaning {
    let label = cut(label.trim()).to_lowercase();
    for (pattern, kind) in rows {
        let rest = match pattern.strip_suffix('*') {
            Some(start) => label.strip_prefix(start),
            None => (label == *pattern).then_some(""),
        };
        let Some(rest) = rest else { continue };
        return match (&**kind, kind.strip_suffix('*')) {
            (NOTHING, _) => Meaning::Nothing,
            (AS_LABELLED, _) if is_kind(&label) => Meaning::Found(Kind::named(label)),
            (AS_LABELLED, _) => Meaning::Found(Kind::of(VERDICT)),
            (_, Some(start)) => {
                Meaning::Found(Kind::named(format!("{start}{}", word(rest, start))))
            }
            (kind, None) => Meaning::Found(Kind::named(kind.to_owned())),
        };
    }
    Meaning::Unknown
}

/// Whether this names a kind of finding: small words joined by dots.
pub(crate) fn is_kind(kind: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty()
            && word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    };
    kind.len() <= KIND_BYTES_MAX && kind.split('.').all(is_word)
}

/// Whether a kind may stand in a table: see the module.
pub(crate) fn is_kind_in_table(kind: &str) -> bool {
    kind == NOTHING || kind == AS_LABELLED || is_kind(&kind.replace('*', "x"))
}

/// What a `*` stood for, as one word of a kind that begins with `start`.
fn word(rest: &str, start: &str) -> String {
    let as_one = |character: char| if character.is_ascii_alphanumeric() { character } else { '_' };
    let word: String =
        rest.chars().map(as_one).take(KIND_BYTES_MAX.saturating_sub(start.len())).collect();
    if word.is_empty() { String::from("other") } else { word }
}

/// The start of a label, as far as it is looked at.
pub(crate) fn cut(label: &str) -> &str {
    &label[..label.floor_char_boundary(LABEL_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows() -> Vec<Row> {
        [
            ("prompt_attack", "injection"),
            ("benign", NOTHING),
            ("pii/*", "pii.*"),
            ("kind:*", AS_LABELLED),
            ("custom*", AS_LABELLED),
            ("rail *", VERDICT),
        ]
        .map(|(pattern, kind)| (pattern.into(), kind.into()))
        .to_vec()
    }

    #[test]
    fn labels_mean_what_the_table_says() {
        let found = |kind: &'static str| Meaning::Found(Kind::of(kind));
        for (label, expect) in [
            ("prompt_attack", found("injection")),
            (" Prompt_Attack\n", found("injection")),
            ("prompt_attack2", Meaning::Unknown),
            ("BENIGN", Meaning::Nothing),
            ("pii/email", found("pii.email")),
            ("PII/Credit-Card é", found("pii.credit_card__")),
            ("pii/", found("pii.other")),
            ("custom.project_name", found("custom.project_name")),
            ("custom words", found(VERDICT)),
            ("rail 7", found(VERDICT)),
            ("", Meaning::Unknown),
        ] {
            assert_eq!(meaning(&rows(), label), expect, "{label}");
        }
    }

    #[test]
    fn kinds_in_tables_are_checked() {
        for (kind, is_one) in [
            ("injection", true),
            ("pii.*", true),
            ("", true),
            ("=", true),
            ("Injection", false),
            ("a..b", false),
            ("a b", false),
        ] {
            assert_eq!(is_kind_in_table(kind), is_one, "{kind}");
        }
        assert!(!is_kind(&"a".repeat(KIND_BYTES_MAX + 1)) && is_kind(&"a".repeat(KIND_BYTES_MAX)));
    }

    proptest! {
        #[test]
        fn whatever_a_service_says_becomes_a_bounded_kind(label in "\\PC{0,200}|pii/\\PC{0,200}") {
            if let Meaning::Found(kind) = meaning(&rows(), &label) {
                prop_assert!(is_kind(kind.as_str()), "{}", kind);
            }
        }
    }
}
