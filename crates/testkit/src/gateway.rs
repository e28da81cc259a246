//! `bartizan up` as a child, in front of an upstream of the test's.
//!
//! INVARIANT: it reads no variable and no file of the developer's: its configuration and its data are
//! in the folder it is given.
//!
//! Not here: the gateway as a library; its own tests have that.

use std::io::{Error, ErrorKind, Read, Result};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use crate::{Child, Client};

/// How long the gateway may take until it listens.
const START_MAX: Duration = Duration::from_secs(30);
/// How long one command may take.
const COMMAND_MAX: Duration = Duration::from_mins(2);
/// Bytes of the first key's file.
const KEY_BYTES_MAX: u64 = 256;

/// A running `bartizan up`.
#[derive(Debug)]
pub struct Gateway {
    /// The process.
    pub child: Child,
    address: SocketAddr,
    key: String,
}

/// What a command said, and how it ended.
#[derive(Clone, Debug)]
pub struct Said {
    /// Its exit status.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Gateway {
    /// Starts `binary` with its state in `folder`, all models going to `upstream`, and waits until it
    /// listens. `more` is added to its configuration: `"[journal]\nsync = \"off\"\n"`.
    pub fn start(binary: &Path, folder: &Path, upstream: SocketAddr, more: &str) -> Result<Self> {
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n\n[metrics]\nlisten = \"127.0.0.1:0\"\n\n[[upstreams]]\nname = \"test\"\nbase_url = \"http://{upstream}/v1\"\n\n{more}"
        );
        Self::start_with(binary, folder, &config)
    }

    /// Starts `binary` with its state in `folder` and nothing in its configuration but `config`, and waits until it
    /// listens.
    pub fn start_with(binary: &Path, folder: &Path, config: &str) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("bartizan.toml"), config)?;
        let mut child =
            Child::start(command(binary, folder, &["up", "--config", "bartizan.toml"]))?;
        child.wait_for(START_MAX, |child| address_in(&child.stdout()).is_some());
        let Some(address) = address_in(&child.stdout()) else {
            let text = format!("`bartizan up` does not listen:\n{}", child.stderr());
            return Err(Error::new(ErrorKind::NotConnected, text));
        };
        let mut key = String::new();
        let file = std::fs::File::open(folder.join("data/first-key.txt"))?;
        file.take(KEY_BYTES_MAX).read_to_string(&mut key)?;
        Ok(Self { child, address, key: key.trim().to_owned() })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its first virtual key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// A client with its first virtual key.
    pub fn client(&self) -> Client {
        Client::new(self.address).with_key(&self.key)
    }

    /// Runs `bartizan ARGUMENTS…` over the same data, to its end.
    pub fn run(binary: &Path, folder: &Path, arguments: &[&str]) -> Result<Said> {
        let mut child = Child::start(command(binary, folder, arguments))?;
        let status = child.wait(COMMAND_MAX).ok_or(ErrorKind::TimedOut)?;
        Ok(Said { status, stdout: child.stdout(), stderr: child.stderr() })
    }
}

/// The address in the line that says where it listens.
fn address_in(stdout: &str) -> Option<SocketAddr> {
    let (_, rest) = stdout.split_once("listens on http://")?;
    // Not before the end of the word has come too.
    let end = rest.find(|character: char| character.is_whitespace() || character == '/')?;
    rest.get(..end)?.parse().ok()
}

fn command(binary: &Path, folder: &Path, arguments: &[&str]) -> Command {
    // A relative path would be looked up in the folder.
    let binary: PathBuf = binary.canonicalize().unwrap_or_else(|_| binary.to_owned());
    let mut command = Command::new(binary);
    command
        .args(arguments)
        .args(["--data", "data"])
        .current_dir(folder)
        .env_remove("OPENAI_API_KEY")
        .env_remove("OPENAI_BASE_URL")
        .env_remove("RUST_LOG");
    command
}
