//! From the codes of a font to characters: its map to Unicode, or its encoding.
//!
//! INVARIANT: a map has at most [`MAPPED_MAX`] entries, whatever ranges it claims.

use std::collections::HashMap;

use super::document::Document;
use super::lexer::Lexer;
use super::value::{Id, Value};
use crate::sink::Sink;

/// The most codes of a map.
const MAPPED_MAX: usize = 100_000;

/// The most items of a list of differences: a number and a name for each of 256 codes.
const DIFFERENCES_MAX: usize = 512;

/// How the codes of a font are read.
#[derive(Debug, Default)]
pub(super) struct Font {
    map: HashMap<u32, String>,
    /// Bytes of a code.
    code_bytes: usize,
    /// There is no way from its codes to characters.
    is_unknown: bool,
}

impl Font {
    pub(super) fn of(document: &mut Document<'_>, font: &Value, sink: &mut Sink) -> Self {
        let is_composite = font.get("Subtype").and_then(Value::name) == Some("Type0");
        let mut read = Self { code_bytes: if is_composite { 2 } else { 1 }, ..Self::default() };
        if let Some(differences) =
            document.get(font, "Encoding").and_then(|of| document.get(of, "Differences"))
        {
            read.differences(differences);
        }
        let map: Option<Id> = font.get("ToUnicode").and_then(Value::reference);
        if let Some(bytes) = map.and_then(|id| document.stream(id, sink)) {
            read.character_map(&bytes, is_composite);
        }
        read.is_unknown = is_composite && read.map.is_empty();
        read
    }

    /// The text of a string shown in this font. `None` if no characters are known for its codes.
    pub(super) fn text(&self, bytes: &[u8]) -> Option<String> {
        if self.is_unknown {
            return None;
        }
        let mut text = String::new();
        for code in bytes.chunks(self.code_bytes.max(1)) {
            let number = code.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
            match self.map.get(&number) {
                Some(mapped) => text.push_str(mapped),
                None if self.code_bytes <= 1 => text.extend(code.iter().map(|byte| latin(*byte))),
                None => text.push(char::REPLACEMENT_CHARACTER),
            }
        }
        Some(text)
    }

    fn insert(&mut self, code: u32, text: String) {
        if self.map.len() < MAPPED_MAX {
            self.map.insert(code, text);
        }
    }

    /// `/Differences [65 /A /B]`: names of glyphs for codes from a number on.
    fn differences(&mut self, differences: &Value) {
        let mut code = 0_u32;
        for item in differences.array().unwrap_or_default().iter().take(DIFFERENCES_MAX) {
            if let Some(number) = item.number() {
                code = number.max(0.0) as u32;
            } else if let Some(name) = item.name() {
                if let Some(character) = glyph(name) {
                    self.insert(code, character.to_string());
                }
                code = code.saturating_add(1);
            }
        }
    }

    /// A map to Unicode (ISO 32000-1, 9.10.3): `bfchar` and `bfrange`.
    fn character_map(&mut self, bytes: &[u8], is_composite: bool) {
        let mut lexer = Lexer::new(bytes, 0, false);
        let mut operands: Vec<Value> = Vec::new();
        loop {
            lexer.skip_space();
            if lexer.peek(0).is_none() || self.map.len() >= MAPPED_MAX {
                return;
            }
            match lexer.value(0) {
                Some(Value::Word(word)) => {
                    match word.as_str() {
                        "endbfchar" => self.characters(&operands),
                        "endbfrange" => self.ranges(&operands),
                        "endcodespacerange" if is_composite => {
                            let bytes = operands.first().and_then(Value::string).map(<[u8]>::len);
                            self.code_bytes = bytes.unwrap_or(2).clamp(1, 4);
                        }
                        _ => {}
                    }
                    operands.clear();
                }
                Some(value) if operands.len() < MAPPED_MAX => operands.push(value),
                Some(_) => {}
                None => lexer.at += 1,
            }
        }
    }

    fn characters(&mut self, operands: &[Value]) {
        for pair in operands.as_chunks::<2>().0 {
            if let [Value::String(code), Value::String(text)] = pair {
                self.insert(number(code), utf16(text));
            }
        }
    }

    fn ranges(&mut self, operands: &[Value]) {
        for [low, high, text] in operands.as_chunks::<3>().0 {
            let (Some(low), Some(high)) = (low.string(), high.string()) else { continue };
            let (low, high) = (number(low), number(high));
            let room = (MAPPED_MAX - self.map.len()) as u32;
            for step in 0..=high.saturating_sub(low).min(room) {
                let text = match text {
                    Value::Array(items) => {
                        let Some(text) = items.get(step as usize).and_then(Value::string) else {
                            break;
                        };
                        utf16(text)
                    }
                    Value::String(text) => {
                        let mut text = utf16(text);
                        let last =
                            text.pop().and_then(|last| char::from_u32(u32::from(last) + step));
                        text.extend(last);
                        text
                    }
                    _ => break,
                };
                self.insert(low.saturating_add(step), text);
            }
        }
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn utf16(bytes: &[u8]) -> String {
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair));
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// A byte as a character: Windows code page 1252, which the standard encodings agree with for letters.
pub(super) const fn latin(byte: u8) -> char {
    match byte {
        0x85 => '…',
        0x91 => '‘',
        0x92 => '’',
        0x93 => '“',
        0x94 => '”',
        0x95 => '•',
        0x96 => '–',
        0x97 => '—',
        _ => byte as char,
    }
}

/// Names of glyphs that are not their characters.
const NAMES: [(&str, char); 36] = [
    ("space", ' '),
    ("period", '.'),
    ("comma", ','),
    ("colon", ':'),
    ("semicolon", ';'),
    ("hyphen", '-'),
    ("exclam", '!'),
    ("question", '?'),
    ("quotedbl", '"'),
    ("quotesingle", '\''),
    ("quoteright", '’'),
    ("quoteleft", '‘'),
    ("quotedblleft", '“'),
    ("quotedblright", '”'),
    ("parenleft", '('),
    ("parenright", ')'),
    ("slash", '/'),
    ("at", '@'),
    ("underscore", '_'),
    ("endash", '–'),
    ("emdash", '—'),
    ("bullet", '•'),
    ("zero", '0'),
    ("one", '1'),
    ("two", '2'),
    ("three", '3'),
    ("four", '4'),
    ("five", '5'),
    ("six", '6'),
    ("seven", '7'),
    ("eight", '8'),
    ("nine", '9'),
    ("fi", 'ﬁ'),
    ("fl", 'ﬂ'),
    ("ampersand", '&'),
    ("equal", '='),
];

/// The character of a glyph's name, where that follows from it or is usual.
fn glyph(name: &str) -> Option<char> {
    let mut characters = name.chars();
    if let (Some(only), None) = (characters.next(), characters.next()) {
        return Some(only);
    }
    let code = name.strip_prefix("uni").or_else(|| name.strip_prefix('u'));
    if let Some(code) = code.and_then(|code| u32::from_str_radix(code, 16).ok()) {
        return char::from_u32(code);
    }
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, character)| *character)
}
