//! The tables of families, by what the keys open.
//!
//! Each line: kind, prefix, alphabet of what follows, fewest and most characters of it. Sources are
//! the providers' own documentation of their formats; lengths leave room for what was seen.

mod ai;
mod business;
mod cloud;
mod code;
mod data;
mod messaging;

use super::family::{Alphabet, Check, Family};

/// All tables.
pub(super) const FAMILIES: [&[Family]; 6] =
    [ai::TABLE, cloud::TABLE, code::TABLE, messaging::TABLE, business::TABLE, data::TABLE];

/// The kinds of all families, sorted, each once, with an example prefix.
pub(crate) fn kinds() -> Vec<(&'static str, &'static str)> {
    let mut kinds: Vec<(&str, &str)> = FAMILIES
        .iter()
        .flat_map(|table| table.iter())
        .map(|family| (family.kind, family.prefix))
        .chain(super::shapes::KINDS.iter().copied())
        .chain(super::named::kinds())
        .collect();
    kinds.sort_by_key(|(kind, _)| *kind);
    kinds.dedup_by_key(|(kind, _)| *kind);
    kinds
}

/// A family whose keys must look random after the prefix, because words could follow it too.
const fn random(
    kind: &'static str,
    prefix: &'static str,
    alphabet: Alphabet,
    min: u16,
    max: u16,
) -> Family {
    Family { kind, prefix, alphabet, min, max, check: Check::Random }
}

/// A family whose prefix no ordinary text has.
const fn sure(
    kind: &'static str,
    prefix: &'static str,
    alphabet: Alphabet,
    min: u16,
    max: u16,
) -> Family {
    Family { kind, prefix, alphabet, min, max, check: Check::Varied }
}

/// A family whose keys may be longer than is read at once.
const fn endless(kind: &'static str, prefix: &'static str, alphabet: Alphabet, min: u16) -> Family {
    Family { kind, prefix, alphabet, min, max: min, check: Check::Endless }
}

/// A family with a test of its own.
const fn checked(
    kind: &'static str,
    prefix: &'static str,
    alphabet: Alphabet,
    len: u16,
    check: fn(&[u8]) -> Option<u8>,
) -> Family {
    checked_within(kind, prefix, alphabet, (len, len), check)
}

/// As [`checked`], for keys of several lengths.
const fn checked_within(
    kind: &'static str,
    prefix: &'static str,
    alphabet: Alphabet,
    (min, max): (u16, u16),
    check: fn(&[u8]) -> Option<u8>,
) -> Family {
    Family { kind, prefix, alphabet, min, max, check: Check::Whole(check) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::super::tests::{hits, located_hits};
    use super::*;
    use crate::text::VALUE_BYTES_MAX;

    /// A made-up body of `len` characters that looks drawn at random. Not a key of anyone.
    fn body(alphabet: Alphabet, len: usize) -> String {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ len as u64;
        std::iter::repeat_with(|| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u8 & 0x7f
        })
        .filter(|byte| alphabet.has(*byte) && byte.is_ascii_alphanumeric())
        .take(len)
        .map(char::from)
        .collect()
    }

    #[test]
    fn there_are_enough_families() {
        let kinds: BTreeSet<_> = kinds().into_iter().map(|(kind, _)| kind).collect();
        assert!(kinds.len() >= 200, "{}", kinds.len());
        assert!(kinds.iter().all(|kind| kind.starts_with("secret.")));
    }

    #[test]
    fn every_family_fits_the_limit() {
        for family in FAMILIES.iter().flat_map(|table| table.iter()) {
            assert!(family.prefix.len() >= 2 && family.min <= family.max, "{}", family.prefix);
            assert!(
                family.prefix.len() + usize::from(family.max) < VALUE_BYTES_MAX,
                "{}",
                family.prefix
            );
        }
    }

    #[test]
    fn every_family_finds_a_key_of_its_own_in_any_surroundings() {
        for family in FAMILIES.iter().flat_map(|table| table.iter()) {
            if matches!(family.check, Check::Whole(_) | Check::Endless) {
                continue;
            }
            for len in [family.min, family.max] {
                let key = format!("{}{}", family.prefix, body(family.alphabet, usize::from(len)));
                for text in [
                    key.clone(),
                    format!("KEY=\"{key}\"\n"),
                    format!("it is {key}, ok"),
                    format!("x\\n{key}\\n"),
                ] {
                    let found = hits(&text);
                    assert_eq!(found.len(), 1, "{text}: {found:?}");
                    assert_eq!(found[0].len, key.len(), "{text}");
                    assert!(found[0].kind.starts_with("secret."), "{text}");
                }
            }
        }
    }

    #[track_caller]
    fn not_a_key_of(family: &Family, text: &str) {
        // A prefix may hold another one, whose key begins later, or share it with another family.
        let found = located_hits(text);
        let own = found.iter().any(|(at, hit)| *at == 0 && hit.kind == family.kind);
        assert!(!own, "{text}: {found:?}");
    }

    #[test]
    fn no_family_finds_its_placeholder_or_a_wrong_length() {
        for family in FAMILIES.iter().flat_map(|table| table.iter()) {
            let placeholder = format!("{}{}", family.prefix, "x".repeat(usize::from(family.min)));
            not_a_key_of(family, &placeholder);
            let short = body(family.alphabet, usize::from(family.min) - 1);
            not_a_key_of(family, &format!("{}{short}", family.prefix));
            if matches!(family.check, Check::Endless) {
                continue;
            }
            let long = body(family.alphabet, usize::from(family.max) + 1);
            not_a_key_of(family, &format!("{}{long}", family.prefix));
        }
    }
}
