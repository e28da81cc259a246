//! Answers in a language that this deployment does not allow (`guards.languages`).
//!
//! **Finds** (`output.language`, rank 30): an answer whose prose, code and addresses left aside, is in a language that is not among those of
//! `guards.languages`, of which the first 4,096 characters are read. Off unless languages are named. An attacker who asks for an answer in a
//! language that nobody at hand reads is found, and a model that slips into another one. Languages are told apart by `whatlang`: 69 of them, by
//! script and sequences of three letters.
//!
//! **Does not find** answers with fewer than 60 letters (20 in Chinese, Japanese, Thai and other scripts without spaces), single
//! sentences in another language within an answer, languages that `whatlang` does not know, and what it is not sure of: close relatives (Norwegian and
//! Danish, Croatian and Serbian) are often taken for each other, and then nothing is found.
//!
//! **Example**: with `languages = ["en"]`: `Natürlich, gern: Zuerst erwärmen Sie den Ofen auf zweihundert Grad, dann mischen Sie Mehl und Wasser.`

use whatlang::Lang;

use super::whole::{Look, WholeHit};
use crate::{DetectorCard, Reach};

const KIND: &str = "output.language";

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "language",
    kinds: &[KIND],
    reach: Reach::Late,
    summary: "Answers in a language that this deployment does not allow.",
};

/// Characters of prose that are read.
const PROSE_CHARACTERS_MAX: usize = 4096;
/// A text with fewer letters is not judged.
const LETTERS_MIN: usize = 60;
/// A character of a script without spaces says as much as so many letters.
const LETTERS_PER_IDEOGRAPH: usize = 3;
const RANK: u8 = 30;

/// Codes of ISO 639-1, where a language has one, and what stands for it here.
const CODES: [(&str, Lang); 69] = [
    ("af", Lang::Afr),
    ("ak", Lang::Aka),
    ("am", Lang::Amh),
    ("ar", Lang::Ara),
    ("az", Lang::Aze),
    ("be", Lang::Bel),
    ("bg", Lang::Bul),
    ("bn", Lang::Ben),
    ("ca", Lang::Cat),
    ("cs", Lang::Ces),
    ("cy", Lang::Cym),
    ("da", Lang::Dan),
    ("de", Lang::Deu),
    ("el", Lang::Ell),
    ("en", Lang::Eng),
    ("eo", Lang::Epo),
    ("es", Lang::Spa),
    ("et", Lang::Est),
    ("fa", Lang::Pes),
    ("fi", Lang::Fin),
    ("fr", Lang::Fra),
    ("gu", Lang::Guj),
    ("he", Lang::Heb),
    ("hi", Lang::Hin),
    ("hr", Lang::Hrv),
    ("hu", Lang::Hun),
    ("hy", Lang::Hye),
    ("id", Lang::Ind),
    ("it", Lang::Ita),
    ("ja", Lang::Jpn),
    ("jv", Lang::Jav),
    ("ka", Lang::Kat),
    ("km", Lang::Khm),
    ("kn", Lang::Kan),
    ("ko", Lang::Kor),
    ("la", Lang::Lat),
    ("lt", Lang::Lit),
    ("lv", Lang::Lav),
    ("mk", Lang::Mkd),
    ("ml", Lang::Mal),
    ("mr", Lang::Mar),
    ("my", Lang::Mya),
    ("nb", Lang::Nob),
    ("ne", Lang::Nep),
    ("nl", Lang::Nld),
    ("no", Lang::Nob),
    ("or", Lang::Ori),
    ("pa", Lang::Pan),
    ("pl", Lang::Pol),
    ("pt", Lang::Por),
    ("ro", Lang::Ron),
    ("ru", Lang::Rus),
    ("si", Lang::Sin),
    ("sk", Lang::Slk),
    ("sl", Lang::Slv),
    ("sn", Lang::Sna),
    ("sr", Lang::Srp),
    ("sv", Lang::Swe),
    ("ta", Lang::Tam),
    ("te", Lang::Tel),
    ("th", Lang::Tha),
    ("tk", Lang::Tuk),
    ("tl", Lang::Tgl),
    ("tr", Lang::Tur),
    ("uk", Lang::Ukr),
    ("ur", Lang::Urd),
    ("uz", Lang::Uzb),
    ("vi", Lang::Vie),
    ("zh", Lang::Cmn),
];

/// A code in the configuration that is no language that can be told. The operator's to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no language `{code}` that can be told apart")]
pub struct UnknownLanguage {
    /// The code as it was given.
    pub code: String,
}

impl UnknownLanguage {
    /// What to do about it.
    pub fn hint(&self) -> String {
        let known: Vec<&str> = CODES.iter().map(|(code, _)| *code).collect();
        format!("codes of ISO 639-1 with two letters: {}", known.join(", "))
    }
}

/// The languages that answers may be in; all of them, if none is named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Languages(Vec<Lang>);

impl Languages {
    pub(crate) fn add(&mut self, code: &str) -> Result<(), UnknownLanguage> {
        let named = CODES.iter().find(|(known, _)| known.eq_ignore_ascii_case(code.trim()));
        let (_, language) = named.ok_or_else(|| UnknownLanguage { code: code.to_owned() })?;
        self.0.push(*language);
        Ok(())
    }
}

/// An answer in a language that is not allowed.
pub(crate) fn find(look: &Look<'_>) -> Option<WholeHit> {
    let Languages(allowed) = &look.guards.languages;
    if allowed.is_empty() {
        return None;
    }
    let prose = prose(look.text)?;
    let told = whatlang::detect(&prose)?;
    // Which of several languages it is may be open, and yet none of them is allowed.
    let is_foreign = !allowed.contains(&told.lang())
        && (told.is_reliable() || !told.script().langs().iter().any(|lang| allowed.contains(lang)));
    is_foreign.then_some(WholeHit { kind: KIND, start: 0, end: look.text.len(), rank: RANK })
}

/// The first prose of a text, if there is enough of it.
fn prose(text: &str) -> Option<String> {
    let (mut prose, mut is_code, mut left) = (String::new(), false, PROSE_CHARACTERS_MAX);
    let mut letters = 0;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
            continue;
        }
        // What stands between two marks of code is no prose either.
        for part in line.split('`').step_by(2).filter(|_| !is_code) {
            for word in part.split_whitespace().filter(|word| !word.contains("://")) {
                for character in word.chars().chain([' ']).take(left) {
                    prose.push(character);
                    left -= 1;
                    letters += weight(character);
                }
            }
        }
        if left == 0 {
            break;
        }
    }
    (letters >= LETTERS_MIN).then_some(prose)
}

fn weight(character: char) -> usize {
    match character {
        _ if !character.is_alphabetic() => 0,
        '\u{e00}'..='\u{eff}'
        | '\u{1000}'..='\u{109f}'
        | '\u{1780}'..='\u{17ff}'
        | '\u{2e80}'.. => LETTERS_PER_IDEOGRAPH,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::whole::tests::{Setting, hit};

    #[track_caller]
    fn check(allowed: &[&str], text: &str, expect: bool) {
        let mut setting = Setting::default();
        for code in allowed {
            setting.guards.languages.add(code).expect("it is known");
        }
        assert_eq!(hit(find, text, &setting).is_some(), expect, "{allowed:?}: {text:?}");
    }

    const GERMAN: &str = "Natürlich, gern: Zuerst erwärmen Sie den Ofen auf zweihundert Grad, dann mischen Sie Mehl und Wasser.";
    const ENGLISH: &str = "Of course: first heat the oven to two hundred degrees, then mix the flour with the water and wait for an hour.";

    #[test]
    fn other_languages_are_found() {
        check(&["en"], GERMAN, true);
        check(&["en", "fr"], GERMAN, true);
        check(&["de"], ENGLISH, true);
        check(
            &["en"],
            "当然可以：首先把烤箱预热到两百度，然后把面粉和水混合在一起，等待一个小时。",
            true,
        );
        check(
            &["en", "ZH"],
            "Конечно: сначала разогрейте духовку до двухсот градусов, потом смешайте муку с водой.",
            true,
        );
    }

    #[test]
    fn allowed_languages_and_no_setting_are_not() {
        check(&[], GERMAN, false);
        check(&["de", "en"], GERMAN, false);
        check(&["en"], ENGLISH, false);
        check(
            &["zh"],
            "当然可以：首先把烤箱预热到两百度，然后把面粉和水混合在一起，等待一个小时。",
            false,
        );
    }

    #[test]
    fn code_addresses_and_short_texts_are_not_judged() {
        check(&["en"], "Ja, gern.", false);
        check(
            &["en"],
            "```\nlet länge = breite; // die Länge ist so groß wie die Breite und wird später noch geändert\n```",
            false,
        );
        check(
            &["en"],
            &format!(
                "{ENGLISH} See `die Länge der Breite` at https://example.de/wie-man-gutes-brot-backt"
            ),
            false,
        );
        let exactly = |letters: usize| {
            "день ".chars().cycle().filter(|c| *c != ' ').take(letters).collect::<String>()
        };
        check(&["en"], &exactly(LETTERS_MIN - 1), false);
    }

    #[test]
    fn what_follows_the_limit_is_not_read() {
        let long = ENGLISH.repeat(PROSE_CHARACTERS_MAX / ENGLISH.len() + 1);
        check(&["en"], &format!("{long} {}", GERMAN.repeat(200)), false);
        check(&["de"], &format!("{long} {}", GERMAN.repeat(200)), true);
    }

    #[test]
    fn unknown_codes_are_refused_with_what_to_write() {
        let error = Languages::default().add("klingon").expect_err("nobody speaks it");
        assert!(error.to_string().contains("`klingon`") && error.hint().contains("de, "));
    }
}
