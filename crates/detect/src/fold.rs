//! One character at a time, what a reader would take it for.
//!
//! Compatibility forms (full width, mathematical, circled) become their plain letters as in NFKC;
//! letters of other scripts that look like ASCII ones become those; diacritics fall off Latin,
//! Greek and Cyrillic letters; digits of every script become `0` to `9`; dashes, quotes and spaces
//! become the ASCII ones.
//!
//! INVARIANT: the answer depends on the one character only, so that a text cut anywhere folds to
//! the same text. INVARIANT: ASCII folds to itself.
//!
//! Not here: characters that are not seen at all (`invisible`).

use unicode_normalization::char::{decompose_compatible, is_combining_mark};

/// Letters and signs that look like ASCII ones and that NFKC leaves alone. Sorted.
/// Source: the intent of Unicode TR39 `confusables.txt`, reduced to single letters that are
/// mistaken for ASCII in running text.
// tidy: table - letters and signs
const LOOK_ALIKES: &[(char, char)] = &[
    ('\u{00d7}', 'x'),
    ('\u{00d8}', 'O'),
    ('\u{00df}', 's'),
    ('\u{00e6}', 'a'),
    ('\u{00f0}', 'd'),
    ('\u{00f8}', 'o'),
    ('\u{0111}', 'd'),
    ('\u{0127}', 'h'),
    ('\u{0131}', 'i'),
    ('\u{0142}', 'l'),
    ('\u{0167}', 't'),
    ('\u{0180}', 'b'),
    ('\u{0188}', 'c'),
    ('\u{0192}', 'f'),
    ('\u{0199}', 'k'),
    ('\u{01a5}', 'p'),
    ('\u{01ad}', 't'),
    ('\u{01b4}', 'y'),
    ('\u{01b6}', 'z'),
    ('\u{01dd}', 'e'),
    ('\u{01e5}', 'g'),
    ('\u{023c}', 'c'),
    ('\u{0247}', 'e'),
    ('\u{0249}', 'j'),
    ('\u{024b}', 'q'),
    ('\u{024d}', 'r'),
    ('\u{024f}', 'y'),
    ('\u{0250}', 'a'),
    ('\u{0251}', 'a'),
    ('\u{0253}', 'b'),
    ('\u{0254}', 'c'),
    ('\u{0256}', 'd'),
    ('\u{0257}', 'd'),
    ('\u{0258}', 'e'),
    ('\u{0259}', 'e'),
    ('\u{025b}', 'e'),
    ('\u{0260}', 'g'),
    ('\u{0261}', 'g'),
    ('\u{0262}', 'G'),
    ('\u{0265}', 'h'),
    ('\u{0266}', 'h'),
    ('\u{0268}', 'i'),
    ('\u{0269}', 'i'),
    ('\u{026a}', 'I'),
    ('\u{026f}', 'm'),
    ('\u{0271}', 'm'),
    ('\u{0272}', 'n'),
    ('\u{0273}', 'n'),
    ('\u{0274}', 'N'),
    ('\u{0275}', 'o'),
    ('\u{0276}', 'O'),
    ('\u{0279}', 'r'),
    ('\u{027c}', 'r'),
    ('\u{027d}', 'r'),
    ('\u{0280}', 'R'),
    ('\u{0282}', 's'),
    ('\u{0287}', 't'),
    ('\u{0288}', 't'),
    ('\u{0289}', 'u'),
    ('\u{028b}', 'v'),
    ('\u{028c}', 'v'),
    ('\u{028d}', 'w'),
    ('\u{028e}', 'y'),
    ('\u{028f}', 'Y'),
    ('\u{0290}', 'z'),
    ('\u{0299}', 'B'),
    ('\u{029b}', 'G'),
    ('\u{029c}', 'H'),
    ('\u{029e}', 'k'),
    ('\u{029f}', 'L'),
    ('\u{02b9}', '\''),
    ('\u{02bc}', '\''),
    ('\u{037e}', ';'),
    ('\u{0391}', 'A'),
    ('\u{0392}', 'B'),
    ('\u{0395}', 'E'),
    ('\u{0396}', 'Z'),
    ('\u{0397}', 'H'),
    ('\u{0399}', 'I'),
    ('\u{039a}', 'K'),
    ('\u{039c}', 'M'),
    ('\u{039d}', 'N'),
    ('\u{039f}', 'O'),
    ('\u{03a1}', 'P'),
    ('\u{03a4}', 'T'),
    ('\u{03a5}', 'Y'),
    ('\u{03a7}', 'X'),
    ('\u{03b1}', 'a'),
    ('\u{03b3}', 'y'),
    ('\u{03b9}', 'i'),
    ('\u{03ba}', 'k'),
    ('\u{03bd}', 'v'),
    ('\u{03bf}', 'o'),
    ('\u{03c1}', 'p'),
    ('\u{03c4}', 't'),
    ('\u{03c5}', 'u'),
    ('\u{03c7}', 'x'),
    ('\u{03f2}', 'c'),
    ('\u{03f3}', 'j'),
    ('\u{0405}', 'S'),
    ('\u{0406}', 'I'),
    ('\u{0408}', 'J'),
    ('\u{0410}', 'A'),
    ('\u{0412}', 'B'),
    ('\u{0415}', 'E'),
    ('\u{041a}', 'K'),
    ('\u{041c}', 'M'),
    ('\u{041d}', 'H'),
    ('\u{041e}', 'O'),
    ('\u{0420}', 'P'),
    ('\u{0421}', 'C'),
    ('\u{0422}', 'T'),
    ('\u{0423}', 'Y'),
    ('\u{0425}', 'X'),
    ('\u{0430}', 'a'),
    ('\u{0433}', 'r'),
    ('\u{0435}', 'e'),
    ('\u{043a}', 'k'),
    ('\u{043e}', 'o'),
    ('\u{0440}', 'p'),
    ('\u{0441}', 'c'),
    ('\u{0443}', 'y'),
    ('\u{0445}', 'x'),
    ('\u{0455}', 's'),
    ('\u{0456}', 'i'),
    ('\u{0458}', 'j'),
    ('\u{0474}', 'V'),
    ('\u{0475}', 'v'),
    ('\u{04ae}', 'Y'),
    ('\u{04af}', 'y'),
    ('\u{04bb}', 'h'),
    ('\u{04c0}', 'I'),
    ('\u{04cf}', 'l'),
    ('\u{0501}', 'd'),
    ('\u{051b}', 'q'),
    ('\u{051d}', 'w'),
    ('\u{0555}', 'O'),
    ('\u{0561}', 'w'),
    ('\u{0563}', 'q'),
    ('\u{0570}', 'h'),
    ('\u{0578}', 'n'),
    ('\u{057d}', 'u'),
    ('\u{0581}', 'g'),
    ('\u{0585}', 'o'),
    ('\u{05f3}', '\''),
    ('\u{13a0}', 'D'),
    ('\u{13a1}', 'R'),
    ('\u{13a2}', 'T'),
    ('\u{13a5}', 'i'),
    ('\u{13a9}', 'y'),
    ('\u{13aa}', 'A'),
    ('\u{13ab}', 'J'),
    ('\u{13ac}', 'E'),
    ('\u{13b3}', 'W'),
    ('\u{13b7}', 'M'),
    ('\u{13bb}', 'H'),
    ('\u{13bd}', 'Y'),
    ('\u{13c0}', 'G'),
    ('\u{13c2}', 'h'),
    ('\u{13c3}', 'Z'),
    ('\u{13ce}', '4'),
    ('\u{13cf}', 'b'),
    ('\u{13d4}', 'W'),
    ('\u{13d5}', 'S'),
    ('\u{13d9}', 'V'),
    ('\u{13da}', 'S'),
    ('\u{13de}', 'L'),
    ('\u{13df}', 'C'),
    ('\u{13e2}', 'P'),
    ('\u{13e6}', 'K'),
    ('\u{13e7}', 'd'),
    ('\u{13e8}', 'G'),
    ('\u{13ee}', '6'),
    ('\u{13f0}', 'B'),
    ('\u{13f3}', 'G'),
    ('\u{13f4}', 'B'),
    ('\u{146d}', 'P'),
    ('\u{146f}', 'd'),
    ('\u{148d}', 'J'),
    ('\u{14aa}', 'L'),
    ('\u{157c}', 'H'),
    ('\u{15c5}', 'A'),
    ('\u{15de}', 'D'),
    ('\u{15ea}', 'D'),
    ('\u{15f0}', 'M'),
    ('\u{15f7}', 'B'),
    ('\u{1680}', ' '),
    ('\u{1d00}', 'A'),
    ('\u{1d04}', 'C'),
    ('\u{1d05}', 'D'),
    ('\u{1d07}', 'E'),
    ('\u{1d09}', 'i'),
    ('\u{1d0a}', 'J'),
    ('\u{1d0b}', 'K'),
    ('\u{1d0d}', 'M'),
    ('\u{1d0f}', 'O'),
    ('\u{1d18}', 'P'),
    ('\u{1d1b}', 'T'),
    ('\u{1d1c}', 'U'),
    ('\u{1d20}', 'V'),
    ('\u{1d21}', 'W'),
    ('\u{1d22}', 'Z'),
    ('\u{2010}', '-'),
    ('\u{2011}', '-'),
    ('\u{2012}', '-'),
    ('\u{2013}', '-'),
    ('\u{2014}', '-'),
    ('\u{2015}', '-'),
    ('\u{2018}', '\''),
    ('\u{2019}', '\''),
    ('\u{201a}', '\''),
    ('\u{201b}', '\''),
    ('\u{201c}', '"'),
    ('\u{201d}', '"'),
    ('\u{201e}', '"'),
    ('\u{201f}', '"'),
    ('\u{2022}', '*'),
    ('\u{2024}', '.'),
    ('\u{2028}', '\n'),
    ('\u{2029}', '\n'),
    ('\u{2032}', '\''),
    ('\u{2033}', '"'),
    ('\u{2039}', '<'),
    ('\u{203a}', '>'),
    ('\u{2043}', '-'),
    ('\u{2044}', '/'),
    ('\u{2212}', '-'),
    ('\u{2215}', '/'),
    ('\u{2217}', '*'),
    ('\u{2219}', '.'),
    ('\u{2223}', '|'),
    ('\u{2236}', ':'),
    ('\u{223c}', '~'),
    ('\u{22c5}', '.'),
    ('\u{2500}', '-'),
    ('\u{2800}', ' '),
    ('\u{2c80}', 'A'),
    ('\u{2c82}', 'B'),
    ('\u{2c88}', 'E'),
    ('\u{2c8e}', 'H'),
    ('\u{2c92}', 'I'),
    ('\u{2c94}', 'K'),
    ('\u{2c98}', 'M'),
    ('\u{2c9a}', 'N'),
    ('\u{2c9e}', 'O'),
    ('\u{2c9f}', 'o'),
    ('\u{2ca2}', 'P'),
    ('\u{2ca3}', 'p'),
    ('\u{2ca4}', 'C'),
    ('\u{2ca5}', 'c'),
    ('\u{2ca6}', 'T'),
    ('\u{2ca8}', 'Y'),
    ('\u{2cab}', 'o'),
    ('\u{2cac}', 'X'),
    ('\u{2e3a}', '-'),
    ('\u{2e3b}', '-'),
    ('\u{3002}', '.'),
    ('\u{3010}', '['),
    ('\u{3011}', ']'),
    ('\u{3014}', '['),
    ('\u{3015}', ']'),
    ('\u{a4d0}', 'B'),
    ('\u{a4d1}', 'P'),
    ('\u{a4d2}', 'd'),
    ('\u{a4d3}', 'D'),
    ('\u{a4d4}', 'T'),
    ('\u{a4d6}', 'G'),
    ('\u{a4d7}', 'K'),
    ('\u{a4d9}', 'J'),
    ('\u{a4da}', 'C'),
    ('\u{a4dc}', 'Z'),
    ('\u{a4dd}', 'F'),
    ('\u{a4df}', 'M'),
    ('\u{a4e0}', 'N'),
    ('\u{a4e1}', 'L'),
    ('\u{a4e2}', 'S'),
    ('\u{a4e3}', 'R'),
    ('\u{a4e6}', 'V'),
    ('\u{a4e7}', 'H'),
    ('\u{a4ea}', 'W'),
    ('\u{a4eb}', 'X'),
    ('\u{a4ec}', 'Y'),
    ('\u{a4ee}', 'A'),
    ('\u{a4f0}', 'E'),
    ('\u{a4f2}', 'I'),
    ('\u{a4f3}', 'O'),
    ('\u{a4f4}', 'U'),
    ('\u{a730}', 'F'),
    ('\u{a731}', 'S'),
    ('\u{a7af}', 'Q'),
    ('\u{ab75}', 'i'),
];

/// Where the ten digits of each script begin. Sorted.
/// Source: Unicode general category Nd, those that NFKC leaves alone.
const ZEROES: &[u32] = &[
    0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66,
    0x0de6, 0x0e50, 0x0ed0, 0x0f20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90,
    0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0,
];

/// What became of one character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Folded {
    /// It stands for itself.
    Same,
    /// What was appended stands for it.
    Replaced,
}

/// Appends what `character` stands for, unless it stands for itself.
pub(crate) fn fold(character: char, out: &mut String) -> Folded {
    let code = u32::from(character);
    if is_never_changed(code) {
        return Folded::Same;
    }
    if let Some(ascii) = look_alike(character) {
        out.push(ascii);
        return Folded::Replaced;
    }
    if is_diacritic(code) {
        return Folded::Replaced;
    }
    if let Some(letter) = enclosed_letter(code) {
        out.push(letter);
        return Folded::Replaced;
    }
    fold_compatible(character, out)
}

/// Whether it is ASCII or of a script that fills whole texts and stands for itself, is seen, and need not be looked up.
pub(crate) const fn is_never_changed(code: u32) -> bool {
    code < 0x80
        || matches!(code, 0x3041..=0x3096 | 0x30a1..=0x30fa | 0x3400..=0x9fff | 0xac00..=0xd7a3)
}

/// A character that stands for more than so many is left as it is: U+FDFA, one sentence of eighteen, with which a text would
/// grow elevenfold.
const PARTS_MAX: usize = 8;

/// Decomposes; keeps the parts of Latin, Greek and Cyrillic letters without their diacritics, and
/// everything else only if it changed to something plainer.
fn fold_compatible(character: char, out: &mut String) -> Folded {
    let before = out.len();
    let mut parts = 0_usize;
    let mut keeps_marks = false;
    decompose_compatible(character, |part| {
        parts += 1;
        if is_diacritic(u32::from(part)) {
            return;
        }
        keeps_marks |= is_combining_mark(part);
        out.push(look_alike(part).unwrap_or(part));
    });
    let unchanged = out.get(before..).is_some_and(|appended| {
        let mut characters = appended.chars();
        characters.next() == Some(character) && characters.next().is_none() && parts == 1
    });
    // A letter and a mark of its own script (Indic, Hebrew, kana) are better left composed.
    if unchanged || keeps_marks || parts > PARTS_MAX {
        out.truncate(before);
        return Folded::Same;
    }
    Folded::Replaced
}

/// The combining marks that decorate letters of any script without being letters themselves.
const fn is_diacritic(code: u32) -> bool {
    matches!(
        code,
        0x0300..=0x034e | 0x0350..=0x036f | 0x0483..=0x0489 | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x20d0..=0x20ff | 0xfe20..=0xfe2f
    )
}

fn look_alike(character: char) -> Option<char> {
    if let Ok(at) = LOOK_ALIKES.binary_search_by_key(&character, |(from, _)| *from) {
        return LOOK_ALIKES.get(at).map(|(_, to)| *to);
    }
    let code = u32::from(character);
    let zero = ZEROES.partition_point(|zero| *zero <= code).checked_sub(1)?;
    let value = code - ZEROES.get(zero)?;
    if value < 10 { char::from_digit(value, 10) } else { None }
}

/// The squared and negative circled capital letters and the regional indicators, which NFKC leaves alone.
fn enclosed_letter(code: u32) -> Option<char> {
    let place = match code {
        0x1f1e6..=0x1f1ff => code - 0x1f1e6,
        0x1f150..=0x1f169 => code - 0x1f150,
        0x1f170..=0x1f189 => code - 0x1f170,
        _ => return None,
    };
    char::from_u32(u32::from('A') + place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        let mut out = String::new();
        for character in text.chars() {
            if fold(character, &mut out) == Folded::Same {
                out.push(character);
            }
        }
        out
    }

    fn check(text: &str, expect: &str) {
        assert_eq!(folded(text), expect);
    }

    #[test]
    fn a_character_stands_for_a_few_at_most() {
        check("㍿\u{fdfb}", "株式会社\u{62c}\u{644} \u{62c}\u{644}\u{627}\u{644}\u{647}");
        check("\u{fdfa}", "\u{fdfa}");
        let longest = ('\u{80}'..='\u{10ffff}')
            .map(|character| folded(&character.to_string()).chars().count())
            .max();
        assert_eq!(longest, Some(PARTS_MAX));
    }

    #[test]
    fn tables_are_sorted() {
        assert!(LOOK_ALIKES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(ZEROES.is_sorted());
    }

    #[test]
    fn what_looks_like_ascii_becomes_ascii() {
        check("ｉｇｎｏｒｅ", "ignore");
        check("іgnоrе аll", "ignore all");
        check("𝐢𝐠𝐧𝐨𝐫𝐞 𝓪𝓵𝓵", "ignore all");
        check("ⓘⓖⓝⓞⓡⓔ", "ignore");
        check("🅸🅶🅽🅾🆁🅴", "IGNORE");
        check("🇮🇬🇳🇴🇷🇪 🇩🇪", "IGNORE DE");
        check("ꜰᴏʀɢᴇᴛ ᎪᏞᏞ ꓣꓴꓡꓰ", "FORGET ALL RULE");
        check("ıǥnoɹǝ ɨǥnøɍɇ", "ignore ignore");
        check("555‑0199−1–2", "555-0199-1-2");
        check("a\u{00a0}b\u{2003}c", "a b c");
        check("“quoted”", "\"quoted\"");
    }

    #[test]
    fn diacritics_fall_off_whether_composed_or_not() {
        check("é e\u{301} ü ñ Å", "e e u n A");
        check("i\u{335}g\u{336}nore", "ignore");
        check("i\u{335}\u{307}\u{323}\u{352}g\u{e01}\u{335}", "ig\u{e01}");
    }

    #[test]
    fn digits_of_every_script_are_digits() {
        check("٠١٢٣ ۴۵ ०१२ ４２", "0123 45 012 42");
    }

    #[test]
    fn scripts_that_need_their_marks_keep_them() {
        check("नमस्ते", "नमस्ते");
        check("한국어 漢字 かな ガ", "한국어 漢字 かな ガ");
        check("שָׁלוֹם", "שָׁלוֹם");
        check("สวัสดี", "สวัสดี");
    }
}
