//! The body of a request as it comes in, and what becomes of a body that nobody read.
//!
//! INVARIANT: over HTTP/1.1 an answer that says nothing about its connection leaves it usable: the rest of
//! the request's body was read before the answer went out, or the answer says `connection: close`. A client
//! that is refused early and keeps its connections would otherwise send its next request into one that is closing.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;

/// What is read of a body that nobody wants, before its answer.
const UNREAD_BYTES_MAX: u64 = 256 * 1024;
/// How long that may take.
const UNREAD_TIME_MAX: Duration = Duration::from_millis(500);

/// A request's body as it comes in, from a client. What is left of it when it is dropped goes back to who
/// serves its connection.
#[derive(Debug)]
pub struct RequestBody {
    /// `None` at its end.
    body: Option<Incoming>,
    unread: Unread,
}

impl RequestBody {
    /// With whom to leave what is not read.
    pub(crate) fn new(body: Incoming, unread: &Unread) -> Self {
        Self { body: Some(body), unread: unread.clone() }
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(context));
        if frame.is_none() {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Incoming::size_hint)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.unread.leave(self.body.take().filter(|body| !body.is_end_stream()));
    }
}

/// What was left unread of a request's body.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unread(Arc<Mutex<Option<Incoming>>>);

impl Unread {
    fn leave(&self, body: Option<Incoming>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = body;
    }

    /// Reads what was left, within limits, unless the client may be waiting to be told to send it. Whether it came to its end.
    pub(crate) async fn finish(&self, may_wait: bool) -> bool {
        let left = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut body) = left else { return true };
        if may_wait || body.size_hint().lower() > UNREAD_BYTES_MAX {
            return false;
        }
        let read = async {
            let mut bytes_left = UNREAD_BYTES_MAX;
            while let Some(frame) = body.frame().await {
                let bytes = frame.ok().map(|frame| frame.data_ref().map_or(0, Bytes::len) as u64);
                match bytes.and_then(|bytes| bytes_left.checked_sub(bytes)) {
                    Some(left) => bytes_left = left,
                    None => return false,
                }
            }
            true
        };
        tokio::time::timeout(UNREAD_TIME_MAX, read).await.unwrap_or(false)
    }
}

#[cfg(test)]
#[path = "request_body_tests.rs"]
mod tests;
