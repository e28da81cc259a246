//! What a detector says about itself, for the documentation and for coverage.
//!
//! INVARIANT: a kind that a detector can report stands on its card, and its file's header is its page.

use std::fmt::Write as _;

use crate::Engine;
use crate::custom;
use crate::detectors::{identifiers, secrets};

/// How a detector behaves in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It holds back at most this many bytes of normalised text until it knows.
    Held(usize),
    /// It knows only when the whole text is there, so it acts at the end and says so.
    Late,
}

/// One detector, as documented.
#[derive(Clone, Copy, Debug)]
pub struct DetectorCard {
    /// The name in findings and settings: `email`.
    pub name: &'static str,
    /// The kinds it reports: `pii.email`; `secret.*` stands for a table of them.
    pub kinds: &'static [&'static str],
    /// How it behaves in a stream.
    pub reach: Reach,
    /// One line for a list.
    pub summary: &'static str,
}

/// The source of every detector, whose header is its page. In the order of [`Engine::detectors`].
const PAGES: [&str; 44] = [
    include_str!("detectors/email.rs"),
    include_str!("detectors/phone.rs"),
    include_str!("detectors/card_number.rs"),
    include_str!("detectors/iban.rs"),
    include_str!("detectors/us_ssn.rs"),
    include_str!("detectors/ip_address.rs"),
    include_str!("detectors/secrets/mod.rs"),
    include_str!("detectors/secrets/private_key.rs"),
    include_str!("detectors/secrets/json_web_token.rs"),
    include_str!("detectors/secrets/assignment.rs"),
    include_str!("detectors/secrets/url_password.rs"),
    include_str!("detectors/invisible.rs"),
    include_str!("detectors/linear_score.rs"),
    include_str!("detectors/names.rs"),
    include_str!("detectors/identifiers/world.rs"),
    include_str!("detectors/identifiers/european.rs"),
    include_str!("detectors/identifiers/american.rs"),
    include_str!("detectors/identifiers/asian.rs"),
    include_str!("detectors/identifiers/african_oceanian.rs"),
    include_str!("detectors/identifiers/vat.rs"),
    include_str!("detectors/identifiers/open.rs"),
    include_str!("detectors/crypto_address.rs"),
    include_str!("detectors/date.rs"),
    include_str!("detectors/age.rs"),
    include_str!("detectors/street_address.rs"),
    include_str!("detectors/coordinates.rs"),
    include_str!("detectors/canary.rs"),
    include_str!("detectors/system_prompt.rs"),
    include_str!("detectors/exfiltration.rs"),
    include_str!("detectors/suspicious_url.rs"),
    include_str!("detectors/shell_command.rs"),
    include_str!("detectors/sql_statement.rs"),
    include_str!("detectors/script_injection.rs"),
    include_str!("detectors/template_injection.rs"),
    include_str!("detectors/encoded_values.rs"),
    include_str!("detectors/regurgitation.rs"),
    include_str!("detectors/refusal.rs"),
    include_str!("detectors/repetition.rs"),
    include_str!("detectors/homograph_host.rs"),
    include_str!("detectors/suffix.rs"),
    include_str!("detectors/language.rs"),
    include_str!("detectors/acrostic.rs"),
    include_str!("detectors/schema.rs"),
    include_str!("detectors/bloat.rs"),
];

/// The text of `docs/reference/detectors.md`: every detector's header, and the families of secrets.
pub fn reference_markdown() -> String {
    let mut page = String::from(
        "# Detectors\n\nGenerated from the headers of `crates/detect/src/detectors`. \
         *Held* detectors work in streams and hold back at most so many bytes; *late* ones know at the end.\n\n\
         | detector | kinds | in a stream | what it finds |\n|---|---|---|---|\n",
    );
    for card in Engine::detectors() {
        let kinds: Vec<_> = card.kinds.iter().map(|kind| format!("`{kind}`")).collect();
        let reach = match card.reach {
            Reach::Held(bytes) => format!("held, {bytes} bytes"),
            Reach::Late => "late".to_owned(),
        };
        let _ = writeln!(
            page,
            "| `{}` | {} | {reach} | {} |",
            card.name,
            kinds.join(", "),
            card.summary
        );
    }
    for (card, source) in Engine::detectors().iter().zip(PAGES) {
        add_header(&mut page, card.name, source);
    }
    page.push_str(
        "\n# Your own\n\nWhat `guards.patterns`, `guards.dictionaries` and `guards.allow` of the configuration add \
         and take back. Patterns and dictionaries are held, at most 512 bytes.\n",
    );
    for (name, source) in custom::PAGES {
        add_header(&mut page, name, source);
    }
    page.push_str("\n## Families of secrets\n\n| kind | begins with |\n|---|---|\n");
    for (kind, prefix) in secrets::kinds() {
        let _ = writeln!(page, "| `{kind}` | `{prefix}` |");
    }
    page.push_str(
        "\n## Identifiers\n\nIn a form, `d` is a digit, `a` a letter, `x` either, `h` hexadecimal, `_` nothing or a \
         separator, `~` a separator (space, hyphen or full stop). The ranks are with a name before it, and \
         without.\n\n| kind | what it is | forms | named | alone |\n|---|---|---|---|---|\n",
    );
    for (kind, about, forms, named, alone) in identifiers::rows() {
        let alone = if alone == 0 { "-".to_owned() } else { alone.to_string() };
        let _ = writeln!(page, "| `{kind}` | {about} | {forms} | {named} | {alone} |");
    }
    page
}

/// Adds the header of a source as a section.
fn add_header(page: &mut String, name: &str, source: &str) {
    let _ = write!(page, "\n## `{name}`\n\n");
    for line in source.lines().map_while(|line| line.strip_prefix("//!")) {
        page.push_str(line.strip_prefix(' ').unwrap_or(line));
        page.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_card_has_its_page() {
        assert_eq!(PAGES.len(), Engine::detectors().len());
        for (name, page) in custom::PAGES {
            for part in ["**Finds**", "**Does not find**", "**Example**"] {
                assert!(page.contains(part), "{name}: {part}");
            }
        }
        for (card, page) in Engine::detectors().iter().zip(PAGES) {
            let header: String = page.lines().take_while(|line| line.starts_with("//!")).collect();
            for part in ["**Finds**", "**Does not find**", "**Example**"] {
                assert!(header.contains(part), "{}: {part}", card.name);
            }
            for kind in card.kinds.iter().filter(|kind| !kind.contains('*')) {
                assert!(header.contains(kind), "{}: {kind}", card.name);
            }
        }
    }

    #[test]
    fn the_reference_names_every_detector_and_family() {
        let page = reference_markdown();
        for card in Engine::detectors() {
            assert!(page.contains(&format!("\n## `{}`\n", card.name)), "{}", card.name);
        }
        assert!(page.contains("| `secret.openai_key` | `sk-"));
    }
}
