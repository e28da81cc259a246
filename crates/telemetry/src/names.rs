//! The names that OpenTelemetry's semantic conventions for generative AI give to what we measure.
//!
//! They are in development there and will change, so they stand here once, with their version; nothing else
//! spells them. Source: opentelemetry.io/docs/specs/semconv, release v1.41.1, the last with the whole set.
//!
//! INVARIANT: what begins with `gen_ai.`, `server.`, `client.`, `http.`, `user.` or `error.` has the meaning that this version gives it;
//! what has no name there begins with `bartizan.`.

/// The version of the conventions.
pub const SEMANTIC_CONVENTIONS: &str = "1.41.1";
/// Where their schema is.
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.41.1";

/// Metric: how long operations take, in seconds.
pub const OPERATION_DURATION: &str = "gen_ai.client.operation.duration";
/// Metric: time to the first piece of a streamed answer, in seconds.
pub const TIME_TO_FIRST_CHUNK: &str = "gen_ai.client.operation.time_to_first_chunk";
/// Metric: tokens of requests and answers.
pub const TOKEN_USAGE: &str = "gen_ai.client.token.usage";

/// `chat`, `embeddings`.
pub const OPERATION_NAME: &str = "gen_ai.operation.name";
/// `openai`, `anthropic`.
pub const PROVIDER_NAME: &str = "gen_ai.provider.name";
/// The model asked for.
pub const REQUEST_MODEL: &str = "gen_ai.request.model";
/// Whether a stream was asked for.
pub const REQUEST_STREAM: &str = "gen_ai.request.stream";
/// Time to the first piece of a streamed answer, in seconds.
pub const RESPONSE_FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";
/// The model that answered.
pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
/// `input`, `output`.
pub const TOKEN_TYPE: &str = "gen_ai.token.type";
/// Tokens of the request.
pub const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
/// Tokens of the answer.
pub const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
/// The agent that acts.
pub const AGENT_ID: &str = "gen_ai.agent.id";
/// Our name for the conversation.
pub const CONVERSATION_ID: &str = "gen_ai.conversation.id";
/// What went wrong, as a stable code.
pub const ERROR_TYPE: &str = "error.type";
/// The upstream's host.
pub const SERVER_ADDRESS: &str = "server.address";
/// The upstream's port.
pub const SERVER_PORT: &str = "server.port";

/// The caller's address.
pub const CLIENT_ADDRESS: &str = "client.address";
/// Bytes of a request's body.
pub const REQUEST_BODY_SIZE: &str = "http.request.body.size";
/// Bytes of an answer's body.
pub const RESPONSE_BODY_SIZE: &str = "http.response.body.size";
/// The status of an answer.
pub const RESPONSE_STATUS: &str = "http.response.status_code";
/// A user's id.
pub const USER_ID: &str = "user.id";
/// A user's id, hashed.
pub const USER_HASH: &str = "user.hash";
/// What was evaluated: `user_report`.
pub const EVALUATION_NAME: &str = "gen_ai.evaluation.name";
/// How it was evaluated, in a word.
pub const EVALUATION_LABEL: &str = "gen_ai.evaluation.score.label";
/// Why it was evaluated so.
pub const EVALUATION_EXPLANATION: &str = "gen_ai.evaluation.explanation";

/// Event: a model was asked and has answered.
pub const INFERENCE_EVENT: &str = "gen_ai.client.inference.operation.details";
/// Event: an answer was evaluated.
pub const EVALUATION_EVENT: &str = "gen_ai.evaluation.result";

/// Upper bounds that the conventions advise for durations, in microseconds.
pub const DURATION_BOUNDS_US: &[u64] = &[
    10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 640_000, 1_280_000, 2_560_000, 5_120_000,
    10_240_000, 20_480_000, 40_960_000, 81_920_000,
];
/// Upper bounds that the conventions advise for tokens.
pub const TOKEN_BOUNDS: &[u64] = &[
    1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216,
    67_108_864,
];

/// What the conventions call an operation of ours; nothing for what is no operation of a model there.
pub fn operation_name(operation: &str) -> Option<&'static str> {
    match operation {
        "chat.completions" | "converse" | "converse_stream" | "messages" | "responses" => {
            Some("chat")
        }
        "completions" => Some("text_completion"),
        "embeddings" | "embed_content" | "batch_embed_contents" => Some("embeddings"),
        "images.generations" | "generate_content" | "stream_generate_content" => {
            Some("generate_content")
        }
        _ => None,
    }
}

/// What the conventions call the provider behind an upstream, as far as its dialect tells.
pub fn provider_name(dialect: &str, is_azure: bool) -> &'static str {
    match dialect {
        _ if is_azure => "azure.ai.openai",
        "anthropic" => "anthropic",
        "bedrock" => "aws.bedrock",
        "gemini" => "gcp.gemini",
        _ => "openai",
    }
}
