//! Ollama's native dialect: its content maps, and what this gateway says in it.
//!
//! A stream is one JSON object a line (`application/x-ndjson`), and is what is sent unless the request says
//! `"stream": false`. Errors are objects with an `error`, in the middle of a stream too.
//!
//! INVARIANT: adding a message is adding a table here; nothing else in this crate names a field of it.
//!
//! Not here: what changes the models of a server (`/api/pull`, `/api/create`, …): those are never forwarded
//! (`paths`).

mod chat;
mod embed;
mod generate;
mod models;
mod paths;
mod write;

use events::Provenance;

use crate::document::EchoOf;
use crate::form::Form;
use crate::table::{Fact, MessageTable, Origin, Row};

pub(crate) use paths::route;
pub(crate) use write::{blocked_ending, delta_event, error_body, error_event};

/// Every message of the dialect.
pub(crate) static TABLES: &[&MessageTable] = &[
    &chat::REQUEST,
    &chat::RESPONSE,
    &chat::CHUNK,
    &generate::REQUEST,
    &generate::RESPONSE,
    &generate::CHUNK,
    &embed::REQUEST,
    &embed::RESPONSE,
    &embed::OLD_REQUEST,
    &embed::OLD_RESPONSE,
    &models::TAGS,
    &models::SHOW,
    &models::SHOWN,
    &models::RUNNING,
    &models::VERSION,
];

const fn is(provenance: Provenance) -> Origin {
    Origin::Is(provenance)
}

const TEMPLATE: &str = "empty: a template rewrites what the guards have read";
const NAME: &str = "empty: `model` names the model, and two names may differ";

/// How the model is run, in every request to one: <https://github.com/ollama/ollama/blob/main/docs/modelfile.mdx>.
const RUN: &[Row] = &[
    Row::constrained("model", Form::Model).fact(Fact::Model),
    Row::word("keep_alive"),
    Row::number("keep_alive"),
    Row::flag("truncate"),
    Row::flag("shift"),
    Row::constrained("options.num_predict", Form::Integer(-2, 1 << 40)).fact(Fact::OutputTokensMax),
    Row::guarded("options.stop", is(Provenance::User)),
    Row::guarded("options.stop[]", is(Provenance::User)),
    Row::flag("options.f16_kv"),
    Row::flag("options.embedding_only"),
    Row::flag("options.logits_all"),
    Row::flag("options.low_vram"),
    Row::flag("options.numa"),
    Row::flag("options.penalize_newline"),
    Row::flag("options.use_mlock"),
    Row::flag("options.use_mmap"),
    Row::flag("options.vocab_only"),
    Row::integer("options.draft_num_predict"),
    Row::integer("options.main_gpu"),
    Row::integer("options.mirostat"),
    Row::integer("options.num_batch"),
    Row::integer("options.num_ctx"),
    Row::integer("options.num_gpu"),
    Row::integer("options.num_keep"),
    Row::integer("options.num_thread"),
    Row::integer("options.repeat_last_n"),
    Row::integer("options.seed"),
    Row::number("options.frequency_penalty"),
    Row::number("options.min_p"),
    Row::number("options.mirostat_eta"),
    Row::number("options.mirostat_tau"),
    Row::number("options.presence_penalty"),
    Row::number("options.repeat_penalty"),
    Row::number("options.temperature"),
    Row::number("options.tfs_z"),
    Row::number("options.top_k"),
    Row::number("options.top_p"),
    Row::number("options.typical_p"),
];

/// How an answer is given, in requests for text.
const ANSWERING: &[Row] = &[
    Row::flag("stream").fact(Fact::Stream),
    Row::flag("think"),
    Row::word("think"),
    Row::flag("logprobs"),
    Row::constrained("top_logprobs", Form::Integer(0, 1 << 20)),
    Row::flag("_debug_render_only"),
    Row::guarded("format.**", is(Provenance::ToolDefinition))
        .free()
        .vocabulary(crate::openai::is_schema_word),
];

/// What surrounds the text of an answer, whole or in pieces.
const ENVELOPE: &[Row] = &[
    Row::constrained("model", Form::Id).fact(Fact::Model),
    Row::constrained("created_at", Form::Id).fact(Fact::CreatedAt),
    Row::constrained("remote_model", Form::Id),
    Row::constrained("remote_host", Form::Id),
    Row::flag("done").fact(Fact::Last),
    Row::word("done_reason").fact(Fact::Finish),
    Row::echo("logprobs", EchoOf::Everything, "repeats the text token by token"),
    Row::said("_debug_info.rendered_template"),
    Row::integer("_debug_info.image_count"),
];

/// Token counts, and times in nanoseconds.
const COUNTS: &[Row] = &[
    Row::integer("prompt_eval_count").fact(Fact::InputTokens),
    Row::integer("eval_count").fact(Fact::OutputTokens),
    Row::integer("prompt_eval_duration"),
    Row::integer("eval_duration"),
    Row::integer("load_duration"),
    Row::integer("total_duration"),
];

/// An error in the place of an answer.
const ERROR: &[Row] = &[
    Row::presence("error", None).fact(Fact::Error),
    Row::said("error").fact(Fact::Error),
    Row::said("error.**"),
    Row::said("signin_url"),
];
