//! Files and batches, as the provider keeps them: a batch is done as soon as it is asked for again.
//!
//! INVARIANT: the lines of a batch are answered as they would be alone.
//!
//! Source: <https://platform.openai.com/docs/api-reference/files>, <https://platform.openai.com/docs/api-reference/batch>,
//! <https://platform.claude.com/docs/en/api/messages/batches>.
//!
//! Not here: lists, limits, times.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::answer::{Answer, Body};
use super::{RecordedRequest, answer_to};
use crate::Scenario;
use crate::messages;
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
    /// Batches of messages, as they are when they are done, with their results.
    messages: BTreeMap<String, (Value, String)>,
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
        if let ["messages", "batches", below @ ..] = below.as_slice() {
            return Some(self.of_messages(request, below, default));
        }
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
            let (status, body) = alone(request, line["url"].as_str()?, &line["body"], default)?;
            let done = json!({
                "id": format!("batch_req_{number}"),
                "custom_id": line["custom_id"],
                "response": {"status_code": status, "request_id": "req_1", "body": body},
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

impl Storage {
    /// The answer to what is asked of batches of messages.
    fn of_messages(
        &mut self,
        request: &RecordedRequest,
        below: &[&str],
        default: &Scenario,
    ) -> Answer {
        let answer = match (request.method.as_str(), below) {
            ("POST", []) => self.begin_messages(request, default),
            ("GET", [id]) => self.messages.get(*id).map(|(batch, _)| batch.clone()),
            ("POST", [id, "cancel"]) => self.messages.get(*id).map(|(batch, _)| {
                let mut batch = batch.clone();
                batch["processing_status"] = "canceling".into();
                batch
            }),
            ("DELETE", [id]) => self
                .messages
                .remove(*id)
                .map(|_| json!({"id": id, "type": "message_batch_deleted"})),
            ("GET", [id, "results"]) => {
                if let Some((_, results)) = self.messages.get(*id) {
                    return Answer {
                        headers: vec![("content-type", "application/x-jsonl".to_owned())],
                        ..Answer::json(200, results.clone())
                    };
                }
                None
            }
            _ => None,
        };
        let missing = || Answer::json(404, messages::error("No such batch.", 404));
        answer.map_or_else(missing, |value| Answer::json(200, value.to_string()))
    }

    fn begin_messages(&mut self, request: &RecordedRequest, default: &Scenario) -> Option<Value> {
        let asked = request.json();
        let (mut results, mut succeeded, mut errored) = (String::new(), 0, 0);
        for one in asked["requests"].as_array()? {
            let (status, body) = alone(request, "/v1/messages", &one["params"], default)?;
            let result = if status == 200 {
                succeeded += 1;
                json!({"type": "succeeded", "message": body})
            } else {
                errored += 1;
                json!({"type": "errored", "error": body})
            };
            let line = json!({"custom_id": one["custom_id"], "result": result});
            results.push_str(&line.to_string());
            results.push('\n');
        }
        let id = format!("msgbatch_{:06}", self.messages.len() + 1);
        let batch = |status: &str, url: Value, counts: [u64; 3]| {
            let [processing, succeeded, errored] = counts;
            json!({
                "id": id, "type": "message_batch", "processing_status": status,
                "request_counts": {
                    "processing": processing, "succeeded": succeeded, "errored": errored,
                    "canceled": 0, "expired": 0,
                },
                "created_at": "2025-09-29T00:00:00Z", "expires_at": "2025-09-30T00:00:00Z",
                "ended_at": null, "archived_at": null, "cancel_initiated_at": null,
                "results_url": url,
            })
        };
        let url = format!("https://api.anthropic.com/v1/messages/batches/{id}/results");
        let ended = batch("ended", url.into(), [0, succeeded, errored]);
        self.messages.insert(id.clone(), (ended, results));
        Some(batch("in_progress", Value::Null, [succeeded + errored, 0, 0]))
    }
}

/// What one request of a batch would be answered if it came alone.
fn alone(
    request: &RecordedRequest,
    target: &str,
    body: &Value,
    default: &Scenario,
) -> Option<(u16, Value)> {
    let alone = RecordedRequest {
        method: "POST".to_owned(),
        target: target.to_owned(),
        headers: Vec::new(),
        body: body.to_string().into_bytes(),
        ..request.clone()
    };
    let answer = answer_to(&alone, default);
    let Body::Bytes(body) = answer.body else { return None };
    Some((answer.status, serde_json::from_slice(&body).ok()?))
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
