//! Paths of what is stored at the provider, and of what batches ask for.
//!
//! INVARIANT: as in [`crate::route()`], a path is matched exactly as it stands.
//!
//! Not here: whose something stored is (`gateway`).

use crate::route::{Operation, Route, route};

/// The longest id of something stored, in bytes.
const STORED_ID_BYTES_MAX: usize = 256;

/// What is kept below a path: what asks for it alone, and what is asked below it.
type Kept = (&'static str, Operation, &'static [(&'static str, Operation)]);

const KEPT: [Kept; 3] = [
    ("/v1/files/", Operation::FileShow, &[("content", Operation::FileContent)]),
    ("/v1/batches/", Operation::BatchShow, &[("cancel", Operation::BatchCancel)]),
    (
        MESSAGE_BATCHES,
        Operation::MessageBatchShow,
        &[("cancel", Operation::MessageBatchCancel), (RESULTS, Operation::MessageBatchResults)],
    ),
];

const MESSAGE_BATCHES: &str = "/v1/messages/batches/";
const RESULTS: &str = "results";

/// What `GET` or `POST` asks of something stored at the provider, and its id, when `path` is of that form.
///
/// An id is 1 to 256 characters of `A-Za-z0-9._~-`.
pub fn stored(path: &str) -> Option<(Operation, &str)> {
    let below = |(above, shown, below): &Kept| Some((path.strip_prefix(above)?, *shown, *below));
    let (rest, shown, below) = KEPT.iter().find_map(below)?;
    let (id, operation) = match rest.split_once('/') {
        None => (rest, shown),
        Some((id, name)) => (id, below.iter().find(|(one, _)| *one == name)?.1),
    };
    let is_id = (1..=STORED_ID_BYTES_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte))
        && !matches!(id, "." | "..");
    is_id.then_some((operation, id))
}

/// Where the results of a batch of messages are, below whatever address a client asks at.
pub fn results_path(id: &str) -> String {
    format!("{MESSAGE_BATCHES}{id}/{RESULTS}")
}

/// What the lines of a batch for this path ask for. Azure leaves the version out.
pub fn batched(url: &str) -> Option<Operation> {
    let path = if url.starts_with("/v1/") { url.into() } else { format!("/v1{url}") };
    match route("POST", &path) {
        Route::Known(
            operation @ (Operation::ChatCompletions
            | Operation::Completions
            | Operation::Embeddings
            | Operation::ImageGenerations
            | Operation::Moderations
            | Operation::Responses),
        ) => Some(operation),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{STORED_ID_BYTES_MAX, batched, results_path};
    use crate::route::{Operation, Route, route};

    #[test]
    fn lines_of_batches_ask_for_what_is_guarded_there() {
        for (url, operation) in [
            ("/v1/chat/completions", Some(Operation::ChatCompletions)),
            ("/chat/completions", Some(Operation::ChatCompletions)),
            ("/v1/embeddings", Some(Operation::Embeddings)),
            ("/v1/responses", Some(Operation::Responses)),
            ("/v1/files", None),
            ("/v1/batches", None),
            ("/v1/messages", None),
            ("/v1/messages/batches", None),
            ("/v1/videos", None),
            ("/v1/chat/completions?x=1", None),
            ("chat/completions", None),
            ("", None),
        ] {
            assert_eq!(batched(url), operation, "{url}");
        }
    }

    #[test]
    fn results_are_where_they_are_asked_for() {
        let results = Route::Known(Operation::MessageBatchResults);
        assert_eq!(route("GET", &results_path("msgbatch_1~a~b")), results);
    }

    #[test]
    fn ids_are_limited() {
        let id = |bytes: usize| route("GET", &format!("/v1/files/{}", "a".repeat(bytes)));
        assert_eq!(id(STORED_ID_BYTES_MAX), Route::Known(Operation::FileShow));
        assert_eq!(id(STORED_ID_BYTES_MAX + 1), Route::Unknown, "longer than an id");
    }
}
