//! What can be asked.
//!
//! INVARIANT: an operation belongs to one dialect, and everything about it that does not depend on a message is
//! said here.
//!
//! Not here: which request line asks for which operation (`route`), which way messages go (`direction`), what
//! dialects have in common (`dialect`).

use crate::dialect::Dialect;
use crate::route::{session_model, turns_pages, turns_pages_of_gemini};

/// What a caller may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
// tidy: table - what a caller may ask for
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
    /// `POST /v1/messages/batches`.
    MessageBatchCreate,
    /// `GET /v1/messages/batches/{batch}`.
    MessageBatchShow,
    /// `POST /v1/messages/batches/{batch}/cancel`.
    MessageBatchCancel,
    /// `DELETE /v1/messages/batches/{batch}`.
    MessageBatchDelete,
    /// `GET /v1/messages/batches/{batch}/results`.
    MessageBatchResults,
    /// `GET /v1/models`, asked as Anthropic's clients ask.
    AnthropicModelList,
    /// `GET /v1/models/{model}`, asked as Anthropic's clients ask.
    AnthropicModelShow,
    /// `POST …/models/{model}:generateContent` (Gemini).
    GenerateContent,
    /// `POST …/models/{model}:streamGenerateContent?alt=sse` (Gemini).
    StreamGenerateContent,
    /// `POST …/models/{model}:countTokens` (Gemini).
    GeminiCountTokens,
    /// `POST …/models/{model}:embedContent` (Gemini).
    EmbedContent,
    /// `POST …/models/{model}:batchEmbedContents` (Gemini).
    BatchEmbedContents,
    /// `GET …/models` (Gemini).
    GeminiModelList,
    /// `GET …/models/{model}` (Gemini).
    GeminiModelShow,
    /// `POST /model/{modelId}/converse` (Bedrock).
    Converse,
    /// `POST /model/{modelId}/converse-stream` (Bedrock).
    ConverseStream,
    /// `POST /api/chat`, streamed or not (Ollama).
    OllamaChat,
    /// `POST /api/generate`, streamed or not (Ollama).
    OllamaGenerate,
    /// `POST /api/embed` (Ollama).
    OllamaEmbed,
    /// `POST /api/embeddings` (Ollama).
    OllamaEmbeddings,
    /// `GET /api/tags` (Ollama).
    OllamaTags,
    /// `POST /api/show` (Ollama).
    OllamaShow,
    /// `GET /api/ps` (Ollama).
    OllamaPs,
    /// `GET /api/version` (Ollama).
    OllamaVersion,
    /// `POST /v1/images/edits`, streamed or not.
    ImageEdits,
    /// `POST /v1/images/variations`.
    ImageVariations,
    /// `POST /v1/audio/transcriptions`, streamed or not.
    AudioTranscriptions,
    /// `POST /v1/audio/translations`, streamed or not.
    AudioTranslations,
    /// `POST /v1/audio/speech`, streamed or not.
    AudioSpeech,
    /// `GET /v1/realtime`: a session over WebSocket. Its requests are the client's events, its stream the server's.
    Realtime,
}

impl Operation {
    /// All operations.
    pub const ALL: [Self; 53] = [
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
        Self::MessageBatchCreate,
        Self::MessageBatchShow,
        Self::MessageBatchCancel,
        Self::MessageBatchDelete,
        Self::MessageBatchResults,
        Self::AnthropicModelList,
        Self::AnthropicModelShow,
        Self::GenerateContent,
        Self::StreamGenerateContent,
        Self::GeminiCountTokens,
        Self::EmbedContent,
        Self::BatchEmbedContents,
        Self::GeminiModelList,
        Self::GeminiModelShow,
        Self::Converse,
        Self::ConverseStream,
        Self::OllamaChat,
        Self::OllamaGenerate,
        Self::OllamaEmbed,
        Self::OllamaEmbeddings,
        Self::OllamaTags,
        Self::OllamaShow,
        Self::OllamaPs,
        Self::OllamaVersion,
        Self::ImageEdits,
        Self::ImageVariations,
        Self::AudioTranscriptions,
        Self::AudioTranslations,
        Self::AudioSpeech,
        Self::Realtime,
    ];

    /// The name in events, contracts and policies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat.completions",
            Self::Embeddings | Self::OllamaEmbeddings => "embeddings",
            Self::ModelList
            | Self::ModelShow
            | Self::AnthropicModelList
            | Self::AnthropicModelShow
            | Self::GeminiModelList
            | Self::GeminiModelShow => "models",
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
            Self::MessageBatchCreate
            | Self::MessageBatchShow
            | Self::MessageBatchCancel
            | Self::MessageBatchDelete => "messages.batches",
            Self::MessageBatchResults => "messages.batches.results",
            Self::GenerateContent => "generate_content",
            Self::StreamGenerateContent => "stream_generate_content",
            Self::GeminiCountTokens => "count_tokens",
            Self::EmbedContent => "embed_content",
            Self::BatchEmbedContents => "batch_embed_contents",
            Self::Converse => "converse",
            Self::ConverseStream => "converse_stream",
            Self::OllamaChat => "chat",
            Self::OllamaGenerate => "generate",
            Self::OllamaEmbed => "embed",
            Self::OllamaTags => "tags",
            Self::OllamaShow => "show",
            Self::OllamaPs => "ps",
            Self::OllamaVersion => "version",
            Self::ImageEdits => "images.edits",
            Self::ImageVariations => "images.variations",
            Self::AudioTranscriptions => "audio.transcriptions",
            Self::AudioTranslations => "audio.translations",
            Self::AudioSpeech => "audio.speech",
            Self::Realtime => "realtime",
        }
    }

    /// The dialect it belongs to.
    pub const fn dialect(self) -> Dialect {
        match self {
            Self::Messages
            | Self::CountTokens
            | Self::MessageBatchCreate
            | Self::MessageBatchShow
            | Self::MessageBatchCancel
            | Self::MessageBatchDelete
            | Self::MessageBatchResults
            | Self::AnthropicModelList
            | Self::AnthropicModelShow => Dialect::Anthropic,
            Self::GenerateContent
            | Self::StreamGenerateContent
            | Self::GeminiCountTokens
            | Self::EmbedContent
            | Self::BatchEmbedContents
            | Self::GeminiModelList
            | Self::GeminiModelShow => Dialect::Gemini,
            Self::Converse | Self::ConverseStream => Dialect::Bedrock,
            Self::OllamaChat
            | Self::OllamaGenerate
            | Self::OllamaEmbed
            | Self::OllamaEmbeddings
            | Self::OllamaTags
            | Self::OllamaShow
            | Self::OllamaPs
            | Self::OllamaVersion => Dialect::Ollama,
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

    /// The same, asked for by who speaks Google's dialect.
    #[must_use]
    pub const fn in_googles_dialect(self) -> Self {
        match self {
            Self::ModelList => Self::GeminiModelList,
            Self::ModelShow => Self::GeminiModelShow,
            other => other,
        }
    }

    /// Whether it may be asked with this query, besides a key in it. Anthropic's client marks beta requests, and turns
    /// pages; Google's turn pages, and say that a stream is to be one of server-sent events.
    pub fn admits_query(self, query: &str) -> bool {
        let is_mark = query == "beta=true";
        match self {
            Self::AnthropicModelList => is_mark || turns_pages(query),
            Self::GeminiModelList => turns_pages_of_gemini(query),
            Self::StreamGenerateContent => query == "alt=sse",
            Self::Realtime => session_model(query).is_some(),
            _ if self.dialect() == Dialect::Gemini => query == "alt=json",
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
            | Self::BatchShow
            | Self::MessageBatchShow
            | Self::MessageBatchResults
            | Self::GeminiModelList
            | Self::GeminiModelShow
            | Self::OllamaTags
            | Self::OllamaPs
            | Self::OllamaVersion
            | Self::Realtime => "GET",
            Self::FileDelete | Self::MessageBatchDelete => "DELETE",
            _ => "POST",
        }
    }

    /// The methods that its path takes, as `Allow` lists them.
    pub(crate) const fn allowed(self) -> &'static str {
        match self {
            Self::FileShow
            | Self::FileDelete
            | Self::MessageBatchShow
            | Self::MessageBatchDelete => "GET, DELETE",
            other => other.method(),
        }
    }

    /// Whether its request has a body. To cancel a batch, nothing is sent.
    pub fn has_body(self) -> bool {
        self.method() == "POST" && !matches!(self, Self::BatchCancel | Self::MessageBatchCancel)
    }

    /// Whether its request is the upload of a file, which is a form of its own.
    pub const fn is_upload(self) -> bool {
        matches!(self, Self::FileUpload)
    }

    /// Whether it is about something that is stored at the provider.
    pub const fn is_of_storage(self) -> bool {
        let is_of_files = matches!(
            self,
            Self::FileUpload | Self::FileShow | Self::FileDelete | Self::FileContent
        );
        is_of_files || self.is_of_batch()
    }

    /// Whether it is about a batch.
    pub const fn is_of_batch(self) -> bool {
        matches!(
            self,
            Self::BatchCreate
                | Self::BatchShow
                | Self::BatchCancel
                | Self::MessageBatchCreate
                | Self::MessageBatchShow
                | Self::MessageBatchCancel
                | Self::MessageBatchDelete
                | Self::MessageBatchResults
        )
    }

    /// Whether it begins a batch, which is when a model is asked.
    pub const fn begins_batch(self) -> bool {
        matches!(self, Self::BatchCreate | Self::MessageBatchCreate)
    }

    /// Whether its answer is what a batch has answered, line by line.
    pub const fn gives_results(self) -> bool {
        matches!(self, Self::FileContent | Self::MessageBatchResults)
    }

    /// Whether its answer repeats what the request said.
    pub const fn repeats_request(self) -> bool {
        matches!(self, Self::Responses | Self::Rerank | Self::Realtime)
    }

    /// Whether events of its stream repeat text that earlier events have said piece by piece.
    pub const fn repeats_itself(self) -> bool {
        matches!(self, Self::Responses | Self::AudioTranscriptions | Self::AudioTranslations)
    }

    /// Whether it opens a session in which both sides say what they want when they want.
    pub const fn is_session(self) -> bool {
        matches!(self, Self::Realtime)
    }

    /// Whether its request may be a form.
    pub const fn takes_form(self) -> bool {
        matches!(
            self,
            Self::AudioTranscriptions
                | Self::AudioTranslations
                | Self::ImageEdits
                | Self::ImageVariations
        )
    }

    /// Whether its request may be JSON.
    pub const fn takes_json(self) -> bool {
        !self.takes_form() && !self.is_upload() || matches!(self, Self::ImageEdits)
    }

    /// Whether its answer may be a stream.
    pub const fn streams(self) -> bool {
        matches!(
            self,
            Self::ChatCompletions
                | Self::Completions
                | Self::Responses
                | Self::Messages
                | Self::OllamaChat
                | Self::OllamaGenerate
                | Self::ImageGenerations
                | Self::ImageEdits
                | Self::AudioTranscriptions
                | Self::AudioTranslations
                | Self::AudioSpeech
        ) || self.is_stream()
    }

    /// Whether asking for it is asking for a stream, whatever the body says.
    pub const fn is_stream(self) -> bool {
        matches!(self, Self::StreamGenerateContent | Self::ConverseStream)
    }

    /// Whether its answer is a stream unless the request says otherwise.
    pub const fn streams_unless_told(self) -> bool {
        matches!(self, Self::OllamaChat | Self::OllamaGenerate) || self.is_stream()
    }

    /// Whether it asks for no model in particular.
    pub const fn is_for_no_model(self) -> bool {
        matches!(
            self,
            Self::ModelList
                | Self::AnthropicModelList
                | Self::GeminiModelList
                | Self::OllamaTags
                | Self::OllamaPs
                | Self::OllamaVersion
        )
    }
}
