//! What may stand in the answers to `GET …/models` and `GET …/models/{model}` of the Gemini API.

use crate::form::Form;
use crate::gemini::ERROR;
use crate::route::{Direction, Operation};
use crate::table::{MessageTable, Row, rows};

/// A model, below a prefix.
macro_rules! model {
    ($prefix:literal) => {
        rows!($prefix:
            constrained("name", Form::Id);
            constrained("baseModelId", Form::Id);
            constrained("version", Form::Id);
            said("displayName");
            said("description");
            integer("inputTokenLimit");
            integer("outputTokenLimit");
            word("supportedGenerationMethods[]");
            flag("thinking");
            number("temperature");
            number("maxTemperature");
            number("topP");
            number("topK");
        )
    };
}

/// The list.
pub(crate) static LIST: MessageTable = MessageTable {
    operation: Operation::GeminiModelList,
    direction: Direction::Response,
    parts: &[model!("models[]."), PAGE, ERROR],
    scopes: &[],
    skeleton: &[
        ("models[].name", "\"models/gemini-2.5-flash\""),
        ("models[].displayName", "\"Gemini 2.5 Flash\""),
    ],
};

/// One model.
pub(crate) static SHOWN: MessageTable = MessageTable {
    operation: Operation::GeminiModelShow,
    direction: Direction::Response,
    parts: &[model!(""), ERROR],
    scopes: &[],
    skeleton: &[("name", "\"models/gemini-2.5-flash\""), ("displayName", "\"Gemini 2.5 Flash\"")],
};

const PAGE: &[Row] = &[Row::constrained("nextPageToken", Form::Id)];
