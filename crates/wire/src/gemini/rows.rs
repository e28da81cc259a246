//! Groups of rows that stand in several places of the dialect, written once per group.
//!
//! INVARIANT: a macro here is a table with a prefix, and nothing else.

/// What a part of a request's content may be.
macro_rules! asked_parts {
    ($prefix:literal, $origin:expr) => {
        $crate::table::rows!($prefix:
            guarded(".text", $origin);
            flag(".thought");
            opaque_form(".thoughtSignature", $crate::form::Form::Base64, $crate::gemini::SIGNED);
            guarded(".partMetadata.**", $origin).free();
            word(".mediaResolution.level");
            integer(".mediaResolution.numTokens");
            word(".mediaProcessing");
            guarded(".videoMetadata.**", $crate::table::Origin::Is(events::Provenance::File)).free();
            guarded(".audioMetadata.**", $crate::table::Origin::Is(events::Provenance::File)).free();
            guarded(".documentMetadata.**", $crate::table::Origin::Is(events::Provenance::File)).free();
            guarded(".spreadsheetMetadata.**", $crate::table::Origin::Is(events::Provenance::File)).free();
            guarded(".speechMetadata.**", $origin).free();
            guarded(".audioTranscription.**", $origin).free();
            guarded(".inlineData.mimeType", $crate::table::Origin::Is(events::Provenance::File))
                .fact($crate::table::Fact::Declared);
            guarded(".inlineData.displayName", $crate::table::Origin::Is(events::Provenance::File));
            file(".inlineData.data", $crate::gemini::FILE);
            guarded(".fileData.mimeType", $crate::table::Origin::Is(events::Provenance::File));
            guarded(".fileData.displayName", $crate::table::Origin::Is(events::Provenance::File));
            media(".fileData.fileUri", $origin);
            guarded(".functionCall.id", $crate::table::Origin::Is(events::Provenance::ToolCall));
            guarded(".functionCall.name", $crate::table::Origin::Is(events::Provenance::ToolCall));
            guarded(".functionCall.args.**", $crate::table::Origin::Is(events::Provenance::ToolCall)).free();
            guarded(".functionCall.partialArgs[].**", $crate::table::Origin::Is(events::Provenance::ToolCall)).free();
            flag(".functionCall.willContinue");
            guarded(".functionResponse.id", $crate::table::Origin::Is(events::Provenance::ToolResult));
            guarded(".functionResponse.name", $crate::table::Origin::Is(events::Provenance::ToolResult));
            guarded(".functionResponse.response.**", $crate::table::Origin::Is(events::Provenance::ToolResult))
                .free();
            flag(".functionResponse.willContinue");
            word(".functionResponse.scheduling");
            guarded(".functionResponse.parts[].inlineData.mimeType",
                $crate::table::Origin::Is(events::Provenance::File)).fact($crate::table::Fact::Declared);
            guarded(".functionResponse.parts[].inlineData.displayName",
                $crate::table::Origin::Is(events::Provenance::File));
            file(".functionResponse.parts[].inlineData.data", $crate::gemini::FILE);
            word(".functionResponse.parts[].mediaProcessing");
            word(".functionResponse.parts[].mediaResolution.level");
            integer(".functionResponse.parts[].mediaResolution.numTokens");
            guarded(".functionResponse.parts[].videoMetadata.**",
                $crate::table::Origin::Is(events::Provenance::File)).free();
            guarded(".functionResponse.parts[].audioMetadata.**",
                $crate::table::Origin::Is(events::Provenance::File)).free();
            guarded(".functionResponse.parts[].documentMetadata.**",
                $crate::table::Origin::Is(events::Provenance::File)).free();
            guarded(".functionResponse.parts[].spreadsheetMetadata.**",
                $crate::table::Origin::Is(events::Provenance::File)).free();
            guarded(".functionResponse.parts[].fileData.mimeType",
                $crate::table::Origin::Is(events::Provenance::File));
            guarded(".functionResponse.parts[].fileData.displayName",
                $crate::table::Origin::Is(events::Provenance::File));
            media(".functionResponse.parts[].fileData.fileUri",
                $crate::table::Origin::Is(events::Provenance::ToolResult));
            guarded(".executableCode.id", $crate::table::Origin::Is(events::Provenance::ToolCall));
            word(".executableCode.language");
            guarded(".executableCode.code", $crate::table::Origin::Is(events::Provenance::ToolCall));
            guarded(".codeExecutionResult.id", $crate::table::Origin::Is(events::Provenance::ToolResult));
            word(".codeExecutionResult.outcome");
            guarded(".codeExecutionResult.output", $crate::table::Origin::Is(events::Provenance::ToolResult));
            guarded(".toolCall.id", $crate::table::Origin::Is(events::Provenance::ToolCall));
            word(".toolCall.toolType");
            guarded(".toolCall.args.**", $crate::table::Origin::Is(events::Provenance::ToolCall)).free();
            guarded(".toolResponse.id", $crate::table::Origin::Is(events::Provenance::ToolResult));
            word(".toolResponse.toolType");
            guarded(".toolResponse.response.**", $crate::table::Origin::Is(events::Provenance::ToolResult)).free();
        )
    };
}

/// Token counts. What tools put into the prompt is input that `promptTokenCount` does not count, and thoughts are
/// output that `candidatesTokenCount` does not count.
macro_rules! usage {
    () => {
        $crate::table::rows!("usageMetadata":
            integer(".promptTokenCount").fact($crate::table::Fact::InputTokens);
            integer(".toolUsePromptTokenCount").fact($crate::table::Fact::InputTokens);
            integer(".candidatesTokenCount").fact($crate::table::Fact::OutputTokens);
            integer(".thoughtsTokenCount").fact($crate::table::Fact::OutputTokens);
            number(".*");
            word(".*[].modality");
            integer(".*[].tokenCount");
            word(".trafficType");
            word(".serviceTier");
        )
    };
}

pub(crate) use {asked_parts, usage};
