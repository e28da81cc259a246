//! What may stand in `POST /v1/messages`, and in `POST /v1/messages/count_tokens`, which asks the same.
//!
//! From Anthropic's API reference and the parameters of its official Python client 2.12 (messages and beta
//! messages).
//!
//! Judgements: what stands for content that is kept at the provider (files by id, containers with their skills,
//! threads) is denied, because no guard sees it; a document in the request itself is read. MCP servers are hosts and
//! tokens that the caller chooses, fallback and advisor models are models that no route has looked at: denied.
//! Signed and encrypted blocks that the provider wants back as they were (thinking, search results, summaries) are
//! opaque. Ids that the caller writes are scanned like text.

use events::Provenance::{
    Assistant, File, Retrieved, System, ToolCall, ToolDefinition, ToolResult, User,
};

use crate::anthropic::ENCRYPTED;
use crate::anthropic::rows::{citation, provider_result, source, tool, tool_change};
use crate::form::Form;
use crate::openai::{HOSTS, STORED, is_schema_word};
use crate::route::{Direction, Operation};
use crate::table::{Fact, Kinds, MessageTable, Origin, Row, Scope, rows};

/// `POST /v1/messages`.
pub(crate) static ASKED: MessageTable = MessageTable {
    operation: Operation::Messages,
    direction: Direction::Request,
    parts: PARTS,
    scopes: SCOPES,
    skeleton: SKELETON,
};

/// `POST /v1/messages/count_tokens`.
pub(crate) static COUNTED: MessageTable = MessageTable {
    operation: Operation::CountTokens,
    direction: Direction::Request,
    parts: PARTS,
    scopes: SCOPES,
    skeleton: SKELETON,
};

const PARTS: &[&[Row]] = &[
    MESSAGES,
    BLOCKS,
    CITATIONS,
    CALLS,
    TOOL_CHANGES,
    tool_change!("messages[].content[].tool"),
    tool!("messages[].content[].tool.definition"),
    tool_change!("messages[].content[].tool_changes[].tool"),
    tool!("messages[].content[].tool_changes[].tool.definition"),
    RESULTS,
    RESULT_BLOCKS,
    source!("messages[].content[]", Origin::Role),
    source!("messages[].content[].content[]", Origin::Is(ToolResult)),
    source!("messages[].content[].content.content", Origin::Is(Retrieved)),
    SYSTEM,
    citation!("system[].citations[]", Origin::Is(System)),
    tool!("tools[]"),
    SETTINGS,
    DENIED,
];

const SCOPES: &[(&str, Scope)] = &[
    ("messages[]", Scope::Message),
    ("messages[].content[]", Scope::Part),
    ("messages[].content[].source", Scope::Source),
    ("messages[].content[].source.content[].source", Scope::Source),
    ("messages[].content[].content[].source", Scope::Source),
    ("messages[].content[].content[].source.content[].source", Scope::Source),
    ("messages[].content[].content.content.source", Scope::Source),
    ("messages[].content[].content.content.source.content[].source", Scope::Source),
    ("messages[].content[].tools[]", Scope::Tool),
    ("messages[].content[].tool", Scope::Tool),
    ("messages[].content[].tool_changes[]", Scope::Tool),
    ("messages[].content[].tool_changes[].tool", Scope::Tool),
    ("tools[]", Scope::Tool),
];

const SKELETON: &[(&str, &str)] = &[
    ("model", "\"claude-sonnet-4-5\""),
    ("max_tokens", "100"),
    ("messages[].role", "\"user\""),
    ("messages[].content", "\"hello\""),
];

const ROLES: &[&str] = &["user", "assistant", "system"];

const fn is(provenance: events::Provenance) -> Origin {
    Origin::Is(provenance)
}

/// Whose the content of a block is.
const CONTENT: Origin = Origin::Part(&Kinds {
    named: &[
        ("search_result", Retrieved),
        ("web_search_tool_result", Retrieved),
        ("web_fetch_tool_result", Retrieved),
        ("compaction", Assistant),
    ],
    other: ToolResult,
});

/// Whose the title of a block is.
const TITLE: Origin = Origin::Part(&Kinds { named: &[("search_result", Retrieved)], other: File });

const MESSAGES: &[Row] = &[
    Row::constrained("model", Form::Model).fact(Fact::Model),
    Row::constrained("messages[].role", Form::OneOf(ROLES)).fact(Fact::Role),
    Row::guarded("messages[].content", Origin::Role),
    Row::word("messages[].clear_at"),
    Row::word("messages[].output_config.effort"),
];

/// Text, pictures, documents, search results, thinking, summaries.
const BLOCKS: &[Row] = rows!("messages[].content[]":
    word(".type").fact(Fact::Kind);
    guarded(".text", Origin::Role);
    word(".cache_control.type");
    word(".cache_control.ttl");
    flag(".citations.enabled");
    guarded(".title", TITLE);
    guarded(".context", is(File));
    guarded(".source", is(Retrieved));
    word(".transformations.oversized_image");
    guarded(".thinking", Origin::Role);
    opaque_form(".signature", Form::Base64, ENCRYPTED);
    opaque_form(".data", Form::Base64, ENCRYPTED);
    opaque_form(".encrypted_content", Form::Base64, ENCRYPTED);
    denied(".file_id", STORED);
    constrained(".from.model", Form::Model);
    constrained(".to.model", Form::Model);
    guarded(".trigger.**", is(Assistant)).free();
);

const CITATIONS: &[Row] = citation!("messages[].content[].citations[]", Origin::Role);

const CALLS: &[Row] = rows!("messages[].content[]":
    guarded(".id", is(ToolCall));
    guarded(".name", is(ToolCall));
    guarded(".server_name", is(ToolCall));
    guarded(".toolset_name", is(ToolCall));
    guarded(".input.**", is(ToolCall)).free();
    word(".caller.type");
    guarded(".caller.tool_id", is(ToolCall));
);

/// Tools that come and go within a conversation, and those that a server has listed.
const TOOL_CHANGES: &[Row] = rows!("messages[].content[]":
    guarded(".mcp_server_name", is(ToolDefinition)).fact(Fact::Tool);
    guarded(".tools[].name", is(ToolDefinition)).fact(Fact::Tool);
    guarded(".tools[].mcp_server_name", is(ToolDefinition)).fact(Fact::Tool);
    guarded(".tools[].description", is(ToolDefinition));
    guarded(".tools[].input_schema.**", is(ToolDefinition)).free().vocabulary(is_schema_word);
    word(".tool_changes[].type");
    word(".tool_changes[].cache_control.type");
    word(".tool_changes[].cache_control.ttl");
);

/// What tools gave back.
const RESULTS: &[Row] = provider_result!("messages[].content[].content", CONTENT);

const RESULT_BLOCKS: &[Row] = rows!("messages[].content[]":
    guarded(".tool_use_id", is(ToolResult));
    flag(".is_error");
    guarded(".content", CONTENT);
    word(".content[].type");
    guarded(".content[].text", CONTENT);
    word(".content[].cache_control.type");
    word(".content[].cache_control.ttl");
    flag(".content[].citations.enabled");
    guarded(".content[].citations[].**", CONTENT).free();
    guarded(".content[].title", CONTENT);
    guarded(".content[].context", CONTENT);
    guarded(".content[].source", CONTENT);
    guarded(".content[].url", CONTENT);
    guarded(".content[].page_age", CONTENT);
    opaque_form(".content[].encrypted_content", Form::Base64, ENCRYPTED);
    denied(".content[].file_id", STORED);
    word(".content[].transformations.oversized_image");
    guarded(".content[].tool_name", CONTENT);
    guarded(".content[].tabs[].**", CONTENT).free();
    guarded(".content[].state_changes[].**", CONTENT).free();
    guarded(".content[].content", is(Retrieved));
    word(".content[].content[].type");
    guarded(".content[].content[].text", is(Retrieved));
    guarded(".content[].content[].citations[].**", is(Retrieved)).free();
    word(".content[].content[].cache_control.type");
    word(".content[].content[].cache_control.ttl");
);

const SYSTEM: &[Row] = &[
    Row::guarded("system", is(System)),
    Row::word("system[].type"),
    Row::guarded("system[].text", is(System)),
    Row::word("system[].cache_control.type"),
    Row::word("system[].cache_control.ttl"),
];

const SETTINGS: &[Row] = &[
    Row::flag("stream").fact(Fact::Stream),
    Row::constrained("max_tokens", Form::Integer(0, 1 << 40)).fact(Fact::OutputTokensMax),
    Row::number("temperature"),
    Row::number("top_p"),
    Row::number("top_k"),
    Row::guarded("stop_sequences[]", is(User)),
    Row::guarded("metadata.user_id", is(User)).fact(Fact::EndUser(0)),
    Row::word("service_tier"),
    Row::word("inference_geo"),
    Row::word("speed"),
    Row::word("cache_control.type"),
    Row::word("cache_control.ttl"),
    Row::word("thinking.type"),
    Row::integer("thinking.budget_tokens"),
    Row::word("thinking.display"),
    Row::word("thinking.block_binding.prefix_mismatch_behavior"),
    Row::word("tool_choice.type"),
    Row::guarded("tool_choice.name", is(ToolDefinition)),
    Row::flag("tool_choice.disable_parallel_tool_use"),
    Row::word("output_config.effort"),
    Row::word("output_config.format.type"),
    Row::guarded("output_config.format.schema.**", is(ToolDefinition))
        .free()
        .vocabulary(is_schema_word),
    Row::word("output_config.task_budget.type"),
    Row::integer("output_config.task_budget.total"),
    Row::integer("output_config.task_budget.remaining"),
    Row::word("output_format.type"),
    Row::guarded("output_format.schema.**", is(ToolDefinition)).free().vocabulary(is_schema_word),
    Row::word("context_management.edits[].type"),
    Row::word("context_management.edits[].trigger.type"),
    Row::integer("context_management.edits[].trigger.value"),
    Row::word("context_management.edits[].clear_at_least.type"),
    Row::integer("context_management.edits[].clear_at_least.value"),
    Row::word("context_management.edits[].keep"),
    Row::word("context_management.edits[].keep.type"),
    Row::integer("context_management.edits[].keep.value"),
    Row::flag("context_management.edits[].clear_tool_inputs"),
    Row::guarded("context_management.edits[].clear_tool_inputs[]", is(ToolDefinition)),
    Row::guarded("context_management.edits[].exclude_tools[]", is(ToolDefinition)),
    Row::guarded("context_management.edits[].instructions", is(System)),
    Row::flag("context_management.edits[].pause_after_compaction"),
    Row::word("compaction.type"),
    Row::guarded("compaction.instructions", is(System)),
    Row::constrained("diagnostics.previous_message_id", Form::Id),
    Row::word("billing_policy.type"),
    Row::word("billing_policy.bill_to"),
    Row::opaque_form("fallback_credit_token", Form::Id, ENCRYPTED),
    Row::opaque_form("fallback_credit_token.token", Form::Id, ENCRYPTED),
    Row::word("fallback_credit_token.mode"),
];

const DENIED: &[Row] = &[
    Row::denied("mcp_servers", HOSTS),
    Row::denied("fallbacks", HOSTS),
    Row::denied("container", STORED),
    Row::denied("thread", STORED),
    Row::denied("api_base", HOSTS),
    Row::denied("base_url", HOSTS),
    Row::denied("api_key", HOSTS),
    Row::denied("custom_llm_provider", HOSTS),
    Row::denied("extra_headers", HOSTS),
    Row::denied("extra_body", "a second body that clients merge before they send"),
];
