//! `wire`: forms, the files in them, and what batches write.

use events::Span;
use wire::{
    Direction, Document, Echoes, Edit, Operation, ReadError, ReadLimits, UnknownFields, plantings,
    read_batch_output, read_request, splice,
};

use crate::engine::{Outcome, Target, fingerprint, mixed};

const DICTIONARY: &[&[u8]] = &[
    b"--canary",
    b"\r\n--canary--\r\n",
    b"\r\n",
    b"\n",
    b"Content-Disposition: form-data; name=\"purpose\"",
    b"; filename=\"a\"",
    b"Content-Type: text/plain; charset=utf-8",
    b"batch",
    b"fine-tune",
    b"{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":{}}",
    b"\"response\":{\"status_code\":200,\"body\":{\"choices\":[]}}",
    b"\"url\"",
    b"\"body\"",
    b"\xff",
    b"\xe2\x80\xa8",
];

/// Uploads with a canary in each place of the form, and files of lines with one in each place of a line.
fn uploads() -> Vec<Vec<u8>> {
    let planted = |operation, direction| {
        let plantings = plantings(operation, direction, "a canary").into_iter();
        plantings.map(|planting| planting.message).collect::<Vec<_>>()
    };
    let mut uploads = planted(Operation::FileUpload, Direction::Request);
    for line in planted(Operation::FileUpload, Direction::RequestLine) {
        let head = b"--canary\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--canary\r\n\
                     Content-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n";
        uploads.push([&head[..], &line, b"\n", &line, b"\r\n--canary--\r\n"].concat());
    }
    uploads
}

pub(crate) const UPLOAD: Target =
    Target { name: "wire_upload", seeds: uploads, dictionary: DICTIONARY, run: upload };
pub(crate) const OUTPUT: Target = Target {
    name: "wire_batch_output",
    seeds: || {
        let of = |operation| plantings(operation, Direction::ResponseLine, "a canary");
        let lines = [of(Operation::FileContent), of(Operation::MessageBatchResults)].concat();
        lines.into_iter().map(|planting| planting.message).collect()
    },
    dictionary: DICTIONARY,
    run: output,
};

/// No edit changes nothing, and no edit changes where the parts are.
fn upload(input: &[u8]) -> Outcome {
    let mut outcome = 0;
    for unknown in [UnknownFields::Scan, UnknownFields::Refuse] {
        let limits = ReadLimits::default();
        let Ok(document) = read_request(Operation::FileUpload, input, unknown, &limits) else {
            continue;
        };
        if !document.is_partial {
            let same = splice(&document, &[], Echoes::OfEdited);
            assert_eq!(same.as_deref(), Ok(input), "no edit, no change");
            edited(&document);
        }
        outcome = mixed(outcome, said(&document));
    }
    outcome
}

/// Edits every text at its beginning. Whatever its message makes of that, the form is one as before.
fn edited(document: &Document<'_>) {
    let first = |(place, field): (usize, &wire::Field<'_>)| {
        let first = field.text.chars().next()?;
        Some(Edit::value(place, Span::new(0, first.len_utf8()), "\"--canary"))
    };
    let edits: Vec<Edit> = document.fields.iter().enumerate().filter_map(first).collect();
    let Ok(changed) = splice(document, &edits, Echoes::OfEdited) else { return };
    let limits = ReadLimits::default();
    let again = read_request(Operation::FileUpload, &changed, UnknownFields::Scan, &limits);
    let is_broken = matches!(again, Err(ReadError::MalformedForm { .. }));
    assert!(!is_broken, "an edit broke the form: {:?}", again.err());
}

fn output(input: &[u8]) -> Outcome {
    let mut outcome = 0;
    for operation in [
        Operation::ChatCompletions,
        Operation::Embeddings,
        Operation::Messages,
        Operation::Responses,
    ] {
        let read = read_batch_output(operation, input, UnknownFields::Scan, &ReadLimits::default());
        let Ok(document) = read else { continue };
        let same = splice(&document, &[], Echoes::OfEdited);
        assert_eq!(same.as_deref(), Ok(input), "no edit, no change");
        outcome = mixed(outcome, said(&document));
    }
    outcome
}

/// What a document says, in a number; lines follow each other and hold what they say.
fn said(document: &Document<'_>) -> Outcome {
    let (mut outcome, mut at, mut fields) = (document.fields.len() as u64, 0, None);
    for member in &document.members {
        assert!(at <= member.source.start && member.source.start <= member.source.end);
        assert_eq!(member.fields.start, *fields.get_or_insert(member.fields.start));
        for field in document.fields.get(member.fields.clone()).unwrap_or_default() {
            let within =
                member.source.start <= field.source.start && field.source.end <= member.source.end;
            assert!(within && !field.text.is_empty(), "a line says what stands in it");
        }
        (at, fields) = (member.source.end, Some(member.fields.end));
        outcome = mixed(outcome, fingerprint(&member.shown()));
    }
    for field in document.fields.iter().take(32) {
        outcome = mixed(outcome, fingerprint(&document.path_of(field)));
    }
    outcome
}
