//! The content maps for people and programs: every path of every message, and what is done with it.
//!
//! INVARIANT: the contract is the tables and nothing else, so it cannot say more than the reader does.

use std::fmt::Write as _;

use crate::document::Embedded;
use crate::machine::unknown_row;
use crate::maps::tables;
use crate::table::{MessageTable, Origin, Row, Rule};

/// What the content map says about one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractRow {
    /// `anthropic`, `bedrock`, `gemini`, `ollama`, `openai`.
    pub dialect: &'static str,
    /// `chat.completions`, `embeddings`, `messages`, `models`.
    pub operation: &'static str,
    /// `request`, `response`, `stream`, `request line`, `response line`.
    pub direction: &'static str,
    /// `messages[].content[].text`. `[]` is every element, `.*` the value of every other key, `.**`
    /// everything at or below, `.{key}` a key that the sender chooses, `**` alone what no row names.
    pub path: String,
    /// `guarded`, `constrained`, `opaque`, `denied`, `message`.
    pub typing: &'static str,
    /// For guarded text: where it came from, `user`, `by role`.
    pub provenance: Option<&'static str>,
    /// For guarded text of an answer: its channel, `content`, `other`.
    pub lane: Option<&'static str>,
    /// What a constrained value must be, why content is opaque or denied, what else there is to know.
    pub note: &'static str,
}

/// Every row of every table, in the order of the tables.
pub fn contract() -> Vec<ContractRow> {
    let mut contract = Vec::new();
    for table in tables() {
        for row in table.rows() {
            contract.extend(described(table, row));
            contract.extend(described_keys(table, row));
        }
        let note = "what no row names: scanned and listed (`balanced`) or refused (`strict`)";
        contract.push(ContractRow { note, ..guarded(table, unknown_row(table.direction)) });
    }
    contract
}

/// The contract as a page of documentation.
pub fn contract_markdown() -> String {
    let mut page = String::from(PREFACE);
    let mut heading = String::new();
    for row in contract() {
        let next = format!("{} {} {}", row.dialect, row.operation, row.direction);
        if next != heading {
            let _ = write!(page, "\n## {next}\n\n{COLUMNS}");
            heading = next;
        }
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} | {} |",
            row.path,
            row.typing,
            row.provenance.unwrap_or_default(),
            row.lane.unwrap_or_default(),
            row.note.replace('|', "\\|")
        );
    }
    page
}

const PREFACE: &str = "\
# Content map

Every field of every message that passes, and what is done with it. This page is generated from the tables that the
reader runs on (`openai/`, `anthropic/`, `bedrock/`, `gemini/` and `ollama/` in `crates/wire/src`); a canary is planted in every guarded path in the tests.

- **guarded**: text. Every guard reads it, under the provenance named here; in answers on the lane named here.
- **file**: base64. If it is a document or text, every guard reads what it says, under the provenance `file`, and a
  request is refused if policy masks anything in it; else it is opaque. What crosses a limit is refused.
- **constrained**: a value that cannot hold a sentence. Anything else there is refused in a request, and read as text of
  an unknown field in an answer.
- **opaque**: content that no guard can read. It is forwarded, and the record lists it as not scanned.
- **denied**: never forwarded.
- **message**: a message of another operation, which is read by the map of that operation, as if it had come alone.

`[]` is every element of a list, `.*` the value of every other key, `.**` everything at or below the place, `.{key}` a key
that the sender chooses, `**` alone what no row names. `null` is accepted everywhere. Numbers of seven digits and more
are text wherever text is free in form. In the dialect `gemini` every key may be written with underscores too
(`system_instruction`), and an object stands for a list of one, as its servers read them.
";

const MEDIA_ASKED: &str = "a web address, and what is behind it is opaque; or base64 data, which is read like a file if it \
     is a document or text, else opaque; no other scheme";
const MEDIA_SAID: &str =
    "a web address, and what is behind it is opaque; or base64 data, opaque; no other scheme";
const ATTACHED: &str = "as the type beside it says: text, which is read, or base64: PDF, Office, HTML and text are read; \
     pictures, sound and what cannot be read are opaque";
const ATTACHED_SAID: &str =
    "as the type beside it says: text, which is read, or base64, which is opaque";
const FILE: &str = "base64: PDF, Office, HTML and text are read; pictures, sound and what cannot be read are opaque";
const UPLOADED: &str = "bytes: what is for `batch` or `fine-tune` is read line by line; of the rest, PDF, Office, HTML and text are \
     read; pictures, sound and what cannot be read are opaque";

const COLUMNS: &str = "| path | typing | provenance | lane | note |\n|---|---|---|---|---|\n";

fn described(table: &MessageTable, row: &Row) -> Option<ContractRow> {
    let base = guarded(table, row);
    let bare = ContractRow { provenance: None, lane: None, ..base.clone() };
    Some(match row.rule {
        Rule::Guarded { embedded: Embedded::Json, .. } => {
            ContractRow { note: "a JSON document", ..base }
        }
        Rule::Guarded { .. } if (row.vocabulary)("type") => {
            ContractRow { note: "a JSON schema, without the words of JSON Schema itself", ..base }
        }
        Rule::Guarded { .. } => base,
        Rule::Media(_) if table.direction.is_request() => ContractRow { note: MEDIA_ASKED, ..base },
        Rule::Media(_) => ContractRow { note: MEDIA_SAID, ..base },
        Rule::File(_) | Rule::Attachment(_) => ContractRow {
            typing: "file",
            provenance: Some(events::Provenance::File.as_str()),
            note: match (row.rule, table.direction) {
                (Rule::File(_), _) if table.operation.is_upload() => UPLOADED,
                (Rule::File(_), _) => FILE,
                (_, direction) if direction.is_request() => ATTACHED,
                _ => ATTACHED_SAID,
            },
            ..bare
        },
        Rule::Constrained(form) => {
            ContractRow { typing: "constrained", note: form.expected(), ..bare }
        }
        Rule::OpaqueForm(_, why) | Rule::Opaque(why) | Rule::Presence(Some(why)) => {
            ContractRow { typing: "opaque", note: why, ..bare }
        }
        Rule::Echo(_, why) => ContractRow { typing: "opaque", note: why, ..bare },
        Rule::Denied(why) => ContractRow { typing: "denied", note: why, ..bare },
        Rule::Message(read_as) => ContractRow { typing: "message", note: read_as, ..bare },
        Rule::Presence(None) | Rule::Repeats(_) => return None,
    })
}

/// The row of the keys, where a path ends in keys that the sender chooses.
fn described_keys(table: &MessageTable, row: &Row) -> Option<ContractRow> {
    let place = row.path.strip_suffix(".**").or_else(|| row.path.strip_suffix(".*"))?;
    let base = ContractRow { path: format!("{place}.{{key}}"), ..guarded(table, row) };
    Some(match row.rule {
        Rule::Guarded { .. } => ContractRow { lane: base.lane.map(|_| "other"), ..base },
        _ => ContractRow {
            typing: "constrained",
            provenance: None,
            lane: None,
            note: row.keys.expected(),
            ..base
        },
    })
}

fn guarded(table: &MessageTable, row: &Row) -> ContractRow {
    let (origin, channel) = match row.rule {
        Rule::Guarded { origin, channel, .. } => (Some(origin), channel),
        Rule::Media(origin) => (Some(origin), None),
        _ => (None, None),
    };
    let answer = !table.direction.is_request();
    ContractRow {
        dialect: table.operation.dialect().as_str(),
        operation: table.operation.as_str(),
        direction: table.direction.as_str(),
        path: row.path.to_owned(),
        typing: "guarded",
        provenance: origin.map(|origin| match origin {
            Origin::Is(provenance) => provenance.as_str(),
            Origin::Role => "by role",
            Origin::Participant => "user, or tool_result in a tool's message",
            Origin::Part(_) => "by the type of its block",
        }),
        lane: answer.then(|| channel.map_or("other", crate::Channel::as_str)),
        note: "",
    }
}

#[cfg(test)]
mod tests {
    use super::{contract, contract_markdown};

    #[test]
    fn every_row_says_what_is_done() {
        for row in contract() {
            match row.typing {
                "guarded" => {
                    assert!(row.provenance.is_some(), "{row:?}");
                    assert_eq!(
                        row.lane.is_some(),
                        !row.direction.starts_with("request"),
                        "{row:?}"
                    );
                }
                "file" => {
                    assert!(row.provenance == Some("file") && !row.note.is_empty(), "{row:?}");
                }
                "constrained" | "opaque" | "denied" | "message" => {
                    assert!(!row.note.is_empty(), "{row:?}");
                }
                other => panic!("{other} is no typing"),
            }
        }
    }

    #[test]
    fn the_page_has_a_line_for_every_row() {
        let page = contract_markdown();
        let lines = page.lines().filter(|line| line.starts_with("| `")).count();
        assert_eq!(lines, contract().len());
        let columns = |line: &str| line.replace("\\|", "").matches('|').count();
        assert!(page.lines().filter(|line| line.starts_with('|')).all(|line| columns(line) == 6));
        assert!(page.contains("| `messages[].content` | guarded | by role |"));
        assert!(page.contains("## openai chat.completions stream"));
    }
}
