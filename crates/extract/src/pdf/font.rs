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

/// Codes of a byte.
const CODES: usize = 256;
/// The width of a letter in thousandths of its size where a composite font says nothing (ISO 32000-1, 9.7.4.3).
const USUAL_COMPOSITE_WIDTH: f64 = 1000.0;
/// The width of every letter of a typewriter, in the same measure.
const COURIER_WIDTH: f64 = 600.0;

/// How wide a string is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Widths {
    /// In sizes of the letters.
    pub(super) ems: f64,
    pub(super) letters: usize,
    /// Whether the font does not say it of every letter.
    pub(super) is_guessed: bool,
}

impl Widths {
    /// Of a string in a font that is not known.
    pub(super) fn guessed(bytes: &[u8]) -> Self {
        let ems: f64 = bytes.iter().map(|byte| guessed_width(latin(*byte)) / 1000.0).sum();
        Self { ems, letters: bytes.len(), is_guessed: true }
    }
}

/// About how wide a letter is in the usual fonts, none of which a file need describe; in thousandths.
const fn guessed_width(letter: char) -> f64 {
    match letter {
        'f' | 'i' | 'j' | 'l' | 'r' | 't' | 'I' | ' ' | '.' | ',' | ';' | ':' | '!' | '|'
        | '\'' | '(' | ')' | '[' | ']' | '/' => 290.0,
        'm' | 'w' | 'M' | 'W' | '@' => 850.0,
        'A'..='Z' => 680.0,
        _ => 510.0,
    }
}

/// How the codes of a font are read.
#[derive(Debug, Default)]
pub(super) struct Font {
    map: HashMap<u32, String>,
    /// Bytes of a code.
    code_bytes: usize,
    /// Thousandths of the size of the letters.
    widths: HashMap<u32, f64>,
    /// The width of codes that have none of their own, if the font says it.
    usual_width: Option<f64>,
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
        read.read_widths(document, font, is_composite);
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

    /// How wide a string is in this font.
    pub(super) fn widths(&self, bytes: &[u8]) -> Widths {
        let mut widths = Widths::default();
        for code in bytes.chunks(self.code_bytes.max(1)) {
            let number = number(code);
            let known = self.widths.get(&number).copied().or(self.usual_width);
            widths.letters += 1;
            widths.is_guessed |= known.is_none();
            widths.ems += known.unwrap_or_else(|| {
                let mapped = self.map.get(&number).and_then(|text| text.chars().next());
                guessed_width(mapped.unwrap_or_else(|| latin(number as u8)))
            }) / 1000.0;
        }
        widths
    }

    fn read_widths(&mut self, document: &Document<'_>, font: &Value, is_composite: bool) {
        let name = font.get("BaseFont").and_then(Value::name).unwrap_or_default();
        if is_composite {
            let fonts = document.get(font, "DescendantFonts").and_then(Value::array);
            let Some(inner) = fonts.and_then(<[Value]>::first).map(|of| document.resolved(of))
            else {
                return;
            };
            let usual = document.get(inner, "DW").and_then(Value::number);
            self.usual_width = Some(usual.unwrap_or(USUAL_COMPOSITE_WIDTH));
            if let Some(items) = document.get(inner, "W").and_then(Value::array) {
                self.composite_widths(document, items);
            }
            return;
        }
        if name.contains("Courier") {
            self.usual_width = Some(COURIER_WIDTH);
        }
        // Fonts of drawings (Type 3) have a measure of their own.
        let matrix = document.get(font, "FontMatrix").and_then(Value::array);
        let unit = matrix.and_then(<[Value]>::first).and_then(Value::number);
        let unit = unit.map_or(1.0, |unit| unit * 1000.0);
        let first = document.get(font, "FirstChar").and_then(Value::number).unwrap_or_default();
        let widths = document.get(font, "Widths").and_then(Value::array).unwrap_or_default();
        for (at, width) in widths.iter().take(CODES).enumerate() {
            // A width of nothing is said of codes that the font does not have.
            if let Some(width) = document.resolved(width).number().filter(|width| *width != 0.0) {
                self.widths.insert((first.max(0.0) as u32).saturating_add(at as u32), width * unit);
            }
        }
    }

    /// `[7 [500 600] 10 20 700]`: a code and its widths and those after it, or two codes and the width from one to the
    /// other (ISO 32000-1, 9.7.4.3).
    fn composite_widths(&mut self, document: &Document<'_>, items: &[Value]) {
        let mut items = items.iter().map(|item| document.resolved(item));
        while let (Some(first), Some(next)) = (items.next(), items.next()) {
            let Some(first) = first.number().map(|first| first.max(0.0) as u32) else { return };
            let room = MAPPED_MAX.saturating_sub(self.widths.len());
            if let Some(widths) = next.array() {
                for (at, width) in widths.iter().take(room).enumerate() {
                    if let Some(width) = document.resolved(width).number() {
                        self.widths.insert(first.saturating_add(at as u32), width);
                    }
                }
            } else if let (Some(last), Some(width)) =
                (next.number(), items.next().and_then(Value::number))
            {
                let codes = (first..=last.max(0.0) as u32).take(room);
                self.widths.extend(codes.map(|code| (code, width)));
            }
        }
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
