//! JSON objects as they are put together: absent things are left out, and dotted names make folders.
//!
//! INVARIANT: no member is `null`, and no object or list that is put in is empty.

use serde_json::{Map, Value as Json};

/// A number that stands for a word, and the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair(pub(crate) u32, pub(crate) &'static str);

/// An object under construction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Object(Map<String, Json>);

impl Object {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.put(name, value);
        self
    }

    /// With a member, if there is one.
    pub(crate) fn maybe(mut self, name: &str, value: Option<impl Into<Json>>) -> Self {
        if let Some(value) = value {
            self.put(name, value);
        }
        self
    }

    /// With a number and its word: `severity_id` and `severity`.
    pub(crate) fn pair(mut self, name: &str, Pair(id, caption): Pair) -> Self {
        self.put(&format!("{name}_id"), id);
        self.put(name, caption);
        self
    }

    /// With a member under another name.
    pub(crate) fn renamed(mut self, from: &str, to: &str) -> Self {
        if let Some(value) = self.0.remove(from) {
            self.0.insert(to.to_owned(), value);
        }
        self
    }

    /// With all members of another.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    pub(crate) fn put(&mut self, name: &str, value: impl Into<Json>) {
        let value = value.into();
        let is_empty = match &value {
            Json::Null => true,
            Json::Array(items) => items.is_empty(),
            Json::Object(members) => members.is_empty(),
            _ => false,
        };
        if !is_empty {
            self.0.insert(name.to_owned(), value);
        }
    }

    /// Puts a value where a dotted name says.
    pub(crate) fn put_nested(&mut self, name: &str, value: Json) {
        nest(&mut self.0, name, value);
    }
}

fn nest(members: &mut Map<String, Json>, name: &str, value: Json) {
    match name.split_once('.') {
        None => {
            members.insert(name.to_owned(), value);
        }
        Some((first, rest)) => {
            let inner = members.entry(first).or_insert_with(|| Json::Object(Map::new()));
            if let Json::Object(inner) = inner {
                nest(inner, rest, value);
            }
        }
    }
}

impl From<Object> for Json {
    fn from(object: Object) -> Self {
        Self::Object(object.0)
    }
}

/// Writes the canonical bytes of a value (RFC 8785): members in order, whole numbers, no white space. Names here are ASCII,
/// so the order of bytes is that of UTF-16.
pub(crate) fn write_canonical(value: &Json, out: &mut Vec<u8>) {
    match value {
        Json::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_canonical(item, out);
            }
            out.push(b']');
        }
        Json::Object(members) => {
            let mut ordered: Vec<_> = members.iter().collect();
            ordered.sort_unstable_by_key(|(name, _)| *name);
            out.push(b'{');
            for (index, (name, value)) in ordered.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                let _never_fails = serde_json::to_writer(&mut *out, name);
                out.push(b':');
                write_canonical(value, out);
            }
            out.push(b'}');
        }
        leaf => {
            let _never_fails = serde_json::to_writer(out, leaf);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::{Object, Pair, write_canonical};

    #[test]
    fn what_is_absent_is_left_out() {
        let object = Object::new()
            .with("a", Object::new())
            .with("b", Vec::<Json>::new())
            .maybe("c", None::<u64>)
            .pair("severity", Pair(4, "High"));
        assert_eq!(Json::from(object), json!({ "severity_id": 4, "severity": "High" }));
    }

    #[test]
    fn canonical_bytes_have_members_in_order() {
        let value = json!({ "b": [{ "d": 1, "c": "é\n" }], "a": true });
        let mut bytes = Vec::new();
        write_canonical(&value, &mut bytes);
        assert_eq!(bytes, "{\"a\":true,\"b\":[{\"c\":\"é\\n\",\"d\":1}]}".as_bytes());
    }
}
