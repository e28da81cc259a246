//! What may stand in the answers to `:generateContent` and `:streamGenerateContent`, whole or as one event, and to
//! `:countTokens`.
//!
//! An event of a stream is a whole answer that says the next piece: its candidates have an index, their parts have none.
//! Clients join the texts of a candidate, and its thoughts, so these are one lane each; whatever else a part holds comes
//! whole. A candidate ends with its `finishReason`, and a prompt that the provider blocks with a `blockReason`.
//!
//! INVARIANT: a stream's events and a whole answer are read by the same rows.

use crate::document::EchoOf;
use crate::form::Form;
use crate::gemini::rows::usage;
use crate::gemini::{ERROR, FILE, SIGNED};
use crate::lane::Channel;
use crate::route::{Direction, Operation};
use crate::table::{Fact, MessageTable, Row, Scope, rows};

/// The whole answer.
pub(crate) static WHOLE: MessageTable = MessageTable {
    operation: Operation::GenerateContent,
    direction: Direction::Response,
    parts: PARTS,
    scopes: SCOPES,
    skeleton: SKELETON,
};

/// What answers a request for a stream with one body: an error.
pub(crate) static OF_STREAM: MessageTable = MessageTable {
    operation: Operation::StreamGenerateContent,
    direction: Direction::Response,
    parts: PARTS,
    scopes: SCOPES,
    skeleton: SKELETON,
};

/// One event of a stream.
pub(crate) static EVENT: MessageTable = MessageTable {
    operation: Operation::StreamGenerateContent,
    direction: Direction::Stream,
    parts: PARTS,
    scopes: SCOPES,
    skeleton: SKELETON,
};

/// How many tokens a request would have.
pub(crate) static COUNTED: MessageTable = MessageTable {
    operation: Operation::GeminiCountTokens,
    direction: Direction::Response,
    parts: &[COUNT, ERROR],
    scopes: &[],
    skeleton: &[("totalTokens", "7")],
};

const PARTS: &[&[Row]] = &[ENVELOPE, CANDIDATE, SAID_PARTS, usage!(), ERROR];

const SCOPES: &[(&str, Scope)] =
    &[("candidates[]", Scope::Choice), ("candidates[].content.parts[]", Scope::OutputPart)];

const SKELETON: &[(&str, &str)] = &[
    ("candidates[].content.parts[].text", "\"hello\""),
    ("candidates[].content.role", "\"model\""),
    ("candidates[].index", "0"),
    ("modelVersion", "\"gemini-2.5-flash\""),
    ("responseId", "\"r_1\""),
];

const LOGPROBS: &str = "repeats the text token by token";

const ENVELOPE: &[Row] = &[
    Row::constrained("responseId", Form::Id).fact(Fact::Id),
    Row::constrained("modelVersion", Form::Id).fact(Fact::Model),
    Row::constrained("createTime", Form::Id),
    Row::said("modelStatus.**"),
    Row::word("promptFeedback.blockReason").fact(Fact::Finish),
    Row::said("promptFeedback.blockReasonMessage"),
    Row::word("promptFeedback.safetyRatings[].*"),
    Row::number("promptFeedback.safetyRatings[].*"),
    Row::flag("promptFeedback.safetyRatings[].*"),
];

const CANDIDATE: &[Row] = rows!("candidates[]":
    constrained(".index", Form::Integer(0, u32::MAX as i64)).fact(Fact::Index);
    word(".finishReason").fact(Fact::Finish);
    said(".finishMessage");
    integer(".tokenCount");
    number(".avgLogprobs");
    echo(".logprobsResult", EchoOf::Everything, LOGPROBS);
    word(".safetyRatings[].*");
    number(".safetyRatings[].*");
    flag(".safetyRatings[].*");
    said(".citationMetadata.**");
    said(".groundingAttributions[].**");
    said(".groundingMetadata.**");
    said(".groundingMetadata.searchEntryPoint.**");
    opaque_form(".groundingMetadata.searchEntryPoint.sdkBlob", Form::Base64, SIGNED);
    opaque_form(".groundingMetadata.googleMapsWidgetContextToken", Form::Base64, SIGNED);
    said(".urlContextMetadata.**");
    word(".content.role");
    opaque_form(".continuationToken", Form::Base64, SIGNED);
);

const SAID_PARTS: &[Row] = rows!("candidates[].content.parts[]":
    output(".text", Channel::Content);
    flag(".thought").fact(Fact::Thought);
    opaque_form(".thoughtSignature", Form::Base64, SIGNED);
    said(".partMetadata.**");
    word(".mediaResolution.level");
    integer(".mediaResolution.numTokens");
    word(".mediaProcessing");
    said(".videoMetadata.**");
    said(".audioMetadata.**");
    said(".documentMetadata.**");
    said(".spreadsheetMetadata.**");
    said(".speechMetadata.**");
    said(".audioTranscription.**");
    said(".inlineData.mimeType");
    said(".inlineData.displayName");
    file(".inlineData.data", FILE);
    said(".fileData.mimeType");
    said(".fileData.displayName");
    said(".fileData.fileUri");
    constrained(".functionCall.id", Form::Id);
    output(".functionCall.name", Channel::ToolName(0));
    presence(".functionCall.args", None).fact(Fact::Written);
    said(".functionCall.args.**");
    said(".functionCall.partialArgs[].**");
    flag(".functionCall.willContinue");
    said(".functionResponse.**");
    said(".functionResponse.parts[].**");
    said(".functionResponse.parts[].inlineData.mimeType");
    said(".functionResponse.parts[].inlineData.displayName");
    file(".functionResponse.parts[].inlineData.data", FILE);
    constrained(".executableCode.id", Form::Id);
    word(".executableCode.language");
    said(".executableCode.code");
    constrained(".codeExecutionResult.id", Form::Id);
    word(".codeExecutionResult.outcome");
    said(".codeExecutionResult.output");
    constrained(".toolCall.id", Form::Id);
    word(".toolCall.toolType");
    presence(".toolCall.args", None).fact(Fact::Written);
    said(".toolCall.args.**");
    constrained(".toolResponse.id", Form::Id);
    word(".toolResponse.toolType");
    said(".toolResponse.response.**");
);

const COUNT: &[Row] = &[
    Row::integer("totalTokens").fact(Fact::InputTokens),
    Row::integer("totalBillableCharacters"),
    Row::integer("cachedContentTokenCount"),
    Row::word("promptTokensDetails[].modality"),
    Row::integer("promptTokensDetails[].tokenCount"),
    Row::word("cacheTokensDetails[].modality"),
    Row::integer("cacheTokensDetails[].tokenCount"),
];
