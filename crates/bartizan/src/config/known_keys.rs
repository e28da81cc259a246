//! Keys that the configuration does not know: all of them at once, each with the nearest known name.
//!
//! The known keys are read from the schema of the option structs, so there is no second list.
//!
//! INVARIANT: says nothing about values; wrong types are found when the options are read.

use std::ops::Range;

use serde_json::Value;
use toml::de::{DeTable, DeValue};

/// A key that is not known.
pub(crate) struct UnknownKey {
    /// Where the key stands in the file.
    pub(crate) span: Range<usize>,
    /// What is wrong.
    pub(crate) message: String,
    /// What to do.
    pub(crate) help: String,
    /// Where its value stands, which is not shown: it might be a secret under a misspelt name.
    pub(crate) value: Range<usize>,
}

/// Names closer than this are worth suggesting.
const SIMILARITY_MIN: f64 = 0.75;

/// Every unknown key of the file, in its order.
pub(crate) fn unknown_keys(table: &DeTable<'_>, schema: &Value) -> Vec<UnknownKey> {
    let mut search = Search { schema, found: Vec::new() };
    search.table(table, schema, "");
    search.found.sort_by_key(|unknown| unknown.span.start);
    search.found
}

struct Search<'a> {
    schema: &'a Value,
    found: Vec<UnknownKey>,
}

impl<'a> Search<'a> {
    fn table(&mut self, table: &DeTable<'_>, schema: &'a Value, section: &str) {
        let Some(known) = resolved(self.schema, schema).get("properties") else { return };
        for (key, value) in table {
            let name: &str = key.get_ref();
            let Some(schema) = known.get(name) else {
                let (message, help) = self.explain(name, known, section);
                let (span, value) = (key.span(), value.span());
                self.found.push(UnknownKey { span, message, help, value });
                continue;
            };
            let below =
                if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
            self.value(value.get_ref(), schema, &below);
        }
    }

    fn value(&mut self, value: &DeValue<'_>, schema: &'a Value, section: &str) {
        match value {
            DeValue::Table(table) => self.table(table, schema, section),
            DeValue::Array(items) => {
                let Some(item) = resolved(self.schema, schema).get("items") else { return };
                for value in items {
                    self.value(value.get_ref(), item, section);
                }
            }
            _ => {}
        }
    }

    fn explain(&self, name: &str, known: &Value, section: &str) -> (String, String) {
        let place = if section.is_empty() {
            String::from("at the top level")
        } else {
            format!("in `{section}`")
        };
        let message = format!("unknown key `{name}` {place}");
        let names: Vec<&str> =
            known.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        if let Some(nearest) = nearest(name, &names) {
            return (message, format!("did you mean `{nearest}`?"));
        }
        if let Some(home) = home_of(self.schema, name).filter(|home| home != section) {
            return (message, format!("`{name}` belongs under `{home}`"));
        }
        let list = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        (message, format!("known here: {list}"))
    }
}

/// The known name that is most like `name`, if one is like it at all.
pub(crate) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = name.replace('-', "_").to_ascii_lowercase();
    let scored = known.iter().map(|known| (strsim::jaro_winkler(&name, known), *known));
    let best = scored.max_by(|(left, _), (right, _)| left.total_cmp(right));
    best.filter(|(score, _)| *score >= SIMILARITY_MIN).map(|(_, known)| known)
}

/// The section, one level down, that knows `name`.
fn home_of(root: &Value, name: &str) -> Option<String> {
    let sections = root.get("properties")?.as_object()?;
    let mut homes = sections.iter().filter(|(_, schema)| {
        let schema = resolved(root, schema);
        let schema = schema.get("items").map_or(schema, |items| resolved(root, items));
        schema.get("properties").is_some_and(|known| known.get(name).is_some())
    });
    homes.next().map(|(section, _)| section.clone())
}

/// Follows references and optional types to the schema that says something.
pub(crate) fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let pointer = reference.trim_start_matches('#');
        return root.pointer(pointer).map_or(schema, |target| resolved(root, target));
    }
    let is_null = |schema: &&Value| schema.get("type").and_then(Value::as_str) != Some("null");
    match schema.get("anyOf").and_then(Value::as_array) {
        Some(choices) => {
            choices.iter().find(is_null).map_or(schema, |choice| resolved(root, choice))
        }
        None => schema,
    }
}
