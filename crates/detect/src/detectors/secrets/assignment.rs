//! Passwords, keys and tokens that are known only by the name before them.
//!
//! **Finds** (`secret.assignment`): the value in `password = "…"`, `"api_key": "…"`, `CLIENT_SECRET=…`,
//! `<password>…</password>`, `key="DbPassword" value="…"`, `setApiKey("…")`, `IDENTIFIED BY '…'`, `the password is …` (in ten
//! languages), `Cookie: session=…`, `Authorization: Bearer …`, when the name says secret and the value looks
//! like one: for keys and tokens 16 characters or more that look drawn at random (10 if letters and digits take
//! turns); for passwords 6 or more with letters and digits, or letters and signs. Hashes of passwords as crypt(5) writes them
//! (`$2y$10$…`) count too. A password of plain letters in quotes
//! (`password = "goodspec"`) is found at rank 18, which the default policy does not mask.
//! If the name says a service whose keys have a known shape, the kind is that service's:
//! `MISTRAL_API_KEY=…` is `secret.mistral_key`.
//!
//! **Does not find** other values that are plain words, references (`$NAME`, `env.NAME`, `config["x"]`,
//! `get_password()`), paths (`var.db.password`), templates, placeholders, what counts up (`abcdef1234`), hashes
//! of known length after `sha`, passwords glued to an option (`mysql -psecret`), and values longer than 400 characters. Entropy alone is never a reason.
//!
//! **Example**: `api_key = "q8Zt3vK9xB2mN7cL4pRw"` is found at the value.

use super::super::Hit;
pub(crate) use super::naming::promises;
use super::naming::{self, Before, Named};
use super::randomness::{
    alternates, counts_up, entropy_millibits, is_placeholder, is_stand_in, looks_random,
};
use super::{Alphabet, named};
use crate::text::Text;
use crate::{DetectorCard, Reach};

/// The longest value that is read.
const VALUE_BYTES_MAX: usize = 400;
/// The longest password.
const PASSWORD_BYTES_MAX: usize = 96;
/// The fewest characters of a password, of one that prose tells, and of a key.
const PASSWORD_BYTES_MIN: usize = 6;
const KEY_BYTES_MIN: usize = 16;
/// The same for keys whose every other character is of another kind than the one before it.
const SHORT_KEY_BYTES_MIN: usize = 10;
/// Digits that a word may have at its end and still be one: `step 12`.
const NUMBER_DIGITS_MAX: usize = 2;
/// The fewest of what only has `key` in its name.
const SOME_KEY_BYTES_MIN: usize = 20;

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "secret_assignment",
    kinds: &["secret.assignment"],
    reach: Reach::Held(VALUE_BYTES_MAX + 2),
    summary: "Secrets known by the name before them, if the value looks like one.",
};

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

/// Whether a value can follow this byte, which is the one just before it: the cheap first question.
pub(crate) const fn may_follow(before: Option<u8>) -> bool {
    matches!(before, Some(b' ' | b'=' | b':' | b'"' | b'\'' | b'`' | b'>' | b'\t' | b'\n'))
}

/// The rank of passwords that are words.
const WORD_RANK: u8 = 18;

pub(crate) fn find(text: &Text<'_>) -> Option<Hit> {
    let first = text.get(0)?;
    if first.is_ascii_whitespace() || matches!(first, b'"' | b'\'' | b'`' | b'=' | b':' | b'>') {
        return None;
    }
    if !promises(text.context()) {
        return (first == b'$').then(|| password_hash(text)).flatten();
    }
    let Before { named, quote, compares, is_content } = naming::before(text.context())?;
    let value = value(text, quote)?;
    if is_content && text.get(value.len()) != Some(b'<') {
        return None;
    }
    if let Some(kind) = service(text.context(), value) {
        return Some(Hit::new(&CARD, kind, value.len(), 40));
    }
    if compares && quote.is_none() || names_secret(value) {
        return None;
    }
    let is_password_named = matches!(named, Named::Password | Named::SpokenPassword);
    if quote.is_some() && is_password_named && is_word_password(value) {
        return Some(Hit::new(&CARD, "secret.assignment", value.len(), WORD_RANK));
    }
    if is_password_hash(value) {
        return Some(Hit::new(&CARD, "secret.assignment", value.len(), 30));
    }
    let secret = match named {
        Named::Password => is_password(value, 2),
        Named::SpokenPassword | Named::LoosePassword => {
            is_password(value, 3) || is_password(value, 2) && (quote.is_some() || is_mixed(value))
        }
        // Secrets of frameworks have signs in them, and then need quotes.
        Named::Key => {
            is_key(value) || is_short_key(value) || quote.is_some() && is_framework_secret(value)
        }
        Named::SomeKey => is_unnamed_key(value),
        Named::Credentials => {
            value.len() >= 12 && (is_key(value) || is_encoded(value) || is_long_key(value))
        }
        Named::Encoded => value.len() >= 12 && is_encoded(value),
        Named::Other => false,
    };
    secret.then(|| Hit::new(&CARD, "secret.assignment", value.len(), 30))
}

/// A hash of a password between colons, as `/etc/shadow` and `.htpasswd` have them.
fn password_hash(text: &Text<'_>) -> Option<Hit> {
    if text.back(0) != Some(b':') {
        return None;
    }
    let value = value(text, None)?;
    let value = value.split(|byte| *byte == b':').next()?;
    is_password_hash(value).then(|| Hit::new(&CARD, "secret.assignment", value.len(), 30))
}

/// Whether this is a hash as crypt(5) writes them: `$2y$10$…`, `$6$salt$…`, `$argon2id$v=19$…`.
fn is_password_hash(value: &[u8]) -> bool {
    const SCHEMES: &[&[u8]] = &[
        b"$1$",
        b"$2a$",
        b"$2b$",
        b"$2y$",
        b"$5$",
        b"$6$",
        b"$y$",
        b"$7$",
        b"$apr1$",
        b"$argon2",
        b"$scrypt$",
        b"$pbkdf2",
    ];
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"$./=,+-".contains(byte);
    value.len() >= 30
        && SCHEMES.iter().any(|scheme| value.starts_with(scheme))
        && value.iter().all(allowed)
        && !is_placeholder(value)
}

/// Whether a value is a name of a secret and not one: `confirm_password2`, `@Password1`, `var.db_password1`.
fn names_secret(value: &[u8]) -> bool {
    const NAMES: [&[u8]; 6] = [b"password", b"passwd", b"token", b"secret", b"apikey", b"api_key"];
    let sign = value.iter().any(|byte| matches!(byte, b'_' | b'.' | b'@' | b':' | b'/' | b'#'));
    let plain = |byte: &u8| {
        byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'.' | b'@' | b':' | b'/' | b'#' | b'-')
    };
    let digits = value.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let name = value.get(..value.len() - digits).unwrap_or_default();
    is_path(value)
        || (sign && digits <= 2 && name.iter().all(plain))
            && NAMES
                .iter()
                .any(|known| name.windows(known.len()).any(|part| part.eq_ignore_ascii_case(known)))
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
    let (letters, from) = naming::letters(context)?;
    named::find(letters.get(from..)?, value)
}

/// Whether this is a path of names in lower case, as programs write them: `random_password.db1.result`.
fn is_path(value: &[u8]) -> bool {
    let is_name = |name: &[u8]| {
        let digits = name.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        digits <= NUMBER_DIGITS_MAX
            && name.len() > digits
            && name.iter().rev().skip(digits).all(|byte| byte.is_ascii_lowercase() || *byte == b'_')
    };
    value.contains(&b'.') && value.split(|byte| *byte == b'.').all(is_name)
}

fn is_password(value: &[u8], classes_min: usize) -> bool {
    if !(PASSWORD_BYTES_MIN..=PASSWORD_BYTES_MAX).contains(&value.len())
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

/// Whether digits or signs stand between the letters, or many after them, as they do not in words with a number.
fn is_mixed(value: &[u8]) -> bool {
    let last = value.iter().rposition(u8::is_ascii_alphabetic).unwrap_or_default();
    let inside = value.get(..last).unwrap_or_default();
    if value.len() - last > NUMBER_DIGITS_MAX + 1 {
        return true;
    }
    let inside = inside.get(inside.iter().position(u8::is_ascii_alphabetic).unwrap_or_default()..);
    inside.is_some_and(|inside| {
        inside.iter().any(|byte| byte.is_ascii_digit() || b"!@$".contains(byte))
    })
}

/// Whether this is base64 of a user and a password (RFC 7617 §2).
fn is_encoded(value: &[u8]) -> bool {
    let decoded = crate::decode::base64_bytes(value);
    decoded.contains(&b':') && decoded.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ')
}

fn is_key(value: &[u8]) -> bool {
    if value.len() < KEY_BYTES_MIN {
        return false;
    }
    let allowed = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'-' | b'_' | b'.' | b'+' | b'/' | b'=' | b'~' | b'%' | b'|' | b'!' | b'@' | b'#'
            )
    };
    if !value.iter().all(allowed)
        || is_reference(value)
        || is_stand_in(value)
        || !looks_random(value)
    {
        return false;
    }
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let separators = value.iter().filter(|byte| matches!(byte, b'-' | b'_' | b'.' | b'/')).count();
    let uuid = value.len() == 36 && separators == 4;
    (digits >= 2 || alternates(value, 3))
        && entropy_millibits(value) >= 2_800
        && (uuid || separators * 6 <= value.len())
}

/// Whether this is a long password as frameworks sign with.
fn is_framework_secret(value: &[u8]) -> bool {
    value.len() >= KEY_BYTES_MIN
        && is_password(value, 2)
        && !is_stand_in(value)
        && !counts_up(value)
}

/// Whether this is a short key: letters of both cases and digits in turn.
fn is_short_key(value: &[u8]) -> bool {
    (SHORT_KEY_BYTES_MIN..KEY_BYTES_MIN).contains(&value.len())
        && value.iter().all(u8::is_ascii_alphanumeric)
        && alternates(value, 2)
        && looks_random(value)
        && !is_stand_in(value)
}

/// Whether this is a key though its name says only that it is some key: both cases and digits, in turn, and nothing else.
fn is_unnamed_key(value: &[u8]) -> bool {
    let has = |class: fn(&u8) -> bool| value.iter().any(class);
    value.len() >= SOME_KEY_BYTES_MIN
        && value.iter().all(|byte| Alphabet::Base64.has(*byte))
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_digit)
        && alternates(value, 3)
        && is_key(value)
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
        b"![",
        b"ENC[",
        b"ENC(",
        b"var.",
        b"local.",
        b"data.",
        b"module.",
        b"secrets.",
        b"settings.",
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
    use super::VALUE_BYTES_MAX;

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
    fn secrets_are_found_however_they_are_joined_to_their_names() {
        for (text, expect) in [
            ("DB_PASS=hunter2", "hunter2"),
            ("<password>Zx81!kk</password>", "Zx81!kk"),
            ("<add key=\"DbPassword\" value=\"Summer2024!\" />", "Summer2024!"),
            ("- name: DB_PASSWORD\n  value: Summer2024!", "Summer2024!"),
            ("Server=db1;User Id=sa;Password=b1gB0ss;", "b1gB0ss"),
            ("os.environ[\"DB_PASS\"] = \"Tr0ub4dor&3\"", "Tr0ub4dor&3"),
            ("$cfg['password'] = 'M0nkey99';", "M0nkey99"),
            ("client.setApiKey(\"q8Zt3vK9xB2mN7cL4pRw\")", "q8Zt3vK9xB2mN7cL4pRw"),
            ("setenv(\"PGPASSWORD\", \"Tr0ub4dor&3\", 1)", "Tr0ub4dor&3"),
            ("new DirectoryEntry(\"LDAP://EXAMPLE.COM\", \"ada\", \"Rrhh1234\");", "Rrhh1234"),
            ("CREATE USER 'app' IDENTIFIED BY 'Tr0ub4dor&3';", "Tr0ub4dor&3"),
            ("ALTER USER app WITH PASSWORD 'P@ssw0rd'", "P@ssw0rd"),
            ("requirepass xK9#mQ2$vL", "xK9#mQ2$vL"),
            ("docker login -u ada -p 1ktnTPZcyaXX hub", "1ktnTPZcyaXX"),
            ("machine example.com login ada password M0nkey99", "M0nkey99"),
            ("The password for the staging server is Summer2024!", "Summer2024!"),
            ("Mein Passwort lautet pa55word", "pa55word"),
            ("la contrasena es Summer2024!", "Summer2024!"),
            ("密码: letmein123", "letmein123"),
            ("| password | P@ssw0rd |", "P@ssw0rd"),
            ("if user == \"a\" and password == \"team10\":", "team10"),
            ("Cookie: lang=de; session=q8Zt3vK9xB2mN7cL4pRw", "q8Zt3vK9xB2mN7cL4pRw"),
            ("\"auth\": \"YWRhOnlQRVNvekdpQ0tYNQ==\"", "YWRhOnlQRVNvekdpQ0tYNQ=="),
            ("Api-Token: Sk94HG7f6KB", "Sk94HG7f6KB"),
            ("key: \"QWlSLPusS4nNzTkiM1EsNzVDuTquvcsQ\"", "QWlSLPusS4nNzTkiM1EsNzVDuTquvcsQ"),
            ("ada:$apr1$soUxLFmG$YLYNowLsFXbmKoj8D9TNjX", "$apr1$soUxLFmG$YLYNowLsFXbmKoj8D9TNjX"),
        ] {
            check("secret.assignment", text, &[expect]);
        }
    }

    #[test]
    fn what_only_looks_like_an_assignment_is_not() {
        for text in [
            "--- PASS: TestLogin2",
            "bypass: step12",
            "if password == confirm_password2:",
            "password = var.db_password1",
            "password = random_password.db1.result",
            "password: ENC(AbCdEf0123456789==)",
            "WHERE password = @Password1",
            "get '/forgot-password' => \"cms/sites/passwords#update\"",
            "token = \"abcdef1234567890\"",
            "token: \"example-token-1234567890\"",
            "licenseKey=a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6",
            "cache_key: 3416238e1edf915eac08b8fe345b2b95cdba7e04",
            "name=\"authenticity_token\" value=\"7SWaFo1hsC6oovfBsJFLGPUl2EhkSWPb\"",
            "password || fallback12!",
            "a password letmein123 he said",
            "x > pa55word",
            "the password field is step12",
            "mongodb://<username>:<password>@cluster0.example.net",
            "key: \"8363f42b9471c34e26e280367df9374fbf04d841\"",
        ] {
            check("secret.assignment", text, &[]);
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
