//! What stands where below `/api/`: what works for a model or tells of models, and what is never forwarded.

use crate::route::{Operation, Route};

/// What of it works for a model, or tells of models.
const OLLAMA_OPERATIONS: [(&str, Operation); 8] = [
    ("chat", Operation::OllamaChat),
    ("generate", Operation::OllamaGenerate),
    ("embed", Operation::OllamaEmbed),
    ("embeddings", Operation::OllamaEmbeddings),
    ("tags", Operation::OllamaTags),
    ("show", Operation::OllamaShow),
    ("ps", Operation::OllamaPs),
    ("version", Operation::OllamaVersion),
];
/// What of it changes the server's models, or stands for the server's own account; and whatever is below.
const OLLAMA_MANAGEMENT: [&str; 13] = [
    "blobs",
    "copy",
    "create",
    "delete",
    "experimental",
    "me",
    "pull",
    "push",
    "signout",
    "status",
    "user",
    "web_fetch",
    "web_search",
];
const MANAGEMENT: &str = "it manages the server behind this gateway, or uses the server's own account; \
                          ask the server's operators, who reach it without this gateway";

/// What stands at this place below `/api/`.
pub(crate) fn route(rest: &str) -> Route {
    if let Some((_, operation)) = OLLAMA_OPERATIONS.iter().find(|(name, _)| *name == rest) {
        return Route::Known(*operation);
    }
    let first = rest.split('/').next().unwrap_or_default();
    if OLLAMA_MANAGEMENT.contains(&first) {
        return Route::Denied { why: MANAGEMENT };
    }
    Route::Unknown
}
