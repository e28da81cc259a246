//! Which operation a request line asks for.
//!
//! INVARIANT: a path is matched exactly as it stands: no decoding, no merging of slashes, no trailing
//! slash, so that two readers of the same line cannot disagree about it. INVARIANT: what is not listed
//! is unknown, and unknown is refused.
//!
//! Not here: who may ask (`policy`), where the request goes (`gateway`).

use std::borrow::Cow;

use crate::address::{AddressStyle, address};

/// A family of wire formats that share error and stream shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// Anthropic's Messages API, and what speaks it.
    Anthropic,
    /// OpenAI's API, and what speaks it: vLLM, DeepSeek, Groq, OpenRouter, Azure `v1`.
    OpenAi,
}

impl Dialect {
    /// All dialects.
    pub const ALL: [Self; 2] = [Self::Anthropic, Self::OpenAi];

    /// Whether its streams say of each choice that it begins, and of themselves that they end.
    pub const fn says_what_begins(self) -> bool {
        matches!(self, Self::Anthropic)
    }

    /// The name in events and contracts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::OpenAi => "openai",
        }
    }
}

/// What a caller may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// `POST /v1/chat/completions`, streamed or not.
    ChatCompletions,
    /// `POST /v1/embeddings`.
    Embeddings,
    /// `GET /v1/models`.
    ModelList,
    /// `GET /v1/models/{model}`.
    ModelShow,
    /// `POST /v1/completions`, streamed or not.
    Completions,
    /// `POST /v1/moderations`.
    Moderations,
    /// `POST /v1/responses`, streamed or not.
    Responses,
    /// `POST /v1/responses/input_tokens`.
    ResponseInputTokens,
    /// `POST /tokenize` (vLLM).
    Tokenize,
    /// `POST /detokenize` (vLLM).
    Detokenize,
    /// `POST /score` and `POST /v1/score` (vLLM).
    Score,
    /// `POST /rerank`, `POST /v1/rerank` and `POST /v2/rerank` (vLLM).
    Rerank,
    /// `POST /pooling` (vLLM).
    Pooling,
    /// `POST /v1/images/generations`.
    ImageGenerations,
    /// `POST /v1/files`.
    FileUpload,
    /// `GET /v1/files/{file}`.
    FileShow,
    /// `DELETE /v1/files/{file}`.
    FileDelete,
    /// `GET /v1/files/{file}/content`.
    FileContent,
    /// `POST /v1/batches`.
    BatchCreate,
    /// `GET /v1/batches/{batch}`.
    BatchShow,
    /// `POST /v1/batches/{batch}/cancel`.
    BatchCancel,
    /// `POST /v1/messages`, streamed or not.
    Messages,
    /// `POST /v1/messages/count_tokens`.
    CountTokens,
    /// `GET /v1/models`, asked as Anthropic's clients ask.
    AnthropicModelList,
    /// `GET /v1/models/{model}`, asked as Anthropic's clients ask.
    AnthropicModelShow,
}

impl Operation {
    /// All operations.
    pub const ALL: [Self; 25] = [
        Self::ChatCompletions,
        Self::Embeddings,
        Self::ModelList,
        Self::ModelShow,
        Self::Completions,
        Self::Moderations,
        Self::Responses,
        Self::ResponseInputTokens,
        Self::Tokenize,
        Self::Detokenize,
        Self::Score,
        Self::Rerank,
        Self::Pooling,
        Self::ImageGenerations,
        Self::FileUpload,
        Self::FileShow,
        Self::FileDelete,
        Self::FileContent,
        Self::BatchCreate,
        Self::BatchShow,
        Self::BatchCancel,
        Self::Messages,
        Self::CountTokens,
        Self::AnthropicModelList,
        Self::AnthropicModelShow,
    ];

    /// The name in events, contracts and policies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat.completions",
            Self::Embeddings => "embeddings",
            Self::ModelList
            | Self::ModelShow
            | Self::AnthropicModelList
            | Self::AnthropicModelShow => "models",
            Self::Completions => "completions",
            Self::Moderations => "moderations",
            Self::Responses => "responses",
            Self::ResponseInputTokens => "responses.input_tokens",
            Self::Tokenize => "tokenize",
            Self::Detokenize => "detokenize",
            Self::Score => "score",
            Self::Rerank => "rerank",
            Self::Pooling => "pooling",
            Self::ImageGenerations => "images.generations",
            Self::FileUpload | Self::FileShow | Self::FileDelete => "files",
            Self::FileContent => "files.content",
            Self::BatchCreate | Self::BatchShow | Self::BatchCancel => "batches",
            Self::Messages => "messages",
            Self::CountTokens => "messages.count_tokens",
        }
    }

    /// The dialect it belongs to.
    pub const fn dialect(self) -> Dialect {
        match self {
            Self::Messages
            | Self::CountTokens
            | Self::AnthropicModelList
            | Self::AnthropicModelShow => Dialect::Anthropic,
            _ => Dialect::OpenAi,
        }
    }

    /// The same, asked for by who speaks Anthropic's dialect: some paths belong to both.
    #[must_use]
    pub const fn in_anthropics_dialect(self) -> Self {
        match self {
            Self::ModelList => Self::AnthropicModelList,
            Self::ModelShow => Self::AnthropicModelShow,
            other => other,
        }
    }

    /// Whether it may be asked with this query. Anthropic's client marks beta requests, and turns pages.
    pub fn admits_query(self, query: &str) -> bool {
        let is_mark = query == "beta=true";
        match self {
            Self::AnthropicModelList => is_mark || turns_pages(query),
            _ => is_mark && self.dialect() == Dialect::Anthropic,
        }
    }

    /// The method it is asked with.
    pub const fn method(self) -> &'static str {
        match self {
            Self::ModelList
            | Self::ModelShow
            | Self::AnthropicModelList
            | Self::AnthropicModelShow
            | Self::FileShow
            | Self::FileContent
            | Self::BatchShow => "GET",
            Self::FileDelete => "DELETE",
            _ => "POST",
        }
    }

    /// The methods that its path takes, as `Allow` lists them.
    const fn allowed(self) -> &'static str {
        match self {
            Self::FileShow | Self::FileDelete => "GET, DELETE",
            other => other.method(),
        }
    }

    /// Whether its request is a form and not JSON.
    pub const fn takes_form(self) -> bool {
        matches!(self, Self::FileUpload)
    }

    /// Whether it is about something that is stored at the provider.
    pub const fn is_of_storage(self) -> bool {
        matches!(
            self,
            Self::FileUpload
                | Self::FileShow
                | Self::FileDelete
                | Self::FileContent
                | Self::BatchCreate
                | Self::BatchShow
                | Self::BatchCancel
        )
    }

    /// Whether its answer repeats what the request said.
    pub const fn repeats_request(self) -> bool {
        matches!(self, Self::Responses | Self::Rerank)
    }

    /// Whether events of its stream repeat text that earlier events have said piece by piece.
    pub const fn repeats_itself(self) -> bool {
        matches!(self, Self::Responses)
    }

    /// Whether its answer may be a stream.
    pub const fn streams(self) -> bool {
        matches!(self, Self::ChatCompletions | Self::Completions | Self::Responses | Self::Messages)
    }
}

/// Which way a message goes, and in what form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the caller to the model.
    Request,
    /// From the model to the caller, whole.
    Response,
    /// From the model to the caller, one event of a stream.
    Stream,
    /// From the caller, one line of a file.
    RequestLine,
    /// To the caller, one line of a file.
    ResponseLine,
}

impl Direction {
    /// All directions.
    pub const ALL: [Self; 5] =
        [Self::Request, Self::Response, Self::Stream, Self::RequestLine, Self::ResponseLine];

    /// Whether it goes from the caller to the model.
    pub const fn is_request(self) -> bool {
        matches!(self, Self::Request | Self::RequestLine)
    }

    /// The name in contracts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
            Self::Stream => "stream",
            Self::RequestLine => "request line",
            Self::ResponseLine => "response line",
        }
    }
}

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
    /// Anything else: answer 404 in the shape of [`dialect_of`] the path.
    Unknown,
}

/// The longest model name in a path or a body, in bytes.
pub(crate) const MODEL_NAME_BYTES_MAX: usize = 256;

/// The longest id of something stored, in bytes.
const STORED_ID_BYTES_MAX: usize = 256;

const MODELS: &str = "/v1/models/";
const MESSAGES: &str = "/v1/messages";
const COUNT_TOKENS: &str = "/v1/messages/count_tokens";

/// The dialect in which whoever asks for `path` expects to be answered.
pub fn dialect_of(path: &str) -> Dialect {
    match path.strip_prefix(MESSAGES) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => Dialect::Anthropic,
        _ => Dialect::OpenAi,
    }
}

/// What `method` and `path` (without the query) ask for.
pub fn route(method: &str, path: &str) -> Route {
    let address = address(path);
    let operation = match &*address.path {
        // Azure has no other dialect's paths below its prefix.
        MESSAGES | COUNT_TOKENS if address.style != AddressStyle::Standard => {
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
        "/v1/files" | "/v1/batches" if method == "GET" => return Route::Unknown,
        "/v1/files" => Operation::FileUpload,
        "/v1/batches" => Operation::BatchCreate,
        MESSAGES => Operation::Messages,
        COUNT_TOKENS => Operation::CountTokens,
        path if shown_model(path).is_some() => Operation::ModelShow,
        path => match stored(path) {
            Some((Operation::FileShow, _)) if method == "DELETE" => Operation::FileDelete,
            Some((operation, _)) => operation,
            None => return Route::Unknown,
        },
    };
    if method == operation.method() {
        Route::Known(operation)
    } else {
        Route::WrongMethod { allow: operation.allowed() }
    }
}

/// The most models that one page of Anthropic's list may have.
const PAGE_MODELS_MAX: u32 = 1000;

/// Which page of Anthropic's list of models: each member as its reference has it, and once.
fn turns_pages(query: &str) -> bool {
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

/// What `GET` or `POST` asks of something stored at the provider, and its id, when `path` is of that form.
///
/// An id is 1 to 256 characters of `A-Za-z0-9._~-`.
pub fn stored(path: &str) -> Option<(Operation, &str)> {
    let (asked, rest) = match (path.strip_prefix("/v1/files/"), path.strip_prefix("/v1/batches/")) {
        (Some(rest), _) => ([Operation::FileShow, Operation::FileContent], rest),
        (None, Some(rest)) => ([Operation::BatchShow, Operation::BatchCancel], rest),
        (None, None) => return None,
    };
    let [shown, below] = asked;
    let (operation, id) = match rest.split_once('/') {
        None => (shown, rest),
        Some((id, "content")) if below == Operation::FileContent => (below, id),
        Some((id, "cancel")) if below == Operation::BatchCancel => (below, id),
        Some(_) => return None,
    };
    let is_id = (1..=STORED_ID_BYTES_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte))
        && !matches!(id, "." | "..");
    is_id.then_some((operation, id))
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

fn percent_decoded(text: &str) -> Option<String> {
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
    use super::{
        Dialect, Operation, Route, STORED_ID_BYTES_MAX, batched, dialect_of, route, shown_model,
    };

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
            ("GET", "/v1/models/meta-llama%2FLlama-3.1-8B", Operation::ModelShow),
        ] {
            assert_eq!(route(method, path), Route::Known(operation), "{path}");
        }
    }

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
            ("/v1/videos", None),
            ("/v1/chat/completions?x=1", None),
            ("chat/completions", None),
            ("", None),
        ] {
            assert_eq!(batched(url), operation, "{url}");
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
            "/v1/messages/batches",
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
        ] {
            assert_eq!(route("POST", path), Route::Unknown, "{path}");
        }
        let long = format!("/v1/models/{}", "a".repeat(257));
        assert_eq!(route("GET", &long), Route::Unknown, "longer than a model's name");
        let id = |bytes: usize| route("GET", &format!("/v1/files/{}", "a".repeat(bytes)));
        assert_eq!(id(STORED_ID_BYTES_MAX), Route::Known(Operation::FileShow));
        assert_eq!(id(STORED_ID_BYTES_MAX + 1), Route::Unknown, "longer than an id");
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
    fn an_encoded_slash_is_part_of_the_name() {
        assert_eq!(shown_model("/v1/models/a%2Fb").as_deref(), Some("a/b"));
        assert_eq!(shown_model("/v1/models/a/b").as_deref(), Some("a/b"));
    }
}
