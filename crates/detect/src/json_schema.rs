//! The part of JSON Schema that requests for structured answers use, checked on a value.
//!
//! Read are `type`, `enum`, `const`, `properties`, `required`, `additionalProperties`, `items`, `anyOf`, `oneOf`, `allOf`, `$ref` into `$defs` or
//! `definitions` of the same schema, and the limits on lengths, counts and numbers (draft 2020-12). All other keywords (`pattern`, `format`, `not`,
//! `if`) constrain nothing here, so that a value is never called wrong because of a keyword that was not read.
//!
//! INVARIANT: bounded: [`SCHEMA_NODES_MAX`] subschemas, [`STEPS_MAX`] steps per value; what would take more is held to conform.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Subschemas of a schema.
pub const SCHEMA_NODES_MAX: usize = 4096;
/// Subschemas that are asked about one value and its parts.
const STEPS_MAX: usize = 200_000;
/// Subschemas inside one another on the way to a value, references counted.
const DEPTH_MAX: usize = 256;

/// A schema, ready to be asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct JsonSchema {
    nodes: Vec<Node>,
}

/// One subschema. What is not there constrains nothing.
#[derive(Clone, Debug, Default, PartialEq)]
struct Node {
    types: Option<Vec<String>>,
    values: Option<Vec<Value>>,
    properties: Vec<(String, usize)>,
    required: Vec<String>,
    additional: Option<Additional>,
    items: Option<usize>,
    groups: Vec<(Group, Vec<usize>)>,
    reference: Option<usize>,
    length: Bounds,
    count: Bounds,
    number: Bounds,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Additional {
    Forbidden,
    Each(usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Group {
    Any,
    One,
    All,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Bounds {
    min: Option<f64>,
    max: Option<f64>,
    above: Option<f64>,
    below: Option<f64>,
}

impl Bounds {
    fn of(schema: &Map<String, Value>, [min, max, above, below]: [&str; 4]) -> Self {
        let number = |key| schema.get(key).and_then(Value::as_f64);
        Self { min: number(min), max: number(max), above: number(above), below: number(below) }
    }

    fn hold(self, number: f64) -> bool {
        self.min.is_none_or(|min| number >= min)
            && self.max.is_none_or(|max| number <= max)
            && self.above.is_none_or(|above| number > above)
            && self.below.is_none_or(|below| number < below)
    }
}

impl JsonSchema {
    /// Reads a schema; nothing if it is too large to be asked.
    pub(crate) fn new(schema: &Value) -> Option<Self> {
        let mut reader = Reader { root: schema, nodes: Vec::new(), named: BTreeMap::new() };
        reader.read(schema, 0)?;
        Some(Self { nodes: reader.nodes })
    }

    /// Whether a value conforms, as far as the schema was read.
    pub(crate) fn conforms(&self, value: &Value) -> bool {
        let mut asking = Asking { schema: self, steps: 0, is_spent: false };
        asking.conforms(0, value, 0) || asking.is_spent
    }
}

struct Reader<'a> {
    root: &'a Value,
    nodes: Vec<Node>,
    /// What is referred to, by pointer, so that a schema may contain itself.
    named: BTreeMap<String, usize>,
}

impl Reader<'_> {
    /// The place of a subschema, nothing if there are too many.
    fn read(&mut self, schema: &Value, depth: usize) -> Option<usize> {
        let place = self.nodes.len();
        if place >= SCHEMA_NODES_MAX || depth > DEPTH_MAX {
            return None;
        }
        if depth == 0 {
            self.named.insert(String::new(), place);
        }
        self.nodes.push(Node::default());
        let node = match schema {
            Value::Object(schema) => self.node(schema, depth + 1)?,
            // `false` allows nothing.
            Value::Bool(false) => Node { values: Some(Vec::new()), ..Node::default() },
            _ => Node::default(),
        };
        *self.nodes.get_mut(place)? = node;
        Some(place)
    }

    fn node(&mut self, schema: &Map<String, Value>, depth: usize) -> Option<Node> {
        let mut node = Node {
            types: strings(schema.get("type")),
            values: schema.get("enum").and_then(Value::as_array).cloned(),
            required: strings(schema.get("required")).unwrap_or_default(),
            length: Bounds::of(schema, ["minLength", "maxLength", "", ""]),
            count: Bounds::of(schema, ["minItems", "maxItems", "", ""]),
            number: Bounds::of(
                schema,
                ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"],
            ),
            ..Node::default()
        };
        if let Some(value) = schema.get("const") {
            node.values = Some(vec![value.clone()]);
        }
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            for (name, property) in properties {
                node.properties.push((name.clone(), self.read(property, depth)?));
            }
        }
        node.additional = match schema.get("additionalProperties") {
            Some(Value::Bool(false)) => Some(Additional::Forbidden),
            Some(each @ Value::Object(_)) => Some(Additional::Each(self.read(each, depth)?)),
            _ => None,
        };
        // Whoever names properties by pattern allows more than is known here.
        if schema.contains_key("patternProperties") {
            node.additional = None;
        }
        if let Some(items) = schema.get("items").filter(|items| !items.is_array()) {
            // What comes first is exempt from `items`.
            if !schema.contains_key("prefixItems") {
                node.items = Some(self.read(items, depth)?);
            }
        }
        for (key, group) in [("anyOf", Group::Any), ("oneOf", Group::One), ("allOf", Group::All)] {
            if let Some(members) = schema.get(key).and_then(Value::as_array) {
                let members = members.iter().map(|member| self.read(member, depth));
                node.groups.push((group, members.collect::<Option<_>>()?));
            }
        }
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            node.reference = self.referred(reference, depth)?;
        }
        Some(node)
    }

    /// Where a reference leads: `#`, or a JSON pointer (RFC 6901) behind it. Elsewhere it leads nowhere.
    #[expect(clippy::option_option, reason = "too many subschemas, or a reference to nothing")]
    fn referred(&mut self, reference: &str, depth: usize) -> Option<Option<usize>> {
        let Some(pointer) = reference.strip_prefix('#') else { return Some(None) };
        if let Some(place) = self.named.get(pointer) {
            return Some(Some(*place));
        }
        let Some(schema) = self.root.pointer(pointer) else { return Some(None) };
        // Known before it is read, so that it may refer to itself.
        self.named.insert(pointer.to_owned(), self.nodes.len());
        self.read(schema, depth.max(1)).map(Some)
    }
}

/// One string or several.
fn strings(value: Option<&Value>) -> Option<Vec<String>> {
    match value? {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(all) => {
            Some(all.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        }
        _ => None,
    }
}

struct Asking<'a> {
    schema: &'a JsonSchema,
    steps: usize,
    /// Whether a limit was crossed, so that no answer counts.
    is_spent: bool,
}

impl Asking<'_> {
    fn conforms(&mut self, place: usize, value: &Value, depth: usize) -> bool {
        let Some(node) = self.schema.nodes.get(place) else { return true };
        self.steps = self.steps.saturating_add(cost(node, value));
        self.is_spent |= self.steps > STEPS_MAX || depth > DEPTH_MAX;
        if self.is_spent {
            return true;
        }
        node.types.as_ref().is_none_or(|types| types.iter().any(|name| is_of_type(value, name)))
            && node.values.as_ref().is_none_or(|values| values.iter().any(|one| same(one, value)))
            && self.parts_conform(node, value, depth + 1)
            && node
                .groups
                .iter()
                .all(|(group, members)| self.group_conforms(*group, members, value, depth + 1))
            && node.reference.is_none_or(|place| self.conforms(place, value, depth + 1))
    }

    fn group_conforms(
        &mut self,
        group: Group,
        members: &[usize],
        value: &Value,
        depth: usize,
    ) -> bool {
        let mut asked = members.iter().map(|member| self.conforms(*member, value, depth));
        match group {
            Group::Any => asked.any(|fits| fits),
            Group::All => asked.all(|fits| fits),
            Group::One => asked.filter(|fits| *fits).take(2).count() == 1,
        }
    }

    fn parts_conform(&mut self, node: &Node, value: &Value, depth: usize) -> bool {
        match value {
            Value::Object(object) => {
                node.required.iter().all(|name| object.contains_key(name))
                    && object.iter().all(|(name, part)| {
                        let known = node.properties.iter().find(|(known, _)| known == name);
                        match (known.map(|(_, place)| *place), node.additional) {
                            (Some(place), _) | (None, Some(Additional::Each(place))) => {
                                self.conforms(place, part, depth)
                            }
                            (None, Some(Additional::Forbidden)) => false,
                            (None, None) => true,
                        }
                    })
            }
            Value::Array(array) => {
                node.count.hold(array.len() as f64)
                    && node.items.is_none_or(|items| {
                        array.iter().all(|item| self.conforms(items, item, depth))
                    })
            }
            Value::String(text) => node.length.hold(text.chars().count() as f64),
            Value::Number(number) => number.as_f64().is_none_or(|number| node.number.hold(number)),
            Value::Null | Value::Bool(_) => true,
        }
    }
}

/// What it takes to compare a value with one subschema, in members of lists looked at.
fn cost(node: &Node, value: &Value) -> usize {
    let types = node.types.as_ref().map_or(0, Vec::len);
    let values = node.values.as_ref().map_or(0, Vec::len);
    let properties =
        value.as_object().map_or(0, |object| object.len().saturating_mul(node.properties.len()));
    [types, values, node.required.len(), properties].into_iter().fold(1, usize::saturating_add)
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match (name, value) {
        ("integer", Value::Number(number)) => {
            number.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        ("object", Value::Object(_))
        | ("array", Value::Array(_))
        | ("string", Value::String(_))
        | ("number", Value::Number(_))
        | ("boolean", Value::Bool(_))
        | ("null", Value::Null) => true,
        ("object" | "array" | "string" | "number" | "integer" | "boolean" | "null", _) => false,
        // A type that does not exist constrains nothing.
        _ => true,
    }
}

/// Whether two values are equal; `1` and `1.0` are.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64() == other.as_f64()
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(schema: &Value, good: &[Value], bad: &[Value]) {
        let schema = JsonSchema::new(schema).expect("it is small");
        for value in good {
            assert!(schema.conforms(value), "{value}");
        }
        for value in bad {
            assert!(!schema.conforms(value), "{value}");
        }
    }

    #[test]
    fn types_values_and_limits() {
        check(
            &json!({"type": "integer"}),
            &[json!(1), json!(1.0)],
            &[json!(1.5), json!("1"), json!(null)],
        );
        check(&json!({"type": ["string", "null"]}), &[json!("a"), json!(null)], &[json!(1)]);
        check(&json!({"enum": ["a", 1]}), &[json!("a"), json!(1.0)], &[json!("b")]);
        check(&json!({"const": {"a": 1}}), &[json!({"a": 1})], &[json!({})]);
        check(
            &json!({"minLength": 2, "maxLength": 3}),
            &[json!("öä"), json!(1)],
            &[json!("a"), json!("abcd")],
        );
        check(&json!({"minimum": 2, "exclusiveMaximum": 3}), &[json!(2)], &[json!(3), json!(1)]);
        check(
            &json!({"items": {"type": "string"}, "maxItems": 2}),
            &[json!(["a"])],
            &[json!([1]), json!(["a", "b", "c"])],
        );
        check(&json!(true), &[json!(1)], &[]);
        check(&json!(false), &[], &[json!(1)]);
    }

    #[test]
    fn objects() {
        let strict = json!({
            "type": "object", "required": ["name", "age"], "additionalProperties": false,
            "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
        });
        check(
            &strict,
            &[json!({"name": "Ada", "age": 36})],
            &[
                json!({"name": "Ada"}),
                json!({"name": "Ada", "age": -1}),
                json!({"name": "Ada", "age": 36, "more": 1}),
                json!([]),
            ],
        );
        check(
            &json!({"additionalProperties": {"type": "string"}}),
            &[json!({"a": "b"})],
            &[json!({"a": 1})],
        );
        check(
            &json!({"additionalProperties": false, "patternProperties": {"^x": {}}}),
            &[json!({"x1": 1})],
            &[],
        );
    }

    #[test]
    fn groups_and_references() {
        check(
            &json!({"anyOf": [{"type": "string"}, {"type": "null"}]}),
            &[json!("a"), json!(null)],
            &[json!(1)],
        );
        check(&json!({"oneOf": [{"type": "number"}, {"minimum": 3}]}), &[json!(1)], &[json!(4)]);
        check(
            &json!({"allOf": [{"type": "number"}, {"minimum": 3}]}),
            &[json!(4)],
            &[json!(1), json!("a")],
        );
        let tree = json!({
            "$ref": "#/$defs/tree",
            "$defs": {"tree": {
                "type": "object", "required": ["children"],
                "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
            }},
        });
        check(&tree, &[json!({"children": [{"children": []}]})], &[json!({"children": [{}]})]);
        check(
            &json!({"properties": {"a": {"$ref": "#"}}, "type": "object"}),
            &[json!({"a": {}})],
            &[json!({"a": 1})],
        );
        check(&json!({"$ref": "https://example.org/other.json"}), &[json!(1)], &[]);
    }

    #[test]
    fn what_is_not_read_constrains_nothing() {
        check(
            &json!({"pattern": "^x", "not": {}, "type": "strange"}),
            &[json!("a"), json!(1)],
            &[],
        );
    }

    #[test]
    fn schemas_that_go_in_circles_or_on_for_ever_end() {
        check(&json!({"$ref": "#"}), &[json!(1)], &[]);
        let circle =
            json!({"anyOf": [{"$ref": "#"}, {"$ref": "#"}, {"$ref": "#"}], "type": "string"});
        check(&circle, &[json!("a")], &[json!(1)]);
        let wide = |count: usize| {
            let members: Vec<Value> = (1..count).map(|_| json!({})).collect();
            json!({"anyOf": members})
        };
        assert!(JsonSchema::new(&wide(SCHEMA_NODES_MAX)).is_some());
        assert!(JsonSchema::new(&wide(SCHEMA_NODES_MAX + 1)).is_none());
    }
}
