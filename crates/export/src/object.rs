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

/// The canonical bytes of a value (RFC 8785): members in order, whole numbers, no white space. Names here are ASCII, so the
/// order of bytes is that of UTF-16.
pub(crate) fn canonical(value: &Json) -> Vec<u8> {
    fn sorted(value: &Json) -> Json {
        match value {
            Json::Array(items) => items.iter().map(sorted).collect(),
            Json::Object(members) => {
                let mut pairs: Vec<_> = members.iter().collect();
                pairs.sort_by_key(|(name, _)| *name);
                pairs.into_iter().map(|(name, value)| (name.clone(), sorted(value))).collect()
            }
            other => other.clone(),
        }
    }
    sorted(value).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::{Object, Pair, canonical};

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
        assert_eq!(canonical(&value), "{\"a\":true,\"b\":[{\"c\":\"é\\n\",\"d\":1}]}".as_bytes());
    }
}
