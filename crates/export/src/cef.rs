//! Common Event Format, one line for each event.
//!
//! Source: ArcSight's Common Event Format, revision 25. In the header `\` and `|` are escaped and a line break cannot be
//! written; in the extension `\`, `=` and line breaks are. Keys of ours that CEF has no word for begin with `bartizan`.
//!
//! INVARIANT: a reader that unescapes gets back every value as [`crate::plain`] left it; a test's reader does.

use std::fmt::Write as _;

use events::EventBody;

use crate::fact::Facts;
use crate::field::{Field, Row};
use crate::plain::{escaped, plain, push_within, text};
use crate::severity::Severity;
use crate::walk::class;

/// The key and label of a caller's address that is an IPv6 one.
const ADDRESS_V6: &str = "c6a2";
const ADDRESS_V6_LABEL: &str = "Source IPv6 Address";

/// The line, without its break.
pub(crate) fn line(body: &EventBody, facts: &Facts<'_>, version: &str) -> String {
    let severity = Severity::of(body).words().ten;
    let mut line = format!(
        "CEF:0|Bartizan|Bartizan|{}|{}|{}|{severity}|",
        header(version),
        header(class(body)),
        header(title(body, facts)),
    );
    let mut separator = "";
    for (field, value) in facts.iter() {
        let Some(key) = Row::attribute(field.row().cef) else { continue };
        let Some(value) = text(value) else { continue };
        let value = extension(&value);
        let pair = match key.split_once(':') {
            _ if *field == Field::ClientAddress && value.contains(':') => {
                labelled(ADDRESS_V6, ADDRESS_V6_LABEL, &value)
            }
            Some((key, label)) => labelled(key, label, &value),
            None => format!("{key}={value}"),
        };
        if push_within(&mut line, &[separator, &pair].concat()) {
            separator = " ";
        }
    }
    line
}

fn labelled(key: &str, label: &str, value: &str) -> String {
    let mut pair = format!("{key}={value}");
    let _never_fails = write!(pair, " {key}Label={label}");
    pair
}

/// What the event is called in lists.
fn title<'a>(body: &EventBody, facts: &'a Facts<'_>) -> &'a str {
    match body {
        EventBody::Administration(_) => facts.text(Field::Operation).unwrap_or("administration"),
        EventBody::Anomaly(_) => facts.text(Field::Kind).unwrap_or("anomaly"),
        EventBody::InteractionClosed(_) => "AI interaction ended",
        EventBody::InteractionOpened(_) => "AI interaction judged",
        EventBody::Node(_) => "Gateway notice",
        EventBody::Campaign(_) => "Campaign",
        EventBody::UserReport(_) => "User report",
    }
}

/// A text in the header.
pub(crate) fn header(text: &str) -> String {
    escaped(&plain(text), |letter| match letter {
        '\\' => Some(r"\\"),
        '|' => Some(r"\|"),
        '\n' | '\r' => Some(" "),
        _ => None,
    })
}

/// A value in the extension.
pub(crate) fn extension(value: &str) -> String {
    escaped(value, |letter| match letter {
        '\\' => Some(r"\\"),
        '=' => Some(r"\="),
        '\n' => Some(r"\n"),
        '\r' => Some(r"\r"),
        _ => None,
    })
}
