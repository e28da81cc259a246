//! What members that no row names say by their names: that tools are offered, how long an answer may be.
//!
//! Providers and models have members of their own, and new ones every month. Their texts are read like any text; what
//! they do to a request is told by what they are called, because that is all there is. Both facts are only ever read
//! against the caller: a key that is limited to tools may not offer what it cannot be told to be, and a limit only ever adds
//! to what is reserved.
//!
//! INVARIANT: a member inside the definition of a tool is a tool by its own name, and so is a definition that names none.
//! INVARIANT: what says nothing offers nothing: `null`, `false`, an empty list.
//!
//! Not here: members that rows name (`facts`).

use std::borrow::Cow;

use crate::error::ReadError;
use crate::json::Token;
use crate::json_text::decoded;
use crate::machine::NodeId;
use crate::reader::Reader;
use crate::table::Scope;

/// Whether a member that is called so may offer tools.
fn offers_tools(name: &str) -> bool {
    let name = bare(name);
    let is_about = |words: &[&str]| words.iter().any(|word| name.contains(word));
    is_about(&["tool", "function", "mcp", "plugin", "connector", "skill", "websearch"])
        && !is_about(&["toolcall", "toolchoice", "tooluse", "toolresult", "functioncall"])
}

/// Whether a flag that is called so takes away from what is offered, or says how it is checked.
fn takes_away(name: &str) -> bool {
    let name = bare(name);
    ["disable", "exclude", "ignore", "skip", "valid"].iter().any(|word| name.contains(word))
}

/// Whether a number that is called so limits the length of an answer.
fn limits_answers(name: &str) -> bool {
    let name = bare(name);
    let is_of_more = ["input", "prompt", "context", "total"].iter().any(|word| name.contains(word));
    (name.contains("max") && name.contains("token") && !is_of_more)
        || ["maxgenlen", "maxlength", "numpredict"].contains(&&*name)
}

/// `max_newTokens` is `maxnewtokens`.
fn bare(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

/// What a member that no row names is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// What says nothing: `null`, `false`, an empty list.
    Nothing,
    /// `true`.
    Yes,
    /// Anything else.
    Content,
}

impl Given {
    pub(crate) const fn flag(is_set: bool) -> Self {
        if is_set { Self::Yes } else { Self::Nothing }
    }
}

impl<'a> Reader<'a> {
    /// A value begins. If no row names the member that it is, that may offer tools.
    pub(crate) fn give(&mut self, value: &Token) -> Result<(), ReadError> {
        if !std::mem::take(&mut self.unnamed) {
            return Ok(());
        }
        self.note_unnamed(self.given(value))
    }

    /// What a value that begins so says.
    pub(crate) fn given(&self, value: &Token) -> Given {
        match *value {
            Token::Null => Given::Nothing,
            Token::Boolean { value, .. } => Given::flag(value),
            Token::Open { object: false, start } if self.is_empty_list(start) => Given::Nothing,
            _ => Given::Content,
        }
    }

    fn is_empty_list(&self, start: usize) -> bool {
        let within = self.document.source.get(start + 1..).unwrap_or_default();
        within.trim_start().starts_with(']')
    }

    /// The member that is read now is one that no row names, or is not what the rows say.
    pub(crate) fn note_unnamed(&mut self, given: Given) -> Result<(), ReadError> {
        if !self.request || given == Given::Nothing {
            return Ok(());
        }
        let name = self.member_name();
        // What stands further inside was told with what it stands in.
        let is_entered = self.frames.last().is_none_or(|frame| frame.child != frame.node);
        let is_in_tool = is_entered && self.scopes.iter().any(|frame| frame.scope == Scope::Tool);
        let is_harmless_flag = || given == Given::Yes && takes_away(&name);
        if is_in_tool || (offers_tools(&name) && !is_harmless_flag()) {
            self.offer(name)?;
        }
        Ok(())
    }

    /// A value begins whose elements are at `element`. An empty list of tools offers none, also as the definition of one.
    pub(crate) fn note_list(&mut self, element: NodeId, value: &Token) {
        let is_of_tools = self.machine.node(element).scope == Some(Scope::Tool);
        if is_of_tools
            && self.given(value) == Given::Nothing
            && let Some(scope) = self.scopes.last_mut()
        {
            scope.tools_from = None;
        }
    }

    /// A number there.
    pub(crate) fn note_unnamed_number(&mut self, number: &str) {
        if !limits_answers(&self.member_name()) {
            return;
        }
        // One that is not whole is rounded up; one that is not in range is as large as can be, or none.
        let value = number.parse::<u64>().ok();
        let value = value.or_else(|| number.parse::<f64>().ok().map(|value| value.ceil() as u64));
        let most = &mut self.document.facts.output_tokens_unnamed;
        *most = value.unwrap_or_default().max(*most);
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
    use super::{limits_answers, offers_tools, takes_away};

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
            ("max_total_tokens", false, false),
            ("max_context_tokens", false, false),
            ("min_tokens", false, false),
        ] {
            assert_eq!((offers_tools(name), limits_answers(name)), (tools, limits), "{name}");
        }
    }

    #[test]
    fn flags_that_take_away_offer_nothing() {
        for (name, harmless) in [
            ("disable_tool_validation", true),
            ("skipToolCheck", true),
            ("enable_tools", false),
            ("web_search", false),
        ] {
            assert_eq!((takes_away(name), offers_tools(name)), (harmless, true), "{name}");
        }
    }
}
