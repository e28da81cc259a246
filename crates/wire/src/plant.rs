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
use crate::table::{EventKind, Fact, MessageTable, Origin, Row, Rule, Scope, Segment, segments};

/// A message with a canary in one guarded place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planting {
    /// The row's path as in the contract.
    pub path: String,
    /// The message; for streams the data of one event.
    pub message: Vec<u8>,
    /// The provenance under which the canary must be found.
    pub provenance: Provenance,
    /// Whether it is the text of a file in base64, which [`crate::Document::files`] lists.
    pub is_file: bool,
    /// In answers, the channel on which it must be found; `None` in requests and for
    /// [`Channel::Other`] and [`Channel::Extension`], whose number is a hash.
    pub channel: Option<Channel>,
    /// Whether the content map names the place. If not, strict routes refuse the message.
    pub known: bool,
}

/// For every guarded path of a message, a minimal message with `canary` planted there: in values, in
/// keys that the sender chooses, for every role, for every type of a block that matters, in fields that the
/// map does not know, and as a text file where files may stand (provenance [`Provenance::File`]).
///
/// Web addresses get the canary as their path, so it should read well there.
pub fn plantings(operation: Operation, direction: Direction, canary: &str) -> Vec<Planting> {
    let found = tables().find(|table| table.operation == operation && table.direction == direction);
    let Some(table) = found else { return Vec::new() };
    let mut garden = Garden { table, canary, plantings: Vec::new() };
    for row in table.rows() {
        garden.plant_row(row);
    }
    let unknown = unknown_row(direction);
    let value = quoted(canary);
    for path in ["x_unknown", "x_unknown.deep[][].er"] {
        garden.plant(unknown, &Seed::unknown(path, &value));
    }
    garden.plant_key(unknown, "x_unknown.**", false);
    for (place, scope) in table.scopes {
        // Under `**` every member is known.
        if table.rows().any(|row| row.path.strip_suffix(".**") == Some(place)) {
            continue;
        }
        let is_message = matches!(scope, Scope::Message | Scope::Item);
        let of_tools = garden.roles().iter().find(|role| is_of_tools(role)).copied();
        let role = of_tools.filter(|_| is_message).unwrap_or("user");
        let path = format!("{place}.x_unknown");
        let seed = Seed::unknown(path.trim_start_matches('.'), &value);
        garden.plant(unknown, &Seed { role, ..seed });
    }
    garden.plantings
}

/// Whether a tool's result has this role.
fn is_of_tools(role: &str) -> bool {
    matches!(role, "tool" | "function")
}

/// What is planted where.
struct Seed<'s> {
    path: &'s str,
    /// JSON.
    value: &'s str,
    role: &'s str,
    /// Other paths and their JSON values.
    besides: &'s [(String, String)],
    is_known: bool,
}

struct Garden<'g> {
    table: &'static MessageTable,
    canary: &'g str,
    plantings: Vec<Planting>,
}

impl Garden<'_> {
    fn plant_row(&mut self, row: &Row) {
        let (origin, value) = match row.rule {
            Rule::Guarded { origin, .. } => (origin, quoted(self.canary)),
            Rule::Media(origin) => {
                self.plant_file(row);
                (origin, quoted(&format!("https://images.example/{}", self.canary)))
            }
            Rule::File(_) => return self.plant_file(row),
            Rule::Attachment(_) => {
                self.plant_file(row);
                (Origin::Is(Provenance::File), quoted(self.canary))
            }
            _ => return,
        };
        let roles: Vec<&str> = match origin {
            Origin::Role => self.roles().to_vec(),
            Origin::Participant if self.roles().contains(&"tool") => vec!["user", "tool"],
            Origin::Participant | Origin::Is(_) | Origin::Part(_) => vec!["user"],
        };
        let text_source = (beside(row.path, "type"), quoted("text"));
        let besides = match row.rule {
            Rule::Attachment(_) => &[text_source][..],
            _ => &[],
        };
        for role in roles {
            let seed = Seed { path: row.path, value: &value, role, besides, is_known: true };
            self.plant(row, &seed);
        }
        if let Rule::Guarded { channel: Some(Channel::OfEvent), .. } = row.rule {
            self.plant_events(row, &value);
        }
        if let Origin::Part(kinds) = origin {
            for (kind, _) in kinds.named {
                let besides = [(self.kind_path(row.path), quoted(kind))];
                let seed = Seed {
                    path: row.path,
                    value: &value,
                    role: "user",
                    besides: &besides,
                    is_known: true,
                };
                self.plant(row, &seed);
            }
        }
        if row.path.ends_with('*') {
            self.plant_key(row, row.path, true);
        }
    }

    /// Plants in every event that says something itself, in the place of the last planting.
    fn plant_events(&mut self, row: &Row, value: &str) {
        self.plantings.pop();
        for (_, scope) in self.table.scopes {
            let Scope::Event(kinds) = scope else { continue };
            let says = |kind: &EventKind| {
                Some((kind.name, kind.channel.filter(|said| *said != Channel::Sound)?))
            };
            for (name, channel) in kinds.iter().filter_map(says) {
                let mut besides = vec![("type".to_owned(), quoted(name))];
                if row.path != "delta" {
                    // What is said whole is not said in a piece too.
                    besides.push(("delta".to_owned(), "null".to_owned()));
                }
                let (path, role, is_known) = (row.path, "user", true);
                self.plant(row, &Seed { path, value, role, besides: &besides, is_known });
                if let Some(planting) = self.plantings.last_mut() {
                    planting.channel = Some(channel);
                }
            }
        }
    }

    /// The roles that a message may have.
    fn roles(&self) -> &'static [&'static str] {
        let role = self.table.rows().find(|row| row.fact == Some(Fact::Role));
        match role.map(|row| row.rule) {
            Some(Rule::Constrained(Form::OneOf(roles))) => roles,
            _ => &["user"],
        }
    }

    /// Where the type of the part stands that a path leads into.
    fn kind_path(&self, path: &str) -> String {
        let parts = self.table.scopes.iter().filter(|(_, scope)| *scope == Scope::Part);
        let place = parts.map(|(place, _)| *place).find(|place| path.starts_with(place));
        format!("{}.type", place.unwrap_or_default())
    }

    /// Plants the canary as the text of a file.
    fn plant_file(&mut self, row: &Row) {
        if !self.table.direction.is_request() {
            return;
        }
        let base64 = BASE64.encode(self.canary.as_bytes());
        let (value, besides) = match row.rule {
            Rule::Attachment(_) => (
                quoted(&base64),
                vec![
                    (beside(row.path, "type"), quoted("base64")),
                    (beside(row.path, "media_type"), quoted("text/plain")),
                ],
            ),
            _ if self.table.operation.is_upload() => (quoted(self.canary), Vec::new()),
            _ => (quoted(&format!("data:text/plain;base64,{base64}")), Vec::new()),
        };
        let seed =
            Seed { path: row.path, value: &value, role: "user", besides: &besides, is_known: true };
        self.plantings.push(Planting {
            path: row.path.to_owned(),
            message: seed.message(self.table),
            provenance: Provenance::File,
            is_file: true,
            channel: None,
            known: true,
        });
    }

    /// Plants the canary as a key.
    fn plant_key(&mut self, row: &Row, path: &str, is_known: bool) {
        let place = path.trim_end_matches('*').trim_end_matches('.');
        let mut object = b"{".to_vec();
        push_string(&mut object, self.canary);
        object.extend_from_slice(b":0}");
        let object = String::from_utf8(object).unwrap_or_default();
        let first = self.plantings.len();
        self.plant(
            row,
            &Seed { path: place, value: &object, role: "user", besides: &[], is_known },
        );
        for planting in self.plantings.iter_mut().skip(first) {
            planting.path = format!("{place}.{{key}}");
            planting.channel = None;
        }
    }

    fn plant(&mut self, row: &Row, seed: &Seed<'_>) {
        let (origin, channel) = match row.rule {
            Rule::Guarded { origin, channel, .. } => (origin, channel),
            Rule::Media(origin) => (origin, None),
            Rule::Attachment(_) if self.table.direction.is_request() => {
                (Origin::Is(Provenance::File), None)
            }
            Rule::Attachment(_) => (Origin::Is(Provenance::Output), None),
            _ => return,
        };
        let in_message = message_of(self.table, seed.path).is_some();
        let kind = seed.besides.first().map(|(_, kind)| kind.trim_matches('"'));
        let provenance = match (origin, seed.role) {
            (Origin::Is(provenance), _) => provenance,
            (Origin::Part(kinds), _) => kinds.provenance(kind),
            (Origin::Role, "system") => Provenance::System,
            (Origin::Role, "developer") => Provenance::Developer,
            (Origin::Role, "assistant" | "model") => Provenance::Assistant,
            (_, "tool" | "function") if in_message => Provenance::ToolResult,
            _ => Provenance::User,
        };
        self.plantings.push(Planting {
            path: seed.path.to_owned(),
            message: seed.message(self.table),
            provenance,
            is_file: false,
            channel,
            known: seed.is_known,
        });
    }
}

impl<'s> Seed<'s> {
    /// In a place that the map does not know.
    const fn unknown(path: &'s str, value: &'s str) -> Self {
        Self { path, value, role: "user", besides: &[], is_known: false }
    }

    /// The table's skeleton with the value at its path.
    fn message(&self, table: &MessageTable) -> Vec<u8> {
        let mut message = Value::Object(Vec::new());
        for (path, value) in table.skeleton {
            message.set(&segments(path), value);
        }
        if let Some(place) = message_of(table, self.path) {
            message.set(&segments(&format!("{place}.role")), &quoted(self.role));
        }
        // The only free-form keys that are constrained are numbers.
        let digits = table.rows().any(|row| row.path == self.path && row.keys == Form::Digits);
        let steps = segments(self.path).into_iter().map(|step| match step {
            Segment::AnyKey if digits => Segment::Key("7"),
            other => other,
        });
        message.set(&steps.collect::<Vec<_>>(), self.value);
        for (dot, _) in self.path.match_indices('.') {
            let (parent, rest) = self.path.split_at(dot);
            let member = rest.trim_start_matches('.').split(['.', '[']).next().unwrap_or_default();
            let sibling = format!("{parent}.type");
            if TYPED.contains(&member) && table.rows().any(|row| row.path == sibling) {
                message.set(&segments(&sibling), &quoted(member));
            }
        }
        for (path, value) in self.besides {
            message.set(&segments(path), value);
        }
        let mut bytes = Vec::new();
        if table.operation.is_upload() && table.direction == Direction::Request {
            message.write_form(&mut bytes);
        } else {
            message.write(&mut bytes);
        }
        bytes
    }
}

/// The message or item that a path leads into, and not to its role.
fn message_of(table: &MessageTable, path: &str) -> Option<&'static str> {
    let is_message = |scope: &Scope| matches!(scope, Scope::Message | Scope::Item);
    table.scopes.iter().filter(|(_, scope)| is_message(scope)).find_map(|(place, _)| {
        path.strip_prefix(place).filter(|rest| !matches!(*rest, "" | ".role")).map(|_| *place)
    })
}

/// The path of another member of the object that `path` leads into.
fn beside(path: &str, member: &str) -> String {
    let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent);
    format!("{parent}.{member}")
}

/// The table's skeleton with `value` (JSON) at `path`.
#[cfg(test)]
pub(crate) fn message_with(table: &MessageTable, path: &str, value: &str, role: &str) -> Vec<u8> {
    Seed { path, value, role, besides: &[], is_known: true }.message(table)
}

/// A value as a JSON string.
fn quoted(text: &str) -> String {
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

    /// Writes an object as a form: what has a `filename` is a file.
    fn write_form(&self, output: &mut Vec<u8>) {
        let Self::Object(members) = self else { return };
        for (key, value) in members {
            let name = format!("--canary\r\nContent-Disposition: form-data; name=\"{key}\"");
            output.extend_from_slice(name.as_bytes());
            let (file_name, text) = match value {
                Self::Object(below) if key == "file" => (below.first().map(|(_, name)| name), None),
                other => (None, Some(other)),
            };
            if key == "file" {
                let name = file_name.map_or_else(|| "a.txt".to_owned(), Self::text);
                let head = format!("; filename=\"{name}\"\r\nContent-Type: text/plain");
                output.extend_from_slice(head.as_bytes());
            }
            output.extend_from_slice(b"\r\n\r\n");
            output.extend_from_slice(text.map(Self::text).unwrap_or_default().as_bytes());
            output.extend_from_slice(b"\r\n");
        }
        output.extend_from_slice(b"--canary--\r\n");
    }

    /// A string without its quotes, anything else as JSON.
    fn text(&self) -> String {
        let mut json = Vec::new();
        self.write(&mut json);
        let json = String::from_utf8(json).unwrap_or_default();
        let inner = json.strip_prefix('"').and_then(|json| json.strip_suffix('"'));
        inner.map_or_else(|| json.clone(), |text| crate::json_text::decoded(text).into_owned())
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
