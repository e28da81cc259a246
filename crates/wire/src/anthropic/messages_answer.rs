//! What may stand in the answers to `POST /v1/messages` and `POST /v1/messages/count_tokens`.
//!
//! The input of a tool is an object here, and each text in it is a text of its own; in a stream it is the
//! pieces of a JSON document (`messages_stream`).

use crate::anthropic::ERROR;
use crate::anthropic::rows::{citation, provider_result, usage};
use crate::form::Form;
use crate::lane::Channel;
use crate::route::{Direction, Operation};
use crate::table::{Fact, MessageTable, Origin, Row, Scope};

/// The answer.
pub(crate) static RESPONSE: MessageTable = MessageTable {
    operation: Operation::Messages,
    direction: Direction::Response,
    parts: &[
        ENVELOPE,
        TEXT,
        blocks!("content[]"),
        citation!("content[].citations[]", OUTPUT),
        provider_result!("content[].content", OUTPUT),
        usage!("usage"),
        ERROR,
    ],
    scopes: &[("content[]", Scope::Block), ("content[].content.content.source", Scope::Source)],
    skeleton: &[
        ("id", "\"msg_1\""),
        ("type", "\"message\""),
        ("role", "\"assistant\""),
        ("model", "\"claude-sonnet-4-5\""),
        ("content[].text", "\"hello\""),
        ("stop_reason", "\"end_turn\""),
    ],
};

/// How many tokens a request would have.
pub(crate) static COUNT: MessageTable = MessageTable {
    operation: Operation::CountTokens,
    direction: Direction::Response,
    parts: &[COUNTED, ERROR],
    scopes: &[],
    skeleton: &[("input_tokens", "7")],
};

pub(crate) const OUTPUT: Origin = Origin::Is(events::Provenance::Output);

const ENVELOPE: &[Row] = &[
    Row::constrained("id", Form::Id).fact(Fact::Id),
    Row::word("type").fact(Fact::Object),
    Row::word("role"),
    Row::constrained("model", Form::Id).fact(Fact::Model),
    Row::word("stop_reason").fact(Fact::Finish),
    Row::said("stop_sequence"),
    Row::said("stop_details.**"),
    Row::said("container.**"),
    Row::said("diagnostics.**"),
    Row::said("context_management.**"),
    Row::said("input_transformations[].**"),
];

const TEXT: &[Row] = &[
    Row::output("content[].text", Channel::Content),
    Row::output("content[].thinking", Channel::Reasoning),
];

/// A block of an answer, but for its text.
macro_rules! blocks {
    ($prefix:literal) => {
        $crate::table::rows!($prefix:
            word(".type");
            opaque_form(".signature", $crate::form::Form::Base64, $crate::anthropic::ENCRYPTED);
            opaque_form(".data", $crate::form::Form::Base64, $crate::anthropic::ENCRYPTED);
            opaque_form(".encrypted_content", $crate::form::Form::Base64, $crate::anthropic::ENCRYPTED);
            opaque_form(".file_id", $crate::form::Form::Id, $crate::anthropic::KEPT);
            constrained(".id", $crate::form::Form::Id);
            said(".name");
            said(".server_name");
            said(".mcp_server_name");
            said(".toolset_name");
            said(".input.**");
            word(".caller.type");
            constrained(".caller.tool_id", $crate::form::Form::Id);
            constrained(".tool_use_id", $crate::form::Form::Id);
            flag(".is_error");
            said(".content");
            word(".content[].type");
            said(".content[].text");
            said(".content[].citations.**");
            said(".content[].title");
            said(".content[].url");
            said(".content[].page_age");
            opaque_form(".content[].encrypted_content", $crate::form::Form::Base64, $crate::anthropic::ENCRYPTED);
            opaque_form(".content[].file_id", $crate::form::Form::Id, $crate::anthropic::KEPT);
            word(".content.content.source.type").fact($crate::table::Fact::Kind);
            constrained(".content.content.source.media_type", $crate::form::Form::Id)
                .fact($crate::table::Fact::Declared);
            attachment(".content.content.source.data", "opaque: file");
            said(".content.content.source.url");
            said(".tools.**");
            said(".tool_changes.**");
            constrained(".from.model", $crate::form::Form::Id);
            constrained(".to.model", $crate::form::Form::Id);
            said(".trigger.**");
        )
    };
}
pub(crate) use blocks;

const COUNTED: &[Row] = &[
    Row::integer("input_tokens").fact(Fact::InputTokens),
    Row::integer("context_management.original_input_tokens"),
    Row::word("type").fact(Fact::Object),
];
