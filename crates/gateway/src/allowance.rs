//! What a caller may do, and use, at most.
//!
//! INVARIANT: every limit that counts a request has let it in before anything of it is inspected.
//!
//! Not here: what follows from a missing grant (`policy`), counting (`quota`).

use std::sync::Arc;

use events::TokenUsage;
use policy::{Grants, Verb};
use store::{Grant, Quota};
use wire::{Document, Facts, Operation};

use crate::{
    begun::Estimate,
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
    let ask = Ask {
        principal: &caller.counted,
        of_key: caller.grant.as_ref().map_or(&NO_QUOTA, |grant| &grant.quota),
        model: model.unwrap_or_default(),
        route: &route.name,
        request_bytes: document.source().len() as u64,
        tokens: None,
        answers: answers(facts),
        output_tokens_max: facts.answer_tokens_max(shared.quotas.settings.assumed_output_tokens),
        uses: uses(operation),
    };
    // A batch uses what its requests may use, which was counted when they were inspected.
    let ask = match stored.filter(|_| operation.begins_batch()) {
        None => ask,
        Some(Claims { estimate: Estimate { all, .. }, .. }) => Ask {
            request_bytes: all.input.saturating_mul(TOKEN_BYTES),
            tokens: Some(*all),
            answers: 1,
            output_tokens_max: all.output,
            ..ask
        },
    };
    allowance.claim(&shared.quotas, &ask)
}

/// How many answers a request asks for.
fn answers(facts: &Facts<'_>) -> u64 {
    u64::from(facts.choices.max(1)) * u64::from(facts.prompts.max(1))
}

/// Tokens that all answers to a request may have, of operations that are answered with text.
pub(crate) fn output_tokens(operation: Operation, facts: &Facts<'_>, assumed: u64) -> u64 {
    if uses(operation) != Uses::InputAndOutput {
        return 0;
    }
    facts.answer_tokens_max(assumed).saturating_mul(answers(facts))
}

/// Counts what was used beside requests that were let in. An error, if a limit would not have let it in.
pub(crate) fn charge(
    shared: &Shared,
    caller: &Caller,
    (model, route): (&str, &Route),
    used: TokenUsage,
) -> Result<(), Refusal> {
    let ask = Ask {
        principal: &caller.counted,
        of_key: caller.grant.as_ref().map_or(&NO_QUOTA, |grant| &grant.quota),
        model,
        route: &route.name,
        request_bytes: 0,
        tokens: Some(used),
        answers: 1,
        output_tokens_max: 0,
        uses: Uses::InputAndOutput,
    };
    Ok(shared.quotas.charge(&ask, used)?)
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
        tokens: None,
        answers: 1,
        output_tokens_max: 0,
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
        | Operation::FileContent
        | Operation::BatchShow
        | Operation::BatchCancel
        | Operation::MessageBatchShow
        | Operation::MessageBatchCancel
        | Operation::MessageBatchDelete
        | Operation::MessageBatchResults
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
        | Operation::AudioSpeech => Uses::Input,
        // What a batch may use counts when it is begun, and not each time that its output is read.
        Operation::BatchCreate
        | Operation::MessageBatchCreate
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
        | Operation::Realtime
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
