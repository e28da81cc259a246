//! Message bodies: the one body type, and reading a whole body within limits.
//!
//! INVARIANT: nothing is collected without a byte limit and a time limit, nor beyond the budget that all
//! bodies share.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::BodyReadError;

/// The unit that the budget counts in.
const BUDGET_UNIT_BYTES: usize = 1024;

/// Memory that is reserved for a body on its word.
const RESERVED_BYTES_MAX: usize = 256 * 1024;

/// Memory for all bodies that are held at a time. Cheap to clone.
#[derive(Clone, Debug)]
pub struct BodyBudget {
    left: Arc<Semaphore>,
    units: usize,
}

/// A part of the budget, given back when dropped.
#[derive(Debug, Default)]
pub struct BodyShare(Option<OwnedSemaphorePermit>);

impl BodyBudget {
    /// A budget of `bytes_max` bytes, in whole kilobytes.
    pub fn new(bytes_max: usize) -> Self {
        let units = (bytes_max / BUDGET_UNIT_BYTES).min(Semaphore::MAX_PERMITS);
        Self { left: Arc::new(Semaphore::new(units)), units }
    }

    /// What bodies hold of it now, in bytes.
    pub fn held_bytes(&self) -> u64 {
        let held = self.units.saturating_sub(self.left.available_permits());
        (held * BUDGET_UNIT_BYTES) as u64
    }

    /// Makes a share cover this many bytes, if it does not yet and there is room for them.
    pub fn cover(&self, share: &mut BodyShare, bytes: usize) -> Result<(), BodyReadError> {
        let covered = share.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = bytes.div_ceil(BUDGET_UNIT_BYTES).saturating_sub(covered);
        if missing == 0 {
            return Ok(());
        }
        let missing = u32::try_from(missing).unwrap_or(u32::MAX);
        let more = Arc::clone(&self.left).try_acquire_many_owned(missing);
        let more = more.map_err(|_| BodyReadError::Busy)?;
        match &mut share.0 {
            Some(share) => share.merge(more),
            None => share.0 = Some(more),
        }
        Ok(())
    }
}

/// Why a body could not be sent to its end.
#[derive(Debug, thiserror::Error)]
#[error("the answer was cut off: {reason}")]
pub struct BodyFault {
    /// A stable code.
    pub reason: &'static str,
}

/// The body of every answer that leaves a listener.
pub type Body = UnsyncBoxBody<Bytes, BodyFault>;

/// A body with nothing in it.
pub fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body that is already whole.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A body that is already whole, with its share of the memory for all bodies until it is sent.
pub fn full_with(bytes: Bytes, share: BodyShare) -> Body {
    Held { bytes: Some(bytes), _share: share }.boxed_unsync()
}

/// See [`full_with`].
struct Held {
    bytes: Option<Bytes>,
    _share: BodyShare,
}

impl http_body::Body for Held {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        Poll::Ready(self.get_mut().bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, Bytes::len) as u64)
    }
}

/// Reads a body to its end: at most `bytes_max` bytes, at most `time_max` in all, and no more than `budget`
/// has left. What it takes of the budget goes to `share`.
///
/// A body that announces more than `bytes_max` is refused before it is read.
pub async fn read_bounded<B>(
    body: B,
    bytes_max: usize,
    time_max: Duration,
    budget: &BodyBudget,
    share: &mut BodyShare,
) -> Result<Bytes, BodyReadError>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let announced = body.size_hint().lower();
    if announced > bytes_max as u64 {
        return Err(BodyReadError::TooLarge { bytes_max });
    }
    let mut collected =
        Collected { announced: announced as usize, bytes_max, first: None, rest: BytesMut::new() };
    match tokio::time::timeout(time_max, collected.collect(body, budget, share)).await {
        Ok(result) => result?,
        Err(_) => return Err(BodyReadError::TimedOut { time_max }),
    }
    Ok(collected.first.unwrap_or_else(|| collected.rest.freeze()))
}

/// A body on its way.
struct Collected {
    announced: usize,
    bytes_max: usize,
    /// The first piece, as long as there is no second: most bodies arrive in one, which is passed on
    /// without a copy.
    first: Option<Bytes>,
    rest: BytesMut,
}

impl Collected {
    async fn collect<B>(
        &mut self,
        mut body: B,
        budget: &BodyBudget,
        share: &mut BodyShare,
    ) -> Result<(), BodyReadError>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| BodyReadError::Broken)?;
            let Ok(data) = frame.into_data() else { continue };
            let length = data.len() + self.rest.len() + self.first.as_ref().map_or(0, Bytes::len);
            if length > self.bytes_max {
                return Err(BodyReadError::TooLarge { bytes_max: self.bytes_max });
            }
            // For what has arrived, not for what was announced.
            budget.cover(share, length)?;
            match self.first.take() {
                None if self.rest.is_empty() => self.first = Some(data),
                None => self.rest.extend_from_slice(&data),
                Some(earlier) => {
                    // Not all that was announced: it may never come, and others need the memory.
                    let announced = self.announced.min(RESERVED_BYTES_MAX);
                    self.rest.reserve(announced.max(earlier.len() + data.len()));
                    self.rest.extend_from_slice(&earlier);
                    self.rest.extend_from_slice(&data);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http_body_util::{Full, StreamBody};

    use super::{BodyBudget, BodyShare};
    use crate::BodyReadError;

    /// Reads with a budget that nobody else uses.
    async fn read_bounded<B>(
        body: B,
        bytes_max: usize,
        time_max: Duration,
    ) -> Result<Bytes, BodyReadError>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        let budget = BodyBudget::new(1 << 20);
        super::read_bounded(body, bytes_max, time_max, &budget, &mut BodyShare::default()).await
    }

    #[tokio::test]
    async fn all_bodies_share_a_budget_and_give_it_back() {
        let budget = BodyBudget::new(4096);
        let body = || Full::new(Bytes::from(vec![b'x'; 3000]));
        let mut share = BodyShare::default();
        let first = super::read_bounded(body(), 4000, SECOND, &budget, &mut share).await;
        assert!(first.is_ok());
        assert_eq!(budget.held_bytes(), 3072, "whole kilobytes");
        let mut other = BodyShare::default();
        let second = super::read_bounded(body(), 4000, SECOND, &budget, &mut other).await;
        assert!(matches!(second, Err(BodyReadError::Busy)), "3 + 3 kilobytes are more than 4");
        drop(share);
        let third = super::read_bounded(body(), 4000, SECOND, &budget, &mut other).await;
        assert!(third.is_ok(), "what was given back can be used again");
    }

    #[tokio::test]
    async fn many_small_pieces_take_no_more_than_their_bytes() {
        let budget = BodyBudget::new(4096);
        let pieces = StreamBody::new(futures_util::stream::iter((0..3000).map(|_| {
            Ok::<_, std::convert::Infallible>(hyper::body::Frame::data(Bytes::from_static(b"x")))
        })));
        let mut share = BodyShare::default();
        let read = super::read_bounded(pieces, 4000, SECOND, &budget, &mut share).await;
        assert_eq!(read.map(|body| body.len()).ok(), Some(3000));
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn reads_up_to_the_limit_and_refuses_one_byte_more() {
        let exact = read_bounded(Full::new(Bytes::from_static(b"12345")), 5, SECOND).await;
        assert_eq!(exact.ok(), Some(Bytes::from_static(b"12345")));
        let over = read_bounded(Full::new(Bytes::from_static(b"123456")), 5, SECOND).await;
        assert!(matches!(over, Err(BodyReadError::TooLarge { bytes_max: 5 })));
    }

    #[tokio::test]
    async fn joins_pieces_and_counts_them_all() {
        let pieces = |n: usize| {
            StreamBody::new(futures_util::stream::iter((0..n).map(|_| {
                Ok::<_, std::convert::Infallible>(hyper::body::Frame::data(Bytes::from_static(
                    b"ab",
                )))
            })))
        };
        let joined = read_bounded(pieces(3), 6, SECOND).await;
        assert_eq!(joined.ok(), Some(Bytes::from_static(b"ababab")));
        let over = read_bounded(pieces(4), 6, SECOND).await;
        assert!(
            matches!(over, Err(BodyReadError::TooLarge { .. })),
            "unannounced excess is refused"
        );
    }

    #[tokio::test]
    async fn a_body_that_never_ends_times_out() {
        let body = StreamBody::new(futures_util::stream::pending::<
            Result<hyper::body::Frame<Bytes>, std::convert::Infallible>,
        >());
        let result = read_bounded(body, 10, Duration::from_millis(20)).await;
        assert!(matches!(result, Err(BodyReadError::TimedOut { .. })));
    }
}
