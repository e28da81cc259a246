//! Ordinary texts: what people and programs send to models all day, in equal parts by kind.
//!
//! They are the innocent seeds that the score model is trained on, with their choices made, the sources of this program, and
//! logs and records that are generated. INVARIANT: the same program measures the same texts. Not here: hostile ones.

use std::fmt::Write as _;

use events::Provenance;
use serde_json::Value;

use super::random::Random;

/// How much text there is of each kind.
const KIND_BYTES: usize = 48 * 1024;
/// Records and lines of a log that make one text.
const LINES_PER_TEXT: usize = 12;
/// How often a choice is made in one seed; more choices stay as they are written.
const CHOICES_MAX: usize = 1000;

/// Texts of one kind.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) provenance: Provenance,
    pub(super) texts: Vec<String>,
}

impl Kind {
    pub(super) fn bytes(&self) -> usize {
        self.texts.iter().map(String::len).sum()
    }
}

macro_rules! seeds {
    ($($name:literal),+ $(,)?) => {
        &[$(include_str!(concat!("../../../detect/training/", $name, ".jsonl"))),+]
    };
}

const PROMPTS: &[&str] =
    seeds!["en-benign-everyday", "en-benign-triggers", "en-benign-meta", "benign-triggers"];
const DOCUMENTS: &[&str] = seeds![
    "en-benign-long-b",
    "en-benign-long-e",
    "en-benign-documents-a",
    "en-benign-documents-b",
    "benign-documents",
];
const LATIN: &[&str] = seeds![
    "de-benign",
    "fr-benign",
    "es-benign",
    "it-benign",
    "nl-benign",
    "pl-benign",
    "pt-benign",
    "cs-benign",
    "sv-benign",
    "tr-benign",
    "id-benign",
    "vi-benign",
];
const OTHER_SCRIPTS: &[&str] = seeds![
    "ru-benign",
    "uk-benign",
    "zh-benign",
    "ja-benign",
    "ko-benign",
    "ar-benign",
    "fa-benign",
    "hi-benign",
    "zh-benign-long",
    "ja-benign-long",
    "ru-benign-long",
    "ar-benign-long",
];
const CODE: &[&str] = &[
    include_str!("../load.rs"),
    include_str!("../mock.rs"),
    include_str!("../proxy.rs"),
    include_str!("../process.rs"),
    include_str!("../bodies.rs"),
    include_str!("../kill.rs"),
    include_str!("presidio.py"),
    include_str!("../../Cargo.toml"),
];

/// Every kind, in the report's order.
pub(super) fn ordinary() -> Vec<Kind> {
    let kind = |name, provenance, texts| Kind { name, provenance, texts: up_to(texts, KIND_BYTES) };
    vec![
        kind("prompts, English", Provenance::User, from_seeds(PROMPTS)),
        kind("documents, English", Provenance::Retrieved, from_seeds(DOCUMENTS)),
        kind("other languages, Latin letters", Provenance::User, from_seeds(LATIN)),
        kind("other languages, other scripts", Provenance::User, from_seeds(OTHER_SCRIPTS)),
        kind("code", Provenance::File, code()),
        kind("logs", Provenance::ToolResult, logs()),
        kind("JSON records", Provenance::ToolResult, records()),
    ]
}

/// Whole texts until there are so many bytes of them.
fn up_to(texts: Vec<String>, bytes: usize) -> Vec<String> {
    let mut left = bytes;
    let fits = |text: &String| {
        let goes_on = left > 0;
        left = left.saturating_sub(text.len());
        goes_on
    };
    texts.into_iter().take_while(fits).collect()
}

/// The seeds of several files in turns, one choice made of each, so that no file fills the whole kind.
fn from_seeds(files: &[&str]) -> Vec<String> {
    let mut random = Random::new(1);
    let mut rows: Vec<(usize, &str)> =
        files.iter().flat_map(|file| file.lines().enumerate()).collect();
    rows.sort_by_key(|(line, _)| *line);
    let seeds = rows.iter().filter_map(|(_, row)| {
        let row: Value = serde_json::from_str(row).ok()?;
        Some(row.get("text")?.as_str()?.to_owned())
    });
    seeds
        .filter(|seed| !seed.contains("{{") && !seed.contains("}}") && !seed.contains("{$"))
        .map(|seed| choose(seed, &mut random))
        .collect()
}

/// `{a|b}` made `a` or `b`, the innermost braces first.
fn choose(mut text: String, random: &mut Random) -> String {
    for _ in 0..CHOICES_MAX {
        let Some(open) = text.rfind('{') else { break };
        let rest = text.get(open + 1..).unwrap_or_default();
        let Some((inside, _)) = rest.split_once('}') else { break };
        let close = open + 1 + inside.len();
        let chosen = random.pick(&inside.split('|').collect::<Vec<_>>()).to_owned();
        text.replace_range(open..=close, &chosen);
    }
    text
}

/// Files, a screen at a time, as they are pasted.
fn code() -> Vec<String> {
    const LINES_PER_SCREEN: usize = 40;
    let screens = CODE.iter().flat_map(|file| {
        let lines: Vec<&str> = file.split_inclusive('\n').collect();
        lines.chunks(LINES_PER_SCREEN).map(<[&str]>::concat).collect::<Vec<_>>()
    });
    screens.collect()
}

fn logs() -> Vec<String> {
    let mut random = Random::new(2);
    (0..KIND_BYTES / 500)
        .map(|_| {
            let mut text = String::new();
            for _ in 0..LINES_PER_TEXT {
                line(&mut random, &mut text);
            }
            text
        })
        .collect()
}

/// A line of one of three logs.
fn line(random: &mut Random, out: &mut String) {
    let (hour, minute, second) = (random.below(24), random.below(60), random.below(60));
    let (millis, day) = (random.below(1000), 1 + random.below(28));
    let paths = [
        "/",
        "/api/orders",
        "/api/orders/%d",
        "/static/app.3f9a1c.js",
        "/login",
        "/health",
        "/search?q=shoes",
    ];
    let path = random.pick(&paths).replace("%d", &random.below(99_999).to_string());
    let _ = match random.below(3) {
        0 => writeln!(
            out,
            "10.{}.{}.{} - - [{day:02}/Mar/2026:{hour:02}:{minute:02}:{second:02} +0000] \"GET {path} HTTP/1.1\" {} {} \"-\" \
             \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\"",
            random.below(255),
            random.below(255),
            random.below(255),
            random.pick(&[200, 200, 200, 304, 404, 500]),
            random.below(60_000),
        ),
        1 => writeln!(
            out,
            "2026-03-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z {} {} request_id={:08x}-{:04x} took={}ms {}",
            random.pick(&["INFO", "INFO", "DEBUG", "WARN", "ERROR"]),
            random.pick(&["http.server", "db.pool", "worker.mail", "cache", "scheduler"]),
            random.below(usize::MAX) as u32,
            random.below(0xffff),
            random.below(3000),
            random.pick(&[
                "ok",
                "retrying in 5 s",
                "connection reset by peer",
                "cache miss",
                "job finished",
                "no rows"
            ]),
        ),
        _ => writeln!(
            out,
            "Mar {day:2} {hour:02}:{minute:02}:{second:02} host{} {}[{}]: {}",
            random.below(40),
            random.pick(&["systemd", "kernel", "sshd", "cron"]),
            random.below(32_768),
            random.pick(&[
                "Started Daily apt download activities.",
                "session opened for user deploy",
                "Out of memory: killed",
                "eth0: link becomes ready",
                "(root) CMD (run-parts /etc/cron.hourly)"
            ]),
        ),
    };
}

fn records() -> Vec<String> {
    let mut random = Random::new(3);
    (0..KIND_BYTES / 1000).map(|_| record_list(&mut random)).collect()
}

/// What a tool for orders answers.
fn record_list(random: &mut Random) -> String {
    let mut text = String::from("{\"orders\": [");
    for at in 0..LINES_PER_TEXT / 2 {
        let comma = if at == 0 { "" } else { ", " };
        let _ = write!(
            text,
            "{comma}{{\"id\": \"ord_{:06}\", \"status\": \"{}\", \"total\": {}.{:02}, \"currency\": \"{}\", \"items\": [{{\"sku\": \
             \"SKU-{}\", \"title\": \"{} {}\", \"quantity\": {}}}], \"created_at\": \"2026-{:02}-{:02}T09:30:00Z\", \"note\": \"{}\"}}",
            random.below(999_999),
            random.pick(&["paid", "shipped", "returned", "open"]),
            random.below(400),
            random.below(100),
            random.pick(&["EUR", "USD", "SEK"]),
            random.below(99_999),
            random.pick(&["Oak", "Blue", "Small", "Folding", "Wool"]),
            random.pick(&["table", "lamp", "blanket", "chair", "mug"]),
            1 + random.below(5),
            1 + random.below(12),
            1 + random.below(28),
            random.pick(&[
                "",
                "leave with the neighbour",
                "gift wrap please",
                "call before delivery"
            ]),
        );
    }
    text.push_str("], \"next\": null}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_there_in_equal_parts() {
        for kind in ordinary() {
            let bytes = kind.bytes();
            assert!((KIND_BYTES / 2..KIND_BYTES * 2).contains(&bytes), "{}: {bytes}", kind.name);
        }
        assert_eq!(ordinary()[0].texts, ordinary()[0].texts, "the same in every run");
    }

    #[test]
    fn choices_are_made() {
        let text = choose("{a|b{c|d}} x".to_owned(), &mut Random::new(1));
        assert!(["a x", "bc x", "bd x"].contains(&text.as_str()), "{text}");
    }
}
