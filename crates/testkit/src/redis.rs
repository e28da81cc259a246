//! A real `redis-server` (or `valkey-server`) of the test's own, and a store that says what the test says.
//!
//! INVARIANT: it listens on this machine only, keeps its files in a folder of its own, and does not outlive its value.
//!
//! Not here: what is counted in it.

use std::io::{BufRead as _, BufReader, Error, ErrorKind, Read as _, Result, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::{Child, REDIS_PROGRAMS, free_port, program};

/// How long it may take to start.
const START_MAX: Duration = Duration::from_secs(20);
/// How long one command may take.
const COMMAND_MAX: Duration = Duration::from_secs(10);

/// A running server.
#[derive(Debug)]
pub struct RedisServer {
    address: SocketAddr,
    arguments: Vec<String>,
    child: Option<Child>,
    folder: tempfile::TempDir,
    program: &'static str,
}

impl RedisServer {
    /// Starts a server with these arguments more. Nothing, if there is none on this machine: the test is skipped and says so.
    /// What it is told is on its disk before it answers, so that it survives being killed.
    pub fn start(more: &[&str]) -> Result<Option<Self>> {
        let Some(program) = program(REDIS_PROGRAMS)? else { return Ok(None) };
        let arguments = more.iter().map(|argument| (*argument).to_owned()).collect();
        let (address, folder) = (free_port()?, tempfile::tempdir()?);
        let mut server = Self { address, arguments, child: None, folder, program };
        server.restart()?;
        Ok(Some(server))
    }

    /// Where it listens, without TLS: `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts it again, with what was on its disk.
    pub fn restart(&mut self) -> Result<()> {
        let mut command = Command::new(self.program);
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"]);
        command.args(["--appendfsync", "always", "--dir"]).arg(self.folder.path());
        if !self.arguments.iter().any(|argument| argument == "--port") {
            command.arg("--port").arg(self.address.port().to_string());
        }
        command.args(&self.arguments);
        self.child = Some(Child::start(command)?);
        let deadline = Instant::now() + START_MAX;
        while Instant::now() < deadline {
            if TcpStream::connect(self.address).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let said = self.child.as_ref().map(Child::stdout).unwrap_or_default();
        Err(Error::new(ErrorKind::NotConnected, format!("no {} listens: {said}", self.program)))
    }

    /// SIGKILL.
    pub fn kill(&mut self) -> Result<()> {
        self.child.take().map_or(Ok(()), |mut child| child.kill())
    }

    /// SIGSTOP, or SIGCONT: connections are taken and nothing is answered.
    pub fn pause(&self, is_paused: bool) -> Result<()> {
        let signal = if is_paused { "STOP" } else { "CONT" };
        self.child.as_ref().map_or(Ok(()), |child| child.signal(signal))
    }

    /// The number that a command answers.
    pub fn number(&self, command: &[&str]) -> Result<i64> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(COMMAND_MAX))?;
        let mut bytes = format!("*{}\r\n", command.len()).into_bytes();
        for word in command {
            bytes.extend(format!("${}\r\n{word}\r\n", word.len()).into_bytes());
        }
        stream.write_all(&bytes)?;
        let mut line = String::new();
        BufReader::new(stream.take(4_096)).read_line(&mut line)?;
        let number = line.strip_prefix(':').and_then(|number| number.trim().parse().ok());
        number.ok_or_else(|| Error::new(ErrorKind::InvalidData, line))
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // A process that is stopped cannot be waited for.
        let _ = self.pause(false);
    }
}

/// A store that answers everything with the same bytes, or, without any, not at all.
#[derive(Debug)]
pub struct FakeStore {
    acceptor: Option<JoinHandle<()>>,
    address: SocketAddr,
    is_stopped: Arc<AtomicBool>,
}

impl FakeStore {
    /// Starts it on a free port. It answers each piece that it reads.
    pub fn start(answer: impl Into<Vec<u8>>) -> Result<Self> {
        let answer: Arc<[u8]> = Arc::from(answer.into());
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let is_stopped = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&is_stopped);
        let acceptor = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(mut stream) = stream else { continue };
                let answer = Arc::clone(&answer);
                std::thread::spawn(move || {
                    let _ = stream.set_read_timeout(Some(COMMAND_MAX));
                    let mut bytes = vec![0; 64 << 10];
                    while stream.read(&mut bytes).is_ok_and(|count| count > 0) {
                        if stream.write_all(&answer).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Ok(Self { acceptor: Some(acceptor), address, is_stopped })
    }

    /// Where it listens: `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }
}

impl Drop for FakeStore {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}
