//! What a text is compared with: the prompts of its conversation, the form that was asked for, and what it may quote.
//!
//! INVARIANT: bounded: [`crate::PROMPT_WORDS_MAX`] words, [`crate::ACROSTIC_LETTERS_MAX`] letters, [`crate::SOURCES_BYTES_MAX`] bytes that may be quoted. INVARIANT: of prompts it holds hashes and no text.

use crate::detectors::acrostic::Spelled;
use crate::detectors::citation::Sources;
use crate::detectors::schema::AnswerForm;
use crate::detectors::system_prompt::PromptPrint;

/// What one conversation adds to what every text is searched for. The default is nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reference {
    pub(crate) prompt: PromptPrint,
    pub(crate) spelled: Spelled,
    pub(crate) form: Option<AnswerForm>,
    pub(crate) sources: Option<Sources>,
}

impl Reference {
    /// Of the system and developer prompts of a conversation. What the user wrote (`known`) is no secret
    /// to them, so that repeating it gives nothing away.
    pub fn of_prompts<'a>(
        prompts: impl IntoIterator<Item = &'a str> + Clone,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let spelled = Spelled::of_prompts(prompts.clone());
        Self { prompt: PromptPrint::new(prompts, known), spelled, form: None, sources: None }
    }

    /// Bytes that it takes, about, its form aside.
    pub fn bytes(&self) -> usize {
        let sources = self.sources.as_ref().map_or(0, Sources::bytes);
        self.prompt.bytes() + self.spelled.bytes() + sources
    }

    /// With the form that the answer has to have.
    #[must_use]
    pub fn expecting(self, form: AnswerForm) -> Self {
        Self { form: Some(form), ..self }
    }

    /// With everything that the answer may quote: documents, files, results of tools, and the rest of the request.
    #[must_use]
    pub fn citing<'a>(self, texts: impl IntoIterator<Item = &'a str>) -> Self {
        Self { sources: Sources::new(texts), ..self }
    }
}
