//! Which operation a request line asks for.
//!
//! INVARIANT: a path is matched exactly as it stands: no decoding, no merging of slashes, no trailing
//! slash, so that two readers of the same line cannot disagree about it. INVARIANT: what is not listed
//! is unknown, and unknown is refused.
//!
//! Not here: who may ask (`policy`), where the request goes (`gateway`).

use std::borrow::Cow;

use crate::address::{AddressStyle, OF_BEDROCK, address, is_googles, is_version};
pub use crate::dialect::Dialect;
pub use crate::direction::Direction;
use crate::form::Form;
use crate::ollama;
pub use crate::operation::Operation;
use crate::stored::stored;

/// What a request line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// An operation we guard.
    Known(Operation),
    /// A path we guard, asked with another method: answer 405 and `Allow`.
    WrongMethod {
        /// The method that is allowed.
        allow: &'static str,
    },
    /// A path that is known and never forwarded: answer 403 in the shape of [`dialect_of`] it.
    Denied {
        /// In words.
        why: &'static str,
    },
    /// Anything else: answer 404 in the shape of [`dialect_of`] the path.
    Unknown,
}

/// The longest model name in a path or a body, in bytes.
pub(crate) const MODEL_NAME_BYTES_MAX: usize = 256;

const MODELS: &str = "/v1/models/";
const MESSAGES: &str = "/v1/messages";
const COUNT_TOKENS: &str = "/v1/messages/count_tokens";
const MESSAGE_BATCHES: &str = "/v1/messages/batches";
const REALTIME: &str = "/v1/realtime";
/// Why what is below [`REALTIME`] is denied: secrets for clients, calls by WebRTC and SIP.
const ROUND_THE_GATEWAY: &str = "with a client secret or a call, a client would speak with the provider directly and go round \
     the gateway; open a WebSocket at `/v1/realtime` with a virtual key instead";
/// Below it is Ollama's native API.
const OLLAMA: &str = "/api/";

/// The dialect in which whoever asks for `path` expects to be answered.
pub fn dialect_of(path: &str) -> Dialect {
    match path.strip_prefix(MESSAGES) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => Dialect::Anthropic,
        _ if is_googles(path) => Dialect::Gemini,
        _ if path.starts_with(OF_BEDROCK) => Dialect::Bedrock,
        _ if path.starts_with(OLLAMA) => Dialect::Ollama,
        _ => Dialect::OpenAi,
    }
}

/// What `method` and `path` (without the query) ask for.
pub fn route(method: &str, path: &str) -> Route {
    let address = address(path);
    if address.style == AddressStyle::Gemini {
        return of_method(method, gemini_operation(&address.path));
    }
    if address.style == AddressStyle::Bedrock {
        let streams = address.path.ends_with("-stream");
        let operation = if streams { Operation::ConverseStream } else { Operation::Converse };
        return of_method(method, Some(operation));
    }
    let operation = match &*address.path {
        // Azure has no other dialect's paths below its prefix.
        path if path.starts_with(MESSAGES) && address.style != AddressStyle::Standard => {
            return Route::Unknown;
        }
        "/v1/chat/completions" => Operation::ChatCompletions,
        "/v1/embeddings" => Operation::Embeddings,
        "/v1/models" => Operation::ModelList,
        "/v1/completions" => Operation::Completions,
        "/v1/moderations" => Operation::Moderations,
        "/v1/responses" => Operation::Responses,
        "/v1/responses/input_tokens" => Operation::ResponseInputTokens,
        "/tokenize" => Operation::Tokenize,
        "/detokenize" => Operation::Detokenize,
        "/score" | "/v1/score" => Operation::Score,
        "/rerank" | "/v1/rerank" | "/v2/rerank" => Operation::Rerank,
        "/pooling" => Operation::Pooling,
        "/v1/images/generations" => Operation::ImageGenerations,
        // A list is of a whole account, which callers share, and nothing in it says whose is whose.
        "/v1/files" | "/v1/batches" | MESSAGE_BATCHES if method == "GET" => return Route::Unknown,
        "/v1/files" => Operation::FileUpload,
        "/v1/batches" => Operation::BatchCreate,
        "/v1/images/edits" => Operation::ImageEdits,
        "/v1/images/variations" => Operation::ImageVariations,
        "/v1/audio/transcriptions" => Operation::AudioTranscriptions,
        "/v1/audio/translations" => Operation::AudioTranslations,
        "/v1/audio/speech" => Operation::AudioSpeech,
        REALTIME => Operation::Realtime,
        path if path.strip_prefix(REALTIME).is_some_and(|rest| rest.starts_with('/')) => {
            return Route::Denied { why: ROUND_THE_GATEWAY };
        }
        MESSAGES => Operation::Messages,
        COUNT_TOKENS => Operation::CountTokens,
        MESSAGE_BATCHES => Operation::MessageBatchCreate,
        path if shown_model(path).is_some() => Operation::ModelShow,
        path => match (stored(path), path.strip_prefix(OLLAMA).map(ollama::route)) {
            (Some((Operation::FileShow, _)), _) if method == "DELETE" => Operation::FileDelete,
            (Some((Operation::MessageBatchShow, _)), _) if method == "DELETE" => {
                Operation::MessageBatchDelete
            }
            (Some((operation, _)), _) | (None, Some(Route::Known(operation))) => operation,
            (None, Some(other)) => return other,
            (None, None) => return Route::Unknown,
        },
    };
    of_method(method, Some(operation))
}

fn of_method(method: &str, operation: Option<Operation>) -> Route {
    match operation {
        Some(operation) if method == operation.method() => Route::Known(operation),
        Some(operation) => Route::WrongMethod { allow: operation.allowed() },
        None => Route::Unknown,
    }
}

/// What is asked for at one of the Gemini API's paths, as [`address`] writes them.
fn gemini_operation(path: &str) -> Option<Operation> {
    let Some(model) = path.strip_prefix("/models/") else {
        return (path == "/models").then_some(Operation::GeminiModelList);
    };
    Some(match model.rsplit_once(':').map(|(_, method)| method) {
        Some("generateContent") => Operation::GenerateContent,
        Some("streamGenerateContent") => Operation::StreamGenerateContent,
        Some("countTokens") => Operation::GeminiCountTokens,
        Some("embedContent") => Operation::EmbedContent,
        Some("batchEmbedContents") => Operation::BatchEmbedContents,
        None => Operation::GeminiModelShow,
        Some(_) => return None,
    })
}

/// The most models that one page of a list may have.
const PAGE_MODELS_MAX: u32 = 1000;

/// Which page of Anthropic's list of models: each member as its reference has it, and once.
pub(crate) fn turns_pages(query: &str) -> bool {
    let mut seen = Vec::new();
    query.split('&').all(|member| {
        let Some((name, value)) = member.split_once('=') else { return false };
        let is_right = match name {
            "beta" => value == "true",
            "limit" => {
                !value.starts_with(['0', '+'])
                    && value.parse().is_ok_and(|limit: u32| limit <= PAGE_MODELS_MAX)
            }
            "before_id" | "after_id" => is_model_name(value) && !value.contains(['+', '/', '@']),
            _ => false,
        };
        let is_new = !seen.contains(&name);
        seen.push(name);
        is_right && is_new
    })
}

/// The model that a session is asked for with, in a query that has it and, on Azure, the version of the API. Nothing,
/// if the query is of another form.
pub fn session_model(query: &str) -> Option<String> {
    let (mut model, mut has_version) = (None, false);
    for member in query.split('&') {
        let (name, value) = member.split_once('=')?;
        match name {
            "model" | "deployment" if model.is_none() => {
                model = Some(percent_decoded(value).filter(|name| is_model_name(name))?);
            }
            "api-version" if !has_version && is_version(value) => has_version = true,
            _ => return None,
        }
    }
    model
}

/// Which page of Gemini's list of models: each member as its reference has it, and once.
pub(crate) fn turns_pages_of_gemini(query: &str) -> bool {
    let mut seen = Vec::new();
    query.split('&').all(|member| {
        let Some((name, value)) = member.split_once('=') else { return false };
        let is_right = match name {
            "pageSize" => {
                !value.starts_with(['0', '+'])
                    && value.parse().is_ok_and(|limit: u32| limit <= PAGE_MODELS_MAX)
            }
            "pageToken" => Form::Id.admits_text(value) && !value.is_empty(),
            "alt" => value == "json",
            _ => false,
        };
        let is_new = !seen.contains(&name);
        seen.push(name);
        is_right && is_new
    })
}

/// The model that `GET /v1/models/{model}` asks for, or `None` when `path` is not of that form.
///
/// Names may hold slashes, plain or as `%2F`; whatever they decode to must be a model name.
pub fn shown_model(path: &str) -> Option<Cow<'_, str>> {
    let name = path.strip_prefix(MODELS)?;
    let name = if name.contains('%') { Cow::Owned(percent_decoded(name)?) } else { name.into() };
    let whole_segments = name.split('/').all(|segment| !segment.is_empty());
    (whole_segments && is_model_name(&name)).then_some(name)
}

/// Whether `name` can be a model's name: 1 to 256 characters of `A-Za-z0-9._:/@+-`, and no segment
/// that a path would read as `.` or `..`. (vLLM names a model by its absolute path.)
pub(crate) fn is_model_name(name: &str) -> bool {
    (1..=MODEL_NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:/@+-".contains(&byte))
        && name.split('/').all(|segment| !matches!(segment, "." | ".."))
}

pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            decoded.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::{Dialect, Operation, Route, dialect_of, route, session_model, shown_model};

    #[test]
    fn the_operations_are_known() {
        for (method, path, operation) in [
            ("POST", "/v1/chat/completions", Operation::ChatCompletions),
            ("POST", "/v1/embeddings", Operation::Embeddings),
            ("GET", "/v1/models", Operation::ModelList),
            ("POST", "/v1/completions", Operation::Completions),
            ("POST", "/v1/moderations", Operation::Moderations),
            ("POST", "/v1/responses", Operation::Responses),
            ("POST", "/v1/responses/input_tokens", Operation::ResponseInputTokens),
            ("POST", "/tokenize", Operation::Tokenize),
            ("POST", "/detokenize", Operation::Detokenize),
            ("POST", "/v1/score", Operation::Score),
            ("POST", "/v2/rerank", Operation::Rerank),
            ("POST", "/pooling", Operation::Pooling),
            ("POST", "/v1/images/generations", Operation::ImageGenerations),
            ("POST", "/v1/messages", Operation::Messages),
            ("POST", "/v1/messages/count_tokens", Operation::CountTokens),
            ("POST", "/v1/files", Operation::FileUpload),
            ("GET", "/v1/files/file-1~aB_~x.y", Operation::FileShow),
            ("DELETE", "/v1/files/file-1", Operation::FileDelete),
            ("GET", "/v1/files/file-1/content", Operation::FileContent),
            ("POST", "/v1/batches", Operation::BatchCreate),
            ("GET", "/v1/batches/batch_1", Operation::BatchShow),
            ("POST", "/v1/batches/batch_1/cancel", Operation::BatchCancel),
            ("GET", "/v1/models/gpt-4o", Operation::ModelShow),
            ("POST", "/v1/messages/batches", Operation::MessageBatchCreate),
            ("GET", "/v1/messages/batches/msgbatch_1~a~b", Operation::MessageBatchShow),
            ("POST", "/v1/messages/batches/msgbatch_1/cancel", Operation::MessageBatchCancel),
            ("DELETE", "/v1/messages/batches/msgbatch_1", Operation::MessageBatchDelete),
            ("GET", "/v1/messages/batches/msgbatch_1/results", Operation::MessageBatchResults),
            ("POST", "/api/chat", Operation::OllamaChat),
            ("POST", "/api/embeddings", Operation::OllamaEmbeddings),
            ("GET", "/api/tags", Operation::OllamaTags),
            ("POST", "/v1/audio/transcriptions", Operation::AudioTranscriptions),
            ("POST", "/v1/images/edits", Operation::ImageEdits),
            ("GET", "/v1/realtime", Operation::Realtime),
            ("GET", "/openai/v1/realtime", Operation::Realtime),
            ("GET", "/openai/realtime", Operation::Realtime),
            ("GET", "/v1/models/meta-llama%2FLlama-3.1-8B", Operation::ModelShow),
        ] {
            assert_eq!(route(method, path), Route::Known(operation), "{path}");
        }
    }

    #[test]
    fn other_methods_are_told_what_is_allowed() {
        assert_eq!(route("GET", "/v1/embeddings"), Route::WrongMethod { allow: "POST" });
        assert_eq!(route("DELETE", "/v1/models/m"), Route::WrongMethod { allow: "GET" });
        assert_eq!(route("PUT", "/v1/files"), Route::WrongMethod { allow: "POST" });
        assert_eq!(route("GET", "/v1/files"), Route::Unknown, "a list of everybody's");
        assert_eq!(route("GET", "/v1/batches"), Route::Unknown, "a list of everybody's");
        assert_eq!(route("PUT", "/v1/files/a"), Route::WrongMethod { allow: "GET, DELETE" });
        assert_eq!(route("DELETE", "/v1/batches/a"), Route::WrongMethod { allow: "GET" });
        let batches = "/v1/messages/batches";
        assert_eq!(route("GET", batches), Route::Unknown, "a list of everybody's");
        assert_eq!(route("DELETE", batches), Route::WrongMethod { allow: "POST" });
        let batch = format!("{batches}/a");
        assert_eq!(route("POST", &batch), Route::WrongMethod { allow: "GET, DELETE" });
    }

    #[test]
    fn near_misses_are_unknown() {
        for path in [
            "",
            "/",
            "/v1/chat/completions/",
            "//v1/chat/completions",
            "/V1/chat/completions",
            "/v1/chat%2Fcompletions",
            "/v1/responses/resp_1",
            "/v1/Responses",
            "/v1/messages/",
            "/v1/messages/batches/",
            "/v1/messages/batches/a/content",
            "/v1/messages/batches/a/results/",
            "/v1/messages/batches/..",
            "/v1/files/",
            "/v1/files/..",
            "/v1/files/a/b",
            "/v1/files/a/cancel",
            "/v1/files/a/content/",
            "/v1/files/a%2Fcontent",
            "/v1/files/a b",
            "/v1/batches/a/content",
            "/v1/models/",
            "/v1/models//a",
            "/v1/models/%2Fa",
            "/v1/models/..",
            "/v1/models/a/../b",
            "/v1/models/%2e%2e",
            "/v1/models/a%",
            "/v1/models/a%zz",
            "/v1/models/a%00b",
            "/v1/models/%+1",
            "/v1/models/a b",
            "/api",
            "/api/",
            "/api/chat/",
            "/api/Chat",
            "/api/chat/completions",
        ] {
            assert_eq!(route("POST", path), Route::Unknown, "{path}");
        }
        let long = format!("/v1/models/{}", "a".repeat(257));
        assert_eq!(route("GET", &long), Route::Unknown, "longer than a model's name");
    }

    #[test]
    fn what_manages_a_server_of_ollama_is_denied_whatever_the_method() {
        for path in [
            "/api/pull",
            "/api/push",
            "/api/create",
            "/api/copy",
            "/api/delete",
            "/api/blobs/sha256:0a",
            "/api/me",
            "/api/user/keys/k",
            "/api/experimental/web_search",
        ] {
            for method in ["POST", "GET", "HEAD", "DELETE"] {
                assert!(matches!(route(method, path), Route::Denied { .. }), "{method} {path}");
            }
            assert_eq!(dialect_of(path), Dialect::Ollama, "{path}");
        }
    }

    #[test]
    fn ways_round_a_session_are_denied_and_its_query_names_the_model() {
        for path in [
            "/v1/realtime/client_secrets",
            "/v1/realtime/sessions",
            "/v1/realtime/calls",
            "/openai/v1/realtime/client_secrets",
        ] {
            assert!(matches!(route("POST", path), Route::Denied { .. }), "{path}");
        }
        assert_eq!(route("POST", "/v1/realtime"), Route::WrongMethod { allow: "GET" });
        for (query, model) in [
            ("model=gpt-realtime", Some("gpt-realtime")),
            ("model=a%2Fb", Some("a/b")),
            ("api-version=2024-10-01-preview&deployment=d", Some("d")),
            ("model=a&model=a", None),
            ("model=a&deployment=b", None),
            ("model=", None),
            ("model=my%20name", None),
            ("model=a&call_id=rtc_1", None),
            ("call_id=rtc_1", None),
            ("", None),
        ] {
            assert_eq!(session_model(query).as_deref(), model, "{query}");
        }
    }

    #[test]
    fn paths_belong_to_a_dialect_and_take_its_queries_alone() {
        for path in ["/v1/messages", "/v1/messages/batches", "/v1/messages/count_tokens"] {
            assert_eq!(dialect_of(path), Dialect::Anthropic, "{path}");
        }
        for path in ["/", "/v1/messagesx", "/v1/chat/completions", "/v1/models"] {
            assert_eq!(dialect_of(path), Dialect::OpenAi, "{path}");
        }
        assert!(Operation::Messages.admits_query("beta=true"));
        for query in ["", "beta=false", "beta=true&x=1", "BETA=true", "beta=tru%65"] {
            assert!(!Operation::Messages.admits_query(query), "{query}");
        }
        assert!(!Operation::ChatCompletions.admits_query("beta=true"));
    }

    #[test]
    fn pages_of_anthropics_models_are_turned_by_exact_form_only() {
        let list = Operation::ModelList.in_anthropics_dialect();
        for query in [
            "beta=true",
            "limit=1",
            "limit=1000",
            "limit=20&after_id=claude-sonnet-4-5-20250929",
            "before_id=anthropic.claude-v2:1&limit=5&beta=true",
        ] {
            assert!(list.admits_query(query), "{query}");
            assert!(!Operation::ModelList.admits_query(query), "{query}");
        }
        for query in [
            "",
            "limit=",
            "limit=0",
            "limit=1001",
            "limit=+5",
            "limit=1&limit=2",
            "limit=1&",
            "&limit=1",
            "after_id=",
            "after_id=a%20b",
            "after_id=a+b",
            "before_id=my name",
            "page=2",
            "LIMIT=1",
            "beta=false&limit=1",
        ] {
            assert!(!list.admits_query(query), "{query}");
        }
        let show = Operation::ModelShow.in_anthropics_dialect();
        assert!(show.admits_query("beta=true") && !show.admits_query("limit=1"));
        assert_eq!(Operation::Messages.in_anthropics_dialect(), Operation::Messages);
    }

    #[test]
    fn queries_of_gemini_are_what_its_clients_send() {
        for (operation, query, expected) in [
            (Operation::StreamGenerateContent, "alt=sse", true),
            (Operation::StreamGenerateContent, "alt=json", false),
            (Operation::GenerateContent, "alt=sse", false),
            (Operation::GenerateContent, "alt=json", true),
            (Operation::GenerateContent, "beta=true", false),
            (Operation::GenerateContent, "alt=json&fields=candidates", false),
            (Operation::GeminiModelList, "pageSize=50&pageToken=Chp_a=", true),
            (Operation::GeminiModelList, "pageSize=1001", false),
            (Operation::GeminiModelList, "pageSize=5&pageSize=5", false),
            (Operation::GeminiModelList, "filter=a%20b", false),
        ] {
            assert_eq!(operation.admits_query(query), expected, "{operation:?} {query}");
        }
    }

    #[test]
    fn an_encoded_slash_is_part_of_the_name() {
        assert_eq!(shown_model("/v1/models/a%2Fb").as_deref(), Some("a/b"));
        assert_eq!(shown_model("/v1/models/a/b").as_deref(), Some("a/b"));
    }
}
