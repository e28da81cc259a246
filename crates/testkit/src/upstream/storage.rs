//! Files and batches, as the provider keeps them: a batch is done as soon as it is asked for again.
//!
//! INVARIANT: the lines of a batch are answered as they would be alone.
//!
//! Source: <https://platform.openai.com/docs/api-reference/files>, <https://platform.openai.com/docs/api-reference/batch>.
//!
//! Not here: lists, limits, times.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::answer::{Answer, Body};
use super::{RecordedRequest, answer_to};
use crate::Scenario;
use crate::reply::{self, CREATED};

/// A file that is kept.
#[derive(Clone, Debug, Default)]
struct File {
    bytes: Vec<u8>,
    name: String,
    purpose: String,
}

/// What is kept.
#[derive(Debug, Default)]
pub(super) struct Storage {
    files: BTreeMap<String, File>,
    batches: BTreeMap<String, Value>,
}

impl Storage {
    /// The answer to what is asked of files and batches; nothing, if it is asked of anything else.
    pub(super) fn answer(
        &mut self,
        request: &RecordedRequest,
        path: &str,
        default: &Scenario,
    ) -> Option<Answer> {
        let below: Vec<&str> = path.strip_prefix("/v1/")?.split('/').collect();
        let answer = match (request.method.as_str(), below.as_slice()) {
            ("POST", ["files"]) => self.upload(request),
            ("GET", ["files", id]) => self.files.get(*id).map(|file| shown_file(id, file)),
            ("DELETE", ["files", id]) => {
                let deleted = || json!({"id": id, "object": "file", "deleted": true});
                self.files.remove(*id).map(|_| deleted())
            }
            ("GET", ["files", id, "content"]) => {
                return Some(self.files.get(*id).map_or_else(missing, |file| Answer {
                    headers: vec![("content-type", "application/octet-stream".to_owned())],
                    body: Body::Bytes(file.bytes.clone()),
                    ..Answer::json(200, String::new())
                }));
            }
            ("POST", ["batches"]) => self.begin(request, default),
            ("GET", ["batches", id]) => self.batches.get(*id).cloned(),
            ("POST", ["batches", id, "cancel"]) => {
                self.batches.get(*id).cloned().map(|mut batch| {
                    batch["status"] = "cancelling".into();
                    batch
                })
            }
            _ => return None,
        };
        Some(answer.map_or_else(missing, |value| Answer::json(200, value.to_string())))
    }

    fn upload(&mut self, request: &RecordedRequest) -> Option<Value> {
        let file = form(request)?;
        let id = self.keep(file);
        self.files.get(&id).map(|file| shown_file(&id, file))
    }

    fn keep(&mut self, file: File) -> String {
        let id = format!("file-{:06}", self.files.len() + 1);
        self.files.insert(id.clone(), file);
        id
    }

    fn begin(&mut self, request: &RecordedRequest, default: &Scenario) -> Option<Value> {
        let asked = request.json();
        let input = asked["input_file_id"].as_str()?;
        let lines = String::from_utf8(self.files.get(input)?.bytes.clone()).ok()?;
        let mut output = String::new();
        for (number, line) in lines.lines().filter(|line| !line.trim().is_empty()).enumerate() {
            let line: Value = serde_json::from_str(line).ok()?;
            let alone = RecordedRequest {
                method: "POST".to_owned(),
                target: line["url"].as_str()?.to_owned(),
                headers: Vec::new(),
                body: line["body"].to_string().into_bytes(),
                ..request.clone()
            };
            let answer = answer_to(&alone, default);
            let Body::Bytes(body) = answer.body else { return None };
            let body: Value = serde_json::from_slice(&body).ok()?;
            let done = json!({
                "id": format!("batch_req_{number}"),
                "custom_id": line["custom_id"],
                "response": {"status_code": answer.status, "request_id": "req_1", "body": body},
                "error": null,
            });
            output.push_str(&done.to_string());
            output.push('\n');
        }
        let name = "output.jsonl".to_owned();
        let purpose = "batch_output".to_owned();
        let output = self.keep(File { bytes: output.into_bytes(), name, purpose });
        let id = format!("batch_{:06}", self.batches.len() + 1);
        let batch = |status: &str, output: Value| {
            json!({
                "id": id, "object": "batch", "endpoint": asked["endpoint"], "errors": null,
                "input_file_id": input, "completion_window": asked["completion_window"],
                "status": status, "output_file_id": output, "error_file_id": null,
                "created_at": CREATED, "metadata": asked["metadata"],
                "request_counts": {"total": 0, "completed": 0, "failed": 0},
            })
        };
        self.batches.insert(id.clone(), batch("completed", output.into()));
        Some(batch("validating", Value::Null))
    }
}

fn shown_file(id: &str, file: &File) -> Value {
    json!({
        "id": id, "object": "file", "bytes": file.bytes.len(), "created_at": CREATED,
        "filename": file.name, "purpose": file.purpose, "status": "processed",
    })
}

fn missing() -> Answer {
    let message = "No such File object.";
    Answer::json(404, reply::error(message, "invalid_request_error", Some("id"), None))
}

/// The file of a form, as a reader that trusts its sender finds it.
fn form(request: &RecordedRequest) -> Option<File> {
    let boundary = request.header("content-type")?.split_once("boundary=")?.1.trim_matches('"');
    let delimiter = format!("--{boundary}");
    let (mut file, mut purpose, mut at) = (File::default(), None, 0);
    let body = &request.body;
    let find = |from: usize, what: &str| {
        let rest = body.get(from..)?;
        rest.windows(what.len()).position(|piece| piece == what.as_bytes()).map(|at| from + at)
    };
    while let Some(begin) = find(at, &delimiter) {
        let Some(value) = find(begin, "\r\n\r\n").map(|at| at + 4) else { break };
        let head = String::from_utf8_lossy(body.get(begin..value)?).into_owned();
        let end = find(value, &format!("\r\n{delimiter}"))?;
        let bytes = body.get(value..end)?.to_vec();
        let quoted = |name: &str| {
            let (_, rest) = head.split_once(&format!(" {name}=\""))?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        match (quoted("filename"), quoted("name").as_deref()) {
            (Some(name), _) => (file.name, file.bytes) = (name, bytes),
            (None, Some("purpose")) => purpose = String::from_utf8(bytes).ok(),
            (None, _) => {}
        }
        at = end;
    }
    Some(File { purpose: purpose?, ..file })
}
