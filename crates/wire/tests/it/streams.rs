//! Server-sent events under every cut, and against a plain reading of the standard.

use proptest::prelude::*;
use wire::{EVENT_BYTES_MAX, EventReader, SseError, SseEvent};

/// Everything a reader says about a stream given in pieces, and what it leaves.
fn events_of(pieces: &[&[u8]], limit: usize) -> (Vec<Result<SseEvent, SseError>>, Vec<u8>) {
    let mut reader = EventReader::new(limit);
    let mut events = Vec::new();
    for piece in pieces {
        reader.push(piece);
        while let Some(event) = reader.next_event() {
            events.push(event);
        }
    }
    (events, reader.finish())
}

/// The pieces of `bytes` between the cuts.
fn cut<'b>(bytes: &'b [u8], cuts: &[prop::sample::Index]) -> Vec<&'b [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

/// Bytes in which the rules of the format meet often.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec![
            &b"data: "[..], b"data:", b"data", b"event: e", b"id: 7", b"retry: 5", b":", b" ", b"x",
            b"{\"a\":1}", b"[DONE]", b"foo: y", "\u{e4}".as_bytes(), "\u{feff}".as_bytes(),
        ]).prop_map(<[u8]>::to_vec),
        8 => prop::sample::select(vec![&b"\n"[..], b"\r", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n"])
            .prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// The data and names that a client sees, read from the whole text as the standard says
/// (WHATWG HTML §9.2.6), without any state.
fn standard(text: &str) -> Vec<(String, Option<String>)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let (mut events, mut data, mut name): (Vec<_>, Vec<&str>, Option<&str>) = Default::default();
    // The last piece is a line without an end, which the standard drops.
    let lines: Vec<&str> = text.split('\n').collect();
    for line in &lines[..lines.len() - 1] {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            _ if line.is_empty() => {
                if !data.is_empty() {
                    events.push((data.join("\n"), name.map(str::to_owned)));
                }
                (data, name) = (Vec::new(), None);
            }
            "data" => data.push(value),
            "event" => name = Some(value),
            _ => {}
        }
    }
    events
}

proptest! {
    #![proptest_config(crate::config())]

    #[test]
    fn events_do_not_depend_on_the_cuts(
        bytes in stream(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        limit in prop_oneof![Just(EVENT_BYTES_MAX), 1..60_usize],
    ) {
        let whole = events_of(&[&bytes], limit);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(&events_of(&cut(&bytes, &cuts), limit), &whole);
        prop_assert_eq!(&events_of(&single, limit), &whole);
    }

    #[test]
    fn no_byte_is_lost_or_made_up(bytes in stream()) {
        let (events, rest) = events_of(&[&bytes], EVENT_BYTES_MAX);
        if events.iter().all(Result::is_ok) {
            let mut joined: Vec<u8> = Vec::new();
            for event in events.iter().flatten() {
                joined.extend_from_slice(event.raw());
            }
            joined.extend_from_slice(&rest);
            prop_assert_eq!(joined, bytes);
        }
    }

    #[test]
    fn clients_see_what_we_see(bytes in stream()) {
        // Whether a CR at the very end is a whole line end, only the byte after it could tell.
        let end = bytes.iter().rposition(|byte| *byte != b'\r').map_or(0, |last| last + 1);
        let bytes = &bytes[..end];
        let Ok(text) = std::str::from_utf8(bytes) else { return Ok(()) };
        let (events, _) = events_of(&[bytes], EVENT_BYTES_MAX);
        let seen: Vec<(String, Option<String>)> = events
            .iter()
            .flatten()
            .filter_map(|event| Some((event.data()?.to_owned(), event.name().map(str::to_owned))))
            .collect();
        prop_assert_eq!(&seen, &standard(text));
        // And the same from the frames that are forwarded, which leave comments and such out.
        let forwarded: Vec<u8> =
            events.iter().flatten().flat_map(|event| event.frame().into_owned()).collect();
        let data = |events: Vec<(String, Option<String>)>| -> Vec<String> {
            events.into_iter().map(|(data, _)| data).collect()
        };
        let forwarded = String::from_utf8(forwarded).unwrap_or_default();
        prop_assert_eq!(data(standard(&forwarded)), data(seen));
    }
}

fn one(bytes: &[u8]) -> SseEvent {
    let (events, rest) = events_of(&[bytes], EVENT_BYTES_MAX);
    assert!(rest.is_empty() && events.len() == 1, "{events:?}");
    events.into_iter().next().expect("one event").expect("good bytes")
}

#[test]
fn an_ordinary_event_is_forwarded_byte_for_byte() {
    let bytes = b"event: message\r\nid: 7\r\ndata:{\"a\":1}\r\n\r\n";
    let event = one(bytes);
    assert_eq!((event.data(), event.name()), (Some("{\"a\":1}"), Some("message")));
    assert_eq!(&*event.frame(), bytes);
    assert_eq!(event.with_data("{}"), b"event: message\r\nid: 7\r\ndata:{}\r\n\r\n");
}

#[test]
fn lines_that_nobody_reads_are_not_forwarded() {
    let event =
        one(b": my name is Anna\nnote: Anna again\nevent: a b c\nid: 7\ndata: x\ndata: y\n\n");
    assert_eq!(event.data(), Some("x\ny"));
    assert_eq!(&*event.frame(), b"id: 7\ndata: x\ndata: y\n\n");
    assert_eq!(&*one(b": my name is Anna\n\n").frame(), b":\n\n");
    assert_eq!(&*one(b":\n\n").frame(), b":\n\n");
}

#[test]
fn an_event_is_given_as_soon_as_it_ends() {
    for (pieces, event) in
        [(["data: x\n", "\n"], 1), (["data: x\r\n\r", "\n"], 1), (["data: x\r", "\r"], 1)]
    {
        let mut reader = EventReader::default();
        reader.push(pieces[0].as_bytes());
        assert!(reader.next_event().is_none(), "{pieces:?}");
        reader.push(pieces[1].as_bytes());
        let found = std::iter::from_fn(|| reader.next_event()).count();
        assert_eq!(found, event, "{pieces:?}");
        assert!(reader.finish().is_empty());
    }
}

#[test]
fn an_event_at_the_limit_is_read_and_one_beyond_is_not() {
    let event = b"data: 12345\n\n";
    let (events, _) = events_of(&[event], event.len());
    assert!(matches!(events.as_slice(), [Ok(_)]));
    let (events, rest) = events_of(&[event, b"data: x\n\n"], event.len() - 1);
    let limit = event.len() - 1;
    assert_eq!(events, [Err(SseError::TooLarge { bytes_max: limit })]);
    assert!(rest.is_empty(), "nothing is read after an error");
    // Without an end in sight, too.
    let (events, _) = events_of(&[&[b'x'; 100]], 99);
    assert_eq!(events, [Err(SseError::TooLarge { bytes_max: 99 })]);
}

#[test]
fn bytes_that_are_not_utf_8_end_the_stream() {
    let (events, _) = events_of(&[b"data: a\n\ndata: \xff\n\ndata: b\n\n"], EVENT_BYTES_MAX);
    assert!(matches!(events.as_slice(), [Ok(_), Err(SseError::InvalidUtf8)]));
}

#[test]
fn what_is_not_finished_is_left() {
    let (events, rest) = events_of(&[b"data: a\n\ndata: b\n"], EVENT_BYTES_MAX);
    assert_eq!((events.len(), rest.as_slice()), (1, &b"data: b\n"[..]));
}
