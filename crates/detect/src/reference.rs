//! What a text is compared with: the prompts of its conversation.
//!
//! INVARIANT: bounded: [`crate::PROMPT_WORDS_MAX`] words. INVARIANT: it holds hashes and no text.

use crate::detectors::system_prompt::PromptPrint;

/// What one conversation adds to what every text is searched for. The default is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    pub(crate) prompt: PromptPrint,
}

impl Reference {
    /// Of the system and developer prompts of a conversation. What the user wrote (`known`) is no secret
    /// to them, so that repeating it gives nothing away.
    pub fn of_prompts<'a>(
        prompts: impl IntoIterator<Item = &'a str>,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self { prompt: PromptPrint::new(prompts, known) }
    }
}
