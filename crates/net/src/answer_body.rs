//! The body of an upstream's answer, which holds its connection, or its stream, until it has ended.
//!
//! INVARIANT: what was read makes room for more, and nothing else does: who does not read stops the upstream, and
//! nobody else's answer. INVARIANT: an answer that was cut off, whoever cut it, is an error and no end.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::RecvStream;
use http::{HeaderMap, header};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;

use crate::pool::{Held, Lease};

/// The connection broke before the answer had ended.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off")]
pub struct AnswerFault;

/// See the module.
#[derive(Debug)]
pub struct AnswerBody {
    answer: Answer,
}

enum Answer {
    Ended,
    Http1(Incoming, Lease),
    Http2 {
        lease: Lease,
        /// Bytes that are still to come, as far as they were announced.
        left: Option<u64>,
        stream: RecvStream,
    },
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Answer").finish_non_exhaustive()
    }
}

impl AnswerBody {
    pub(crate) fn http1(body: Incoming, lease: Lease) -> Self {
        let mut this = Self { answer: Answer::Http1(body, lease) };
        this.end_if_ended();
        this
    }

    pub(crate) fn http2(stream: RecvStream, headers: &HeaderMap, lease: Lease) -> Self {
        let announced = headers.get(header::CONTENT_LENGTH);
        let left = announced.and_then(|value| value.to_str().ok()?.parse().ok());
        let mut this = Self { answer: Answer::Http2 { lease, left, stream } };
        this.end_if_ended();
        this
    }

    /// Gives the connection back as soon as nothing is to come.
    fn end_if_ended(&mut self) {
        let is_ended = match &self.answer {
            Answer::Ended => true,
            Answer::Http1(body, _) => http_body::Body::is_end_stream(body),
            Answer::Http2 { stream, .. } => stream.is_end_stream(),
        };
        if is_ended {
            self.end();
        }
    }

    /// The answer is whole.
    fn end(&mut self) {
        match std::mem::replace(&mut self.answer, Answer::Ended) {
            Answer::Ended => {}
            Answer::Http1(_, mut lease) | Answer::Http2 { mut lease, .. } => lease.is_whole = true,
        }
    }
}

impl Answer {
    /// The next frame; nothing at the end.
    fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AnswerFault>>> {
        let fault = |error: &dyn std::error::Error| {
            tracing::debug!(?error, "an answer broke off");
            AnswerFault
        };
        match self {
            Self::Ended => Poll::Ready(None),
            Self::Http1(body, _) => {
                let frame = ready!(http_body::Body::poll_frame(Pin::new(body), context));
                Poll::Ready(frame.map(|frame| frame.map_err(|error| fault(&error))))
            }
            Self::Http2 { lease, left, stream } => match ready!(stream.poll_data(context)) {
                Some(Ok(data)) => {
                    // Fails only on a stream that is over, whose window nobody needs.
                    let _released = stream.flow_control().release_capacity(data.len());
                    if let Some(Held::Shared(connection)) = &lease.held {
                        connection.took(data.len());
                    }
                    *left = left.map(|left| left.saturating_sub(data.len() as u64));
                    Poll::Ready(Some(Ok(Frame::data(data))))
                }
                Some(Err(error)) => Poll::Ready(Some(Err(fault(&error)))),
                None => match ready!(stream.poll_trailers(context)) {
                    Ok(trailers) => Poll::Ready(trailers.map(|all| Ok(Frame::trailers(all)))),
                    Err(error) => Poll::Ready(Some(Err(fault(&error)))),
                },
            },
        }
    }
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = AnswerFault;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AnswerFault>>> {
        let this = self.get_mut();
        let frame = ready!(this.answer.poll(context));
        match &frame {
            // Cut off: the connection is not used again.
            Some(Err(_)) => this.answer = Answer::Ended,
            Some(Ok(_)) => this.end_if_ended(),
            None => this.end(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.answer, Answer::Ended)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.answer {
            Answer::Ended | Answer::Http2 { left: None, .. } => SizeHint::default(),
            Answer::Http1(body, _) => http_body::Body::size_hint(body),
            Answer::Http2 { left: Some(left), .. } => SizeHint::with_exact(*left),
        }
    }
}
