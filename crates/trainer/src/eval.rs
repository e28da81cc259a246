//! Evaluation: what the engine says to texts it was not trained on, source by source, never pooled.

use std::collections::BTreeMap;

use detect::training::{CALIBRATED_RANK_MAX, Group};
use detect::{DetectSettings, Engine, Head};
use events::Provenance;

use crate::Places;
use crate::corpus::{self, Label, Row};
use crate::folds::HeldOut;
use crate::obfuscate;
use crate::statistics::wilson;
use crate::train::{Column, attacks_and_documents, is_ordinary};

/// Ranks that are reported: two ordinary texts in a hundred, one, and one in a thousand.
const RANKS: [u8; 3] = [17, 20, 30];

/// Documents that attacks are written into for evaluation.
const BURIED_TEXTS: usize = 600;

/// The most attacks that are tried in every disguise.
const DISGUISED_ATTACKS_MAX: usize = 300;

/// Hits per rank, and how many texts there were.
#[derive(Clone, Debug, Default)]
struct Tally {
    hits: [usize; 3],
    all: usize,
}

/// Prints what the engine makes of `dev` at ranks 17, 20 and 30, with 95 % intervals.
pub(crate) fn run(places: &Places) -> Result<(), String> {
    let engine = Engine::new(&DetectSettings::default()).map_err(|error| error.to_string())?;
    let mut rows = match &places.data {
        Some(folder) => corpus::data(folder)?,
        None => Vec::new(),
    };
    rows.extend(corpus::seeds(&places.seeds)?);
    rows.retain(|row| row.is_dev);
    for (title, head, wanted) in TABLES {
        table(&engine, title, head, rows.iter().filter(|row| wanted(row)), |row| {
            vec![row.source.clone(), kind(row).to_owned()]
        });
    }
    table(
        &engine,
        "over-defence: innocent texts of our own flagged",
        Head::Injection,
        rows.iter().filter(|row| row.label == Label::Benign && !row.family.is_empty()),
        |row| {
            vec![
                row.family.clone(),
                if is_ordinary(row) { "= ordinary" } else { "= hard" }.to_owned(),
            ]
        },
    );
    table(
        &engine,
        "languages: our own attacks found",
        Head::Injection,
        rows.iter().filter(|row| row.label.is_injection() && !row.family.is_empty()),
        |row| vec![row.language.clone()],
    );
    table(
        &engine,
        "languages: our own innocent texts flagged",
        Head::Injection,
        rows.iter().filter(|row| row.label == Label::Benign && !row.family.is_empty()),
        |row| vec![row.language.clone()],
    );
    let (attacks, documents) = attacks_and_documents(&rows, true);
    let buried = corpus::buried(&attacks, &documents, BURIED_TEXTS);
    table(
        &engine,
        "buried: attacks written into documents",
        Head::Injection,
        buried.iter(),
        |row| row.made_of.iter().take(1).cloned().chain(["= all".to_owned()]).collect(),
    );
    let mentions: Vec<Row> = attacks.iter().flat_map(|attack| mentions(attack)).collect();
    table(
        &engine,
        "use and mention: attacks that are only quoted, flagged",
        Head::Injection,
        mentions.iter(),
        |row| vec![row.family.clone()],
    );
    let is_attack = |row: &&Row| row.label.is_attack() && !row.is_ours();
    let direct = rows.iter().filter(is_attack).filter(|row| row.group == Group::Prompts);
    let attacks: Vec<&str> =
        direct.map(|row| row.text.as_str()).take(DISGUISED_ATTACKS_MAX).collect();
    obfuscate::report(&engine, &attacks);
    Ok(())
}

type Wanted = fn(&Row) -> bool;

/// What is asked of which texts.
const TABLES: [(&str, Head, Wanted); 6] = [
    ("injection: attacks found", Head::Injection, |row| row.label.is_injection()),
    ("jailbreak: attacks found", Head::Jailbreak, |row| row.label == Label::Jailbreak),
    ("injection: ordinary texts flagged", Head::Injection, |row| row.label == Label::Benign),
    ("jailbreak: ordinary texts flagged", Head::Jailbreak, |row| row.label == Label::Benign),
    ("injection: harmful requests flagged", Head::Injection, |row| row.label == Label::Harmful),
    ("injection: other texts flagged", Head::Injection, |row| row.label == Label::Other),
];

fn kind(row: &Row) -> &'static str {
    let ours = !row.family.is_empty();
    match (row.label.is_attack(), row.group, ours) {
        (true, Group::Prompts, false) => "= direct, data sets",
        (true, Group::Prompts, true) => "= direct, our own",
        (true, Group::Documents, _) => "= indirect",
        (false, Group::Prompts, _) if row.label != Label::Benign || is_ordinary(row) => "= prompts",
        (false, Group::Prompts, _) => "= prompts written to look like attacks",
        (false, Group::Documents, _) => "= documents",
    }
}

/// The attack as it stands where it is talked about.
fn mentions(attack: &Row) -> Vec<Row> {
    let text = &attack.text;
    let quoted = [
        ("translate", format!("Translate into German: \"{text}\"")),
        (
            "report",
            format!("Our filter caught this message yesterday, is it an attack? \"{text}\""),
        ),
        ("lesson", format!("An example of prompt injection that I show in my course: \"{text}\"")),
    ];
    quoted
        .into_iter()
        .map(|(family, text)| Row { family: family.to_owned(), text, ..attack.clone() })
        .collect()
}

/// Prints what is found of personal data and secrets. The rules were written with these texts at hand, so all
/// count.
pub(crate) fn run_values(places: &Places) -> Result<(), String> {
    let engine = Engine::new(&DetectSettings::default()).map_err(|error| error.to_string())?;
    let folder = places.data.as_ref().ok_or("`--data DIR` is needed")?;
    crate::values::report(&engine, &corpus::data(folder)?);
    Ok(())
}

/// Prints how many of `rows` rank high, by the names that `names` gives them.
fn table<'a>(
    engine: &Engine,
    title: &str,
    head: Head,
    rows: impl Iterator<Item = &'a Row>,
    names: impl Fn(&Row) -> Vec<String>,
) {
    let mut tallies = BTreeMap::<String, Tally>::new();
    for row in rows {
        let provenance = match row.group {
            Group::Prompts => Provenance::User,
            Group::Documents => Provenance::Retrieved,
        };
        let rank = engine.inspect(&row.text, provenance).ranks.get(head).get();
        for name in names(row) {
            let tally = tallies.entry(name).or_default();
            tally.all += 1;
            for (hits, least) in tally.hits.iter_mut().zip(RANKS) {
                *hits += usize::from(rank >= least);
            }
        }
    }
    println!(
        "\n{title}\n{:<44} {:>5}  {:<22} {:<22} {:<22}",
        "source", "texts", "rank >= 17 (2 %)", "rank >= 20 (1 %)", "rank >= 30 (0.1 %)"
    );
    for (source, tally) in tallies {
        let shares = tally.hits.map(|hits| share(hits, tally.all));
        println!("{source:<44} {:>5}  {}", tally.all, shares.join(" "));
    }
}

/// Prints what models that have not seen a source make of its texts, at the thresholds given.
pub(crate) fn held_out_table(
    rows: &[Row],
    measured: &[HeldOut],
    column: Column,
    calibration: &[[f32; CALIBRATED_RANK_MAX]; 2],
) {
    let mut tallies = BTreeMap::<(bool, String), Tally>::new();
    for held in measured {
        let Some(row) = rows.get(held.row) else { continue };
        if column.group.is_some_and(|group| group != row.group) {
            continue;
        }
        let is_attack = match (column.head, row.label) {
            (Head::Toxicity, _) if row.is_toxic.is_some() => row.is_toxic == Some(true),
            (_, Label::Benign) => false,
            (Head::Injection, label) if label.is_injection() => true,
            (head, label) if label.head() == Some(head) => true,
            _ => continue,
        };
        let table = calibration.get(row.group as usize);
        let mut names = vec![row.source.clone()];
        if !row.family.is_empty() {
            names.push(format!("family {}", row.family));
        }
        if !is_attack {
            let kind = if is_ordinary(row) { "ordinary" } else { "hard" };
            names.push(format!("= {kind} {:?}", row.group));
        } else if !row.source.starts_with("seeds") {
            names.push(format!("= {:?}", row.group));
        }
        for name in names {
            let tally = tallies.entry((is_attack, name)).or_default();
            tally.all += 1;
            for (hits, rank) in tally.hits.iter_mut().zip(RANKS) {
                let lowest = table.and_then(|table| table.get(usize::from(rank) - 1)).copied();
                *hits += usize::from(lowest.is_some_and(|lowest| held.margin >= lowest));
            }
        }
    }
    println!("\n{} {:?}: sources that the model has not seen", column.head.as_str(), column.group);
    for ((is_attack, source), tally) in tallies {
        let shares = tally.hits.map(|hits| share(hits, tally.all));
        let sign = if is_attack { '+' } else { '-' };
        println!("{sign} {source:<42} {:>5}  {}", tally.all, shares.join(" "));
    }
}

/// Prints, per source, how often a toxic text has a higher margin than one that is not.
pub(crate) fn separation(rows: &[Row], measured: &[HeldOut]) {
    let mut sources = BTreeMap::<&str, Vec<(f32, bool)>>::new();
    for held in measured {
        if let Some(row) = rows.get(held.row)
            && let Some(is_toxic) = row.is_toxic
        {
            sources.entry(&row.source).or_default().push((held.margin, is_toxic));
        }
    }
    for (source, margins) in sources {
        println!("  {source:<40} area under the curve {:.3}", area_under_curve(margins));
    }
}

/// The share of pairs of one text of each sort that stand in the right order (Mann and Whitney).
fn area_under_curve(mut margins: Vec<(f32, bool)>) -> f64 {
    margins.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut lower, mut pairs) = (0_u64, 0_u64);
    for (_, is_wanted) in &margins {
        if *is_wanted {
            pairs += lower;
        } else {
            lower += 1;
        }
    }
    let wanted = margins.len() as u64 - lower;
    pairs as f64 / (lower * wanted).max(1) as f64
}

fn share(hits: usize, all: usize) -> String {
    let (low, high) = wilson(hits, all);
    let share = hits as f64 / all.max(1) as f64;
    format!("{:<22}", format!("{:.3} [{low:.3}, {high:.3}]", share))
}
