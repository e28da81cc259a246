//! Looks for texts that cost more than those anyone thought of: units are put together, changed, repeated; the dearest are
//! kept and changed again.
//!
//! INVARIANT: it looks at as many texts as it was told, however dear they are. What it keeps depends on the clock; what it
//! tries first does not.

use detect::Engine;

use super::cost::{Way, text_us_per_kb};
use super::hostile;
use super::random::Random;

/// The longest unit, in characters.
const UNIT_CHARS_MAX: usize = 96;
/// Length of the text that a candidate is tried as.
const TRIED_BYTES: usize = 8 * 1024;
/// How many are kept and changed further.
const KEPT: usize = 24;
/// A new unit from nothing, one time in so many.
const FRESH_ONE_IN: usize = 4;

/// Characters and pieces that parts of the engine stop at.
const PIECES: &[&str] = &[
    " ",
    "\n",
    "\t",
    ", ",
    ". ",
    ": ",
    "=",
    "\"",
    "'",
    "`",
    "/",
    "\\",
    "-",
    "_",
    ".",
    "@",
    "+",
    "(",
    ")",
    "%",
    "&",
    "#",
    "<",
    ">",
    "{",
    "}",
    "[",
    "]",
    "|",
    "~",
    "$",
    "0",
    "1",
    "12",
    "123",
    "1234",
    "99999999",
    "a",
    "A",
    "Ab",
    "x1",
    "is ",
    "no. ",
    "id ",
    "key",
    "token ",
    "Mr ",
    "St ",
    "May ",
    "é",
    "ß",
    "ж",
    "你",
    "ا",
    "한",
    "क",
    "\u{200b}",
    "\u{301}",
    "\u{fdfa}",
    "😀",
    "ﬁ",
    "Ａ",
    "ɐ",
    "0x",
    "eyJ",
    "AQ==",
    "%41",
    "\\u0041",
    "&#65;",
    "=41",
    "01000001 ",
    ".- ",
    "41 ",
    "https://",
    "<a href=",
    "-----BEGIN ",
];

/// A unit and what its repetition cost.
#[derive(Clone, Debug)]
struct Candidate {
    unit: String,
    us_per_kb: f64,
}

/// The dearest units of `tries`, dearest first, with the seed `seed`.
pub(super) fn dearest(engine: &Engine, tries: usize, seed: u64, count: usize) -> Vec<String> {
    let mut random = Random::new(seed);
    let mut pool: Vec<&str> = hostile::units();
    pool.extend(PIECES);
    let mut kept: Vec<Candidate> = Vec::new();
    for _ in 0..tries {
        let unit = if kept.is_empty() || random.below(FRESH_ONE_IN) == 0 {
            fresh(&pool, &mut random)
        } else {
            let parent = kept.get(random.below(kept.len())).map_or("", |kept| kept.unit.as_str());
            changed(parent, &pool, &mut random)
        };
        keep(engine, unit, &mut kept);
    }
    kept.truncate(count);
    kept.into_iter().map(|candidate| candidate.unit).collect()
}

/// `unit` over and over.
pub(super) fn repeated(unit: &str, bytes: usize) -> String {
    unit.repeat(bytes / unit.len().max(1))
}

/// Puts a unit among the kept if it is dear enough. One measurement may have been unlucky, so the cheaper of two counts.
fn keep(engine: &Engine, unit: String, kept: &mut Vec<Candidate>) {
    if unit.is_empty() || kept.iter().any(|kept| kept.unit == unit) {
        return;
    }
    let text = repeated(&unit, TRIED_BYTES);
    let cost = || text_us_per_kb(engine, &text, Way::Whole);
    let least =
        if kept.len() < KEPT { 0.0 } else { kept.last().map_or(0.0, |kept| kept.us_per_kb) };
    let first = cost();
    if first <= least {
        return;
    }
    let us_per_kb = first.min(cost());
    if us_per_kb <= least {
        return;
    }
    let place = kept.partition_point(|kept| kept.us_per_kb > us_per_kb);
    kept.insert(place, Candidate { unit, us_per_kb });
    kept.truncate(KEPT);
}

fn fresh(pool: &[&str], random: &mut Random) -> String {
    let parts = 1 + random.below(5);
    shortened(&(0..parts).map(|_| random.pick(pool)).collect::<String>())
}

fn changed(parent: &str, pool: &[&str], random: &mut Random) -> String {
    let mut chars: Vec<char> = parent.chars().collect();
    for _ in 0..=random.below(3) {
        let at = random.below(chars.len() + 1);
        match random.below(5) {
            0 => {
                chars.drain(at..(at + 1 + random.below(4)).min(chars.len()));
            }
            1 => {
                let end = (at + 1 + random.below(12)).min(chars.len());
                let piece: Vec<char> = chars.get(at..end).unwrap_or_default().to_vec();
                chars.splice(at..at, piece);
            }
            2 => {
                if let Some(there) = chars.get_mut(at) {
                    *there = random
                        .pick(&['0', '7', 'a', 'Q', ' ', '-', '.', ':', '@', '\u{200b}', 'é']);
                }
            }
            _ => {
                let piece: Vec<char> = random.pick(pool).chars().collect();
                chars.splice(at..at, piece);
            }
        }
    }
    chars.into_iter().take(UNIT_CHARS_MAX).collect()
}

fn shortened(unit: &str) -> String {
    unit.chars().take(UNIT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_stay_short_whatever_is_done_to_them() {
        let (mut random, mut unit) = (Random::new(3), "ab".to_owned());
        for _ in 0..2_000 {
            unit = changed(&unit, &["wörld", ""], &mut random);
            assert!(unit.chars().count() <= UNIT_CHARS_MAX);
        }
    }
}
