//! The families of findings that policies can name, and where each stands in the schema.
//!
//! INVARIANT: the schema (`policies/schema.cedarschema`) declares every family here and every
//! provenance of `events::Provenance`, and no others; a test holds it. INVARIANT: a finding of a
//! family that is not listed counts as [`OTHER_FAMILY`], so that it is never lost to policies.

use events::Provenance;

/// The families of findings, as `context.findings.<family>` names them.
pub const FAMILIES: [&str; 16] = [
    "injection",
    "extraction",
    "jailbreak",
    "exfiltration",
    "tool_abuse",
    "toxicity",
    "pii",
    "secret",
    "obfuscation",
    "canary",
    "url",
    "leak",
    "regurgitation",
    "code",
    "output",
    "custom",
];

/// The family that findings of an unlisted family count as.
pub const OTHER_FAMILY: &str = "custom";

/// The columns of `context.findings.<family>`: the highest rank of all, the highest of low trust, and
/// one for each provenance, in the order of `events::Provenance::ALL`.
pub(crate) const COLUMNS: [&str; 2 + Provenance::ALL.len()] = {
    let mut columns = ["any"; 2 + Provenance::ALL.len()];
    columns[1] = "low_trust";
    let mut at = 0;
    while at < Provenance::ALL.len() {
        columns[2 + at] = Provenance::ALL[at].as_str();
        at += 1;
    }
    columns
};

/// The family's place in [`FAMILIES`] of a dotted kind.
pub(crate) fn family_of(kind: &str) -> usize {
    let family = kind.split('.').next().unwrap_or_default();
    FAMILIES.iter().position(|known| *known == family).unwrap_or(FAMILIES.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::{FAMILIES, OTHER_FAMILY, family_of};

    #[test]
    fn an_unlisted_family_is_not_lost() {
        for kind in ["", "somethingnew", "somethingnew.pii", "piix.email"] {
            assert_eq!(FAMILIES[family_of(kind)], OTHER_FAMILY, "{kind}");
        }
        for family in FAMILIES {
            assert_eq!(FAMILIES[family_of(&format!("{family}.x"))], family);
        }
    }
}
