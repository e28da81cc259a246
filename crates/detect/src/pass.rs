//! One pass of all held detectors over normalised text, whole or as it grows.
//!
//! The pass stands at a place; everything before it is decided. It passes over what is plain (`skim`),
//! asks the detectors what starts where that stops, and moves on. If they would have to see more text,
//! it waits there.
//!
//! INVARIANT: where the pass stands, and everything it reported, depends on the text so far and not
//! on how it arrived: at every place the question is the same, and it is answered only when the answer
//! can no longer change.

use std::sync::Arc;

use crate::HOLD_BYTES_MAX;
use crate::custom::Allow;
use crate::detectors::{self, Enabled, GoesOn, Hit, secrets::private_key};
use crate::normalise::Normal;
use crate::skim::{Stop, skim};
use crate::text::{CONTEXT_BYTES_MAX, Starved, Text, VALUE_BYTES_MAX, WordStarts};

/// The most that is taken for one token after its first characters.
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// A hit and where it is in the normalised text, counted from the beginning of the lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Located {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) hit: Hit,
}

/// A value that is still going on.
#[derive(Clone, Copy, Debug)]
struct Open {
    hit: Hit,
    until: GoesOn,
    /// Bytes that may still be taken.
    left: usize,
}

/// The pass. See the module.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    on: Enabled,
    /// What is not reported.
    allow: Option<Arc<Allow>>,
    /// Everything before this is decided, counted from the beginning of the lane.
    at: usize,
    open: Option<Open>,
    /// While the pass waits for text: the detectors that have not answered yet at the place where it stands.
    left: Option<Enabled>,
    /// Where words begin before the place.
    starts: WordStarts,
    #[cfg(test)]
    pub(crate) reads: usize,
}

impl Pass {
    pub(crate) const fn new(on: Enabled, allow: Option<Arc<Allow>>) -> Self {
        Self {
            on,
            allow,
            at: 0,
            open: None,
            left: None,
            starts: WordStarts::UNKNOWN,
            #[cfg(test)]
            reads: 0,
        }
    }

    /// Where the pass stands.
    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    /// How much of the text before the place it stands at the pass still needs.
    pub(crate) const fn needs_from(&self) -> usize {
        self.at.saturating_sub(CONTEXT_BYTES_MAX)
    }

    /// Goes as far as the text allows. `taken` is how many bytes of original text `normal` stands
    /// for; `complete` says that no more will come.
    pub(crate) fn advance(
        &mut self,
        normal: &Normal,
        taken: usize,
        complete: bool,
        found: &mut Vec<Located>,
    ) {
        while self.at < normal.end() {
            if self.open.is_none() && self.skim(normal, taken) == Stop::End && !complete {
                break;
            }
            let start = self.at - normal.dropped;
            let horizon = horizon(normal, self.at, taken);
            let text = Text::new(normal.text.as_bytes(), start, horizon, complete)
                .with_starts(self.starts);
            let step = match self.open {
                Some(open) => self.continue_open(open, &text, normal.end() - self.at, found),
                None => self.step(&text, found),
            };
            self.starts = text.starts();
            #[cfg(test)]
            {
                self.reads += text.reads.get();
            }
            match step {
                Ok(step) => self.go_to((self.at + step).min(normal.end())),
                Err(Starved) => break,
            }
        }
    }

    const fn go_to(&mut self, at: usize) {
        if at != self.at {
            self.starts = self.starts.carried_on(at - self.at);
            self.at = at;
            self.left = None;
        }
    }

    /// Passes over plain text.
    fn skim(&mut self, normal: &Normal, taken: usize) -> Stop {
        let bytes = normal.text.as_bytes();
        let seen = horizon(normal, self.at, taken);
        let (at, stop) = skim(bytes.get(..seen).unwrap_or(bytes), self.at - normal.dropped);
        self.go_to(normal.dropped + at);
        // As much has arrived as is waited for, even if all of the rest is not seen.
        if seen <= bytes.len() { Stop::Ask } else { stop }
    }

    fn step(&mut self, text: &Text<'_>, found: &mut Vec<Located>) -> Result<usize, Starved> {
        let answer = detectors::at_start(text, self.left.get_or_insert(self.on));
        let (hit, step) = answer?;
        let Some(hit) = hit else { return Ok(step) };
        if let Some(allow) = &self.allow
            && let Some(len) = text.ask(|text| value_len(text, &hit))?
            && allow.has(hit.kind, text.slice(0, len))
        {
            return Ok(len);
        }
        found.push(Located { start: self.at, end: self.at + hit.len, hit });
        self.open = hit.goes_on.map(|until| Open {
            hit,
            until,
            left: match until {
                GoesOn::UntilPemEnd => private_key::BLOCK_BYTES_MAX,
                GoesOn::UntilTokenEnd => TOKEN_BYTES_MAX,
            },
        });
        Ok(hit.len)
    }

    /// Takes the next piece of a value that is going on, as long as what has arrived.
    fn continue_open(
        &mut self,
        mut open: Open,
        text: &Text<'_>,
        arrived: usize,
        found: &mut Vec<Located>,
    ) -> Result<usize, Starved> {
        let window = arrived.min(open.left).min(VALUE_BYTES_MAX / 2);
        let (len, ends) = match open.until {
            GoesOn::UntilPemEnd => pem_piece(text, window)?,
            GoesOn::UntilTokenEnd => token_piece(text, window)?,
        };
        if len > 0 {
            found.push(Located { start: self.at, end: self.at + len, hit: open.hit });
        }
        open.left = open.left.saturating_sub(len);
        self.open = if ends || open.left == 0 { None } else { Some(open) };
        Ok(len)
    }
}

/// The length of the whole value that begins with `hit`, if it is short enough to be compared.
fn value_len(text: &Text<'_>, hit: &Hit) -> Option<usize> {
    match hit.goes_on {
        None => Some(hit.len),
        Some(GoesOn::UntilPemEnd) => None,
        Some(GoesOn::UntilTokenEnd) => {
            let mut len = hit.len;
            loop {
                len += text.run(len, is_token);
                let dot = text.get(len) == Some(b'.');
                if !dot || !text.get(len + 1).is_some_and(|byte| is_token(byte) || byte == b'.') {
                    return Some(len);
                }
                len += 1;
            }
        }
    }
}

/// What the rest of a token is made of.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'=' | b'+' | b'/')
}

/// Up to `window` bytes of a PEM block, and whether it ends with them.
fn pem_piece(text: &Text<'_>, window: usize) -> Result<(usize, bool), Starved> {
    let body = leading(text, window, |byte| byte != b'-');
    if body > 0 {
        return Ok((body, false));
    }
    if text.get(0) != Some(b'-') {
        // No whole character is left of what may be taken.
        return Ok((0, true));
    }
    match text.ask(private_key::end_marker)? {
        Some(len) => Ok((len, true)),
        None => Ok((1, false)),
    }
}

/// Up to `window` bytes of a token, and whether it ends there. A full stop belongs to it only if
/// it goes on after that.
fn token_piece(text: &Text<'_>, window: usize) -> Result<(usize, bool), Starved> {
    let body = leading(text, window, is_token);
    if body > 0 {
        return Ok((body, false));
    }
    let dot_inside = text.ask(|text| {
        let dot = text.get(0) == Some(b'.');
        Some(dot && text.get(1).is_some_and(|byte| is_token(byte) || byte == b'.'))
    })?;
    Ok(if dot_inside == Some(true) { (1, false) } else { (0, true) })
}

/// How many of the next `window` bytes, all of which have arrived, satisfy `class`; whole characters only.
fn leading(text: &Text<'_>, window: usize, class: impl Fn(u8) -> bool) -> usize {
    let mut len = (0..window).take_while(|ahead| text.get(*ahead).is_some_and(&class)).count();
    // `get` marks the end of what has arrived as unread; `slice` looks without asking.
    let is_inside =
        |at: usize| text.slice(at, at + 1).first().is_some_and(|byte| byte & 0xc0 == 0x80);
    while len > 0 && is_inside(len) {
        len -= 1;
    }
    len
}

/// The first offset into the text of `normal` that lies too far from `at` in the original to be
/// held back for it; `usize::MAX` while that has not arrived.
pub(crate) fn horizon(normal: &Normal, at: usize, taken: usize) -> usize {
    let limit = normal.map.start(at) + HOLD_BYTES_MAX;
    if taken < limit {
        return usize::MAX;
    }
    normal.map.reaches(limit, normal.end()).saturating_sub(normal.dropped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalise::Normaliser;

    #[test]
    fn pieces_of_a_private_key_are_whole_characters() {
        for filler in 240..260 {
            let text = format!("-----BEGIN PRIVATE KEY-----\n{}жжж", "a".repeat(filler));
            let (mut normaliser, mut normal) = (Normaliser::default(), Normal::default());
            normaliser.push(&text, &mut normal, &mut Vec::new());
            let mut found = Vec::new();
            Pass::new(Enabled::ALL, None).advance(&normal, normaliser.taken(), true, &mut found);
            assert_eq!(found.last().map(|piece| piece.end), Some(normal.end()));
            for piece in found {
                assert!(
                    text.get(piece.start..piece.end).is_some(),
                    "{piece:?} after {filler} bytes"
                );
            }
        }
    }

    /// Reads per byte of a whole pass over `unit`, repeated.
    fn reads_per_byte(unit: &str) -> usize {
        let text = unit.repeat(40_000 / unit.len());
        let (mut normaliser, mut normal) = (Normaliser::default(), Normal::default());
        normaliser.push(&text, &mut normal, &mut Vec::new());
        let mut pass = Pass::new(Enabled::ALL, None);
        pass.advance(&normal, normaliser.taken(), true, &mut Vec::new());
        assert_eq!(pass.at(), normal.end());
        pass.reads / text.len()
    }

    #[test]
    fn ordinary_text_is_read_a_few_times() {
        let reads = reads_per_byte(
            "The quick brown fox, 3 years old, jumps over the lazy dog near http://x.org/a. ",
        );
        assert!(reads <= 12, "{reads} reads per byte");
    }

    #[test]
    fn near_matches_cost_a_small_multiple() {
        for unit in [
            "1 ",
            "1-",
            "1.",
            "12 345 ",
            "4111 1111 1111 1112 ",
            "+1",
            "+",
            "(",
            "((1",
            "a.",
            "a@",
            "a@b.",
            "@",
            "a-b_c.",
            "sk-",
            "sk-ant-",
            "ghp_",
            "AKIA",
            "xoxb-1-",
            "eyJ",
            "eyJhbGciOiJIUzI1NiJ9.",
            "-----",
            "-----BEGIN ",
            "-",
            "-----BEGIN RSA PRIVATE KEY",
            "https://u:",
            "://",
            ":",
            "password=",
            "password: \"",
            "key=a1",
            "token is ",
            "=",
            "DE89 3704 0044 ",
            "DE89",
            "536-90-",
            "::",
            "a:",
            "1:2:",
            "\\n",
            "\\",
            "phone 1 ",
            "card 50 ",
            "A1b2C3d4",
            "0 00 ",
            "ff:",
            "M.",
            "_",
            "%",
            "''",
            "\"",
            "é",
            "\u{200b}a",
            "１ ",
            "1 23 45 67 890 12",
            "123 456 789 ",
            "123-456-789 ",
            "12.345.678 ",
            "12-34-56-78-90-",
            "tax id 123456789 ",
            "123456 1234 ",
            "AB 12 34 56 ",
            "AB-12-CD-34-",
            "aa:bb:cc:dd:ee:",
            "00:11:22:33:44:",
            "deadbeef-dead-beef-dead-",
            "D 1 ",
            "DE 123 456 78",
            "passport A-1-2-3-4-",
            "1/2/3/4/",
            "H8B 1",
            "12 March 1",
            "March 12, 1",
            "1 Main ",
            "Via Roma ",
            "1.234, ",
            "1.2345 ",
            "2024-01-15 10:30:",
            "born 1-1-",
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb ",
            "A A A 1 ",
        ] {
            let reads = reads_per_byte(unit);
            assert!(reads <= 80, "{reads} reads per byte of {unit:?}");
        }
    }

    #[test]
    fn who_found_nothing_is_not_asked_again_when_more_has_arrived() {
        let reads_of_last = |pieces: &[&str]| {
            let (mut normaliser, mut normal) = (Normaliser::default(), Normal::default());
            let (mut pass, mut before) = (Pass::new(Enabled::ALL, None), 0);
            for piece in pieces {
                before = pass.reads;
                normaliser.push(piece, &mut normal, &mut Vec::new());
                pass.advance(&normal, normaliser.taken(), false, &mut Vec::new());
                assert_eq!(pass.at(), 5, "it waits at the number");
            }
            pass.reads - before
        };
        let (last, all) = (
            reads_of_last(&["call 12 34 56 78 ", "90 "]),
            reads_of_last(&["call 12 34 56 78 90 "]),
        );
        assert!(last < all, "{last} reads of what is new, {all} of all");
    }

    #[test]
    fn one_byte_at_a_time_costs_at_most_what_is_held_back() {
        for unit in ["a.", "4111 ", "AKIA", "eyJ", "-----BEGIN ", "password=a", "word "] {
            let text = unit.repeat(4_000 / unit.len());
            let (mut normaliser, mut normal) = (Normaliser::default(), Normal::default());
            let mut pass = Pass::new(Enabled::ALL, None);
            for byte in text.chars() {
                normaliser.push(byte.encode_utf8(&mut [0; 4]), &mut normal, &mut Vec::new());
                pass.advance(&normal, normaliser.taken(), false, &mut Vec::new());
            }
            let reads = pass.reads / text.len();
            assert!(reads <= 4 * VALUE_BYTES_MAX, "{reads} reads per push of {unit:?}");
        }
    }
}
