//! Numbers that only their name makes what they are.
//!
//! **Finds**, after a name that ends at most 24 bytes before: `pii.passport`, `pii.driving_licence`,
//! `pii.vehicle_registration`, `pii.bank_account`, `pii.medical_record`, `pii.employee_id`, `pii.customer_id`,
//! `pii.insurance_policy`, `pii.student_id`: 5 to 20 letters and digits, of which at least four (of a vehicle
//! or a passport two) are digits, with hyphens, slashes or full stops between. The names are known in several languages.
//!
//! **Does not find** numbers in groups with spaces, numbers without digits, and numbers whose name comes
//! after them. Where a country's own form fits, that is reported instead, with the country.
//!
//! **Example**: `My driver's license number is A56319335` is found at the number.

use super::topics::Topic;
use super::{HELD, Hit, Word};
use crate::DetectorCard;
use crate::text::Text;

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "named_number",
    kinds: &[
        "pii.passport",
        "pii.driving_licence",
        "pii.vehicle_registration",
        "pii.bank_account",
        "pii.medical_record",
        "pii.employee_id",
        "pii.customer_id",
        "pii.insurance_policy",
        "pii.student_id",
    ],
    reach: HELD,
    summary: "Passport, licence, account, patient, employee and customer numbers after their names.",
};

/// The longest number, with its signs.
const NUMBER_BYTES_MAX: usize = 24;
/// How far before the number its name may end.
const NAME_DISTANCE_MAX: u8 = 24;

/// One kind of number.
struct Open {
    topic: Topic,
    kind: &'static str,
    /// Letters and digits, and how many of them digits.
    len: std::ops::RangeInclusive<usize>,
    digits_min: usize,
    rank: u8,
}

const fn open(
    topic: Topic,
    kind: &'static str,
    len: std::ops::RangeInclusive<usize>,
    digits_min: usize,
    rank: u8,
) -> Open {
    Open { topic, kind, len, digits_min, rank }
}

const KINDS: [Open; 9] = [
    open(Topic::Passport, "pii.passport", 6..=12, 2, 25),
    open(Topic::DrivingLicence, "pii.driving_licence", 5..=18, 4, 25),
    open(Topic::Vehicle, "pii.vehicle_registration", 5..=8, 2, 22),
    open(Topic::BankAccount, "pii.bank_account", 6..=20, 6, 25),
    open(Topic::Patient, "pii.medical_record", 5..=16, 4, 25),
    open(Topic::Employee, "pii.employee_id", 4..=14, 3, 25),
    open(Topic::Customer, "pii.customer_id", 5..=16, 4, 25),
    open(Topic::Policy, "pii.insurance_policy", 6..=16, 5, 25),
    open(Topic::Student, "pii.student_id", 5..=14, 4, 25),
];

/// The number at the start of `text`, if its name is near.
pub(super) fn find(text: &Text<'_>, word: Word) -> Option<Hit> {
    if word.len > 20 || matches!(text.back(0), Some(b'$' | b'.' | b'/' | b'@' | b'-')) {
        return None;
    }
    let first = text.slice(0, word.len);
    let digit = first.iter().any(u8::is_ascii_digit);
    if !digit && !word.next.is_some_and(|next| letters_may_begin(first, next)) {
        return None;
    }
    let (end, count, digits) = number(text)?;
    let fits = |open: &Open| open.len.contains(&count) && digits >= open.digits_min;
    if !KINDS.iter().any(fits) {
        return None;
    }
    // What is named is read last: most numbers fail before.
    let near = text.near();
    if !near.any() {
        return None;
    }
    let phone = near.topic(Topic::Phone).unwrap_or(u8::MAX);
    let (open, _) = KINDS
        .iter()
        .filter_map(|open| Some((open, near.topic(open.topic)?)))
        .filter(|(_, distance)| *distance <= NAME_DISTANCE_MAX && *distance < phone)
        .min_by_key(|(_, distance)| *distance)?;
    (fits(open) && !is_date_or_amount(text, end))
        .then(|| Hit::new(&CARD, open.kind, end, open.rank))
}

/// Whether a number may begin with letters alone, `next` after them: `E-10234`.
pub(super) fn letters_may_begin(letters: &[u8], next: u8) -> bool {
    letters.len() <= 3 && next == b'-' && letters.iter().all(u8::is_ascii_uppercase)
}

/// Where the number ends, how many letters and digits it has and how many digits.
fn number(text: &Text<'_>) -> Option<(usize, usize, usize)> {
    let (mut end, mut count, mut digits) = (0, 0, 0);
    loop {
        let byte = text.get(end);
        match byte {
            Some(byte) if byte.is_ascii_alphanumeric() => {
                count += 1;
                digits += usize::from(byte.is_ascii_digit());
            }
            Some(b'-' | b'/' | b'.')
                if text.get(end + 1).is_some_and(|byte| byte.is_ascii_alphanumeric()) => {}
            Some(b'_' | b'@' | b'%' | b':') => return None,
            _ => break,
        }
        end += 1;
        if end > NUMBER_BYTES_MAX {
            return None;
        }
    }
    Some((end, count, digits))
}

/// `12/03/2024`, `2024-03-12`, `1.250.000`, `192.168.1.1`
fn is_date_or_amount(text: &Text<'_>, end: usize) -> bool {
    let written = text.slice(0, end);
    let groups: Vec<&[u8]> = written.split(|byte| !byte.is_ascii_alphanumeric()).collect();
    let dots = written.split(|byte| *byte == b'.').count() - 1;
    let lens: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    dots > 1
        || dots == 1 && written.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
        || matches!(lens.as_slice(), [1..=2, 1..=2, 2 | 4] | [4, 1..=2, 1..=2])
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::check;

    #[test]
    fn named_numbers_are_found() {
        for (kind, text, expect) in [
            ("pii.driving_licence", "My driver's license number is A56319335.", "A56319335"),
            ("pii.driving_licence", "my driver's license number is 2270-66-1551", "2270-66-1551"),
            ("pii.medical_record", "MRN: 00123456", "00123456"),
            ("pii.employee_id", "employee id E-10234", "E-10234"),
            ("pii.customer_id", "customer number 8823-1127", "8823-1127"),
            ("pii.passport", "his passport is X4RTBPFW4", "X4RTBPFW4"),
            ("pii.bank_account", "transfer to account number 12345678", "12345678"),
            ("pii.insurance_policy", "policy number HX-2231-998", "HX-2231-998"),
            ("pii.student_id", "Matrikelnummer: 1234567", "1234567"),
            ("pii.vehicle_registration", "license plate 7ABC123", "7ABC123"),
        ] {
            check(kind, text, &[expect]);
        }
    }

    #[test]
    fn other_numbers_are_not() {
        for text in [
            "my account was opened on 12/03/2024",
            "the account holds 1250.75 dollars",
            "employee id is required",
            "account on 192.168.1.1",
            "passport",
            "call the patient id desk on phone 5550123",
            "the customer id is not what I would have expected: 88231",
        ] {
            for kind in ["pii.bank", "pii.employee", "pii.passport", "pii.medical", "pii.customer"]
            {
                check(kind, text, &[]);
            }
        }
    }
}
