//! Evaluation of the detectors of values: personal data by type, secrets by source, and what they say to
//! ordinary texts.
//!
//! A value counts as found if a finding of its kind covers most of it; a finding counts as wrong if no value of
//! its kind is where it is. INVARIANT: only `dev` counts, unless all is asked for.

use std::collections::{BTreeMap, BTreeSet};

use detect::Engine;
use events::{Finding, Provenance};

use crate::corpus::{Label, Row, Value};
use crate::page::{Page, share};
use crate::review::is_set_aside;

/// Types of the data sets, and the kinds that find them.
const KINDS: &[(&str, &[&str])] = &[
    ("AGE", &["pii.age"]),
    ("CREDIT_CARD", &["pii.card"]),
    ("DATE_TIME", &["pii.date_of_birth", "pii.date_time"]),
    (WHOLE_DATE, &["pii.date_of_birth", "pii.date_time"]),
    ("EMAIL", &["pii.email"]),
    ("IBAN", &["pii.iban"]),
    ("IP_ADDRESS", &["pii.ip_address"]),
    ("PHONE", &["pii.phone"]),
    ("US_DRIVER_LICENSE", &["pii.driving_licence"]),
    ("US_SSN", &["pii.us_ssn"]),
    (
        "ZIP_CODE",
        &[
            "pii.us_zip",
            "pii.postcode",
            "pii.uk_postcode",
            "pii.ca_postcode",
            "pii.nl_postcode",
            "pii.br_cep",
            "pii.jp_postcode",
        ],
    ),
];
/// Dates with a day, a month and a year, among what the data sets call dates.
const WHOLE_DATE: &str = "DATE_TIME, whole";
/// Wrong and missed values that are shown, of each kind.
const SHOWN_MAX: usize = 400;

#[derive(Debug, Default)]
struct Tally {
    values: usize,
    found: usize,
    findings: usize,
    right: usize,
    missed: Vec<String>,
    wrong: Vec<String>,
}

/// Prints precision and recall per type of personal data, and of secrets per source.
pub(crate) fn report(engine: &Engine, rows: &[Row]) {
    personal(engine, rows);
    secrets(engine, rows);
    ordinary(engine, rows);
}

/// The same for the page. The rules were written with these texts at hand: the figures say that they hold there, and
/// not how they fare elsewhere.
pub(crate) fn page(page: &mut Page, engine: &Engine, rows: &[Row]) {
    const COLUMNS: [&str; 4] = ["", "values", "recall", "precision"];
    let row = |(name, tally): (&str, Tally)| {
        let recall = share(tally.found, tally.values);
        vec![name.to_owned(), tally.values.to_string(), recall, share(tally.right, tally.findings)]
    };
    page.say("## Personal data and secrets");
    let rows_of = personal_tallies(engine, rows).0.into_iter().map(row).collect::<Vec<_>>();
    page.table(
        "Personal data by type, in sets of generated English sentences (all splits; the rules were written with them at hand). Types of other countries are held by \
         their checksums and by tables of examples in the tests. `DATE_TIME` counts years and days of the week by themselves, which are no dates to us: of dates with a day, a month and a year, all are found \
         (`DATE_TIME, whole`). `ZIP_CODE` counts numbers after the name of a town, without a word that says what they are; those found within what is marked as a whole address (`ADDRESS`) are neither right nor wrong, since these sets do not mark the postcode in it.",
        &COLUMNS,
        &rows_of,
    );
    let rows_of = secret_tallies(engine, rows, |_| true).into_iter().map(row).collect::<Vec<_>>();
    page.table(
        "Secrets by text, in the examples that other scanners are tested with, as these label them (all splits; the rules were written with them at hand).",
        &COLUMNS,
        &rows_of,
    );
    let kept = |row: &Row| !is_set_aside(row);
    let rows_of = secret_tallies(engine, rows, kept).into_iter().map(row).collect::<Vec<_>>();
    page.table(
        "The same without texts whose label says something else (`crates/trainer/src/review.rs` lists them): names of buckets, accounts and addresses, placeholders (`AP6xxxxxxxxxx`), \
         templates and the scanners' own patterns, all of which we pass over on purpose; and whole keys that are labelled harmless because they are well known or not of the form that the tested rule is for.",
        &COLUMNS,
        &rows_of,
    );
}

/// Kinds that the data sets do not mark, and values of them.
type Others = BTreeMap<String, Vec<String>>;

fn personal_tallies(engine: &Engine, rows: &[Row]) -> (BTreeMap<&'static str, Tally>, Others) {
    let mut tallies = BTreeMap::<&str, Tally>::new();
    let mut others = Others::new();
    // Not every set marks every type: what it does not mark is neither right nor wrong there.
    let marks: BTreeSet<(&str, &str)> = rows
        .iter()
        .flat_map(|row| row.values.iter().map(|value| (row.source.as_str(), value.entity.as_str())))
        .collect();
    for row in rows.iter().filter(|row| row.source.starts_with("presidio")) {
        let findings = engine.inspect(&row.text, Provenance::User).findings;
        let known = |finding: &&Finding| KINDS.iter().any(|(_, kinds)| is_of(finding, kinds));
        for finding in findings.iter().filter(|finding| !known(finding)) {
            let text = row.text.get(finding.span.range()).unwrap_or_default();
            others.entry(finding.kind.as_str().to_owned()).or_default().push(text.to_owned());
        }
        for (entity, kinds) in KINDS {
            let marked = entity.split(',').next().unwrap_or_default();
            if !marks.contains(&(row.source.as_str(), marked)) {
                continue;
            }
            let tally = tallies.entry(entity).or_default();
            let values: Vec<&Value> =
                row.values.iter().filter(|value| entity.starts_with(&value.entity)).collect();
            let found: Vec<&Finding> =
                findings.iter().filter(|finding| is_of(finding, kinds)).collect();
            for value in &values {
                if *entity == WHOLE_DATE && !is_whole_date(row, value) {
                    continue;
                }
                tally.values += 1;
                let hit = found.iter().any(|finding| covers(finding, value));
                tally.found += usize::from(hit);
                if !hit {
                    tally.missed.extend(row.text.get(value.start..value.end).map(str::to_owned));
                }
            }
            for finding in found {
                if *entity == "ZIP_CODE" && is_in_address(finding, row) {
                    continue;
                }
                tally.findings += 1;
                let right = values.iter().any(|value| covers(finding, value));
                tally.right += usize::from(right);
                if !right {
                    tally.wrong.extend(row.text.get(finding.span.range()).map(str::to_owned));
                }
            }
        }
    }
    (tallies, others)
}

fn personal(engine: &Engine, rows: &[Row]) {
    let (tallies, others) = personal_tallies(engine, rows);
    println!(
        "\npersonal data\n{:<18} {:>6}  {:<22} {:<22}",
        "type", "values", "recall", "precision"
    );
    for (kind, tally) in tallies {
        println!(
            "{kind:<18} {:>6}  {:<22} {:<22}",
            tally.values,
            share(tally.found, tally.values),
            share(tally.right, tally.findings)
        );
        for (name, texts) in [("missed", tally.missed), ("wrong", tally.wrong)] {
            let shown: Vec<String> =
                texts.iter().take(SHOWN_MAX).map(|text| format!("{text:?}")).collect();
            if !shown.is_empty() {
                println!("    {name}: {}", shown.join(" "));
            }
        }
    }
    println!("  other kinds, which these sets do not mark");
    for (kind, texts) in others {
        let shown: Vec<String> =
            texts.iter().take(SHOWN_MAX).map(|text| format!("{text:?}")).collect();
        println!("    {kind}: {}", shown.join(" "));
    }
}

/// Whether it lies in what is marked as an address: these sets do not mark the postcode within.
fn is_in_address(finding: &Finding, row: &Row) -> bool {
    let range = finding.span.range();
    let holds = |value: &Value| value.start <= range.start && range.end <= value.end;
    row.values.iter().any(|value| value.entity == "ADDRESS" && holds(value))
}

/// Whether a value marked as a date has more than one number in it, or a number and a word.
fn is_whole_date(row: &Row, value: &Value) -> bool {
    let text = row.text.get(value.start..value.end).unwrap_or_default();
    text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().any(|byte| !byte.is_ascii_digit())
}

fn is_of(finding: &Finding, kinds: &[&str]) -> bool {
    kinds.contains(&finding.kind.as_str())
}

fn covers(finding: &Finding, value: &Value) -> bool {
    let range = finding.span.range();
    let (start, end) = (range.start.max(value.start), range.end.min(value.end));
    start < end && (end - start) * 2 > value.end - value.start
}

fn secret_tallies<'a>(
    engine: &Engine,
    rows: &'a [Row],
    counts: impl Fn(&Row) -> bool,
) -> BTreeMap<&'a str, Tally> {
    let mut tallies = BTreeMap::<&str, Tally>::new();
    for row in rows.iter().filter(|row| row.is_secret.is_some() && counts(row)) {
        let findings = engine.inspect(&row.text, Provenance::User).findings;
        let found = findings.iter().any(|finding| finding.kind.family() == "secret");
        let tally = tallies.entry(&row.source).or_default();
        let is_secret = row.is_secret == Some(true);
        tally.values += usize::from(is_secret);
        tally.found += usize::from(is_secret && found);
        tally.findings += usize::from(found);
        tally.right += usize::from(is_secret && found);
        let text: String = row.text.chars().take(100).collect();
        match (is_secret, found) {
            (true, false) => tally.missed.push(text),
            (false, true) => tally.wrong.push(text),
            _ => {}
        }
    }
    tallies
}

fn secrets(engine: &Engine, rows: &[Row]) {
    let tallies = secret_tallies(engine, rows, |_| true);
    println!(
        "\nsecrets, by text\n{:<28} {:>6}  {:<22} {:<22}",
        "source", "texts", "recall", "precision"
    );
    for (source, tally) in tallies {
        println!(
            "{source:<28} {:>6}  {:<22} {:<22}",
            tally.values,
            share(tally.found, tally.values),
            share(tally.right, tally.findings)
        );
        for (name, texts) in [("missed", tally.missed), ("wrong", tally.wrong)] {
            for text in texts.iter().take(SHOWN_MAX) {
                println!("    {name}: {text:?}");
            }
        }
    }
}

/// What the detectors of values say to ordinary texts: some of it is right, so it is shown.
fn ordinary(engine: &Engine, rows: &[Row]) {
    let mut tallies = BTreeMap::<String, (usize, Vec<String>)>::new();
    let mut texts = 0_usize;
    for row in
        rows.iter().filter(|row| row.label == Label::Benign && !row.source.starts_with("seeds"))
    {
        texts += 1;
        for finding in engine.inspect(&row.text, Provenance::User).findings {
            if finding.detector == "linear_score" {
                continue;
            }
            let tally = tallies.entry(finding.kind.as_str().to_owned()).or_default();
            tally.0 += 1;
            tally.1.extend(row.text.get(finding.span.range()).map(str::to_owned));
        }
    }
    println!("\nfindings in {texts} ordinary texts, right or wrong");
    for (kind, (count, values)) in tallies {
        let shown: Vec<String> = values
            .iter()
            .step_by(values.len() / SHOWN_MAX + 1)
            .map(|text| format!("{:?}", text.chars().take(60).collect::<String>()))
            .collect();
        println!("{kind:<28} {count:>5}  {}", shown.join(" "));
    }
}
