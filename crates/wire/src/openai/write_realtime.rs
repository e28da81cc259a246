//! What this gateway says of its own in a session of the Realtime API.
//!
//! INVARIANT: everything written here is one JSON document, and repeats of what a client said an id at most.

use crate::form::Form;
use crate::json_text::push_string;
use crate::write::ErrorShape;

/// See [`crate::session_error`].
pub(crate) fn session_error(shape: &ErrorShape<'_>, event: Option<&str>) -> String {
    let mut error = br#"{"type":"error","event_id":"event_"#.to_vec();
    error.extend_from_slice(shape.interaction.unwrap_or("0").as_bytes());
    error.extend_from_slice(br#"","error":{"type":"#);
    push_string(&mut error, shape.kind);
    error.extend_from_slice(br#","code":"#);
    push_string(&mut error, shape.code);
    error.extend_from_slice(br#","message":"#);
    push_string(&mut error, shape.message);
    let event = event.filter(|event| Form::Id.admits_text(event));
    for (name, value) in [
        (&br#","param":"#[..], shape.param),
        (br#","event_id":"#, event),
        (br#","interaction":"#, shape.interaction),
    ] {
        error.extend_from_slice(name);
        match value {
            Some(value) => push_string(&mut error, value),
            None => error.extend_from_slice(b"null"),
        }
    }
    error.extend_from_slice(b"}}");
    String::from_utf8_lossy(&error).into_owned()
}

/// See [`crate::session_cancel`].
pub(crate) fn session_cancel() -> String {
    r#"{"type":"response.cancel"}"#.to_owned()
}
