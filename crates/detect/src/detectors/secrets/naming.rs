//! What the text before a value says that it is: the name of a password, a key or a token, and what joins it to the value.
//!
//! Names are compared without separators and case; short ones (`pass`, `pw`, `key`) only as words of their own. What
//! joins is an operator (`=`, `:`, `=>`, `|`), a verb (`is`, `est`, `lautet`), a call (`setPassword("`), an
//! attribute (`key="DbPassword" value="`) or a command (`requirepass`, `IDENTIFIED BY '`).
//!
//! INVARIANT: only the [`crate::text::CONTEXT_BYTES_MAX`] bytes before the value are read, each a fixed number of times.
//! INVARIANT: what [`promises`] refuses, [`before`] refuses.
//!
//! Not here: what the value itself must look like (`assignment`), and keys of services by their name (`named`).

use super::named;
use super::vocabulary::{
    CREDENTIAL_CALLS, ENDINGS, FOREIGN_PASSWORD_NAMES, KEY_NAMES, PASSWORD_NAMES, PHRASES,
    PUBLIC_NAMES, SHORT_KEY_NAMES, SHORT_PASSWORD_NAMES, SOME_KEY_NAMES, VERBS,
};

/// The longest name that is read back.
const NAME_BYTES_MAX: usize = 40;

/// Arguments of such a call that are read back.
const ARGUMENTS_MAX: usize = 3;

/// Words between the name of a password and what joins it to the value: `the password for the staging server is`.
const PROSE_BYTES_MAX: usize = 44;

/// What the name before a value promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Password,
    /// As prose says it: `the password is …`.
    SpokenPassword,
    /// As a table or an argument gives it, where names of fields and messages stand too.
    LoosePassword,
    Key,
    /// Something with `key` in its name.
    SomeKey,
    /// As `Authorization` headers carry them.
    Credentials,
    /// Base64 of a user and a password.
    Encoded,
    /// Nothing by itself; it may name a service.
    Other,
}

/// What stands before a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    pub(super) named: Named,
    /// The quote that opens the value.
    pub(super) quote: Option<u8>,
    /// Whether the value is compared and not assigned.
    pub(super) compares: bool,
    /// Whether the value is what an element of XML holds.
    pub(super) is_content: bool,
}

/// Whether the text before a value says that it is a secret: [`before`], most often without reading
/// more than the last two letters.
pub(crate) fn promises(context: &[u8]) -> bool {
    let may = match unquoted(context).trim_ascii_end() {
        [.., b'=' | b':' | b'>' | b'-' | b'_' | b',' | b'(' | b'|'] => true,
        [.., b'-' | b'_' | b'.', last] => last.is_ascii_alphanumeric(),
        [.., before, last] => {
            let last = [before.to_ascii_lowercase(), last.to_ascii_lowercase()];
            ENDINGS.contains(&&last)
        }
        _ => false,
    };
    may && before(context).is_some()
}

/// A bit for every two last bytes of some words, by the last bits of both; hardly another word has one.
struct Endings([u64; 64]);

impl Endings {
    const fn of<const LISTS: usize>(lists: [&[&str]; LISTS]) -> Self {
        let (mut bits, mut list) = ([0; 64], 0);
        while list < LISTS {
            let mut at = 0;
            while at < lists[list].len() {
                if let Some([before, last]) = lists[list][at].as_bytes().last_chunk() {
                    bits[*before as usize % 64] |= 1 << (*last % 64);
                }
                at += 1;
            }
            list += 1;
        }
        Self(bits)
    }

    fn may_have(&self, [before, last]: [u8; 2]) -> bool {
        self.0[usize::from(before % 64)] >> (last % 64) & 1 == 1
    }
}

/// How the names end that [`name`] knows in ASCII, but for those of services.
static NAME_ENDINGS: Endings = Endings::of([
    PASSWORD_NAMES,
    SHORT_PASSWORD_NAMES,
    KEY_NAMES,
    SHORT_KEY_NAMES,
    SOME_KEY_NAMES,
    &["session", "sid", "auth", "key"],
]);

/// Whether the name that `rest` ends with may be one that [`name`] knows: by its last two letters, without reading more.
fn may_be_name(rest: &[u8]) -> bool {
    if rest.last().is_some_and(|last| !last.is_ascii()) {
        return true;
    }
    let (mut last, mut spaces) = (None, 0);
    for byte in rest.iter().rev().take(NAME_BYTES_MAX) {
        match byte {
            // Digits at the end do not count.
            b'0'..=b'9' if last.is_none() => spaces = 0,
            byte if byte.is_ascii_alphanumeric() => {
                let letter = byte.to_ascii_lowercase();
                let Some(last) = last else {
                    (last, spaces) = (Some(letter), 0);
                    continue;
                };
                return NAME_ENDINGS.may_have([letter, last]) || named::may_end([letter, last]);
            }
            b'_' | b'-' | b'.' => spaces = 0,
            b' ' if spaces == 0 => spaces += 1,
            _ => break,
        }
    }
    false
}

/// `text` without the quote it ends with, which may be escaped.
pub(super) fn unquoted(text: &[u8]) -> &[u8] {
    match text.split_last() {
        Some((b'"' | b'\'' | b'`', before)) => before.strip_suffix(b"\\").unwrap_or(before),
        _ => text,
    }
}

/// What the text before the value says it is, and the quote that opens the value.
pub(super) fn before(context: &[u8]) -> Option<Before> {
    let mut quote = None;
    let mut rest = context;
    if let Some((last @ (b'"' | b'\'' | b'`'), _)) = rest.split_last() {
        quote = Some(*last);
        rest = unquoted(rest);
    }
    let spaced = rest.last().copied().filter(u8::is_ascii_whitespace);
    let rest = rest.trim_ascii_end();
    let found = |named| Some(Before { named, quote, compares: false, is_content: false });
    if quote.is_some()
        && let Some(named) = argument(rest)
    {
        return found(named);
    }
    if spaced.is_some() && is_phrase(rest) {
        return found(Named::Password);
    }
    let (rest, joined) = joint_stripped(rest, quote, spaced)?;
    if joined != Joint::Attribute && is_scheme(rest) {
        return found(Named::Credentials);
    }
    let rest = rest.trim_ascii_end();
    let compares = joined == Joint::Comparison;
    let named = match (name(unquoted(rest.strip_suffix(b"]").unwrap_or(rest))), joined) {
        (Some(Named::Password), Joint::Operator | Joint::Comparison | Joint::Tag) => {
            Named::Password
        }
        (Some(Named::Password), Joint::Verb) => Named::SpokenPassword,
        (Some(Named::Password), _) => Named::LoosePassword,
        // A number after a verb or a bar says nothing.
        (
            Some(named),
            Joint::Operator | Joint::Comparison | Joint::Attribute | Joint::Tag | Joint::Bar,
        ) => named,
        (Some(Named::Key), Joint::Verb) => Named::Key,
        (None | Some(Named::Other), Joint::Verb | Joint::Operator) if tells_password(rest) => {
            Named::SpokenPassword
        }
        _ => return None,
    };
    Some(Before { named, quote, compares, is_content: joined == Joint::Tag })
}

/// What joins a name and a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joint {
    Operator,
    Comparison,
    Verb,
    /// A bar in a table, a tabulator, a space.
    Bar,
    /// `<password>`
    Tag,
    /// `name="…" value="`, or the name of an entry in the line before it.
    Attribute,
}

/// `rest` without what joins the name that it ends with to the value.
fn joint_stripped(rest: &[u8], quote: Option<u8>, spaced: Option<u8>) -> Option<(&[u8], Joint)> {
    match rest.last()? {
        b'=' | b':' | b'>' => {
            let (rest, joined) = operator_stripped(rest)?;
            if let Some(entry) = ends_with(rest.trim_ascii_end(), b"value")
                && entry.last().is_some_and(|byte| !byte.is_ascii_alphanumeric())
            {
                let entry = unquoted(entry).trim_ascii_end();
                let entry = entry.strip_suffix(b",").unwrap_or(entry);
                return Some((unquoted(entry), Joint::Attribute));
            }
            Some((rest, joined))
        }
        b'|' => Some((rest.strip_suffix(b"|")?, Joint::Bar))
            .filter(|(rest, _)| rest.last() == Some(&b' ')),
        _ => {
            if let Some((before, joined)) = operator_stripped(rest) {
                return Some((before, joined));
            }
            let word = spaced == Some(b'\t')
                || quote == Some(b'\'') && spaced.is_some()
                || follows_user(rest);
            word.then_some((rest, Joint::Bar))
        }
    }
}

/// `rest` without the `=`, `:`, `=>`, `:=`, `==` or verb it ends with, and what that was. Flags (`--password value`) and
/// the schemes of `Authorization` headers need none.
fn operator_stripped(rest: &[u8]) -> Option<(&[u8], Joint)> {
    if matches!(rest.last(), Some(b'=' | b':' | b'>')) {
        let operators: [(&[u8], Joint); 8] = [
            (b" is:", Joint::Verb),
            (b"=>", Joint::Operator),
            (b":=", Joint::Operator),
            (b"===", Joint::Comparison),
            (b"==", Joint::Comparison),
            (b"!=", Joint::Comparison),
            (b"=", Joint::Operator),
            (b":", Joint::Operator),
        ];
        return operators
            .iter()
            .find_map(|(operator, joined)| Some((rest.strip_suffix(*operator)?, *joined)))
            .or_else(|| tag_stripped(rest));
    }
    if let Some(before) = VERBS.iter().find_map(|verb| rest.strip_suffix(verb.as_bytes())) {
        return Some((before, Joint::Verb));
    }
    (is_flag(rest) || is_scheme(rest)).then_some((rest, Joint::Operator))
}

/// `rest` without the `>` it ends with, if that closes a tag without attributes.
fn tag_stripped(rest: &[u8]) -> Option<(&[u8], Joint)> {
    let tag = rest.strip_suffix(b">")?;
    let name = tag
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(byte))
        .count();
    let opens = tag.get(..tag.len() - name).is_some_and(|before| before.ends_with(b"<"));
    opens.then_some((tag, Joint::Tag))
}

/// The name that `context` ends with, without separators and case, and without what joins it to the value.
pub(super) fn letters(context: &[u8]) -> Option<([u8; NAME_BYTES_MAX], usize)> {
    let (rest, _) = operator_stripped(unquoted(context).trim_ascii_end())?;
    letters_before(unquoted(rest.trim_ascii_end()))
}

/// What a call promises of an argument in quotes: `setPassword("`, `put("password", "`, `Credential("user", "`.
fn argument(rest: &[u8]) -> Option<Named> {
    if let Some(call) = rest.strip_suffix(b"(") {
        return match name(call)? {
            Named::Password => Some(Named::LoosePassword),
            Named::Key => Some(Named::Key),
            _ => None,
        };
    }
    let before = rest.strip_suffix(b",")?;
    if !matches!(before.last(), Some(b'"' | b'\'')) {
        return None;
    }
    if is_credentials_call(before) {
        return Some(Named::Password);
    }
    match name(unquoted(before))? {
        Named::Password => Some(Named::LoosePassword),
        Named::Key => Some(Named::Key),
        _ => None,
    }
}

/// Whether `rest` ends with `Credential("user"`, as such calls are named in many libraries.
fn is_credentials_call(mut rest: &[u8]) -> bool {
    for _ in 0..ARGUMENTS_MAX {
        let Some(quote) = rest.last().copied().filter(|byte| matches!(byte, b'"' | b'\'')) else {
            return false;
        };
        let text = unquoted(rest);
        let Some(opens) = text.iter().rposition(|byte| *byte == quote) else { return false };
        let before = text.get(..opens).unwrap_or_default().trim_ascii_end();
        if let Some(call) = before.strip_suffix(b"(") {
            let Some((letters, from)) = letters_before(call) else { return false };
            let call = letters.get(from..).unwrap_or_default();
            return CREDENTIAL_CALLS.iter().any(|known| call.ends_with(known.as_bytes()));
        }
        let Some(earlier) = before.strip_suffix(b",") else { return false };
        rest = earlier.trim_ascii_end();
    }
    false
}

/// Whether `rest` ends with a command that a password follows.
fn is_phrase(rest: &[u8]) -> bool {
    if let Some(command) = rest.strip_suffix(b" -p") {
        return command.windows(6).any(|word| word == b"login ")
            || ends_with(command, b"sshpass").is_some();
    }
    PHRASES.iter().any(|phrase| ends_with(rest, phrase.as_bytes()).is_some())
}

/// `rest` without `word` (lower case), if it ends with that.
fn ends_with<'a>(rest: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    let (before, end) = rest.split_at_checked(rest.len().checked_sub(word.len())?)?;
    end.eq_ignore_ascii_case(word).then_some(before)
}

/// Whether `rest` ends with the name of a password, and says a user before it: `login ada password`.
fn follows_user(rest: &[u8]) -> bool {
    ends_with(rest, b"password").is_some_and(|before| {
        [&b"login"[..], b"user"]
            .iter()
            .any(|word| before.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word)))
    })
}

/// Whether the sentence that `rest` is the end of is about a password: `the password for the staging server`.
fn tells_password(rest: &[u8]) -> bool {
    let from = rest.len().saturating_sub(PROSE_BYTES_MAX);
    let near = rest.get(from..).unwrap_or_default();
    if !near.iter().any(|byte| matches!(byte, b'p' | b'P')) {
        return false;
    }
    let sentence = near.rsplit(|byte| {
        matches!(byte, b'.' | b'\n' | b'!' | b'?' | b'"' | b'=' | b'{' | b'(' | b'<')
    });
    let Some(sentence) = sentence.into_iter().next() else { return false };
    let words = [&b"password "[..], b"passwort ", b"passphrase "];
    let begins = sentence.iter().enumerate().filter(|(_, byte)| matches!(byte, b'p' | b'P'));
    begins.filter_map(|(at, _)| sentence.get(at..)).any(|rest| {
        words.iter().any(|word| {
            rest.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
                && rest.get(word.len()..word.len() + 3).is_some_and(|next| {
                    [&b"for"[..], b"of ", b"to ", b"on ", b"fur"].contains(&next)
                })
        })
    })
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
    if ends_with(rest, b"bearer").is_some() || ends_with(rest, b"authorization").is_some() {
        return true;
    }
    [&b"basic"[..], b"token", b"apikey", b"api-key", b"api-token"].iter().any(|scheme| {
        ends_with(rest, scheme)
            .and_then(|before| before.strip_suffix(b" "))
            .is_some_and(|before| before.trim_ascii_end().strip_suffix(b":").is_some_and(is_scheme))
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
    if !may_be_name(rest) {
        return None;
    }
    let (letters, from) = letters_before(rest)?;
    let name = letters.get(from..)?;
    // `password1`, `Unseal Key 2`.
    let digits = name.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let name = name.get(..name.len() - digits)?;
    let ends = |names: &[&str]| names.iter().any(|known| name.ends_with(known.as_bytes()));
    let is_word = |names: &[&str]| names.iter().any(|known| ends_with_word(rest, digits, known));
    if ends(PUBLIC_NAMES) {
        return None;
    }
    let is_verdict = rest.ends_with(b"PASS") && name == b"pass";
    if ends(PASSWORD_NAMES)
        || is_word(SHORT_PASSWORD_NAMES) && !is_verdict
        || FOREIGN_PASSWORD_NAMES.iter().any(|known| rest.ends_with(known.as_bytes()))
    {
        return Some(Named::Password);
    }
    if ends(KEY_NAMES) || is_word(SHORT_KEY_NAMES) {
        return Some(Named::Key);
    }
    let is_cookie = rest.windows(6).any(|part| part == b"ookie:");
    if is_cookie && (name.ends_with(b"session") || name.ends_with(b"sid")) {
        return Some(Named::Key);
    }
    if is_word(&["auth"]) {
        return Some(Named::Encoded);
    }
    if is_word(SOME_KEY_NAMES) {
        return Some(Named::SomeKey);
    }
    (name.ends_with(b"key") || named::ends_with_service(name)).then_some(Named::Other)
}

/// Whether `rest`, but for `digits` at its end, ends with `word` as a word of its own: after a separator, or with a capital
/// after a small letter.
fn ends_with_word(rest: &[u8], digits: usize, word: &str) -> bool {
    let rest = rest.get(..rest.len().saturating_sub(digits)).unwrap_or_default();
    let Some(before) = ends_with(rest, word.as_bytes()) else { return false };
    let Some(last) = before.last() else { return true };
    let first = rest.get(before.len()).copied().unwrap_or_default();
    !last.is_ascii_alphanumeric() && *last < 0x80
        || last.is_ascii_lowercase() && first.is_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalise::{Normal, Normaliser};

    #[test]
    fn the_endings_are_those_of_the_names() {
        let schemes = ["bearer", "authorization", "basic", "token", "apikey"];
        let spaced = ["password", "passwort", "passphrase"];
        let names = (PASSWORD_NAMES.iter().chain(SHORT_PASSWORD_NAMES))
            .chain(KEY_NAMES)
            .chain(PHRASES)
            .chain(VERBS)
            .copied()
            .chain(schemes)
            .chain(spaced);
        for name in names {
            let Some(last) = name.as_bytes().last_chunk::<2>() else { continue };
            let flag = matches!(last, [b'-', _]);
            assert!(flag || ENDINGS.contains(&last), "{name}");
        }
    }

    #[test]
    fn no_name_is_ruled_out_by_its_last_letters() {
        let names = (PASSWORD_NAMES.iter().chain(SHORT_PASSWORD_NAMES))
            .chain(KEY_NAMES)
            .chain(SHORT_KEY_NAMES)
            .chain(SOME_KEY_NAMES);
        for name in names {
            for text in [format!("my {name}"), format!("MY_{name}_2"), format!("my-{name}1 ")] {
                assert!(may_be_name(text.as_bytes()), "{text}");
            }
        }
        assert!(FOREIGN_PASSWORD_NAMES.iter().all(|name| may_be_name(name.as_bytes())));
        assert!(!may_be_name(b"the box") && !may_be_name(b"x") && !may_be_name(b""));
    }

    #[test]
    fn names_in_other_scripts_are_as_normalised_text_has_them() {
        for name in FOREIGN_PASSWORD_NAMES {
            let (mut normaliser, mut normal) = (Normaliser::default(), Normal::default());
            normaliser.push(&format!("{name}: "), &mut normal, &mut Vec::new());
            assert_eq!(normal.text, format!("{name}: "));
        }
    }

    #[test]
    fn names_are_read_back() {
        for (text, expect) in [
            ("db_password = ", Some(Named::Password)),
            ("dbPass: ", Some(Named::Password)),
            ("bypass: ", None),
            ("--- PASS: ", None),
            ("monkey = \"", Some(Named::Other)),
            ("sort_key = ", None),
            ("deploy_key=", Some(Named::Key)),
            ("key: \"", Some(Named::SomeKey)),
            ("<add key=\"DbPassword\" value=\"", Some(Named::LoosePassword)),
            ("name: DB_PASSWORD\n  value: ", Some(Named::LoosePassword)),
            ("setPassword(\"", Some(Named::LoosePassword)),
            ("the password for the wiki is ", Some(Named::SpokenPassword)),
            ("the password field is ", None),
            ("密码: ", Some(Named::Password)),
            ("mot de passe est ", Some(Named::SpokenPassword)),
            ("Cookie: a=b; session=", Some(Named::Key)),
            ("<dbPassword>", Some(Named::Password)),
            ("x > ", None),
            ("| password | ", Some(Named::LoosePassword)),
            ("a || ", None),
            ("login ada password ", Some(Named::LoosePassword)),
            ("a password ", None),
            ("ALTER USER a IDENTIFIED BY '", Some(Named::Password)),
            ("Authorization: Bearer ", Some(Named::Credentials)),
        ] {
            assert_eq!(before(text.as_bytes()).map(|found| found.named), expect, "{text:?}");
            assert_eq!(promises(text.as_bytes()), expect.is_some(), "{text:?}");
        }
    }
}
