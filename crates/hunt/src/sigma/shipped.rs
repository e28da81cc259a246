//! What is shipped: rules with their tests, and saved SQL hunts. They are files in `rules` and `queries`.
//!
//! INVARIANT: every file in these folders is here; a test compares.

/// A rule that is shipped.
#[derive(Clone, Copy, Debug)]
pub struct Shipped {
    /// Its file's name, without the ending.
    pub name: &'static str,
    /// The rule, as YAML.
    pub rule: &'static str,
    /// Its tests, as lines of JSON.
    pub tests: &'static str,
}

/// A saved SQL hunt.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// Its file's name, without the ending.
    pub name: &'static str,
    /// The statement, with a comment before it that says what it finds.
    pub sql: &'static str,
}

impl Query {
    /// What it finds: the comment before the statement.
    pub fn description(&self) -> String {
        let lines = self.sql.lines().map_while(|line| line.strip_prefix("-- "));
        lines.collect::<Vec<_>>().join(" ")
    }
}

macro_rules! rules {
    ($($name:literal),+ $(,)?) => {
        /// All rules that are shipped, by name.
        pub const SHIPPED: &[Shipped] = &[$(Shipped {
            name: $name,
            rule: include_str!(concat!("../../rules/", $name, ".yml")),
            tests: include_str!(concat!("../../rules/", $name, ".test.jsonl")),
        }),+];
    };
}

macro_rules! queries {
    ($($name:literal),+ $(,)?) => {
        /// All saved SQL hunts, by name.
        pub const QUERIES: &[Query] = &[$(Query {
            name: $name,
            sql: include_str!(concat!("../../queries/", $name, ".sql")),
        }),+];
    };
}

rules! {
    "adversarial-suffixes", "agent-in-a-loop", "answers-in-loops", "answers-long-on-average",
    "answers-rated-down", "answers-reported-harmful", "attack-families-probed", "attack-goes-round",
    "attack-let-go-by-exception", "attack-while-guard-was-out", "attacks-of-one-end-user",
    "authorisation-probed", "batches-burst", "block-then-allowed", "blocked-in-many-conversations",
    "blocked-then-allowed-elsewhere", "break-glass-abused", "break-glass-again-and-again",
    "budget-hammered", "canary-in-answer", "canary-in-request", "canary-then-used",
    "certificate-used-from-many-networks", "citations-made-up", "clients-leave",
    "dangerous-commands", "declined-then-harmful", "denied-hosts-in-answers",
    "embeddings-harvested", "encoded-attack", "exfiltration-in-many-answers",
    "exfiltration-let-through", "exfiltration-ordered-by-content", "exposed-key-not-rotated",
    "exposed-key-used", "fuzzed-then-through", "gateway-degraded", "gateway-restarts",
    "guards-out-for-long", "hidden-attack", "hidden-orders-in-content", "history-forged",
    "hours-not-granted", "injected-content-then-command", "injected-content-then-exfiltration",
    "injected-tool-result-then-tool-abuse", "injection-yields-commands", "instructions-replicate",
    "invalid-keys-flood", "isolation-undone-at-once", "jailbreak-succeeded", "key-guessed",
    "key-used-from-many-networks", "keys-exposed-in-bulk", "keys-made-in-bulk",
    "keys-revoked-in-bulk", "leak-after-block", "leak-while-guard-was-out",
    "lookalike-hosts-in-answers", "malformed-flood", "malformed-in-many-ways", "many-exfiltrations",
    "many-extractions", "many-injections", "many-jailbreaks", "many-keys-out-of-the-ordinary",
    "many-tool-abuses", "memory-poisoned", "memory-then-action", "model-lists-burst",
    "models-enumerated", "models-not-granted", "much-isolated", "new-key-attacks",
    "own-key-in-answer", "own-key-in-text", "personal-data-harvested",
    "personal-data-in-one-request", "personal-data-sent-in-bulk", "policy-errors",
    "protected-text-harvested", "rate-limit-hammered", "refusals-in-many-conversations",
    "retrieval-poisoned", "retrieved-secret-then-out", "risk-stays-high", "scraped-at-cost",
    "sealed-secrets-removed", "secrets-in-answers", "secrets-in-prompts", "stolen-keys-tried",
    "system-prompt-extracted", "system-prompt-leaks", "token-used-from-many-networks",
    "tokens-harvested", "tool-definition-poisoned", "tool-definition-then-abuse",
    "tools-not-granted", "toxic-answers", "unread-then-harmful", "upstream-failing",
    "upstream-slow", "values-encoded-in-answer"
}

queries! {
    "addresses-by-key",
    "blocked-conversations",
    "first-uses",
    "guards-that-failed-open",
    "injected-content",
    "refusals-by-reason",
    "rules-in-shadow",
    "secrets-in-answers",
    "slow-upstreams",
    "tokens-by-key-and-hour",
    "unread-content",
    "what-administrators-did",
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs::read_dir;

    use super::{QUERIES, SHIPPED};

    fn files(folder: &str, ending: &str) -> BTreeSet<String> {
        let folder = format!("{}/{folder}", env!("CARGO_MANIFEST_DIR"));
        let names = read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry"));
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter_map(|name| name.strip_suffix(ending).map(str::to_owned)).collect()
    }

    #[test]
    fn every_file_is_shipped() {
        let shipped = |names: &mut dyn Iterator<Item = &'static str>| -> BTreeSet<String> {
            names.map(str::to_owned).collect()
        };
        let rules = shipped(&mut SHIPPED.iter().map(|one| one.name));
        assert_eq!(rules, files("rules", ".yml"));
        assert_eq!(rules, files("rules", ".test.jsonl"));
        assert_eq!(shipped(&mut QUERIES.iter().map(|one| one.name)), files("queries", ".sql"));
    }

    #[test]
    fn saved_hunts_say_what_they_find() {
        for query in QUERIES {
            assert!(query.description().len() > 20, "{}", query.name);
        }
    }
}
