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
    handles::Claims,
    quota::{Ask, Reservation, Uses},
    refusal::Refusal,
    service::Shared,
    settings::Route,
    shared_quota::Allowance,
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
    allowance: &mut Allowance,
    document: &Document<'_>,
    (operation, model, route): (Operation, Option<&str>, &Route),
    stored: Option<&Claims>,
) -> Result<(), Refusal> {
    let facts = &document.facts;
    let answers = u64::from(facts.choices.max(1)) * u64::from(facts.prompts.max(1));
    let ask = Ask {
        principal: &caller.counted,
        of_key: caller.grant.as_ref().map_or(&NO_QUOTA, |grant| &grant.quota),
        model: model.unwrap_or_default(),
        route: &route.name,
        request_bytes: request_bytes(operation, document, stored),
        input_tokens_min: begun(operation, stored).map_or(0, |claims| claims.tokens),
        answers,
        output_tokens_max: facts.output_tokens_max,
        uses: uses(operation),
    };
    allowance.claim(&shared.quotas, &ask)
}

/// The bytes of what a model is asked with. A batch is asked with those of its file, which were counted when it was inspected.
fn request_bytes(operation: Operation, document: &Document<'_>, stored: Option<&Claims>) -> u64 {
    match begun(operation, stored) {
        Some(claims) => claims.tokens.saturating_mul(TOKEN_BYTES),
        None => document.source().len() as u64,
    }
}

/// What a batch that is begun was made of.
fn begun(operation: Operation, stored: Option<&Claims>) -> Option<&Claims> {
    stored.filter(|_| operation == Operation::BatchCreate)
}

/// Reserves a user's report, if the limits of the caller's requests let it in. It goes to no model.
pub(crate) async fn to_report(
    shared: &Shared,
    caller: &Caller,
) -> Result<Option<Reservation>, Refusal> {
    let ask = Ask {
        principal: &caller.counted,
        of_key: caller.grant.as_ref().map_or(&NO_QUOTA, |grant| &grant.quota),
        model: "",
        route: "",
        request_bytes: 0,
        input_tokens_min: 0,
        answers: 1,
        output_tokens_max: None,
        uses: Uses::Nothing,
    };
    match shared.quotas.claim(&ask)? {
        None => Ok(None),
        Some(claim) => Ok(Some(shared.quotas.ask(claim).await?)),
    }
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
        | Operation::GeminiModelList
        | Operation::GeminiModelShow
        | Operation::GeminiCountTokens
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
        | Operation::EmbedContent
        | Operation::BatchEmbedContents
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
        | Operation::GenerateContent
        | Operation::StreamGenerateContent
        | Operation::Converse
        | Operation::ConverseStream
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
        | Operation::EmbedContent
        | Operation::BatchEmbedContents
        | Operation::OllamaEmbed
        | Operation::OllamaEmbeddings => Verb::Embed,
        _ => Verb::Infer,
    }
}
