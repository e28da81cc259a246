//! Reading a rule's annotations into its card. The table of annotations is in `card`.
//!
//! INVARIANT: a misspelt annotation, action or finding family is an error that says what to write.

use events::Action;

use crate::card::{Coverage, RuleSet, Severity};
use crate::error::{Place, PolicyError};
use crate::{FAMILIES, RuleCard};

/// The longest `@id`, in characters.
pub const ID_CHARACTERS_MAX: usize = 64;

const KNOWN: [&str; 7] =
    ["id", "action", "applies_to", "summary", "severity", "controls", "playbook"];

/// The card of a rule, from its annotations.
pub(crate) fn card<'a>(
    annotations: impl Iterator<Item = (&'a str, &'a str)>,
    permits: bool,
    text: String,
    place: Place,
) -> Result<RuleCard, PolicyError> {
    let mut card = RuleCard {
        action: if permits { None } else { Some(Action::Block) },
        applies_to: Vec::new(),
        controls: Vec::new(),
        id: String::new(),
        line: place.line,
        playbook: None,
        set: RuleSet::Authorisation,
        severity: None,
        shadow: false,
        source: place.source.clone(),
        summary: None,
        text,
    };
    let mut annotations: Vec<(&str, &str)> = annotations.collect();
    annotations.sort_unstable();
    for (name, value) in annotations {
        read(&mut card, name, value).map_err(|Wrong { message, hint }| {
            PolicyError::Annotation { hint, message, place: place.clone() }
        })?;
    }
    check(&card, permits).map_err(|Wrong { message, hint }| PolicyError::Annotation {
        hint,
        message,
        place,
    })?;
    Ok(card)
}

/// What is wrong and what to do.
struct Wrong {
    message: String,
    hint: String,
}

fn wrong<T>(message: impl Into<String>, hint: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { message: message.into(), hint: hint.into() })
}

fn read(card: &mut RuleCard, name: &str, value: &str) -> Result<(), Wrong> {
    let items = || value.split(',').map(str::trim).filter(|item| !item.is_empty());
    if value.trim().is_empty() && KNOWN.contains(&name) {
        return wrong(
            format!("`@{name}` is empty"),
            format!("write `@{name}(\"…\")`, or leave it out"),
        );
    }
    match name {
        "id" => value.clone_into(&mut card.id),
        "action" => {
            let Some(action) = Action::ALL.into_iter().find(|action| action.as_str() == value)
            else {
                let known = Action::ALL.map(Action::as_str).join("`, `");
                return wrong(
                    format!("`{value}` is not an action"),
                    format!("write one of `{known}`"),
                );
            };
            card.action = Some(action);
            card.set = RuleSet::Consequence;
        }
        "applies_to" => {
            for item in items() {
                let Some(coverage) = Coverage::parse(item) else {
                    return wrong(
                        format!("`{item}` in `@applies_to` does not name findings"),
                        format!(
                            "write a family or kind, and if need be where and from which rank on, as in `pii.email@user>=20`; families are `{}`",
                            FAMILIES.join("`, `")
                        ),
                    );
                };
                card.applies_to.push(coverage);
            }
        }
        "summary" => card.summary = Some(value.to_owned()),
        "severity" => {
            let known = Severity::ALL.into_iter().find(|severity| severity.as_str() == value);
            if known.is_none() {
                let names = Severity::ALL.map(Severity::as_str).join("`, `");
                return wrong(
                    format!("`{value}` is not a severity"),
                    format!("write one of `{names}`"),
                );
            }
            card.severity = known;
        }
        "controls" => card.controls = items().map(str::to_owned).collect(),
        "playbook" => card.playbook = Some(value.to_owned()),
        _ => {
            return wrong(
                format!("`@{name}` is not an annotation"),
                format!("write one of `@{}`", KNOWN.join("`, `@")),
            );
        }
    }
    Ok(())
}

fn check(card: &RuleCard, permits: bool) -> Result<(), Wrong> {
    let id = &card.id;
    if id.is_empty() {
        return wrong(
            "this rule has no `@id`",
            "write `@id(\"what-it-is-about\")` before it, so that records can name it",
        );
    }
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if id.len() > ID_CHARACTERS_MAX || !id.bytes().all(fits) {
        return wrong(
            format!("`{id}` is not an id"),
            format!("use at most {ID_CHARACTERS_MAX} lower-case letters, digits and `-`"),
        );
    }
    let consequence = card.set == RuleSet::Consequence;
    let redacts = consequence && card.action == Some(Action::Redact);
    if consequence && permits {
        return wrong(
            format!("`{id}` is a `permit` with an `@action`, but a consequence only tightens"),
            "write `forbid`, or leave `@action` out to make it a rule of authorisation",
        );
    }
    if redacts && card.applies_to.is_empty() {
        return wrong(
            format!("`{id}` redacts but does not say what"),
            "add `@applies_to(\"pii\")` or whichever findings it is to replace",
        );
    }
    if !redacts && !card.applies_to.is_empty() {
        return wrong(
            format!("`{id}` has `@applies_to` but does not redact"),
            "leave `@applies_to` out, or write `@action(\"redact\")`",
        );
    }
    Ok(())
}
