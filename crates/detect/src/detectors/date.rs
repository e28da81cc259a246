//! Dates, and dates of birth.
//!
//! **Finds** `pii.date_of_birth`: a date after a word such as `born`, `date of birth` or `Geburtsdatum`; and
//! `pii.date_time`: any other whole date, with the time that stands after it, with a rank so low that it is reported
//! and not masked. Dates in figures in the usual orders (`1985-03-12`, `12.03.1985`, `3/12/1985`), and with the month
//! by name in English, German, French, Spanish, Italian, Portuguese and Dutch; after the day also in Polish, Czech,
//! Swedish, Danish, Turkish, Indonesian, Russian, Ukrainian, Arabic, Hindi and Vietnamese; and as Chinese, Japanese and Korean write it.
//!
//! **Does not find** years, days of the week, times and dates without a year by themselves, and years of
//! two figures unless it is a date of birth.
//!
//! **Example**: `born on 12 March 1985` is found at `12 March 1985`.

use std::sync::LazyLock;

use super::Hit;
use super::digits::{FirstGroup, continues};
use super::identifiers;
use crate::fold::{Folded, fold};
use crate::text::Text;
use crate::{DetectorCard, Reach};

/// The longest date with its time.
const DATE_BYTES_MAX: usize = 56;

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "date",
    kinds: &["pii.date_of_birth", "pii.date_time"],
    reach: Reach::Held(DATE_BYTES_MAX),
    summary: "Dates of birth, and other dates with a low rank.",
};

/// Names of months and their numbers, without diacritics; longer ones may be cut to three letters.
const MONTHS: [&[&[u8]]; 12] = [
    &[b"january", b"januar", b"janner", b"janvier", b"enero", b"gennaio", b"janeiro", b"januari"],
    &[b"february", b"februar", b"fevrier", b"febrero", b"febbraio", b"fevereiro", b"februari"],
    &[b"march", b"marz", b"maerz", b"mars", b"marzo", b"marco", b"maart", b"mrt"],
    &[b"april", b"avril", b"abril", b"aprile"],
    &[b"may", b"mai", b"mayo", b"maggio", b"maio", b"mei"],
    &[b"june", b"juni", b"juin", b"junio", b"giugno", b"junho"],
    &[b"july", b"juli", b"juillet", b"julio", b"luglio", b"julho"],
    &[b"august", b"aout", b"agosto", b"augustus"],
    &[b"september", b"septembre", b"septiembre", b"settembre", b"setembro", b"sept"],
    &[b"october", b"oktober", b"octobre", b"octubre", b"ottobre", b"outubro"],
    &[b"november", b"novembre", b"noviembre", b"novembro"],
    &[b"december", b"dezember", b"decembre", b"diciembre", b"dicembre", b"dezembro"],
];
/// Names of months that stand after the day only and are not cut, in other languages: whole, as they are in dates.
// tidy: table - names of months
const MONTHS_AFTER: &str = "stycznia lutego marca kwietnia maja czerwca lipca sierpnia wrzesnia pazdziernika listopada grudnia \
    ledna unora brezna dubna kvetna cervna cervence srpna zari rijna listopadu prosince \
    maj augusti marts ocak subat mart nisan mayis haziran temmuz agustos eylul ekim kasim aralik \
    januari februari maret mei agustus desember \
    января февраля марта апреля мая июня июля августа сентября октября ноября декабря \
    січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня \
    يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر \
    जनवरी फरवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर अक्टूबर नवंबर दिसंबर";

/// The longest name of a month.
const MONTH_BYTES_MAX: usize = 24;

/// What [`MONTHS_AFTER`] is in normalised text, and in order.
static MONTHS_AFTER_DAYS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut months: Vec<String> = MONTHS_AFTER.split_whitespace().map(normalised).collect();
    months.sort_unstable();
    months
});

fn normalised(word: &str) -> String {
    let mut out = String::new();
    for character in word.chars() {
        if fold(character, &mut out) == Folded::Same {
            out.push(character);
        }
    }
    out
}

/// A date that was read.
#[derive(Clone, Copy, Debug)]
struct Date {
    end: usize,
    /// Whether its year has four figures.
    whole: bool,
}

/// Whether a date may begin with this group.
pub(crate) fn may_begin(first: &FirstGroup) -> bool {
    match (first.len, first.next) {
        // The first bytes of `年` and `년`.
        (4, Some(0xe5 | 0xeb)) | (1..=2, Some(b'.' | b',')) => true,
        (1..=2, Some(b' ' | b'-')) => {
            first.goes_on(b" ", is_letter)
                || first.goes_on(b"-", |after| is_letter(after) || after.is_ascii_digit())
        }
        (1..=2 | 4, _) => first.has_second(b"-/."),
        _ => false,
    }
}

pub(crate) fn find(text: &Text<'_>) -> Option<Hit> {
    if continues(text) || text.back(0) == Some(b'$') {
        return None;
    }
    let date = if text.get(0)?.is_ascii_digit() {
        in_figures(text).or_else(|| day_first(text)).or_else(|| in_ideographs(text))
    } else {
        month_first(text)
    }?;
    let goes_on = text.get(date.end).is_some_and(|byte| byte.is_ascii_digit() || byte == b'_');
    if goes_on {
        return None;
    }
    if identifiers::names_birth(text) {
        return Some(Hit::new(&CARD, "pii.date_of_birth", date.end, 40));
    }
    let end = time(text, date.end).unwrap_or(date.end);
    date.whole.then(|| Hit::new(&CARD, "pii.date_time", end, 8))
}

/// The number from `at` on with at most `most` digits, and where it ends.
fn figures(text: &Text<'_>, at: usize, most: usize) -> Option<(u32, usize)> {
    let len = text.run_within(at, most + 1, |byte| byte.is_ascii_digit());
    let digits = text.slice(at, at + len);
    let number = digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
    (1..=most).contains(&len).then_some((number, at + len))
}

/// `1985-03-12`, `12.03.1985`, `3/12/85`
fn in_figures(text: &Text<'_>) -> Option<Date> {
    let (first, at) = figures(text, 0, 4)?;
    let separator = text.get(at).filter(|byte| matches!(byte, b'-' | b'/' | b'.'))?;
    let (second, end) = figures(text, at + 1, 2)?;
    if text.get(end) != Some(separator) {
        return None;
    }
    let (third, last) = figures(text, end + 1, 4)?;
    let year_first = at == 4;
    let year_bytes = if year_first { 4 } else { last - end - 1 };
    let (a, b, year) = if year_first { (second, third, first) } else { (first, second, third) };
    let days = (1..=31).contains(&a) && (1..=31).contains(&b) && (a <= 12 || b <= 12);
    let shape = at <= 2 || year_first && last - end - 1 <= 2;
    let year_fits = match year_bytes {
        4 => (1900..=2099).contains(&year),
        2 => true,
        _ => false,
    };
    (shape && days && year_fits).then_some(Date { end: last, whole: year_bytes == 4 })
}

/// `1985年3月12日`, `1985년 3월 12일`
fn in_ideographs(text: &Text<'_>) -> Option<Date> {
    let (year, at) = figures(text, 0, 4)?;
    if at != 4 || !(1900..=2099).contains(&year) {
        return None;
    }
    let after = |at: usize, signs: [&str; 2]| {
        let sign = signs.into_iter().find(|sign| text.has_at(at, sign.as_bytes()))?;
        let end = at + sign.len();
        Some(end + usize::from(text.get(end) == Some(b' ')))
    };
    let (month, at) = figures(text, after(at, ["年", "년"])?, 2)?;
    let (day, at) = figures(text, after(at, ["月", "월"])?, 2)?;
    let sign = ["日", "일", "号"].into_iter().find(|sign| text.has_at(at, sign.as_bytes()))?;
    let fits = (1..=12).contains(&month) && (1..=31).contains(&day);
    fits.then_some(Date { end: at + sign.len(), whole: true })
}

/// `12 March 1985`, `12. Marz 1985`, `12th of March, 1985`, `12 de marzo de 1985`
fn day_first(text: &Text<'_>) -> Option<Date> {
    let (day, mut at) = figures(text, 0, 2)?;
    for sign in [&b"st"[..], b"nd", b"rd", b"th", b"."] {
        if text.has_at(at, sign) {
            at += sign.len();
            break;
        }
    }
    at = gap(text, at)?;
    if text.has_at(at, b"thang ") {
        // Vietnamese numbers the months.
        let (_, at) = figures(text, at + 6, 2)?;
        return year(text, at, day);
    }
    let at = month(text, at).or_else(|| month_after(text, at))?;
    year(text, at, day)
}

/// `March 12, 1985`, `Mar. 12th 1985`
fn month_first(text: &Text<'_>) -> Option<Date> {
    let end = month(text, 0)?;
    let end = end + usize::from(text.get(end) == Some(b','));
    text.get(end).filter(|byte| matches!(byte, b' ' | b'-'))?;
    let (day, mut at) = figures(text, end + 1, 2)?;
    for sign in [&b"st"[..], b"nd", b"rd", b"th"] {
        if text.has_at(at, sign) {
            at += sign.len();
            break;
        }
    }
    year(text, at, day)
}

/// Where the month ends that begins at `at`.
fn month(text: &Text<'_>, at: usize) -> Option<usize> {
    let len = text.run_within(at, MONTH_BYTES_MAX + 1, |byte| byte.is_ascii_alphabetic());
    is_month(text.slice(at, at + len))
        .then(|| at + len + usize::from(text.get(at + len) == Some(b'.')))
}

/// The same for months that stand after the day only.
fn month_after(text: &Text<'_>, at: usize) -> Option<usize> {
    let len = text.run_within(at, MONTH_BYTES_MAX + 1, is_letter);
    if len == 0 {
        return None;
    }
    is_month_after(text.slice(at, at + len)).then_some(at + len)
}

const fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte >= 0x80
}

fn is_month_after(word: &[u8]) -> bool {
    let mut lower = [0; MONTH_BYTES_MAX];
    let Some(lower) = lower.get_mut(..word.len()) else { return false };
    lower.copy_from_slice(word);
    lower.make_ascii_lowercase();
    MONTHS_AFTER_DAYS.binary_search_by(|month| month.as_bytes().cmp(lower)).is_ok()
}

/// Words between the parts of a date.
const BETWEEN: [&[u8]; 4] = [b"of ", b"de ", b"del ", b"nam "];

/// Where what stands between the parts of a date ends: spaces, a comma, `of`, `de`, `-`.
fn gap(text: &Text<'_>, at: usize) -> Option<usize> {
    let mut end = at + usize::from(text.get(at) == Some(b','));
    let sign = text.get(end)?;
    if !matches!(sign, b' ' | b'-') {
        return None;
    }
    end += 1;
    for word in BETWEEN {
        if text.has_at(end, word) {
            return Some(end + word.len());
        }
    }
    Some(end)
}

fn year(text: &Text<'_>, at: usize, day: u32) -> Option<Date> {
    let (year, end) = figures(text, gap(text, at)?, 4)?;
    ((1..=31).contains(&day) && (1900..=2099).contains(&year)).then_some(Date { end, whole: true })
}

/// Where the time after a date ends: ` 10:30`, `T10:30:00.123Z`, ` 10:30:00 +0200`.
fn time(text: &Text<'_>, at: usize) -> Option<usize> {
    if !matches!(text.get(at)?, b' ' | b'T') {
        return None;
    }
    let (hour, mut end) = figures(text, at + 1, 2)?;
    if hour > 24 || text.get(end) != Some(b':') {
        return None;
    }
    let (minute, last) = figures(text, end + 1, 2)?;
    if minute > 59 {
        return None;
    }
    end = last;
    if text.get(end) == Some(b':')
        && let Some((_, last)) = figures(text, end + 1, 2)
    {
        end = last;
    }
    if matches!(text.get(end), Some(b'.' | b','))
        && let Some((_, last)) = figures(text, end + 1, 9)
    {
        end = last;
    }
    Some(end + usize::from(text.get(end) == Some(b'Z')))
}

/// Whether a word is a month: a whole name, or its first three letters.
pub(crate) fn is_month(word: &[u8]) -> bool {
    let [a, b, c, ..] = word else { return false };
    // Most words are told by their first three letters.
    let begins = matches!(
        &[a.to_ascii_lowercase(), b.to_ascii_lowercase(), c.to_ascii_lowercase()],
        b"jan"
            | b"ene"
            | b"gen"
            | b"feb"
            | b"fev"
            | b"mar"
            | b"mae"
            | b"maa"
            | b"mrt"
            | b"apr"
            | b"avr"
            | b"abr"
            | b"may"
            | b"mai"
            | b"mag"
            | b"mei"
            | b"jun"
            | b"jui"
            | b"giu"
            | b"jul"
            | b"lug"
            | b"aug"
            | b"aou"
            | b"ago"
            | b"sep"
            | b"set"
            | b"oct"
            | b"okt"
            | b"out"
            | b"ott"
            | b"nov"
            | b"dec"
            | b"dez"
            | b"dic"
    );
    begins
        && word.len() <= MONTH_BYTES_MAX
        && MONTHS.iter().any(|names| {
            names.iter().any(|name| {
                name.eq_ignore_ascii_case(word)
                    || word.len() == 3
                        && name.get(..3).is_some_and(|head| head.eq_ignore_ascii_case(word))
            })
        })
}

/// Whether a month may follow a plain number of `digits` figures, `rest` being what stands after it: for passing over numbers, so
/// all that has not arrived may be one.
pub(crate) fn month_may_follow(digits: usize, rest: &[u8]) -> bool {
    if digits == 4 {
        return ["年", "년"]
            .iter()
            .any(|sign| sign.as_bytes().starts_with(rest.get(..3).unwrap_or(rest)));
    }
    if digits > 2 {
        return false;
    }
    let rest = rest.strip_prefix(b".").unwrap_or(rest);
    let rest = rest.strip_prefix(b",").unwrap_or(rest);
    let Some((b' ' | b'-', rest)) = rest.split_first() else { return rest.is_empty() };
    let rest = BETWEEN.iter().find_map(|word| rest.strip_prefix(*word)).unwrap_or(rest);
    let len = rest.iter().take(MONTH_BYTES_MAX + 1).take_while(|byte| is_letter(**byte)).count();
    let word = rest.get(..len).unwrap_or_default();
    len == rest.len() || is_month(word) || word == b"thang" || is_month_after(word)
}

/// Whether a date may begin with the `len` letters at the start of `rest`; all that has not arrived may be a day.
pub(crate) fn letters_may_begin(rest: &[u8], len: usize) -> bool {
    let after = rest.get(len..).unwrap_or_default();
    let after = after.strip_prefix(b".").unwrap_or(after);
    let after = after.strip_prefix(b",").unwrap_or(after);
    let day_follows = match after {
        [b' ' | b'-', day, ..] => day.is_ascii_digit(),
        [b' ' | b'-'] | [] => true,
        _ => false,
    };
    day_follows && is_month(rest.get(..len).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[test]
    fn dates_are_found() {
        for text in [
            "1985-03-12",
            "12.03.1985",
            "3/12/1985",
            "2024-01-15 10:30",
            "2024-01-15T10:30:00.123Z",
            "12 March 1985",
            "12th of March, 1985",
            "12. Mai 1985",
            "March 12, 1985",
            "12 de marzo de 1985",
            "1 janvier 2001",
            "Sep 1, 2020",
            "12 wrzesnia 1985",
            "3. kvetna 2001",
            "12 maj 1985",
            "12 Mart 1985",
            "12 Desember 1985",
            "12 thang 3 nam 1985",
            "1985年3月12日",
            "1985년 3월 12일",
        ] {
            check("pii.date_time", &format!("it was on {text}, then"), &[text]);
        }
    }

    #[test]
    fn months_in_other_scripts_are_found() {
        for text in ["12 марта 1985", "5 жовтня 2020", "12 مارس 1985", "12 मार्च 1985"]
        {
            let normal = super::normalised(text);
            check("pii.date_time", &format!("{normal},"), &[&normal]);
        }
    }

    #[test]
    fn every_month_is_known_by_its_first_letters() {
        for name in super::MONTHS.concat() {
            assert!(super::is_month(name) && super::is_month(&name[..3]), "{name:?}");
        }
    }

    #[test]
    fn dates_of_birth_are_found() {
        for (text, expect) in [
            ("She was born on 12/15/1995.", "12/15/1995"),
            ("Please tell me your date of birth. It's 6/28/1939", "6/28/1939"),
            ("DOB: 03/12/85", "03/12/85"),
            ("geboren am 12. Mai 1985 in Ulm", "12. Mai 1985"),
            ("nacida el 12 de marzo de 1985", "12 de marzo de 1985"),
            ("Born March 12, 1985", "March 12, 1985"),
            ("date de naissance : 01.02.1970", "01.02.1970"),
        ] {
            check("pii.date_of_birth", text, &[expect]);
        }
    }

    #[test]
    fn other_numbers_are_not() {
        for text in [
            "1985",
            "12 March",
            "March 12",
            "10:30",
            "13/13/2013",
            "1.2.3",
            "12-34-5678",
            "version 2024.01",
            "0.12.03.1985",
            "may 5 of us",
            "32 March 1985",
            "12 Marchers 1985",
            "12/03/85",
            "1/2/3",
        ] {
            check("pii.date", text, &[]);
        }
    }
}
