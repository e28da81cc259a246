//! Answers in the public wire shapes of OpenAI's Responses API and of its legacy completions.
//!
//! Source: <https://platform.openai.com/docs/api-reference/responses> and `responses-streaming`: every event
//! that ends something repeats what its deltas said, as the real API does.
//!
//! INVARIANT: the text of the stream's deltas, joined by item and part, is the text of the unstreamed body and
//! of every event that repeats it.

use serde_json::{Value, json};

use crate::reply::{CREATED, Reply, words};
use crate::script::split;

/// One item of an answer, and how it is streamed.
struct Item {
    /// As it is when it is done.
    done: Value,
    /// As it is when it begins.
    begun: Value,
    /// The one text in it.
    text: Streamed,
}

/// A text that is streamed.
struct Streamed {
    /// What its events are called, between `response.` and `.delta`.
    event: &'static str,
    /// The member of its `done` event that holds it.
    member: &'static str,
    /// What its part's events are called and counted by, if it stands in a part.
    part: Option<(&'static str, &'static str)>,
    text: String,
}

impl Reply<'_> {
    /// The unstreamed body of a response.
    pub(crate) fn response_body(&self) -> String {
        let output: Vec<Value> = self.items().into_iter().map(|item| item.done).collect();
        self.response("completed", &output, true).to_string()
    }

    fn response(&self, status: &str, output: &[Value], is_done: bool) -> Value {
        let (input, said) = (words(&self.prompt.text) + 7, self.words_said());
        let usage = json!({
            "input_tokens": input, "input_tokens_details": { "cached_tokens": 0 },
            "output_tokens": said, "output_tokens_details": { "reasoning_tokens": 0 },
            "total_tokens": input + said,
        });
        json!({
            "id": format!("resp_{:024x}", self.fingerprint), "object": "response",
            "created_at": CREATED, "status": status, "error": null, "incomplete_details": null,
            "instructions": self.prompt.instructions, "max_output_tokens": null,
            "metadata": {}, "model": self.prompt.model, "output": output,
            "parallel_tool_calls": true, "previous_response_id": null,
            "reasoning": { "effort": null, "summary": null }, "store": true,
            "temperature": 1.0, "text": { "format": { "type": "text" } },
            "tool_choice": "auto", "tools": [], "top_p": 1.0, "truncation": "disabled",
            "usage": if is_done { usage } else { Value::Null },
        })
    }

    fn items(&self) -> Vec<Item> {
        let Some(choice) = self.choices.first() else { return Vec::new() };
        let id = |kind: &str, number: usize| format!("{kind}_{:022x}{number:02}", self.fingerprint);
        let mut items = Vec::new();
        if let Some(text) = &choice.reasoning {
            let reasoning = |summary: Value| {
                json!({
                    "id": id("rs", items.len()), "type": "reasoning", "summary": summary,
                })
            };
            items.push(Item {
                begun: reasoning(json!([])),
                done: reasoning(json!([{ "type": "summary_text", "text": text }])),
                text: Streamed {
                    event: "reasoning_summary_text",
                    member: "text",
                    part: Some(("reasoning_summary_part", "summary_index")),
                    text: text.clone(),
                },
            });
        }
        let said = [
            ("output_text", "text", choice.content.as_ref()),
            ("refusal", "refusal", choice.refusal.as_ref()),
        ];
        for (event, member, text) in said {
            let Some(text) = text else { continue };
            let message = |status: &str, content: Value| {
                json!({
                    "id": id("msg", items.len()), "type": "message", "status": status,
                    "role": "assistant", "content": content,
                })
            };
            let part = part(event, member, text);
            items.push(Item {
                begun: message("in_progress", json!([])),
                done: message("completed", json!([part])),
                text: Streamed {
                    event,
                    member,
                    part: Some(("content_part", "content_index")),
                    text: text.clone(),
                },
            });
        }
        for call in choice.tools.iter().chain(&choice.function) {
            let number = items.len();
            let function_call = |status: &str, arguments: &str| {
                json!({
                    "id": id("fc", number), "type": "function_call", "status": status,
                    "arguments": arguments, "call_id": call.id, "name": call.name,
                })
            };
            items.push(Item {
                begun: function_call("in_progress", ""),
                done: function_call("completed", &call.arguments),
                text: Streamed {
                    event: "function_call_arguments",
                    member: "arguments",
                    part: None,
                    text: call.arguments.clone(),
                },
            });
        }
        items
    }

    /// The events of a response's stream, each with its name, without framing.
    pub(crate) fn response_events(&self) -> Vec<(String, String)> {
        let mut events = Events::default();
        for kind in ["response.created", "response.in_progress"] {
            let response = self.response("in_progress", &[], false);
            events.push(kind, json!({ "response": response }));
        }
        let mut output = Vec::new();
        for (index, item) in self.items().into_iter().enumerate() {
            self.item_events(index, &item, &mut events);
            output.push(item.done);
        }
        let response = self.response("completed", &output, true);
        events.push("response.completed", json!({ "response": response }));
        events.0
    }

    fn item_events(&self, index: usize, item: &Item, events: &mut Events) {
        let Streamed { event, member, part: in_part, ref text } = item.text;
        events.push(
            "response.output_item.added",
            json!({ "output_index": index, "item": item.begun }),
        );
        let mut place = json!({ "item_id": item.done["id"], "output_index": index });
        let mut with = |events: &mut Events, kind: &str, more: &[(&str, Value)]| {
            for (name, value) in more {
                place[*name] = value.clone();
            }
            events.push(kind, place.clone());
            for (name, _) in more {
                place.as_object_mut().map(|place| place.remove(*name));
            }
        };
        let counted = in_part.map(|(_, counter)| (counter, json!(0)));
        let with_part = |mut more: Vec<(&'static str, Value)>| {
            more.extend(counted.clone());
            more
        };
        let kind = if event == "reasoning_summary_text" { "summary_text" } else { event };
        if let Some((part_event, _)) = in_part {
            let more = with_part(vec![("part", part(kind, member, ""))]);
            with(events, &format!("response.{part_event}.added"), &more);
        }
        let logprobs = (event == "output_text").then(|| ("logprobs", json!([])));
        for piece in split(text, self.scenario.split(), self.fingerprint ^ index as u64) {
            let mut more = with_part(vec![("delta", json!(piece))]);
            more.extend(logprobs.clone());
            with(events, &format!("response.{event}.delta"), &more);
        }
        let mut more = with_part(vec![(member, json!(text))]);
        more.extend(logprobs);
        with(events, &format!("response.{event}.done"), &more);
        if let Some((part_event, _)) = in_part {
            let more = with_part(vec![("part", part(kind, member, text))]);
            with(events, &format!("response.{part_event}.done"), &more);
        }
        events
            .push("response.output_item.done", json!({ "output_index": index, "item": item.done }));
    }

    /// The unstreamed body of a legacy completion.
    pub(crate) fn completion_body(&self) -> String {
        let choices: Vec<Value> = self
            .choices
            .iter()
            .enumerate()
            .map(|(index, choice)| {
                json!({
                    "text": choice.content.as_deref().unwrap_or_default(), "index": index,
                    "logprobs": null, "finish_reason": choice.finish,
                })
            })
            .collect();
        self.completion(&choices, true).to_string()
    }

    /// The events of a legacy completion's stream, without framing and without `[DONE]`.
    pub(crate) fn completion_events(&self) -> Vec<String> {
        let mut events = Vec::new();
        for (index, choice) in self.choices.iter().enumerate() {
            let text = choice.content.as_deref().unwrap_or_default();
            let pieces = split(text, self.scenario.split(), self.fingerprint ^ index as u64);
            let texts = pieces.into_iter().map(|piece| (piece, Value::Null));
            for (text, finish) in texts.chain([("", json!(choice.finish))]) {
                let choice = json!({
                    "text": text, "index": index, "logprobs": null, "finish_reason": finish,
                });
                events.push(self.completion(&[choice], false).to_string());
            }
        }
        events
    }

    fn completion(&self, choices: &[Value], is_done: bool) -> Value {
        let mut completion = json!({
            "id": format!("cmpl-{:024x}", self.fingerprint), "object": "text_completion",
            "created": CREATED, "model": self.prompt.model, "choices": choices,
        });
        if is_done {
            let (input, said) = (words(&self.prompt.text), self.words_said());
            completion["usage"] = json!({
                "prompt_tokens": input, "completion_tokens": said, "total_tokens": input + said,
            });
        }
        completion
    }
}

fn part(kind: &str, member: &str, text: &str) -> Value {
    let mut part = json!({ "type": kind });
    part[member] = json!(text);
    if kind == "output_text" {
        part["annotations"] = json!([]);
        part["logprobs"] = json!([]);
    }
    part
}

/// Numbered events.
#[derive(Default)]
struct Events(Vec<(String, String)>);

impl Events {
    fn push(&mut self, kind: &str, mut event: Value) {
        event["type"] = json!(kind);
        event["sequence_number"] = json!(self.0.len());
        self.0.push((kind.to_owned(), event.to_string()));
    }
}

/// The body of a moderation.
pub(crate) fn moderation(model: &str) -> String {
    json!({
        "id": "modr-1", "model": model,
        "results": [{
            "flagged": false,
            "categories": { "hate": false, "self-harm/intent": false },
            "category_scores": { "hate": 0.01, "self-harm/intent": 0.01 },
            "category_applied_input_types": { "hate": ["text"], "self-harm/intent": [] },
        }],
    })
    .to_string()
}
