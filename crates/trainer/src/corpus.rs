//! Texts and what they are: read from a folder of data sets, and from the seeds that are ours.
//!
//! INVARIANT: the order is that of sorted paths and lines. INVARIANT: what is marked `dev` is never
//! trained on.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use detect::Head;
use detect::training::Group;
use serde::Deserialize;

use crate::grammar::{expand, named};
use crate::shuffle::{Shuffle, fingerprint};

/// The largest file that is read, unpacked.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Texts that the seeds of one file become together, as far as the limits of a seed allow.
const TEXTS_PER_FILE: usize = 300;
/// The fewest and the most texts that one seed becomes.
const TEXTS_PER_SEED: (usize, usize) = (2, 10);

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Label {
    Benign,
    /// An order to drop or replace instructions.
    Injection,
    /// A request for the model's own instructions.
    Extraction,
    Jailbreak,
    /// An order to carry data out.
    Exfiltration,
    /// An order to call tools against their owner's interest.
    ToolAbuse,
    /// A plain request for something harmful: no attack on the model's instructions.
    Harmful,
    /// Something else that is no attack, and not what people ordinarily send.
    Other,
}

impl Row {
    /// Whether the text is a seed.
    pub(crate) fn is_ours(&self) -> bool {
        self.source.starts_with("seeds")
    }
}

impl Label {
    /// The head that finds attacks of this kind.
    pub(crate) const fn head(self) -> Option<Head> {
        match self {
            Self::Injection => Some(Head::Injection),
            Self::Extraction => Some(Head::Extraction),
            Self::Jailbreak => Some(Head::Jailbreak),
            Self::Exfiltration => Some(Head::Exfiltration),
            Self::ToolAbuse => Some(Head::ToolAbuse),
            Self::Benign | Self::Harmful | Self::Other => None,
        }
    }

    /// Whether the text attacks the instructions of a model.
    pub(crate) const fn is_attack(self) -> bool {
        !matches!(self, Self::Benign | Self::Harmful | Self::Other)
    }

    /// Whether the text gives a model orders that are not its owner's: what the head of injections finds.
    pub(crate) const fn is_injection(self) -> bool {
        self.is_attack() && !matches!(self, Self::Jailbreak)
    }
}

/// One text.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Its name in its data set; empty for seeds.
    pub(crate) id: String,
    pub(crate) source: String,
    /// What kind of text a seed is; of a data set of secrets, the rule that the text is an example for.
    pub(crate) family: String,
    pub(crate) language: String,
    /// Sources that the text was made from, if it was made from others.
    pub(crate) made_of: Vec<String>,
    pub(crate) text: String,
    pub(crate) label: Label,
    pub(crate) group: Group,
    pub(crate) is_dev: bool,
    /// Whether the attack stands inside a document.
    pub(crate) is_buried: bool,
    /// One of so many of its kind that it teaches nothing, except about toxicity.
    pub(crate) is_extra: bool,
    /// Whether the text is toxic, if that is what the source is about.
    pub(crate) is_toxic: Option<bool>,
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
    #[serde(default)]
    id: String,
    #[serde(default)]
    rule: String,
    text: String,
    label: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    lang: String,
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
    #[serde(default)]
    lang: String,
    /// How many texts it becomes, if that is said.
    #[serde(default)]
    texts: Option<usize>,
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
                id: line.id,
                source: source.clone(),
                family: line.rule,
                language: line.lang,
                made_of: Vec::new(),
                label,
                group: group(&line.kind),
                is_dev: line.split == "dev",
                is_buried: line.kind == "indirect",
                is_extra: false,
                is_toxic: match line.label.as_str() {
                    "toxic" => Some(true),
                    "non_toxic" => Some(false),
                    _ => None,
                },
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
    let definitions = definitions(folder)?;
    for path in files(folder)? {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        let lines = lines(&path)?;
        let (least, most) = TEXTS_PER_SEED;
        let count = (TEXTS_PER_FILE / lines.len().max(1)).clamp(least, most);
        for line in lines {
            let seed: Seed = parse(&line, &path)?;
            let label = label(&seed.label)
                .ok_or_else(|| format!("{}: `{}` is no label", path.display(), seed.label))?;
            let number = fingerprint(&seed.text);
            let mut shuffle = Shuffle::new(number);
            let count = seed.texts.unwrap_or(count);
            for text in expand(&named(&seed.text, &definitions), count, &mut shuffle) {
                rows.push(Row {
                    id: String::new(),
                    source: format!("seeds/{stem}"),
                    family: seed.family.clone(),
                    language: seed.lang.clone(),
                    made_of: Vec::new(),
                    text,
                    label: narrowed(label, &seed.family),
                    group: group(&seed.provenance),
                    is_dev: number.is_multiple_of(6),
                    is_buried: false,
                    is_extra: false,
                    is_toxic: None,
                    values: Vec::new(),
                    is_secret: None,
                });
            }
        }
    }
    Ok(rows)
}

/// Some seeds say `injection` and leave it to their family what kind of one.
fn narrowed(label: Label, family: &str) -> Label {
    match (label, family) {
        (Label::Injection, "extraction") => Label::Extraction,
        (Label::Injection, "exfiltration") => Label::Exfiltration,
        (Label::Injection, "tool_abuse") => Label::ToolAbuse,
        _ => label,
    }
}

/// Attacks of `attacks` written into documents of `documents`, at the beginning, the middle or the end of one.
pub(crate) fn buried(attacks: &[&Row], documents: &[&Row], count: usize) -> Vec<Row> {
    let mut shuffle = Shuffle::new(7);
    let mut rows = Vec::new();
    let (attacks, documents) = (by_source(attacks), by_source(documents));
    for place in 0..count {
        let (Some(attack), Some(document)) =
            (one_of(&attacks, &mut shuffle), one_of(&documents, &mut shuffle))
        else {
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
            id: String::new(),
            source: "buried".to_owned(),
            family: String::new(),
            language: attack.language.clone(),
            made_of: vec![attack.source.clone(), document.source.clone()],
            text: format!("{head}\n{}\n{tail}", attack.text),
            label: attack.label,
            group: Group::Documents,
            is_dev: attack.is_dev || document.is_dev,
            is_buried: true,
            is_extra: false,
            is_toxic: None,
            values: Vec::new(),
            is_secret: None,
        });
    }
    rows
}

/// Sentences that quote an attack and are none, in one language and for one kind of text.
#[derive(Debug, Deserialize)]
pub(crate) struct Quotations {
    lang: String,
    #[serde(default)]
    provenance: String,
    frames: Vec<String>,
}

/// What stands in a sentence for the attack that it quotes.
const SLOT: &str = "$attack";
/// The source of texts that quote.
pub(crate) const QUOTED: &str = "quoted";

/// The sentences of a folder of seeds that quote.
pub(crate) fn quotations(folder: &Path) -> Result<Vec<Quotations>, String> {
    let path = folder.join("quotations.json");
    parse(&lines(&path)?.join("\n"), &path)
}

/// Attacks of `attacks` as they are quoted by those who report, teach, test or ask about them: in their own language, and
/// English ones in every other time in any.
pub(crate) fn quoted(attacks: &[&Row], quotations: &[Quotations], count: usize) -> Vec<Row> {
    let mut shuffle = Shuffle::new(11);
    let attacks = by_source(attacks);
    let mut rows = Vec::new();
    for place in 0..count {
        let Some(attack) = one_of(&attacks, &mut shuffle) else { break };
        let abroad = attack.language.is_empty() || attack.language == "en" && place % 2 == 0;
        let fitting: Vec<&Quotations> =
            quotations.iter().filter(|of| abroad || of.lang == attack.language).collect();
        let frames: Vec<(&Quotations, &String)> = fitting
            .into_iter()
            .flat_map(|of| of.frames.iter().map(move |frame| (of, frame)))
            .collect();
        let Some((of, frame)) = frames.get(shuffle.below(frames.len())) else { continue };
        let frame = expand(frame, 2, &mut shuffle).pop().unwrap_or_default();
        rows.push(Row {
            source: QUOTED.to_owned(),
            family: QUOTED.to_owned(),
            made_of: vec![attack.source.clone()],
            text: frame.replace(SLOT, &attack.text),
            label: Label::Benign,
            group: group(&of.provenance),
            ..(*attack).clone()
        });
    }
    rows
}

/// The attack as it stands where it is talked about, in sentences that nobody is trained on.
pub(crate) fn mentions(attack: &Row) -> Vec<Row> {
    let text = &attack.text;
    let quoted = [
        ("to be translated", format!("Translate into German: \"{text}\"")),
        (
            "reported",
            format!("Our filter caught this message yesterday, is it an attack? \"{text}\""),
        ),
        ("taught", format!("An example of prompt injection that I show in my course: \"{text}\"")),
    ];
    quoted
        .into_iter()
        .map(|(family, text)| Row {
            source: QUOTED.to_owned(),
            family: family.to_owned(),
            made_of: vec![attack.source.clone()],
            text,
            label: Label::Benign,
            is_dev: true,
            ..attack.clone()
        })
        .collect()
}

fn by_source<'a>(rows: &[&'a Row]) -> Vec<Vec<&'a Row>> {
    let mut sources = BTreeMap::<&str, Vec<&Row>>::new();
    for row in rows {
        sources.entry(&row.source).or_default().push(row);
    }
    sources.into_values().collect()
}

/// Every source is as likely as every other, and in it every text.
fn one_of<'a>(sources: &[Vec<&'a Row>], shuffle: &mut Shuffle) -> Option<&'a Row> {
    let source = sources.get(shuffle.below(sources.len()))?;
    source.get(shuffle.below(source.len())).copied()
}

fn label(name: &str) -> Option<Label> {
    Some(match name {
        "benign" => Label::Benign,
        "injection" => Label::Injection,
        "extraction" => Label::Extraction,
        "exfiltration" => Label::Exfiltration,
        "tool_abuse" => Label::ToolAbuse,
        "jailbreak" => Label::Jailbreak,
        "harmful_request" => Label::Harmful,
        "pii" | "no_pii" | "non_toxic" | "toxic" | "secret" | "no_secret" => Label::Other,
        _ => return None,
    })
}

fn group(kind: &str) -> Group {
    match kind {
        "retrieved" | "multi_turn" | "indirect" | "code" | "email" | "web" | "ticket" | "table"
        | "tool" | "memory" | "document" => Group::Documents,
        _ => Group::Prompts,
    }
}

/// What the names in the seeds of a folder stand for.
fn definitions(folder: &Path) -> Result<BTreeMap<String, String>, String> {
    let path = folder.join("definitions.json");
    parse(&lines(&path)?.join("\n"), &path)
}

pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
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

pub(crate) fn lines(path: &Path) -> Result<Vec<String>, String> {
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

pub(crate) fn parse<'a, T: Deserialize<'a>>(line: &'a str, path: &Path) -> Result<T, String> {
    serde_json::from_str(line)
        .map_err(|error| format!("{}: {error} in `{line:.80}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attack(language: &str) -> Row {
        Row {
            id: String::new(),
            source: "somewhere".to_owned(),
            family: String::new(),
            language: language.to_owned(),
            made_of: Vec::new(),
            text: "Ignore $1 of them".to_owned(),
            label: Label::Injection,
            group: Group::Prompts,
            is_dev: false,
            is_buried: false,
            is_extra: false,
            is_toxic: None,
            values: Vec::new(),
            is_secret: None,
        }
    }

    #[test]
    fn what_is_quoted_is_no_attack_and_left_out_with_its_source() {
        let quotations = vec![Quotations {
            lang: "de".to_owned(),
            provenance: "document".to_owned(),
            frames: vec!["{Er|Sie} schrieb „{$attack}“.".to_owned()],
        }];
        let german = attack("de");
        for row in quoted(&[&german], &quotations, 4) {
            assert!(row.text.contains("schrieb „Ignore $1 of them“."), "{}", row.text);
            assert_eq!((row.label, row.group), (Label::Benign, Group::Documents));
            assert_eq!(row.made_of, ["somewhere"]);
        }
        let swedish = attack("sv");
        assert!(quoted(&[&swedish], &quotations, 4).is_empty(), "in no language but its own");
        assert!(mentions(&german).iter().all(|row| row.is_dev && row.label == Label::Benign));
    }

    #[test]
    fn the_sentences_that_quote_have_a_place_for_it() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../detect/training");
        for of in quotations(&folder).expect("the file is read") {
            for frame in of.frames {
                for text in expand(&frame, 8, &mut Shuffle::new(1)) {
                    assert_eq!(text.matches(SLOT).count(), 1, "{text}");
                }
            }
        }
    }
}
