//! Quotations that stand nowhere in what was retrieved.
//!
//! **Finds** (`output.citation`, rank 15): where a request brings documents, files or results of tools, a quotation of eight words and more in the answer, between
//! quotation marks or as a block quote of Markdown, of which hardly any four words in a row stand anywhere in the request. Case, signs, emphasis and line
//! breaks do not count, and words may be left out at `…` or `[...]`.
//!
//! **Does not find** quotations of which most is right, shorter ones, sources that are named and not quoted, and anything where the request holds more than 256 KiB of text. Quotations
//! inside JSON and code are not read. Translated quotations, and speech in stories, look the same as invented ones, so this ranks below what the default policy acts on.
//!
//! **Example**: `The contract says: "either party may terminate with a notice of ninety days in writing"`, where no such sentence was retrieved.

use super::whole::{Look, WholeHit};
use crate::words::{sequence_hash, words_of};
use crate::{DetectorCard, Reach};

const KIND: &str = "output.citation";

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "citation",
    kinds: &[KIND],
    reach: Reach::Late,
    summary: "Quotations that stand nowhere in what was retrieved.",
};

/// Bytes of text that quotations are looked up in.
pub const SOURCES_BYTES_MAX: usize = 256 << 10;
/// Bytes of one quotation; what is longer is none.
const QUOTATION_BYTES_MAX: usize = 4_096;
/// Openings of quotations that are followed in one answer.
const OPENINGS_MAX: usize = 128;
/// Quotations with fewer words are not judged.
const WORDS_MIN: usize = 8;
/// Words that are compared together.
const SEQUENCE_WORDS: usize = 4;
/// Of the sequences of an invented quotation, fewer than one in so many are found.
const FOUND_SHARE: usize = 4;
const RANK: u8 = 15;

/// Marks that open a quotation, and those that close it.
const MARKS: [(char, char); 6] =
    [('“', '”'), ('„', '“'), ('«', '»'), ('「', '」'), ('『', '』'), ('"', '"')];
/// What stands where words were left out.
const GAPS: [&str; 3] = ["…", "...", "[…]"];
const FENCE: &str = "```";

/// What a conversation brought along, to look quotations up in. Nothing is done with it unless an answer quotes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sources {
    text: String,
}

impl Sources {
    /// Of all texts of a request; none if they are too long, for then nobody can say what is not in them.
    pub(crate) fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut text = String::new();
        for one in texts {
            if text.len() + one.len() >= SOURCES_BYTES_MAX {
                return None;
            }
            text.push_str(one);
            text.push('\n');
        }
        Some(Self { text })
    }

    /// Bytes that it takes.
    pub(crate) const fn bytes(&self) -> usize {
        self.text.len()
    }

    /// The hashes of all sequences of words, in order.
    fn sequences(&self) -> Vec<u64> {
        let mut all: Vec<u64> = sequences(&self.text).collect();
        all.sort_unstable();
        all
    }
}

fn sequences(text: &str) -> impl Iterator<Item = u64> {
    let hashes: Vec<u64> = words_of(text).iter().map(|word| word.hash).collect();
    let count = (hashes.len() + 1).saturating_sub(SEQUENCE_WORDS);
    (0..count).map(move |at| sequence_hash(hashes.iter().skip(at).take(SEQUENCE_WORDS).copied()))
}

/// The first invented quotation.
pub(crate) fn find(look: &Look<'_>) -> Option<WholeHit> {
    let sources = look.reference.sources.as_ref()?;
    if look.text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let quotations = quotations(look.text);
    if quotations.is_empty() {
        return None;
    }
    let known = sources.sequences();
    let is_invented = |(start, end): &(usize, usize)| {
        look.text.get(*start..*end).is_some_and(|quoted| is_invented(quoted, &known))
    };
    let (start, end) = quotations.into_iter().find(is_invented)?;
    Some(WholeHit { kind: KIND, start, end, rank: RANK })
}

fn is_invented(quoted: &str, known: &[u64]) -> bool {
    let mut quoted = quoted.replace(GAPS[0], "\n\n");
    for gap in &GAPS[1..] {
        quoted = quoted.replace(gap, "\n\n");
    }
    let (mut all, mut found) = (0, 0);
    for part in quoted.split("\n\n") {
        for sequence in sequences(part) {
            all += 1;
            found += usize::from(known.binary_search(&sequence).is_ok());
        }
    }
    all > WORDS_MIN - SEQUENCE_WORDS && found * FOUND_SHARE < all
}

/// Where quotations stand that are long enough to be judged.
fn quotations(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let (mut at, mut openings, mut is_line_start) = (0, 0, true);
    while let Some(rest) = text.get(at..) {
        let Some(first) = rest.chars().next() else { break };
        let length = if rest.starts_with(FENCE) {
            rest.get(FENCE.len()..)
                .and_then(|code| code.find(FENCE))
                .map(|end| end + 2 * FENCE.len())
        } else if is_line_start && first == '>' {
            let length = block_length(rest);
            found.push((at, at + length));
            Some(length)
        } else {
            match MARKS.iter().find(|(open, _)| *open == first) {
                Some((_, close)) if begins(text, at, first) => {
                    openings += 1;
                    let inside = at + first.len_utf8();
                    let length = marked_length(text, inside, *close);
                    found.extend(length.map(|length| (inside, inside + length)));
                    length.map(|length| first.len_utf8() + length + close.len_utf8())
                }
                _ => None,
            }
        };
        if openings > OPENINGS_MAX || found.len() > OPENINGS_MAX {
            break;
        }
        let length = length.unwrap_or(first.len_utf8());
        is_line_start = rest.get(..length).is_some_and(|taken| taken.ends_with('\n'));
        at += length;
    }
    found.retain(|(start, end)| end - start >= 2 * WORDS_MIN);
    found
}

/// Whether a mark opens: one that looks the same at both ends does so only after a space or a bracket.
fn begins(text: &str, at: usize, mark: char) -> bool {
    let before = text.get(..at).and_then(|before| before.chars().next_back());
    mark != '"' || before.is_none_or(|before| before.is_whitespace() || "([—–:-*_".contains(before))
}

fn marked_length(text: &str, from: usize, close: char) -> Option<usize> {
    let end = text.floor_char_boundary(from + QUOTATION_BYTES_MAX);
    let inside = text.get(from..end)?;
    let length = inside.find(close)?;
    inside.get(..length).filter(|quoted| !quoted.contains("\n\n")).map(str::len)
}

/// The length of the lines that begin with `>`.
fn block_length(text: &str) -> usize {
    let lines = text.split_inclusive('\n').take_while(|line| line.starts_with('>'));
    lines.map(str::len).sum()
}

#[cfg(test)]
mod tests {
    use super::super::whole::tests::{Setting, hit};
    use super::*;
    use crate::Reference;

    const RETRIEVED: &str = "12. Either party may terminate this agreement with a notice of thirty days, given in writing to the address \
        above. The fee for the current month remains due in any case, and what was paid in advance is not returned.";

    fn found(answer: &str) -> Option<String> {
        let reference = Reference::default().citing([RETRIEVED, "What does the contract say?"]);
        let setting = Setting { reference, ..Setting::default() };
        let hit = hit(find, answer, &setting)?;
        assert_eq!((hit.kind, hit.rank), (KIND, RANK));
        answer.get(hit.start..hit.end).map(str::to_owned)
    }

    #[test]
    fn invented_quotations_are_found_and_true_ones_are_not() {
        let invented = "either side can cancel immediately by telephone and receives all fees back";
        for (before, after) in
            [("It says: \"", "\"."), ("It says: “", "”."), ("Sie sagt: „", "“"), ("« ", " »")]
        {
            let answer = format!("{before}{invented}{after} So you are free.");
            assert_eq!(found(&answer).as_deref().map(str::trim), Some(invented), "{answer}");
        }
        assert!(found(&format!("As the contract has it:\n\n> {invented}\n\nSo it is.")).is_some());
        for innocent in [
            "It says: \"Either party may terminate this agreement with a notice of thirty days\".",
            "“either party MAY terminate this *agreement* with a\nnotice of thirty days, given in writing”",
            "“Either party may terminate this agreement … The fee for the current month remains due”",
            "> The fee for the current month remains due in any case,\n> and what was paid in advance is not returned.",
            "“Either party may terminate the agreement with a notice of thirty days, given in writing”",
            "You may \"cancel at once\" if you like.",
            "{\"summary\": \"either side can cancel immediately by telephone and receives all fees back\"}",
            "```\nprint(\"either side can cancel immediately by telephone and receives all fees back\")\n```",
            "No quotation at all.",
        ] {
            assert_eq!(found(innocent), None, "{innocent}");
        }
    }

    #[test]
    fn without_sources_or_with_too_many_nothing_is_said() {
        let answer = "“either side can cancel immediately by telephone and receives all fees back”";
        assert_eq!(hit(find, answer, &Setting::default()), None);
        let long = "word ".repeat(SOURCES_BYTES_MAX / 5 + 1);
        let setting = Setting {
            reference: Reference::default().citing([long.as_str()]),
            ..Setting::default()
        };
        assert_eq!(hit(find, answer, &setting), None);
        assert!(found(answer).is_some());
    }

    #[test]
    fn many_openings_cost_little() {
        for mark in ["“", "\" \"", "> \n", "```", "„“"] {
            let _ = found(&mark.repeat(60_000));
        }
    }
}
