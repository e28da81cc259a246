//! Remembers answers by view, within a bound.
//!
//! INVARIANT: an answer is found only under the whole key it was put under; hashes only say where to
//! look. INVARIANT: what is remembered is bounded: entries by [`MEMO_ENTRIES_MAX`], and each key by
//! [`MEMO_KEY_BYTES_MAX`], since callers choose the names in it. A view with a longer key is judged
//! anew each time.
//!
//! Two generations stand for least-recently-used: the older one is dropped when the younger is full,
//! and what is asked for again moves to the younger one.
//!
//! The hash is seeded per process by the standard library, so that callers cannot choose names that
//! collide. No answer depends on the seed.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};

use hashbrown::HashTable;

/// The most answers remembered.
pub const MEMO_ENTRIES_MAX: usize = 4_096;
/// The longest key remembered, in bytes.
pub const MEMO_KEY_BYTES_MAX: usize = 1_024;

const SHARDS: usize = 16;
const SHARD_GENERATION_ENTRIES_MAX: usize = MEMO_ENTRIES_MAX / SHARDS / 2;

/// Answers by view. `V` is cheap to clone.
#[derive(Debug)]
pub(crate) struct Memo<V> {
    seed: RandomState,
    shards: [Mutex<Generations<V>>; SHARDS],
}

#[derive(Debug)]
struct Generations<V> {
    old: HashTable<Entry<V>>,
    young: HashTable<Entry<V>>,
}

#[derive(Debug)]
struct Entry<V> {
    answer: V,
    hash: u64,
    key: Box<[u8]>,
}

impl<V: Clone> Memo<V> {
    pub(crate) fn new() -> Self {
        let shard = || Mutex::new(Generations { old: HashTable::new(), young: HashTable::new() });
        Self { seed: RandomState::new(), shards: std::array::from_fn(|_| shard()) }
    }

    /// The answer under `key`: remembered, or made and remembered.
    pub(crate) fn get_or_make(&self, key: &[u8], make: impl FnOnce() -> V) -> V {
        let hash = self.seed.hash_one(key);
        // The table inside a shard looks at the low and the highest bits.
        let shard = self.shards.get((hash >> 32) as usize % SHARDS);
        let Some(shard) = shard.filter(|_| key.len() <= MEMO_KEY_BYTES_MAX) else {
            return make();
        };
        let lock = || shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = lock().get(hash, key) {
            return answer;
        }
        // Not under the lock: two threads may make the same answer, which is the same answer.
        let answer = make();
        lock().put(Entry { answer: answer.clone(), hash, key: key.into() });
        answer
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let shards = self.shards.iter().map(|shard| shard.lock().expect("not poisoned"));
        shards.map(|shard| shard.old.len() + shard.young.len()).sum()
    }
}

impl<V: Clone> Generations<V> {
    fn get(&mut self, hash: u64, key: &[u8]) -> Option<V> {
        if let Some(entry) = self.young.find(hash, |entry| *entry.key == *key) {
            return Some(entry.answer.clone());
        }
        let found = self.old.find_entry(hash, |entry| *entry.key == *key).ok()?;
        let (entry, _) = found.remove();
        let answer = entry.answer.clone();
        self.put(entry);
        Some(answer)
    }

    fn put(&mut self, entry: Entry<V>) {
        if self.young.find(entry.hash, |other| other.key == entry.key).is_some() {
            return;
        }
        if self.young.len() >= SHARD_GENERATION_ENTRIES_MAX {
            std::mem::swap(&mut self.old, &mut self.young);
            self.young.clear();
        }
        self.young.insert_unique(entry.hash, entry, |entry| entry.hash);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn remembers_and_forgets_within_its_bound() {
        let memo = Memo::new();
        let made = Cell::new(0);
        let ask = |number: u32| {
            memo.get_or_make(&number.to_le_bytes(), || {
                made.set(made.get() + 1);
                number
            })
        };
        assert_eq!((ask(7), ask(7), made.get()), (7, 7, 1), "the second time from memory");
        for number in 0..100_000 {
            assert_eq!(ask(number), number);
            assert_eq!(ask(99_999), 99_999);
        }
        assert!(memo.len() <= MEMO_ENTRIES_MAX, "{} entries", memo.len());
        assert!(made.get() <= 100_002, "what is asked for often is kept");
    }

    #[test]
    fn a_long_key_is_answered_but_not_remembered() {
        let memo = Memo::new();
        let longest = vec![1; MEMO_KEY_BYTES_MAX];
        let longer = vec![1; MEMO_KEY_BYTES_MAX + 1];
        assert_eq!(memo.get_or_make(&longest, || 1), 1);
        assert_eq!(memo.get_or_make(&longer, || 2), 2);
        assert_eq!(memo.get_or_make(&longer, || 3), 3);
        assert_eq!(memo.len(), 1);
    }
}
