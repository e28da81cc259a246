//! Sessions of the Realtime API at the fake upstream.
//!
//! Not here: what is said in them (`realtime`).

use std::io::{Result, Write as _};
use std::net::TcpStream;

use super::{RecordedRequest, Shared};
use crate::realtime;

/// Serves a session that repeats what it hears; what it hears is recorded like requests.
pub(super) fn serve(
    shared: &Shared,
    mut stream: &TcpStream,
    request: RecordedRequest,
) -> Result<()> {
    let key = request.header("sec-websocket-key").unwrap_or_default();
    let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
    let head = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade";
    write!(stream, "{head}\r\nsec-websocket-accept: {accept}\r\n\r\n")?;
    let heard = RecordedRequest { body: Vec::new(), ..request.clone() };
    shared.record(request);
    realtime::speak_on(stream.try_clone()?, realtime::echo_session(), |message| {
        shared.record(RecordedRequest { body: message.as_bytes().to_vec(), ..heard.clone() });
    })
}
