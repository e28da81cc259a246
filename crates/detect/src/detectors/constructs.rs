//! Where constructs of markup and code may begin, and who is asked there.
//!
//! INVARIANT: one place is asked once; the most particular construct answers. INVARIANT: plain text is passed over
//! by a table of first and second letters.

use crate::detectors::hosts::Hosts;
use crate::detectors::{
    Enabled, Hit, Id, exfiltration, script_injection, shell_command, sql_statement, suspicious_url,
    template_injection,
};
use crate::text::{Starved, Text, is_word};

/// The rank of what is only to be passed over.
pub(crate) const NOTHING_RANK: u8 = 0;

/// Signs that something may begin with.
const SIGNS: &[u8] = b"![<{$#:;'\">%";
/// First letters of words that something may begin with, each with its second letters.
const WORDS: &[(u8, &[u8])] = &[
    (b'b', b"a"),
    (b'c', b"ehu"),
    (b'd', b"ader"),
    (b'h', b"t"),
    (b'i', b"enrw"),
    (b'j', b"a"),
    (b'm', b"ks"),
    (b'n', b"c"),
    (b'p', b"ehowy"),
    (b'r', b"mu"),
    (b's', b"ho"),
    (b't', b"r"),
    (b'u', b"nr"),
    (b'v', b"b"),
    (b'w', b"bgi"),
    (b'x', b"p"),
];

const fn pair(first: u8, second: u8) -> usize {
    (first.to_ascii_lowercase() - b'a') as usize * 32
        + (second.to_ascii_lowercase() - b'a') as usize
}

static PAIRS: [bool; 26 * 32] = {
    let mut table = [false; 26 * 32];
    let mut at = 0;
    while at < WORDS.len() {
        let (first, seconds) = WORDS[at];
        let mut second = 0;
        while second < seconds.len() {
            table[pair(first, seconds[second])] = true;
            second += 1;
        }
        at += 1;
    }
    table
};

static IS_SIGN: [bool; 256] = {
    let mut table = [false; 256];
    let mut at = 0;
    while at < SIGNS.len() {
        table[SIGNS[at] as usize] = true;
        at += 1;
    }
    table
};

/// The next place at or after `from` that is to be asked about; the end if there is none.
pub(crate) fn skim(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    let mut before = from.checked_sub(1).and_then(|last| bytes.get(last)).copied().unwrap_or(0);
    while let Some(byte) = bytes.get(at).copied() {
        if byte.is_ascii_alphabetic() {
            if !is_word(before) {
                let may_begin = match bytes.get(at + 1) {
                    None => true,
                    Some(second) if second.is_ascii_alphabetic() => {
                        PAIRS.get(pair(byte, *second)).copied().unwrap_or_default()
                    }
                    Some(_) => false,
                };
                if may_begin {
                    break;
                }
            }
        } else if IS_SIGN.get(usize::from(byte)).copied().unwrap_or_default() {
            break;
        }
        before = byte;
        at += 1;
    }
    at
}

/// What begins at the start of `text`.
pub(crate) fn at_construct(
    text: &Text<'_>,
    on: Enabled,
    hosts: &Hosts,
) -> Result<Option<Hit>, Starved> {
    let Some(first) = text.get(0) else { return Err(Starved) };
    let exfiltration = on.has(Id::Exfiltration);
    text.ask(|text| {
        let found = match first.to_ascii_lowercase() {
            b'!' if exfiltration => exfiltration::markdown_image(text, hosts),
            b'[' if exfiltration => exfiltration::reference(text, hosts),
            b'<' if exfiltration => exfiltration::tag(text, hosts),
            b'u' if exfiltration => exfiltration::css_url(text, hosts),
            b'h' => suspicious_url::find(text, hosts, exfiltration, on.has(Id::SuspiciousUrl)),
            b'd' if on.has(Id::SuspiciousUrl) => suspicious_url::data_page(text),
            _ => None,
        };
        found
            .or_else(|| on.has(Id::ScriptInjection).then(|| script_injection::find(text)).flatten())
            .or_else(|| {
                on.has(Id::TemplateInjection).then(|| template_injection::find(text)).flatten()
            })
            .or_else(|| on.has(Id::SqlStatement).then(|| sql_statement::find(text)).flatten())
            .or_else(|| on.has(Id::ShellCommand).then(|| shell_command::find(text)).flatten())
    })
}

/// The rest of the line from the start, in lower case, at most `most` bytes: what a command is judged by.
pub(crate) fn line(text: &Text<'_>, most: usize) -> String {
    let len = text.run_within(0, most, |byte| byte != b'\n');
    String::from_utf8_lossy(text.slice(0, len)).to_ascii_lowercase()
}

/// Whether the text begins with one of the words, in any case, with a byte of `after` behind it.
pub(crate) fn begins_with_word(text: &Text<'_>, words: &[&str], after: &[u8]) -> bool {
    if text.back(0).is_some_and(|byte| is_word(byte) || byte == b'_') {
        return false;
    }
    // Most words are told by their first letter.
    let Some(first) = text.get(0).map(|byte| byte.to_ascii_lowercase()) else { return false };
    words.iter().filter(|word| word.as_bytes().first() == Some(&first)).any(|word| {
        let is_word = word.bytes().enumerate().all(|(ahead, wanted)| {
            text.get(ahead).is_some_and(|byte| byte.to_ascii_lowercase() == wanted)
        });
        is_word && text.get(word.len()).is_some_and(|byte| after.contains(&byte))
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::text::CONSTRUCT_BYTES_MAX;

    /// What of `text` is found: the text, its kind and its rank.
    #[track_caller]
    pub(crate) fn check(text: &str, expect: &[(&str, &str, u8)]) {
        let (mut at, mut found) = (0, Vec::new());
        while at < text.len() {
            at = skim(text.as_bytes(), at);
            if at >= text.len() {
                break;
            }
            let seen = Text::within(text.as_bytes(), at, usize::MAX, true, CONSTRUCT_BYTES_MAX);
            let hit = at_construct(&seen, Enabled::ALL, &Hosts::default()).expect("complete");
            let finding = hit.filter(|hit| hit.rank > NOTHING_RANK);
            found.extend(finding.map(|hit| (&text[at..at + hit.len], hit.kind, hit.rank)));
            at += hit.map_or(1, |hit| hit.len.max(1));
        }
        assert_eq!(found, expect, "in {text:?}");
    }

    #[test]
    fn plain_text_is_passed_over() {
        let text = "The quick brown fox, who was 7, jumped over them all.";
        assert_eq!(skim(text.as_bytes(), 0), text.len());
    }
}
