//! Models that have not seen some sources, and what they make of just those.
//!
//! Sources, of attacks as of ordinary texts, are divided into folds; for every fold a model is trained on
//! the others. What it says about the texts of its fold is what the shipped model will say about
//! sources that nobody here has seen: thresholds are set by it, and recall is reported by it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use detect::Head;
use detect::training::{Group, normalised};

use crate::corpus::{Label, Row};
use crate::learn::Sample;
use crate::shuffle::fingerprint;
use crate::train::{COLUMNS, Column, learn_all};

/// How many parts the sources are divided into.
pub(crate) const FOLDS: usize = 12;
/// Sources of which there is one of the kind, transcripts and medical answers: they are divided by text, or
/// the threshold of all documents would be that of a model that has never seen their kind.
const ALONE_IN_KIND: [&str; 4] = ["medquad_answers", "oasst_trees", "qmsum_chunks", "taskmaster4"];
/// How much of a document is measured alone, beside the whole.
const BEGINNING_CHARACTERS: usize = 160;

/// Which fold every source is in.
#[derive(Debug)]
pub(crate) struct Folds(BTreeMap<String, usize>);

impl Folds {
    /// Sources in the order of their names, one fold after the other.
    pub(crate) fn of(rows: &[Row]) -> Self {
        let names: BTreeSet<&str> = rows
            .iter()
            .filter(|row| row.made_of.is_empty())
            .map(|row| row.source.as_str())
            .collect();
        Self(
            names.into_iter().enumerate().map(|(at, name)| (name.to_owned(), at % FOLDS)).collect(),
        )
    }

    fn fold(&self, source: &str) -> Option<usize> {
        self.0.get(together(source)).copied()
    }

    /// Whether a text, or what it was made of, belongs to a fold.
    pub(crate) fn holds(&self, fold: usize, row: &Row) -> bool {
        if ALONE_IN_KIND.contains(&row.source.as_str()) {
            return fingerprint(&row.text) % FOLDS as u64 == fold as u64;
        }
        self.fold(&row.source) == Some(fold)
            || row.made_of.iter().any(|source| self.fold(source) == Some(fold))
    }
}

/// Sources that are left out together: the seeds of one language other than English. A model that
/// knows a language from its attacks alone, or from ordinary texts alone, knows nothing about it.
fn together(source: &str) -> &str {
    const LANGUAGE: usize = "seeds/fr".len();
    match source.split_at_checked(LANGUAGE) {
        Some((language, rest)) if rest.starts_with('-') && language != "seeds/en" => language,
        _ => source,
    }
}

/// What a model that has not seen a text's source makes of the text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeldOut {
    /// Which text.
    pub(crate) row: usize,
    pub(crate) margin: f32,
    /// The margin of its first lines alone, for an ordinary document.
    pub(crate) beginning: Option<f32>,
}

/// Whether a text says anything about a column.
fn is_measured(row: &Row, column: Column) -> bool {
    row.label != Label::Other || (column.head == Head::Toxicity && row.is_toxic.is_some())
}

/// The margins of all texts that were not made of others, each by the model that has not seen its source: one list
/// for every column.
pub(crate) fn held_out(rows: &[Row], samples: &[Sample]) -> Vec<Vec<HeldOut>> {
    let folds = Folds::of(rows);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut measured = Vec::new();
        loop {
            let fold = next.fetch_add(1, Ordering::Relaxed);
            if fold >= FOLDS {
                return measured;
            }
            measured.push((fold, measure(rows, samples, &folds, fold)));
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(FOLDS);
    let mut parts: Vec<(usize, Vec<Vec<HeldOut>>)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let parts = workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        parts.flatten().collect()
    });
    parts.sort_by_key(|(fold, _)| *fold);
    let mut all = vec![Vec::new(); COLUMNS.len()];
    for (_, part) in parts {
        for (all, mut part) in all.iter_mut().zip(part) {
            all.append(&mut part);
        }
    }
    all
}

/// What the models without a fold make of its texts.
fn measure(rows: &[Row], samples: &[Sample], folds: &Folds, fold: usize) -> Vec<Vec<HeldOut>> {
    let models = learn_all(rows, samples, Some((folds, fold)));
    // What stands in another source too was seen there.
    let seen: BTreeSet<u64> = rows
        .iter()
        .filter(|row| !row.is_dev && !folds.holds(fold, row))
        .map(|row| fingerprint(&row.text))
        .collect();
    let mut measured = vec![Vec::new(); COLUMNS.len()];
    for (place, (row, sample)) in rows.iter().zip(samples).enumerate() {
        let ours = match row.made_of.first() {
            Some(attack) => row.is_dev && folds.fold(attack) == Some(fold),
            None => folds.holds(fold, row),
        };
        if !ours || seen.contains(&fingerprint(&row.text)) {
            continue;
        }
        let is_document = row.label == Label::Benign && row.group == Group::Documents;
        let beginning = is_document.then(|| {
            let text: String = row.text.chars().take(BEGINNING_CHARACTERS).collect();
            Sample::of(&normalised(&text))
        });
        for ((column, weights), measured) in COLUMNS.iter().zip(&models).zip(&mut measured) {
            if is_measured(row, *column) {
                let beginning = beginning.as_ref().map(|sample| weights.highest(sample).0);
                measured.push(HeldOut { row: place, margin: weights.highest(sample).0, beginning });
            }
        }
    }
    measured
}
