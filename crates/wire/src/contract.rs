//! stub
/// What the content map says about one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractRow {
    /// `openai`.
    pub dialect: &'static str,
    /// `chat.completions`, `embeddings`, `models`.
    pub operation: &'static str,
    /// `request`, `response`, `stream`.
    pub direction: &'static str,
    /// `messages[].content[].text`; `.*` is any key, `.**` anything below, `{key}` a free-form key.
    pub path: String,
    /// `guarded`, `constrained`, `opaque`, `denied`.
    pub typing: &'static str,
    /// For guarded text: where it came from, `user`, or `by role`.
    pub provenance: Option<&'static str>,
    /// For guarded text of an answer: its channel.
    pub lane: Option<&'static str>,
    /// For the rest: the constraint, or why.
    pub note: &'static str,
}

/// Every row of every table.
pub fn contract() -> Vec<ContractRow> {
    Vec::new()
}

/// The contract as a page of documentation.
pub fn contract_markdown() -> String {
    String::new()
}
