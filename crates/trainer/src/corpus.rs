//! Texts and what they are: read from a folder of data sets, and from the seeds that are ours.
//!
//! INVARIANT: the order is that of sorted paths and lines. INVARIANT: what is marked `dev` is never
//! trained on.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use detect::training::Group;
use serde::Deserialize;

use crate::grammar::expand;
use crate::shuffle::{Shuffle, fingerprint};

/// The largest file that is read, unpacked.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Texts that one seed becomes.
const TEXTS_PER_SEED: usize = 4;

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Label {
    Benign,
    Injection,
    Jailbreak,
    /// A plain request for something harmful: no attack on the model's instructions.
    Harmful,
    /// Something else that is no attack, and not what people ordinarily send.
    Other,
}

/// One text.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) source: String,
    pub(crate) text: String,
    pub(crate) label: Label,
    pub(crate) group: Group,
    pub(crate) is_dev: bool,
    /// Whether the attack stands inside a document.
    pub(crate) is_buried: bool,
    /// Values marked in the text.
    pub(crate) values: Vec<Value>,
    /// Whether the text holds a secret, if that is what the source is about.
    pub(crate) is_secret: Option<bool>,
}

/// A value marked in a text, in bytes.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) entity: String,
}

/// A value as the data sets mark it, in characters.
#[derive(Debug, Deserialize)]
struct Span {
    start: usize,
    end: usize,
    entity: String,
}

impl Span {
    fn value(self, text: &str) -> Value {
        let byte =
            |character: usize| text.char_indices().nth(character).map_or(text.len(), |(at, _)| at);
        Value { start: byte(self.start), end: byte(self.end), entity: self.entity }
    }
}

#[derive(Debug, Deserialize)]
struct Line {
    text: String,
    label: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    split: String,
    #[serde(default)]
    spans: Vec<Span>,
}

#[derive(Debug, Deserialize)]
struct Seed {
    text: String,
    label: String,
    #[serde(default)]
    family: String,
    #[serde(default)]
    provenance: String,
}

/// Every text of a folder of data sets.
pub(crate) fn data(folder: &Path) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for path in files(folder)? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let source = name.split('.').next().unwrap_or_default().to_owned();
        for line in lines(&path)? {
            let line: Line = parse(&line, &path)?;
            let Some(label) = label(&line.label) else { continue };
            rows.push(Row {
                source: source.clone(),
                label,
                group: group(&line.kind),
                is_dev: line.split == "dev",
                is_buried: line.kind == "indirect",
                values: line.spans.into_iter().map(|span| span.value(&line.text)).collect(),
                is_secret: match line.label.as_str() {
                    "secret" => Some(true),
                    "no_secret" => Some(false),
                    _ => None,
                },
                text: line.text,
            });
        }
    }
    Ok(rows)
}

/// Every text that the seeds describe; one seed in six is kept for evaluation.
pub(crate) fn seeds(folder: &Path) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for path in files(folder)? {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        for line in lines(&path)? {
            let seed: Seed = parse(&line, &path)?;
            let label = label(&seed.label)
                .ok_or_else(|| format!("{}: `{}` is no label", path.display(), seed.label))?;
            let number = fingerprint(&seed.text);
            let mut shuffle = Shuffle::new(number);
            let source = if seed.family.is_empty() {
                format!("seeds/{stem}")
            } else {
                format!("seeds/{stem}/{}", seed.family)
            };
            for text in expand(&seed.text, TEXTS_PER_SEED, &mut shuffle) {
                rows.push(Row {
                    source: source.clone(),
                    text,
                    label,
                    group: group(&seed.provenance),
                    is_dev: number.is_multiple_of(6),
                    is_buried: false,
                    values: Vec::new(),
                    is_secret: None,
                });
            }
        }
    }
    Ok(rows)
}

/// Attacks of `attacks` written into documents of `documents`, at the beginning, the middle or the end of one.
pub(crate) fn buried(attacks: &[&Row], documents: &[&Row], count: usize) -> Vec<Row> {
    let mut shuffle = Shuffle::new(7);
    let mut rows = Vec::new();
    for place in 0..count {
        let (Some(attack), Some(document)) = (
            attacks.get(shuffle.below(attacks.len())),
            documents.get(shuffle.below(documents.len())),
        ) else {
            break;
        };
        let breaks: Vec<usize> =
            document.text.match_indices(['\n', '.']).map(|(at, sign)| at + sign.len()).collect();
        let at = match place % 3 {
            0 => 0,
            1 => breaks.get(shuffle.below(breaks.len())).copied().unwrap_or_default(),
            _ => document.text.len(),
        };
        let (head, tail) = document.text.split_at(at);
        rows.push(Row {
            source: "buried".to_owned(),
            text: format!("{head}\n{}\n{tail}", attack.text),
            label: attack.label,
            group: Group::Documents,
            is_dev: false,
            is_buried: true,
            values: Vec::new(),
            is_secret: None,
        });
    }
    rows
}

fn label(name: &str) -> Option<Label> {
    Some(match name {
        "benign" => Label::Benign,
        "injection" | "extraction" | "exfiltration" | "tool_abuse" => Label::Injection,
        "jailbreak" => Label::Jailbreak,
        "harmful_request" => Label::Harmful,
        "pii" | "no_pii" | "non_toxic" | "toxic" | "secret" | "no_secret" => Label::Other,
        _ => return None,
    })
}

fn group(kind: &str) -> Group {
    match kind {
        "retrieved" | "indirect" | "code" | "email" | "web" | "ticket" | "table" | "tool"
        | "memory" | "document" => Group::Documents,
        _ => Group::Prompts,
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries =
            std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries {
            let path = entry.map_err(|error| error.to_string())?.path();
            let name = path.to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.trim_end_matches(".zst").rsplit('.').next() == Some("jsonl") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn lines(path: &Path) -> Result<Vec<String>, String> {
    let failed = |error: String| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    let mut text = String::new();
    let read = if path.extension().is_some_and(|extension| extension == "zst") {
        let unpacked = ruzstd::decoding::StreamingDecoder::new(file)
            .map_err(|error| failed(error.to_string()))?;
        unpacked.take(FILE_BYTES_MAX).read_to_string(&mut text)
    } else {
        file.take(FILE_BYTES_MAX).read_to_string(&mut text)
    };
    read.map_err(|error| failed(error.to_string()))?;
    Ok(text.split('\n').filter(|line| !line.trim().is_empty()).map(str::to_owned).collect())
}

fn parse<'a, T: Deserialize<'a>>(line: &'a str, path: &Path) -> Result<T, String> {
    serde_json::from_str(line)
        .map_err(|error| format!("{}: {error} in `{line:.80}`", path.display()))
}
