//! `kill -9` in the middle of many streams, and what the record says afterwards.
//!
//! The gateway runs as a child; streams against a slow upstream keep it busy, and other clients keep
//! opening interactions until it is killed, so that records are being written at that very moment.
//! Every request carries its own model name, which is on its open record: what the upstream
//! received is compared with what the log holds, one by one.
//!
//! INVARIANT: a request that reached the upstream and has no open record is reported by name.
//!
//! Not here: power cuts; the journal's fault layer discards what was not synced.

use std::collections::BTreeSet;
use std::io::Result;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::gateway::Said;
use crate::{Client, FakeUpstream, Gateway, Random, Request};

/// How long the streams may take until all of them have begun.
const BEGIN_MAX: Duration = Duration::from_mins(1);
/// How long the gateway may take to end when asked.
const END_MAX: Duration = Duration::from_mins(1);
/// Requests that each busy client sends at most.
const BUSY_REQUESTS_MAX: usize = 10_000;
/// What the gateway is asked after its restart.
const QUESTION: &str = "Are you there?";
/// Clients that keep opening interactions until the kill.
const BUSY_CLIENTS: usize = 8;
/// Longest wait between the last stream's beginning and the kill, in milliseconds.
const KILL_WAIT_MS_MAX: usize = 400;
/// Records read from the log's end, for each request that the upstream received: its own two, and as
/// many again for requests that never got there.
const RECORDS_PER_REQUEST: usize = 4;
/// Records of the node itself, and of requests around the kill.
const RECORDS_MORE: usize = 1000;
/// Deltas of a stream and milliseconds between them: they last longer than everything before the kill.
const STREAM: &str = "fake-slow+pace-50+deltas-2000";

/// What is killed, and when.
#[derive(Clone, Debug)]
pub struct KillPlan {
    /// The `bartizan` binary.
    pub binary: PathBuf,
    /// The folder of its configuration and data: empty, or left by the last kill.
    pub folder: PathBuf,
    /// Streams open at the kill.
    pub streams: usize,
    /// Decides the moment, and is part of every request's model: a new one for every kill over the
    /// same data.
    pub seed: u64,
}

/// What the record said after the kill.
#[derive(Clone, Debug, Default)]
pub struct KillReport {
    /// Requests the upstream received.
    pub received: usize,
    /// Streams that had begun and not ended at the kill.
    pub streaming: usize,
    /// Models of requests that the upstream received and that have no open record.
    pub lost: Vec<String>,
    /// Whether `bartizan log verify` was content, after the kill and after the restart.
    pub is_verified: bool,
    /// What it said.
    pub verify_output: String,
    /// From the restart to the first accepted connection.
    pub restart: Duration,
    /// Whether the restarted gateway answered a request.
    pub answers_again: bool,
}

/// Starts the gateway, opens the streams, kills it, starts it again, and reads the log.
pub fn kill_in_the_middle(plan: &KillPlan) -> Result<KillReport> {
    let upstream = FakeUpstream::start()?;
    let mut gateway = Gateway::start(&plan.binary, &plan.folder, upstream.address(), "")?;
    let clients = Clients::open(plan, &gateway.client());
    let opened = Instant::now();
    while clients.begun.load(Ordering::SeqCst) < plan.streams && opened.elapsed() < BEGIN_MAX {
        std::thread::sleep(Duration::from_millis(5));
    }
    let wait = Random::new(plan.seed).one_to(KILL_WAIT_MS_MAX) as u64;
    std::thread::sleep(Duration::from_millis(wait));
    let counted = [&clients.begun, &clients.ended].map(|count| count.load(Ordering::SeqCst));
    gateway.child.kill()?;
    clients.join();
    let received: BTreeSet<String> = upstream.requests().iter().filter_map(model).collect();
    let after_kill = verify(plan)?;
    let (restart, answers_again) = restart(plan, &upstream)?;
    let after_restart = verify(plan)?;
    let opened = opened_models(plan, received.len())?;
    Ok(KillReport {
        received: received.len(),
        streaming: counted[0].saturating_sub(counted[1]),
        lost: received.difference(&opened).cloned().collect(),
        is_verified: after_kill.status.success() && after_restart.status.success(),
        verify_output: [
            after_kill.stdout,
            after_kill.stderr,
            after_restart.stdout,
            after_restart.stderr,
        ]
        .concat(),
        restart,
        answers_again,
    })
}

fn model(request: &crate::RecordedRequest) -> Option<String> {
    request.json().get("model")?.as_str().map(str::to_owned)
}

fn restart(plan: &KillPlan, upstream: &FakeUpstream) -> Result<(Duration, bool)> {
    let begun = Instant::now();
    let mut gateway = Gateway::start(&plan.binary, &plan.folder, upstream.address(), "")?;
    let restart = begun.elapsed();
    let answer = gateway.client().send(&Request::chat("fake-echo", QUESTION, &json!({})));
    let answers_again = answer.is_ok_and(|answer| answer.content() == QUESTION);
    gateway.child.terminate()?;
    gateway.child.wait(END_MAX);
    Ok((restart, answers_again))
}

fn verify(plan: &KillPlan) -> Result<Said> {
    Gateway::run(&plan.binary, &plan.folder, &["log", "verify"])
}

/// The models on the log's last open records.
fn opened_models(plan: &KillPlan, received: usize) -> Result<BTreeSet<String>> {
    let lines = (received * RECORDS_PER_REQUEST + RECORDS_MORE).to_string();
    let arguments = ["log", "tail", "--format", "json", "--lines", &lines];
    let said = Gateway::run(&plan.binary, &plan.folder, &arguments)?;
    let mut models = BTreeSet::new();
    for line in said.stdout.lines() {
        let event: Value = serde_json::from_str(line).unwrap_or_default();
        opened_model(&event, &mut models);
    }
    Ok(models)
}

/// Finds the body of an open record, however deep the log's own wrapping is.
fn opened_model(value: &Value, models: &mut BTreeSet<String>) {
    let Some(members) = value.as_object() else { return };
    if members.get("class").and_then(Value::as_str) == Some("interaction_opened") {
        let model = value.pointer("/data/model").and_then(Value::as_str);
        models.extend(model.map(str::to_owned));
        return;
    }
    members.values().for_each(|member| opened_model(member, models));
}

/// The streams, and the clients that keep opening more.
struct Clients {
    begun: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
}

impl Clients {
    fn open(plan: &KillPlan, client: &Client) -> Self {
        let (begun, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut threads = Vec::new();
        let seed = plan.seed;
        for number in 0..plan.streams {
            let (client, begun, ended) = (client.clone(), Arc::clone(&begun), Arc::clone(&ended));
            threads.push(std::thread::spawn(move || {
                let _ = stream(&client, seed, number, &begun);
                ended.fetch_add(1, Ordering::SeqCst);
            }));
        }
        for number in 0..BUSY_CLIENTS {
            let client = client.clone();
            threads.push(std::thread::spawn(move || ask_until_killed(&client, seed, number)));
        }
        Self { begun, ended, threads }
    }

    /// Waits for all of them; the gateway is dead, so none of them stays.
    fn join(self) {
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

fn stream(client: &Client, seed: u64, number: usize, begun: &AtomicUsize) -> Result<()> {
    let model = format!("{STREAM}+tag-{number}-{seed}");
    let request = Request::chat(&model, "Tell me about the sea.", &json!({ "stream": true }));
    let mut connection = client.connect()?;
    connection.write(&client.bytes(&request))?;
    let is_begun = AtomicBool::new(false);
    connection.read_until(|body| {
        if !body.is_empty() && !is_begun.swap(true, Ordering::SeqCst) {
            begun.fetch_add(1, Ordering::SeqCst);
        }
        false
    })?;
    Ok(())
}

fn ask_until_killed(client: &Client, seed: u64, number: usize) {
    for turn in 0..BUSY_REQUESTS_MAX {
        let model = format!("fake-echo+tag-busy-{number}-{turn}-{seed}");
        if client.send(&Request::chat(&model, "Good morning.", &json!({}))).is_err() {
            return;
        }
    }
}
