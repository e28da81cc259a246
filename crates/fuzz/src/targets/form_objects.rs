//! `wire`: forms read as objects, and edits that go back into their parts.

use events::Span;
use wire::{Edit, Form, Operation, ReadLimits, UnknownFields, read_request};

use crate::engine::{Outcome, Target, fingerprint, mixed};

const BOUNDARY: &str = "b-7Q2M9XA";

pub(crate) const FORM: Target = Target {
    name: "wire_form",
    seeds,
    dictionary: &[
        b"--b-7Q2M9XA",
        b"--b-7Q2M9XA--",
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"Content-Disposition: form-data; ",
        b"Content-Type: text/plain; charset=utf-8",
        b"name=\"prompt\"",
        b"name=\"file\"; filename=\"a\"",
        b"filename*=utf-8''a%20b",
        b"[]",
        b"[x]",
        b"_charset_",
        b"\\\"",
        b"true",
        b"0.5",
    ],
    run,
};

fn seeds() -> Vec<Vec<u8>> {
    let form = |parts: &[(&str, &str)]| {
        let part = |(head, content): &(&str, &str)| {
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n")
        };
        let parts: Vec<String> = parts.iter().map(part).collect();
        format!("{}--{BOUNDARY}--\r\n", parts.concat()).into_bytes()
    };
    let file =
        "name=\"file\"; filename=\"a.wav\"; filename*=utf-8''a.wav\r\nContent-Type: audio/wav";
    vec![
        form(&[("name=\"model\"", "whisper-1"), (file, "RIFF\u{0}"), ("name=prompt", "a \"b\"")]),
        form(&[
            ("name=\"keywords[]\"", "a"),
            ("name=\"x[y][z]\"", "b"),
            ("name=\"stream\"", "true"),
        ]),
        form(&[]),
    ]
}

/// A form that can be read says an object; without edits it is itself, and with them it can be read again.
fn run(input: &[u8]) -> Outcome {
    let (operation, limits) = (Operation::AudioTranscriptions, ReadLimits::default());
    let content_type = String::from_utf8_lossy(input);
    let stated = wire::boundary_of(&content_type).map_or(0, str::len) as u64;
    let form = match Form::read(operation, BOUNDARY, input, &limits) {
        Ok(form) => form,
        Err(error) => {
            let kind = format!("{error:?}").chars().take(16).collect::<String>();
            return mixed(stated, fingerprint(&kind));
        }
    };
    let json = form.json().as_bytes();
    let document = match read_request(operation, json, UnknownFields::Scan, &limits) {
        Ok(document) => document,
        Err(error) => return fingerprint(error.code()),
    };
    assert_eq!(form.splice(input, &document, &[]).as_deref(), Ok(input), "no edit, no change");
    let edits: Vec<Edit> = document
        .fields
        .iter()
        .enumerate()
        .filter_map(|(place, field)| {
            let first = field.text.chars().next()?;
            Some(Edit::value(place, Span::new(0, first.len_utf8()), "\"\u{1f511}"))
        })
        .collect();
    // Names of unknown parts are not changed in place: then nothing is sent.
    if let Ok(changed) = form.splice(input, &document, &edits) {
        let again = Form::read(operation, BOUNDARY, &changed, &limits);
        assert!(again.is_ok(), "an edit broke the form: {:?}", again.err());
    }
    mixed(fingerprint(form.json()), document.fields.len() as u64)
}
