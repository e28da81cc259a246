//! Evaluation: what the engine says to texts it was not trained on, source by source, never pooled.

use std::collections::BTreeMap;

use detect::training::Group;
use detect::{DetectSettings, Engine, Head};
use events::Provenance;

use crate::Places;
use crate::corpus::{self, Label, Row};
use crate::obfuscate;
use crate::statistics::wilson;

/// Ranks that are reported: one ordinary text in a hundred, and in a thousand.
const RANKS: [u8; 2] = [20, 30];

/// The most attacks that are tried in every disguise.
const DISGUISED_ATTACKS_MAX: usize = 300;

/// Hits per rank, and how many texts there were.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    hits: [usize; 2],
    all: usize,
}

/// Prints, for every source of `dev`, the share of texts at rank 20 and 30 with 95 % intervals.
pub(crate) fn run(places: &Places) -> Result<(), String> {
    let engine = Engine::new(&DetectSettings::default()).map_err(|error| error.to_string())?;
    let mut rows = match &places.data {
        Some(folder) => corpus::data(folder)?,
        None => Vec::new(),
    };
    rows.extend(corpus::seeds(&places.seeds)?);
    rows.retain(|row| row.is_dev);
    for (title, head, label) in [
        ("injection: attacks found", Head::Injection, Label::Injection),
        ("jailbreak: attacks found", Head::Jailbreak, Label::Jailbreak),
        ("injection: ordinary texts flagged", Head::Injection, Label::Benign),
        ("jailbreak: ordinary texts flagged", Head::Jailbreak, Label::Benign),
        ("injection: harmful requests flagged", Head::Injection, Label::Harmful),
        ("injection: other texts flagged", Head::Injection, Label::Other),
    ] {
        println!(
            "\n{title}\n{:<44} {:>5}  {:<22} {:<22}",
            "source", "texts", "rank >= 20 (1 %)", "rank >= 30 (0.1 %)"
        );
        for (source, tally) in tallies(&engine, &rows, head, label) {
            let shares = RANKS.iter().zip(tally.hits).map(|(_, hits)| share(hits, tally.all));
            println!("{source:<44} {:>5}  {}", tally.all, shares.collect::<Vec<_>>().join(" "));
        }
    }
    let is_attack = |row: &&Row| matches!(row.label, Label::Injection | Label::Jailbreak);
    let direct = rows.iter().filter(is_attack).filter(|row| row.group == Group::Prompts);
    let attacks: Vec<&str> =
        direct.map(|row| row.text.as_str()).take(DISGUISED_ATTACKS_MAX).collect();
    obfuscate::report(&engine, &attacks);
    Ok(())
}

/// Prints what is found of personal data and secrets. The rules were written with these texts at hand, so all
/// count.
pub(crate) fn run_values(places: &Places) -> Result<(), String> {
    let engine = Engine::new(&DetectSettings::default()).map_err(|error| error.to_string())?;
    let folder = places.data.as_ref().ok_or("`--data DIR` is needed")?;
    crate::values::report(&engine, &corpus::data(folder)?);
    Ok(())
}

fn tallies(engine: &Engine, rows: &[Row], head: Head, label: Label) -> BTreeMap<String, Tally> {
    let mut tallies = BTreeMap::<String, Tally>::new();
    for row in rows.iter().filter(|row| row.label == label) {
        let provenance = match row.group {
            Group::Prompts => Provenance::User,
            Group::Documents => Provenance::Retrieved,
        };
        let rank = engine.inspect(&row.text, provenance).ranks.get(head).get();
        let attack = matches!(label, Label::Injection | Label::Jailbreak);
        let kind = match (attack, row.group) {
            (true, Group::Prompts) => "= direct",
            (true, Group::Documents) => "= buried",
            (false, Group::Prompts) => "= prompts",
            (false, Group::Documents) => "= documents",
        };
        for name in [row.source.as_str(), kind] {
            let tally = tallies.entry(name.to_owned()).or_default();
            tally.all += 1;
            for (hits, least) in tally.hits.iter_mut().zip(RANKS) {
                *hits += usize::from(rank >= least);
            }
        }
    }
    tallies
}

fn share(hits: usize, all: usize) -> String {
    let (low, high) = wilson(hits, all);
    let share = hits as f64 / all.max(1) as f64;
    format!("{:<22}", format!("{:.3} [{low:.3}, {high:.3}]", share))
}
