//! What members that no row names say by their names: that tools are offered, how long an answer may be.
//!
//! Providers and models have members of their own, and new ones every month. Their texts are read like any text; what
//! they do to a request is told by what they are called, because that is all there is. Both facts are only ever read
//! against the caller: a key that is limited to tools may not offer what it cannot be told to be, and the largest limit
//! counts.
//!
//! INVARIANT: a member inside the definition of a tool is a tool by its own name, and so is a definition that names none.
//!
//! Not here: members that rows name (`facts`).

use std::borrow::Cow;

use crate::error::ReadError;
use crate::json_text::decoded;
use crate::reader::Reader;
use crate::table::{Fact, Row, Scope};

/// Whether a member that is called so may offer tools.
fn offers_tools(name: &str) -> bool {
    let name = bare(name);
    let is_about = |words: &[&str]| words.iter().any(|word| name.contains(word));
    is_about(&["tool", "function", "mcp", "plugin", "connector", "skill", "websearch"])
        && !is_about(&["toolcall", "toolchoice", "tooluse", "toolresult", "functioncall"])
}

/// Whether a number that is called so limits the length of an answer.
fn limits_answers(name: &str) -> bool {
    let name = bare(name);
    let is_of_tokens = name.contains("max") && name.contains("token");
    (is_of_tokens && !name.contains("input") && !name.contains("prompt"))
        || ["maxgenlen", "maxlength", "numpredict"].contains(&&*name)
}

/// `max_newTokens` is `maxnewtokens`.
fn bare(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

impl<'a> Reader<'a> {
    /// The member that is read now is one that no row names, or is not what the rows say.
    pub(crate) fn note_unnamed(&mut self) -> Result<(), ReadError> {
        let name = self.member_name();
        if self.scopes.iter().any(|frame| frame.scope == Scope::Tool) || offers_tools(&name) {
            self.offer(name)?;
        }
        Ok(())
    }

    /// A member at a place where the row says that members are not known by name.
    pub(crate) fn note_name(&mut self, row: &Row, name: &str) -> Result<(), ReadError> {
        if self.request && row.fact == Some(Fact::Unnamed) && offers_tools(name) {
            self.offer(Cow::Owned(name.to_owned()))?;
        }
        Ok(())
    }

    /// A number there.
    pub(crate) fn note_unnamed_number(&mut self, number: &str) {
        if !limits_answers(&self.member_name()) {
            return;
        }
        // One that is not whole is rounded up; one that is not in range is as large as can be.
        let value = number.parse::<u64>().ok();
        let value = value.or_else(|| number.parse::<f64>().ok().map(|value| value.ceil() as u64));
        let facts = &mut self.document.facts;
        facts.output_tokens_max = facts.output_tokens_max.max(value);
    }

    /// What the member that is read now is called; an element of a list, what the list is called.
    fn member_name(&self) -> Cow<'a, str> {
        let Some(object) = self.frames.iter().rev().find(|frame| frame.object) else {
            return Cow::Borrowed("");
        };
        let raw = self.document.source.get(object.key.start..object.key.end).unwrap_or_default();
        if object.key.escaped { decoded(raw) } else { Cow::Borrowed(raw) }
    }
}

#[cfg(test)]
mod tests {
    use super::{limits_answers, offers_tools};

    #[test]
    fn names_say_what_members_are() {
        for (name, tools, limits) in [
            ("tools", true, false),
            ("customTools", true, false),
            ("Function_Declarations", true, false),
            ("mcp_servers", true, false),
            ("web_search_options", true, false),
            ("tool_choice", false, false),
            ("parallel_tool_calls", false, false),
            ("max_tool_calls", false, false),
            ("temperature", false, false),
            ("max_tokens", false, true),
            ("maxNewTokens", false, true),
            ("max_tokens_to_sample", false, true),
            ("maxTokenCount", false, true),
            ("max_gen_len", false, true),
            ("num_predict", false, true),
            ("max_input_tokens", false, false),
            ("min_tokens", false, false),
        ] {
            assert_eq!((offers_tools(name), limits_answers(name)), (tools, limits), "{name}");
        }
    }
}
