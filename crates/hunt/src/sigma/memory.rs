//! What correlations remember, and when it is too much.
//!
//! The engine keeps entries of each correlation and group for as long as its window is. What they take is estimated from above as records come; when the
//! estimate is beyond the limit, what is older than its window goes, then the groups that were quiet the longest.
//!
//! INVARIANT: which groups go depends on the records alone. INVARIANT: groups that go before their time are counted.

use rsigma_eval::{CorrelationSnapshot, GroupKey, WindowState};

/// Bytes that correlations remember at most, of all rules together.
pub const CORRELATED_BYTES_MAX: usize = 64 << 20;
/// Entries that are remembered of one group of a correlation that counts or sums up: the latest ones.
pub const ENTRIES_PER_GROUP_MAX: usize = 1_024;
/// Entries that are remembered of each step of a sequence, in one group: the latest ones. All combinations of them are tried.
pub(crate) const ENTRIES_PER_STEP_MAX: usize = 16;
/// Bytes that an entry takes, besides its texts: with its share of the tables, and of its group.
pub(crate) const ENTRY_BYTES: usize = 256;

/// Bytes that a group takes.
fn group_bytes(key: &GroupKey, state: &WindowState) -> usize {
    let texts: usize = key.0.iter().flatten().map(String::len).sum();
    let values = match state {
        WindowState::ValueCount { entries } => entries.iter().map(|(_, value)| value.len()).sum(),
        _ => 0,
    };
    (2 * texts + ENTRY_BYTES)
        .saturating_add(values)
        .saturating_add(state.entry_count().saturating_mul(ENTRY_BYTES))
}

/// Bytes of everything that is remembered.
pub(crate) fn bytes(kept: &CorrelationSnapshot) -> usize {
    kept.windows.values().flatten().map(|(key, state)| group_bytes(key, state)).sum()
}

/// Lets the quietest groups go until no more than `bytes_max` are left; how many went, and what is left.
pub(crate) fn trim(kept: &mut CorrelationSnapshot, bytes_max: usize) -> (u64, usize) {
    let mut groups: Vec<(i64, String, GroupKey, usize)> = Vec::new();
    for (rule, windows) in &kept.windows {
        for (key, state) in windows {
            let latest = state.latest_timestamp().unwrap_or(i64::MIN);
            groups.push((latest, rule.clone(), key.clone(), group_bytes(key, state)));
        }
    }
    groups.sort_unstable_by(|one, other| {
        (one.0, &one.1, &one.2.0).cmp(&(other.0, &other.1, &other.2.0))
    });
    let mut left: usize = groups.iter().map(|(.., bytes)| bytes).sum();
    let mut gone = std::collections::HashSet::new();
    for (_, rule, key, bytes) in groups {
        if left <= bytes_max {
            break;
        }
        left -= bytes;
        gone.insert((rule, key));
    }
    for (rule, windows) in &mut kept.windows {
        windows.retain(|(key, _)| !gone.contains(&(rule.clone(), key.clone())));
    }
    (gone.len() as u64, left)
}
