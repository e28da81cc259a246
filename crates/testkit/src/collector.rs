//! A fake collector of OpenTelemetry: takes OTLP in its JSON form, and nothing that is not exactly of that form.
//!
//! The messages are those of opentelemetry-proto 1.x, as far as we send them: unknown names, 64-bit numbers that
//! are not strings, ids of the wrong length and histograms that do not add up are refused with 400, and the
//! reason is kept.

use std::io::Result;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use self::Form::{Digits, Flag, Id, Many, ManyDigits, ManyNumbers, Number, One, Text, Whole};

use crate::{FakeService, RecordedRequest, Served};

/// A running collector.
#[derive(Debug)]
pub struct FakeCollector {
    refused: Arc<Mutex<Vec<String>>>,
    service: FakeService,
}

impl FakeCollector {
    /// Starts one that takes what is of the form; `status` says what it answers to the nth request instead, if anything.
    pub fn start(status: impl Fn(usize) -> Option<u16> + Send + Sync + 'static) -> Result<Self> {
        let refused = Arc::new(Mutex::new(Vec::new()));
        let (kept, count) = (Arc::clone(&refused), Mutex::new(0));
        let service = FakeService::start(move |request| {
            let number = {
                let mut count = count.lock().unwrap_or_else(PoisonError::into_inner);
                *count += 1;
                *count
            };
            if let Some(status) = status(number) {
                return Served::new(status, "{}");
            }
            match check(request) {
                Ok(()) => Served::new(200, "{}"),
                Err(why) => {
                    kept.lock().unwrap_or_else(PoisonError::into_inner).push(why.clone());
                    Served::new(400, why)
                }
            }
        })?;
        Ok(Self { refused, service })
    }

    /// Where it is: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        self.service.url()
    }

    /// Why bodies were refused.
    pub fn refused(&self) -> Vec<String> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Everything received so far.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.service.requests()
    }

    /// The spans received so far.
    pub fn spans(&self) -> Vec<Value> {
        self.all("/v1/traces", "resourceSpans", "scopeSpans", "spans")
    }

    /// The metrics received so far.
    pub fn metrics(&self) -> Vec<Value> {
        self.all("/v1/metrics", "resourceMetrics", "scopeMetrics", "metrics")
    }

    fn all(&self, path: &str, resources: &str, scopes: &str, items: &str) -> Vec<Value> {
        let bodies = self.requests().into_iter().filter(|request| request.target == path);
        let list = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
        let resources = bodies.flat_map(|request| list(&request.json(), resources));
        let scopes = resources.flat_map(|resource| list(&resource, scopes));
        scopes.flat_map(|scope| list(&scope, items)).collect()
    }
}

/// What a field must be.
enum Form {
    Text,
    /// `fixed64`, `int64`: a string of digits.
    Digits,
    Number,
    Whole,
    Flag,
    /// So many bytes in hexadecimal.
    Id(usize),
    One(&'static str),
    Many(&'static str),
    ManyDigits,
    ManyNumbers,
}

/// A field of a message; required ones have `true`.
type Field = (&'static str, Form, bool);

/// The fields of each message.
const MESSAGES: &[(&str, &[Field])] = &[
    ("traces", &[("resourceSpans", Many("resource_spans"), true)]),
    ("metrics", &[("resourceMetrics", Many("resource_metrics"), true)]),
    (
        "resource_spans",
        &[
            ("resource", One("resource"), true),
            ("scopeSpans", Many("scope_spans"), true),
            ("schemaUrl", Text, false),
        ],
    ),
    (
        "resource_metrics",
        &[
            ("resource", One("resource"), true),
            ("scopeMetrics", Many("scope_metrics"), true),
            ("schemaUrl", Text, false),
        ],
    ),
    ("resource", &[("attributes", Many("attribute"), true)]),
    ("scope", &[("name", Text, true), ("version", Text, false)]),
    (
        "scope_spans",
        &[("scope", One("scope"), true), ("spans", Many("span"), true), ("schemaUrl", Text, false)],
    ),
    (
        "scope_metrics",
        &[
            ("scope", One("scope"), true),
            ("metrics", Many("metric"), true),
            ("schemaUrl", Text, false),
        ],
    ),
    ("attribute", &[("key", Text, true), ("value", One("any"), true)]),
    (
        "any",
        &[
            ("stringValue", Text, false),
            ("intValue", Digits, false),
            ("doubleValue", Number, false),
            ("boolValue", Flag, false),
        ],
    ),
    (
        "span",
        &[
            ("traceId", Id(16), true),
            ("spanId", Id(8), true),
            ("parentSpanId", Id(8), false),
            ("name", Text, true),
            ("kind", Whole, true),
            ("startTimeUnixNano", Digits, true),
            ("endTimeUnixNano", Digits, true),
            ("attributes", Many("attribute"), false),
            ("status", One("status"), false),
        ],
    ),
    ("status", &[("code", Whole, true)]),
    (
        "metric",
        &[
            ("name", Text, true),
            ("description", Text, false),
            ("unit", Text, false),
            ("sum", One("sum"), false),
            ("gauge", One("gauge"), false),
            ("histogram", One("histogram"), false),
        ],
    ),
    (
        "sum",
        &[
            ("dataPoints", Many("number"), true),
            ("aggregationTemporality", Whole, true),
            ("isMonotonic", Flag, true),
        ],
    ),
    ("gauge", &[("dataPoints", Many("number"), true)]),
    (
        "histogram",
        &[("dataPoints", Many("buckets"), true), ("aggregationTemporality", Whole, true)],
    ),
    (
        "number",
        &[
            ("attributes", Many("attribute"), false),
            ("startTimeUnixNano", Digits, false),
            ("timeUnixNano", Digits, true),
            ("asInt", Digits, false),
            ("asDouble", Number, false),
        ],
    ),
    (
        "buckets",
        &[
            ("attributes", Many("attribute"), false),
            ("startTimeUnixNano", Digits, false),
            ("timeUnixNano", Digits, true),
            ("count", Digits, true),
            ("sum", Number, false),
            ("bucketCounts", ManyDigits, true),
            ("explicitBounds", ManyNumbers, true),
        ],
    ),
];

/// Of these fields exactly one is there.
const CHOICES: &[(&str, &[&str])] = &[
    ("any", &["stringValue", "intValue", "doubleValue", "boolValue"]),
    ("metric", &["sum", "gauge", "histogram"]),
    ("number", &["asInt", "asDouble"]),
];

fn check(request: &RecordedRequest) -> std::result::Result<(), String> {
    let root = match (request.method.as_str(), request.target.as_str()) {
        ("POST", "/v1/traces") => "traces",
        ("POST", "/v1/metrics") => "metrics",
        (method, target) => return Err(format!("{method} {target} is no path of OTLP")),
    };
    if request.header("content-type") != Some("application/json") {
        return Err("not sent as application/json".to_owned());
    }
    check_message(&request.json(), root)
}

fn check_message(value: &Value, name: &str) -> std::result::Result<(), String> {
    let object = value.as_object().ok_or_else(|| format!("{name}: not an object: {value}"))?;
    let fields = MESSAGES.iter().find(|(of, _)| *of == name).map(|(_, fields)| *fields);
    let fields = fields.unwrap_or_default();
    if let Some(unknown) = object.keys().find(|key| !fields.iter().any(|(field, ..)| field == key))
    {
        return Err(format!("{name}: unknown field `{unknown}`"));
    }
    for (field, form, is_required) in fields {
        match object.get(*field) {
            None if *is_required => return Err(format!("{name}: no `{field}`")),
            None => {}
            Some(value) => {
                check_form(value, form).map_err(|why| format!("{name}.{field}: {why}"))?;
            }
        }
    }
    for (_, choice) in CHOICES.iter().filter(|(of, _)| *of == name) {
        if choice.iter().filter(|field| object.contains_key(**field)).count() != 1 {
            return Err(format!("{name}: not exactly one of {choice:?}"));
        }
    }
    if name == "buckets" { adds_up(value) } else { Ok(()) }
}

fn check_form(value: &Value, form: &Form) -> std::result::Result<(), String> {
    let is_digits = |value: &Value| value.as_str().is_some_and(|text| text.parse::<u64>().is_ok());
    let all =
        |fits: &dyn Fn(&Value) -> bool| value.as_array().is_some_and(|list| list.iter().all(fits));
    let fits = match form {
        Text => value.is_string(),
        Digits => is_digits(value),
        Number => value.is_number(),
        Whole => value.is_u64(),
        Flag => value.is_boolean(),
        Id(bytes) => value.as_str().is_some_and(|text| {
            text.len() == bytes * 2
                && text.bytes().all(|byte| byte.is_ascii_hexdigit())
                && text.bytes().any(|byte| byte != b'0')
        }),
        ManyDigits => all(&is_digits),
        ManyNumbers => all(&Value::is_number),
        One(name) => return check_message(value, name),
        Many(name) => {
            let list = value.as_array().ok_or("not a list")?;
            return list.iter().try_for_each(|one| check_message(one, name));
        }
    };
    if fits { Ok(()) } else { Err(format!("not of its form: {value}")) }
}

fn adds_up(buckets: &Value) -> std::result::Result<(), String> {
    let list = |name: &str| buckets[name].as_array().cloned().unwrap_or_default();
    let number = |value: &Value| value.as_str().and_then(|text| text.parse::<u64>().ok());
    let counts = list("bucketCounts");
    let sum: u64 = counts.iter().filter_map(number).sum();
    if counts.len() != list("explicitBounds").len() + 1 || Some(sum) != number(&buckets["count"]) {
        return Err("buckets: they do not add up".to_owned());
    }
    Ok(())
}
