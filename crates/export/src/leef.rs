//! Log Event Extended Format 2.0, one line for each event, with tabs between its attributes.
//!
//! Source: IBM's guide to LEEF, version 2. The header says which character stands between attributes (`x09`, the tab). A
//! reader splits at that character and then at the first `=`, so `=` needs no escape in a value; the format has none for
//! tabs and line breaks, which are written as in C, and so is `\`.
//!
//! INVARIANT: a reader that unescapes gets back every value as [`crate::plain`] left it; a test's reader does.

use events::EventBody;

use crate::fact::Facts;
use crate::field::{Field, Row};
use crate::plain::{escaped, plain, push_within, text};
use crate::severity::Severity;
use crate::walk::class;

/// The line, without its break.
pub(crate) fn line(body: &EventBody, facts: &Facts<'_>, version: &str) -> String {
    let mut line = format!("LEEF:2.0|Bartizan|Bartizan|{}|{}|x09|", header(version), class(body));
    let mut separator = "";
    for (field, value) in facts.iter() {
        let Some(key) = Row::attribute(field.row().leef) else { continue };
        let value = match field {
            Field::Severity => Some(Severity::of(body).words().ten.to_string()),
            _ => text(value),
        };
        let Some(value) = value else { continue };
        if push_within(&mut line, &[separator, key, "=", &attribute(&value)].concat()) {
            separator = "\t";
        }
    }
    line
}

/// A text in the header, which has no escape for its own bars.
fn header(text: &str) -> String {
    escaped(&plain(text), |letter| match letter {
        '|' | '\n' | '\r' | '\t' => Some(" "),
        _ => None,
    })
}

/// The value of an attribute.
pub(crate) fn attribute(value: &str) -> String {
    escaped(value, |letter| match letter {
        '\\' => Some(r"\\"),
        '\t' => Some(r"\t"),
        '\n' => Some(r"\n"),
        '\r' => Some(r"\r"),
        _ => None,
    })
}
