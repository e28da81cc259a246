//! What is found of names in texts that were not trained on, and what is found in ordinary text.

use std::collections::BTreeMap;

use detect::training::Class;
use detect::{DetectSettings, Engine};
use events::{Finding, Provenance};

use super::samples::{Entity, is_marked};
use crate::Places;
use crate::corpus::{self, Label, Row, Value};
use crate::page::{Page, share};

/// Wrong and missed names that are shown, of each source and class.
const SHOWN_MAX: usize = 12;

#[derive(Debug, Default)]
struct Tally {
    values: usize,
    found: usize,
    findings: usize,
    right: usize,
    missed: Vec<String>,
    wrong: Vec<String>,
}

/// Prints precision, recall and F1 per source and class on the `dev` split, and the share of ordinary texts
/// with a finding. A name counts as found if a finding of its kind covers most of it, a finding as right if most of
/// it is a name of its kind.
pub(crate) fn run(places: &Places) -> Result<(), String> {
    let engine = Engine::new(&DetectSettings::default()).map_err(|error| error.to_string())?;
    let rows = corpus::data(places.data.as_ref().ok_or("`--data DIR` is needed")?)?;
    let mut page = Page::default();
    self::page(&mut page, &engine, &rows);
    print!("{}", page.text());
    for ((source, kind), tally) in &tallies(&engine, &rows) {
        for (name, texts) in [("missed", &tally.missed), ("wrong", &tally.wrong)] {
            let shown: Vec<String> =
                texts.iter().take(SHOWN_MAX).map(|text| format!("{text:?}")).collect();
            println!("{source} {kind} {name}: {}", shown.join(" "));
        }
    }
    ordinary(&engine, &rows);
    Ok(())
}

/// Precision, recall and F1 per source and kind on the `dev` split.
pub(crate) fn page(page: &mut Page, engine: &Engine, rows: &[Row]) {
    let mut lines = Vec::new();
    for ((source, kind), tally) in &tallies(engine, rows) {
        let recall = tally.found as f64 / tally.values.max(1) as f64;
        let precision = tally.right as f64 / tally.findings.max(1) as f64;
        let f1 = 2.0 * recall * precision / (recall + precision).max(1e-9);
        lines.push(vec![
            format!("{source}, `{kind}`"),
            tally.values.to_string(),
            share(tally.found, tally.values),
            share(tally.right, tally.findings),
            format!("{f1:.3}"),
        ]);
    }
    page.say("## Names");
    page.table(
        "Names, places and organisations on the development split; English only.",
        &["", "names", "recall", "precision", "F1"],
        &lines,
    );
}

fn tallies<'a>(engine: &Engine, rows: &'a [Row]) -> BTreeMap<(&'a str, &'static str), Tally> {
    let mut tallies = BTreeMap::<(&str, &str), Tally>::new();
    for row in rows.iter().filter(|row| is_marked(row) && row.is_dev) {
        let findings = engine.inspect(&row.text, Provenance::User).findings;
        for class in Class::ALL {
            let tally = tallies.entry((&row.source, kind(class))).or_default();
            count(row, class, &findings, tally);
        }
    }
    tallies
}

const fn kind(class: Class) -> &'static str {
    match class {
        Class::Person => "pii.person",
        Class::Place => "pii.place",
        Class::Organisation => "pii.organisation",
    }
}

fn count(row: &Row, class: Class, findings: &[Finding], tally: &mut Tally) {
    let values: Vec<&Value> = row
        .values
        .iter()
        .filter(|value| Entity::of(&value.entity) == Some(Entity::Name(class)))
        .collect();
    let found: Vec<&Finding> =
        findings.iter().filter(|finding| finding.kind.as_str() == kind(class)).collect();
    for value in &values {
        tally.values += 1;
        let hit = found.iter().any(|finding| overlap(finding, value) * 2 > value.end - value.start);
        tally.found += usize::from(hit);
        if !hit {
            tally.missed.extend(row.text.get(value.start..value.end).map(str::to_owned));
        }
    }
    for finding in found {
        // An address holds names of places and people, and nobody marked them.
        if row.values.iter().any(|value| {
            Entity::of(&value.entity) == Some(Entity::Address) && overlap(finding, value) > 0
        }) {
            continue;
        }
        let range = finding.span.range();
        let right = values.iter().any(|value| overlap(finding, value) * 2 > range.len());
        tally.findings += 1;
        tally.right += usize::from(right);
        if !right {
            tally.wrong.extend(row.text.get(range).map(str::to_owned));
        }
    }
}

fn overlap(finding: &Finding, value: &Value) -> usize {
    let range = finding.span.range();
    range.end.min(value.end).saturating_sub(range.start.max(value.start))
}

/// The share of ordinary texts with a finding, at any rank and at the rank that is masked, and examples.
fn ordinary(engine: &Engine, rows: &[Row]) {
    let mut sources = BTreeMap::<&str, (usize, [[usize; 2]; 3])>::new();
    let mut examples = BTreeMap::<(&str, &str), Vec<String>>::new();
    for row in rows.iter().filter(|row| row.label == Label::Benign) {
        let findings = engine.inspect(&row.text, Provenance::User).findings;
        let tally = sources.entry(&row.source).or_default();
        tally.0 += 1;
        for (class, counts) in Class::ALL.into_iter().zip(&mut tally.1) {
            let of_kind = || findings.iter().filter(|finding| finding.kind.as_str() == kind(class));
            for (count, rank) in counts.iter_mut().zip([0, 20]) {
                *count += usize::from(of_kind().any(|finding| finding.rank.get() >= rank));
            }
            let shown = examples.entry((&row.source, kind(class))).or_default();
            shown.extend(
                of_kind()
                    .filter_map(|finding| row.text.get(finding.span.range()))
                    .map(str::to_owned),
            );
        }
    }
    println!("\nordinary texts with a finding (any rank / rank >= 20), right or wrong");
    for (source, (texts, counts)) in &sources {
        let shares: Vec<String> = counts
            .iter()
            .map(|[any, masked]| {
                let percent = |count: &usize| 100.0 * *count as f64 / (*texts).max(1) as f64;
                format!("{:>5.1} % /{:>5.1} %", percent(any), percent(masked))
            })
            .collect();
        println!(
            "{source:<28} {texts:>5}  person {}  place {}  organisation {}",
            shares.first().map_or("", String::as_str),
            shares.get(1).map_or("", String::as_str),
            shares.get(2).map_or("", String::as_str)
        );
    }
    for ((source, kind), texts) in examples {
        let shown: Vec<String> = texts
            .iter()
            .step_by(texts.len() / SHOWN_MAX + 1)
            .map(|text| format!("{text:?}"))
            .collect();
        println!("{source} {kind}: {}", shown.join(" "));
    }
}
