//! What a caller may do, and use, at most.
//!
//! INVARIANT: every limit that counts a request has let it in before anything of it is inspected.
//!
//! Not here: what follows from a missing grant (`policy`), counting (`quota`).

use std::sync::Arc;

use policy::{Grants, Verb};
use store::{Grant, Quota};
use wire::{Document, Operation};

use crate::{
    exchange::now_ms,
    handles::Claims,
    quota::{Ask, Reservation, Uses},
    refusal::Refusal,
    service::Shared,
    settings::Route,
    tally::TOKEN_BYTES,
    ways_in::Caller,
};

/// Of callers without a virtual key.
const NO_QUOTA: Quota = Quota {
    requests_per_minute: None,
    tokens_per_minute: None,
    concurrent_max: None,
    tokens_per_day: None,
    tokens_per_month: None,
    microusd_per_day: None,
    microusd_per_month: None,
};

/// Reserves what a request may use at most, if its limits let it in.
pub(crate) fn within_limits(
    shared: &Shared,
    caller: &Caller,
    document: &Document<'_>,
    (operation, model, route): (Operation, Option<&str>, &Route),
    stored: Option<&Claims>,
) -> Result<Option<Reservation>, Refusal> {
    let facts = &document.facts;
    let answers = u64::from(facts.choices.max(1)) * u64::from(facts.prompts.max(1));
    let ask = Ask {
        principal: &caller.counted,
        of_key: caller.grant.as_ref().map_or(&NO_QUOTA, |grant| &grant.quota),
        model: model.unwrap_or_default(),
        route: &route.name,
        request_bytes: request_bytes(operation, document, stored),
        answers,
        output_tokens_max: facts.output_tokens_max,
        uses: uses(operation),
    };
    let mut held = shared.quotas.reserve(&ask, now_ms())?;
    if let (Some(held), Some(claims), Operation::BatchCreate) = (&mut held, stored, operation) {
        held.is_asked_with(claims.tokens);
    }
    Ok(held)
}

/// The bytes of what a model is asked with. A batch is asked with those of its file, which were counted when it was inspected.
fn request_bytes(operation: Operation, document: &Document<'_>, stored: Option<&Claims>) -> u64 {
    match stored {
        Some(claims) if operation == Operation::BatchCreate => {
            claims.tokens.saturating_mul(TOKEN_BYTES)
        }
        _ => document.source().len() as u64,
    }
}

/// Reserves a user's report, if the limits of the caller's requests let it in. It goes to no model.
pub(crate) fn to_report(shared: &Shared, caller: &Caller) -> Result<Option<Reservation>, Refusal> {
    let ask = Ask {
        principal: &caller.counted,
        of_key: caller.grant.as_ref().map_or(&NO_QUOTA, |grant| &grant.quota),
        model: "",
        route: "",
        request_bytes: 0,
        answers: 1,
        output_tokens_max: None,
        uses: Uses::Nothing,
    };
    Ok(shared.quotas.reserve(&ask, now_ms())?)
}

/// What an operation uses of limits.
pub(crate) const fn uses(operation: Operation) -> Uses {
    match operation {
        Operation::ModelList
        | Operation::ModelShow
        | Operation::AnthropicModelList
        | Operation::AnthropicModelShow
        | Operation::CountTokens
        | Operation::ResponseInputTokens
        | Operation::Tokenize
        | Operation::Detokenize
        | Operation::FileUpload
        | Operation::FileShow
        | Operation::FileDelete
        | Operation::BatchShow
        | Operation::BatchCancel
        | Operation::OllamaTags
        | Operation::OllamaShow
        | Operation::OllamaPs
        | Operation::OllamaVersion => Uses::Nothing,
        Operation::Embeddings
        | Operation::Moderations
        | Operation::Score
        | Operation::Rerank
        | Operation::Pooling
        | Operation::ImageGenerations
        | Operation::OllamaEmbed
        | Operation::OllamaEmbeddings
        | Operation::ImageEdits
        | Operation::ImageVariations
        | Operation::AudioSpeech
        | Operation::BatchCreate => Uses::Input,
        // What a batch has answered counts when it is read.
        Operation::FileContent
        | Operation::ChatCompletions
        | Operation::Completions
        | Operation::Responses
        | Operation::Messages
        | Operation::OllamaChat
        | Operation::OllamaGenerate
        | Operation::AudioTranscriptions
        | Operation::AudioTranslations => Uses::InputAndOutput,
    }
}

/// What the caller may do at most. Who asks which models there are, or stores a file that is for none, asks for none in
/// particular.
pub(crate) fn grants(grant: Option<&Grant>, operation: Operation, model: &str) -> Arc<Grants> {
    match grant {
        None => Arc::new(Grants::UNLIMITED),
        Some(grant)
            if operation.is_for_no_model() || (operation.is_of_storage() && model.is_empty()) =>
        {
            Arc::new(Grants { models: None, ..(*grant.limits).clone() })
        }
        Some(grant) => Arc::clone(&grant.limits),
    }
}

/// What a request wants to do, as policies call it.
pub(crate) const fn verb(operation: Operation) -> Verb {
    match operation {
        Operation::Embeddings
        | Operation::Score
        | Operation::Rerank
        | Operation::Pooling
        | Operation::OllamaEmbed
        | Operation::OllamaEmbeddings => Verb::Embed,
        _ => Verb::Infer,
    }
}
