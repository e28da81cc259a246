//! Message bodies: the one body type, and reading a whole body within limits.
//!
//! INVARIANT: nothing is collected without a byte limit and a time limit.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};

use crate::BodyReadError;

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

/// Reads a body to its end: at most `bytes_max` bytes, at most `time_max` in all.
///
/// A body that announces more than `bytes_max` is refused before it is read.
pub async fn read_bounded<B>(
    body: B,
    bytes_max: usize,
    time_max: Duration,
) -> Result<Bytes, BodyReadError>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let announced = body.size_hint().lower();
    if announced > bytes_max as u64 {
        return Err(BodyReadError::TooLarge { bytes_max });
    }
    match tokio::time::timeout(time_max, collect(body, bytes_max, announced as usize)).await {
        Ok(result) => result,
        Err(_) => Err(BodyReadError::TimedOut { time_max }),
    }
}

async fn collect<B>(mut body: B, bytes_max: usize, announced: usize) -> Result<Bytes, BodyReadError>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyReadError::Broken)?;
        let Ok(data) = frame.into_data() else { continue };
        if data.len() + rest.len() + first.as_ref().map_or(0, Bytes::len) > bytes_max {
            return Err(BodyReadError::TooLarge { bytes_max });
        }
        match first.take() {
            // Most bodies arrive in one piece, and that piece is passed on without a copy.
            None if rest.is_empty() => first = Some(data),
            None => rest.extend_from_slice(&data),
            Some(earlier) => {
                rest.reserve(announced.max(earlier.len() + data.len()));
                rest.extend_from_slice(&earlier);
                rest.extend_from_slice(&data);
            }
        }
    }
    Ok(first.unwrap_or_else(|| rest.freeze()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http_body_util::{Full, StreamBody};

    use super::read_bounded;
    use crate::BodyReadError;

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
