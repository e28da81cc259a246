//! Personal data and secrets that an answer carries in an encoding, where no reader and no plain search sees them.
//!
//! **Finds** (`exfiltration.encoded`): what the detectors of values find in a decoded view of an answer, besides their own
//! finding: a secret (rank 50), personal data with a checksum or a shape of its own (40). Escapes that any text may have (percent, backslash, HTML)
//! are no encoding in this sense.
//!
//! **Does not find** values in what was encrypted, compressed more than once or cut into pieces.
//!
//! **Example**: `QUtJQUlPU0ZPRE5ON0VYQU1QTEU=`, an access key in base64.

use crate::{DetectorCard, Reach};

pub(crate) const KIND: &str = "exfiltration.encoded";

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "encoded_values",
    kinds: &[KIND],
    reach: Reach::Late,
    summary: "Personal data and secrets that an answer carries in an encoding.",
};

/// Encodings that ordinary text has.
const ORDINARY: [&str; 3] = ["percent", "escape", "html"];

/// The rank of a value of this kind in a view with this path, if it is hidden there.
pub(crate) fn rank(kind: &str, path: &str) -> Option<u8> {
    let is_hidden = path.split('>').any(|part| !part.is_empty() && !ORDINARY.contains(&part));
    match kind.split('.').next() {
        Some("secret") if is_hidden => Some(50),
        Some("pii") if is_hidden && !matches!(kind, "pii.phone" | "pii.ip_address") => Some(40),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::rank;

    #[test]
    fn only_values_in_encodings_count() {
        assert_eq!(rank("secret.aws_access_key", "base64>"), Some(50));
        assert_eq!(rank("pii.email", "percent>hex>"), Some(40));
        assert_eq!(rank("pii.email", "percent>"), None);
        assert_eq!(rank("injection", "base64>"), None);
    }
}
