//! What may stand in `POST …:embedContent` and `POST …:batchEmbedContents`, and in their answers.
//!
//! The provider refuses a batch whose requests name another model than its path; so do we (`gateway`), since the path is
//! what was judged.

use events::Provenance::{File, User};

use crate::form::Form;
use crate::gemini::rows::{asked_parts, usage};
use crate::gemini::{ERROR, VECTOR};
use crate::route::{Direction, Operation};
use crate::table::{Fact, MessageTable, Origin, Row, Scope, rows};

/// What is embedded, but for its parts.
macro_rules! asked {
    ($prefix:literal) => {
        rows!($prefix:
            constrained("model", Form::Id).fact(Fact::Model);
            word("content.role");
            word("taskType");
            guarded("title", Origin::Is(File));
            integer("outputDimensionality");
            flag("autoTruncate");
            word("embedContentConfig.taskType");
            guarded("embedContentConfig.title", Origin::Is(File));
            integer("embedContentConfig.outputDimensionality");
            flag("embedContentConfig.autoTruncate");
            flag("embedContentConfig.documentOcr");
            flag("embedContentConfig.audioTrackExtraction");
        )
    };
}

/// `POST …:embedContent`.
pub(crate) static REQUEST: MessageTable = MessageTable {
    operation: Operation::EmbedContent,
    direction: Direction::Request,
    parts: &[asked!(""), asked_parts!("content.parts[]", Origin::Is(User))],
    scopes: &[
        ("content.parts[].inlineData", Scope::Source),
        ("content.parts[].functionResponse.parts[].inlineData", Scope::Source),
    ],
    skeleton: &[("content.parts[].text", "\"hello\"")],
};

/// `POST …:batchEmbedContents`.
pub(crate) static BATCH_REQUEST: MessageTable = MessageTable {
    operation: Operation::BatchEmbedContents,
    direction: Direction::Request,
    parts: &[asked!("requests[]."), asked_parts!("requests[].content.parts[]", Origin::Is(User))],
    scopes: &[
        ("requests[]", Scope::Choice),
        ("requests[].content.parts[].inlineData", Scope::Source),
        ("requests[].content.parts[].functionResponse.parts[].inlineData", Scope::Source),
    ],
    skeleton: &[("requests[].content.parts[].text", "\"hello\"")],
};

/// One vector.
pub(crate) static RESPONSE: MessageTable = MessageTable {
    operation: Operation::EmbedContent,
    direction: Direction::Response,
    parts: &[EMBEDDING, usage!(), ERROR],
    scopes: &[],
    skeleton: &[("embedding.values", "[0.5]")],
};

/// A vector for each request.
pub(crate) static BATCH_RESPONSE: MessageTable = MessageTable {
    operation: Operation::BatchEmbedContents,
    direction: Direction::Response,
    parts: &[EMBEDDINGS, usage!(), ERROR],
    scopes: &[],
    skeleton: &[("embeddings[].values", "[0.5]")],
};

const EMBEDDING: &[Row] = &[
    Row::opaque("embedding.values", VECTOR),
    Row::integer("embedding.shape[]"),
    Row::flag("truncated"),
    Row::said("metadata.**"),
];

const EMBEDDINGS: &[Row] = &[
    Row::opaque("embeddings[].values", VECTOR),
    Row::integer("embeddings[].shape[]"),
    Row::said("embeddings[].statistics.**"),
    Row::said("metadata.**"),
];
