//! A fake service: an HTTP/1.1 server that answers each request as the test says.
//!
//! INVARIANT: every request is recorded as it came, up to a limit. INVARIANT: dropping it frees the port.
//!
//! Not here: the answers of model providers (`upstream`).

use std::io::{Result, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::RecordedRequest;
use crate::http::Reader;
use crate::upstream::receive;

/// Requests recorded.
const REQUESTS_RECORDED_MAX: usize = 4096;
/// How long a connection may be idle, and one write may take.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// One answer.
#[derive(Clone, Debug)]
pub struct Served {
    /// The body; it is sent as JSON.
    pub body: Vec<u8>,
    /// How long the client waits for it.
    pub delay: Duration,
    /// Headers besides those of its body.
    pub headers: Vec<(&'static str, String)>,
    /// The status; 0 closes the connection instead.
    pub status: u16,
}

impl Served {
    /// An answer with this status and body, at once.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), delay: Duration::ZERO, headers: Vec::new(), status }
    }

    /// The same answer, with one header more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same answer, later.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }
}

/// A running service.
#[derive(Debug)]
pub struct FakeService {
    acceptor: Option<JoinHandle<()>>,
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    answer: Box<dyn Fn(&RecordedRequest) -> Served + Send + Sync>,
    is_stopped: AtomicBool,
    requests: Mutex<Vec<RecordedRequest>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl FakeService {
    /// Starts a service on a free port of this machine.
    pub fn start(
        answer: impl Fn(&RecordedRequest) -> Served + Send + Sync + 'static,
    ) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            answer: Box::new(answer),
            is_stopped: AtomicBool::new(false),
            requests: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        let acceptor = std::thread::spawn(move || {
            for (number, stream) in (0_u64..).zip(listener.incoming()) {
                if serving.is_stopped.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let shared = Arc::clone(&serving);
                // A client that went away is what some tests are for.
                std::thread::spawn(move || drop(serve(&shared, stream, number)));
            }
        });
        Ok(Self { acceptor: Some(acceptor), address, shared })
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was received so far.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for FakeService {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn serve(shared: &Shared, stream: TcpStream, number: u64) -> Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(IDLE_MAX))?;
    stream.set_write_timeout(Some(IDLE_MAX))?;
    let mut reader = Reader::new(stream);
    while let Some(request) = receive(&mut reader, number)? {
        let served = (shared.answer)(&request);
        {
            let mut requests = shared.requests.lock().unwrap_or_else(PoisonError::into_inner);
            if requests.len() < REQUESTS_RECORDED_MAX {
                requests.push(request);
            }
        }
        std::thread::sleep(served.delay);
        if served.status == 0 {
            break;
        }
        let mut head = format!(
            "HTTP/1.1 {} Served\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
            served.status,
            served.body.len()
        );
        for (name, value) in &served.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        let mut bytes = (head + "\r\n").into_bytes();
        bytes.extend_from_slice(&served.body);
        reader.stream().write_all(&bytes)?;
    }
    Ok(())
}
