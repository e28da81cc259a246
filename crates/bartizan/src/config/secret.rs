//! References to secrets: where a provider's key is, instead of the key.
//!
//! INVARIANT: a secret is in the configuration only if it is marked `literal:`, and no message repeats
//! the value of a reference that could not be understood, since it is most likely a pasted key.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::de::{Deserialize, Deserializer, Error as _};
use stdx::Secret;
use store::check_name;

/// Bytes of a file that holds a secret.
pub(crate) const SECRET_FILE_BYTES_MAX: u64 = 16 << 10;

/// Where a secret is.
#[derive(Clone, JsonSchema)]
#[schemars(with = "String", inline)]
pub(crate) enum SecretReference {
    /// In a variable of the environment.
    Env(String),
    /// In a file; white space around it is dropped.
    File(PathBuf),
    /// Here.
    Literal(Secret<String>),
    /// In the data folder, sealed: `bartizan secrets add`.
    Sealed(String),
}

/// What is said about a reference that is none.
pub(crate) const NOT_A_REFERENCE: &str = "not a reference to a secret: write `env:NAME` to read \
     an environment variable, `file:PATH` to read a file or `sealed:NAME` for what `bartizan secrets \
     add NAME` was given; a key that has to stand in the configuration itself is written \
     `literal:KEY`";

impl SecretReference {
    /// What the text refers to, if it is a reference.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once(':')?;
        match scheme {
            _ if rest.is_empty() => None,
            "env" => Some(Self::Env(rest.to_owned())),
            "file" => Some(Self::File(PathBuf::from(rest))),
            "literal" => Some(Self::Literal(Secret::new(rest.to_owned()))),
            "sealed" => Some(Self::Sealed(rest.to_owned())).filter(|_| check_name(rest).is_ok()),
            _ => None,
        }
    }

    /// For people: where it is, never what it is.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Env(name) => format!("env:{name}"),
            Self::File(path) => format!("file:{}", path.display()),
            Self::Literal(_) => String::from("literal:…"),
            Self::Sealed(name) => format!("sealed:{name}"),
        }
    }
}

impl<'de> Deserialize<'de> for SecretReference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = zeroize::Zeroizing::new(String::deserialize(deserializer)?);
        Self::parse(&text).ok_or_else(|| D::Error::custom(NOT_A_REFERENCE))
    }
}

/// The words in a key's name that announce a secret value.
const SECRET_WORDS: [&str; 5] = ["key", "secret", "token", "password", "credential"];

/// The text of a configuration file as it may be shown in a message: on a line that assigns to
/// something that sounds like a secret, what follows the `=` is starred out. Offsets stay the same.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let lower = line.to_ascii_lowercase();
        let word = SECRET_WORDS.iter().filter_map(|word| lower.find(word)).min();
        let from = word.and_then(|word| Some(word + line.get(word..)?.find('=')? + 1));
        let Some((kept, starred)) = from
            .and_then(|from| line.split_at_checked(from))
            .filter(|(_, value)| !is_reference(value))
        else {
            shown.push_str(line);
            continue;
        };
        shown.push_str(kept);
        for character in starred.chars() {
            if character.is_ascii_whitespace() || character == '"' {
                shown.push(character);
            } else {
                shown.extend(std::iter::repeat_n('*', character.len_utf8()));
            }
        }
    }
    shown
}

/// Whether a value only says where a secret is.
fn is_reference(value: &str) -> bool {
    let value = value.trim_start().trim_start_matches(['"', '\'']);
    ["env:", "file:", "sealed:"].iter().any(|scheme| value.starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_and_described_without_their_secret() {
        for (text, expected) in [
            ("env:OPENAI_API_KEY", Some("env:OPENAI_API_KEY")),
            ("file:/run/secrets/openai", Some("file:/run/secrets/openai")),
            ("literal:sk-live", Some("literal:…")),
            ("sealed:openai", Some("sealed:openai")),
            ("sealed:sk-Live", None),
            ("sk-live", None),
            ("sk:live", None),
            ("env:", None),
            ("", None),
        ] {
            let described = SecretReference::parse(text).map(|reference| reference.describe());
            assert_eq!(described.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn lines_with_secrets_are_starred_out_in_place() {
        for (line, expected) in [
            ("listen = \"x\"\n", "listen = \"x\"\n"),
            ("api_key = \"sk-é\" # mine\n", "api_key = \"*****\" * ****\n"),
            ("a = [{apikey=\"s\", b=1}]", "a = [{apikey=\"*\"* *****"),
            ("# the key", "# the key"),
            ("api_key = \"env:NAME\"", "api_key = \"env:NAME\""),
        ] {
            assert_eq!(shown(line), expected);
            assert_eq!(shown(line).len(), line.len());
        }
    }
}
