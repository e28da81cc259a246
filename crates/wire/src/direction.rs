//! Which way messages go.
//!
//! INVARIANT: each direction of an operation has at most one content map.
//!
//! Not here: what can be asked (`operation`).

/// Which way a message goes, and in what form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the caller to the model.
    Request,
    /// From the model to the caller, whole.
    Response,
    /// From the model to the caller, one event of a stream.
    Stream,
    /// From the caller, one line of a file.
    RequestLine,
    /// To the caller, one line of a file.
    ResponseLine,
}

impl Direction {
    /// All directions.
    pub const ALL: [Self; 5] =
        [Self::Request, Self::Response, Self::Stream, Self::RequestLine, Self::ResponseLine];

    /// Whether it goes from the caller to the model.
    pub const fn is_request(self) -> bool {
        matches!(self, Self::Request | Self::RequestLine)
    }

    /// The name in contracts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
            Self::Stream => "stream",
            Self::RequestLine => "request line",
            Self::ResponseLine => "response line",
        }
    }
}
