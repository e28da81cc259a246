//! presidio-analyzer on the same texts: its Python environment, which the bench makes for itself, and its process.
//!
//! INVARIANT: the package index is asked only while the environment is made; nothing is fetched while texts are read.
//! INVARIANT: whatever is missing is a reason, never a figure.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::texts::Kind;

/// What is installed; everything it needs comes in the versions it asks for.
pub(super) const PACKAGES: [&str; 3] =
    ["presidio-analyzer==2.2.366", "spacy==3.8.18", "tldextract==5.4.0"];
/// Beside the programs that cargo builds.
const ENVIRONMENT: &str = "bench-presidio";
/// Written last: an environment without it is not whole.
const READY: &str = "ready";
const SCRIPT: &str = include_str!("presidio.py");

/// A running analyser.
#[derive(Debug)]
pub(super) struct Peer {
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// How many recognisers it runs.
    pub(super) recognisers: u64,
}

impl Peer {
    /// Makes the environment if there is none, and starts the analyser on the texts; or why that was not possible.
    pub(super) fn start(kinds: &[Kind]) -> Result<Self, String> {
        let folder = folder()?;
        make(&folder)?;
        let texts = folder.join("texts.jsonl");
        let lines: String =
            kinds.iter().map(|kind| serde_json::json!(kind.texts).to_string() + "\n").collect();
        std::fs::write(&texts, lines).map_err(|error| format!("no file of texts: {error}"))?;
        let mut process = Command::new(folder.join("bin/python"))
            .args(["-c", SCRIPT])
            .arg(&texts)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("its Python does not start: {error}"))?;
        let (Some(requests), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err("its process has no pipes".to_owned());
        };
        let mut peer = Self { process, requests, answers: BufReader::new(answers), recognisers: 0 };
        let hello: serde_json::Value = peer.answer()?;
        peer.recognisers =
            hello.get("recognisers").and_then(serde_json::Value::as_u64).unwrap_or(0);
        Ok(peer)
    }

    /// Processor time of one pass over all texts, in microseconds per kind.
    pub(super) fn costs_us(&mut self) -> Result<Vec<f64>, String> {
        writeln!(self.requests, "again").map_err(|error| format!("it has ended: {error}"))?;
        self.answer()
    }

    fn answer<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, String> {
        let mut line = String::new();
        let read = self.answers.read_line(&mut line);
        read.map_err(|error| format!("it does not answer: {error}"))?;
        serde_json::from_str(&line).map_err(|_| "it ended without an answer".to_owned())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn folder() -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|error| format!("no folder: {error}"))?;
    let beside = program.parent().and_then(Path::parent).ok_or("no folder for its environment")?;
    Ok(beside.join(ENVIRONMENT))
}

/// Makes the environment unless one with these packages is there.
fn make(folder: &Path) -> Result<(), String> {
    let (ready, packages) = (folder.join(READY), PACKAGES.join("\n"));
    if ready.metadata().is_ok_and(|file| file.len() == packages.len() as u64) {
        return Ok(());
    }
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv", "--clear"]).arg(folder);
    succeed(venv, "`python3 -m venv`")?;
    let mut install = Command::new(folder.join("bin/python"));
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(PACKAGES);
    succeed(install, "`pip install`")?;
    std::fs::write(ready, packages).map_err(|error| format!("no environment: {error}"))
}

fn succeed(mut command: Command, what: &str) -> Result<(), String> {
    let ended = command.stdin(Stdio::null()).stdout(Stdio::null()).output();
    let ended = ended.map_err(|error| format!("{what} does not start: {error}"))?;
    if ended.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ended.stderr);
    Err(format!("{what} failed: {}", said.lines().last().unwrap_or("it says nothing")))
}
