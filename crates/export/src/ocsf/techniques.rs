//! The names of techniques of MITRE ATLAS, for the ones that shipped rules are about.
//!
//! Source: MITRE ATLAS 5.6 (Apache-2.0), `atlas.mitre.org`. INVARIANT: a technique that is not here is called by its id.

/// Ids and names, by id.
const NAMES: &[(&str, &str)] = &[
    ("AML.T0051", "LLM Prompt Injection"),
    ("AML.T0051.000", "Direct"),
    ("AML.T0051.001", "Indirect"),
    ("AML.T0053", "AI Agent Tool Invocation"),
    ("AML.T0054", "LLM Jailbreak"),
    ("AML.T0055", "Unsecured Credentials"),
    ("AML.T0056", "Extract LLM System Prompt"),
    ("AML.T0057", "LLM Data Leakage"),
    ("AML.T0061", "LLM Prompt Self-Replication"),
    ("AML.T0068", "LLM Prompt Obfuscation"),
    ("AML.T0077", "LLM Response Rendering"),
    ("AML.T0080", "AI Agent Context Poisoning"),
    ("AML.T0086", "Exfiltration via AI Agent Tool Invocation"),
    ("AML.T0110", "AI Agent Tool Poisoning"),
];

/// What a technique is called.
pub(super) fn name(id: &str) -> &str {
    NAMES.iter().find(|(known, _)| *known == id).map_or(id, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn a_technique_has_its_name_or_its_id() {
        assert_eq!(name("AML.T0051"), "LLM Prompt Injection");
        assert_eq!(name("AML.T9999"), "AML.T9999");
    }
}
