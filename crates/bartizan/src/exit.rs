//! How a command ends: its exit code, and what it says when it could not do its job.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | fine |
//! | 1 | findings, or a failed check |
//! | 2 | usage or configuration |
//! | 3 | the environment failed: files, network, permissions |
//! | 4 | incomplete: something could not be read |
//!
//! INVARIANT: every problem says what is wrong, where, and what to do about it.

use std::fmt;
use std::ops::Range;

use miette::{
    Diagnostic, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents,
};

/// How a command ended. The numbers are a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Fine,
    Findings,
    Usage,
    Environment,
    Incomplete,
}

impl Exit {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Findings => 1,
            Self::Usage => 2,
            Self::Environment => 3,
            Self::Incomplete => 4,
        }
    }
}

/// A command that could not do its job.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Whoever read the output went away; nobody is left to tell.
    ReaderLeft,
    /// Problems, for the person at the terminal.
    Problems(Exit, Vec<Problem>),
}

impl Failure {
    /// The command line or the configuration has to change.
    pub(crate) fn usage(message: impl fmt::Display, help: impl Into<String>) -> Self {
        Self::Problems(Exit::Usage, vec![Problem::new(message).with_help(help)])
    }

    /// The machine has to change: a file, a permission, a port.
    pub(crate) fn environment(message: impl fmt::Display, help: impl Into<String>) -> Self {
        Self::Problems(Exit::Environment, vec![Problem::new(message).with_help(help)])
    }

    /// As [`Failure::environment`], for errors whose message ends with what to do itself.
    pub(crate) fn environment_as_told(error: impl fmt::Display) -> Self {
        Self::Problems(Exit::Environment, vec![Problem::told(error)])
    }
}

impl From<std::io::Error> for Failure {
    /// Failed output. Input is read by functions that name the file.
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::ReaderLeft;
        }
        Self::environment(
            format!("cannot write to standard output: {error}"),
            "check where the output goes: a full disk, a closed descriptor",
        )
    }
}

/// One thing that is wrong.
#[derive(Debug)]
pub(crate) struct Problem {
    message: String,
    help: Option<String>,
    line: Option<Line>,
    label: Option<LabeledSpan>,
}

impl Problem {
    pub(crate) fn new(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), help: None, line: None, label: None }
    }

    /// From an error whose message carries its own hint: `what is wrong; hint: what to do`.
    pub(crate) fn told(error: impl fmt::Display) -> Self {
        let text = error.to_string();
        match text.split_once("hint: ") {
            Some((message, hint)) => {
                let message = message.trim_end().trim_end_matches(';');
                Self::new(message).with_help(hint)
            }
            None => Self::new(text),
        }
    }

    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Points at bytes of a named text, and shows the line in which they begin. No more of the text
    /// is kept: what stands around a problem is nobody's business in a log.
    pub(crate) fn at(mut self, name: &str, text: &str, span: &Range<usize>) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let rest = text.get(start..).unwrap_or_default();
        let line = rest.split('\n').next().unwrap_or_default();
        let end = span.end.min(start + line.trim_end().len());
        let length = end.saturating_sub(span.start).max(1);
        self.label = Some(LabeledSpan::new(Some(String::from("here")), span.start, length));
        self.line = Some(Line {
            name: name.to_owned(),
            number: before.matches('\n').count(),
            column: before.get(start..).unwrap_or_default().chars().count(),
            start,
            text: format!("{line} "),
        });
        self
    }
}

/// One line of a text, at its place.
#[derive(Debug)]
struct Line {
    name: String,
    /// From 0.
    number: usize,
    /// Where in it the problem begins, in characters, from 0.
    column: usize,
    /// The byte of the text at which it begins.
    start: usize,
    text: String,
}

impl SourceCode for Line {
    fn read_span<'a>(
        &'a self,
        _: &SourceSpan,
        _: usize,
        _: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let span = SourceSpan::from((self.start, self.text.len()));
        let (name, bytes) = (self.name.clone(), self.text.as_bytes());
        Ok(Box::new(MietteSpanContents::new_named(name, bytes, span, self.number, self.column, 1)))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl Diagnostic for Problem {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.line.as_ref().map(|line| line as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = self.label.clone()?;
        Some(Box::new(std::iter::once(label)))
    }
}
