//! `bartizan config coverage`: every route × field × guard.
//!
//! The rows are the content map of `wire`, which is what the gateway reads messages with; there is no
//! second table. Text is guarded by every detector that is switched on, whatever its field.
//!
//! INVARIANT: a row that no guard reads says so and says why; nothing is printed as covered that is
//! only refused, and nothing as refused that is only checked.

use detect::Reach;
use serde::Serialize;
use wire::{ContractRow, UnknownFields};

use super::external::ExternalCard;
use super::settings::Settings;
use crate::exit::Failure;
use crate::output::{Output, Table};

/// One field of one route, and what looks at it.
#[derive(Serialize)]
struct CoverageRow<'a> {
    dialect: &'static str,
    operation: &'static str,
    direction: &'static str,
    path: String,
    typing: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    provenance: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lane: Option<&'static str>,
    /// The guards outside that are asked about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external: Vec<&'a str>,
    /// The guards that read it.
    guards: Vec<&'static str>,
    /// Those of them that know only when the text has ended; guards outside are always late in streams.
    late: Vec<&'static str>,
    note: &'static str,
}

#[derive(Serialize)]
struct CoverageReport<'a> {
    rows: Vec<CoverageRow<'a>>,
    unknown_fields: &'static str,
}

/// Prints the coverage of what these settings would run.
pub(crate) fn print(settings: &Settings, json: bool, output: &mut Output) -> Result<(), Failure> {
    let detectors: Vec<_> = detect::Engine::detectors()
        .iter()
        .filter(|_| settings.gateway.guards)
        .filter(|card| !settings.detectors_off.iter().any(|off| off == card.name))
        .collect();
    let late = |row: &ContractRow| -> Vec<&'static str> {
        let late = detectors.iter().filter(|card| card.reach == Reach::Late);
        if row.direction == "stream" { late.map(|card| card.name).collect() } else { Vec::new() }
    };
    let rows = wire::contract().into_iter().map(|row| {
        let is_guarded = matches!(row.typing, "guarded" | "file");
        let names = detectors.iter().map(|card| card.name);
        CoverageRow {
            external: if is_guarded { external(settings, &row) } else { Vec::new() },
            guards: if is_guarded { names.collect() } else { Vec::new() },
            late: if is_guarded { late(&row) } else { Vec::new() },
            dialect: row.dialect,
            operation: row.operation,
            direction: row.direction,
            path: row.path,
            typing: row.typing,
            provenance: row.provenance,
            lane: row.lane,
            note: row.note,
        }
    });
    let unknown_fields = match settings.gateway.unknown_fields {
        UnknownFields::Scan => "scanned and forwarded",
        UnknownFields::Refuse => "refused",
    };
    let report = CoverageReport { rows: rows.collect(), unknown_fields };
    if json {
        return output.json(&report);
    }
    let mut table = Table::new(&["ROUTE", "DIRECTION", "FIELD", "GUARD", "FROM"]);
    for row in &report.rows {
        table.row([
            row.operation.to_owned(),
            row.direction.to_owned(),
            row.path.clone(),
            guard(row),
            row.provenance.or(row.lane).unwrap_or_default().to_owned(),
        ]);
    }
    output.text(&table.render())?;
    let names: Vec<&str> = detectors.iter().map(|card| card.name).collect();
    let names = if names.is_empty() { String::from("none") } else { names.join(", ") };
    output.line(&format!("\nany other field of a request: {unknown_fields}"))?;
    output.line(&format!("detectors: {names}"))?;
    for guard in asked(settings) {
        let answers =
            if guard.stages.answer { ["answers (of streams: late)"].as_slice() } else { &[] };
        let of = guard.provenances.join(", ");
        let requests = guard.stages.request.then(|| format!("requests (text of: {of})"));
        let what: Vec<&str> =
            requests.as_deref().into_iter().chain(answers.iter().copied()).collect();
        output.line(&format!("external guard {}: {}", guard.name, what.join(", ")))?;
    }
    Ok(())
}

/// The guards outside that are asked at all.
fn asked(settings: &Settings) -> impl Iterator<Item = &ExternalCard> {
    settings.external_cards.iter().filter(|_| settings.gateway.guards)
}

/// The guards outside that are asked about a field. Of text whose provenance depends on the message, those
/// that are asked about any.
fn external<'a>(settings: &'a Settings, row: &ContractRow) -> Vec<&'a str> {
    let of = row.provenance.unwrap_or_default();
    let is_asked = |guard: &&ExternalCard| match row.direction {
        "request" | "request line" => {
            let is_for = |known: &&str| of.split([' ', ',']).any(|word| word == *known);
            guard.stages.request && (of == "by role" || guard.provenances.iter().any(is_for))
        }
        _ => guard.stages.answer,
    };
    asked(settings).filter(is_asked).map(|guard| guard.name.as_str()).collect()
}

/// Who looks at a field.
fn guards_of(row: &CoverageRow<'_>) -> String {
    match (row.direction, row.external.as_slice()) {
        ("stream", _) | (_, []) => String::from("detectors"),
        (_, external) => format!("detectors, {}", external.join(", ")),
    }
}

/// What happens to a field, in words.
fn guard(row: &CoverageRow<'_>) -> String {
    match row.typing {
        "guarded" | "file" if row.guards.is_empty() => String::from("nothing: no detector runs"),
        "guarded" => {
            let late: Vec<&str> = match row.direction {
                "stream" => [&*row.late, &*row.external].concat(),
                _ => row.late.clone(),
            };
            let late = if late.is_empty() {
                String::new()
            } else {
                format!(" (late: {})", late.join(", "))
            };
            format!("{}, policy{late}", guards_of(row))
        }
        "file" => format!("{}, policy, if it is text (pictures, sound: not read)", guards_of(row)),
        "constrained" => format!("checked: {}", row.note),
        "opaque" => format!("not read: {}", row.note),
        "message" => format!("read as a message of its own: {}", row.note),
        _ => format!("refused: {}", row.note),
    }
}
