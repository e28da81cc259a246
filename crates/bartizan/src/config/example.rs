//! `bartizan config example`: the configuration file with every setting, its default and its meaning.
//!
//! Written from the schema of the option structs, whose documentation is the text. Settings are
//! commented out, so that a file made from the example keeps following the program's defaults.
//!
//! INVARIANT: a line of prose begins with `# `, a setting with `#` alone: removing the latter gives a
//! file that parses, and in which everything that has a default has that default.

use std::fmt::Write as _;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::external_options::ExternalOptions;
use super::hunt_options::HuntOptions;
use super::identity_options::{GrantRowOptions, IdentityOptions, JwtOptions};
use super::known_keys::resolved;
use super::limit_options::{KeyOptions, LimitOptions, PriceOptions};
use super::options::{
    AllowOptions, ConfigOptions, DataOptions, DictionaryOptions, ExceptionOptions, GuardOptions,
    JournalOptions, PatternOptions, RouteOptions, RouteUpstreamOptions, ServerOptions, TlsOptions,
    UpstreamOptions,
};
use super::parse::keyword;
use super::schema::schema;
use super::secrets_options::{RotationOptions, SecretsOptions};
use super::shared_limit_options::SharedLimitsOptions;
use super::sink_options::SinkOptions;
use super::telemetry_options::{DiagnosticsOptions, MetricsOptions, TelemetryOptions};

const COLUMNS_MAX: usize = 100;

const HEAD: &str = "\
# The configuration of Bartizan: every setting, its default, and what it means.
#
# Settings are commented out: remove the `#` in front of one to change it. What stays commented out
# keeps its default. `bartizan config check` says what would run.
";

/// The keys of each section, in the order in which the structs declare them.
fn sections() -> [(&'static str, &'static [&'static str]); 19] {
    [
        ("data", declared_keys::<DataOptions>()),
        ("server", declared_keys::<ServerOptions>()),
        ("tls", declared_keys::<TlsOptions>()),
        ("upstreams", declared_keys::<UpstreamOptions>()),
        ("routes", declared_keys::<RouteOptions>()),
        ("keys", declared_keys::<KeyOptions>()),
        ("identity", declared_keys::<IdentityOptions>()),
        ("limits", declared_keys::<LimitOptions>()),
        ("shared_limits", declared_keys::<SharedLimitsOptions>()),
        ("prices", declared_keys::<PriceOptions>()),
        ("secrets", declared_keys::<SecretsOptions>()),
        ("guards", declared_keys::<GuardOptions>()),
        ("exceptions", declared_keys::<ExceptionOptions>()),
        ("journal", declared_keys::<JournalOptions>()),
        ("sinks", declared_keys::<SinkOptions>()),
        ("hunts", declared_keys::<HuntOptions>()),
        ("metrics", declared_keys::<MetricsOptions>()),
        ("telemetry", declared_keys::<TelemetryOptions>()),
        ("diagnostics", declared_keys::<DiagnosticsOptions>()),
    ]
}

/// The keys of each list of tables within another.
fn lists() -> [(&'static str, &'static [&'static str]); 8] {
    [
        ("upstreams", declared_keys::<RouteUpstreamOptions>()),
        ("patterns", declared_keys::<PatternOptions>()),
        ("dictionaries", declared_keys::<DictionaryOptions>()),
        ("allow", declared_keys::<AllowOptions>()),
        ("external", declared_keys::<ExternalOptions>()),
        ("rotations", declared_keys::<RotationOptions>()),
        ("jwt", declared_keys::<JwtOptions>()),
        ("certificates", declared_keys::<GrantRowOptions>()),
    ]
}

/// The whole file.
pub(crate) fn example() -> String {
    let schema = schema();
    let mut text = String::from(HEAD);
    let sections = sections();
    for name in declared_keys::<ConfigOptions>() {
        let Some(section) = schema.pointer(&format!("/properties/{name}")) else { continue };
        let keys = sections.iter().find(|(known, _)| known == name).map(|(_, keys)| *keys);
        text.push('\n');
        prose(&mut text, keyword(section, "description").unwrap_or_default());
        let is_list = keyword(section, "type") == Some("array");
        let has_default = section.get("default").is_some_and(Value::is_object);
        let (open, close) = if is_list { ("[[", "]]") } else { ("[", "]") };
        let mark = if has_default { "" } else { "#" };
        let _never_fails = writeln!(text, "{mark}{open}{name}{close}");
        let items = section.get("items").unwrap_or(section);
        let properties = &resolved(&schema, items)["properties"];
        for key in keys.into_iter().flatten() {
            setting(&mut text, key, &schema, &properties[*key]);
        }
    }
    text
}

fn setting(text: &mut String, key: &str, root: &Value, property: &Value) {
    prose(text, keyword(property, "description").unwrap_or_default());
    let target = resolved(root, property);
    let default = property.get("default").filter(|default| !default.is_null());
    let example = [property, target].into_iter().find_map(|schema| schema["examples"].get(0));
    if let (Some(_), Some(example)) = (default, example) {
        prose(text, &format!("For example: {}", toml_value(example)));
    }
    if let Some(value) = default.or(example) {
        let _never_fails = writeln!(text, "#{key} = {}", toml_value(value));
    }
    let items = resolved(root, target.get("items").unwrap_or(&Value::Null));
    let list = lists().into_iter().find(|(list, _)| *list == key).map(|(_, keys)| keys);
    for key in list.filter(|_| items.get("properties").is_some()).into_iter().flatten() {
        let property = &items["properties"][*key];
        let default = property.get("default").filter(|default| !default.is_null());
        let default = default.map(|value| format!(" (unless given {})", toml_value(value)));
        let about = keyword(property, "description").unwrap_or_default();
        prose(text, &format!("- {key}{}: {about}", default.unwrap_or_default()));
    }
}

/// Adds a comment, broken between words.
fn prose(text: &mut String, comment: &str) {
    let mut line = String::from("#");
    for word in comment.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > COLUMNS_MAX {
            text.push_str(&line);
            text.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}

/// A value in TOML's notation.
fn toml_value(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(toml_value).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| format!("{key} = {}", toml_value(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::Number(number) => grouped(&number.to_string()),
        // JSON's strings and booleans are TOML's.
        other => other.to_string(),
    }
}

/// Long numbers with their thousands set apart.
fn grouped(digits: &str) -> String {
    if digits.len() <= 4 || digits.contains('.') {
        return digits.to_owned();
    }
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

/// The keys of an option struct in the order of their declaration, which the schema does not keep:
/// `Deserialize` hands them to the deserializer.
fn declared_keys<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut keys: &'static [&'static str] = &[];
    let _only_asked = T::deserialize(Ask(&mut keys)).is_err();
    keys
}

/// Notes the keys that a struct asks for, and answers nothing.
struct Ask<'a>(&'a mut &'static [&'static str]);

impl<'de> serde::Deserializer<'de> for Ask<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: serde::de::Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(serde::de::Error::custom("only asked"))
    }

    fn deserialize_struct<V: serde::de::Visitor<'de>>(
        self,
        _: &'static str,
        keys: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = keys;
        Err(serde::de::Error::custom("only asked"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;
    use crate::config::parse::ConfigText;

    fn parsed(text: &str) -> ConfigOptions {
        let mut config = ConfigText::new("example", text);
        let problems = match config.parse() {
            Ok(options) => return options,
            Err(problems) => problems,
        };
        panic!("{problems:?}\n{text}");
    }

    fn json(value: &impl Serialize) -> Value {
        serde_json::to_value(value).expect("options serialise")
    }

    #[test]
    fn every_section_has_its_keys() {
        let root = declared_keys::<ConfigOptions>();
        assert_eq!(sections().map(|(name, _)| name), *root);
        let schema = schema();
        for (name, keys) in sections() {
            let section = &schema["properties"][name];
            let items = section.get("items").unwrap_or(section);
            let known = resolved(&schema, items)["properties"].as_object().expect("properties");
            let sorted = |mut keys: Vec<String>| {
                keys.sort_unstable();
                keys
            };
            let declared = keys.iter().map(|key| (*key).to_owned()).collect();
            assert_eq!(sorted(declared), sorted(known.keys().cloned().collect()), "{name}");
        }
    }

    #[test]
    fn as_it_is_it_means_the_defaults() {
        let options = parsed(&example());
        assert_eq!(json(&options.server), json(&ServerOptions::default()));
        assert!(options.tls.is_none() && options.upstreams.is_empty());
    }

    #[test]
    fn with_every_setting_uncommented_it_means_the_defaults_where_there_are_any() {
        let example = example();
        let uncomment = |line: &str| match line.strip_prefix('#') {
            Some(setting) if setting.starts_with(|c: char| !c.is_whitespace()) => {
                setting.to_owned()
            }
            _ => line.to_owned(),
        };
        let lines: Vec<String> = example.lines().map(uncomment).collect();
        let mut options = parsed(&lines.join("\n"));
        assert!(options.guards.unknown_fields.take().is_some(), "an option without a default");
        assert_eq!(json(&options.data), json(&DataOptions::default()));
        assert_eq!(json(&options.server), json(&ServerOptions::default()));
        assert_eq!(json(&options.guards), json(&GuardOptions::default()));
        assert_eq!(json(&options.journal), json(&JournalOptions::default()));
        assert_eq!(json(&options.metrics), json(&MetricsOptions::default()));
        assert_eq!(json(&options.diagnostics), json(&DiagnosticsOptions::default()));
        let counts = [options.upstreams.len(), options.routes.len(), options.exceptions.len()];
        assert_eq!(counts, [1, 1, 1]);
        assert!(options.tls.is_some());
    }

    #[test]
    fn examples_name_rules_and_detectors_that_exist() {
        let schema = schema();
        let example = |section: &str, key: &str| {
            let example = &schema["$defs"][section]["properties"][key]["examples"][0];
            let first = if example.is_array() { &example[0] } else { example };
            first.as_str().expect("a name").to_owned()
        };
        let policy = policy::Engine::new(&policy::PolicyOptions::default()).expect("compiles");
        for rule in [example("GuardOptions", "shadow"), example("ExceptionOptions", "rule")] {
            assert!(policy.rules().any(|card| card.id == rule), "{rule}");
        }
        let detector = example("GuardOptions", "detectors_off");
        assert!(detect::Engine::detectors().iter().any(|card| card.name == detector), "{detector}");
    }

    #[test]
    fn lines_are_short_and_explained() {
        for line in example().lines() {
            assert!(line.chars().count() <= COLUMNS_MAX, "{line}");
        }
        assert_eq!(grouped("16777216"), "16_777_216");
        assert_eq!(grouped("8080"), "8080");
        assert_eq!(grouped("1000.0"), "1000.0");
    }
}
