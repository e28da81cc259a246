//! What may stand in `POST /model/{modelId}/converse` and `POST /model/{modelId}/converse-stream`, which ask the same.
//!
//! Judgements: objects in S3 stand for content that no guard sees: denied; a document in the request itself is read.
//! Signed and encrypted reasoning that the provider wants back as it was is opaque. Of the fields that go on to the model in its
//! own words (`additionalModelRequestFields`), those that are documented are named here, tools and limits among them; the
//! variables of stored prompts are text like any other. Ids that the
//! caller writes are scanned too.

use events::Provenance::{File, Retrieved, System, ToolCall, ToolDefinition, ToolResult, User};

use crate::anthropic::rows::tool;
use crate::bedrock::{FILE, SIGNED};
use crate::form::Form;
use crate::openai::{STORED, is_schema_word};
use crate::route::{Direction, Operation};
use crate::table::{Fact, MessageTable, Origin, Row, Scope, rows};

/// Pictures, documents, sound and video, where they may stand.
macro_rules! files {
    ($prefix:literal, $origin:expr) => {
        rows!($prefix:
            word(".image.format").fact(Fact::Declared);
            file(".image.source.bytes", FILE);
            denied(".image.source.s3Location", STORED);
            guarded(".image.error.message", $origin);
            word(".document.format").fact(Fact::Declared);
            guarded(".document.name", Origin::Is(File));
            file(".document.source.bytes", FILE);
            denied(".document.source.s3Location", STORED);
            guarded(".document.source.text", Origin::Is(File));
            guarded(".document.source.content[].text", Origin::Is(File));
            guarded(".document.context", Origin::Is(File));
            flag(".document.citations.enabled");
            word(".video.format").fact(Fact::Declared);
            file(".video.source.bytes", FILE);
            denied(".video.source.s3Location", STORED);
            word(".audio.format").fact(Fact::Declared);
            file(".audio.source.bytes", FILE);
            denied(".audio.source.s3Location", STORED);
            guarded(".audio.error.message", $origin);
            guarded(".searchResult.source", Origin::Is(Retrieved));
            guarded(".searchResult.title", Origin::Is(Retrieved));
            guarded(".searchResult.content[].text", Origin::Is(Retrieved));
            flag(".searchResult.citations.enabled");
        )
    };
}

/// Content that a guardrail at the provider looks at, and marks of what is cached.
macro_rules! marked {
    ($prefix:literal, $origin:expr) => {
        rows!($prefix:
            guarded(".guardContent.text.text", $origin);
            word(".guardContent.text.qualifiers[]");
            word(".guardContent.image.format").fact(Fact::Declared);
            file(".guardContent.image.source.bytes", FILE);
            word(".cachePoint.type");
            word(".cachePoint.ttl");
        )
    };
}

/// `POST /model/{modelId}/converse`.
pub(crate) static WHOLE: MessageTable = MessageTable {
    operation: Operation::Converse,
    direction: Direction::Request,
    parts: PARTS,
    scopes: SCOPES,
    skeleton: SKELETON,
};

/// `POST /model/{modelId}/converse-stream`.
pub(crate) static STREAM: MessageTable = MessageTable {
    operation: Operation::ConverseStream,
    direction: Direction::Request,
    parts: PARTS,
    scopes: SCOPES,
    skeleton: SKELETON,
};

const PARTS: &[&[Row]] = &[
    MESSAGES,
    files!("messages[].content[]", Origin::Role),
    files!("messages[].content[].toolResult.content[]", Origin::Is(ToolResult)),
    marked!("messages[].content[]", Origin::Role),
    &[Row::guarded("system[].text", Origin::Is(System))],
    marked!("system[]", Origin::Is(System)),
    TOOLS,
    ADDITIONAL,
    tool!("additionalModelRequestFields.tools[]"),
    SETTINGS,
];

const SCOPES: &[(&str, Scope)] = &[
    ("messages[]", Scope::Message),
    ("messages[].content[].image", Scope::Source),
    ("messages[].content[].document", Scope::Source),
    ("messages[].content[].video", Scope::Source),
    ("messages[].content[].audio", Scope::Source),
    ("messages[].content[].guardContent.image", Scope::Source),
    ("messages[].content[].toolResult.content[].image", Scope::Source),
    ("messages[].content[].toolResult.content[].document", Scope::Source),
    ("messages[].content[].toolResult.content[].video", Scope::Source),
    ("messages[].content[].toolResult.content[].audio", Scope::Source),
    ("system[].guardContent.image", Scope::Source),
    ("messages[].content[].toolAddition.tool", Scope::Tool),
    ("toolConfig.tools[]", Scope::Tool),
    ("additionalModelRequestFields.tools[]", Scope::Tool),
];

const SKELETON: &[(&str, &str)] =
    &[("messages[].role", "\"user\""), ("messages[].content[].text", "\"hello\"")];

const ROLES: &[&str] = &["user", "assistant", "system"];

const MESSAGES: &[Row] = rows!("messages[]":
    constrained(".role", Form::OneOf(ROLES)).fact(Fact::Role);
    guarded(".content[].text", Origin::Role);
    guarded(".content[].toolUse.toolUseId", Origin::Is(ToolCall));
    guarded(".content[].toolUse.name", Origin::Is(ToolCall));
    guarded(".content[].toolUse.input.**", Origin::Is(ToolCall)).free();
    word(".content[].toolUse.type");
    guarded(".content[].toolResult.toolUseId", Origin::Is(ToolResult));
    guarded(".content[].toolResult.content[].text", Origin::Is(ToolResult));
    guarded(".content[].toolResult.content[].json.**", Origin::Is(ToolResult)).free();
    word(".content[].toolResult.status");
    guarded(".content[].toolResult.type", Origin::Is(ToolResult));
    guarded(".content[].reasoningContent.reasoningText.text", Origin::Role);
    opaque_form(".content[].reasoningContent.reasoningText.signature", Form::Base64, SIGNED);
    opaque_form(".content[].reasoningContent.redactedContent", Form::Base64, SIGNED);
    guarded(".content[].citationsContent.content[].text", Origin::Role);
    guarded(".content[].citationsContent.citations[].**", Origin::Is(Retrieved)).free();
    guarded(".content[].toolAddition.tool.name", Origin::Is(ToolDefinition)).fact(Fact::Tool);
    guarded(".content[].toolAddition.tool.serverName", Origin::Is(ToolDefinition)).fact(Fact::Tool);
    word(".content[].toolAddition.tool.type");
    guarded(".content[].toolRemoval.tool.**", Origin::Is(ToolDefinition)).free();
);

const TOOLS: &[Row] = rows!("toolConfig":
    guarded(".tools[].toolSpec.name", Origin::Is(ToolDefinition)).fact(Fact::Tool);
    guarded(".tools[].toolSpec.description", Origin::Is(ToolDefinition));
    guarded(".tools[].toolSpec.inputSchema.json.**", Origin::Is(ToolDefinition))
        .free()
        .vocabulary(is_schema_word);
    flag(".tools[].toolSpec.strict");
    presence(".tools[].systemTool", Some("opaque: what the provider's own tools read"));
    guarded(".tools[].systemTool.name", Origin::Is(ToolDefinition)).fact(Fact::Tool);
    presence(".tools[].cachePoint", None).fact(Fact::NoTool);
    word(".tools[].cachePoint.type");
    word(".tools[].cachePoint.ttl");
    guarded(".toolChoice.auto.**", Origin::Is(ToolDefinition)).free();
    guarded(".toolChoice.any.**", Origin::Is(ToolDefinition)).free();
    guarded(".toolChoice.tool.name", Origin::Is(ToolDefinition));
);

/// What goes on to the model in its own words: the members that Amazon's pages show for its models. Others are unknown
/// members as elsewhere, and what they are called says what they are ([`crate::named`]).
const ADDITIONAL: &[Row] = rows!("additionalModelRequestFields":
    number(".top_k");
    number(".topK");
    number(".k");
    number(".frequency_penalty");
    number(".presence_penalty");
    number(".inferenceConfig.topK");
    constrained(".inferenceConfig.maxTokens", Form::Integer(0, 1 << 40)).fact(Fact::OutputTokensMax);
    constrained(".max_tokens", Form::Integer(0, 1 << 40)).fact(Fact::OutputTokensMax);
    constrained(".anthropic_beta[]", Form::Id);
    word(".thinking.type");
    integer(".thinking.budget_tokens");
    word(".thinking.display");
    word(".reasoning_config.type");
    integer(".reasoning_config.budget_tokens");
    word(".reasoningConfig.type");
    word(".reasoningConfig.maxReasoningEffort");
    word(".reasoning_effort");
    word(".output_config.effort");
    guarded(".tools[].function.name", Origin::Is(ToolDefinition)).fact(Fact::Tool);
    guarded(".tools[].function.description", Origin::Is(ToolDefinition));
    guarded(".tools[].function.parameters.**", Origin::Is(ToolDefinition))
        .free()
        .vocabulary(is_schema_word);
    flag(".tools[].function.strict");
    guarded(".tools[].parameter_definitions.**", Origin::Is(ToolDefinition)).free();
    guarded(".tool_choice.**", Origin::Is(ToolDefinition)).free();
);

const SETTINGS: &[Row] = &[
    Row::constrained("inferenceConfig.maxTokens", Form::Integer(0, 1 << 40))
        .fact(Fact::OutputTokensMax),
    Row::number("inferenceConfig.temperature"),
    Row::number("inferenceConfig.topP"),
    Row::guarded("inferenceConfig.stopSequences[]", Origin::Is(User)),
    Row::constrained("guardrailConfig.guardrailIdentifier", Form::Id),
    Row::word("guardrailConfig.guardrailVersion"),
    Row::word("guardrailConfig.trace"),
    Row::word("guardrailConfig.streamProcessingMode"),
    Row::guarded("additionalModelResponseFieldPaths[]", Origin::Is(User)),
    Row::guarded("promptVariables.*.text", Origin::Is(User)),
    Row::guarded("requestMetadata.*", Origin::Is(User)).free(),
    Row::word("performanceConfig.latency"),
    Row::word("serviceTier.type"),
    Row::word("outputConfig.effort"),
    Row::word("outputConfig.textFormat.type"),
    Row::guarded("outputConfig.textFormat.structure.jsonSchema.schema", Origin::Is(ToolDefinition))
        .json(),
    Row::guarded("outputConfig.textFormat.structure.jsonSchema.name", Origin::Is(ToolDefinition)),
    Row::guarded(
        "outputConfig.textFormat.structure.jsonSchema.description",
        Origin::Is(ToolDefinition),
    ),
];
