//! The two servers the clients speak with: `bartizan up`, and the fake upstream behind it.
//!
//! INVARIANT: both are ended when this is dropped, and only these two. The data folder of a run that failed is
//! kept, and its path printed. Not here: what the fake upstream answers, which is the model's name in the
//! request (`testkit`).

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::command::Step;
use crate::lanes::Checkout;
use crate::workspace::read_text;

/// How long a server may take until it accepts connections.
const START_MAX: Duration = Duration::from_secs(30);
/// How long a server may take to end when asked to.
const STOP_MAX: Duration = Duration::from_secs(10);
/// The provider's key that the gateway holds; what the fake upstream must see instead of the caller's.
const UPSTREAM_KEY: &str = "sk-of-the-upstream";
/// Between two looks at a condition.
const POLL: Duration = Duration::from_millis(20);
/// The longest line the fake upstream may say where it listens in, in bytes.
const LINE_BYTES_MAX: u64 = 4096;

/// The running servers.
pub(super) struct Servers {
    folder: PathBuf,
    binary: PathBuf,
    address: SocketAddr,
    upstream_url: String,
    admin: String,
    key: String,
    gateway: Child,
    upstream: Child,
}

impl Servers {
    /// Builds both and starts them, with an empty data folder named after `run`.
    pub(super) fn start(checkout: &Checkout, run: &str) -> Result<Self, String> {
        Self::start_with(checkout, run, "")
    }

    /// The same, with more in the gateway's configuration.
    pub(super) fn start_with(checkout: &Checkout, run: &str, more: &str) -> Result<Self, String> {
        // The same selection as the tests were built with, so that nothing is built twice.
        Step::new(&checkout.root, "cargo")
            .args(["build", "--locked", "--workspace", "--bins", "--tests"])
            .run()?;
        let folder =
            checkout.target.join("clients").join(format!("run-{run}-{}", std::process::id()));
        let failed = |error: std::io::Error| format!("could not start the servers: {error}");
        fs::create_dir_all(&folder).map_err(failed)?;
        let programs = checkout.target.join("debug");
        let (upstream, listen, admin) = start_upstream(&programs.join("fake-upstream"))?;
        let binary = programs.join("bartizan");
        let mut upstream = Ended(Some(upstream));
        let (gateway, address) = start_gateway(&binary, &folder, &listen, more)?;
        let mut gateway = Ended(Some(gateway));
        gateway.wait_until_it_accepts(address, &folder)?;
        let key = read_text(&folder.join("data/first-key.txt")).map_err(failed)?;
        let (Some(gateway), Some(upstream)) = (gateway.0.take(), upstream.0.take()) else {
            return Err("a server ended at once".to_owned());
        };
        let key = key.trim().to_owned();
        let upstream_url = format!("http://{listen}/v1");
        Ok(Self { folder, binary, address, upstream_url, admin, key, gateway, upstream })
    }

    /// The folder of this run.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Tells a script where everything is.
    pub(super) fn describe_to(&self, step: Step) -> Step {
        step.env("BARTIZAN_BASE_URL", format!("http://{}/v1", self.address))
            .env("BARTIZAN_KEY", &self.key)
            .env("BARTIZAN_BINARY", &self.binary)
            .env("BARTIZAN_DATA", self.folder.join("data"))
            .env("FAKE_UPSTREAM_BASE_URL", &self.upstream_url)
            .env("FAKE_UPSTREAM_ADMIN", &self.admin)
            .env("FAKE_UPSTREAM_KEY", UPSTREAM_KEY)
            .env("PYTHONDONTWRITEBYTECODE", "1")
    }

    /// Ends both; keeps the folder if the scripts failed.
    pub(super) fn stop(self, ending: Result<(), String>) -> Result<(), String> {
        let folder = self.folder.clone();
        drop(self);
        match ending {
            Ok(()) => {
                let _ = fs::remove_dir_all(&folder);
                Ok(())
            }
            Err(why) => Err(format!("{why}; what the servers said is in {}", folder.display())),
        }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        end(&mut self.gateway);
        end(&mut self.upstream);
    }
}

/// A child that is ended unless it is taken out.
pub(super) struct Ended(pub(super) Option<Child>);

impl Drop for Ended {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            end(child);
        }
    }
}

impl Ended {
    fn wait_until_it_accepts(&mut self, address: SocketAddr, folder: &Path) -> Result<(), String> {
        let started = Instant::now();
        // The first key is made once the address is ours.
        let has_key = || folder.join("data/first-key.txt").exists();
        while TcpStream::connect_timeout(&address, START_MAX).is_err() || !has_key() {
            let ended = self.0.as_mut().and_then(|child| child.try_wait().ok().flatten());
            let said = || read_text(&folder.join("bartizan.log")).unwrap_or_default();
            if let Some(status) = ended {
                return Err(format!("`bartizan up` ended with {status}:\n{}", said()));
            }
            if started.elapsed() > START_MAX {
                return Err(format!("`bartizan up` does not listen on {address}:\n{}", said()));
            }
            sleep(POLL);
        }
        Ok(())
    }
}

/// Starts the fake upstream; gives where it listens, and where its records are read.
fn start_upstream(program: &Path) -> Result<(Child, String, String), String> {
    let mut command = Command::new(program);
    // It runs until its standard input is closed, so it never outlives us.
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| format!("could not start the fake upstream: {error}"))?;
    let mut line = String::new();
    if let Some(output) = child.stdout.take() {
        let _ = BufReader::new(output.take(LINE_BYTES_MAX)).read_line(&mut line);
    }
    let said: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
    let address = |key: &str| said.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
    if let (Some(listen), Some(admin)) = (address("listen"), address("admin")) {
        return Ok((child, listen, format!("http://{admin}")));
    }
    end(&mut child);
    Err(format!("the fake upstream said `{line}` instead of where it listens"))
}

fn start_gateway(
    program: &Path,
    folder: &Path,
    upstream: &str,
    more: &str,
) -> Result<(Child, SocketAddr), String> {
    let failed = |error: std::io::Error| format!("could not start `bartizan up`: {error}");
    let address = free_address().map_err(failed)?;
    let config = format!(
        "[server]\nlisten = \"{address}\"\n\n[metrics]\nlisten = \"\"\n\n\
         [[upstreams]]\nname = \"fake\"\nbase_url = \"http://{upstream}/v1\"\n\
         api_key = \"literal:{UPSTREAM_KEY}\"\n\n\
         [[upstreams]]\nname = \"fake-anthropic\"\ndialect = \"anthropic\"\n\
         base_url = \"http://{upstream}/v1\"\napi_key = \"literal:{UPSTREAM_KEY}\"\n\n\
         [[upstreams]]\nname = \"fake-gemini\"\ndialect = \"gemini\"\n\
         base_url = \"http://{upstream}/v1beta\"\napi_key = \"literal:{UPSTREAM_KEY}\"\n\n\
         [[upstreams]]\nname = \"fake-bedrock\"\ndialect = \"bedrock\"\n\
         base_url = \"http://{upstream}\"\n[upstreams.aws]\nregion = \"eu-central-1\"\n\
         access_key_id = \"literal:AKIDEXAMPLE\"\nsecret_access_key = \"literal:{UPSTREAM_KEY}\"\n\n\
         [[upstreams]]\nname = \"fake-ollama\"\ndialect = \"ollama\"\n\
         base_url = \"http://{upstream}\"\napi_key = \"literal:{UPSTREAM_KEY}\"\n\n\
         [[routes]]\nupstream = \"fake\"\n\n[[routes]]\nupstream = \"fake-anthropic\"\n\n\
         [[routes]]\nupstream = \"fake-ollama\"\n\n[[routes]]\nupstream = \"fake-gemini\"\n\n[[routes]]\nupstream = \"fake-bedrock\"\n{more}"
    );
    fs::write(folder.join("bartizan.toml"), config).map_err(failed)?;
    let log = fs::File::create(folder.join("bartizan.log")).map_err(failed)?;
    let child = Command::new(program)
        .args(["up", "--config", "bartizan.toml", "--data", "data"])
        .current_dir(folder)
        .env_remove("OPENAI_API_KEY")
        .env_remove("OPENAI_BASE_URL")
        .stdin(Stdio::null())
        .stdout(log.try_clone().map_err(failed)?)
        .stderr(log)
        .spawn()
        .map_err(failed)?;
    Ok((child, address))
}

/// An address that is free now.
pub(super) fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr())
}

/// Asks a child to end, and ends it if it does not.
fn end(child: &mut Child) {
    drop(child.stdin.take());
    let _ = Command::new("kill").arg(child.id().to_string()).stderr(Stdio::null()).status();
    let asked = Instant::now();
    while asked.elapsed() < STOP_MAX {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        sleep(POLL);
    }
    let _ = child.kill();
    let _ = child.wait();
}
