//! `bench detect`: what detection costs for ordinary texts, for hostile ones, in memory, and against presidio-analyzer.
//!
//! INVARIANT: everything that is compared is measured in turns, in every round; ratios are of one round. INVARIANT: only
//! processor time of the thread that reads counts.
//!
//! Not here: the page (`page`).

mod cost;
mod hostile;
pub(crate) mod memory;
mod page;
mod peer;
mod random;
mod search;
mod texts;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use detect::Engine;

use self::cost::{Way, engine, text_us_per_kb, us_per_kb};
use self::hostile::{Hostile, hostile};
use self::peer::Peer;
use self::texts::Kind;
use crate::aim::publish;
use crate::{Failure, process};

/// Where the page goes unless told otherwise.
const PAGE_FILE: &str = "docs/reference/benchmarks/detect.md";
/// Length of a hostile text.
const HOSTILE_BYTES: usize = 64 * 1024;
/// A text without a line end, as long as any that is inspected.
const LINE_BYTES: usize = 16 * 1024 * 1024;
/// What the search begins from.
const SEARCH_SEED: u64 = 20_261_123;
/// How many of its finds are measured like the rest.
const SEARCH_FINDS: usize = 6;
/// Lengths whose memory is stated.
const MEMORY_BYTES: [usize; 2] = [1024 * 1024, 16 * 1024 * 1024];

/// The score model and the tagger are parts of their own; all other detectors are found in one pass.
const SCORE: &str = "linear_score";
const NAMES: &str = "names";

#[derive(Debug)]
struct Options {
    is_quick: bool,
    date: String,
    out: PathBuf,
}

impl Options {
    fn read(words: &[&str]) -> Result<Self, Failure> {
        let mut options = Self {
            is_quick: false,
            date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
            out: PathBuf::from(PAGE_FILE),
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if *word == "--quick" {
                options.is_quick = true;
                continue;
            }
            let value = words.next().ok_or_else(|| format!("`{word}` needs a value"))?;
            match *word {
                "--date" => (*value).clone_into(&mut options.date),
                "--out" => options.out = PathBuf::from(value),
                other => return Err(format!("no option `{other}`").into()),
            }
        }
        Ok(options)
    }

    const fn rounds(&self) -> usize {
        if self.is_quick { 3 } else { 9 }
    }

    const fn tries(&self) -> usize {
        if self.is_quick { 2_000 } else { 20_000 }
    }
}

/// What is switched on in an engine, to see what a part costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Everything,
    /// No detector: normalising, decoding, and walking over the text.
    Nothing,
    Values,
    Names,
    Score,
}

impl Part {
    const ALL: [Self; 5] =
        [Self::Everything, Self::Nothing, Self::Values, Self::Names, Self::Score];

    fn engine(self) -> Result<Engine, Failure> {
        let names = Engine::detectors().iter().map(|card| card.name);
        engine(names.filter(|name| !match self {
            Self::Everything => true,
            Self::Nothing => false,
            Self::Values => *name != SCORE && *name != NAMES,
            Self::Names => *name == NAMES,
            Self::Score => *name == SCORE,
        }))
    }
}

/// Microseconds per KB, round by round.
type Costs = Vec<f64>;

/// What one kind of ordinary text cost.
#[derive(Debug)]
struct KindCosts {
    kind: Kind,
    /// In the order of [`Part::ALL`], whole.
    parts: [Costs; 5],
    streamed: Costs,
    held: Costs,
    /// Of presidio-analyzer.
    peer: Costs,
}

/// What one hostile text cost.
#[derive(Debug)]
struct HostileCosts {
    family: &'static str,
    name: String,
    whole: Costs,
    held: Costs,
}

/// Peak memory of one inspection, in MiB, at each of [`MEMORY_BYTES`].
#[derive(Debug)]
struct Memory {
    kind: &'static str,
    peak_mib: Vec<f64>,
}

/// Everything a run found out.
#[derive(Debug)]
struct Findings {
    date: String,
    command: String,
    machine: String,
    rounds: usize,
    tries: usize,
    took: Duration,
    kinds: Vec<KindCosts>,
    hostile: Vec<HostileCosts>,
    memory: Vec<Memory>,
    /// How many recognisers the peer ran, or why it did not.
    peer: Result<u64, String>,
}

/// Runs the whole bench.
pub(crate) fn run(words: &[&str]) -> Result<(), Failure> {
    let options = Options::read(words)?;
    let started = Instant::now();
    let engines = Part::ALL.map(Part::engine).into_iter().collect::<Result<Vec<_>, _>>()?;
    let Some(everything) = engines.first() else { return Ok(()) };
    let texts = texts::ordinary();
    let mut peer = Peer::start(&texts);
    let mut kinds: Vec<KindCosts> = texts.into_iter().map(KindCosts::new).collect();
    let texts = hostile_texts(everything, options.tries());
    let mut hostile: Vec<HostileCosts> = texts.iter().map(HostileCosts::new).collect();
    for _ in 0..options.rounds() {
        for kind in &mut kinds {
            kind.measure(&engines, everything);
        }
        let costs = peer.as_mut().map_err(|why| why.clone()).and_then(Peer::costs_us);
        match costs {
            Ok(costs) => {
                for (kind, us) in kinds.iter_mut().zip(costs) {
                    kind.peer.push(us / (kind.kind.bytes() as f64 / 1024.0));
                }
            }
            Err(why) => peer = Err(why),
        }
        for (costs, text) in hostile.iter_mut().zip(&texts) {
            costs.whole.push(text_us_per_kb(everything, &text.text, Way::Whole));
            costs.held.push(text_us_per_kb(everything, &text.text, Way::Held));
        }
    }
    let findings = Findings {
        date: options.date.clone(),
        command: format!(
            "cargo xtask bench detect{}",
            if options.is_quick { " --quick" } else { "" }
        ),
        machine: process::machine(),
        rounds: options.rounds(),
        tries: options.tries(),
        memory: memory_of_all()?,
        took: started.elapsed(),
        kinds,
        hostile,
        peer: peer.as_ref().map(|peer| peer.recognisers).map_err(Clone::clone),
    };
    publish(&findings.page(), &findings.figures(), &options.out)
}

/// Those that someone thought of, one long line, and what the search found.
fn hostile_texts(engine: &Engine, tries: usize) -> Vec<Hostile> {
    let mut texts = hostile(HOSTILE_BYTES);
    let prose: String = texts::ordinary().into_iter().take(2).flat_map(|kind| kind.texts).collect();
    texts.push(Hostile {
        family: "length",
        name: "16 MB of prose in one line".to_owned(),
        text: search::repeated(&prose.replace('\n', " "), LINE_BYTES),
    });
    for unit in search::dearest(engine, tries, SEARCH_SEED, SEARCH_FINDS) {
        texts.push(Hostile {
            family: "search",
            name: format!(
                "`{}`",
                unit.escape_debug().to_string().replace('|', "\\|").replace('`', "'")
            ),
            text: search::repeated(&unit, HOSTILE_BYTES),
        });
    }
    texts
}

fn memory_of_all() -> Result<Vec<Memory>, Failure> {
    let of_kind = |kind| {
        let peaks = MEMORY_BYTES.map(|bytes| memory::peak_mib(kind, bytes));
        let peak_mib = peaks.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(Memory { kind, peak_mib })
    };
    memory::KINDS.into_iter().map(of_kind).collect()
}

impl KindCosts {
    fn new(kind: Kind) -> Self {
        let (parts, streamed, held, peer) = Default::default();
        Self { kind, parts, streamed, held, peer }
    }

    fn measure(&mut self, engines: &[Engine], everything: &Engine) {
        for (costs, engine) in self.parts.iter_mut().zip(engines) {
            costs.push(us_per_kb(engine, &self.kind, Way::Whole));
        }
        self.streamed.push(us_per_kb(everything, &self.kind, Way::Streamed));
        self.held.push(us_per_kb(everything, &self.kind, Way::Held));
    }
}

impl HostileCosts {
    fn new(text: &Hostile) -> Self {
        let (whole, held) = Default::default();
        Self { family: text.family, name: text.name.clone(), whole, held }
    }
}
