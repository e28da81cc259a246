//! Text to findings: normalise, decode, match, score; whole or in a stream.
