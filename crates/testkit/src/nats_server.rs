//! A real `nats-server` of the test's own, with JetStream.
//!
//! INVARIANT: it listens on this machine only, keeps its files in a folder of its own, and does not outlive its value.

use std::io::{BufRead as _, BufReader, Error, ErrorKind, Read as _, Result, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::programs::NATS_PROGRAMS;
use crate::{Child, free_port, program};

/// How long it may take to start.
const START_MAX: Duration = Duration::from_secs(20);
/// How long one question may take.
const QUESTION_MAX: Duration = Duration::from_secs(10);

/// A running server.
#[derive(Debug)]
pub struct NatsServer {
    address: SocketAddr,
    child: Option<Child>,
    folder: tempfile::TempDir,
    /// More arguments.
    more: Vec<String>,
    token: Option<String>,
}

impl NatsServer {
    /// Starts a server with a token. Nothing, if there is none on this machine: the test is skipped and says so.
    pub fn start(token: &str) -> Result<Option<Self>> {
        let more = vec!["--auth".to_owned(), token.to_owned()];
        Self::with(more, Some(token.to_owned()))
    }

    /// Starts a server that speaks TLS, with a certificate and its key, as PEM.
    pub fn start_tls(certificate: &str, key: &str) -> Result<Option<Self>> {
        let Some(server) = Self::with(Vec::new(), None)? else { return Ok(None) };
        let file = |name: &str, text: &str| -> Result<PathBuf> {
            let path = server.folder.path().join(name);
            std::fs::write(&path, text)?;
            Ok(path)
        };
        let (certificate, key) = (file("certificate.pem", certificate)?, file("key.pem", key)?);
        let arguments = [
            "--tls".to_owned(),
            format!("--tlscert={}", certificate.display()),
            format!("--tlskey={}", key.display()),
        ];
        let mut server = server;
        server.more.extend(arguments);
        server.kill()?;
        server.restart()?;
        Ok(Some(server))
    }

    fn with(more: Vec<String>, token: Option<String>) -> Result<Option<Self>> {
        if program(NATS_PROGRAMS)?.is_none() {
            return Ok(None);
        }
        let (address, folder) = (free_port()?, tempfile::tempdir()?);
        let mut server = Self { address, child: None, folder, more, token };
        server.restart()?;
        Ok(Some(server))
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts it again, with what was on its disk.
    pub fn restart(&mut self) -> Result<()> {
        let mut command = Command::new("nats-server");
        command.args(["--addr", "127.0.0.1", "--port", &self.address.port().to_string()]);
        command.args(["--jetstream", "--store_dir"]).arg(self.folder.path()).args(&self.more);
        self.child = Some(Child::start(command)?);
        let deadline = Instant::now() + START_MAX;
        while Instant::now() < deadline {
            if TcpStream::connect(self.address).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let said = self.child.as_ref().map(Child::stdout).unwrap_or_default();
        Err(Error::new(ErrorKind::NotConnected, format!("no nats-server listens: {said}")))
    }

    /// SIGKILL.
    pub fn kill(&mut self) -> Result<()> {
        self.child.take().map_or(Ok(()), |mut child| child.kill())
    }

    /// What the server's own interface answers, without TLS: `$JS.API.STREAM.CREATE.NAME`.
    pub fn ask(&self, subject: &str, question: &Value) -> Result<Value> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(QUESTION_MAX))?;
        let mut reader = BufReader::new(stream.take(1 << 22));
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let token = self.token.as_deref().unwrap_or_default();
        let (options, question) =
            (serde_json::json!({ "verbose": false, "auth_token": token }), question.to_string());
        let bytes = question.len();
        let said = format!(
            "CONNECT {options}\r\nSUB answer 1\r\nPUB {subject} answer {bytes}\r\n{question}\r\n"
        );
        reader.get_mut().get_mut().write_all(said.as_bytes())?;
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 || line.starts_with("-ERR") {
                return Err(Error::new(ErrorKind::InvalidData, line));
            }
            if !line.starts_with("MSG ") {
                continue;
            }
            let bytes = line.trim_end().rsplit(' ').next().and_then(|bytes| bytes.parse().ok());
            let mut answer = vec![0; bytes.unwrap_or_default()];
            reader.read_exact(&mut answer)?;
            return serde_json::from_slice(&answer).map_err(Error::other);
        }
    }
}
