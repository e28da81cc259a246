//! The public wire shapes of OpenAI and Anthropic, with every documented member once.
//!
//! OpenAI's, one file each, are written by hand from <https://platform.openai.com/docs/api-reference>. Those of
//! Anthropic (`messages_*`, each a list of messages) have every member that the types of its Python client 2.12 name,
//! beta included, but for those that the content map denies, and one tool of the browser's toolset for all of them. The
//! texts are ours.
//!
//! INVARIANT: what the fake upstream answers has no member that these have not.
//!
//! Not here: broken shapes; the scenarios make those.

/// Every fixture: its file name and its text.
pub const FIXTURES: [(&str, &str); 18] = [
    ("chat_request_full.json", include_str!("../fixtures/chat_request_full.json")),
    ("chat_response_full.json", include_str!("../fixtures/chat_response_full.json")),
    ("chat_response_refusal.json", include_str!("../fixtures/chat_response_refusal.json")),
    ("chat_stream_error.sse", include_str!("../fixtures/chat_stream_error.sse")),
    ("chat_stream_logprobs.sse", include_str!("../fixtures/chat_stream_logprobs.sse")),
    ("chat_stream_n2.sse", include_str!("../fixtures/chat_stream_n2.sse")),
    ("chat_stream_reasoning.sse", include_str!("../fixtures/chat_stream_reasoning.sse")),
    ("chat_stream_text.sse", include_str!("../fixtures/chat_stream_text.sse")),
    ("chat_stream_tools.sse", include_str!("../fixtures/chat_stream_tools.sse")),
    ("embeddings_request_full.json", include_str!("../fixtures/embeddings_request_full.json")),
    ("embeddings_response.json", include_str!("../fixtures/embeddings_response.json")),
    ("error_invalid_api_key.json", include_str!("../fixtures/error_invalid_api_key.json")),
    ("error_model_not_found.json", include_str!("../fixtures/error_model_not_found.json")),
    ("error_rate_limit.json", include_str!("../fixtures/error_rate_limit.json")),
    ("messages_events_full.json", include_str!("../fixtures/messages_events_full.json")),
    ("messages_requests_full.json", include_str!("../fixtures/messages_requests_full.json")),
    ("messages_responses_full.json", include_str!("../fixtures/messages_responses_full.json")),
    ("models_response.json", include_str!("../fixtures/models_response.json")),
];

/// The text of a fixture; empty when there is none of that name.
pub fn fixture(name: &str) -> &'static str {
    FIXTURES.iter().find(|(other, _)| *other == name).map_or("", |(_, text)| text)
}
