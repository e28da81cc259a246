//! A validator of OCSF events, by a table of facts of the schema (`ocsf_1_8_0.txt`).
//!
//! It knows of the schema's classes and objects what this room writes and what is required. INVARIANT: what is not in the table is
//! an error, so that a new attribute has to be looked up.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::LazyLock;

use serde_json::{Map, Value as Json};

const TABLE: &str = include_str!("ocsf_1_8_0.txt");
/// The number that stands for what has none; its word is the source's own.
const OTHER: &str = "99";
/// The longest IP address that the schema takes.
const ADDRESS_BYTES_MAX: usize = 40;

#[derive(Debug, Default)]
struct Attribute {
    kind: &'static str,
    is_list: bool,
    is_required: bool,
    profiles: Vec<&'static str>,
    sibling: Option<&'static str>,
    captions: BTreeMap<&'static str, &'static str>,
}

#[derive(Debug, Default)]
struct Shape {
    attributes: BTreeMap<&'static str, Attribute>,
    one_of: Vec<&'static str>,
    profiles: Vec<&'static str>,
    category: u64,
    captions: (&'static str, &'static str),
}

static SCHEMA: LazyLock<BTreeMap<&'static str, Shape>> = LazyLock::new(read);

fn read() -> BTreeMap<&'static str, Shape> {
    let mut shapes: BTreeMap<&'static str, Shape> = BTreeMap::new();
    let mut name = "";
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["class", uid, profiles, category, ..] => {
                name = uid;
                let captions = line.splitn(5, ' ').nth(4).and_then(|text| text.split_once('|'));
                let shape = shapes.entry(name).or_default();
                shape.profiles = profiles.split(',').collect();
                shape.category = category.parse().expect("a number");
                shape.captions = captions.expect("two captions");
            }
            ["object", object] => name = object,
            ["at_least_one", members @ ..] => {
                shapes.entry(name).or_default().one_of = members.to_vec();
            }
            [member, kind, requirement, profiles, sibling, ..] => {
                let numbers = line.trim_start().splitn(6, ' ').nth(5).unwrap_or_default();
                let attribute = Attribute {
                    kind: kind.trim_end_matches("[]"),
                    is_list: kind.ends_with("[]"),
                    is_required: *requirement == "required",
                    profiles: profiles.split(',').filter(|name| *name != "-").collect(),
                    sibling: Some(*sibling).filter(|name| *name != "-"),
                    captions: numbers.split('|').filter_map(|one| one.split_once('=')).collect(),
                };
                shapes.entry(name).or_default().attributes.insert(member, attribute);
            }
            other => panic!("{other:?}"),
        }
    }
    shapes
}

/// What is wrong with an event.
pub(crate) fn errors(event: &Json) -> Vec<String> {
    let mut errors = Vec::new();
    let uid = event["class_uid"].to_string();
    let Some(class) = SCHEMA.get(uid.as_str()) else { return vec![format!("no class {uid}")] };
    let no_profiles = Vec::new();
    let profiles = event["metadata"]["profiles"].as_array().unwrap_or(&no_profiles);
    let profiles: Vec<&str> = profiles.iter().filter_map(Json::as_str).collect();
    if let Some(unknown) = profiles.iter().find(|name| !class.profiles.contains(name)) {
        errors.push(format!("class {uid} has no profile {unknown}"));
    }
    let mut checker = Checker { profiles, errors };
    checker.object("", class, event.as_object().expect("an object"));
    let mut errors = checker.errors;
    let activity = event["activity_id"].as_u64().unwrap_or_default();
    let class_uid = event["class_uid"].as_u64().unwrap_or_default();
    if event["type_uid"] != class_uid * 100 + activity {
        errors.push("type_uid is not class_uid and activity_id".into());
    }
    let known = &class.attributes["activity_id"].captions[activity.to_string().as_str()];
    let (caption, category) = class.captions;
    let expected = [
        ("type_name", format!("{caption}: {known}")),
        ("class_name", caption.to_owned()),
        ("category_name", category.to_owned()),
    ];
    for (member, expected) in expected {
        if event[member] != expected {
            errors.push(format!("{member} is not `{expected}`"));
        }
    }
    if event["category_uid"] != class.category {
        errors.push("category_uid is of another class".into());
    }
    errors
}

/// Whether some class has an attribute at this path.
pub(crate) fn has_path(path: &str) -> bool {
    let classes = SCHEMA.iter().filter(|(_, shape)| shape.category > 0);
    let mut found = classes.map(|(_, class)| {
        let mut shape = Some(class);
        path.split('.').all(|name| {
            let attribute = shape.and_then(|shape| shape.attributes.get(name));
            shape = attribute.and_then(|attribute| SCHEMA.get(attribute.kind));
            attribute.is_some()
        })
    });
    found.any(|has| has)
}

struct Checker<'a> {
    profiles: Vec<&'a str>,
    errors: Vec<String>,
}

impl Checker<'_> {
    fn object(&mut self, path: &str, shape: &Shape, members: &Map<String, Json>) {
        let has_profile = |attribute: &Attribute| {
            attribute.profiles.is_empty()
                || attribute.profiles.iter().any(|name| self.profiles.contains(name))
        };
        let mut errors = Vec::new();
        for (name, attribute) in &shape.attributes {
            if attribute.is_required && has_profile(attribute) && !members.contains_key(*name) {
                errors.push(format!("{path}{name} is missing"));
            }
        }
        for name in members.keys() {
            match shape.attributes.get(name.as_str()) {
                None => errors.push(format!("{path}{name} is unknown")),
                Some(attribute) if !has_profile(attribute) => {
                    errors.push(format!("{path}{name} needs a profile"));
                }
                Some(_) => {}
            }
        }
        if !shape.one_of.is_empty() && !shape.one_of.iter().any(|name| members.contains_key(*name))
        {
            errors.push(format!("{path} has none of {:?}", shape.one_of));
        }
        self.errors.extend(errors);
        for (name, value) in members {
            let Some(attribute) = shape.attributes.get(name.as_str()) else { continue };
            let path = format!("{path}{name}");
            match value {
                Json::Array(items) if attribute.is_list => {
                    for item in items {
                        self.value(&path, attribute, item);
                    }
                }
                _ if attribute.is_list => self.errors.push(format!("{path} is no list")),
                value => self.value(&path, attribute, value),
            }
            self.caption(&path, attribute, value, members);
        }
    }

    fn caption(&mut self, path: &str, of: &Attribute, value: &Json, members: &Map<String, Json>) {
        if of.captions.is_empty() {
            return;
        }
        let number = value.to_string();
        let Some(caption) = of.captions.get(number.trim_matches('"')) else {
            self.errors.push(format!("{path} has no value {number}"));
            return;
        };
        let said = of.sibling.map(|sibling| members.get(sibling));
        if let Some(said) = said
            && number != OTHER
            && said.and_then(Json::as_str) != Some(caption)
        {
            self.errors.push(format!("{path} {number} is `{caption}`, not {said:?}"));
        }
    }

    fn value(&mut self, path: &str, attribute: &Attribute, value: &Json) {
        let is_right = match attribute.kind {
            "json" => !value.is_null(),
            "boolean" => value.is_boolean(),
            "integer" => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
            "long" | "timestamp" => value.as_i64().is_some(),
            "ip" => value.as_str().is_some_and(|text| {
                text.len() <= ADDRESS_BYTES_MAX && text.parse::<IpAddr>().is_ok()
            }),
            "string" | "file_hash" | "resource_uid" | "username" => {
                value.as_str().is_some_and(|text| !text.is_empty())
            }
            object => match (SCHEMA.get(object), value.as_object()) {
                (Some(shape), Some(members)) => {
                    self.object(&format!("{path}."), shape, members);
                    !members.is_empty()
                }
                _ => false,
            },
        };
        if !is_right {
            self.errors.push(format!("{path} is no {}: {value}", attribute.kind));
        }
    }
}
