//! `bartizan log sinks`: how far each sink came, what became of every record, and whether that adds up.
//!
//! INVARIANT: it reads, whether or not a gateway runs, and asks no receiver. INVARIANT: what did not reach its receiver, or is
//! unaccounted for, is a finding.

use std::sync::Arc;

use connect::{SinkReport, sink_reports};
use journal::{Disk, RealDisk};

use super::log::read_failure;
use crate::data_dir::DataDir;
use crate::exit::{Exit, Failure};
use crate::output::{Output, Table};
use crate::time::now_ms;

/// Shows them; `configured` are the names in the configuration.
pub(super) fn run(
    data: &DataDir,
    configured: &[String],
    is_json: bool,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let (mut reports, records) =
        sink_reports(data.path(), &disk, now_ms()).map_err(read_failure)?;
    for name in configured {
        if !reports.iter().any(|report| report.sink == *name) {
            reports.push(SinkReport::of_new(name, records));
        }
    }
    for report in &mut reports {
        report.configured = Some(configured.contains(&report.sink));
    }
    reports.sort_by(|one, other| one.sink.cmp(&other.sink));
    if is_json {
        for report in &reports {
            output.json_line(report)?;
        }
    } else if reports.is_empty() {
        output.line("there are no sinks; `[[sinks]]` in the configuration makes one")?;
    } else {
        output.text(&text(&reports))?;
    }
    let is_well = reports.iter().all(SinkReport::is_well);
    Ok(if is_well { Exit::Fine } else { Exit::Findings })
}

fn text(reports: &[SinkReport]) -> String {
    let mut table = Table::new(&[
        "sink", "logged", "sent", "filtered", "dead", "lost", "waiting", "lag", "next", "state",
    ]);
    for report in reports {
        let numbers =
            [report.logged, report.sent, report.filtered, report.dead, report.lost, report.waiting];
        let mut cells = vec![report.sink.clone()];
        cells.extend(numbers.map(|number| number.to_string()));
        cells.push(format!("{} s", report.lag_ms / 1_000));
        cells.push(report.next.to_string());
        cells.push(state(report));
        table.row(cells);
    }
    table.render()
}

fn state(report: &SinkReport) -> String {
    match &report.trouble {
        _ if !report.reconciled => String::from("does not add up"),
        _ if report.configured == Some(false) => String::from("not configured any more"),
        Some(trouble) => trouble.why.clone(),
        None if report.waiting > 0 => String::from("behind"),
        None => String::from("up to date"),
    }
}
