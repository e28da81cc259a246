//! Evaluation: what the engine says to texts it was not trained on, source by source, never pooled.
//!
//! INVARIANT: what is marked `dev`, or belongs to a source that the measuring model has not seen, is all that
//! counts. INVARIANT: one threshold for all: rank 20 of any head that policies refuse by.
//!
//! Not here: personal data and secrets (`values`), names (`names`), disguises (`obfuscate`).

use std::collections::BTreeMap;

use detect::training::{CALIBRATED_RANK_MAX, Group};
use detect::{DetectSettings, Engine, Head, Ranks};
use events::Provenance;

use crate::corpus::{self, Label, QUOTED, Row};
use crate::folds::{HeldOut, held_out};
use crate::page::{Page, share};
use crate::train::{self, COLUMNS, Column, attacks_and_documents, calibrated, is_ordinary};
use crate::{Places, names, obfuscate, values};

/// Ranks that are reported: two ordinary texts in a hundred, one, and one in a thousand.
const RANKS: [u8; 3] = [17, 20, 30];
const COLUMN_NAMES: [&str; 5] = ["", "texts", "2 % (rank 17)", "1 % (rank 20)", "0.1 % (rank 30)"];

/// Documents that attacks are written into for evaluation.
const BURIED_TEXTS: usize = 600;

/// The heads by which the shipped policies judge what a caller or a document says.
const ATTACK_HEADS: [Head; 5] =
    [Head::Injection, Head::Extraction, Head::Jailbreak, Head::Exfiltration, Head::ToolAbuse];

/// Hits per rank, and how many texts there were.
#[derive(Clone, Debug, Default)]
struct Tally {
    hits: [usize; 3],
    all: usize,
}

impl Tally {
    fn add(&mut self, is_hit: impl Fn(u8) -> bool) {
        self.all += 1;
        for (hits, rank) in self.hits.iter_mut().zip(RANKS) {
            *hits += usize::from(is_hit(rank));
        }
    }

    fn row(&self, name: String) -> Vec<String> {
        let shares = self.hits.iter().map(|hits| share(*hits, self.all));
        [name, self.all.to_string()].into_iter().chain(shares).collect()
    }
}

/// What a page says about itself, and what no detector here finds.
const PREFACE: &str = "\
# Detection: what is found, and what is not

Written by `cargo xtask eval --data DIR`. What each detector looks for, with examples, is in [detectors.md](detectors.md); what it costs is in \
[benchmarks/detect.md](benchmarks/detect.md).

A *rank* is −10·log10 of the share of ordinary texts of the same provenance that reach it: 20 is one in a hundred. A text counts as found, or as \
flagged, if any of the heads injection, extraction, jailbreak, exfiltration and tool abuse reaches the rank. Shares have 95 % intervals (Wilson). Sources are never pooled into one \
figure: a large easy one would speak for all. *Held out* means that the model that was asked has not seen the source; *development split* means other \
texts of sources it has seen.

**Not found, whatever the figures below say:** orders that read like ordinary requests (\"summarise this in French\" in a web page), paraphrase far from everything in \
training, attacks spread over many messages of which none is one, attacks in images or sound, ciphers of more than one alphabet and home-made codes, languages beyond the 21 that the seeds are written in (they are read, but nothing was measured), \
paraphrased leaks of a prompt, personal data that only context makes personal, names in lower case. Detection is evidence for policy; what must not happen is prevented by what a key, a tool and a tainted \
conversation may do.";

/// Measures everything and prints the page; with `--out`, writes it there too.
pub(crate) fn run(places: &Places) -> Result<(), String> {
    let engine = Engine::new(&DetectSettings::default()).map_err(|error| error.to_string())?;
    let material = train::material(places)?;
    let dev: Vec<Row> = material.rows.iter().filter(|row| row.is_dev).cloned().collect();
    let mut page = Page::default();
    page.say(PREFACE);
    development(&mut page, &engine, &dev);
    page.say("## Sources that the model has not seen");
    page.say("For every source in turn, a model that was trained without it. Some sets call requests attacks that are none by themselves (questions about how a bot is prompted, requests that are \
              off its topic); they are listed all the same.");
    let measured = held_out(&material.rows, &material.samples);
    for (column, measured) in COLUMNS.into_iter().zip(measured) {
        let calibration = calibrated(&material.rows, &measured, column.head);
        held_out_table(&mut page, &material.rows, &measured, column, &calibration);
        if column.head == Head::Toxicity {
            separation(&mut page, &material.rows, &measured);
        }
    }
    let rows = corpus::data(places.data.as_ref().ok_or("`--data DIR` is needed")?)?;
    values::page(&mut page, &engine, &rows);
    names::page(&mut page, &engine, &rows);
    print!("{}", page.text());
    match &places.out {
        Some(out) => {
            std::fs::write(out, page.text()).map_err(|error| format!("{}: {error}", out.display()))
        }
        None => Ok(()),
    }
}

fn development(page: &mut Page, engine: &Engine, dev: &[Row]) {
    page.say("## Development split");
    let plain = |row: &&Row| row.made_of.is_empty();
    let attacks = dev.iter().filter(plain).filter(|row| row.label.is_attack());
    table(page, engine, "Attacks found.", attacks, |row| vec![source(row)]);
    let innocent = dev.iter().filter(plain).filter(|row| row.label == Label::Benign);
    table(page, engine, "Ordinary texts flagged.", innocent, |row| vec![source(row)]);
    let hard = dev.iter().filter(|row| row.label == Label::Benign && row.is_ours());
    table(
        page,
        engine,
        "Over-defence: innocent texts of our own, by kind; most say what attacks say.",
        hard,
        |row| vec![row.family.replace('_', " ")],
    );
    let ours = dev.iter().filter(plain).filter(|row| row.label.is_attack() && row.is_ours());
    table(
        page,
        engine,
        "Languages: attacks of our own found. Most take care not to say what they want.",
        ours,
        |row| vec![row.language.clone()],
    );
    let ours = dev.iter().filter(|row| row.label == Label::Benign && row.is_ours());
    table(page, engine, "Languages: innocent texts of our own flagged.", ours, |row| {
        vec![row.language.clone()]
    });
    let (attacks, documents) = attacks_and_documents(dev, true);
    let buried = corpus::buried(&attacks, &documents, BURIED_TEXTS);
    table(
        page,
        engine,
        "Buried: attacks of the split written into documents of the split, by the attack's source.",
        buried.iter(),
        |row| {
            let from = row.made_of.first();
            vec![
                from.filter(|from| !from.starts_with("seeds"))
                    .cloned()
                    .unwrap_or_else(|| OURS.to_owned()),
            ]
        },
    );
    let mentions: Vec<Row> = attacks.iter().flat_map(|attack| corpus::mentions(attack)).collect();
    table(
        page,
        engine,
        "Use and mention: attacks that are only quoted, flagged.",
        mentions.iter(),
        |row| vec![row.family.clone()],
    );
    let direct =
        |row: &&Row| row.label.is_attack() && !row.is_ours() && row.group == Group::Prompts;
    let attacks: Vec<&str> = dev.iter().filter(direct).map(|row| row.text.as_str()).collect();
    obfuscate::page(page, engine, &attacks);
}

/// The name under which all seeds of a table stand.
const OURS: &str = "our own";

fn source(row: &Row) -> String {
    if row.is_ours() {
        return match (row.label, is_ordinary(row)) {
            (Label::Benign, true) => format!("{OURS}, ordinary"),
            (Label::Benign, false) => format!("{OURS}, written to look like attacks"),
            _ => format!("{OURS}: {:?}, {:?}", row.label, row.group).to_lowercase(),
        };
    }
    match row.label {
        Label::Jailbreak => format!("{} (jailbreaks)", row.source),
        _ => row.source.clone(),
    }
}

/// The highest rank of the heads that policies refuse by.
pub(crate) fn attack_rank(ranks: Ranks) -> u8 {
    ATTACK_HEADS.into_iter().map(|head| ranks.get(head).get()).max().unwrap_or_default()
}

/// Prints what is found of personal data and secrets. The rules were written with these texts at hand, so all
/// count.
pub(crate) fn run_values(places: &Places) -> Result<(), String> {
    let engine = Engine::new(&DetectSettings::default()).map_err(|error| error.to_string())?;
    let folder = places.data.as_ref().ok_or("`--data DIR` is needed")?;
    values::report(&engine, &corpus::data(folder)?);
    Ok(())
}

/// How many of `rows` rank high, by the names that `names` gives them.
fn table<'a>(
    page: &mut Page,
    engine: &Engine,
    words: &str,
    rows: impl Iterator<Item = &'a Row>,
    names: impl Fn(&Row) -> Vec<String>,
) {
    let mut tallies = BTreeMap::<String, Tally>::new();
    for row in rows {
        let provenance = match row.group {
            Group::Prompts => Provenance::User,
            Group::Documents => Provenance::Retrieved,
        };
        let rank = attack_rank(engine.inspect(&row.text, provenance).ranks);
        for name in names(row) {
            tallies.entry(name).or_default().add(|least| rank >= least);
        }
    }
    let rows: Vec<_> = tallies.into_iter().map(|(name, tally)| tally.row(name)).collect();
    page.table(words, &COLUMN_NAMES, &rows);
}

/// What models that have not seen a source make of its texts, at the thresholds given.
pub(crate) fn held_out_table(
    page: &mut Page,
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
        let reaches = |rank: u8| {
            let lowest = table.and_then(|table| table.get(usize::from(rank) - 1));
            lowest.is_some_and(|lowest| held.margin >= *lowest)
        };
        let name = held_out_name(row, is_attack);
        tallies.entry((!is_attack, name)).or_default().add(reaches);
    }
    let kind = match column.group {
        Some(Group::Prompts) => ", in prompts",
        Some(Group::Documents) => ", in documents",
        None => "",
    };
    let rows: Vec<_> = tallies
        .into_iter()
        .map(|((is_innocent, name), tally)| {
            tally.row(if is_innocent { format!("(innocent) {name}") } else { name })
        })
        .collect();
    let words = format!("Head `{}`{kind}: found, and below that flagged.", column.head.as_str());
    page.table(&words, &COLUMN_NAMES, &rows);
}

/// Seeds stand together by what they are; data sets by their names.
fn held_out_name(row: &Row, is_attack: bool) -> String {
    match (is_attack, row.is_ours()) {
        (true, true) => OURS.to_owned(),
        (true, false) if row.source.starts_with("buried/seeds") => format!("buried/{OURS}"),
        (false, false) if row.source == QUOTED => format!("{QUOTED}: {}", row.family),
        (false, true) if is_ordinary(row) => {
            format!("{OURS}, ordinary, {:?}", row.group).to_lowercase()
        }
        (false, true) => {
            format!("{OURS}: {}, {:?}", row.family.replace('_', " "), row.group).to_lowercase()
        }
        _ => row.source.clone(),
    }
}

/// Per source, how often a toxic text has a higher margin than one that is not.
pub(crate) fn separation(page: &mut Page, rows: &[Row], measured: &[HeldOut]) {
    let mut sources = BTreeMap::<&str, Vec<(f32, bool)>>::new();
    for held in measured {
        if let Some(row) = rows.get(held.row)
            && let Some(is_toxic) = row.is_toxic
        {
            sources.entry(&row.source).or_default().push((held.margin, is_toxic));
        }
    }
    let rows: Vec<_> = sources
        .into_iter()
        .map(|(source, margins)| {
            vec![source.to_owned(), format!("{:.3}", area_under_curve(margins))]
        })
        .collect();
    page.table(
        "Toxicity: how often a toxic text stands above one that is not.",
        &["", "area under the curve"],
        &rows,
    );
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
