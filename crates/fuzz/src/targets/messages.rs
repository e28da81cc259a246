//! `wire`: messages of every operation, edits in them, events of a stream.

use events::Span;
use wire::{
    Channel, Choices, Dialect, Direction, Document, Echoes, Edit, EmbeddedJson, Envelope,
    ErrorShape, EventReader, FrameReader, Framing, Lane, Notice, Operation, ReadLimits,
    StreamEvent, StreamPart, Unescaped, UnknownFields, blocked_ending, delta_event, error_event,
    plantings, read_request, read_response, read_stream_event, route, splice,
};

use crate::engine::{Outcome, Target, fingerprint, mixed};

const DICTIONARY: &[&[u8]] = &[
    b"messages",
    b"role",
    b"content",
    b"system",
    b"user",
    b"assistant",
    b"tool",
    b"developer",
    b"text",
    b"type",
    b"image_url",
    b"tool_calls",
    b"function",
    b"arguments",
    b"name",
    b"choices",
    b"delta",
    b"index",
    b"finish_reason",
    b"usage",
    b"model",
    b"stream",
    b"input",
    b"data",
    b"error",
    b"message",
    b"id",
    b"logprobs",
    b"[DONE]",
    b"data: ",
    b"event: ",
    b"id: ",
    b"retry: 1",
    b": comment",
    b"\n\n",
    b"\r\n\r\n",
    b"\"stream\":true",
    b"\\u0000",
    b"\\ud800",
    b"Content",
    b"CONTENT",
    b"refusal",
    b"audio",
    b"metadata",
    b"user_id",
    b"contents",
    b"candidates",
    b"parts",
    b"functionCall",
    b"function_call",
    b"inlineData",
    b"inline_data",
    b"thought",
    b"generationConfig",
    b"toolUse",
    b"contentBlockIndex",
    b"reasoningContent",
    b"contentBlockStop",
    b":event-type",
    b":message-type",
    b"exception",
    b"x_unknown",
];
/// Small enough that mutated inputs cross them.
const EVENT_BYTES_MAX: usize = 8 * 1024;

fn planted(direction: Direction) -> Vec<Vec<u8>> {
    Operation::ALL
        .into_iter()
        .flat_map(|operation| plantings(operation, direction, "a canary"))
        .step_by(5)
        .map(|planting| planting.message)
        .collect()
}

fn streamed() -> Vec<Vec<u8>> {
    let framed = planted(Direction::Stream).into_iter().map(|message| {
        let is_named = message.windows(19).any(|part| part == b"content_block_delta");
        let mut event =
            if is_named { b"event: content_block_delta\n".to_vec() } else { Vec::new() };
        event.extend_from_slice(b"data: ");
        event.extend_from_slice(&message);
        event.extend_from_slice(b"\n\n");
        event
    });
    framed
        .chain([
            b"event: error\r\ndata: {}\r\n\r\ndata: [DONE]\r\n\r\n".to_vec(),
            b"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n"
                .to_vec(),
            b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n".to_vec(),
            b": ping\n\n".to_vec(),
        ])
        .collect()
}

/// A line of each streamed message of the dialect that streams lines, and an end.
fn lines() -> Vec<Vec<u8>> {
    let operations = [Operation::OllamaChat, Operation::OllamaGenerate];
    let planted =
        operations.into_iter().flat_map(|one| plantings(one, Direction::Stream, "a canary"));
    planted
        .step_by(3)
        .map(|planting| [&planting.message[..], b"\r\n\n{\"done\":true}\n"].concat())
        .collect()
}

pub(crate) const REQUEST: Target = Target {
    name: "wire_request",
    seeds: || planted(Direction::Request),
    dictionary: DICTIONARY,
    run: |input| {
        of_operations(|operation, unknown| {
            match read_request(operation, input, unknown, &ReadLimits::default()) {
                Ok(document) => said(&document),
                Err(error) => {
                    fingerprint(&format!("{error:?}").chars().take(12).collect::<String>())
                }
            }
        })
    },
};
pub(crate) const RESPONSE: Target = Target {
    name: "wire_response",
    seeds: || planted(Direction::Response),
    dictionary: DICTIONARY,
    run: |input| {
        of_operations(|operation, unknown| {
            match read_response(operation, input, unknown, &ReadLimits::default()) {
                Ok(document) => said(&document),
                Err(error) => {
                    fingerprint(&format!("{error:?}").chars().take(12).collect::<String>())
                }
            }
        })
    },
};
pub(crate) const STREAM: Target = Target {
    name: "wire_stream",
    seeds: streamed,
    dictionary: DICTIONARY,
    run: |input| stream(Framing::Events, input),
};
pub(crate) const LINES: Target = Target {
    name: "wire_lines",
    seeds: lines,
    dictionary: DICTIONARY,
    run: |input| mixed(stream(Framing::Lines, input), cut_anywhere(Framing::Lines, input)),
};
pub(crate) const SPLICE: Target = Target {
    name: "wire_splice",
    seeds: || planted(Direction::Request),
    dictionary: DICTIONARY,
    run: edited,
};
pub(crate) const EVENTS: Target = Target {
    name: "wire_sse",
    seeds: streamed,
    dictionary: DICTIONARY,
    run: |input| cut_anywhere(Framing::Events, input),
};
pub(crate) const FRAMES: Target =
    Target { name: "wire_frames", seeds: in_frames, dictionary: DICTIONARY, run: frames };
pub(crate) const EMBEDDED: Target = Target {
    name: "wire_embedded",
    seeds: || vec![br#"{"a": "caf\u00e9 \"x\"", "b": [1, 2]}"#.to_vec(), b"plain".to_vec()],
    dictionary: DICTIONARY,
    run: embedded,
};
pub(crate) const ROUTE: Target = Target {
    name: "wire_route",
    seeds: || {
        [
            &b"/v1/chat/completions"[..],
            b"/v1/models/a%2Fb",
            b"/v1/embeddings?x=1",
            b"/v1beta/models/g:generateContent",
            b"/model/a%3A0/converse-stream",
            b"/v1/projects/p/locations/l/publishers/google/models/g:countTokens",
        ]
        .map(<[u8]>::to_vec)
        .to_vec()
    },
    dictionary: &[
        b"/",
        b"//",
        b"..",
        b"%2f",
        b"%00",
        b"v1",
        b"models",
        b"projects/",
        b":",
        b"chat",
        b"?",
        b"#",
        b"%",
        b"\xc3\xa9",
    ],
    run: |input| {
        let path = String::from_utf8_lossy(input);
        let (get, post) = (route("GET", &path), route("POST", &path));
        let _ = wire::shown_model(&path);
        mixed(fingerprint(&format!("{get:?}")), fingerprint(&format!("{post:?}")))
    },
};

fn of_operations(mut read: impl FnMut(Operation, UnknownFields) -> Outcome) -> Outcome {
    let mut outcome = 0;
    for operation in [
        Operation::ChatCompletions,
        Operation::Embeddings,
        Operation::ModelList,
        Operation::Completions,
        Operation::Moderations,
        Operation::Messages,
        Operation::CountTokens,
        Operation::AnthropicModelList,
        Operation::GenerateContent,
        Operation::BatchEmbedContents,
        Operation::Converse,
        Operation::OllamaChat,
        Operation::OllamaGenerate,
        Operation::OllamaShow,
        Operation::AudioTranscriptions,
        Operation::ImageEdits,
    ] {
        for unknown in [UnknownFields::Scan, UnknownFields::Refuse] {
            outcome = mixed(outcome, read(operation, unknown));
        }
    }
    outcome
}

/// What a document says, in a number; every field is a piece of the message.
fn said(document: &Document<'_>) -> Outcome {
    let mut outcome = document.echoes.len() as u64;
    for (place, field) in document.fields.iter().enumerate() {
        assert!(!field.text.is_empty(), "a field is empty");
        assert!(field.source.start <= field.source.end, "a field ends before it begins");
        if place < 32 {
            outcome = mixed(outcome, fingerprint(&document.path_of(field)));
        }
    }
    mixed(outcome, document.unknown().len() as u64)
}

fn stream(framing: Framing, input: &[u8]) -> Outcome {
    let operations: &[Operation] = match framing {
        Framing::Events => &[
            Operation::ChatCompletions,
            Operation::Messages,
            Operation::AudioTranscriptions,
            Operation::ImageEdits,
            Operation::StreamGenerateContent,
        ],
        // They have a target of their own.
        Framing::Frames => &[],
        Framing::Lines => &[Operation::OllamaChat, Operation::OllamaGenerate],
    };
    let mut reader = EventReader::of(framing, EVENT_BYTES_MAX);
    reader.push(input);
    let mut outcome = 0;
    while let Some(Ok(event)) = reader.next_event() {
        let event = event.into();
        for operation in operations {
            let limits = ReadLimits::default();
            let read = read_stream_event(*operation, &event, UnknownFields::Scan, &limits);
            outcome = mixed(
                outcome,
                match read {
                    Ok(
                        StreamEvent::Chunk(document)
                        | StreamEvent::Last(document)
                        | StreamEvent::Error(document),
                    ) => said(&document),
                    Ok(StreamEvent::Done) => 2,
                    Ok(StreamEvent::Comment) => 3,
                    Err(error) => kind_of(&error),
                },
            );
        }
    }
    outcome
}

/// A stream of frames as this gateway says them, and one of an event that it does not.
fn in_frames() -> Vec<Vec<u8>> {
    let lane = |channel| Lane { choice: 1, channel };
    let envelope = Envelope::default();
    let mut seeds: Vec<Vec<u8>> = [Channel::Content, Channel::Reasoning, Channel::ToolArguments(0)]
        .into_iter()
        .filter_map(|channel| {
            let text = "{\"a\": \"caf\u{e9}\"}";
            delta_event(Operation::ConverseStream, &envelope, lane(channel), text)
        })
        .collect();
    let notice = Notice { code: "c", message: "m", interaction: "i" };
    let choices = Choices { open: &[0, 1], seen: &[0, 1] };
    seeds.push(blocked_ending(Operation::ConverseStream, &envelope, choices, &notice));
    seeds.push(error_event(Dialect::Bedrock, &ErrorShape::default()));
    seeds
}

/// However the bytes are cut, the frames are the same, together they are the bytes, and what they say can be read.
fn frames(input: &[u8]) -> Outcome {
    let read = |step: usize| {
        let mut reader = FrameReader::new(EVENT_BYTES_MAX);
        let mut frames = Vec::new();
        for piece in input.chunks(step) {
            reader.push(piece);
            while let Some(frame) = reader.next_frame() {
                frames.push(frame);
            }
        }
        (frames, reader.finish())
    };
    let (whole, rest) = read(input.len().max(1));
    assert_eq!((&whole, &rest), (&read(7).0, &read(7).1), "a cut changed the frames");
    let mut outcome = 0;
    let mut raw = Vec::new();
    let is_good = whole.iter().all(Result::is_ok);
    for frame in whole.into_iter().flatten() {
        raw.extend_from_slice(frame.raw());
        outcome = mixed(outcome, fingerprint(frame.name()));
        let (part, limits) = (StreamPart::Frame(frame), ReadLimits::default());
        let operation = Operation::ConverseStream;
        if let Ok(StreamEvent::Chunk(document) | StreamEvent::Error(document)) =
            read_stream_event(operation, &part, UnknownFields::Scan, &limits)
        {
            outcome = mixed(outcome, said(&document));
        }
    }
    assert!(!is_good || [raw, rest].concat() == input, "bytes were lost");
    mixed(outcome, u64::from(is_good))
}

fn request(input: &[u8]) -> Result<Document<'_>, wire::ReadError> {
    read_request(Operation::ChatCompletions, input, UnknownFields::Scan, &ReadLimits::default())
}

/// Which error it is, without the places in it.
fn kind_of(error: &wire::ReadError) -> Outcome {
    fingerprint(&format!("{error:?}").chars().take(12).collect::<String>())
}

/// No edit changes nothing; an edit leaves a message that can be read.
fn edited(input: &[u8]) -> Outcome {
    let Ok(document) = request(input) else { return 0 };
    let same = splice(&document, &[], Echoes::OfEdited);
    assert_eq!(same.as_deref(), Ok(input), "no edit, no change");
    let edits: Vec<Edit> = document
        .fields
        .iter()
        .enumerate()
        .take(64)
        .filter_map(|(place, field)| {
            let first = field.text.chars().next()?;
            Some(Edit::value(place, Span::new(0, first.len_utf8()), "\"\\\u{1f511}"))
        })
        .collect();
    if let Ok(changed) = splice(&document, &edits, Echoes::All) {
        // An edit can break a setting (an address, say), and never the JSON.
        let again = request(&changed).err();
        assert!(
            !matches!(again, Some(wire::ReadError::Malformed { .. })),
            "an edit broke the message: {again:?}"
        );
    }
    said(&document)
}

/// However the bytes are cut, the events are the same, and together they are the bytes.
fn cut_anywhere(framing: Framing, input: &[u8]) -> Outcome {
    let events = |cuts: &mut dyn FnMut(usize) -> usize| {
        let mut reader = EventReader::of(framing, EVENT_BYTES_MAX);
        let (mut events, mut at) = (Vec::new(), 0);
        while at < input.len() {
            let end = (at + cuts(at).max(1)).min(input.len());
            reader.push(input.get(at..end).unwrap_or_default());
            at = end;
            while let Some(event) = reader.next_event() {
                let failed = event.is_err();
                events.push(
                    event.map(|event| (event.raw().to_vec(), event.data().map(str::to_owned))),
                );
                if failed {
                    return (events, Vec::new());
                }
            }
        }
        (events, reader.finish())
    };
    let (whole, rest) = events(&mut |_| input.len());
    let (cut, rest_of_cut) =
        events(&mut |at| input.get(at).map_or(1, |byte| usize::from(byte % 11)));
    let failed = whole.iter().chain(&cut).any(Result::is_err);
    if !failed {
        assert_eq!(whole, cut, "a cut changed the events");
        assert_eq!(rest, rest_of_cut, "a cut changed what remained");
        let raw = whole.iter().flatten().flat_map(|(raw, _)| raw.iter().copied());
        assert_eq!(raw.chain(rest).collect::<Vec<u8>>(), input, "bytes were lost");
    }
    mixed(whole.len() as u64, u64::from(failed))
}

fn embedded(input: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(input);
    let unescaped = Unescaped::of(&text);
    let mut outcome = 0;
    for (from, to) in unescaped.escapes() {
        assert!(from <= to, "an escape ends before it begins");
        outcome = mixed(outcome, (to - from) as u64);
    }
    for (at, _) in unescaped.text.char_indices().take(64) {
        assert!(unescaped.original_offset(at) < text.len(), "an offset lies outside the text");
    }
    let (mut whole, mut pieces) = (EmbeddedJson::default(), EmbeddedJson::default());
    whole.advance(&text);
    for character in text.chars() {
        pieces.advance(character.encode_utf8(&mut [0; 4]));
    }
    assert_eq!(whole.embed("a\"b"), pieces.embed("a\"b"), "a cut changed what stands open");
    mixed(outcome, whole.embed("x").len() as u64)
}
