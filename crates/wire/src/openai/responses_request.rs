//! What may stand in `POST /v1/responses` and `POST /v1/responses/input_tokens`.
//!
//! From the OpenAI API reference ("Create a model response", every item of the input and every tool), and
//! the extensions of vLLM that clients send in the same body.
//!
//! Judgements are those of chat completions: what stands for content stored at the provider is denied
//! (earlier responses, conversations, prompts, item references, files, vector stores), and so is what would
//! let the caller choose a host (MCP servers and connectors, networks of containers). An answer made in the
//! background would not pass here, so it cannot be asked for. What the provider's own tools read is listed
//! as unread.

use events::Provenance::{
    Assistant, Retrieved, System, ToolCall, ToolDefinition, ToolResult, User,
};

use crate::form::Form;
use crate::openai::chat_request::EXTENSIONS;
use crate::openai::{ELSEWHERE, HOSTS, STORED, TEMPLATE, TEMPLATE_TOOLS, is_schema_word};
use crate::route::{Direction, Operation};
use crate::table::{Fact, MessageTable, Origin, Row, Scope};

/// See the module.
pub(crate) static TABLE: MessageTable = MessageTable {
    operation: Operation::Responses,
    direction: Direction::Request,
    parts: PARTS,
    scopes: SCOPES,
    skeleton: SKELETON,
};

/// The same, for counting its tokens.
pub(crate) static COUNTED: MessageTable = MessageTable {
    operation: Operation::ResponseInputTokens,
    direction: Direction::Request,
    parts: PARTS,
    scopes: SCOPES,
    skeleton: SKELETON,
};

const PARTS: &[&[Row]] = &[
    INPUT,
    CONTENT,
    CALLS,
    RESULTS,
    BUILT_IN,
    tools!("tools[]."),
    tools!("input[].tools[]."),
    FORMATS,
    SETTINGS,
    EXTENSIONS,
    TEMPLATE,
    ELSEWHERE,
    DENIED,
];
const SCOPES: &[(&str, Scope)] = &[
    ("input[]", Scope::Item),
    ("tools[]", Scope::Tool),
    ("input[].tools[]", Scope::Tool),
    TEMPLATE_TOOLS,
];
const SKELETON: &[(&str, &str)] = &[
    ("model", "\"gpt-4o\""),
    ("input[].type", "\"message\""),
    ("input[].role", "\"user\""),
    ("input[].content", "\"hello\""),
];

const ROLES: &[&str] = &["system", "developer", "user", "assistant", "tool", "function"];

const fn is(provenance: events::Provenance) -> Origin {
    Origin::Is(provenance)
}

const INPUT: &[Row] = &[
    Row::constrained("model", Form::Model).fact(Fact::Model),
    Row::guarded("instructions", is(System)),
    Row::guarded("input", is(User)).fact(Fact::Opening),
    Row::constrained("input[].type", Form::Except(&["item_reference"])).fact(Fact::Kind),
    Row::constrained("input[].role", Form::OneOf(ROLES)).fact(Fact::Role),
    Row::guarded("input[].id", Origin::Participant),
    Row::word("input[].status"),
    Row::word("input[].phase"),
    Row::guarded("input[].content", Origin::Role),
];

const CONTENT: &[Row] = &[
    Row::guarded("input[].content[]", Origin::Role),
    Row::word("input[].content[].type"),
    Row::guarded("input[].content[].text", Origin::Role),
    Row::guarded("input[].content[].refusal", Origin::Role),
    Row::guarded("input[].content[].annotations.**", Origin::Role).free(),
    Row::guarded("input[].content[].logprobs.**", Origin::Role).free(),
    Row::media("input[].content[].image_url", Origin::Role),
    Row::word("input[].content[].detail"),
    Row::denied("input[].content[].file_id", STORED),
    Row::file("input[].content[].file_data", "opaque: file"),
    Row::media("input[].content[].file_url", Origin::Role),
    Row::guarded("input[].content[].filename", Origin::Participant),
    Row::opaque_form("input[].content[].input_audio.data", Form::Base64, "opaque: audio"),
    Row::word("input[].content[].input_audio.format"),
    Row::word("input[].content[].prompt_cache_breakpoint.mode"),
    Row::word("input[].content[].prompt_cache_breakpoint.ttl"),
    Row::word("input[].summary[].type"),
    Row::guarded("input[].summary[].text", is(Assistant)),
    Row::opaque_form(
        "input[].encrypted_content",
        Form::Base64,
        "opaque: encrypted by the provider",
    ),
];

const CALLS: &[Row] = &[
    Row::guarded("input[].call_id", is(ToolCall)),
    Row::guarded("input[].name", is(ToolCall)),
    Row::guarded("input[].namespace", is(ToolCall)),
    Row::guarded("input[].arguments", is(ToolCall)).json(),
    Row::guarded("input[].arguments.**", is(ToolCall)).free(),
    Row::guarded("input[].input", is(ToolCall)),
    Row::guarded("input[].code", is(ToolCall)),
    Row::guarded("input[].queries[]", is(ToolCall)),
    Row::guarded("input[].action.**", is(ToolCall)).free(),
    Row::guarded("input[].actions.**", is(ToolCall)).free(),
    Row::word("input[].operation.type"),
    Row::guarded("input[].operation.path", is(ToolCall)),
    Row::guarded("input[].operation.diff", is(ToolCall)),
    Row::guarded("input[].environment.**", is(ToolCall)).free(),
    Row::guarded("input[].container_id", is(ToolCall)),
    Row::guarded("input[].fingerprint", is(ToolCall)),
    Row::guarded("input[].server_label", is(ToolCall)),
    Row::guarded("input[].approval_request_id", is(ToolCall)),
    Row::flag("input[].approve"),
    Row::guarded("input[].reason", is(User)),
    Row::guarded("input[].pending_safety_checks.**", is(ToolCall)).free(),
    Row::guarded("input[].acknowledged_safety_checks.**", is(ToolCall)).free(),
    Row::word("input[].caller.type"),
    Row::guarded("input[].caller.caller_id", is(ToolCall)),
    Row::word("input[].execution"),
    Row::flag("input[].async"),
    Row::integer("input[].max_output_length"),
];

const RESULTS: &[Row] = &[
    Row::guarded("input[].output", is(ToolResult)),
    Row::guarded("input[].output[]", is(ToolResult)),
    Row::word("input[].output[].type"),
    Row::guarded("input[].output[].text", is(ToolResult)),
    Row::media("input[].output[].image_url", is(ToolResult)),
    Row::word("input[].output[].detail"),
    Row::denied("input[].output[].file_id", STORED),
    Row::file("input[].output[].file_data", "opaque: file"),
    Row::media("input[].output[].file_url", is(ToolResult)),
    Row::guarded("input[].output[].filename", is(ToolResult)),
    Row::word("input[].output[].prompt_cache_breakpoint.mode"),
    Row::word("input[].output[].prompt_cache_breakpoint.ttl"),
    Row::guarded("input[].output[].stdout", is(ToolResult)),
    Row::guarded("input[].output[].stderr", is(ToolResult)),
    Row::word("input[].output[].outcome.type"),
    Row::integer("input[].output[].outcome.exit_code"),
    Row::guarded("input[].output[].created_by", is(ToolResult)),
    Row::word("input[].output.type"),
    Row::media("input[].output.image_url", is(ToolResult)),
    Row::denied("input[].output.file_id", STORED),
    Row::guarded("input[].error.**", is(ToolResult)).free(),
    Row::guarded("input[].results.**", is(Retrieved)).free(),
    Row::word("input[].outputs[].type"),
    Row::guarded("input[].outputs[].logs", is(ToolResult)),
    Row::media("input[].outputs[].url", is(ToolResult)),
];

/// Images that the model made, and changes of the configuration in the middle.
const BUILT_IN: &[Row] = &[
    Row::file("input[].result", "opaque: image"),
    Row::guarded("input[].revised_prompt", is(ToolCall)),
    Row::word("input[].background"),
    Row::word("input[].output_format"),
    Row::word("input[].quality"),
    Row::word("input[].size"),
    Row::constrained("input[].svg_usage.model", Form::Model),
    Row::integer("input[].svg_usage.input_tokens"),
    Row::integer("input[].svg_usage.output_tokens"),
    Row::integer("input[].svg_usage.reasoning_tokens"),
    Row::integer("input[].svg_usage.total_tokens"),
    Row::word("input[].reasoning.effort"),
    Row::guarded("input[].text.format.**", is(ToolDefinition)).free().vocabulary(is_schema_word),
];

/// The rows of a tool.
macro_rules! tools {
    ($at:literal) => {
        &[
            Row::word(concat!($at, "type")).fact(Fact::ToolKind),
            Row::guarded(concat!($at, "name"), is(ToolDefinition)).fact(Fact::Tool),
            Row::guarded(concat!($at, "description"), is(ToolDefinition)),
            Row::guarded(concat!($at, "parameters.**"), is(ToolDefinition))
                .free()
                .vocabulary(is_schema_word),
            Row::guarded(concat!($at, "output_schema.**"), is(ToolDefinition))
                .free()
                .vocabulary(is_schema_word),
            Row::guarded(concat!($at, "input_schema.**"), is(ToolDefinition))
                .free()
                .vocabulary(is_schema_word),
            Row::guarded(concat!($at, "annotations.**"), is(ToolDefinition)).free(),
            Row::flag(concat!($at, "strict")),
            Row::flag(concat!($at, "async")),
            Row::flag(concat!($at, "defer_loading")),
            Row::word(concat!($at, "allowed_callers[]")),
            Row::word(concat!($at, "execution")),
            Row::word(concat!($at, "format.type")),
            Row::word(concat!($at, "format.syntax")),
            Row::guarded(concat!($at, "format.definition"), is(ToolDefinition)),
            // Namespaces hold tools that run at the caller's.
            Row::word(concat!($at, "tools[].type")).fact(Fact::ToolKind),
            Row::guarded(concat!($at, "tools[].name"), is(ToolDefinition)).fact(Fact::Tool),
            Row::guarded(concat!($at, "tools[].description"), is(ToolDefinition)),
            Row::guarded(concat!($at, "tools[].parameters.**"), is(ToolDefinition))
                .free()
                .vocabulary(is_schema_word),
            Row::guarded(concat!($at, "tools[].output_schema.**"), is(ToolDefinition))
                .free()
                .vocabulary(is_schema_word),
            Row::flag(concat!($at, "tools[].strict")),
            Row::flag(concat!($at, "tools[].async")),
            Row::flag(concat!($at, "tools[].defer_loading")),
            Row::word(concat!($at, "tools[].allowed_callers[]")),
            Row::word(concat!($at, "tools[].format.type")),
            Row::word(concat!($at, "tools[].format.syntax")),
            Row::guarded(concat!($at, "tools[].format.definition"), is(ToolDefinition)),
            // Search.
            Row::denied(concat!($at, "vector_store_ids"), STORED),
            Row::guarded(concat!($at, "filters.**"), is(User)).free(),
            Row::integer(concat!($at, "max_num_results")),
            Row::word(concat!($at, "ranking_options.ranker")),
            Row::number(concat!($at, "ranking_options.score_threshold")),
            Row::number(concat!($at, "ranking_options.hybrid_search.embedding_weight")),
            Row::number(concat!($at, "ranking_options.hybrid_search.text_weight")),
            Row::word(concat!($at, "search_context_size")),
            Row::word(concat!($at, "search_content_types[]")),
            Row::flag(concat!($at, "external_web_access")),
            Row::word(concat!($at, "user_location.type")),
            Row::guarded(concat!($at, "user_location.*"), is(User)).free(),
            // A computer, a shell, an interpreter.
            Row::integer(concat!($at, "display_height")),
            Row::integer(concat!($at, "display_width")),
            Row::word(concat!($at, "environment")),
            Row::word(concat!($at, "environment.type")),
            Row::word(concat!($at, "environment.memory_limit")),
            Row::denied(concat!($at, "environment.container_id"), STORED),
            Row::denied(concat!($at, "environment.file_ids"), STORED),
            Row::denied(concat!($at, "environment.network_policy"), HOSTS),
            Row::word(concat!($at, "environment.skills[].type")),
            Row::word(concat!($at, "environment.skills[].version")),
            Row::guarded(concat!($at, "environment.skills[].name"), is(ToolDefinition)),
            Row::guarded(concat!($at, "environment.skills[].description"), is(ToolDefinition)),
            Row::guarded(concat!($at, "environment.skills[].path"), is(ToolDefinition)),
            Row::denied(concat!($at, "environment.skills[].skill_id"), STORED),
            Row::denied(
                concat!($at, "environment.skills[].source"),
                "an archive of instructions that no guard opens",
            ),
            Row::opaque_form(
                concat!($at, "container"),
                Form::Id,
                "opaque: a container kept by the provider",
            ),
            Row::word(concat!($at, "container.type")),
            Row::word(concat!($at, "container.memory_limit")),
            Row::denied(concat!($at, "container.file_ids"), STORED),
            Row::denied(concat!($at, "container.network_policy"), HOSTS),
            // Servers that speak the Model Context Protocol.
            Row::guarded(concat!($at, "server_label"), is(ToolDefinition)).fact(Fact::Tool),
            Row::guarded(concat!($at, "server_description"), is(ToolDefinition)),
            Row::denied(concat!($at, "server_url"), HOSTS),
            Row::denied(concat!($at, "connector_id"), HOSTS),
            Row::denied(concat!($at, "tunnel_id"), HOSTS),
            Row::denied(concat!($at, "authorization"), HOSTS),
            Row::denied(concat!($at, "headers"), HOSTS),
            Row::guarded(concat!($at, "allowed_tools[]"), is(ToolDefinition)),
            Row::flag(concat!($at, "allowed_tools.read_only")),
            Row::guarded(concat!($at, "allowed_tools.tool_names[]"), is(ToolDefinition)),
            Row::word(concat!($at, "require_approval")),
            Row::flag(concat!($at, "require_approval.always.read_only")),
            Row::guarded(concat!($at, "require_approval.always.tool_names[]"), is(ToolDefinition)),
            Row::flag(concat!($at, "require_approval.never.read_only")),
            Row::guarded(concat!($at, "require_approval.never.tool_names[]"), is(ToolDefinition)),
            // Images.
            Row::constrained(concat!($at, "model"), Form::Model),
            Row::word(concat!($at, "action")),
            Row::word(concat!($at, "background")),
            Row::word(concat!($at, "complexity")),
            Row::word(concat!($at, "input_fidelity")),
            Row::word(concat!($at, "moderation")),
            Row::word(concat!($at, "output_format")),
            Row::word(concat!($at, "quality")),
            Row::word(concat!($at, "size")),
            Row::integer(concat!($at, "frame_count")),
            Row::integer(concat!($at, "frame_duration_ms")),
            Row::integer(concat!($at, "output_compression")),
            Row::integer(concat!($at, "partial_images")),
            Row::media(concat!($at, "input_image_mask.image_url"), is(User)),
            Row::denied(concat!($at, "input_image_mask.file_id"), STORED),
            Row::constrained(concat!($at, "svg.model"), Form::Model),
            Row::word(concat!($at, "svg.reasoning.effort")),
        ]
    };
}
use tools;

const FORMATS: &[Row] = &[
    Row::word("text.verbosity"),
    Row::word("text.format.type"),
    Row::guarded("text.format.name", is(ToolDefinition)),
    Row::guarded("text.format.description", is(ToolDefinition)),
    Row::guarded("text.format.schema.**", is(ToolDefinition)).free().vocabulary(is_schema_word),
    Row::flag("text.format.strict"),
    Row::word("tool_choice"),
    Row::word("tool_choice.type"),
    Row::word("tool_choice.mode"),
    Row::guarded("tool_choice.name", is(ToolDefinition)),
    Row::guarded("tool_choice.server_label", is(ToolDefinition)),
    Row::guarded("tool_choice.tools.**", is(ToolDefinition)).free(),
    Row::flag("parallel_tool_calls"),
    Row::guarded("structured_outputs.**", is(ToolDefinition)).free().vocabulary(is_schema_word),
];

const SETTINGS: &[Row] = &[
    Row::flag("stream").fact(Fact::Stream),
    Row::flag("stream_options.include_obfuscation"),
    Row::constrained("max_output_tokens", Form::Integer(0, 1 << 40)).fact(Fact::OutputTokensMax),
    Row::integer("max_tool_calls"),
    Row::guarded("safety_identifier", is(User)).fact(Fact::EndUser(0)),
    Row::guarded("user", is(User)).fact(Fact::EndUser(1)),
    Row::guarded("metadata.conversation_id", is(User)).free().fact(Fact::Conversation(0)),
    Row::guarded("metadata.thread_id", is(User)).free().fact(Fact::Conversation(1)),
    Row::guarded("metadata.session_id", is(User)).free().fact(Fact::Conversation(2)),
    Row::guarded("session_id", is(User)).fact(Fact::Conversation(3)),
    Row::guarded("metadata.*", is(User)).free(),
    Row::guarded("prompt_cache_key", is(User)),
    Row::word("prompt_cache_retention"),
    Row::word("prompt_cache_options.mode"),
    Row::word("prompt_cache_options.ttl"),
    Row::flag("prompt_cache_options.prewarm"),
    Row::guarded("prompt_cache_options.comparison_response_id", is(User)),
    Row::guarded("cache_salt", is(User)),
    Row::guarded("request_id", is(User)),
    Row::word("include[]"),
    Row::word("reasoning.generate_summary"),
    Row::word("reasoning.context"),
    Row::word("reasoning.mode"),
    Row::word("service_tier"),
    Row::flag("store"),
    Row::constrained("background", Form::Off),
    Row::word("truncation"),
    Row::number("temperature"),
    Row::number("top_p"),
    Row::number("frequency_penalty"),
    Row::number("presence_penalty"),
    Row::integer("seed"),
    Row::constrained("top_logprobs", Form::Integer(-1, 1 << 20)),
    Row::word("context_management[].type"),
    Row::integer("context_management[].compact_threshold"),
    Row::constrained("moderation.model", Form::Model),
    Row::word("moderation.policy.input.mode"),
    Row::word("moderation.policy.output.mode"),
    Row::word("image.context_compression"),
    Row::word("access_programs.cyber"),
    Row::guarded("stop", is(User)),
    Row::guarded("stop[]", is(User)),
];

const DENIED: &[Row] = &[
    Row::denied("previous_response_id", STORED),
    Row::denied("conversation", STORED),
    Row::denied("prompt", STORED),
    Row::denied("background_options", STORED),
    Row::denied("previous_input_messages", "a second conversation that only some servers read"),
];
