//! What may stand in `POST /v1/completions`, its answer, and one chunk of it as a stream.
//!
//! From the OpenAI API reference ("Create completion", the completion object) and what vLLM and Azure add.
//! A prompt sent as token ids cannot be read here: it is forwarded and listed, so that policy can refuse it.
//!
//! Log probabilities repeat the text token by token (with `echo`, the prompt's too). They are echoes: not
//! scanned, and `null` as soon as the text is changed.

use events::Provenance::{ToolDefinition, User};

use crate::form::Form;
use crate::lane::Channel;
use crate::openai::chat_answer::ENVELOPE;
use crate::openai::chat_request::EXTENSIONS;
use crate::openai::{ELSEWHERE, ERROR, USAGE, is_schema_word};
use crate::route::{Direction, Operation};
use crate::table::{Fact, MessageTable, Origin, Row, Scope};

/// The request.
pub(crate) static REQUEST: MessageTable = MessageTable {
    operation: Operation::Completions,
    direction: Direction::Request,
    parts: &[ASKED, EXTENSIONS, ELSEWHERE],
    scopes: &[],
    skeleton: &[("model", "\"gpt-3.5-turbo-instruct\""), ("prompt", "\"hello\"")],
};

/// The whole answer.
pub(crate) static RESPONSE: MessageTable = MessageTable {
    operation: Operation::Completions,
    direction: Direction::Response,
    parts: &[ENVELOPE, ANSWERED, USAGE, ERROR],
    scopes: &[("choices[]", Scope::Choice)],
    skeleton: &[
        ("id", "\"cmpl-1\""),
        ("object", "\"text_completion\""),
        ("created", "1700000000"),
        ("model", "\"gpt-3.5-turbo-instruct\""),
        ("choices[].index", "0"),
        ("choices[].text", "\"hello\""),
        ("choices[].finish_reason", "\"stop\""),
    ],
};

/// One chunk of a stream.
pub(crate) static CHUNK: MessageTable = MessageTable {
    operation: Operation::Completions,
    direction: Direction::Stream,
    parts: &[ENVELOPE, ANSWERED, USAGE, ERROR],
    scopes: &[("choices[]", Scope::Choice)],
    skeleton: &[
        ("id", "\"cmpl-1\""),
        ("object", "\"text_completion\""),
        ("created", "1700000000"),
        ("model", "\"gpt-3.5-turbo-instruct\""),
        ("choices[].index", "0"),
        ("choices[].text", "\"hello\""),
    ],
};

const TOKENS: &str = "opaque: text as token ids";

const ASKED: &[Row] = &[
    Row::constrained("model", Form::Model).fact(Fact::Model),
    Row::guarded("prompt", Origin::Is(User)).fact(Fact::Opening),
    Row::guarded("prompt[]", Origin::Is(User)).fact(Fact::Opening),
    Row::opaque_form("prompt[]", Form::Integer(0, 1 << 32), TOKENS),
    Row::opaque_form("prompt[][]", Form::Integer(0, 1 << 32), TOKENS),
    Row::guarded("suffix", Origin::Is(User)),
    Row::flag("stream").fact(Fact::Stream),
    Row::flag("stream_options.include_usage").fact(Fact::IncludeUsage),
    Row::flag("stream_options.include_obfuscation"),
    Row::flag("stream_options.continuous_usage_stats"),
    Row::constrained("n", Form::Integer(1, 128)).fact(Fact::Choices),
    Row::constrained("max_tokens", Form::Integer(0, 1 << 40)).fact(Fact::OutputTokensMax),
    Row::constrained("logprobs", Form::Integer(-1, 1 << 20)),
    Row::guarded("stop", Origin::Is(User)),
    Row::guarded("stop[]", Origin::Is(User)),
    Row::number("temperature"),
    Row::number("top_p"),
    Row::number("frequency_penalty"),
    Row::number("presence_penalty"),
    Row::number("logit_bias.*").keys(Form::Digits),
    Row::integer("seed"),
    Row::guarded("safety_identifier", Origin::Is(User)).fact(Fact::EndUser(0)),
    Row::guarded("user", Origin::Is(User)).fact(Fact::EndUser(1)),
    Row::guarded("metadata.conversation_id", Origin::Is(User)).free().fact(Fact::Conversation(0)),
    Row::guarded("metadata.thread_id", Origin::Is(User)).free().fact(Fact::Conversation(1)),
    Row::guarded("metadata.session_id", Origin::Is(User)).free().fact(Fact::Conversation(2)),
    Row::guarded("session_id", Origin::Is(User)).fact(Fact::Conversation(3)),
    Row::guarded("metadata.*", Origin::Is(User)).free(),
    Row::guarded("cache_salt", Origin::Is(User)),
    Row::guarded("request_id", Origin::Is(User)),
    Row::word("response_format.type"),
    Row::guarded("response_format.json_schema.name", Origin::Is(ToolDefinition)),
    Row::guarded("response_format.json_schema.description", Origin::Is(ToolDefinition)),
    Row::guarded("response_format.json_schema.schema.**", Origin::Is(ToolDefinition))
        .free()
        .vocabulary(is_schema_word),
    Row::flag("response_format.json_schema.strict"),
    Row::guarded("structured_outputs.**", Origin::Is(ToolDefinition))
        .free()
        .vocabulary(is_schema_word),
    Row::guarded("guided_json.**", Origin::Is(ToolDefinition)).free().vocabulary(is_schema_word),
    Row::guarded("guided_choice[]", Origin::Is(ToolDefinition)),
    Row::guarded("guided_regex", Origin::Is(ToolDefinition)),
    Row::guarded("guided_grammar", Origin::Is(ToolDefinition)),
];

const ANSWERED: &[Row] = &[
    Row::output("choices[].text", Channel::Content),
    Row::opaque("choices[].prompt_token_ids", "repeats the prompt as token ids"),
    Row::opaque("choices[].prompt_logprobs", "repeats the prompt token by token"),
];
