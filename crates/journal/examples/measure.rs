//! What the record costs on this machine: `cargo run --release -p journal --example measure [FOLDER]`.
//!
//! Prints the time of an append alone, of keeping 8 KB of content, of a bare `fdatasync` after a write of the same
//! size, and how many records per second 1, 16 and 200 waiters get through the group commit. Times on a shared machine are
//! noise; the ratio of the last columns is the point.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use events::{
    Decision, Event, EventBody, Finding, GuardReport, GuardStatus, InteractionId,
    InteractionOpened, Kind, LocatedFinding, Principal, Provenance, Rank, Score, Span,
};
use journal::{Journal, JournalSettings, Part, Position, Reader, RealDisk, SyncMode};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const APPENDS: u64 = 50_000;
const ROUND: Duration = Duration::from_secs(3);

fn main() -> Outcome<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "target/journal-measure".into());
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    let mut out = std::io::stdout();
    let bytes = events::canonical_bytes(&event(0))?.len();
    writeln!(out, "event of {bytes} bytes")?;
    append_alone(folder, &mut out)?;
    let sync_us = bare_sync(folder, bytes + 128)?;
    writeln!(out, "write and fdatasync, bare: {sync_us:.0} us, {:.0} a second", 1e6 / sync_us)?;
    for waiters in [1, 16, 200] {
        let (records, seconds) = group_commit(folder, waiters)?;
        let rate = records as f64 / seconds;
        writeln!(out, "{waiters} waiters: {rate:.0} a second, {:.1} x bare", rate * sync_us / 1e6)?;
    }
    let begun = Instant::now();
    let report = journal::verify(&folder.join("alone"), None, &RealDisk)?;
    writeln!(
        out,
        "verify: {} records in {:.2} s, {:?}",
        report.checked.records,
        begun.elapsed().as_secs_f64(),
        report.verdict
    )?;
    let begun = Instant::now();
    let reader = Reader::new(&folder.join("alone"), Arc::new(RealDisk));
    let count = reader.records(Position::Start)?.flatten().count();
    writeln!(out, "read: {count} records in {:.2} s", begun.elapsed().as_secs_f64())?;
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

fn append_alone(folder: &Path, out: &mut impl std::io::Write) -> Outcome<()> {
    for sync in [SyncMode::Off, SyncMode::Group] {
        let settings = JournalSettings { sync, ..JournalSettings::default() };
        let (journal, _) = Journal::open(&folder.join("alone"), settings, Arc::new(RealDisk))?;
        let event = event(1);
        let mut times = Vec::with_capacity(APPENDS as usize);
        for _ in 0..APPENDS {
            let begun = Instant::now();
            let _ = journal.append(&event)?;
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        let at = |part: f64| times[(part * (times.len() - 1) as f64) as usize].as_secs_f64() * 1e6;
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(at);
        writeln!(out, "append, {sync:?}: p50 {p50:.1} us, p99 {p99:.1} us, p99.9 {p999:.1} us")?;
        let content = vec![b'x'; 8 * 1024];
        let begun = Instant::now();
        for number in 0..5_000 {
            journal.keep(InteractionId::new(1, number), Part::Request, &content)?;
        }
        let keep_us = begun.elapsed().as_secs_f64() * 1e6 / 5_000.0;
        writeln!(out, "keep 8 KB, {sync:?}: {keep_us:.1} us")?;
        let begun = Instant::now();
        journal.close()?;
        writeln!(out, "close, {sync:?}: {:.1} ms", begun.elapsed().as_secs_f64() * 1e3)?;
    }
    Ok(())
}

fn bare_sync(folder: &Path, bytes: usize) -> Outcome<f64> {
    let mut file = OpenOptions::new().append(true).create(true).open(folder.join("bare"))?;
    let (begun, mut count) = (Instant::now(), 0);
    while begun.elapsed() < ROUND {
        file.write_all(&vec![b'x'; bytes])?;
        file.sync_data()?;
        count += 1;
    }
    Ok(begun.elapsed().as_secs_f64() * 1e6 / f64::from(count))
}

fn group_commit(folder: &Path, waiters: u64) -> Outcome<(u64, f64)> {
    let settings = JournalSettings::default();
    let folder = folder.join(format!("group-{waiters}"));
    let (journal, _) = Journal::open(&folder, settings, Arc::new(RealDisk))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    let begun = Instant::now();
    let records = runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for waiter in 0..waiters {
            let journal = journal.clone();
            tasks.spawn(async move {
                let mut records = 0;
                while begun.elapsed() < ROUND {
                    let Ok(ticket) = journal.append(&event(waiter)) else { break };
                    if journal.synced(ticket).await.is_err() {
                        break;
                    }
                    records += 1;
                }
                records
            });
        }
        tasks.join_all().await.into_iter().sum::<u64>()
    });
    let seconds = begun.elapsed().as_secs_f64();
    journal.close()?;
    Ok((records, seconds))
}

fn event(number: u64) -> Event {
    let finding = |start| LocatedFinding {
        finding: Finding {
            detector: "email".into(),
            kind: Kind::of("pii.email"),
            rank: Rank::MAX,
            score: Score::ONE,
            span: Span::new(start, start + 20),
            view: "raw".into(),
        },
        path: "messages[1].content".into(),
        provenance: Provenance::User,
    };
    let opened = InteractionOpened {
        client_address: "127.0.0.1".into(),
        content: Some(events::Digest([7; 32])),
        conversation: None,
        credentials: events::Credentials::default(),
        decision: Decision::default(),
        dialect: "openai".into(),
        findings: vec![finding(1), finding(40)],
        findings_omitted: 0,
        guards: vec![GuardReport {
            guard: "detect".into(),
            reason: None,
            status: GuardStatus::Ran,
        }],
        interaction: InteractionId::new(1, u128::from(number)),
        masked: 0,
        model: Some("gpt-5".into()),
        operation: "chat.completions".into(),
        principal: Principal::default(),
        request_bytes: 1024,
        route: None,
        streamed: true,
        trace: None,
        unknown_fields: Vec::new(),
        unscanned: Vec::new(),
        upstream: Some("openai".into()),
        upstream_fallbacks: Vec::new(),
    };
    Event::new(1, EventBody::InteractionOpened(Box::new(opened)))
}
