//! Minimal messages with one value of our choice in one place, made from the content map.
//!
//! The tests of this crate, and of everything that stands on it, plant a canary in every guarded path and
//! look whether it was seen. INVARIANT: every guarded row has a planting, so a row that is added is tested.

use data_encoding::BASE64;
use events::Provenance;

use crate::form::Form;
use crate::json_text::push_string;
use crate::lane::Channel;
use crate::machine::unknown_row;
use crate::maps::tables;
use crate::route::{Direction, Operation};
use crate::table::{MessageTable, Origin, Row, Rule, Scope, Segment, segments};

/// A message with a canary in one guarded place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planting {
    /// The row's path as in the contract.
    pub path: String,
    /// The message; for streams the data of one event.
    pub message: Vec<u8>,
    /// The provenance under which the canary must be found.
    pub provenance: Provenance,
    /// In answers, the channel on which it must be found; `None` in requests and for
    /// [`Channel::Other`], whose number is a hash.
    pub channel: Option<Channel>,
    /// Whether the content map names the place. If not, strict routes refuse the message.
    pub known: bool,
}

/// For every guarded path of a message, a minimal message with `canary` planted there: in values, in
/// keys that the sender chooses, for every role, in fields that the map does not know, and as a text file
/// where files may stand (provenance [`Provenance::File`]).
///
/// Web addresses get the canary as their path, so it should read well there.
pub fn plantings(operation: Operation, direction: Direction, canary: &str) -> Vec<Planting> {
    let found = tables().find(|table| table.operation == operation && table.direction == direction);
    let Some(table) = found else { return Vec::new() };
    let mut plantings = Vec::new();
    for row in table.rows() {
        plant_row(table, row, canary, &mut plantings);
    }
    let unknown = unknown_row(direction);
    for path in ["x_unknown", "x_unknown.deep[][].er"] {
        plant(table, unknown, path, &quoted(canary), "user", false, &mut plantings);
    }
    plant_key(table, unknown, "x_unknown.**", canary, false, &mut plantings);
    for (place, scope) in table.scopes {
        let (path, role) = match scope {
            Scope::Event(_) => continue,
            Scope::Message | Scope::Item => (format!("{place}.x_unknown"), "tool"),
            _ => (format!("{place}.x_unknown"), "user"),
        };
        plant(table, unknown, &path, &quoted(canary), role, false, &mut plantings);
    }
    plantings
}

fn plant_row(table: &MessageTable, row: &Row, canary: &str, plantings: &mut Vec<Planting>) {
    let (origin, value) = match row.rule {
        Rule::Guarded { origin, .. } => (origin, quoted(canary)),
        Rule::Media(origin) => {
            plant_file(table, row, canary, plantings);
            (origin, quoted(&format!("https://images.example/{canary}")))
        }
        Rule::File(_) => return plant_file(table, row, canary, plantings),
        _ => return,
    };
    let roles: &[&str] = match origin {
        Origin::Role => &["system", "developer", "user", "assistant", "tool", "function"],
        Origin::Participant => &["user", "tool"],
        Origin::Is(_) => &["user"],
    };
    for role in roles {
        plant(table, row, row.path, &value, role, true, plantings);
    }
    if matches!(row.rule, Rule::Guarded { channel: Some(Channel::OfEvent), .. }) {
        plant_events(table, plantings);
    }
    if row.path.ends_with('*') {
        plant_key(table, row, row.path, canary, true, plantings);
    }
}

/// Plants the canary of the last planting in every event that says something itself.
fn plant_events(table: &MessageTable, plantings: &mut Vec<Planting>) {
    let Some(last) = plantings.pop() else { return };
    let said = |name| table.skeleton.iter().find(|(path, _)| *path == name);
    let (Some((_, kind)), Some((_, delta))) = (said("type"), said("delta")) else { return };
    // What is said whole is not said in a piece too.
    let message = String::from_utf8_lossy(&last.message);
    let message = message.replacen(&format!(",\"delta\":{delta}"), "", 1);
    for (_, scope) in table.scopes {
        let Scope::Event(kinds) = scope else { continue };
        for (name, channel) in kinds.iter().filter_map(|kind| Some((kind.name, kind.channel?))) {
            let message = message.replacen(kind, &quoted(name), 1).into_bytes();
            plantings.push(Planting { message, channel: Some(channel), ..last.clone() });
        }
    }
}

/// Plants the canary as the text of a file.
fn plant_file(table: &MessageTable, row: &Row, canary: &str, plantings: &mut Vec<Planting>) {
    if table.direction != Direction::Request {
        return;
    }
    let value = quoted(&format!("data:text/plain;base64,{}", BASE64.encode(canary.as_bytes())));
    plantings.push(Planting {
        path: row.path.to_owned(),
        message: message_with(table, row.path, &value, "user"),
        provenance: Provenance::File,
        channel: None,
        known: true,
    });
}

/// Plants the canary as a key.
fn plant_key(
    table: &MessageTable,
    row: &Row,
    path: &str,
    canary: &str,
    known: bool,
    plantings: &mut Vec<Planting>,
) {
    let place = path.trim_end_matches('*').trim_end_matches('.');
    let mut object = b"{".to_vec();
    push_string(&mut object, canary);
    object.extend_from_slice(b":0}");
    let object = String::from_utf8(object).unwrap_or_default();
    let first = plantings.len();
    plant(table, row, place, &object, "user", known, plantings);
    for planting in plantings.iter_mut().skip(first) {
        planting.path = format!("{place}.{{key}}");
        planting.channel = None;
    }
}

fn plant(
    table: &MessageTable,
    row: &Row,
    path: &str,
    value: &str,
    role: &str,
    known: bool,
    plantings: &mut Vec<Planting>,
) {
    let message = message_with(table, path, value, role);
    let (origin, channel) = match row.rule {
        Rule::Guarded { origin, channel, .. } => (origin, channel),
        Rule::Media(origin) => (origin, None),
        _ => return,
    };
    let in_message = message_of(table, path).is_some();
    let provenance = match (origin, role) {
        (Origin::Is(provenance), _) => provenance,
        (Origin::Role, "system") => Provenance::System,
        (Origin::Role, "developer") => Provenance::Developer,
        (Origin::Role, "assistant") => Provenance::Assistant,
        (_, "tool" | "function") if in_message => Provenance::ToolResult,
        _ => Provenance::User,
    };
    plantings.push(Planting { path: path.to_owned(), message, provenance, channel, known });
}

/// The message or item that a path below it lies in.
fn message_of(table: &MessageTable, path: &str) -> Option<&'static str> {
    let is_message = |scope: &Scope| matches!(scope, Scope::Message | Scope::Item);
    table.scopes.iter().filter(|(_, scope)| is_message(scope)).find_map(|(place, _)| {
        path.strip_prefix(place).filter(|rest| !matches!(*rest, "" | ".role")).map(|_| *place)
    })
}

/// The table's skeleton with `value` (JSON) at `path`.
pub(crate) fn message_with(table: &MessageTable, path: &str, value: &str, role: &str) -> Vec<u8> {
    let mut message = Value::Object(Vec::new());
    for (path, value) in table.skeleton {
        message.set(&segments(path), value);
    }
    if let Some(place) = message_of(table, path) {
        message.set(&segments(&format!("{place}.role")), &quoted(role));
    }
    // The only free-form keys that are constrained are numbers.
    let digits = table.rows().any(|row| row.path == path && row.keys == Form::Digits);
    let steps = segments(path).into_iter().map(|step| match step {
        Segment::AnyKey if digits => Segment::Key("7"),
        other => other,
    });
    message.set(&steps.collect::<Vec<_>>(), value);
    for (dot, _) in path.match_indices('.') {
        let (parent, rest) = path.split_at(dot);
        let member = rest.trim_start_matches('.').split(['.', '[']).next().unwrap_or_default();
        let sibling = format!("{parent}.type");
        if TYPED.contains(&member) && table.rows().any(|row| row.path == sibling) {
            message.set(&segments(&sibling), &quoted(member));
        }
    }
    let mut bytes = Vec::new();
    message.write(&mut bytes);
    bytes
}

/// A value as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    let mut bytes = Vec::new();
    push_string(&mut bytes, text);
    String::from_utf8(bytes).unwrap_or_default()
}

/// Members that say by their name what the `type` beside them is.
const TYPED: [&str; 10] = [
    "text",
    "refusal",
    "image_url",
    "video_url",
    "audio_url",
    "input_audio",
    "file",
    "function",
    "custom",
    "json_schema",
];

/// A message under construction.
enum Value {
    Object(Vec<(String, Value)>),
    List(Vec<Value>),
    Json(String),
}

impl Value {
    /// Puts `json` at the end of `path`; whatever stands in the way is replaced.
    fn set(&mut self, path: &[Segment<'_>], json: &str) {
        let Some((first, rest)) = path.split_first() else {
            *self = Self::Json(json.to_owned());
            return;
        };
        match first {
            Segment::Key(key) => self.member(key).set(rest, json),
            Segment::AnyKey | Segment::Below => self.member("any").set(rest, json),
            Segment::Element => self.element().set(rest, json),
        }
    }

    fn member(&mut self, key: &str) -> &mut Self {
        if !matches!(self, Self::Object(_)) {
            *self = Self::Object(Vec::new());
        }
        let Self::Object(members) = self else { return self };
        let at = members.iter().position(|(name, _)| name == key).unwrap_or_else(|| {
            members.push((key.to_owned(), Self::Json("null".to_owned())));
            members.len() - 1
        });
        &mut members[at].1
    }

    fn element(&mut self) -> &mut Self {
        if !matches!(self, Self::List(_)) {
            *self = Self::List(vec![Self::Json("null".to_owned())]);
        }
        let Self::List(elements) = self else { return self };
        &mut elements[0]
    }

    fn write(&self, output: &mut Vec<u8>) {
        match self {
            Self::Json(json) => output.extend_from_slice(json.as_bytes()),
            Self::Object(members) => {
                for (index, (key, value)) in members.iter().enumerate() {
                    output.push(if index == 0 { b'{' } else { b',' });
                    push_string(output, key);
                    output.push(b':');
                    value.write(output);
                }
                output.extend_from_slice(if members.is_empty() { b"{}" } else { b"}" });
            }
            Self::List(elements) => {
                output.push(b'[');
                for element in elements {
                    element.write(output);
                }
                output.push(b']');
            }
        }
    }
}
