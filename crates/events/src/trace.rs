//! Where an interaction stands in a distributed trace (W3C trace context).
//!
//! INVARIANT: an id is never all zeroes, which stands for none.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

/// A trace: 16 bytes, 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId([u8; 16]);

/// A span of a trace: 8 bytes, 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId([u8; 8]);

/// Where an interaction stands in a trace. Fields are alphabetical: see [`crate::canonical_bytes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The caller's span, if the trace did not begin here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<SpanId>,
    /// The interaction's own span.
    pub span: SpanId,
    /// The trace.
    pub trace: TraceId,
}

macro_rules! hexadecimal_form {
    ($($id:ident, $bytes:literal);+) => {$(
        impl $id {
            /// From its bytes; nothing if all are zero.
            pub fn new(bytes: [u8; $bytes]) -> Option<Self> {
                (bytes != [0; $bytes]).then_some(Self(bytes))
            }

            /// The same, but the first id there is for what cannot be one.
            pub fn of_random(bytes: [u8; $bytes]) -> Self {
                let mut first = [0; $bytes];
                first[$bytes - 1] = 1;
                Self::new(bytes).unwrap_or(Self(first))
            }
        }

        impl std::fmt::Display for $id {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut digits = [0; 2 * $bytes];
                HEXLOWER.encode_mut(&self.0, &mut digits);
                formatter.write_str(std::str::from_utf8(&digits).unwrap_or_default())
            }
        }

        impl std::fmt::Debug for $id {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "{self}")
            }
        }

        impl Serialize for $id {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let bytes = HEXLOWER.decode(text.as_bytes()).ok();
                bytes.and_then(|bytes| Self::new(bytes.try_into().ok()?)).ok_or_else(|| {
                    serde::de::Error::custom(concat!("not ", $bytes, " bytes in hexadecimal"))
                })
            }
        }
    )+};
}

hexadecimal_form!(TraceId, 16; SpanId, 8);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_and_nothing_is_no_id() -> Result<(), serde_json::Error> {
        let trace = Trace {
            parent: None,
            span: SpanId::of_random([0; 8]),
            trace: TraceId::of_random([7; 16]),
        };
        let json = serde_json::to_string(&trace)?;
        assert_eq!(
            json,
            r#"{"span":"0000000000000001","trace":"07070707070707070707070707070707"}"#
        );
        assert_eq!(serde_json::from_str::<Trace>(&json)?, trace);
        assert_eq!(TraceId::new([0; 16]), None);
        for wrong in ["0000000000000000", "00", "00000000000000AA"] {
            assert!(serde_json::from_str::<SpanId>(&format!("\"{wrong}\"")).is_err(), "{wrong}");
        }
        Ok(())
    }
}
