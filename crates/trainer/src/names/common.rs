//! Words that are no names when they stand alone at the beginning of a sentence: those that ordinary texts have in
//! lower case, and hardly ever with a capital letter inside a sentence.
//!
//! INVARIANT: the same data give the same list. INVARIANT: nothing marked `dev` is used.

use std::collections::BTreeMap;

use detect::training::is_listed_name;

use crate::corpus::{self, Label};
use crate::{COMMON_FILE, Places};

/// A word is common from so many texts on that have it in lower case.
const TEXTS_MIN: u32 = 30;
/// Texts in lower case for every one that has it with a capital letter inside a sentence.
const TEXTS_PER_CAPITAL: u32 = 8;
/// The longest word, in bytes.
const WORD_BYTES_MAX: usize = 16;

/// Writes the list.
pub(crate) fn run(places: &Places) -> Result<(), String> {
    let folder = places.data.as_ref().ok_or("`--data DIR` is needed")?;
    let mut rows = corpus::data(folder)?;
    rows.extend(corpus::seeds(&places.seeds)?);
    // In lower case, and with a capital letter inside a sentence.
    let mut counts: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.label == Label::Benign && !row.is_dev) {
        let mut seen: BTreeMap<String, (bool, bool)> = BTreeMap::new();
        for sentence in row.text.split(['.', '!', '?', ':', ';', '\n', '"', '(']) {
            let words = sentence.split(|character: char| !character.is_ascii_alphabetic());
            let words = words.filter(|word| (2..=WORD_BYTES_MAX).contains(&word.len()));
            for word in words.skip(1) {
                let is_lower = word.bytes().all(|byte| byte.is_ascii_lowercase());
                let found = seen.entry(word.to_ascii_lowercase()).or_default();
                (found.0, found.1) = (found.0 || is_lower, found.1 || !is_lower);
            }
        }
        for (word, (lower, capital)) in seen {
            let count = counts.entry(word).or_default();
            (count.0, count.1) = (count.0 + u32::from(lower), count.1 + u32::from(capital));
        }
    }
    let is_common = |(word, (lower, capital)): (String, (u32, u32))| {
        let is_common = lower >= TEXTS_MIN && capital * TEXTS_PER_CAPITAL <= lower;
        (is_common && !is_listed_name(&word)).then_some(word)
    };
    let mut lines = vec![String::new()];
    let common: Vec<String> = counts.into_iter().filter_map(is_common).collect();
    for word in &common {
        if lines.last().is_some_and(|line| line.len() + word.len() > 110) {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        }
    }
    let out = places.out.clone().unwrap_or_else(|| COMMON_FILE.into());
    std::fs::write(&out, lines.join("\n") + "\n")
        .map_err(|error| format!("{}: {error}", out.display()))?;
    println!("{}: {} words", out.display(), common.len());
    Ok(())
}
