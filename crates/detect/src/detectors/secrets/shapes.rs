//! Keys without a prefix whose shape no ordinary text has.

use super::super::{Hit, Word};
use super::family::Alphabet;
use super::{CARD, randomness};
use crate::text::Text;

/// The kinds found here, each with what marks it.
pub(super) const KINDS: &[(&str, &str)] = &[
    ("secret.azure_ad_secret", "<3 characters><digit>Q~"),
    ("secret.azure_key", "<52 characters>JQQJ99"),
    ("secret.azure_devops_token", "<76 characters>AZDO"),
    ("secret.discord_bot_token", "<24 to 28>.<6 or 7>.<27 or more>"),
    ("secret.newrelic_license", "<36 characters>NRAL"),
    ("secret.mailchimp_key", "<32 hexadecimal>-us<number>"),
    ("secret.telegram_bot_token", "<8 to 10 digits>:AA"),
    ("secret.facebook_app_token", "<13 to 17 digits>|<27 characters>"),
    ("secret.onepassword_secret_key", "A3-<6>-<6>-<5>-<5>-<5>-<5>"),
    ("secret.firebase_key", "<11 characters>:APA91b<134 characters>"),
    ("secret.terraform_token", "<14 characters>.atlasv1."),
];

pub(super) fn find(text: &Text<'_>, word: Word) -> Option<Hit> {
    let next = word.next;
    match (word.len, next) {
        (84, _) => azure(text),
        (14, Some(b'.')) => terraform(text),
        (11, Some(b':')) => firebase(text),
        (32, Some(b'-')) => mailchimp(text),
        (8..=10, Some(b':')) => telegram(text),
        (2..=5, Some(b'~')) => azure_ad(text, word.len),
        (40, _) => new_relic(text),
        (13..=17, Some(b'|')) => facebook(text, word.len),
        (2, Some(b'-')) if word.first == b'A' => one_password(text),
        (_, Some(b'.' | b'-' | b'_')) if matches!(word.first, b'M' | b'N' | b'O') => discord(text),
        _ => None,
    }
}

/// Azure: 84 characters with a signature in the middle or near the end.
fn azure(text: &Text<'_>) -> Option<Hit> {
    let key = text.slice(0, 84);
    if randomness::is_placeholder(key) {
        return None;
    }
    if key.get(76..80) == Some(b"AZDO") {
        return Some(Hit::new(&CARD, "secret.azure_devops_token", 84, 50));
    }
    if key.get(52..58) == Some(b"JQQJ99") {
        Some(Hit::new(&CARD, "secret.azure_key", 84, 50))
    } else {
        None
    }
}

/// Entra ID client secrets: three characters, a digit, `Q~` and 31 to 34 more. The first characters may
/// be signs, which then are not reported.
fn azure_ad(text: &Text<'_>, len: usize) -> Option<Hit> {
    let head = text.slice(0, len);
    if !matches!(head, [.., digit, b'Q'] if digit.is_ascii_digit()) {
        return None;
    }
    let rest = text.run_within(len + 1, 36, |byte| Alphabet::Dotted.has(byte) || byte == b'~');
    let secret = text.slice(len + 1, len + 1 + rest);
    let plausible = (31..=35).contains(&rest) && !randomness::is_placeholder(secret);
    plausible.then(|| Hit::new(&CARD, "secret.azure_ad_secret", len + 1 + rest, 50))
}

fn new_relic(text: &Text<'_>) -> Option<Hit> {
    let key = text.slice(0, 40);
    let marked = key.ends_with(b"NRAL") && randomness::looks_random(key);
    marked.then(|| Hit::new(&CARD, "secret.newrelic_license", 40, 50))
}

fn terraform(text: &Text<'_>) -> Option<Hit> {
    if !text.has_at(14, b".atlasv1.") {
        return None;
    }
    let len = text.run(23, |byte| Alphabet::UrlSafe.has(byte));
    if (60..=70).contains(&len) && !randomness::is_placeholder(text.slice(0, 14)) {
        Some(Hit::new(&CARD, "secret.terraform_token", 23 + len, 50))
    } else {
        None
    }
}

/// Facebook apps: the number of the app, `|`, 27 characters.
fn facebook(text: &Text<'_>, id: usize) -> Option<Hit> {
    let digits = text.slice(0, id).iter().all(u8::is_ascii_digit);
    let len = text.run_within(id + 1, 30, |byte| Alphabet::UrlSafe.has(byte));
    let secret = text.slice(id + 1, id + 1 + len);
    (digits && len == 27 && randomness::looks_random(secret))
        .then(|| Hit::new(&CARD, "secret.facebook_app_token", id + 1 + len, 50))
}

/// 1Password accounts: `A3` and six groups of capital letters and digits.
fn one_password(text: &Text<'_>) -> Option<Hit> {
    if !text.has_at(0, b"A3-") {
        return None;
    }
    let mut at = 3;
    for group in [6, 6, 5, 5, 5, 5] {
        if text.run_within(at, 7, |byte| Alphabet::UpperDigits.has(byte)) != group {
            return None;
        }
        at += group;
        if at < 38 && text.get(at) != Some(b'-') {
            return None;
        }
        at += 1;
    }
    let key = text.slice(0, at - 1);
    (!randomness::is_placeholder(key))
        .then(|| Hit::new(&CARD, "secret.onepassword_secret_key", key.len(), 50))
}

/// Firebase Cloud Messaging: 11 characters, `:APA91b`, 134 more.
fn firebase(text: &Text<'_>) -> Option<Hit> {
    if !text.has_at(11, b":APA91b") {
        return None;
    }
    let len = text.run_within(18, 141, |byte| Alphabet::UrlSafe.has(byte));
    let plausible =
        (120..=140).contains(&len) && randomness::looks_random(text.slice(18, 18 + len));
    plausible.then(|| Hit::new(&CARD, "secret.firebase_key", 18 + len, 50))
}

fn mailchimp(text: &Text<'_>) -> Option<Hit> {
    let key = text.slice(0, 32);
    let hex = key.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !hex || randomness::is_placeholder(key) || !text.has_at(32, b"-us") {
        return None;
    }
    let len = text.run(35, |byte| byte.is_ascii_digit());
    let whole = !text.get(35 + len).is_some_and(|byte| byte.is_ascii_alphanumeric());
    if (1..=2).contains(&len) && whole {
        Some(Hit::new(&CARD, "secret.mailchimp_key", 35 + len, 50))
    } else {
        None
    }
}

fn telegram(text: &Text<'_>) -> Option<Hit> {
    let id = text.run(0, |byte| byte.is_ascii_digit());
    if !(8..=10).contains(&id) || !text.has_at(id, b":AA") {
        return None;
    }
    let len = text.run(id + 1, |byte| Alphabet::UrlSafe.has(byte));
    let secret = text.slice(id + 1, id + 1 + len);
    let plausible = (34..=36).contains(&len) && randomness::looks_random(secret);
    if plausible {
        Some(Hit::new(&CARD, "secret.telegram_bot_token", id + 1 + len, 50))
    } else {
        None
    }
}

/// Discord bots: the bot's number in base64, a time, a signature.
fn discord(text: &Text<'_>) -> Option<Hit> {
    let id = text.run(0, |byte| Alphabet::UrlSafe.has(byte));
    if !(23..=28).contains(&id) || text.get(id) != Some(b'.') {
        return None;
    }
    let time = text.run(id + 1, |byte| Alphabet::UrlSafe.has(byte));
    if !(6..=7).contains(&time) || text.get(id + 1 + time) != Some(b'.') {
        return None;
    }
    let start = id + time + 2;
    let signature = text.run(start, |byte| Alphabet::UrlSafe.has(byte));
    if !(27..=40).contains(&signature)
        || randomness::is_placeholder(text.slice(0, start + signature))
    {
        return None;
    }
    Some(Hit::new(&CARD, "secret.discord_bot_token", start + signature, 50))
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::check;

    #[test]
    fn shapes_are_found() {
        let azure =
            "6RtqHqPc66Y6DYbkydbrrFJTYnRoA7r40ts7LWS2SkINSFsRABxhJQQJ99BFACAAAAALGcqjAAASAZDO3eqU";
        check("secret.azure_devops_token", azure, &[azure]);
        let telegram = "110201543:AAHdqTcvCH1vGWJxfSe1ofSAs0K5PALDsaw";
        check("secret.telegram_bot_token", &format!("bot={telegram} "), &[telegram]);
        let discord = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs";
        check("secret.discord_bot_token", discord, &[discord]);
        let mailchimp = "343ea45721923ed956e2b38c31db76aa-us30";
        check("secret.mailchimp_key", mailchimp, &[mailchimp]);
        let terraform = "f8Kq2LmZ0xRt3Y.atlasv1.zQ7mK2xV9bN4cL8pR3tW6yJ1hG5fD0aS8qW2eR4tY6uI8oP0lK2jH4gF6dS8aZ1";
        check("secret.terraform_token", terraform, &[terraform]);
        let entra = "abC8Q~dEzGhTjKlWnOpQmStUkWxYz0193456289a";
        check("secret.azure_ad_secret", entra, &[entra]);
    }

    #[test]
    fn keys_of_groups_are_found() {
        let facebook = "1308742762612587|rhoK1cbv0DOU_RTX_87O4MkX7AI";
        check("secret.facebook_app_token", facebook, &[facebook]);
        let one = "A3-Q7ZT3V-K9XB2M-N7CL4-PRWT6-YJ1HG-5FD0A";
        check("secret.onepassword_secret_key", one, &[one]);
    }

    #[test]
    fn near_shapes_are_not() {
        for text in [
            "3ea4572956e2b381923ed34c31db76aa-2",
            "MZ1yGvKTjE0rY0cV8i47CjAa.uHQPq.Xb1Mk2nEhe-4iUcrGOuegj57zMC",
            "arn:aws:sns:aaa:111122223333:aaaaaaaaaaaaaaaaaaassssssddddddddddddd",
            "zpczok4kqgnw5prpfy3ehiylbqvgbjfkdiqkejsxqamy7qbkep7q",
        ] {
            check("secret.", text, &[]);
        }
    }
}
