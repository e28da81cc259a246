//! What may stand in `POST /v1/chat/completions`.
//!
//! From the OpenAI API reference (the request of "Create chat completion", every role and part,
//! deprecated forms included), and the extensions of vLLM, DeepSeek, Mistral and OpenRouter that
//! clients send in the same body.
//!
//! Judgements: what would let the caller choose a host, a template or a stored prompt is denied, because
//! no guard sees what it stands for. So is a stored file (`file_id`); a file in the request itself is read.
//! A web address of an image is scanned as text, forwarded, and listed as unread. Ids that the caller
//! writes are scanned like text, since an id is as good a hiding place as any.

use events::Provenance::{Retrieved, ToolCall, ToolDefinition, ToolResult, User};

use crate::form::Form;
use crate::openai::{HOSTS, STORED, TEMPLATE, TEMPLATE_TOOLS, UNSEEN, is_schema_word};
use crate::route::{Direction, Operation};
use crate::table::{Fact, MessageTable, Origin, Row, Scope};

/// See the module.
pub(crate) static TABLE: MessageTable = MessageTable {
    operation: Operation::ChatCompletions,
    direction: Direction::Request,
    parts: &[
        MESSAGES, PARTS, CALLS, TOOLS, FORMATS, IDENTITY, SETTINGS, EXTENSIONS, TEMPLATE, DENIED,
    ],
    scopes: SCOPES,
    skeleton: &[
        ("model", "\"gpt-4o\""),
        ("messages[].role", "\"user\""),
        ("messages[].content", "\"hello\""),
    ],
};

pub(super) const SCOPES: &[(&str, Scope)] = &[
    ("messages[]", Scope::Message),
    ("tools[]", Scope::Tool),
    ("functions[]", Scope::Tool),
    TEMPLATE_TOOLS,
];

const ROLES: &[&str] = &["system", "developer", "user", "assistant", "tool", "function"];

const fn is(provenance: events::Provenance) -> Origin {
    Origin::Is(provenance)
}

pub(super) const MESSAGES: &[Row] = &[
    Row::constrained("model", Form::Model).fact(Fact::Model),
    Row::constrained("messages[].role", Form::OneOf(ROLES)).fact(Fact::Role),
    Row::guarded("messages[].content", Origin::Role),
    Row::guarded("messages[].name", Origin::Participant),
    Row::guarded("messages[].refusal", Origin::Role),
    Row::guarded("messages[].reasoning_content", Origin::Role),
    Row::guarded("messages[].reasoning", Origin::Role),
    Row::guarded("messages[].reasoning_details.**", Origin::Role).free(),
    Row::guarded("messages[].annotations.**", Origin::Role).free(),
    Row::guarded("messages[].tool_call_id", is(ToolResult)),
    Row::opaque_form("messages[].audio.id", Form::Id, "earlier audio, kept by the provider"),
    Row::flag("messages[].prefix"),
    Row::word("messages[].cache_control.type"),
    Row::word("messages[].cache_control.ttl"),
];

pub(super) const PARTS: &[Row] = &[
    Row::guarded("messages[].content[]", Origin::Role),
    Row::word("messages[].content[].type"),
    Row::guarded("messages[].content[].text", Origin::Role),
    Row::guarded("messages[].content[].refusal", Origin::Role),
    Row::guarded("messages[].content[].thinking", Origin::Role),
    Row::media("messages[].content[].image_url", Origin::Role),
    Row::media("messages[].content[].image_url.url", Origin::Role),
    Row::word("messages[].content[].image_url.detail"),
    Row::media("messages[].content[].video_url", Origin::Role),
    Row::media("messages[].content[].video_url.url", Origin::Role),
    Row::media("messages[].content[].audio_url", Origin::Role),
    Row::media("messages[].content[].audio_url.url", Origin::Role),
    Row::opaque_form("messages[].content[].input_audio.data", Form::Base64, "opaque: audio"),
    Row::word("messages[].content[].input_audio.format"),
    Row::file("messages[].content[].file.file_data", "opaque: file"),
    Row::guarded("messages[].content[].file.filename", Origin::Participant),
    Row::denied("messages[].content[].file.file_id", STORED),
    Row::denied("messages[].content[].uuid", STORED),
    Row::denied("messages[].content[].image_embeds", UNSEEN),
    Row::denied("messages[].content[].audio_embeds", UNSEEN),
    Row::denied("messages[].content[].prompt_embeds", UNSEEN),
    Row::word("messages[].content[].prompt_cache_breakpoint.mode"),
    Row::word("messages[].content[].cache_control.type"),
    Row::word("messages[].content[].cache_control.ttl"),
];

pub(super) const CALLS: &[Row] = &[
    Row::guarded("messages[].tool_calls[].id", is(ToolCall)),
    Row::integer("messages[].tool_calls[].index"),
    Row::word("messages[].tool_calls[].type"),
    Row::guarded("messages[].tool_calls[].function.name", is(ToolCall)),
    Row::guarded("messages[].tool_calls[].function.arguments", is(ToolCall)).json(),
    Row::guarded("messages[].tool_calls[].custom.name", is(ToolCall)),
    Row::guarded("messages[].tool_calls[].custom.input", is(ToolCall)),
    Row::opaque_form(
        "messages[].tool_calls[].extra_content.google.thought_signature",
        Form::Base64,
        "opaque: encrypted by the provider",
    ),
    Row::guarded("messages[].function_call.name", is(ToolCall)),
    Row::guarded("messages[].function_call.arguments", is(ToolCall)).json(),
];

pub(super) const TOOLS: &[Row] = &[
    Row::word("tools[].type").fact(Fact::ToolKind),
    Row::guarded("tools[].function.name", is(ToolDefinition)).fact(Fact::Tool),
    Row::guarded("tools[].function.description", is(ToolDefinition)),
    Row::guarded("tools[].function.parameters.**", is(ToolDefinition))
        .free()
        .vocabulary(is_schema_word),
    Row::flag("tools[].function.strict"),
    Row::flag("tools[].function.defer_loading"),
    Row::flag("tools[].defer_loading"),
    Row::guarded("tools[].custom.name", is(ToolDefinition)).fact(Fact::Tool),
    Row::guarded("tools[].custom.description", is(ToolDefinition)),
    Row::word("tools[].custom.format.type"),
    Row::guarded("tools[].custom.format.grammar.definition", is(ToolDefinition)),
    Row::word("tools[].custom.format.grammar.syntax"),
    Row::word("tools[].cache_control.type"),
    Row::word("tools[].cache_control.ttl"),
    Row::word("tool_choice"),
    Row::word("tool_choice.type"),
    Row::guarded("tool_choice.function.name", is(ToolDefinition)),
    Row::guarded("tool_choice.custom.name", is(ToolDefinition)),
    Row::word("tool_choice.allowed_tools.mode"),
    Row::word("tool_choice.allowed_tools.tools[].type"),
    Row::guarded("tool_choice.allowed_tools.tools[].function.name", is(ToolDefinition)),
    Row::guarded("tool_choice.allowed_tools.tools[].custom.name", is(ToolDefinition)),
    Row::flag("parallel_tool_calls"),
    Row::guarded("functions[].name", is(ToolDefinition)).fact(Fact::Tool),
    Row::guarded("functions[].description", is(ToolDefinition)),
    Row::guarded("functions[].parameters.**", is(ToolDefinition)).free().vocabulary(is_schema_word),
    Row::word("function_call"),
    Row::guarded("function_call.name", is(ToolDefinition)),
];

const FORMATS: &[Row] = &[
    Row::word("response_format.type"),
    Row::guarded("response_format.json_schema.name", is(ToolDefinition)),
    Row::guarded("response_format.json_schema.description", is(ToolDefinition)),
    Row::guarded("response_format.json_schema.schema.**", is(ToolDefinition))
        .free()
        .vocabulary(is_schema_word),
    Row::flag("response_format.json_schema.strict"),
    Row::guarded("structured_outputs.**", is(ToolDefinition)).free().vocabulary(is_schema_word),
    Row::guarded("guided_json.**", is(ToolDefinition)).free().vocabulary(is_schema_word),
    Row::guarded("guided_choice[]", is(ToolDefinition)),
    Row::guarded("guided_regex", is(ToolDefinition)),
    Row::guarded("guided_grammar", is(ToolDefinition)),
    Row::guarded("guided_whitespace_pattern", is(ToolDefinition)),
    Row::word("guided_decoding_backend"),
    Row::guarded("response_format.structures.**", is(ToolDefinition))
        .free()
        .vocabulary(is_schema_word),
    Row::guarded("response_format.triggers[]", is(ToolDefinition)),
    Row::guarded("response_format.format.**", is(ToolDefinition)).free().vocabulary(is_schema_word),
    Row::word("prediction.type"),
    Row::guarded("prediction.content", is(User)),
    Row::word("prediction.content[].type"),
    Row::guarded("prediction.content[].text", is(User)),
    Row::word("prediction.content[].prompt_cache_breakpoint.mode"),
];

const IDENTITY: &[Row] = &[
    Row::guarded("safety_identifier", is(User)).fact(Fact::EndUser(0)),
    Row::guarded("user", is(User)).fact(Fact::EndUser(1)),
    Row::guarded("metadata.conversation_id", is(User)).free().fact(Fact::Conversation(0)),
    Row::guarded("metadata.thread_id", is(User)).free().fact(Fact::Conversation(1)),
    Row::guarded("metadata.session_id", is(User)).free().fact(Fact::Conversation(2)),
    Row::guarded("session_id", is(User)).fact(Fact::Conversation(3)),
    Row::guarded("metadata.*", is(User)).free(),
    Row::guarded("prompt_cache_key", is(User)),
    Row::guarded("cache_salt", is(User)),
    Row::guarded("request_id", is(User)),
];

const SETTINGS: &[Row] = &[
    Row::flag("stream").fact(Fact::Stream),
    Row::flag("stream_options.include_usage").fact(Fact::IncludeUsage),
    Row::flag("stream_options.include_obfuscation"),
    Row::flag("stream_options.continuous_usage_stats"),
    Row::constrained("n", Form::Integer(1, 128)).fact(Fact::Choices),
    Row::constrained("max_completion_tokens", Form::Integer(0, 1 << 40))
        .fact(Fact::OutputTokensMax),
    Row::constrained("max_tokens", Form::Integer(0, 1 << 40)).fact(Fact::OutputTokensMax),
    Row::guarded("stop", is(User)),
    Row::guarded("stop[]", is(User)),
    Row::number("temperature"),
    Row::number("top_p"),
    Row::number("frequency_penalty"),
    Row::number("presence_penalty"),
    Row::number("logit_bias.*").keys(Form::Digits),
    Row::flag("logprobs"),
    Row::constrained("top_logprobs", Form::Integer(-1, 1 << 20)),
    Row::integer("seed"),
    Row::flag("store"),
    Row::word("service_tier"),
    Row::word("reasoning_effort"),
    Row::word("verbosity"),
    Row::word("modalities[]"),
    Row::word("audio.voice"),
    Row::constrained("audio.voice.id", Form::Id),
    Row::word("audio.format"),
    Row::word("prompt_cache_retention"),
    Row::word("prompt_cache_options.mode"),
    Row::word("prompt_cache_options.ttl"),
    Row::constrained("moderation.model", Form::Model),
    Row::word("moderation.policy.input.mode"),
    Row::word("moderation.policy.output.mode"),
    Row::presence("web_search_options", Some("opaque: web pages that the provider reads"))
        .fact(Fact::Tool),
    Row::word("web_search_options.search_context_size"),
    Row::word("web_search_options.user_location.type"),
    Row::guarded("web_search_options.user_location.approximate.city", is(User)),
    Row::guarded("web_search_options.user_location.approximate.country", is(User)),
    Row::guarded("web_search_options.user_location.approximate.region", is(User)),
    Row::guarded("web_search_options.user_location.approximate.timezone", is(User)),
];

/// vLLM, DeepSeek, Mistral, OpenRouter.
pub(super) const EXTENSIONS: &[Row] = &[
    Row::guarded("documents.**", is(Retrieved)).free(),
    Row::guarded("bad_words[]", is(User)),
    Row::word("thinking.type"),
    Row::integer("thinking.budget_tokens"),
    Row::word("reasoning.effort"),
    Row::word("reasoning.summary"),
    Row::integer("reasoning.max_tokens"),
    Row::flag("reasoning.exclude"),
    Row::flag("reasoning.enabled"),
    Row::flag("include_reasoning"),
    Row::integer("thinking_token_budget"),
    Row::number("top_k"),
    Row::number("top_a"),
    Row::number("min_p"),
    Row::number("repetition_penalty"),
    Row::number("length_penalty"),
    Row::constrained("best_of", Form::Integer(0, 1 << 20)).fact(Fact::Choices),
    Row::flag("use_beam_search"),
    Row::integer("min_tokens"),
    Row::integer("stop_token_ids[]"),
    Row::integer("allowed_token_ids[]"),
    Row::integer("logprob_token_ids[]"),
    Row::integer("prompt_logprobs"),
    Row::integer("truncate_prompt_tokens"),
    Row::word("truncation_side"),
    Row::integer("priority"),
    Row::integer("random_seed"),
    Row::integer("stream_interval"),
    Row::flag("ignore_eos"),
    Row::flag("include_stop_str_in_output"),
    Row::flag("skip_special_tokens"),
    Row::flag("spaces_between_special_tokens"),
    Row::flag("add_generation_prompt"),
    Row::flag("add_special_tokens"),
    Row::flag("continue_final_message"),
    Row::flag("echo"),
    Row::flag("safe_prompt"),
    Row::flag("return_token_ids"),
    Row::flag("return_tokens_as_token_ids"),
    Row::flag("return_prompt_text"),
];

const DENIED: &[Row] = &[
    Row::denied("prompt", STORED),
    Row::denied("previous_response_id", STORED),
    Row::denied("conversation", STORED),
    Row::denied("prompt_embeds", UNSEEN),
    Row::denied("extra_body", "a second body that clients merge before they send"),
    Row::denied("vllm_xargs", UNSEEN),
    Row::denied("logits_processors", UNSEEN),
    Row::denied("kv_transfer_params", HOSTS),
    Row::denied("ec_transfer_params", HOSTS),
    Row::denied("media_io_kwargs", UNSEEN),
    Row::denied("mm_processor_kwargs", UNSEEN),
    Row::denied("data_sources", HOSTS),
    Row::denied("api_base", HOSTS),
    Row::denied("base_url", HOSTS),
    Row::denied("api_key", HOSTS),
    Row::denied("api_version", HOSTS),
    Row::denied("custom_llm_provider", HOSTS),
    Row::denied("extra_headers", HOSTS),
    Row::denied("headers", HOSTS),
    Row::denied("provider", HOSTS),
    Row::denied("models", HOSTS),
    Row::denied("fallbacks", HOSTS),
    Row::denied("route", HOSTS),
    Row::denied("plugins", UNSEEN),
    Row::denied("transforms", UNSEEN),
];
