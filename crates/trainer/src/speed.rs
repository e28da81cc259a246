//! How long the engine takes, by part: for a first look; the figures that count come from the bench.

use std::collections::BTreeMap;
use std::fs::File;
use std::hint::black_box;
use std::io::Read;
use std::time::Instant;

use detect::training::{Group, Model, NamesModel, features, normalised, views};
use detect::{DetectSettings, Engine};
use events::Provenance;

use crate::Places;
use crate::corpus::{self, Label, Row};

/// Prints microseconds per kilobyte of ordinary text, whole and in pieces of four characters.
pub(crate) fn run(places: &Places) -> Result<(), String> {
    let folder = places.data.as_ref().ok_or("`--data DIR` is needed")?;
    let rows: Vec<Row> = corpus::data(folder)?
        .into_iter()
        .filter(|row| row.label == Label::Benign && row.is_dev)
        .collect();
    let all = engine(&[])?;
    let values = engine(&["linear_score"])?;
    let names = NamesModel::shipped().map_err(str::to_owned)?;
    let start = cpu_nanoseconds();
    for _ in 0..10 {
        black_box(engine(&[])?);
    }
    println!("building an engine, with the self-test: {:.0} µs", (cpu_nanoseconds() - start) / 1e4);
    for (name, group) in [("prompts", Group::Prompts), ("documents", Group::Documents)] {
        for (language, is_ascii) in [("ascii", true), ("other", false)] {
            let texts: Vec<&str> = rows
                .iter()
                .filter(|row| row.group == group && row.text.is_ascii() == is_ascii)
                .map(|row| row.text.as_str())
                .collect();
            let bytes: usize = texts.iter().map(|text| text.len()).sum();
            println!(
                "{name:<10} {language:<6} {:>8} bytes: everything {:>6.2} µs/KB, without the score {:>6.2}, names alone {:>6.2}, streamed {:>6.2}",
                bytes,
                time(&texts, bytes, |text| inspect(&all, text)),
                time(&texts, bytes, |text| inspect(&values, text)),
                time(&texts, bytes, |text| {
                    let mut found = Vec::new();
                    detect::training::names(&names, text, &mut found);
                    black_box(found.len());
                }),
                time(&texts, bytes, |text| stream(&all, text)),
            );
        }
    }
    again(&all, &names, &rows)?;
    held(&all, &rows);
    decoded(&rows);
    Ok(())
}

/// Bytes of the prompts that are read twice in a row: short ones, and long ones.
const AGAIN_BYTES: [std::ops::RangeInclusive<usize>; 2] = [100..=300, 1024..=8192];
/// How often all of them are read; each counts with its fastest time.
const AGAIN_ROUNDS: usize = 15;
/// More than the two nearest caches hold.
const OTHER_BYTES: usize = 4 * 1024 * 1024;

/// Work on a text and the same normalised.
type Part<'a> = &'a dyn Fn(&str, &str);

/// Prints what a prompt costs when nothing that it needs is in the two nearest caches, and what it costs at once again.
fn again(engine: &Engine, names: &NamesModel, rows: &[Row]) -> Result<(), String> {
    let model = Model::shipped().map_err(str::to_owned)?;
    let parts: [(&str, Part<'_>); 4] = [
        ("everything", &|text, _| inspect(engine, text)),
        ("the score", &|_, normal| {
            black_box(model.read(normal));
        }),
        ("its features", &|_, normal| {
            let mut sum = 0_u32;
            features(normal, |bucket, _| sum ^= bucket);
            black_box(sum);
        }),
        ("names", &|_, normal| {
            let mut found = Vec::new();
            detect::training::names(names, normal, &mut found);
            black_box(found.len());
        }),
    ];
    for size in AGAIN_BYTES {
        let texts: Vec<(&str, String)> = rows
            .iter()
            .filter(|row| row.group == Group::Prompts && size.contains(&row.text.len()))
            .map(|row| (row.text.as_str(), normalised(&row.text)))
            .collect();
        println!("{} prompts of {size:?} bytes, µs/KB at first and at once again:", texts.len());
        for (name, work) in parts {
            let [first, second] = first_and_second(&texts, work);
            println!("    {name:<14} {first:>6.2} {second:>6.2}");
        }
    }
    Ok(())
}

/// Microseconds per kilobyte of reading every text for the first and for the second time.
fn first_and_second(texts: &[(&str, String)], work: Part<'_>) -> [f64; 2] {
    let other = vec![1_u8; OTHER_BYTES];
    let bytes: usize = texts.iter().map(|(text, _)| text.len()).sum();
    let mut best = vec![[f64::INFINITY; 2]; texts.len()];
    for _ in 0..AGAIN_ROUNDS {
        for ((text, normal), best) in texts.iter().zip(&mut best) {
            // It takes the place of all else.
            black_box(other.iter().map(|byte| u64::from(*byte)).sum::<u64>());
            for best in best {
                let start = Instant::now();
                work(black_box(text), black_box(normal));
                *best = best.min(start.elapsed().as_nanos() as f64 / 1e3);
            }
        }
    }
    let of = |time: usize| {
        let sum: f64 = best.iter().filter_map(|best| best.get(time)).sum();
        sum / (bytes.max(1) as f64 / 1024.0)
    };
    [of(0), of(1)]
}

/// Prints how many ways there are to read an ordinary text, itself among them, and what was undone.
fn decoded(rows: &[Row]) {
    for (name, group) in [("prompts", Group::Prompts), ("documents", Group::Documents)] {
        let (mut texts, mut undone, mut paths) =
            (0_usize, 0_usize, BTreeMap::<String, usize>::new());
        for row in rows.iter().filter(|row| row.group == group) {
            texts += 1;
            for (path, _) in views(&row.text) {
                undone += 1;
                *paths.entry(path).or_default() += 1;
            }
        }
        println!(
            "{name:<10} {:.4} views per text: {paths:?}",
            1.0 + undone as f64 / texts.max(1) as f64
        );
    }
}

fn engine(off: &[&str]) -> Result<Engine, String> {
    let settings = off
        .iter()
        .try_fold(DetectSettings::default(), |settings, name| settings.without(name))
        .map_err(|error| error.to_string())?;
    Engine::new(&settings).map_err(|error| error.to_string())
}

/// What one round reads at least: the kernel counts in steps of milliseconds.
const ROUND_BYTES_MIN: usize = 4 * 1024 * 1024;

/// The best of several rounds, which noise cannot make faster.
fn time(texts: &[&str], bytes: usize, mut work: impl FnMut(&str)) -> f64 {
    let times = ROUND_BYTES_MIN.div_ceil(bytes.max(1));
    (0..5)
        .map(|_| {
            let start = cpu_nanoseconds();
            for _ in 0..times {
                for text in texts {
                    work(text);
                }
            }
            (cpu_nanoseconds() - start) / 1e3 / ((bytes * times).max(1) as f64 / 1024.0)
        })
        .fold(f64::INFINITY, f64::min)
}

/// What this thread has run for, as the kernel counts it; waiting for others does not count.
fn cpu_nanoseconds() -> f64 {
    let mut text = String::new();
    let read = File::open("/proc/thread-self/schedstat")
        .and_then(|file| file.take(256).read_to_string(&mut text));
    read.ok()
        .and_then(|_| text.split(' ').next())
        .and_then(|number| number.parse().ok())
        .unwrap_or_default()
}

fn inspect(engine: &Engine, text: &str) {
    black_box(engine.inspect(black_box(text), Provenance::User));
}

/// In pieces of about four characters, as tokens come.
fn stream(engine: &Engine, text: &str) {
    let (mut scanner, mut findings) = (engine.stream(), Vec::new());
    for piece in pieces(text) {
        scanner.push(piece, &mut findings);
    }
    scanner.finish(&mut findings);
    black_box(findings);
}

fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let cuts: Vec<usize> =
        text.char_indices().step_by(4).map(|(at, _)| at).chain([text.len()]).collect();
    (1..cuts.len()).filter_map(move |end| text.get(*cuts.get(end - 1)?..*cuts.get(end)?))
}

fn held(engine: &Engine, rows: &[Row]) {
    let (mut held, mut pushes, mut most) = (0_usize, 0_usize, 0_usize);
    for row in rows {
        let (mut scanner, mut findings, mut pushed) = (engine.stream(), Vec::new(), 0);
        for piece in pieces(&row.text) {
            scanner.push(piece, &mut findings);
            pushed += piece.len();
            held += pushed - scanner.settled();
            most = most.max(pushed - scanner.settled());
            pushes += 1;
        }
    }
    println!(
        "held back: {:.2} bytes on average over {pushes} pushes, {most} at most",
        held as f64 / pushes.max(1) as f64
    );
}
