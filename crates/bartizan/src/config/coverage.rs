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

use super::settings::Settings;
use crate::exit::Failure;
use crate::output::{Output, Table};

/// One field of one route, and what looks at it.
#[derive(Serialize)]
struct CoverageRow {
    dialect: &'static str,
    operation: &'static str,
    direction: &'static str,
    path: String,
    typing: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    provenance: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lane: Option<&'static str>,
    /// The guards that read it.
    guards: Vec<&'static str>,
    /// Those of them that know only when the text has ended.
    late: Vec<&'static str>,
    note: &'static str,
}

#[derive(Serialize)]
struct CoverageReport {
    rows: Vec<CoverageRow>,
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
    output.line(&format!("detectors: {names}"))
}

/// What happens to a field, in words.
fn guard(row: &CoverageRow) -> String {
    match row.typing {
        "guarded" | "file" if row.guards.is_empty() => String::from("nothing: no detector runs"),
        "guarded" if row.late.is_empty() => String::from("detectors, policy"),
        "guarded" => format!("detectors, policy (late: {})", row.late.join(", ")),
        "file" => String::from("detectors, policy, if it is text (pictures, sound: not read)"),
        "constrained" => format!("checked: {}", row.note),
        "opaque" => format!("not read: {}", row.note),
        _ => format!("refused: {}", row.note),
    }
}
