//! A table of series that is only ever added to, up to a limit, without locks.
//!
//! An open-addressed table of cells that are written once: finding a series reads a hash and, as a rule,
//! one cell. The hash has no secret: who can choose labels can at worst make a search walk the table, which
//! is as long as the limit allows.
//!
//! INVARIANT: at most `series_max` entries. INVARIANT: an entry never moves and never goes.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Cells for each entry: a table that is at most half full is searched in few steps.
const CELLS_PER_ENTRY: usize = 2;

#[derive(Debug)]
pub(crate) struct Slots<V, const N: usize> {
    cells: Box<[OnceLock<Entry<V, N>>]>,
    series_max: usize,
    taken: AtomicUsize,
}

/// Labels and what they stand for.
#[derive(Debug)]
pub(crate) struct Entry<V, const N: usize> {
    pub(crate) labels: [Box<str>; N],
    pub(crate) value: V,
}

impl<V, const N: usize> Slots<V, N> {
    pub(crate) fn new(series_max: usize) -> Self {
        let cells = (0..series_max.max(1) * CELLS_PER_ENTRY).map(|_| OnceLock::new()).collect();
        Self { cells, series_max, taken: AtomicUsize::new(0) }
    }

    /// The entry of these labels, made if there is room; nothing if there is not.
    pub(crate) fn find(&self, labels: [&str; N], make: impl Fn() -> V) -> Option<&Entry<V, N>> {
        let mut hasher = DefaultHasher::new();
        labels.hash(&mut hasher);
        let start = (hasher.finish() % self.cells.len() as u64) as usize;
        let (before, after) = self.cells.split_at(start);
        for cell in after.iter().chain(before) {
            let entry = match cell.get() {
                Some(entry) => entry,
                None => self.fill(cell, labels, &make)?,
            };
            if entry.labels.iter().map(|label| &**label).eq(labels) {
                return Some(entry);
            }
        }
        None
    }

    /// What stands in an empty cell from now on: this entry, or one that somebody else was faster to put there.
    fn fill<'s>(
        &self,
        cell: &'s OnceLock<Entry<V, N>>,
        labels: [&str; N],
        make: impl Fn() -> V,
    ) -> Option<&'s Entry<V, N>> {
        let room = |taken: usize| (taken < self.series_max).then_some(taken + 1);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).ok()?;
        let mut is_own = false;
        let entry = cell.get_or_init(|| {
            is_own = true;
            Entry { labels: labels.map(Box::from), value: make() }
        });
        if !is_own {
            self.taken.fetch_sub(1, Ordering::Relaxed);
        }
        Some(entry)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry<V, N>> {
        self.cells.iter().filter_map(OnceLock::get)
    }
}
