//! What may stand in `POST /api/show`, and in the answers that tell of models and of the server: `GET /api/tags`,
//! `GET /api/ps`, `GET /api/version`.

use events::Provenance::System;

use crate::form::Form;
use crate::ollama::{ERROR, NAME, RUN, TEMPLATE, is};
use crate::route::{Direction, Operation};
use crate::table::{MessageTable, Row};

/// The models that the server has.
pub(crate) static TAGS: MessageTable = MessageTable {
    operation: Operation::OllamaTags,
    direction: Direction::Response,
    parts: &[LISTED, ERROR],
    scopes: &[],
    skeleton: &[("models[].name", "\"llama3.2:latest\""), ("models[].size", "2019393189")],
};

/// The models that are loaded.
pub(crate) static RUNNING: MessageTable = MessageTable {
    operation: Operation::OllamaPs,
    direction: Direction::Response,
    parts: &[LISTED, ERROR],
    scopes: &[],
    skeleton: &[("models[].name", "\"llama3.2:latest\""), ("models[].size_vram", "2019393189")],
};

/// The request for one model's description.
pub(crate) static SHOW: MessageTable = MessageTable {
    operation: Operation::OllamaShow,
    direction: Direction::Request,
    parts: &[RUN, ASKED],
    scopes: &[],
    skeleton: &[("model", "\"llama3.2\"")],
};

/// The description.
pub(crate) static SHOWN: MessageTable = MessageTable {
    operation: Operation::OllamaShow,
    direction: Direction::Response,
    parts: &[SHOWN_MODEL, ERROR],
    scopes: &[],
    skeleton: &[("license", "\"MIT\""), ("details.format", "\"gguf\"")],
};

/// The server's version.
pub(crate) static VERSION: MessageTable = MessageTable {
    operation: Operation::OllamaVersion,
    direction: Direction::Response,
    parts: &[&[Row::constrained("version", Form::Id)], ERROR],
    scopes: &[],
    skeleton: &[("version", "\"0.12.6\"")],
};

const ASKED: &[Row] = &[
    Row::constrained("name", Form::Empty(NAME)),
    Row::guarded("system", is(System)),
    Row::constrained("template", Form::Empty(TEMPLATE)),
    Row::flag("verbose"),
];

const LISTED: &[Row] = &[
    Row::constrained("models[].name", Form::Id),
    Row::constrained("models[].model", Form::Id),
    Row::constrained("models[].remote_model", Form::Id),
    Row::constrained("models[].remote_host", Form::Id),
    Row::constrained("models[].modified_at", Form::Id),
    Row::constrained("models[].expires_at", Form::Id),
    Row::constrained("models[].digest", Form::Id),
    Row::integer("models[].size"),
    Row::integer("models[].size_vram"),
    Row::integer("models[].context_length"),
    Row::word("models[].capabilities[]"),
    Row::constrained("models[].details.parent_model", Form::Id),
    Row::word("models[].details.format"),
    Row::word("models[].details.family"),
    Row::word("models[].details.families[]"),
    Row::word("models[].details.parameter_size"),
    Row::word("models[].details.quantization_level"),
    Row::integer("models[].details.context_length"),
    Row::integer("models[].details.embedding_length"),
];

const SHOWN_MODEL: &[Row] = &[
    Row::said("license"),
    Row::said("license[]"),
    Row::said("modelfile"),
    Row::said("parameters"),
    Row::said("template"),
    Row::said("system"),
    Row::said("messages.**"),
    Row::word("renderer"),
    Row::word("parser"),
    Row::word("requires"),
    Row::constrained("remote_model", Form::Id),
    Row::constrained("remote_host", Form::Id),
    Row::constrained("modified_at", Form::Id),
    Row::word("capabilities[]"),
    Row::constrained("details.parent_model", Form::Id),
    Row::word("details.format"),
    Row::word("details.family"),
    Row::word("details.families[]"),
    Row::word("details.parameter_size"),
    Row::word("details.quantization_level"),
    Row::integer("details.context_length"),
    Row::integer("details.embedding_length"),
    Row::said("model_info.**"),
    Row::said("projector_info.**"),
    Row::constrained("tensors[].name", Form::Id),
    Row::word("tensors[].type"),
    Row::integer("tensors[].shape[]"),
];
