//! Passwords, keys and tokens that are known only by the name before them.
//!
//! **Finds** (`secret.assignment`): the value in `password = "…"`, `"api_key": "…"`, `CLIENT_SECRET=…`,
//! `the password is …`, `Authorization: Bearer …`, when the name says secret and the value looks
//! like one: for keys and tokens 16 characters or more that look drawn at random; for passwords 8 or
//! more with letters and digits, or letters and signs. A password of plain letters in quotes
//! (`password = "goodspec"`) is found at rank 18, which the default policy does not mask.
//! If the name says a service whose keys have a known shape, the kind is that service's:
//! `MISTRAL_API_KEY=…` is `secret.mistral_key`.
//!
//! **Does not find** other values that are plain words, references (`$NAME`, `env.NAME`, `config["x"]`,
//! `get_password()`), templates, placeholders, hashes of known length after `sha`, and values longer
//! than 400 characters. Entropy alone is never a reason.
//!
//! **Example**: `api_key = "q8Zt3vK9xB2mN7cL4pRw"` is found at the value.

use super::super::Hit;
use super::named;
use super::randomness::{entropy_millibits, is_placeholder, looks_random};
use crate::text::Text;
use crate::{DetectorCard, Reach};

/// The longest value that is read.
const VALUE_BYTES_MAX: usize = 400;
/// The longest password.
const PASSWORD_BYTES_MAX: usize = 96;
/// The longest name that is read back.
const NAME_BYTES_MAX: usize = 40;

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "secret_assignment",
    kinds: &["secret.assignment"],
    reach: Reach::Held(VALUE_BYTES_MAX + 2),
    summary: "Secrets known by the name before them, if the value looks like one.",
};

/// Names of passwords, matched at the end of a name without separators and case.
const PASSWORD_NAMES: &[&str] =
    &["password", "passwd", "pwd", "passphrase", "passwort", "motdepasse", "contrasena", "senha"];

/// Names of keys and tokens.
const KEY_NAMES: &[&str] = &[
    "apikey",
    "apitoken",
    "accesskey",
    "accesstoken",
    "authtoken",
    "secret",
    "secretkey",
    "token",
    "clientsecret",
    "privatekey",
    "encryptionkey",
    "signingkey",
    "accountkey",
    "sharedaccesskey",
    "masterkey",
    "refreshtoken",
    "sessiontoken",
    "bearer",
    "credential",
    "credentials",
    "authkey",
    "licensekey",
    "webhooksecret",
    "appsecret",
    "consumersecret",
    "secretaccesskey",
    "subscriptionkey",
    "unsealkey",
    "sessionkey",
    "apisecret",
    "authorizationkey",
];

/// What stands in quotes after the name of a password and is a type, a rule or a name, not a password.
const NO_PASSWORDS: &[&str] = &[
    "string",
    "required",
    "hidden",
    "text",
    "password",
    "passwd",
    "secret",
    "token",
    "null",
    "none",
    "true",
    "false",
    "default",
    "optional",
    "empty",
    "input",
    "field",
    "invalid",
    "incorrect",
    "wrong",
    "missing",
    "confirm",
    "current",
    "plain",
    "redacted",
    "masked",
    "value",
    "example",
    "username",
    "prompt",
];

/// Names that end like the above and hold no secret.
const PUBLIC_NAMES: &[&str] = &[
    "publictoken",
    "publickey",
    "csrftoken",
    "nexttoken",
    "pagetoken",
    "continuationtoken",
    "maxtoken",
    "tokenizer",
];

/// Whether a value can follow this byte, which is the one just before it: the cheap first question.
pub(crate) const fn may_follow(before: Option<u8>) -> bool {
    matches!(before, Some(b' ' | b'=' | b':' | b'"' | b'\'' | b'`' | b'>' | b'\t' | b'\n'))
}

/// What the name before a value promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    Password,
    /// As prose says it: `the password is …`.
    SpokenPassword,
    Key,
    /// As `Authorization` headers carry them.
    Credentials,
    /// Nothing by itself; it may name a service.
    Other,
}

/// The rank of passwords that are words.
const WORD_RANK: u8 = 18;

pub(crate) fn find(text: &Text<'_>) -> Option<Hit> {
    let first = text.get(0)?;
    if first.is_ascii_whitespace() || matches!(first, b'"' | b'\'' | b'`' | b'=' | b':' | b'>') {
        return None;
    }
    if !promises(text.context()) {
        return None;
    }
    let (named, quote) = name_before(text.context())?;
    let value = value(text, quote)?;
    if let Some(kind) = service(text.context(), value) {
        return Some(Hit::new(&CARD, kind, value.len(), 40));
    }
    if named == Named::Other {
        return None;
    }
    if quote.is_some()
        && matches!(named, Named::Password | Named::SpokenPassword)
        && is_word_password(value)
    {
        return Some(Hit::new(&CARD, "secret.assignment", value.len(), WORD_RANK));
    }
    let secret = match named {
        Named::Password => is_password(value, 2),
        Named::SpokenPassword => is_password(value, if quote.is_some() { 2 } else { 3 }),
        // Secrets of frameworks have signs in them, and then need quotes.
        Named::Key => {
            is_key(value) || (quote.is_some() && value.len() >= 16 && is_password(value, 2))
        }
        Named::Credentials => {
            value.len() >= 12 && (is_key(value) || is_encoded(value) || is_long_key(value))
        }
        Named::Other => false,
    };
    secret.then(|| Hit::new(&CARD, "secret.assignment", value.len(), 30))
}

/// Whether the text before a value says that it is a secret: [`name_before`], most often without reading
/// more than the last two letters.
pub(crate) fn promises(context: &[u8]) -> bool {
    let may = match unquoted(context).trim_ascii_end() {
        [.., b'=' | b':' | b'>' | b'-' | b'_' | b','] | [.., b' ', b'i', b's'] => true,
        [.., b'-' | b'_' | b'.', last] => last.is_ascii_alphanumeric(),
        [.., before, last] => {
            let last = [before.to_ascii_lowercase(), last.to_ascii_lowercase()];
            ENDINGS.contains(&&last)
        }
        _ => false,
    };
    may && name_before(context).is_some()
}

/// How the names end, and the schemes: what else comes before a value without an operator between.
const ENDINGS: &[&[u8; 2]] = &[
    b"al", b"en", b"er", b"et", b"ey", b"ha", b"ic", b"ls", b"na", b"on", b"rd", b"rt", b"se",
    b"wd",
];

/// `text` without the quote it ends with, which may be escaped.
fn unquoted(text: &[u8]) -> &[u8] {
    match text.split_last() {
        Some((b'"' | b'\'' | b'`', before)) => before.strip_suffix(b"\\").unwrap_or(before),
        _ => text,
    }
}

/// What the text before the value says it is, and the quote that opens the value.
fn name_before(context: &[u8]) -> Option<(Named, Option<u8>)> {
    let mut rest = context;
    let mut quote = None;
    if let Some((last, before)) = rest.split_last()
        && matches!(last, b'"' | b'\'' | b'`')
    {
        quote = Some(*last);
        rest = before.strip_suffix(b"\\").unwrap_or(before);
    }
    rest = rest.trim_ascii_end();
    if quote.is_some() && is_credentials_call(rest) {
        return Some((Named::Password, quote));
    }
    let (rest, spoken) = operator_stripped(rest)?;
    if is_scheme(rest) {
        return Some((Named::Credentials, quote));
    }
    let rest = rest.trim_ascii_end();
    // `"name"]`, `"name")`, `name:` before `=` in other languages' types are left out on purpose.
    let named = match name(unquoted(rest))? {
        Named::Password if spoken => Named::SpokenPassword,
        named => named,
    };
    Some((named, quote))
}

/// `rest` without the `=`, `:`, `=>`, `:=`, `==` or ` is ` it ends with, and whether that was a word.
fn operator_stripped(rest: &[u8]) -> Option<(&[u8], bool)> {
    if matches!(rest.last(), Some(b'=' | b':' | b'>')) {
        let operators = [&b" is:"[..], b"=>", b":=", b"===", b"==", b"!=", b"=", b":"];
        let (operator, before) = operators
            .iter()
            .find_map(|operator| Some((operator, rest.strip_suffix(*operator)?)))?;
        return Some((before, operator.len() == 4));
    }
    if let Some(before) = rest.strip_suffix(b" is") {
        return Some((before, true));
    }
    // `--password value`, and the schemes of `Authorization` headers.
    (is_flag(rest) || is_scheme(rest)).then_some((rest, false))
}

/// Whether `rest` ends with `Credential("user",`, as such calls are named in many libraries.
fn is_credentials_call(rest: &[u8]) -> bool {
    let Some(arguments) = rest.strip_suffix(b"\",").or_else(|| rest.strip_suffix(b"',")) else {
        return false;
    };
    let user =
        arguments.iter().rev().take_while(|byte| !matches!(byte, b'"' | b'\'' | b'\n' | b'('));
    let from = arguments.len().saturating_sub(user.count() + 1);
    arguments.get(..from).is_some_and(|call| call.ends_with(b"Credential("))
}

/// Whether `rest` ends with a word that begins with a hyphen.
fn is_flag(rest: &[u8]) -> bool {
    let word = rest
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    word.last() == Some(&b'-')
}

/// Whether `rest` ends with a scheme such as `Bearer` (RFC 9110 §11.1), or the header's own name.
fn is_scheme(rest: &[u8]) -> bool {
    if !matches!(rest.last(), Some(b'r' | b'R' | b'n' | b'N' | b'c' | b'C' | b'y' | b'Y')) {
        return false;
    }
    let ends = |word: &[u8]| {
        rest.len()
            .checked_sub(word.len())
            .and_then(|from| rest.get(from..))
            .is_some_and(|end| end.eq_ignore_ascii_case(word))
    };
    ends(b"bearer")
        || ends(b"authorization")
        || [&b"basic"[..], b"token", b"apikey", b"api-key", b"api-token"].iter().any(|scheme| {
            ends(scheme)
                && rest
                    .len()
                    .checked_sub(scheme.len() + 1)
                    .and_then(|end| rest.get(..end))
                    .is_some_and(|before| {
                        before.trim_ascii_end().ends_with(b":")
                            && before.len() >= 14
                            && is_scheme(
                                before.trim_ascii_end().strip_suffix(b":").unwrap_or_default(),
                            )
                    })
        })
}

/// The letters and digits of the name that `rest` ends with, in lower case and without what separates its
/// words: they stand at the end of the array, from the number on.
fn letters_before(rest: &[u8]) -> Option<([u8; NAME_BYTES_MAX], usize)> {
    let mut letters = [0_u8; NAME_BYTES_MAX];
    let (mut from, mut spaces) = (NAME_BYTES_MAX, 0);
    for byte in rest.iter().rev().take(NAME_BYTES_MAX) {
        match byte {
            byte if byte.is_ascii_alphanumeric() => {
                from = from.checked_sub(1)?;
                *letters.get_mut(from)? = byte.to_ascii_lowercase();
            }
            b'_' | b'-' | b'.' => {}
            b' ' if spaces == 0 => spaces += 1,
            _ => break,
        }
        if *byte != b' ' {
            spaces = 0;
        }
    }
    Some((letters, from))
}

/// What the name that `rest` ends with stands for.
fn name(rest: &[u8]) -> Option<Named> {
    let (letters, from) = letters_before(rest)?;
    let name = letters.get(from..)?;
    // `password1`, `Unseal Key 2`.
    let digits = name.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let name = name.get(..name.len() - digits)?;
    let ends = |names: &[&str]| names.iter().any(|known| name.ends_with(known.as_bytes()));
    if ends(PUBLIC_NAMES) {
        return None;
    }
    if ends(PASSWORD_NAMES) {
        return Some(Named::Password);
    }
    if ends(KEY_NAMES) {
        return Some(Named::Key);
    }
    (name.ends_with(b"key") || named::ends_with_service(name)).then_some(Named::Other)
}

/// The value from the start to its quote or to what ends it without one.
fn value<'a>(text: &Text<'a>, quote: Option<u8>) -> Option<&'a [u8]> {
    let mut len = 0;
    loop {
        let byte = text.get(len);
        let ends = match (quote, byte) {
            (_, None | Some(b'\n' | b'\r')) => true,
            (Some(quote), Some(byte)) => byte == quote,
            (None, Some(byte)) => {
                byte.is_ascii_whitespace()
                    || matches!(
                        byte,
                        b'"' | b'\'' | b'`' | b',' | b';' | b'<' | b'>' | b'&' | b')' | b'}' | b']'
                    )
            }
        };
        if ends {
            break;
        }
        len += 1;
        if len > VALUE_BYTES_MAX {
            return None;
        }
    }
    if quote.is_some() && len > 1 && text.get(len - 1) == Some(b'\\') {
        len -= 1;
    }
    // A full stop or the like at the end belongs to the sentence.
    while quote.is_none()
        && len > 0
        && text.get(len - 1).is_some_and(|byte| matches!(byte, b'.' | b':' | b'?' | b'*' | b'\\'))
    {
        len -= 1;
    }
    (len > 0).then(|| text.slice(0, len))
}

/// Whether this is one word of letters that people take for a password.
fn is_word_password(value: &[u8]) -> bool {
    let is_named = NO_PASSWORDS.iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes()));
    (5..=24).contains(&value.len())
        && value.iter().all(u8::is_ascii_lowercase)
        && !is_named
        && !is_placeholder(value)
}

/// Whether this is a long key with signs as base64 has them, where only a key can stand.
fn is_long_key(value: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.+/=~".contains(byte);
    value.iter().all(allowed) && looks_random(value)
}

/// The kind of the service's key that `value` is, if the name before it says the service.
fn service(context: &[u8], value: &[u8]) -> Option<&'static str> {
    let (rest, _) = operator_stripped(unquoted(context).trim_ascii_end())?;
    let (letters, from) = letters_before(unquoted(rest.trim_ascii_end()))?;
    named::find(letters.get(from..)?, value)
}

fn is_password(value: &[u8], classes_min: usize) -> bool {
    if !(8..=PASSWORD_BYTES_MAX).contains(&value.len())
        || is_reference(value)
        || is_placeholder(value)
    {
        return false;
    }
    let has = |class: fn(&u8) -> bool| usize::from(value.iter().any(class));
    let classes = has(u8::is_ascii_lowercase)
        + has(u8::is_ascii_uppercase)
        + has(u8::is_ascii_digit)
        + has(u8::is_ascii_punctuation);
    let signs = value.iter().filter(|byte| b"!@#%^&*$+=?;".contains(byte)).count();
    let words = value.contains(&b' ')
        || signs < 4 && value.iter().filter(|byte| matches!(byte, b'-' | b'_')).count() > 2;
    let digit_or_sign = value.iter().any(|byte| {
        byte.is_ascii_digit()
            || matches!(byte, b'!' | b'@' | b'#' | b'%' | b'^' | b'&' | b'*' | b'$')
    });
    classes >= classes_min && digit_or_sign && !words && entropy_millibits(value) >= 2_200
}

/// Whether this is base64 of a user and a password (RFC 7617 §2).
fn is_encoded(value: &[u8]) -> bool {
    let decoded = crate::decode::base64_bytes(value);
    decoded.contains(&b':') && decoded.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ')
}

fn is_key(value: &[u8]) -> bool {
    if value.len() < 16 {
        return false;
    }
    let allowed = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'-' | b'_' | b'.' | b'+' | b'/' | b'=' | b'~' | b'%' | b'|' | b'!' | b'@' | b'#'
            )
    };
    if !value.iter().all(allowed) || is_reference(value) || !looks_random(value) {
        return false;
    }
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let separators = value.iter().filter(|byte| matches!(byte, b'-' | b'_' | b'.' | b'/')).count();
    let uuid = value.len() == 36 && separators == 4;
    digits >= 2 && entropy_millibits(value) >= 2_800 && (uuid || separators * 6 <= value.len())
}

/// Whether the value names where the secret is, instead of being it.
fn is_reference(value: &[u8]) -> bool {
    let starts = [
        &b"$"[..],
        b"{",
        b"<",
        b"%",
        b"env.",
        b"os.",
        b"process.",
        b"config",
        b"self.",
        b"this.",
        b"vault:",
        b"http://",
        b"https://",
        b"/",
        b"./",
        b"[",
        b"arn:",
        b"#",
        b"!vault",
        b"ENC[",
    ];
    let contains = [
        &b"()"[..],
        b"(\"",
        b"('",
        b"${",
        b"{{",
        b"getenv",
        b"->",
        b"::",
        b"[\"",
        b"['",
        b".get",
        b"=>",
    ];
    starts.iter().any(|start| value.starts_with(start))
        || contains.iter().any(|part| value.windows(part.len()).any(|at| at == *part))
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::check;
    use super::{ENDINGS, KEY_NAMES, PASSWORD_NAMES, VALUE_BYTES_MAX};

    #[test]
    fn the_endings_are_those_of_the_names() {
        let schemes = ["bearer", "authorization", "basic", "token", "apikey"];
        let mut endings: Vec<&[u8]> = (PASSWORD_NAMES.iter().chain(KEY_NAMES).copied())
            .chain(schemes)
            .filter_map(|name| name.as_bytes().last_chunk::<2>())
            .map(<[u8; 2]>::as_slice)
            .collect();
        endings.sort_unstable();
        endings.dedup();
        assert_eq!(endings, ENDINGS.iter().map(|ending| ending.as_slice()).collect::<Vec<_>>());
    }

    #[test]
    fn secrets_beside_their_names_are_found() {
        for (text, expect) in [
            ("api_key = \"q8Zt3vK9xB2mN7cL4pRw\"", "q8Zt3vK9xB2mN7cL4pRw"),
            ("{\"apiKey\":\"q8Zt3vK9xB2mN7cL4pRw\"}", "q8Zt3vK9xB2mN7cL4pRw"),
            ("CLIENT_SECRET=9c1f7ab24d0e83b5f6a2", "9c1f7ab24d0e83b5f6a2"),
            ("export DB_PASSWORD='Tr0ub4dor&3'", "Tr0ub4dor&3"),
            ("password: hunter2hunter", "hunter2hunter"),
            ("my API key is q8Zt3vK9xB2mN7cL4pRw.", "q8Zt3vK9xB2mN7cL4pRw"),
            ("$password = \\\"goodspec\\\";", "goodspec"),
            (
                "new NetworkCredential(\"ada@example.com\", \"vzihlaquknriqlht\")",
                "vzihlaquknriqlht",
            ),
            (
                "Unseal Key 2: 0tZn+7QQCxphpHwTm7/dC3LpP5JGIbYl3PK8Sy81R+P2",
                "0tZn+7QQCxphpHwTm7/dC3LpP5JGIbYl3PK8Sy81R+P2",
            ),
            ("-Password VMware1!", "VMware1!"),
            (":password => '4ian1234',", "4ian1234"),
            ("My password is S3cret!pass.", "S3cret!pass"),
            ("Authorization: Bearer mF9B5f4x1JqMz77Kd0aQ", "mF9B5f4x1JqMz77Kd0aQ"),
            (
                "-H 'Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=='",
                "QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            ),
            (
                "authorization: Token 22cb987851bc5659229114c62e60c79a",
                "22cb987851bc5659229114c62e60c79a",
            ),
            (
                "Authorization: 5eb4223e-5008-46e5-be67-c7b8f2732305",
                "5eb4223e-5008-46e5-be67-c7b8f2732305",
            ),
            ("connect --user root --password VMware1xy", "VMware1xy"),
            ("SECRET_KEY = 'k(2v!x9z#q$w8e7r&t6y'", "k(2v!x9z#q$w8e7r&t6y"),
            (
                "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzz9Qkey",
                "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzz9Qkey",
            ),
            (
                "AccountKey=lJzRc1YdHaAA2KCNJJ1tkYwF/+mKK6Ygw0NGe170Xu592euJv2wYUtBlV8z==;",
                "lJzRc1YdHaAA2KCNJJ1tkYwF/+mKK6Ygw0NGe170Xu592euJv2wYUtBlV8z==",
            ),
        ] {
            check("secret.assignment", text, &[expect]);
        }
    }

    #[test]
    fn words_references_and_placeholders_are_not() {
        for text in [
            "password = getpass.getpass(prompt1)",
            "password: \"changeme\"",
            "\"password\": \"string\"",
            "Ldap password               ----   H7IKC85R#@4$",
            "PASSWORD=$DB_PASSWORD1",
            "token: ${GITHUB_TOKEN_1}",
            "password = request.form[\"password1\"]",
            "the password is required",
            "password is incorrect1 so",
            "api_key = \"YOUR_API_KEY_HERE_123\"",
            "secret = \"xxxxxxxxxxxxxxxxxxxx\"",
            "max_tokens: 4096",
            "tokenizer = \"bert-base-uncased-v2-2024\"",
            "public_key = \"q8Zt3vK9xB2mN7cL4pRw\"",
            "monkey = \"q8Zt3vK9xB2mN7cL4pRw\"",
            "the token in the example is explained below in section 12",
            "\"integrity\": \"sha512-q8Zt3vK9xB2mN7cL4pRw\"",
            "password = \"123\"",
            "Authorization: Basic realm, then more",
            "basic knowledge1234567890 of it",
            "-- password hunter2hunter",
            "secret: /run/secrets/db_password_1",
        ] {
            check("secret.assignment", text, &[]);
        }
        let long = "q8Zt3vK9xB2mN7cL".repeat(VALUE_BYTES_MAX / 16 + 1);
        check("secret.assignment", &format!("api_key={long}"), &[]);
    }
}
