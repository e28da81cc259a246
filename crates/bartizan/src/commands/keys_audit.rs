//! `bartizan keys audit`: what is known of each key's use, and what should be done about it.
//!
//! Uses are read from the record, so that the answer is the same whether or not a gateway runs.
//!
//! INVARIANT: nothing is changed. INVARIANT: bounded: per key, [`NAMES_MAX`] addresses, models and routes are kept; more
//! are counted as "and more".

use std::collections::{BTreeMap, BTreeSet};

use events::{EventBody, KeyId};
use journal::Record;
use policy::NamePattern;
use serde::Serialize;
use store::{KeyRecord, KeyStatus};

use super::key_changes::EXPOSED;

/// Addresses, models and upstreams that are kept of a key.
pub(crate) const NAMES_MAX: usize = 64;
/// A key's secret is old after so many days.
const SECRET_DAYS_MAX: u64 = 90;
const DAY_MS: u64 = 86_400_000;

/// What a key was used for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct KeyUse {
    pub(crate) requests: u64,
    pub(crate) refused: u64,
    /// In milliseconds since 1970.
    pub(crate) last_used_ms: Option<u64>,
    pub(crate) addresses: BTreeSet<String>,
    pub(crate) models: BTreeSet<String>,
    /// When it was seen in plain text, in milliseconds since 1970.
    pub(crate) exposed_ms: Vec<u64>,
}

/// Something to do about a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Advice {
    /// Stable: `exposed`, `unused`, …
    pub(crate) code: &'static str,
    /// Whether something is wrong, rather than wider than it need be.
    pub(crate) is_urgent: bool,
    pub(crate) text: String,
}

/// Counts one record.
pub(crate) fn count(uses: &mut BTreeMap<KeyId, KeyUse>, record: &Record) {
    let time_ms = record.event.time_ms;
    match &record.event.body {
        EventBody::InteractionOpened(opened) => {
            let Some(key) = opened.principal.key else { return };
            let known = uses.entry(key).or_default();
            known.requests += 1;
            known.refused += u64::from(opened.decision.outcome == events::Outcome::Refused);
            known.last_used_ms = known.last_used_ms.max(Some(time_ms));
            keep(&mut known.addresses, &opened.client_address);
            opened.model.as_deref().into_iter().for_each(|model| keep(&mut known.models, model));
        }
        EventBody::Administration(change) if change.operation == EXPOSED => {
            if let Ok(key) = change.target.parse() {
                let seen = &mut uses.entry(key).or_default().exposed_ms;
                if seen.len() < NAMES_MAX {
                    seen.push(time_ms);
                }
            }
        }
        _ => {}
    }
}

fn keep(names: &mut BTreeSet<String>, name: &str) {
    if names.len() < NAMES_MAX && !names.contains(name) {
        names.insert(name.to_owned());
    }
}

/// What should be done about a key, the most urgent first. `days` is how far back uses were counted.
pub(crate) fn advise(
    key: &KeyRecord,
    others: &[KeyRecord],
    used: &KeyUse,
    days: u64,
    now_ms: u64,
) -> Vec<Advice> {
    let mut all = Vec::new();
    let mut advise = |code, is_urgent, text: String| all.push(Advice { code, is_urgent, text });
    if key.status == KeyStatus::Revoked {
        return all;
    }
    let grant = &key.grant;
    let since_secret = key.rotated_ms.unwrap_or(key.created_ms);
    if used.exposed_ms.iter().any(|seen| *seen >= since_secret) {
        advise("exposed", true, "was seen in plain text: rotate it".to_owned());
    }
    if grant.expires_ms.is_some_and(|at| at <= now_ms) {
        advise("expired", false, "has expired: revoke it".to_owned());
        return all;
    }
    let age_days = now_ms.saturating_sub(since_secret) / DAY_MS;
    if age_days > SECRET_DAYS_MAX {
        advise("old", true, format!("its secret is {age_days} days old: rotate it"));
    }
    if used.requests == 0 && now_ms.saturating_sub(key.created_ms) >= days.saturating_mul(DAY_MS) {
        advise("unused", true, format!("was not used in {days} days: revoke it"));
    }
    let is_active_twin = |other: &&KeyRecord| {
        other.id != key.id
            && other.status == KeyStatus::Active
            && (&other.grant.name, &other.grant.application, &other.grant.team)
                == (&grant.name, &grant.application, &grant.team)
    };
    if let Some(other) = others.iter().find(is_active_twin) {
        advise("duplicate", false, format!("{} is for the same: keep one", other.id));
    }
    let listed = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
    if used.requests > 0 {
        if grant.models.is_empty() && !used.models.is_empty() {
            advise(
                "every_model",
                false,
                format!("may use every model, used {}", listed(&used.models)),
            );
        }
        for pattern in &grant.models {
            let matcher = NamePattern::new(pattern);
            if !used.models.iter().any(|model| matcher.matches(model)) {
                advise("unused_model", false, format!("may use `{pattern}` and did not"));
            }
        }
        if grant.addresses.is_empty() {
            advise(
                "everywhere",
                false,
                format!("may be used from everywhere, was from {}", listed(&used.addresses)),
            );
        }
    }
    if grant.expires_ms.is_none() {
        advise("never_expires", false, "never expires".to_owned());
    }
    if grant.quota.is_unlimited() {
        advise("no_quota", false, "has no quota of its own".to_owned());
    }
    all.sort_by_key(|advice| !advice.is_urgent);
    all
}

#[cfg(test)]
mod tests {
    use store::{GrantOptions, Quota};

    use super::*;

    const NOW_MS: u64 = 1_000 * DAY_MS;

    fn key(id: u64, grant: GrantOptions) -> KeyRecord {
        KeyRecord {
            id: KeyId::new(id),
            grant: GrantOptions { name: "ci".to_owned(), ..grant },
            status: KeyStatus::Active,
            created_ms: NOW_MS - 40 * DAY_MS,
            revoked_ms: None,
            rotated_ms: None,
            overlap_until_ms: None,
            version: 1,
        }
    }

    fn narrow() -> GrantOptions {
        GrantOptions {
            models: vec!["gpt-*".to_owned()],
            addresses: vec!["192.0.2.0/24".parse().expect("a range")],
            expires_ms: Some(NOW_MS + DAY_MS),
            quota: Quota { tokens_per_day: Some(1), ..Quota::default() },
            ..GrantOptions::default()
        }
    }

    fn used() -> KeyUse {
        let name = |text: &str| BTreeSet::from([text.to_owned()]);
        KeyUse {
            requests: 7,
            models: name("gpt-4o"),
            addresses: name("192.0.2.7"),
            ..KeyUse::default()
        }
    }

    fn codes(key: &KeyRecord, used: &KeyUse) -> Vec<&'static str> {
        let others = std::slice::from_ref(key);
        advise(key, others, used, 30, NOW_MS).into_iter().map(|advice| advice.code).collect()
    }

    #[test]
    fn a_narrow_key_in_use_needs_nothing() {
        assert!(codes(&key(1, narrow()), &used()).is_empty());
    }

    #[test]
    fn a_wide_key_is_told_what_it_was_used_for() {
        let wide = key(1, GrantOptions::default());
        assert_eq!(
            codes(&wide, &used()),
            ["every_model", "everywhere", "never_expires", "no_quota"]
        );
        let advice = advise(&wide, &[], &used(), 30, NOW_MS);
        assert_eq!(advice[0].text, "may use every model, used gpt-4o");
        let more = GrantOptions { models: vec!["gpt-*".into(), "o*".into()], ..narrow() };
        assert_eq!(codes(&key(1, more), &used()), ["unused_model"]);
    }

    #[test]
    fn what_is_wrong_comes_first() {
        let old = KeyRecord { created_ms: NOW_MS - 91 * DAY_MS, ..key(1, GrantOptions::default()) };
        let seen = KeyUse { exposed_ms: vec![NOW_MS - DAY_MS], ..KeyUse::default() };
        assert_eq!(codes(&old, &seen)[..3], ["exposed", "old", "unused"]);
        let rotated = KeyRecord { rotated_ms: Some(NOW_MS), ..old };
        assert_eq!(codes(&rotated, &KeyUse { requests: 1, ..seen })[..1], ["everywhere"]);
        let fresh = KeyRecord { created_ms: NOW_MS - 29 * DAY_MS, ..key(1, narrow()) };
        assert!(codes(&fresh, &KeyUse::default()).is_empty(), "too new to be called unused");
        let expired = key(1, GrantOptions { expires_ms: Some(NOW_MS), ..narrow() });
        assert_eq!(codes(&expired, &used()), ["expired"]);
        let revoked = KeyRecord { status: KeyStatus::Revoked, ..key(1, GrantOptions::default()) };
        assert!(codes(&revoked, &KeyUse::default()).is_empty());
    }

    #[test]
    fn keys_for_the_same_are_named() {
        let (one, two) = (key(1, narrow()), key(2, narrow()));
        let advice = advise(&one, &[one.clone(), two.clone()], &used(), 30, NOW_MS);
        assert_eq!(advice.len(), 1);
        assert_eq!(advice[0].text, format!("{} is for the same: keep one", two.id));
    }
}
