//! NVIDIA NeMo Guardrails, from its registry and unmodified, as an external guard of the running binary.
//!
//! Its rails need no model. INVARIANT: only processes started here are ended here, and the guard's server
//! listens on loopback only. Not here: what is asserted, which the script says.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::NEMO_FOLDER;
use super::servers::{Ended, Servers, free_address};
use crate::command::Step;
use crate::lanes::Checkout;

/// How long the guard's server may take until it listens: it imports a lot.
const START_MAX: Duration = Duration::from_mins(3);
/// Between two looks.
const POLL: Duration = Duration::from_millis(200);

pub(super) fn run(checkout: &Checkout, python: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("could not start NeMo Guardrails: {error}");
    let address = free_address().map_err(failed)?;
    let folder = checkout.root.join(NEMO_FOLDER);
    let child = Command::new(python)
        .args(["serve.py", "configs", &address.port().to_string()])
        .current_dir(&folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        // It runs until its standard input is closed, so it never outlives us.
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let mut guard = Ended(Some(child));
    wait_until_it_accepts(&mut guard, address)?;
    let servers = Servers::start_with(checkout, "nemo", &configuration(address))?;
    let step = Step::new(&folder, python).args(["-m", "unittest", "test_nemo"]);
    let ending = servers.describe_to(step).run();
    servers.stop(ending)
}

/// The same server twice: both ways of asking it.
fn configuration(address: SocketAddr) -> String {
    let guard = |name: &str, kind: &str, stages: &str| {
        format!(
            "\n[[guards.external]]\nname = \"{name}\"\nkind = \"{kind}\"\nurl = \"http://{address}\"\n\
             config = \"rails\"\nstages = [{stages}]\ntimeout_ms = 30_000\n"
        )
    };
    let both = guard("rails", "nemo_checks", "\"request\", \"answer\"");
    both + &guard("rails-chat", "nemo_chat", "\"request\"")
}

fn wait_until_it_accepts(guard: &mut Ended, address: SocketAddr) -> Result<(), String> {
    let started = Instant::now();
    while TcpStream::connect(address).is_err() {
        let ended = guard.0.as_mut().and_then(|child| child.try_wait().ok().flatten());
        if let Some(status) = ended {
            return Err(format!("the server of NeMo Guardrails ended with {status}"));
        }
        if started.elapsed() > START_MAX {
            return Err(format!("the server of NeMo Guardrails does not listen on {address}"));
        }
        sleep(POLL);
    }
    Ok(())
}
