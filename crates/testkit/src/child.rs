//! Programs under test as children: started, listened to, and killed.
//!
//! INVARIANT: a child never outlives its [`Child`].
//!
//! Not here: what a program's output means.

use std::io::{BufRead, BufReader, Read, Result};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Bytes kept of each of a child's outputs.
const OUTPUT_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Wait between two looks at a condition.
const POLL: Duration = Duration::from_millis(5);

/// A running program.
#[derive(Debug)]
pub struct Child {
    process: std::process::Child,
    stdout: Captured,
    stderr: Captured,
}

#[derive(Debug)]
struct Captured {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Captured {
    fn of(stream: Option<impl Read + Send + 'static>) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let reader = stream.map(|stream| {
            let text = Arc::clone(&text);
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stream.take(OUTPUT_BYTES_MAX));
                let mut line = Vec::new();
                while lines.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                    let line = String::from_utf8_lossy(&std::mem::take(&mut line)).into_owned();
                    text.lock().unwrap_or_else(PoisonError::into_inner).push_str(&line);
                }
            })
        });
        Self { text, reader }
    }

    fn text(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn finish(&mut self) {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Child {
    /// Starts `command` with its outputs captured and no input.
    pub fn start(mut command: Command) -> Result<Self> {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn()?;
        let stdout = Captured::of(process.stdout.take());
        let stderr = Captured::of(process.stderr.take());
        Ok(Self { process, stdout, stderr })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// What it wrote to standard output so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What it wrote to standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Whether it is still running.
    pub fn is_running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Waits until `condition` holds. Whether it did in time, and before the child ended.
    pub fn wait_for(&mut self, most: Duration, condition: impl Fn(&Self) -> bool) -> bool {
        let deadline = Instant::now() + most;
        loop {
            if condition(self) {
                return true;
            }
            if Instant::now() >= deadline || !self.is_running() {
                return condition(self);
            }
            std::thread::sleep(POLL);
        }
    }

    /// SIGKILL: no handler runs, nothing is flushed.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// SIGTERM: the child may end in its own way.
    pub fn terminate(&self) -> Result<()> {
        self.signal("TERM")
    }

    /// Any signal, by its name without `SIG`: `HUP`, `STOP`, `CONT`.
    pub fn signal(&self, name: &str) -> Result<()> {
        let id = self.id().to_string();
        let status = Command::new("kill").arg(format!("-{name}")).arg(id).status()?;
        if status.success() { Ok(()) } else { Err(std::io::Error::other("no such process")) }
    }

    /// Waits for its end. `None` when it did not end in time.
    pub fn wait(&mut self, most: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + most;
        loop {
            if let Ok(Some(status)) = self.process.try_wait() {
                self.stdout.finish();
                self.stderr.finish();
                return Some(status);
            }
            if Instant::now() >= deadline {
                return None;
            }
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.kill();
        self.stdout.finish();
        self.stderr.finish();
    }
}

/// A port of 127.0.0.1 that was free a moment ago.
pub fn free_port() -> Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}

/// A binary of this workspace, next to the running test or bench. It must have been built.
pub fn target_binary(name: &str) -> Result<PathBuf> {
    let current = std::env::current_exe()?;
    let folders = current.ancestors().skip(1).take(2);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| {
        std::io::Error::new(
            std::io::ErrorKind::NotFound,
            format!("no `{name}` beside {}; build it first", current.display()),
        )
    })
}
