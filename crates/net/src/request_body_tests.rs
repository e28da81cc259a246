//! Answers to requests that nobody read: the connection goes on, or is said to close.

use std::{
    future::Future,
    io::{Read as _, Write as _},
    net::TcpStream,
    pin::Pin,
    sync::Arc,
};

use http::Response;

use super::*;
use crate::{Arrival, Body, Handler, Listener, ListenerSettings, Shutdown, Tasks, full};

/// Refuses everything without a look at its body.
struct Refuses;

impl Handler for Refuses {
    fn handle(&self, _: Arrival) -> Pin<Box<dyn Future<Output = Response<Body>> + Send + '_>> {
        Box::pin(async { Response::new(full("no")) })
    }
}

/// A connection to a listener that refuses everything.
async fn with_listener(test: impl FnOnce(TcpStream) + Send + 'static) {
    let listener = Listener::bind(ListenerSettings {
        address: ([127, 0, 0, 1], 0).into(),
        connections_max: 10,
        head_bytes_max: 16 << 10,
        head_time_max: Duration::from_secs(20),
        proxy_protocol_from: Vec::new(),
        send_time_max: Duration::from_secs(20),
        tls: None,
    })
    .expect("a free port");
    let (address, shutdown) = (listener.local_address(), Shutdown::default());
    let serving = listener.serve(Arc::new(Refuses), Tasks::default(), shutdown.clone());
    let client = tokio::task::spawn_blocking(move || {
        let stream = TcpStream::connect(address).expect("the listener");
        stream.set_nodelay(true).expect("a socket");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
        test(stream);
    });
    let ((), result) = tokio::join!(serving, async {
        let result = client.await;
        shutdown.begin();
        result
    });
    result.expect("the client's checks hold");
}

fn send(mut stream: &TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).expect("the listener reads");
}

/// An answer's head and its two bytes of body.
fn answer(mut stream: &TcpStream) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\nno") {
        assert_eq!(stream.read(&mut byte).expect("an answer"), 1, "the connection ended");
        text.push(byte[0]);
    }
    String::from_utf8(text).expect("a head in ASCII")
}

fn head(length: usize, more: &str) -> String {
    format!("POST / HTTP/1.1\r\nhost: here\r\ncontent-length: {length}\r\n{more}\r\n")
}

#[tokio::test]
async fn a_connection_goes_on_after_an_answer_to_a_request_that_nobody_read() {
    with_listener(|stream| {
        for length in [0, 2, 100_000] {
            send(&stream, &head(length, ""));
            // Its own piece, as clients send it.
            send(&stream, &"x".repeat(length));
            assert!(!answer(&stream).contains("connection: close"));
        }
    })
    .await;
}

#[tokio::test]
async fn what_does_not_come_or_is_too_long_ends_a_connection_that_says_so() {
    for (length, more) in [
        (2, ""),                         // never sent
        (2, "expect: 100-continue\r\n"), // not sent before it is asked for
        (UNREAD_BYTES_MAX as usize + 1, ""),
    ] {
        with_listener(move |mut stream| {
            send(&stream, &head(length, more));
            let answer = answer(&stream);
            assert!(answer.contains("connection: close"), "{answer}");
            assert!(!answer.contains("100 Continue"), "{answer}");
            assert_eq!(stream.read(&mut [0]).expect("an end"), 0);
        })
        .await;
    }
}
