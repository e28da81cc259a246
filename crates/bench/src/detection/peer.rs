//! presidio-analyzer on the same texts, in a process of its own.
//!
//! INVARIANT: nothing is fetched while texts are read. INVARIANT: whatever is missing is a reason, never a figure.
//!
//! Not here: its Python environment (`environment`).

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::texts::Kind;
use crate::environment;

/// What is installed.
pub(super) const PACKAGES: [&str; 3] =
    ["presidio-analyzer==2.2.366", "spacy==3.8.18", "tldextract==5.4.0"];
/// Beside the programs that cargo builds.
const ENVIRONMENT: &str = "bench-presidio";
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
        let folder = environment::python(ENVIRONMENT, &PACKAGES)?;
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
