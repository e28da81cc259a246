//! What may stand in a request to `:generateContent` and `:streamGenerateContent`, and to `:countTokens`, which asks
//! the same or holds it in one field.
//!
//! From the API references of Gemini and Vertex AI and the types of the official Python client 3.4.
//!
//! Judgements: what stands for content that is kept at the provider (cached contents, files by their address there, file stores,
//! corpora) is denied, because no guard sees it; a file in the request itself is read. MCP servers, search services and
//! their keys are hosts that the caller chooses, routing among models asks models that no route has looked at, and a
//! bucket for the output is a way out: denied. Function arguments that arrive piece by piece under paths of their own
//! are switched off. Ids that the caller writes are scanned like text.

use events::Provenance::{System, ToolDefinition, User};

use crate::form::Form;
use crate::gemini::rows::asked_parts;
use crate::gemini::{FILE, HOSTED, SIGNED, is_schema_word};
use crate::openai::{HOSTS, STORED};
use crate::route::{Direction, Operation};
use crate::table::{Fact, MessageTable, Origin, Row, Scope, rows};

/// A request, but for the parts of its contents.
macro_rules! asked {
    ($prefix:literal) => {
        rows!($prefix:
            constrained("model", Form::Id).fact(Fact::Model);
            constrained("contents[].role", Form::OneOf(ROLES)).fact(Fact::Role);
            guarded("systemInstruction", Origin::Is(System));
            word("systemInstruction.role");
            guarded("tools[].functionDeclarations[].name", Origin::Is(ToolDefinition)).fact(Fact::Tool);
            guarded("tools[].functionDeclarations[].description", Origin::Is(ToolDefinition));
            word("tools[].functionDeclarations[].behavior");
            guarded("tools[].functionDeclarations[].parameters.**", Origin::Is(ToolDefinition))
                .free()
                .vocabulary(is_schema_word);
            guarded("tools[].functionDeclarations[].parametersJsonSchema.**", Origin::Is(ToolDefinition))
                .free()
                .vocabulary(is_schema_word);
            guarded("tools[].functionDeclarations[].response.**", Origin::Is(ToolDefinition))
                .free()
                .vocabulary(is_schema_word);
            guarded("tools[].functionDeclarations[].responseJsonSchema.**", Origin::Is(ToolDefinition))
                .free()
                .vocabulary(is_schema_word);
            presence("tools[].googleSearch", Some(HOSTED)).fact(Fact::Tool);
            guarded("tools[].googleSearch.**", Origin::Is(ToolDefinition)).free();
            presence("tools[].googleSearchRetrieval", Some(HOSTED)).fact(Fact::Tool);
            guarded("tools[].googleSearchRetrieval.**", Origin::Is(ToolDefinition)).free();
            presence("tools[].enterpriseWebSearch", Some(HOSTED)).fact(Fact::Tool);
            guarded("tools[].enterpriseWebSearch.**", Origin::Is(ToolDefinition)).free();
            presence("tools[].googleMaps", Some(HOSTED)).fact(Fact::Tool);
            guarded("tools[].googleMaps.**", Origin::Is(ToolDefinition)).free();
            denied("tools[].googleMaps.authConfig", HOSTS);
            presence("tools[].urlContext", Some(HOSTED)).fact(Fact::Tool);
            guarded("tools[].urlContext.**", Origin::Is(ToolDefinition)).free();
            presence("tools[].codeExecution", Some(HOSTED)).fact(Fact::Tool);
            guarded("tools[].codeExecution.**", Origin::Is(ToolDefinition)).free();
            presence("tools[].computerUse", None).fact(Fact::Tool);
            guarded("tools[].computerUse.**", Origin::Is(ToolDefinition)).free();
            denied("tools[].fileSearch", STORED);
            denied("tools[].retrieval", STORED);
            denied("tools[].mcpServers", HOSTS);
            denied("tools[].parallelAiSearch", HOSTS);
            denied("tools[].exaAiSearch", HOSTS);
            word("toolConfig.functionCallingConfig.mode");
            guarded("toolConfig.functionCallingConfig.allowedFunctionNames[]", Origin::Is(ToolDefinition));
            constrained("toolConfig.functionCallingConfig.streamFunctionCallArguments", Form::Off);
            flag("toolConfig.includeServerSideToolInvocations");
            number("toolConfig.retrievalConfig.latLng.latitude");
            number("toolConfig.retrievalConfig.latLng.longitude");
            word("toolConfig.retrievalConfig.languageCode");
            word("safetySettings[].category");
            word("safetySettings[].method");
            word("safetySettings[].threshold");
            denied("cachedContent", STORED);
            guarded("labels.*", Origin::Is(User)).free();
            constrained("modelArmorConfig.promptTemplateName", Form::Id);
            constrained("modelArmorConfig.responseTemplateName", Form::Id);
            word("serviceTier");
            opaque_form("continuationToken", Form::Base64, SIGNED);
            opaque_form("generationConfig.continuationToken", Form::Base64, SIGNED);
            flag("store");
            constrained("generationConfig.candidateCount", Form::Integer(0, 128)).fact(Fact::Choices);
            constrained("generationConfig.maxOutputTokens", Form::Integer(0, 1 << 40))
                .fact(Fact::OutputTokensMax);
            guarded("generationConfig.stopSequences[]", Origin::Is(User));
            number("generationConfig.temperature");
            number("generationConfig.topP");
            number("generationConfig.topK");
            integer("generationConfig.seed");
            number("generationConfig.presencePenalty");
            number("generationConfig.frequencyPenalty");
            flag("generationConfig.responseLogprobs");
            integer("generationConfig.logprobs");
            constrained("generationConfig.responseMimeType", Form::Id);
            guarded("generationConfig.responseSchema.**", Origin::Is(ToolDefinition))
                .free()
                .vocabulary(is_schema_word);
            guarded("generationConfig.responseJsonSchema.**", Origin::Is(ToolDefinition))
                .free()
                .vocabulary(is_schema_word);
            guarded("generationConfig._responseJsonSchema.**", Origin::Is(ToolDefinition))
                .free()
                .vocabulary(is_schema_word);
            guarded("generationConfig.responseFormat[].**", Origin::Is(ToolDefinition))
                .free()
                .vocabulary(is_schema_word);
            guarded("generationConfig.responseFormat[].video.**", Origin::Is(ToolDefinition)).free();
            denied("generationConfig.responseFormat[].video.gcsUri", HOSTS);
            word("generationConfig.responseModalities[]");
            word("generationConfig.mediaResolution");
            flag("generationConfig.audioTimestamp");
            flag("generationConfig.enableAffectiveDialog");
            flag("generationConfig.enableEnhancedCivicAnswers");
            flag("generationConfig.thinkingConfig.includeThoughts");
            integer("generationConfig.thinkingConfig.thinkingBudget");
            word("generationConfig.thinkingConfig.thinkingLevel");
            guarded("generationConfig.imageConfig.**", Origin::Is(User)).free();
            word("generationConfig.speechConfig.languageCode");
            guarded("generationConfig.speechConfig.voiceConfig.voice", Origin::Is(User));
            guarded("generationConfig.speechConfig.voiceConfig.prebuiltVoiceConfig.voiceName", Origin::Is(User));
            constrained("generationConfig.speechConfig.voiceConfig.replicatedVoiceConfig.mimeType", Form::Id);
            file("generationConfig.speechConfig.voiceConfig.replicatedVoiceConfig.voiceSampleAudio", FILE);
            file("generationConfig.speechConfig.voiceConfig.replicatedVoiceConfig.consentAudio", FILE);
            opaque_form(
                "generationConfig.speechConfig.voiceConfig.replicatedVoiceConfig.voiceConsentSignature.signature",
                Form::Base64,
                SIGNED
            );
            guarded(
                "generationConfig.speechConfig.multiSpeakerVoiceConfig.speakerVoiceConfigs[].speaker",
                Origin::Is(User)
            );
            guarded(
                "generationConfig.speechConfig.multiSpeakerVoiceConfig.speakerVoiceConfigs[].voiceConfig.voice",
                Origin::Is(User)
            );
            guarded(
                "generationConfig.speechConfig.multiSpeakerVoiceConfig.speakerVoiceConfigs[].voiceConfig.prebuiltVoiceConfig.voiceName",
                Origin::Is(User)
            );
            constrained(
                "generationConfig.speechConfig.multiSpeakerVoiceConfig.speakerVoiceConfigs[].voiceConfig.replicatedVoiceConfig.mimeType",
                Form::Id
            );
            file(
                "generationConfig.speechConfig.multiSpeakerVoiceConfig.speakerVoiceConfigs[].voiceConfig.replicatedVoiceConfig.voiceSampleAudio",
                FILE
            );
            file(
                "generationConfig.speechConfig.multiSpeakerVoiceConfig.speakerVoiceConfigs[].voiceConfig.replicatedVoiceConfig.consentAudio",
                FILE
            );
            opaque_form(
                "generationConfig.speechConfig.multiSpeakerVoiceConfig.speakerVoiceConfigs[].voiceConfig.replicatedVoiceConfig.voiceConsentSignature.signature",
                Form::Base64,
                SIGNED
            );
            guarded("generationConfig.audioTranscriptionConfig.**", Origin::Is(User)).free();
            guarded("generationConfig.translationConfig.**", Origin::Is(User)).free();
            denied("generationConfig.routingConfig", HOSTS);
            denied("generationConfig.modelSelectionConfig", HOSTS);
            denied("generationConfig.modelConfig", HOSTS);
        )
    };
}

/// `POST …:generateContent`.
pub(crate) static GENERATE: MessageTable = MessageTable {
    operation: Operation::GenerateContent,
    direction: Direction::Request,
    parts: PARTS,
    scopes: SCOPES,
    skeleton: SKELETON,
};

/// `POST …:streamGenerateContent`.
pub(crate) static STREAM: MessageTable = MessageTable {
    operation: Operation::StreamGenerateContent,
    direction: Direction::Request,
    parts: PARTS,
    scopes: SCOPES,
    skeleton: SKELETON,
};

/// `POST …:countTokens`.
pub(crate) static COUNT: MessageTable = MessageTable {
    operation: Operation::GeminiCountTokens,
    direction: Direction::Request,
    parts: &[
        asked!(""),
        asked_parts!("contents[].parts[]", Origin::Role),
        asked_parts!("systemInstruction.parts[]", Origin::Is(System)),
        asked!("generateContentRequest."),
        asked_parts!("generateContentRequest.contents[].parts[]", Origin::Role),
        asked_parts!("generateContentRequest.systemInstruction.parts[]", Origin::Is(System)),
        INSTANCES,
    ],
    scopes: &[
        ("contents[]", Scope::Message),
        ("contents[].parts[].inlineData", Scope::Source),
        ("contents[].parts[].functionResponse.parts[].inlineData", Scope::Source),
        ("systemInstruction.parts[].inlineData", Scope::Source),
        ("systemInstruction.parts[].functionResponse.parts[].inlineData", Scope::Source),
        ("generateContentRequest.contents[]", Scope::Message),
        ("generateContentRequest.contents[].parts[].inlineData", Scope::Source),
        (
            "generateContentRequest.contents[].parts[].functionResponse.parts[].inlineData",
            Scope::Source,
        ),
        ("generateContentRequest.systemInstruction.parts[].inlineData", Scope::Source),
        (
            "generateContentRequest.systemInstruction.parts[].functionResponse.parts[].inlineData",
            Scope::Source,
        ),
        ("tools[]", Scope::Tool),
        ("tools[].functionDeclarations[]", Scope::Tool),
        ("generateContentRequest.tools[]", Scope::Tool),
        ("generateContentRequest.tools[].functionDeclarations[]", Scope::Tool),
    ],
    skeleton: SKELETON,
};

const PARTS: &[&[Row]] = &[
    asked!(""),
    asked_parts!("contents[].parts[]", Origin::Role),
    asked_parts!("systemInstruction.parts[]", Origin::Is(System)),
];

const SCOPES: &[(&str, Scope)] = &[
    ("contents[]", Scope::Message),
    ("contents[].parts[].inlineData", Scope::Source),
    ("contents[].parts[].functionResponse.parts[].inlineData", Scope::Source),
    ("systemInstruction.parts[].inlineData", Scope::Source),
    ("systemInstruction.parts[].functionResponse.parts[].inlineData", Scope::Source),
    ("tools[]", Scope::Tool),
    ("tools[].functionDeclarations[]", Scope::Tool),
];

const SKELETON: &[(&str, &str)] =
    &[("contents[].role", "\"user\""), ("contents[].parts[].text", "\"hello\"")];

const ROLES: &[&str] = &["user", "model", "function", "tool"];

/// What older models of Vertex AI are asked to count.
const INSTANCES: &[Row] = &[Row::guarded("instances[].**", Origin::Is(User)).free()];
