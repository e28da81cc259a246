//! Training: from texts and what they are to the model file.

use std::collections::BTreeMap;

use detect::Head;
use detect::training::{
    BUCKETS, CALIBRATED_RANK_MAX, Group, HEADS_MAX, HeadTable, Model, normalised, window_blocks,
};

use crate::Places;
use crate::calibrate::{Weighted, thresholds};
use crate::corpus::{self, Label, QUOTED, Row};
use crate::folds::{Folds, HeldOut, held_out};
use crate::learn::{BIAS, Sample, Schedule, Target, Weights, learn};
use crate::page::Page;

/// One set of weights: what it looks for, and the kind of text that it reads, if not both.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) head: Head,
    pub(crate) group: Option<Group>,
}

impl Column {
    /// Blocks per window that its weights are for.
    pub(crate) const fn window_blocks(self) -> &'static [usize] {
        window_blocks(self.head, self.group)
    }
}

/// The sets of weights that are trained.
pub(crate) const COLUMNS: [Column; 7] = [
    Column { head: Head::Injection, group: Some(Group::Prompts) },
    Column { head: Head::Injection, group: Some(Group::Documents) },
    Column { head: Head::Jailbreak, group: None },
    Column { head: Head::Extraction, group: None },
    Column { head: Head::Exfiltration, group: None },
    Column { head: Head::ToolAbuse, group: None },
    Column { head: Head::Toxicity, group: None },
];
/// Documents that attacks are written into for training.
const BURIED_TEXTS: usize = 5_000;
/// Sets whose attacks are most often ordinary requests: quoted, they would say nothing.
const VAGUE: [&str; 4] = [
    "bipia_train",
    "deepset_prompt_injections",
    "salesforce_prompt_leakage",
    "tasktracker_triggers",
];
/// Attacks that are quoted, for training, and the longest of them.
const QUOTED_TEXTS: usize = 4_000;
const QUOTED_BYTES_MAX: usize = 300;
/// Attacks of every source that are quoted, for measuring.
const UNSEEN_QUOTED_TEXTS: usize = 100;
/// Documents that attacks of every source are written into, for measuring.
const UNSEEN_BURIED_TEXTS: usize = 120;
/// Texts of a source that are neither attacks nor what people ordinarily send; more teach nothing.
const OTHER_TEXTS_MAX: usize = 400;
/// No source counts more than so many of its texts would.
const SOURCE_WEIGHT_MAX: f64 = 400.0;
/// The source of the plainest attacks, and the innocent texts beside them.
const GRAMMAR: &str = "seeds/grammar-direct";
const GRAMMAR_WEIGHT_MAX: f64 = 1_200.0;
/// The same for toxicity, of which there is more, and more evenly.
const TOXIC_WEIGHT_MAX: f64 = 2_500.0;
/// The same for calibration, of prompts and of documents: no kind of ordinary text decides alone what is
/// ordinary. There is one source of transcripts, and a model that has not seen it knows no transcripts.
const CALIBRATION_WEIGHT_MAX: [f64; 2] = [250.0, 60.0];
/// How much rarer than its rank says a finding of the lesser heads is.
const STRICTER_RANKS: usize = 5;
/// The same for one file of our own texts.
const CALIBRATION_SEED_WEIGHT_MAX: f64 = 10.0;
const SCHEDULE: Schedule = Schedule { epochs: 6, step: 0.3, decay: 0.02 };

/// Texts, and what the model sees of them.
#[derive(Debug)]
pub(crate) struct Material {
    pub(crate) rows: Vec<Row>,
    pub(crate) samples: Vec<Sample>,
}

/// Reads the data and the seeds, and writes attacks into documents.
pub(crate) fn material(places: &Places) -> Result<Material, String> {
    let folder = places.data.as_ref().ok_or("`--data DIR` is needed")?;
    let mut rows = corpus::data(folder)?;
    rows.extend(corpus::seeds(&places.seeds)?);
    let mut others = BTreeMap::<String, usize>::new();
    for row in rows.iter_mut().filter(|row| row.label == Label::Other) {
        let seen = others.entry(row.source.clone()).or_default();
        *seen += 1;
        row.is_extra = *seen > OTHER_TEXTS_MAX;
    }
    let (attacks, documents) = attacks_and_documents(&rows, false);
    let mut buried = corpus::buried(&attacks, &documents, BURIED_TEXTS);
    buried.extend(unseen_buried(&rows));
    let (quotable, quotations) = (quotable(&rows), corpus::quotations(&places.seeds)?);
    let quoted = corpus::quoted(&quotable, &quotations, QUOTED_TEXTS);
    rows.extend(buried);
    rows.extend(quoted);
    rows.extend(unseen_quoted(&rows));
    eprintln!("{} texts", rows.len());
    let samples = rows.iter().map(|row| Sample::of(&normalised(&row.text))).collect();
    Ok(Material { rows, samples })
}

/// Attacks of every source written into documents of `dev`: nobody is trained on these.
fn unseen_buried(rows: &[Row]) -> Vec<Row> {
    let (attacks, _) = attacks_and_documents(rows, false);
    let (_, documents) = attacks_and_documents(rows, true);
    let mut by_source = BTreeMap::<&str, Vec<&Row>>::new();
    for attack in attacks {
        by_source.entry(&attack.source).or_default().push(attack);
    }
    let mut buried = Vec::new();
    for (source, attacks) in by_source {
        let count = if source.starts_with("seeds") { 12 } else { UNSEEN_BURIED_TEXTS };
        for row in corpus::buried(&attacks, &documents, count) {
            buried.push(Row { is_dev: true, source: format!("buried/{source}"), ..row });
        }
    }
    buried
}

/// Attacks to train on that people would quote: short ones.
fn quotable(rows: &[Row]) -> Vec<&Row> {
    let is_plain = |row: &&Row| {
        if row.is_ours() { is_plain_seed(row) } else { !VAGUE.contains(&row.source.as_str()) }
    };
    rows.iter()
        .filter(|row| !row.is_dev && !row.is_buried && row.label.is_attack())
        .filter(|row| row.text.len() < QUOTED_BYTES_MAX)
        .filter(is_plain)
        .collect()
}

/// Attacks of every source, quoted in sentences that are in no training: nobody is trained on these.
fn unseen_quoted(rows: &[Row]) -> Vec<Row> {
    let mut counts = BTreeMap::<&str, usize>::new();
    let mut quoted = Vec::new();
    let attacks = rows.iter().filter(|row| row.label.is_attack() && !row.is_buried && !row.is_dev);
    for attack in attacks.filter(|row| row.text.len() < QUOTED_BYTES_MAX) {
        let count = counts.entry(&attack.source).or_default();
        let most = if attack.is_ours() { 12 } else { UNSEEN_QUOTED_TEXTS };
        if *count < most {
            *count += 1;
            quoted.extend(corpus::mentions(attack));
        }
    }
    quoted
}

/// Short attacks, and documents to write them into: of `dev`, or all others.
pub(crate) fn attacks_and_documents(rows: &[Row], is_dev: bool) -> (Vec<&Row>, Vec<&Row>) {
    let attacks = rows
        .iter()
        .filter(|row| {
            row.is_dev == is_dev
                && !row.is_buried
                && row.label.is_injection()
                && row.text.len() < 600
                && !["salesforce_prompt_leakage", "tasktracker_triggers"]
                    .contains(&row.source.as_str())
        })
        .collect();
    let documents = rows
        .iter()
        .filter(|row| {
            row.is_dev == is_dev && row.label == Label::Benign && row.group == Group::Documents
        })
        .collect();
    (attacks, documents)
}

/// Trains on everything but `dev`, calibrates on ordinary texts whose sources the measuring model did not
/// see, and writes the file.
pub(crate) fn run(places: &Places) -> Result<(), String> {
    let Material { rows, samples } = material(places)?;
    let (mut trained, mut page) = (Vec::new(), Page::default());
    let models = learn_all(&rows, &samples, None);
    let measured = held_out(&rows, &samples);
    for ((column, weights), measured) in COLUMNS.into_iter().zip(models).zip(measured) {
        let calibration = calibrated(&rows, &measured, column.head);
        eprintln!("{} {:?}: {} texts measured", column.head.as_str(), column.group, measured.len());
        crate::eval::held_out_table(&mut page, &rows, &measured, column, &calibration);
        if column.head == Head::Toxicity {
            page.say("Toxicity, development split, by the model that is written.");
            let dev = rows.iter().zip(&samples).enumerate().filter(|(_, (row, _))| row.is_dev);
            let dev = dev.map(|(row, (_, sample))| HeldOut {
                row,
                margin: weights.highest(sample).0,
                beginning: None,
            });
            crate::eval::separation(&mut page, &rows, &dev.collect::<Vec<_>>());
        }
        trained.push((column, weights, calibration));
    }
    let bytes = file(&trained);
    let out = places.out.clone().unwrap_or_else(|| crate::MODEL_FILE.into());
    std::fs::write(&out, &bytes).map_err(|error| format!("{}: {error}", out.display()))?;
    let model = Model::from_bytes(bytes).map_err(str::to_owned)?;
    let digest =
        model.digest().iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    print!("{}", page.text());
    println!("{} written, digest {digest:016x}…", out.display());
    Ok(())
}

/// The weights of every column, by what is not in a fold that is left out.
pub(crate) fn learn_all(
    rows: &[Row],
    samples: &[Sample],
    left_out: Option<(&Folds, usize)>,
) -> Vec<Weights> {
    let learnt = |column: Column| {
        learn(samples, &targets(rows, column, left_out), column.window_blocks(), SCHEDULE)
    };
    COLUMNS.into_iter().map(learnt).collect()
}

/// What `head` should say to every text, without those of a fold that is left out.
fn targets(rows: &[Row], column: Column, left_out: Option<(&Folds, usize)>) -> Vec<Target> {
    let kept =
        |row: &Row| !row.is_dev && !left_out.is_some_and(|(folds, out)| folds.holds(out, row));
    let weighted: Vec<(usize, &Row, bool, f32)> = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| kept(row))
        .filter_map(|(sample, row)| {
            let (is_attack, weight) = wanted(row, column)?;
            Some((sample, row, is_attack, weight))
        })
        .collect();
    let mut counts = BTreeMap::<(&str, bool), f64>::new();
    for (_, row, is_attack, _) in &weighted {
        *counts.entry((row.source.as_str(), *is_attack)).or_default() += 1.0;
    }
    weighted
        .into_iter()
        .map(|(sample, row, is_attack, weight)| {
            let count = counts.get(&(row.source.as_str(), is_attack)).copied().unwrap_or(1.0);
            let most = match column.head {
                Head::Toxicity => TOXIC_WEIGHT_MAX,
                _ if row.source == GRAMMAR => GRAMMAR_WEIGHT_MAX,
                _ => SOURCE_WEIGHT_MAX,
            };
            let share = (most / count).min(1.0) as f32;
            Target { sample, is_attack, weight: weight * share }
        })
        .collect()
}

/// Whether a text is an attack to a column, and how much it counts; `None` if it says nothing about that.
fn wanted(row: &Row, column: Column) -> Option<(bool, f32)> {
    if column.head == Head::Toxicity {
        return toxic(row);
    }
    if row.is_extra {
        return None;
    }
    if row.source == QUOTED {
        // In documents what is quoted and what is said differ less: much of it, and buried orders are missed.
        return match (column.head, column.group, row.group) {
            (Head::Injection, Some(Group::Documents), Group::Prompts) => None,
            (Head::Injection, Some(Group::Documents), Group::Documents) => Some((false, 0.3)),
            (Head::Injection, ..) => Some((false, 1.6)),
            _ => Some((false, 0.5)),
        };
    }
    if !row.label.is_attack() {
        return Some((false, ordinary_weight(row)));
    }
    let weight = match (column.head, column.group) {
        (Head::Injection, Some(Group::Prompts)) => injection_in_prompt(row)?,
        (Head::Injection, _) => injection_in_document(row),
        (head, _) if row.label.head() == Some(head) => {
            if head == Head::Jailbreak {
                1.5
            } else {
                1.0
            }
        }
        _ => return None,
    };
    Some((true, weight))
}

/// Users override and extract; what else an order says is no sign of an attack by a user.
fn injection_in_prompt(row: &Row) -> Option<f32> {
    match (row.label, row.group) {
        (Label::Jailbreak, _) => Some(0.3),
        (Label::Injection | Label::Extraction, Group::Prompts) if row.is_ours() => {
            Some(seed_weight(row))
        }
        (Label::Injection | Label::Extraction, Group::Prompts) => {
            Some(data_set_weight(&row.source))
        }
        _ => None,
    }
}

fn injection_in_document(row: &Row) -> f32 {
    match row.label {
        Label::Jailbreak => 0.2,
        _ if row.is_ours() && row.group == Group::Documents => 0.2,
        _ if row.is_ours() => seed_weight(row),
        _ => data_set_weight(&row.source),
    }
}

fn toxic(row: &Row) -> Option<(bool, f32)> {
    // What is quoted says what it says.
    if row.source == QUOTED {
        return None;
    }
    match (row.is_toxic, row.label) {
        // Written to be mistaken, with signs in the place of words: more of it teaches noise.
        (Some(is_toxic), _) if row.source == "hatemoji_build" => Some((is_toxic, 0.2)),
        (Some(is_toxic), _) if row.source == "surge_toxicity" => Some((is_toxic, 2.0)),
        (Some(is_toxic), _) => Some((is_toxic, 1.0)),
        (None, Label::Benign) => Some((false, 0.5)),
        (None, Label::Other) => Some((false, 0.2)),
        _ => None,
    }
}

/// How much a seed counts that takes care not to say what it wants.
const CAREFUL_SEED_WEIGHT: f32 = 0.1;

/// The seeds of the first files say what they want in plain words; most others take care not to. Much of what
/// is said carefully makes every word suspicious.
fn seed_weight(row: &Row) -> f32 {
    if is_plain_seed(row) { 2.0 } else { CAREFUL_SEED_WEIGHT }
}

fn is_plain_seed(row: &Row) -> bool {
    ["seeds/attacks", "seeds/grammar"].iter().any(|name| row.source.starts_with(name))
}

fn ordinary_weight(row: &Row) -> f32 {
    match row.label {
        Label::Harmful => 0.3,
        Label::Other => 0.1,
        _ if !row.is_ours() => 1.0,
        // Hard negatives say what attacks say. Much of them, and attacks are missed.
        _ if row.source.starts_with("seeds/grammar") => 1.0,
        _ if row.group == Group::Documents => 1.0,
        _ if is_ordinary(row) => 0.3,
        _ => 0.1,
    }
}

/// Some sets call ordinary requests attacks because of where they stood; those teach little about text.
fn data_set_weight(source: &str) -> f32 {
    match source {
        "bipia_train" => 0.05,
        "salesforce_prompt_leakage" => 0.4,
        "tasktracker_triggers" => 0.2,
        "deepset_prompt_injections" => 0.7,
        "buried" => 3.0,
        _ => 1.5,
    }
}

/// Per group: the lowest margin of every rank, so that no kind of ordinary text is flagged more often than
/// its rank says.
pub(crate) fn calibrated(
    rows: &[Row],
    measured: &[HeldOut],
    head: Head,
) -> [[f32; CALIBRATED_RANK_MAX]; 2] {
    // Heads beside the two main ones may not add much to the share of ordinary texts that any head flags.
    let stricter =
        if matches!(head, Head::Injection | Head::Jailbreak) { 0 } else { STRICTER_RANKS };
    let ordinary: Vec<(&Row, &HeldOut)> = measured
        .iter()
        .filter_map(|held| Some((rows.get(held.row)?, held)))
        .filter(|(row, _)| !row.is_dev && is_ordinary(row))
        .collect();
    let mut counts = BTreeMap::<(&str, Group), f64>::new();
    for (row, _) in &ordinary {
        *counts.entry((&row.source, row.group)).or_default() += 1.0;
    }
    // Nothing near the margin of an empty text is evidence.
    let floor = BIAS + 1.0;
    let weight = |row: &Row| {
        let count = counts.get(&(row.source.as_str(), row.group)).copied().unwrap_or(1.0);
        let most = CALIBRATION_WEIGHT_MAX.get(row.group as usize).copied().unwrap_or(1.0);
        let most = if row.is_ours() { CALIBRATION_SEED_WEIGHT_MAX } else { most };
        (most / count).min(1.0)
    };
    let of = |group: Group, margin: fn(&HeldOut) -> Option<f32>| -> Vec<Weighted> {
        let texts = ordinary.iter().filter(|(row, _)| row.group == group);
        texts.filter_map(|(row, held)| Some((margin(held)?, weight(row)))).collect()
    };
    let prompts = thresholds(of(Group::Prompts, |held| Some(held.margin)), floor, stricter);
    // Documents are short as well as long, and neither may be flagged more often than is said.
    let mut documents = thresholds(of(Group::Documents, |held| Some(held.margin)), floor, stricter);
    let beginnings = thresholds(of(Group::Documents, |held| held.beginning), floor, stricter);
    for (threshold, other) in documents.iter_mut().zip(beginnings) {
        *threshold = threshold.max(other);
    }
    [prompts, documents]
}

/// Ordinary is what people send and read every day; what was written to look like an attack is not.
pub(crate) fn is_ordinary(row: &Row) -> bool {
    const HARD: [&str; 16] = [
        "trigger",
        "redirect",
        "prompts_about_prompts",
        "security_writing",
        "security",
        "prompting",
        "agent_instruction",
        "system_prompt",
        "about_assistant",
        "ignore",
        "forget",
        "roleplay",
        "rules",
        "system",
        "agent",
        "unrestricted",
    ];
    row.label == Label::Benign
        && !row.source.starts_with("seeds/benign")
        && row.source != "awesome_chatgpt_prompts"
        && !HARD.contains(&row.family.as_str())
}

/// Weights as signed bytes, heads side by side, with what turns their sums back into log-odds.
fn file(trained: &[(Column, Weights, [[f32; CALIBRATED_RANK_MAX]; 2])]) -> Vec<u8> {
    let mut rows = vec![[0_i8; HEADS_MAX]; BUCKETS];
    let mut tables = Vec::new();
    for (place, (column, weights, calibration)) in trained.iter().enumerate() {
        let scale = step(&weights.of);
        for (row, weight) in rows.iter_mut().zip(&weights.of) {
            if let Some(byte) = row.get_mut(place) {
                *byte = (weight / scale).round().clamp(-127.0, 127.0) as i8;
            }
        }
        tables.push(HeadTable {
            head: column.head,
            group: column.group,
            scale,
            bias: weights.bias,
            calibration: *calibration,
        });
    }
    Model::to_bytes(&tables, &rows)
}

/// The size of one step of a byte: the few heaviest weights are cut, the others get finer steps.
fn step(weights: &[f32]) -> f32 {
    let mut sizes: Vec<f32> = weights.iter().map(|weight| weight.abs()).collect();
    sizes.sort_by(f32::total_cmp);
    let heaviest = sizes.get(sizes.len() - 1 - sizes.len() / 4000).copied().unwrap_or(1.0);
    heaviest.max(1e-6) / 127.0
}
