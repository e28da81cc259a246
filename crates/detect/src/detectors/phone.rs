//! Telephone numbers.
//!
//! **Finds** (`pii.phone`): international numbers with `+` or `00` and a country code that is
//! assigned (ITU E.164, 8 to 15 digits); North American numbers with parentheses, hyphens or dots;
//! national numbers with an area code in parentheses; French and other numbers with a leading zero in the
//! usual groups; and after a word such as `phone`, `call` or `mobile` 7 to 13 digits in any usual
//! grouping, or in groups before `office`, `fax`, `mobile` and the like. An extension (`x123`, `ext. 123`) belongs to the number.
//!
//! **Does not find** bare digits without such a word, numbers with letters (`1-800-FLOWERS`), and
//! numbers spelled out.
//!
//! **Example**: `+44 20 7946 0958` is found whole; `call 2125550123` at the digits.

use super::Hit;
use super::context::{KnownWords, mentions};
use super::digits::{FirstGroup, all_same, continues};
use crate::text::Text;
use crate::{DetectorCard, Reach};

/// Digits, separators and extension of the longest number.
const NUMBER_BYTES_MAX: usize = 48;
/// The longest number, ITU-T E.164 §6.
const DIGITS_MAX: usize = 15;
/// The longest without a country code, and the most groups of one.
const NATIONAL_DIGITS_MAX: usize = 13;
const NATIONAL_GROUPS_MAX: usize = 6;

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "phone",
    kinds: &["pii.phone"],
    reach: Reach::Held(NUMBER_BYTES_MAX),
    summary: "Telephone numbers: international, North American, national with context.",
};

/// As they stand in normalised text: without diacritics.
static WORDS: KnownWords = KnownWords::new(&[
    "phone",
    "tel",
    "telephone",
    "mobile",
    "cell",
    "call",
    "fax",
    "whatsapp",
    "sms",
    "text",
    "dial",
    "contact number",
    "contact no",
    "reach me",
    "reach you",
    "reach him",
    "reach her",
    "desk",
    "office",
    "hotline",
    "answering at",
    "ring me",
    "messages to",
    "telefon",
    "handy",
    "mobil",
    "portable",
    "telefono",
    "movil",
    "celular",
    "cellulare",
    "telefone",
    "numero",
    "电话",
    "手机",
    "電話",
    "携帯",
    "전화",
    "phone number",
    "viber",
    "signal",
    "registered",
]);

/// What stands after a number, a space or a hyphen between: as they are listed in signatures.
const WORDS_AFTER: &[&[u8]] = &[b"office", b"fax", b"mobile", b"cell", b"home", b"work", b"direct"];

/// Two numbers of these, one after the other, are a span of time.
const YEARS: std::ops::RangeInclusive<u32> = 1800..=2099;

/// Country codes of one and two digits (ITU E.164, assigned); all others of three digits that begin
/// with 2, 3, 4, 5, 6, 8 or 9 are assigned or reserved for countries.
const SHORT_COUNTRY_CODES: &[u8] = &[
    1, 7, 20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54,
    55, 56, 57, 58, 60, 61, 62, 63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98,
];
/// The first two digits of the country codes that have three.
const LONG_COUNTRY_CODES: &[u8] =
    &[21, 22, 23, 24, 25, 26, 29, 35, 37, 38, 42, 50, 59, 67, 68, 69, 80, 85, 87, 88, 96, 97, 99];

/// A number as it was written.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    digits: [u8; DIGITS_MAX],
    digit_count: usize,
    groups: [usize; 8],
    group_count: usize,
    /// One past the last digit or closing parenthesis.
    end: usize,
    plus: bool,
    /// How many digits stand in parentheses at the beginning.
    area_in_parentheses: usize,
    /// The separator between all groups, or 0 if they differ.
    separator: u8,
}

/// Whether a number may begin with this group.
pub(crate) fn may_begin(first: &FirstGroup) -> bool {
    let is_all = (7..=13).contains(&first.len);
    is_all
        || first.len <= DIGITS_MAX
            && (first.has_second(b" -./(") || first.goes_on(b" ", |after| after == b'('))
}

pub(crate) fn find(text: &Text<'_>) -> Option<Hit> {
    if continues(text) || matches!(text.back(0), Some(b'$' | b'#' | b'.' | b'_')) {
        return None;
    }
    if is_row(text) {
        return None;
    }
    let number = read(text)?;
    let rank = rank(text, &number)?;
    let end = extension(text, number.end).unwrap_or(number.end);
    if end > NUMBER_BYTES_MAX {
        return None;
    }
    Some(Hit::new(&CARD, "pii.phone", end, rank))
}

impl Written {
    fn digits(&self) -> &[u8] {
        self.digits.get(..self.digit_count).unwrap_or_default()
    }

    fn groups(&self) -> &[usize] {
        self.groups.get(..self.group_count).unwrap_or_default()
    }

    /// Takes the group of digits at `at`; gives its length, or `None` if there is no room.
    fn take_group(&mut self, text: &Text<'_>, at: usize) -> Option<usize> {
        let room = DIGITS_MAX - self.digit_count;
        let len = text.run_within(at, room + 1, |byte| byte.is_ascii_digit());
        let places = self.digits.get_mut(self.digit_count..self.digit_count + len)?;
        *self.groups.get_mut(self.group_count)? = len;
        for (place, digit) in places.iter_mut().zip(text.slice(at, at + len)) {
            *place = digit - b'0';
        }
        self.digit_count += len;
        self.group_count += 1;
        self.end = at + len;
        Some(len)
    }

    /// Whether it is longer already than any number without a country code.
    fn is_too_long(&self) -> bool {
        let is_international = self.plus || matches!(self.digits(), [0, 0, ..]);
        !is_international
            && (self.digit_count > NATIONAL_DIGITS_MAX || self.group_count > NATIONAL_GROUPS_MAX)
    }
}

/// Whether the groups of digits that have arrived are more than any number without a country code has: so that of rows of numbers
/// no more is read.
fn is_row(text: &Text<'_>) -> bool {
    let arrived = text.slice(0, NUMBER_BYTES_MAX.min(text.arrived()));
    if matches!(arrived, [b'0', b'0', ..] | [b'0', _, b'0', ..]) {
        return false;
    }
    let (mut digits, mut groups, mut is_group) = (0, 0, false);
    for byte in arrived {
        if byte.is_ascii_digit() {
            digits += 1;
            is_group = true;
            continue;
        }
        groups += 1;
        // What does not fit any more is another number.
        if !is_group || digits > DIGITS_MAX {
            return false;
        }
        if digits > NATIONAL_DIGITS_MAX || groups > NATIONAL_GROUPS_MAX {
            return true;
        }
        if !matches!(byte, b' ' | b'-' | b'.' | b'/') {
            return false;
        }
        is_group = false;
    }
    false
}

/// Reads `+`, an area in parentheses, and groups with separators between them.
fn read(text: &Text<'_>) -> Option<Written> {
    let mut number = Written { plus: text.get(0) == Some(b'+'), ..Written::default() };
    let mut at = usize::from(number.plus);
    if text.get(at) == Some(b'(') {
        number.area_in_parentheses = number.take_group(text, at + 1)?;
        at = number.end;
        if number.area_in_parentheses == 0 || text.get(at) != Some(b')') {
            return None;
        }
        number.end += 1;
    } else if number.take_group(text, at)? == 0 {
        return None;
    }
    let mut uniform = true;
    while let Some((separator, next)) = separator(text, number.end) {
        uniform &= number.separator == 0 || number.separator == separator;
        number.separator = separator;
        // What does not fit any more is another number.
        let Some(group) = number.take_group(text, next) else { break };
        if number.is_too_long() {
            return None;
        }
        if text.get(next.saturating_sub(1)) == Some(b'(') {
            // `+41 (0)71`: the parenthesis must close.
            if group == 0 || text.get(number.end) != Some(b')') {
                return None;
            }
            number.end += 1;
        }
    }
    if !uniform {
        number.separator = 0;
    }
    let letter =
        text.get(number.end).is_some_and(|byte| byte.is_ascii_alphabetic() && byte != b'x');
    if letter { None } else { Some(number) }
}

/// The separator at `at` and where the digits after it begin, if digits do follow.
fn separator(text: &Text<'_>, at: usize) -> Option<(u8, usize)> {
    let separator = text.get(at)?;
    let digit = |at: usize| text.get(at).is_some_and(|byte| byte.is_ascii_digit());
    match separator {
        b' ' | b'-' | b'.' | b'/' if digit(at + 1) => Some((separator, at + 1)),
        // `(898)666`, `+41 (0)71`, `(08) 8747`
        b'0'..=b'9' if text.get(at.saturating_sub(1)) == Some(b')') => Some((b' ', at)),
        b'(' if digit(at + 1) => Some((b' ', at + 1)),
        b' ' if text.get(at + 1) == Some(b'(') && digit(at + 2) => Some((b' ', at + 2)),
        _ => None,
    }
}

/// `x123`, ` x123`, ` ext. 123`, ` ext 123`: where the extension ends.
fn extension(text: &Text<'_>, end: usize) -> Option<usize> {
    let at = end + usize::from(text.get(end) == Some(b' '));
    if text.get(at)?.eq_ignore_ascii_case(&b'x') {
        let len = text.run(at + 1, |byte| byte.is_ascii_digit());
        let whole = !text.get(at + 1 + len).is_some_and(|byte| byte.is_ascii_alphanumeric());
        return ((1..=6).contains(&len) && whole).then_some(at + 1 + len);
    }
    if !text.has_at(at, b"ext") {
        return None;
    }
    let after = at + 3 + text.run(at + 3, |byte| byte == b'.' || byte == b' ').min(2);
    let len = text.run(after, |byte| byte.is_ascii_digit());
    (1..=6).contains(&len).then_some(after + len)
}

fn rank(text: &Text<'_>, number: &Written) -> Option<u8> {
    let digits = number.digits();
    if all_same(digits) || (number.groups().len() == 1 && number.area_in_parentheses > 0) {
        return None;
    }
    if number.plus {
        return ((8..=15).contains(&digits.len()) && has_country_code(digits)).then_some(40);
    }
    if let [0, 0, rest @ ..] = digits
        && number.groups().len() >= 3
        && (8..=13).contains(&rest.len())
        && has_country_code(rest)
    {
        return Some(30);
    }
    if let Some(rank) = national_rank(number) {
        return Some(rank);
    }
    let digits_min = 6 + usize::from(number.groups().len() < 3);
    let plausible = (digits_min..=NATIONAL_DIGITS_MAX).contains(&digits.len())
        && number.groups().len() <= NATIONAL_GROUPS_MAX
        && (number.groups().len() == 1 || number.groups().iter().all(|group| *group <= 8))
        && !looks_like_date(number);
    (plausible && (is_named_after(text, number) || mentions(text, &WORDS, 40))).then_some(30)
}

/// `06-10446904-Office`, `455 6186 fax`
fn is_named_after(text: &Text<'_>, number: &Written) -> bool {
    let groups = number.groups().len();
    groups > 1
        && matches!(text.get(number.end), Some(b' ' | b'-'))
        && WORDS_AFTER.iter().any(|word| {
            let mut letters = word.iter().zip(number.end + 1..);
            letters.all(|(letter, at)| {
                text.get(at).is_some_and(|byte| byte.eq_ignore_ascii_case(letter))
            })
        })
}

/// Ways of writing that say by themselves that this is a telephone number.
fn national_rank(number: &Written) -> Option<u8> {
    let digits = number.digits();
    let first = digits.first().copied()?;
    match (number.groups(), number.separator) {
        ([3, 3, 4], b'-' | b'.') if first >= 2 => Some(35),
        ([3, 3, 4], _) if first >= 2 && number.area_in_parentheses == 3 => Some(35),
        ([1, 3, 3, 4], b'-' | b'.') if first == 1 => Some(35),
        // Groups of two with a leading zero: France, Belgium, parts of Scandinavia.
        ([2, 2, 2, 2, 2], b' ' | b'.' | b'-') if first == 0 => Some(30),
        // Leading zero and groups of three and four: most of Europe, Australia, Japan, Africa.
        (
            [3..=5, 3..=4, 3..=4] | [3..=5, 6] | [2, 4, 4] | [4, 2..=3, 2, 2] | [3, 3, 2, 2],
            b' ' | b'-',
        ) if first == 0 && (9..=11).contains(&digits.len()) => Some(25),
        ([2..=5, 3..=4, 3..=5], _)
            if number.area_in_parentheses > 0 && (8..=11).contains(&digits.len()) =>
        {
            Some(30)
        }
        ([2..=5, 6..=8], _) if number.area_in_parentheses > 0 && first == 0 => Some(30),
        _ => None,
    }
}

/// A day, or the years from one to another.
fn looks_like_date(number: &Written) -> bool {
    let year = |digits: &[u8]| digits.iter().fold(0, |year, digit| year * 10 + u32::from(*digit));
    match (number.groups(), number.digits().split_at_checked(4)) {
        ([4, 1..=2, 1..=2, ..] | [1..=2, 1..=2, 4, ..], _) => true,
        ([4, 4], Some((from, to))) => {
            let (from, to) = (year(from), year(to));
            from <= to && YEARS.contains(&from) && YEARS.contains(&to)
        }
        _ => false,
    }
}

fn has_country_code(digits: &[u8]) -> bool {
    let (Some(first), Some(second)) = (digits.first(), digits.get(1)) else { return false };
    let two = first * 10 + second;
    *first != 0
        && (SHORT_COUNTRY_CODES.contains(first)
            || SHORT_COUNTRY_CODES.contains(&two)
            || LONG_COUNTRY_CODES.contains(&two))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::check;
    use super::{is_row, rank, read};
    use crate::text::Text;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn no_number_is_taken_for_a_row(groups in prop::collection::vec("(0{0,2}[0-9]{1,6}|[0-9]{7,16})[- ./(x]", 1..12)) {
            let written = ["call ", &groups.concat()].concat();
            let text = Text::new(written.as_bytes(), 5, usize::MAX, true);
            if is_row(&text) {
                let rank = read(&text).and_then(|number| rank(&text, &number));
                prop_assert_eq!(rank, None, "in {:?}", written);
            }
        }
    }

    #[test]
    fn numbers_are_found() {
        for number in [
            "+44 20 7946 0958",
            "+14155550123",
            "+1-604-696-5272x565",
            "+41 (0)71 526 99 04",
            "+46 (0)155 55 01 23",
            "001-253-366-9781",
            "(898)666-3621x0135",
            "(415) 555-0123",
            "415-555-0123",
            "930.167.3943",
            "1-415-555-0123",
            "(08) 8747 6301",
            "(71) 4233-6306",
            "01 42 68 53 00",
            "07700 900 123",
            "0688 843 79 56",
            "+447700677662",
            "+49 30 901820 ext. 12",
        ] {
            check("pii.phone", &format!("write or {number}, thanks"), &[number]);
        }
    }

    #[test]
    fn numbers_are_found_after_a_word() {
        for (text, expect) in [
            ("call me on 450 0840", "450 0840"),
            ("Phone:\n780 6326", "780 6326"),
            ("my mobile is 4155550123", "4155550123"),
            ("Telefon 030 901820", "030 901820"),
            ("Fax: 9498777106", "9498777106"),
            ("call 2021-1999 or", "2021-1999"),
            ("call 2020-7946 or", "2020-7946"),
            ("电话：138 0013 8000", "138 0013 8000"),
        ] {
            check("pii.phone", &text.replace('：', ":"), &[expect]);
        }
    }

    #[test]
    fn other_numbers_are_not() {
        for text in [
            "2024-01-15 10:30:00",
            "01-02-2024",
            "call 911",
            "Call 2020-2021",
            "mobile sales 2019-2023",
            "fax 1999-2004 archive",
            "phone records 1899/1901",
            "$1,234,567.89",
            "4155550123",
            "450 0840",
            "1234567890123456",
            "+0 123 456 789",
            "+12",
            "192.168.10.10",
            "pages 100-200-300",
            "0.415.555.0123",
            "10 000 000",
            "3.14159265",
            "ISBN 978-3-16-148410-0",
            "(2023)",
            "f(1) + g(2)",
            "phone call on 2024-01-15",
            "999-999-9999",
            "call at 2024/01/06 16:20",
        ] {
            check("pii.phone", text, &[]);
        }
    }
}
