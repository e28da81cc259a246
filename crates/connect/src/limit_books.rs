//! What a gateway keeps of limits that are shared: requests under way, those to settle, and what the store is owed.
//!
//! INVARIANT: an amount that is owed is told once: what is told is taken off, and what came meanwhile stays.
//!
//! Not here: the bounds of all this, and telling the store (`shared_limits`).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use crate::limit_words::SharedAmount;

/// What is open, owed, and waits.
#[derive(Default)]
pub(crate) struct State {
    /// Leases of requests under way, and when they were last renewed.
    pub(crate) open: BTreeMap<u64, (Arc<Ledger>, Instant)>,
    /// What was used without the store's leave, by its keys.
    pub(crate) owed: BTreeMap<Vec<String>, (SharedAmount, Option<u64>)>,
    pub(crate) waiting: VecDeque<Settlement>,
}

impl State {
    /// One counter has to be told of this use; `size` is its maximum of tokens in a minute.
    pub(crate) fn owes(&mut self, keys: Vec<String>, used: SharedAmount, size: Option<u64>) {
        let (owed, kept_size) = self.owed.entry(keys).or_default();
        owed.tokens = owed.tokens.saturating_add(used.tokens);
        owed.nanousd = owed.nanousd.saturating_add(used.nanousd);
        *kept_size = size;
    }

    /// One counter was told of this use; there may be more meanwhile.
    pub(crate) fn paid(&mut self, keys: &[String], used: SharedAmount) {
        if let Some((owed, _)) = self.owed.get_mut(keys) {
            owed.tokens = owed.tokens.saturating_sub(used.tokens);
            owed.nanousd = owed.nanousd.saturating_sub(used.nanousd);
            if *owed == SharedAmount::default() {
                self.owed.remove(keys);
            }
        }
    }
}

/// Where a request is counted, and as what.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) keys: Vec<String>,
    pub(crate) member: String,
    pub(crate) reserved: SharedAmount,
    /// The maximum of tokens in a minute, of each counter.
    pub(crate) tokens_per_minute: Vec<Option<u64>>,
}

/// What a request that has ended used, until the store knows.
pub(crate) struct Settlement {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) since: Instant,
    pub(crate) used: SharedAmount,
}
