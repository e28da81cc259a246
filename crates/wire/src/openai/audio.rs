//! What may stand in `POST /v1/audio/transcriptions` and `POST /v1/audio/translations`, which are forms, in `POST
//! /v1/audio/speech`, and in what they are answered with, whole and streamed.
//!
//! From the OpenAI API reference, and what vLLM adds. The sound itself is not listened to: it is forwarded and
//! listed. Answers that are plain text or subtitles are one text (`read_text`).
//!
//! Segments and words say again what the text says, cut where a value may be cut too. They are read, and `null`
//! as soon as the text is changed.

use events::Provenance::User;

use crate::document::EchoOf;
use crate::form::Form;
use crate::lane::Channel;
use crate::openai::{ELSEWHERE, ERROR, ERROR_EVENT};
use crate::route::{Direction, Operation};
use crate::table::{EventKind, Fact, MessageTable, Origin, Row, Scope};

/// The request for a transcript.
pub(crate) static TRANSCRIPTION: MessageTable = MessageTable {
    operation: Operation::AudioTranscriptions,
    direction: Direction::Request,
    parts: &[LISTENING, ELSEWHERE],
    scopes: &[],
    skeleton: LISTENING_SKELETON,
};

/// The request for a transcript in English.
pub(crate) static TRANSLATION: MessageTable = MessageTable {
    operation: Operation::AudioTranslations,
    direction: Direction::Request,
    parts: &[LISTENING, ELSEWHERE],
    scopes: &[],
    skeleton: LISTENING_SKELETON,
};

/// The transcript.
pub(crate) static TRANSCRIBED: MessageTable = MessageTable {
    operation: Operation::AudioTranscriptions,
    direction: Direction::Response,
    parts: &[TRANSCRIPT, USED, ERROR],
    scopes: &[],
    skeleton: TRANSCRIPT_SKELETON,
};

/// The transcript in English.
pub(crate) static TRANSLATED: MessageTable = MessageTable {
    operation: Operation::AudioTranslations,
    direction: Direction::Response,
    parts: &[TRANSCRIPT, USED, ERROR],
    scopes: &[],
    skeleton: TRANSCRIPT_SKELETON,
};

/// One event of a streamed transcript.
pub(crate) static TRANSCRIPT_EVENT: MessageTable = MessageTable {
    operation: Operation::AudioTranscriptions,
    direction: Direction::Stream,
    parts: &[EVENT, CHUNK, USED, ERROR_EVENT],
    scopes: &[("", Scope::Event(EVENTS)), ("choices[]", Scope::Choice)],
    skeleton: EVENT_SKELETON,
};

/// The same of a streamed translation, which vLLM has.
pub(crate) static TRANSLATION_EVENT: MessageTable = MessageTable {
    operation: Operation::AudioTranslations,
    direction: Direction::Stream,
    parts: &[EVENT, CHUNK, USED, ERROR_EVENT],
    scopes: &[("", Scope::Event(EVENTS)), ("choices[]", Scope::Choice)],
    skeleton: EVENT_SKELETON,
};

/// The request for speech.
pub(crate) static SPEECH: MessageTable = MessageTable {
    operation: Operation::AudioSpeech,
    direction: Direction::Request,
    parts: &[SPEAKING, ELSEWHERE],
    scopes: &[],
    skeleton: &[("model", "\"gpt-4o-mini-tts\""), ("input", "\"hello\""), ("voice", "\"alloy\"")],
};

/// What stands in the place of speech: an error.
pub(crate) static SPOKEN: MessageTable = MessageTable {
    operation: Operation::AudioSpeech,
    direction: Direction::Response,
    parts: &[USED, ERROR],
    scopes: &[],
    skeleton: &[("error.message", "\"hello\"")],
};

/// One event of streamed speech.
pub(crate) static SPEECH_EVENT: MessageTable = MessageTable {
    operation: Operation::AudioSpeech,
    direction: Direction::Stream,
    parts: &[SPEECH_EVENTS_SAY, USED, ERROR_EVENT],
    scopes: &[("", Scope::Event(&[EventKind::finishing("speech.audio.done", None)]))],
    skeleton: &[("type", "\"speech.audio.delta\""), ("audio", "\"AAAA\"")],
};

/// The skeleton of what is said about sound.
const LISTENING_SKELETON: &[(&str, &str)] =
    &[("model", "\"whisper-1\""), ("file.filename", "\"a.wav\"")];
const TRANSCRIPT_SKELETON: &[(&str, &str)] = &[("text", "\"hello\"")];
const EVENT_SKELETON: &[(&str, &str)] =
    &[("type", "\"transcript.text.delta\""), ("delta", "\"hello\"")];

const SOUND: &str = "opaque: audio";
const REPEATED: &str = "repeats the text token by token";
const TOKENS: &str = "repeats the text as token ids";
const USER: Origin = Origin::Is(User);

const LISTENING: &[Row] = &[
    Row::presence("file", Some(SOUND)),
    Row::guarded("file.filename", USER),
    Row::constrained("file.content_type", Form::MediaType),
    Row::constrained("model", Form::Model).fact(Fact::Model),
    Row::guarded("prompt", USER).fact(Fact::Opening),
    Row::word("language"),
    Row::word("languages[]"),
    Row::guarded("keywords[]", USER),
    Row::word("response_format"),
    Row::number("temperature"),
    Row::word("include[]"),
    Row::word("timestamp_granularities[]"),
    Row::flag("stream").fact(Fact::Stream),
    Row::guarded("chunking_strategy", USER),
    Row::word("chunking_strategy.type"),
    Row::integer("chunking_strategy.prefix_padding_ms"),
    Row::integer("chunking_strategy.silence_duration_ms"),
    Row::number("chunking_strategy.threshold"),
    Row::guarded("known_speaker_names[]", USER),
    Row::opaque_form("known_speaker_references[]", Form::Base64, SOUND),
    Row::guarded("user", USER).fact(Fact::EndUser(1)),
    Row::guarded("hotwords", USER),
    Row::word("to_language"),
    Row::constrained("max_completion_tokens", Form::Integer(0, 1 << 40))
        .fact(Fact::OutputTokensMax),
    Row::flag("stream_include_usage"),
    Row::flag("stream_continuous_usage_stats"),
    Row::number("frequency_penalty"),
    Row::number("min_p"),
    Row::number("presence_penalty"),
    Row::number("repetition_penalty"),
    Row::integer("seed"),
    Row::number("top_k"),
    Row::number("top_p"),
];

const TRANSCRIPT: &[Row] = &[
    Row::output("text", Channel::Transcript),
    Row::word("task"),
    Row::said("language"),
    Row::word("languages[].code"),
    Row::number("duration"),
    Row::word("duration"),
    Row::echo("logprobs", EchoOf::Transcript, REPEATED),
    Row::repeats("segments", EchoOf::Transcript),
    Row::integer("segments[].id"),
    Row::constrained("segments[].id", Form::Id),
    Row::word("segments[].type"),
    Row::integer("segments[].seek"),
    Row::number("segments[].start"),
    Row::number("segments[].end"),
    Row::said("segments[].text"),
    Row::said("segments[].speaker"),
    Row::opaque("segments[].tokens", TOKENS),
    Row::number("segments[].temperature"),
    Row::number("segments[].avg_logprob"),
    Row::number("segments[].compression_ratio"),
    Row::number("segments[].no_speech_prob"),
    Row::repeats("words", EchoOf::Transcript),
    Row::said("words[].word"),
    Row::number("words[].start"),
    Row::number("words[].end"),
    Row::said("words[].speaker"),
];

const USED: &[Row] = &[
    Row::word("object").fact(Fact::Object),
    Row::word("usage.type"),
    Row::integer("usage.input_tokens").fact(Fact::InputTokens),
    Row::integer("usage.output_tokens").fact(Fact::OutputTokens),
    Row::integer("usage.prompt_tokens").fact(Fact::InputTokens),
    Row::integer("usage.completion_tokens").fact(Fact::OutputTokens),
    Row::number("usage.*"),
    Row::number("usage.*.*"),
];

/// The whole text comes once more at the end.
const EVENTS: &[EventKind] = &[
    EventKind::saying("transcript.text.delta", Channel::Transcript),
    EventKind::finishing("transcript.text.done", Some(Channel::Transcript)),
];

const EVENT: &[Row] = &[
    Row::word("type").fact(Fact::Kind),
    Row::output("delta", Channel::OfEvent),
    Row::output("text", Channel::OfEvent),
    Row::echo("logprobs", EchoOf::Transcript, REPEATED),
    Row::word("languages[].code"),
    Row::constrained("segment_id", Form::Id),
    Row::constrained("id", Form::Id).fact(Fact::Id),
    Row::number("start"),
    Row::number("end"),
    Row::said("speaker"),
];

/// vLLM streams as chats do.
const CHUNK: &[Row] = &[
    Row::number("created").fact(Fact::Created),
    Row::constrained("model", Form::Id).fact(Fact::Model),
    Row::constrained("choices[].index", Form::Integer(0, u32::MAX as i64)).fact(Fact::Index),
    Row::word("choices[].delta.role"),
    Row::output("choices[].delta.content", Channel::Content),
    Row::output("choices[].delta.reasoning", Channel::Reasoning),
    Row::word("choices[].finish_reason").fact(Fact::Finish),
    Row::said("choices[].stop_reason"),
];

const SPEAKING: &[Row] = &[
    Row::constrained("model", Form::Model).fact(Fact::Model),
    Row::guarded("input", USER).fact(Fact::Opening),
    Row::guarded("instructions", USER),
    Row::word("voice"),
    Row::constrained("voice.id", Form::Id),
    Row::word("response_format"),
    Row::number("speed"),
    Row::word("stream_format").fact(Fact::StreamFormat),
    Row::word("language"),
];

const SPEECH_EVENTS_SAY: &[Row] = &[
    Row::word("type").fact(Fact::Kind),
    Row::opaque_form("audio", Form::Base64, "opaque: audio that says the input"),
];
