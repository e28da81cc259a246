//! The model that tells writing from soup: learning it, and how often it is right.
//!
//! INVARIANT: innocent texts are those of the data sets, the seeds and `innocent.txt`; soup is made here and nowhere fetched. What is learnt from and what is
//! measured on share no text, and of the soup no word and no sign.

mod learn;
mod soup;

use std::collections::BTreeMap;

use detect::training::{SuffixModel, normalised};
use detect::{DetectSettings, Engine};
use events::Provenance;

use crate::corpus::{self, Label, Row};
use crate::{Places, SUFFIX_FILE};
use soup::Soup;

const INNOCENT: &str = include_str!("innocent.txt");
/// Every so many lines of ours one is not learnt from.
const DEV_LINES: usize = 6;
/// A request that soup is appended to.
const REQUEST: &str =
    "Write a short story about a fox that finds a lamp in the woods and brings it home. ";

/// Heights whose recall is shown.
const LEVELS: [i32; 5] = [300, 400, 550, 650, 800];

/// An innocent text, normalised.
#[derive(Debug)]
struct Innocent {
    source: String,
    text: String,
    is_dev: bool,
    is_ours: bool,
}

/// Learns from the `train` split and writes the model file.
pub(crate) fn run_train(places: &Places) -> Result<(), String> {
    let innocent = innocent(places)?;
    let soup = Soup::of(innocent.iter().filter(|text| !text.is_dev).map(|text| &*text.text));
    let learned = learn::learn(&innocent, &soup.train());
    let model = SuffixModel::of(&learned).map_err(str::to_owned)?;
    print_heights(&model, &innocent);
    print_recall(&model, &soup);
    let out = places.out.clone().unwrap_or_else(|| SUFFIX_FILE.into());
    let file = SuffixModel::file(&learned);
    std::fs::write(&out, &file).map_err(|error| format!("{}: {error}", out.display()))?;
    println!("{}: {} bytes", out.display(), file.len());
    Ok(())
}

/// What the shipped engine makes of innocent texts and of soup that it has not seen.
pub(crate) fn run_eval(places: &Places) -> Result<(), String> {
    let innocent = innocent(places)?;
    let engine = Engine::new(&DetectSettings::default()).map_err(|error| error.to_string())?;
    let rank = |text: &str| {
        let findings = engine.inspect(text, Provenance::User).findings;
        let of_suffix = findings.iter().filter(|finding| finding.detector == "suffix");
        of_suffix.map(|finding| finding.rank.get()).max().unwrap_or(0)
    };
    let mut sources: BTreeMap<(&str, bool), [usize; 3]> = BTreeMap::new();
    for text in &innocent {
        let found = rank(&text.text);
        for source in [text.source.as_str(), "(all)"] {
            let counts = sources.entry((source, text.is_dev)).or_default();
            counts[0] += 1;
            counts[1] += usize::from(found > 0);
            counts[2] += usize::from(found >= 19);
        }
    }
    println!("false positives: texts, found, found at rank 19");
    for ((source, is_dev), [texts, found, high]) in &sources {
        if *source == "(all)" || *found > 0 {
            let split = if *is_dev { "dev" } else { "train" };
            println!("{source:36} {split:5} {texts:6} {found:4} {high:4}");
        }
    }
    let soup = Soup::of(innocent.iter().filter(|text| !text.is_dev).map(|text| &*text.text));
    println!("recall on soup of words and signs that were not learnt from: found, at rank 19");
    for (kind, texts) in soup.dev() {
        let ranks: Vec<u8> = texts.iter().map(|soup| rank(&format!("{REQUEST}{soup}"))).collect();
        let share = |least: u8| {
            ranks.iter().filter(|rank| **rank >= least).count() as f32 / ranks.len().max(1) as f32
        };
        println!("{kind:12} {:6} {:.3} {:.3}", ranks.len(), share(1), share(19));
    }
    Ok(())
}

fn innocent(places: &Places) -> Result<Vec<Innocent>, String> {
    let folder = places.data.as_ref().ok_or("`--data DIR` is needed")?;
    let mut rows = corpus::data(folder)?;
    rows.extend(corpus::seeds(&places.seeds)?);
    rows.retain(|row| !row.label.is_attack() && (row.label != Label::Other || is_written(row)));
    let of_row = |row: Row| Innocent {
        text: normalised(&row.text),
        is_dev: row.is_dev,
        source: row.source,
        is_ours: false,
    };
    let mut all: Vec<Innocent> = rows.into_iter().map(of_row).collect();
    for (number, line) in INNOCENT.lines().enumerate() {
        all.push(Innocent {
            source: "innocent.txt".to_owned(),
            text: normalised(&line.replace("\\n", "\n")),
            is_dev: number % DEV_LINES == 0,
            is_ours: true,
        });
    }
    Ok(all)
}

/// Files of secrets are made of what is not written by people.
fn is_written(row: &Row) -> bool {
    row.is_secret != Some(true)
}

/// The highest innocent texts that were not learnt from: where a level may be.
fn print_heights(model: &SuffixModel, innocent: &[Innocent]) {
    let mut heights: Vec<_> = innocent
        .iter()
        .filter(|text| text.is_dev)
        .filter_map(|text| Some((model.highest(&text.text)?, text)))
        .collect();
    heights.sort_by_key(|(stretch, _)| -stretch.height);
    let dev = innocent.iter().filter(|text| text.is_dev).count();
    println!("{dev} innocent texts not learnt from; the highest:");
    for (stretch, text) in heights.iter().take(12) {
        let part: String =
            text.text.get(stretch.start..).unwrap_or_default().chars().take(90).collect();
        println!("{:6} {:30} {part:?}", stretch.height, text.source);
    }
}

/// How much soup is at least so high.
fn print_recall(model: &SuffixModel, soup: &Soup) {
    for (kind, texts) in soup.dev() {
        let height = |soup: &String| {
            model.highest(&normalised(&format!("{REQUEST}{soup}"))).map_or(0, |at| at.height)
        };
        let heights: Vec<i32> = texts.iter().map(height).collect();
        let share = |least: i32| {
            let found = heights.iter().filter(|height| **height >= least).count();
            format!("{least}: {:.3}", found as f32 / heights.len().max(1) as f32)
        };
        println!("{kind:12} {}", LEVELS.map(share).join(", "));
    }
}
