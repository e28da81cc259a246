//! What policy wants masked in a request: edits that put stand-ins in the place of values, and the vault that restores them.
//!
//! INVARIANT: values that overlap are masked as one. INVARIANT: what cannot be masked is refused: values in files, and too many.
//!
//! Not here: what stands in for a value (`mask`, `stand_in`), where it is put back (`lane`).

use std::collections::HashSet;

use events::{Action, Finding, LocatedFinding, Span};
use http::StatusCode;
use policy::Judgement;
use wire::{Document, Edit, Embedded};

use crate::{
    files::Files,
    joined::{self, is_value},
    judge::{Inspected, Place},
    mask::Masker,
    refusal::Refusal,
    vault::Vault,
};

/// The edits that mask what policy wants masked, and the vault that restores it.
pub(crate) fn mask(
    (document, files): (&Document<'_>, &Files),
    inspected: &Inspected,
    judgement: &Judgement,
    masker: &Masker,
    mut vault: Vault,
) -> Result<(Vec<Edit>, Vault), Refusal> {
    let mut redacted: Vec<(usize, &Finding)> = Vec::new();
    for index in judgement.redactions() {
        let located = &inspected.findings[index];
        match inspected.places[index] {
            Place::Field(field) => redacted.push((field, &located.finding)),
            Place::File(_) => return Err(file_cannot_be_masked(located, judgement.decision())),
        }
    }
    redacted.sort_by_key(|(field, finding)| (*field, finding.span.start));
    let mut edits: Vec<Edit> = Vec::new();
    // Overlapping findings are masked as one value, named after the surest of them.
    let mut covered: Vec<(usize, Span, &Finding)> = Vec::new();
    for (field, finding) in redacted {
        match covered.last_mut() {
            Some((last, hull, surest)) if *last == field && finding.span.start < hull.end => {
                hull.end = hull.end.max(finding.span.end);
                if finding.rank > surest.rank {
                    *surest = finding;
                }
            }
            _ => covered.push((field, finding.span, finding)),
        }
    }
    for (place, located) in inspected.places.iter().zip(&inspected.findings) {
        let (text, embedded) = match *place {
            Place::Field(field) => (&*document.fields[field].text, document.fields[field].embedded),
            Place::File(file) => (&*files.texts[file].text, Embedded::Plain),
        };
        let is_whole = is_value(&located.finding.kind) && !joined::is_part(&located.finding);
        if let Some(raw) = text.get(located.finding.span.range()).filter(|_| is_whole) {
            vault.saw(&plain(raw, embedded));
        }
    }
    // What lies across fields is the caller's as a whole, and each part is as it stands in its own.
    inspected.across.iter().for_each(|(_, value)| vault.saw(value));
    let values: Vec<(usize, Span, &Finding, String)> = covered
        .into_iter()
        .filter_map(|(index, span, finding)| {
            let field = &document.fields[index];
            let value = plain(field.text.get(span.range())?, field.embedded);
            Some((index, span, finding, value))
        })
        .collect();
    let said = already_said(document, files, &values, masker);
    for (field, span, finding, value) in values {
        let is_free = |mask: &str| !said.contains(mask) && vault.is_free(mask, &value);
        // A part of a value has no format of its own.
        let mask = if joined::is_part(finding) {
            masker.label(&finding.kind, &value)
        } else {
            masker.mask(&finding.kind, &value, is_free)
        };
        let other = Masker::without_separators(&finding.kind, &mask, &value);
        if !vault.keep(mask.clone(), value) {
            return Err(too_many_values());
        }
        if let Some((mask, value)) = other.filter(|(mask, _)| !said.contains(mask)) {
            vault.keep_beside(mask, value);
        }
        edits.push(Edit::value(field, span, mask));
    }
    Ok((edits, vault))
}

/// The stand-ins of these values that the request says itself, and that would not be known for masks.
fn already_said(
    document: &Document<'_>,
    files: &Files,
    values: &[(usize, Span, &Finding, String)],
    masker: &Masker,
) -> HashSet<String> {
    let mut tried = Vault::default();
    let whole = values.iter().filter(|(_, _, finding, _)| !joined::is_part(finding));
    for (_, _, Finding { kind, .. }, value) in whole {
        let Some(stand_in) = masker.like(kind, value) else { continue };
        if let Some((plain, _)) = Masker::without_separators(kind, &stand_in, value) {
            tried.keep_beside(plain, String::new());
        }
        tried.keep_beside(stand_in, String::new());
    }
    if tried.is_empty() {
        return HashSet::new();
    }
    let fields = document.fields.iter().map(|field| &*field.text);
    let texts = fields.chain(files.texts.iter().map(|file| &*file.text));
    texts.flat_map(|text| tried.all_in(text)).map(str::to_owned).collect()
}

fn file_cannot_be_masked(located: &LocatedFinding, decision: &events::Decision) -> Refusal {
    let rules = decision
        .rules
        .iter()
        .filter(|rule| !rule.shadow && rule.exception.is_none() && rule.action == Action::Redact);
    let rules: Vec<&str> = rules.map(|rule| rule.id.as_str()).collect();
    let message = format!(
        "`{}` holds {}, which policy masks ({}), and a file cannot be masked; send its text instead of the \
         file, take the value out, or ask your platform team for an exception",
        located.path,
        located.finding.kind,
        rules.join(", ")
    );
    Refusal {
        ending: events::Ending::Refused,
        kind: "policy_violation",
        param: located.path.split('#').next().map(str::to_owned),
        ..Refusal::request(StatusCode::FORBIDDEN, "file_cannot_be_masked", message)
    }
}

pub(crate) fn too_many_values() -> Refusal {
    Refusal::request(
        StatusCode::BAD_REQUEST,
        "too_many_values",
        "there are too many values to be masked in one request; send less at a time",
    )
}

/// The value as a person would write it: inside JSON, its escapes are resolved.
fn plain(raw: &str, embedded: Embedded) -> String {
    if embedded == Embedded::Json
        && raw.contains('\\')
        && let Ok(value) = serde_json::from_str::<String>(&format!("\"{raw}\""))
    {
        return value;
    }
    raw.to_owned()
}
