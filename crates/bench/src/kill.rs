//! `bench kill [--kills N] [--streams N] [--bartizan FILE]`: the gateway killed again and again.
//!
//! Each kill is in the middle of 200 streams, at another moment, and on top of what the last one
//! left; no request that reached the upstream may lack its open record.
//!
//! INVARIANT: it stops at the first loss, says what was lost, and keeps the data.
//!
//! Not here: what happens in one kill (`testkit::kill_in_the_middle`).

use std::io::Write;
use std::path::PathBuf;

use testkit::{KillPlan, KillReport, kill_in_the_middle, target_binary};

use crate::Failure;

/// Where `cargo xtask` wants the figures, named by this variable.
const FIGURES_VARIABLE: &str = "BARTIZAN_FIGURES";
/// The crates a record passes through.
const CRATES: [&str; 5] = ["bartizan", "events", "gateway", "journal", "net"];

/// Runs all kills; fails at the first loss.
pub(crate) fn run(words: &[&str]) -> Result<(), Failure> {
    let (mut kills, mut streams, mut binary) = (100_u64, 200_usize, None);
    for pair in words.chunks(2) {
        match pair {
            ["--kills", value] => kills = value.parse()?,
            ["--streams", value] => streams = value.parse()?,
            ["--bartizan", value] => binary = Some(PathBuf::from(value)),
            other => return Err(format!("no option `{}`", other.join(" ")).into()),
        }
    }
    let binary = binary.map_or_else(|| target_binary("bartizan"), Ok)?;
    // Beside the binaries, where a real disk is.
    let beside = binary.parent().ok_or("the binary has no folder")?;
    let folder = tempfile::Builder::new().prefix("kill-").tempdir_in(beside)?.keep();
    let mut totals = (0, 0, std::time::Duration::ZERO);
    for seed in 0..kills {
        let plan = KillPlan { binary: binary.clone(), folder: folder.clone(), streams, seed };
        let report = kill_in_the_middle(&plan)?;
        totals =
            (totals.0 + report.received, totals.1 + report.streaming, totals.2.max(report.restart));
        writeln!(
            std::io::stderr(),
            "kill {} of {kills}: {} received, {} streaming, {} lost, restarted in {} ms",
            seed + 1,
            report.received,
            report.streaming,
            report.lost.len(),
            report.restart.as_millis(),
        )?;
        judge(&report).map_err(|why| format!("{why}; the data is in {}", folder.display()))?;
    }
    std::fs::remove_dir_all(&folder)?;
    let (received, streaming, restart) = totals;
    let figures = serde_json::json!({
        "crates": CRATES, "kills": kills, "requests_received": received, "streams_cut": streaming,
        "open_records_lost": 0, "restart_ms_max": restart.as_millis() as u64,
    });
    if let Some(file) = std::env::var_os(FIGURES_VARIABLE) {
        std::fs::write(file, figures.to_string())?;
    }
    Ok(writeln!(std::io::stdout(), "{figures}")?)
}

fn judge(report: &KillReport) -> Result<(), Failure> {
    if !report.lost.is_empty() {
        return Err(format!("requests without an open record: {}", report.lost.join(", ")).into());
    }
    if !report.is_verified {
        return Err(format!("`log verify` is not content:\n{}", report.verify_output).into());
    }
    if !report.answers_again {
        return Err("the restarted gateway does not answer".into());
    }
    if report.streaming == 0 {
        return Err("no stream was open at the kill, so nothing was shown".into());
    }
    Ok(())
}
