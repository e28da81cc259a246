//! What the gateway costs (`bench gateway`, which writes a report), what detection costs (`bench detect`, likewise)
//! and what the gateway withstands (`bench kill`, `bench soak`).
//!
//! `bench mock`, `bench proxy ADDRESS` and `bench memory KIND BYTES` are the processes that are compared and measured; it
//! starts them itself.
//!
//! INVARIANT: everything that is compared is measured in one run, in turns.
//!
//! Not here: micro-benchmarks of single functions.

mod aim;
mod bodies;
mod detection;
mod environment;
mod features;
mod gateway;
mod idle;
mod kill;
mod load;
mod mock;
mod process;
mod proxy;
mod report;
mod rivals;
mod soak;
mod statistics;
mod target;
mod trend;

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;

/// Why a run could not be made. Its text is all that anyone does with it.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

const USAGE: &str = "usage: bench gateway [--quick] [--date YYYY-MM-DD] [--out FILE] [--bartizan FILE]\n       \
bench detect [--quick] [--date YYYY-MM-DD] [--out FILE]\n       \
bench memory KIND BYTES\n       \
bench kill [--kills N] [--streams N] [--bartizan FILE]\n       \
bench soak [--minutes N] [--bartizan FILE]\n       bench mock\n       bench proxy ADDRESS";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["mock"] => mock::serve(),
        ["proxy", upstream] => match upstream.parse() {
            Ok(upstream) => proxy::serve(upstream),
            Err(_) => Err(USAGE.into()),
        },
        ["memory", kind, bytes] => match bytes.parse() {
            Ok(bytes) => detection::memory::print(kind, bytes),
            Err(_) => Err(USAGE.into()),
        },
        ["detect", options @ ..] => detection::run(options),
        ["gateway", options @ ..] => gateway::run(options),
        ["kill", options @ ..] => kill::run(options),
        ["soak", options @ ..] => soak::run(options),
        _ => Err(USAGE.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "bench: {failure}");
            ExitCode::from(2)
        }
    }
}

/// Prints where this process listens, for the one that started it.
pub(crate) fn announce(address: SocketAddr) -> Result<(), Failure> {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{address}")?;
    Ok(stdout.flush()?)
}
