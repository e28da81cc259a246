//! The parts of a URL, and what they carry. Used by the detectors of exfiltration and of bad addresses.
//!
//! INVARIANT: linear in the URL, which is at most [`URL_BYTES_MAX`] long.
//!
//! Not here: what follows from it (`exfiltration`, `suspicious_url`).

use crate::decode::base64_bytes;
use crate::detectors::{Enabled, at_start};
use crate::text::Text;

/// The longest URL that is looked at, in bytes; what follows is not.
pub(crate) const URL_BYTES_MAX: usize = 900;
/// A part that may be an encoding has at least so many bytes.
const ENCODED_BYTES_MIN: usize = 16;
/// A parameter without a meaning that people would read, from so many bytes on.
const OPAQUE_BYTES_MIN: usize = 24;
/// Words in a parameter from which on it is a sentence.
const SENTENCE_WORDS_MIN: usize = 4;
/// A mask has a name, a hyphen and eight characters.
const MASK_BYTES_MIN: usize = 10;
/// No service names a host like that.
const LABEL_BYTES_MAX: usize = 39;

/// What a URL takes along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Load {
    /// Nothing, as far as one can see.
    None,
    /// Text that can be read by anybody.
    Words,
    /// Something that looks like chance.
    Opaque,
    /// Text in an encoding, or data in the host's name.
    Encoded,
    /// Personal data or a secret, plain or encoded.
    Values,
}

/// A URL cut into its parts, each as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Url<'a> {
    pub(crate) scheme: &'a [u8],
    pub(crate) userinfo: &'a [u8],
    /// Without a port.
    pub(crate) host: &'a [u8],
    path: &'a [u8],
    query: &'a [u8],
    fragment: &'a [u8],
}

impl<'a> Url<'a> {
    /// Of text that begins with a scheme and `//`, or with `//`.
    pub(crate) fn of(bytes: &'a [u8]) -> Option<Self> {
        let at = bytes.windows(2).position(|pair| pair == b"//")?;
        let scheme = bytes.get(..at)?.strip_suffix(b":").unwrap_or_default();
        let rest = bytes.get(at + 2..)?;
        let (rest, fragment) = split(rest, |byte| byte == b'#');
        let (rest, query) = split(rest, |byte| byte == b'?');
        let (authority, path) = split(rest, |byte| matches!(byte, b'/' | b'\\'));
        let (userinfo, host) = match authority.iter().rposition(|byte| *byte == b'@') {
            Some(at) => (authority.get(..at)?, authority.get(at + 1..)?),
            None => (&[][..], authority),
        };
        let host = if host.starts_with(b"[") { host } else { split(host, |byte| byte == b':').0 };
        (!host.is_empty()).then_some(Self { scheme, userinfo, host, path, query, fragment })
    }

    /// The labels of the host, the most particular first.
    pub(crate) fn labels(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.host.split(|byte| *byte == b'.').filter(|label| !label.is_empty())
    }

    /// The host in lower case.
    pub(crate) fn host_name(&self) -> String {
        String::from_utf8_lossy(self.host).to_ascii_lowercase()
    }

    /// The most that any part carries.
    pub(crate) fn load(&self) -> Load {
        let query = self.query.split(|byte| matches!(byte, b'&' | b';')).map(|pair| {
            let (name, value) = split(pair, |byte| byte == b'=');
            if value.is_empty() { name } else { value }
        });
        let parameters =
            query.chain([self.fragment]).map(|part| load_of(&unescaped(part, true), true));
        let segments = self.path.split(|byte| *byte == b'/');
        let path = segments.map(|part| load_of(&unescaped(part, false), false));
        let userinfo = load_of(&unescaped(self.userinfo, false), true);
        let labels = self.labels().map(label_load);
        parameters.chain(path).chain(labels).chain([userinfo]).max().unwrap_or(Load::None)
    }
}

fn split(bytes: &[u8], at: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| at(*byte)) {
        Some(place) => {
            (bytes.get(..place).unwrap_or_default(), bytes.get(place + 1..).unwrap_or_default())
        }
        None => (bytes, &[]),
    }
}

/// Percent escapes undone, and `+` in queries.
fn unescaped(part: &[u8], is_query: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(part.len());
    let mut rest = part;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (*first, tail) {
            (b'%', [high, low, after @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                out.push(hex(*high).unwrap_or(0) << 4 | hex(*low).unwrap_or(0));
                rest = after;
            }
            (b'+', _) if is_query => out.push(b' '),
            (byte, _) => out.push(byte),
        }
    }
    out
}

const fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn load_of(part: &[u8], is_parameter: bool) -> Load {
    if has_value(part) {
        return Load::Values;
    }
    if let Some(decoded) = decoded(part) {
        return if has_value(&decoded) { Load::Values } else { Load::Encoded };
    }
    if !is_parameter {
        return Load::None;
    }
    let words = part
        .split(|byte| matches!(byte, b' ' | b'_' | b'\n'))
        .filter(|word| word.len() > 1 && word.iter().any(u8::is_ascii_alphabetic));
    if words.count() >= SENTENCE_WORDS_MIN {
        return Load::Words;
    }
    if is_opaque(part) { Load::Opaque } else { Load::None }
}

fn label_load(label: &[u8]) -> Load {
    match decoded(label) {
        Some(decoded) if has_value(&decoded) => Load::Values,
        Some(_) => Load::Encoded,
        None if label.len() > LABEL_BYTES_MAX => Load::Encoded,
        None => Load::None,
    }
}

/// Text that `part` is the base64 or hexadecimal form of.
fn decoded(part: &[u8]) -> Option<Vec<u8>> {
    if part.len() < ENCODED_BYTES_MIN {
        return None;
    }
    let pairs = part.chunks_exact(2);
    if pairs.remainder().is_empty() && part.iter().all(u8::is_ascii_hexdigit) {
        let bytes: Option<Vec<u8>> = pairs
            .map(|pair| match pair {
                [high, low] => Some(hex(*high)? << 4 | hex(*low)?),
                _ => None,
            })
            .collect();
        if let Some(bytes) = bytes.filter(|bytes| reads_like_text(bytes)) {
            return Some(bytes);
        }
    }
    let is_base64 = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=')
    };
    if !part.iter().all(is_base64) {
        return None;
    }
    let bytes = base64_bytes(part);
    reads_like_text(&bytes).then_some(bytes)
}

fn reads_like_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| {
        let letters =
            text.chars().filter(|letter| letter.is_alphanumeric() || *letter == ' ').count();
        !text.chars().any(|letter| letter.is_control() && !letter.is_whitespace())
            && letters * 10 >= text.chars().count() * 7
    })
}

/// Whether the mask of a value stands there, `[EMAIL-K7Q2M9XA]`: on its way to the client the value comes back.
fn has_mask(part: &[u8]) -> bool {
    part.split(|byte| *byte == b'[').skip(1).any(|rest| {
        let inner = rest.iter().take_while(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'-'));
        inner.clone().count() >= MASK_BYTES_MIN && inner.clone().any(|byte| *byte == b'-')
    })
}

/// Whether a detector of values finds one that has no business in an address.
fn has_value(part: &[u8]) -> bool {
    if has_mask(part) {
        return true;
    }
    let mut at = 0;
    while at < part.len() {
        let text = Text::new(part, at, usize::MAX, true);
        let Ok((hit, step)) = at_start(&text, &mut Enabled::ALL.clone()) else { return false };
        if hit.is_some_and(|hit| {
            hit.kind.starts_with("secret.")
                || matches!(hit.kind, "pii.email" | "pii.card" | "pii.iban" | "pii.us_ssn")
        }) {
            return true;
        }
        at += hit.map_or(step, |hit| hit.len).max(1);
    }
    false
}

/// Whether letters and digits change places as they do by chance.
fn is_opaque(part: &[u8]) -> bool {
    let longest = part
        .split(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')))
        .max_by_key(|run| run.len())
        .unwrap_or_default();
    let changes = longest
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if a.is_ascii_digit() != b.is_ascii_digit()))
        .count();
    longest.len() >= OPAQUE_BYTES_MIN && changes * 8 >= longest.len()
}

/// Whether a byte can stand in a URL in running text.
pub(crate) const fn is_url(byte: u8) -> bool {
    !byte.is_ascii_whitespace()
        && !byte.is_ascii_control()
        && !matches!(byte, b'<' | b'>' | b'"' | b'\'' | b'`' | b'|' | b'^')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expect: Load) {
        assert_eq!(Url::of(url.as_bytes()).map(|url| url.load()), Some(expect), "{url}");
    }

    #[test]
    fn ordinary_addresses_carry_nothing() {
        check("https://example.com/a/b.html?id=7&page=2#section-3", Load::None);
        check(
            "https://img.shields.io/badge/build-passing-green?style=flat&logo=github",
            Load::None,
        );
        check("https://github.com/a/b/commit/3f2c8a1d9e7b6f5a4c3d2e1f0a9b8c7d6e5f4a3b", Load::None);
        check("https://example.com/550e8400-e29b-41d4-a716-446655440000/x.png", Load::None);
        check("https://unpkg.com/react@18.2.0/umd/react.production.min.js", Load::None);
    }

    #[test]
    fn what_is_carried_is_seen_in_every_part() {
        check("https://e.com/p?q=ada%40example.com", Load::Values);
        check("https://e.com/ada@example.com/x.png", Load::Values);
        check("https://e.com/p.png?d=[EMAIL-K7Q2M9XA]", Load::Values);
        check("https://e.com/p.png?d=YWRhQGV4YW1wbGUuY29t", Load::Values);
        check("https://e.com/p?d=6d656574206174206d69646e69676874", Load::Encoded);
        check("https://bWVldCBhdCBtaWRuaWdodCB0b2RheQ.e.com/", Load::Encoded);
        check("https://e.com/p#the+meeting+is+at+noon", Load::Words);
        check("https://meet%20ada%40example.com@e.com/", Load::Values);
        check("https://e.com/p?t=a8f3kq09zx71mmv3p2w8d5c6", Load::Opaque);
        check(&format!("https://{}.e.com/", "ab1".repeat(14)), Load::Encoded);
    }
}
