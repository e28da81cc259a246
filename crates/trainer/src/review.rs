//! Examples of secrets whose label says something other than whether there is a secret: they are counted as labelled, and a
//! second time without them.
//!
//! INVARIANT: whole rules and whole classes are set aside where that can be said, found or not; single rows only where
//! a scanner marks a whole key as harmless because its own rule does not fit it.
//!
//! Not here: what the detectors make of them (`values`).

use crate::corpus::Row;

/// Rules for names of things that are not secret: addresses, accounts, buckets, shops.
const RULES: &[&str] = &[
    "ip_public",
    "AWS Account ID",
    "AWS S3 Bucket",
    "Amazon Resource Name",
    "Google Cloud Storage Bucket",
    "Shopify Domain",
];

/// What templates and the patterns of the scanners themselves hold instead of a value.
const STAND_INS: &[&str] = &["{secret}", "%s", "[\\w", "[a-zA-Z", "\"type\": \"service_account\""];

/// Characters that no key repeats so often.
const REPEATS_MIN: usize = 8;

// tidy: table - rows that hold a whole key and are marked harmless
/// Whole keys that are marked harmless: known public ones (Chromium's and Firebase's), and keys of a
/// form that the rule they test is not for.
const WHOLE_KEYS: &[(&str, &[u32])] = &[
    ("detect_secrets_tests", &[139, 140, 141, 142]),
    (
        "gitleaks_rule_tests",
        &[
            122, 151, 152, 153, 154, 155, 156, 157, 158, 159, 160, 161, 162, 163, 164, 165, 212,
            296, 298, 300, 345,
        ],
    ),
    ("noseyparker_rule_examples", &[18, 29, 151, 224, 356, 382, 397, 453]),
];

/// Whether the label of an example says something other than whether there is a secret in it.
pub(crate) fn is_set_aside(row: &Row) -> bool {
    let is_row = || {
        let number = row.id.rsplit('-').next().and_then(|digits| digits.parse::<u32>().ok());
        WHOLE_KEYS.iter().any(|(source, rows)| {
            row.source == *source && number.is_some_and(|number| rows.contains(&number))
        })
    };
    match row.is_secret {
        Some(true) => RULES.contains(&row.family.as_str()) || is_stand_in(&row.text),
        Some(false) => is_row(),
        None => false,
    }
}

fn is_stand_in(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_same = |run: &[u8]| {
        run.iter().all(|byte| byte.is_ascii_alphanumeric() && run.first() == Some(byte))
    };
    STAND_INS.iter().any(|sign| text.contains(sign)) || bytes.windows(REPEATS_MIN).any(is_same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_are_told_from_keys() {
        for (text, expect) in [
            ("AP6xxxxxxxxxx", true),
            ("\"{secret}\"", true),
            ("[\\w~.-]{31,34}", true),
            ("ghp_q8Zt3vK9xB2mN7cL4pRwT6yJ1hG5fD0aS8qW", false),
            ("************", false),
        ] {
            assert_eq!(is_stand_in(text), expect, "{text}");
        }
    }
}
