//! Ages of persons.
//!
//! **Finds** (`pii.age`): one to three figures before `years old`, `year-old`, `y/o`, `Jahre alt`, `ans`, `岁` and the like, or right after
//! `age`, `aged`, `turned`, `when she was` and the like, up to 120. With a rank below what is masked by default: an age by itself
//! names nobody.
//!
//! **Does not find** ages in words, and figures after `I'm` alone.
//!
//! **Example**: `a 34-year-old man` is found at `34`.

use super::Hit;
use super::digits::{FirstGroup, continues, runs_on};
use super::identifiers;
use crate::text::Text;
use crate::{DetectorCard, Reach};

/// Figures and the words after them.
const AGE_BYTES_MAX: usize = 24;
/// The highest age.
const YEARS_MAX: u32 = 120;

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "age",
    kinds: &["pii.age"],
    reach: Reach::Held(AGE_BYTES_MAX),
    summary: "Ages of persons, with a low rank.",
};

/// What stands after an age.
const AFTER: &[&[u8]] = &[
    b" years old",
    b" year old",
    b"-year-old",
    b"-years-old",
    b" y/o",
    b" yo ",
    b" y.o.",
    b" years of age",
    b" jahre alt",
    b" jahren alt",
    b"-jahrig",
    b" ans,",
    b" ans.",
    b" anos de edad",
    b" anni,",
    b" jaar oud",
    b" anos de idade",
    b" ans d'age",
    b" ar gammal",
    b" ar gammel",
    b" let star",
    b" yasinda",
    b" tuoi",
    "岁".as_bytes(),
    "歳".as_bytes(),
    "살 ".as_bytes(),
];

/// Whether this group may be an age, given what stands after it or names one right before it.
pub(crate) fn may_be(first: &FirstGroup, text: &Text<'_>) -> bool {
    let said_after = first.next.is_some_and(|next| may_follow(next, first.after));
    first.len <= 3 && (said_after || first.len > 1 && identifiers::may_name_age(text))
}

pub(crate) fn find(text: &Text<'_>) -> Option<Hit> {
    let len = text.run_within(0, 4, |byte| byte.is_ascii_digit());
    let years =
        text.slice(0, len).iter().fold(0, |years, digit| years * 10 + u32::from(digit - b'0'));
    if !(1..=3).contains(&len) || years > YEARS_MAX || continues(text) {
        return None;
    }
    let said_after = text.get(len).is_some_and(|next| may_follow(next, text.get(len + 1)))
        && AFTER.iter().any(|words| {
            words.iter().enumerate().all(|(at, byte)| {
                text.get(len + at).is_some_and(|found| found.eq_ignore_ascii_case(byte))
            })
        });
    let said_before = || {
        let unit = text.get(len) == Some(b'%') || runs_on(text, len) || text.get(len) == Some(b':');
        !unit && len > 1 && identifiers::names_age(text)
    };
    (said_after || said_before()).then(|| Hit::new(&CARD, "pii.age", len, 15))
}

/// Whether what says that a number is an age may begin with these two.
pub(crate) fn may_follow(next: u8, after: Option<u8>) -> bool {
    match (next, after) {
        // The first bytes of `岁`, `歳`, `살`.
        (0xe5, None | Some(0xb2)) | (0xe6, None | Some(0xad)) | (0xec, None | Some(0x82)) => true,
        (b' ' | b'-', after) => after.is_none_or(|after| b"yYjJaAlLtT".contains(&after)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[test]
    fn ages_are_found() {
        for (text, expect) in [
            ("a 34-year-old man", "34"),
            ("He just turned 64 years old", "64"),
            ("I'll turn 47.", "47"),
            ("and i'm 54 y/o.", "54"),
            ("retired at the age of 68, ", "68"),
            ("Age: 7 years old ", "7"),
            ("ich bin 34 Jahre alt ", "34"),
            ("I just turned 47", "47"),
            ("Written when he was 78.", "78"),
            ("她今年34岁。", "34"),
            ("34歳の男性", "34"),
            ("anh ấy 34 tuoi ", "34"),
            ("年龄: 41", "41"),
        ] {
            check("pii.age", text, &[expect]);
        }
    }

    #[test]
    fn other_numbers_are_not() {
        for text in [
            "34 years ago ",
            "in 20 years ",
            "turn 90% of it ",
            "page 34 ",
            "134 years old ",
            "aged 1.5 ",
            "turned 2024 ",
        ] {
            check("pii.age", text, &[]);
        }
    }
}
