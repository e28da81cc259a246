//! Files whose lines are messages (JSON Lines): what is asked in a batch and in training data, what a batch has answered.
//!
//! INVARIANT: each message is read by the same map, and under the same limits, as if it had come alone. INVARIANT: what a
//! line says besides is read too. INVARIANT: a file that would be read differently line by line than as a whole (another
//! model, another path) is refused.
//!
//! Not here: the form that a file arrives in (`form_body`), what follows for a single line (`gateway`).

use std::ops::Range;

use events::TokenUsage;

use crate::document::{Document, Facts, Member};
use crate::error::ReadError;
use crate::form::Form;
use crate::limits::{ReadLimits, UnknownFields};
use crate::machine::Machine;
use crate::maps::machine;
use crate::path::{PathId, Step};
use crate::reader::{read_part, text_of};
use crate::route::{Direction, Operation};
use crate::stored::batched;

/// Lines of one file, as many as the API takes.
pub const LINES_MAX: usize = 50_000;
/// Bytes of one line.
pub const LINE_BYTES_MAX: usize = 4 << 20;
/// How many times as many pieces of text as one message may have, the lines of one file may have together.
pub const LINES_FIELDS_FACTOR: usize = 4;

/// The name of the path that lines stand below.
pub(crate) const FILE: &str = "file";

/// What the lines of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lines {
    /// Requests, each with the path that it is for.
    Requests,
    /// Conversations, as a request for a completion of one has them.
    Conversations,
    /// Answers of this operation.
    Answers(Operation),
}

/// Reads a file that a batch for `operation` has written: its output, or its errors.
pub fn read_batch_output<'a>(
    operation: Operation,
    bytes: &'a [u8],
    unknown: UnknownFields,
    limits: &ReadLimits,
) -> Result<Document<'a>, ReadError> {
    let source = text_of(bytes, limits)?;
    let document = Document { source, ..Document::empty() };
    read_lines(document, 0..source.len(), Lines::Answers(operation), unknown, limits)
}

/// Reads the lines of a file that is a part of the document.
pub(crate) fn read_lines<'a>(
    mut document: Document<'a>,
    part: Range<usize>,
    lines: Lines,
    unknown: UnknownFields,
    limits: &ReadLimits,
) -> Result<Document<'a>, ReadError> {
    let path = document.paths.push(PathId::ROOT, Step::Name(FILE));
    let reader = LineReader { lines, path, unknown, limits };
    let text = document.source.get(part.clone()).unwrap_or_default();
    let mut at = part.start;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let source = at..at + line.trim_end_matches(['\n', '\r']).len();
        at += line.len();
        if line.trim_matches([' ', '\t', '\r', '\n']).is_empty() {
            continue;
        }
        if document.members.len() == LINES_MAX {
            return Err(ReadError::Limit { of: "lines of a file", max: LINES_MAX });
        }
        let (number, mut name) = (index as u32 + 1, None);
        let read = reader.read(document, number, source, &mut name);
        document = read.map_err(|error| ReadError::Line {
            number,
            custom_id: name,
            error: Box::new(error),
        })?;
    }
    if document.members.is_empty() && !matches!(lines, Lines::Answers(_)) {
        return Err(ReadError::WrongBody { expected: "a file of lines, each a JSON object" });
    }
    document.facts = summed(&document.members);
    Ok(document)
}

/// What is the same for all lines of a file.
struct LineReader<'l> {
    lines: Lines,
    path: PathId,
    unknown: UnknownFields,
    limits: &'l ReadLimits,
}

impl LineReader<'_> {
    /// Reads one line. `name` is what it calls itself, once that is known.
    fn read<'a>(
        &self,
        mut document: Document<'a>,
        line: u32,
        source: Range<usize>,
        name: &mut Option<String>,
    ) -> Result<Document<'a>, ReadError> {
        if source.len() > LINE_BYTES_MAX {
            return Err(ReadError::Limit { of: "bytes of a line", max: LINE_BYTES_MAX });
        }
        let path = document.paths.push(self.path, Step::Line(line));
        let (fields, files) = (document.fields.len(), document.files.len());
        let (mut status, mut body) = (None, Some((source.clone(), path)));
        let (mut operation, mut url) = (Operation::ChatCompletions, None);
        if let Some(envelope) = self.envelope() {
            document = self.read_part(envelope, document, (source.clone(), path))?;
            let facts =
                std::mem::replace(&mut document.facts, Facts { choices: 1, ..Facts::default() });
            url.clone_from(&facts.url);
            *name = facts.id.filter(|id| Form::Word.admits_text(id)).map(Into::into);
            status = facts.status;
            body = document.inner.pop();
            operation = self.operation(line, facts.url.as_deref(), body.is_some())?;
        }
        if let Some(part) = body.clone() {
            let map = machine(operation, self.direction()).ok_or(ReadError::NotStreamed)?;
            document = self.read_part(map, document, part)?;
        }
        let mut facts =
            std::mem::replace(&mut document.facts, Facts { choices: 1, ..Facts::default() });
        facts.url = url;
        let member = Member {
            line,
            name: name.clone(),
            operation,
            fields: fields..document.fields.len(),
            files: files..document.files.len(),
            source,
            body: body.map(|(range, _)| range),
            status,
            facts,
        };
        if self.lines == Lines::Requests {
            fits(&member, document.members.first())?;
        }
        document.members.push(member);
        Ok(document)
    }

    fn read_part<'a>(
        &self,
        map: &'static Machine,
        document: Document<'a>,
        part: (Range<usize>, PathId),
    ) -> Result<Document<'a>, ReadError> {
        let fields_max = self.limits.fields_max;
        let all_max = fields_max.saturating_mul(LINES_FIELDS_FACTOR);
        let fields_max = document.fields.len().saturating_add(fields_max).min(all_max);
        let limits = ReadLimits { fields_max, ..*self.limits };
        read_part(map, document, part, self.unknown, &limits)
    }

    fn envelope(&self) -> Option<&'static Machine> {
        match self.lines {
            Lines::Requests => machine(Operation::FileUpload, Direction::RequestLine),
            Lines::Conversations => None,
            Lines::Answers(_) => machine(Operation::FileContent, Direction::ResponseLine),
        }
    }

    fn direction(&self) -> Direction {
        match self.lines {
            Lines::Requests | Lines::Conversations => Direction::Request,
            Lines::Answers(_) => Direction::Response,
        }
    }

    /// What a line asks for, or answers.
    fn operation(
        &self,
        line: u32,
        url: Option<&str>,
        has_body: bool,
    ) -> Result<Operation, ReadError> {
        match self.lines {
            Lines::Answers(operation) => Ok(operation),
            _ if !has_body => Err(violation(line, "body", "a JSON object")),
            _ => url.and_then(batched).ok_or_else(|| {
                violation(line, "url", "the path of an operation that is guarded in batches")
            }),
        }
    }
}

/// Whether a line of a batch can be in one file with the first.
fn fits(member: &Member<'_>, first: Option<&Member<'_>>) -> Result<(), ReadError> {
    let line = member.line;
    if member.facts.stream {
        return Err(violation(line, "body.stream", "`false`: the answers of a batch are files"));
    }
    if member.facts.model.is_none() {
        return Err(violation(line, "body.model", "a model's name"));
    }
    let Some(first) = first else { return Ok(()) };
    if first.operation != member.operation {
        return Err(violation(line, "url", "the same in all lines of a file"));
    }
    if first.facts.model != member.facts.model {
        return Err(violation(line, "body.model", "the same in all lines of a file"));
    }
    Ok(())
}

fn violation(line: u32, member: &str, expected: &'static str) -> ReadError {
    ReadError::Violation { path: format!("{FILE}#line {line}.{member}"), expected }
}

/// The facts of all lines together: answers and tokens add up, of limits the largest counts.
fn summed<'a>(members: &[Member<'a>]) -> Facts<'a> {
    let first = members.first().map(|member| &member.facts);
    let answers = members.iter().map(|member| {
        let facts = &member.facts;
        facts.choices.max(1).saturating_mul(facts.prompts.max(1))
    });
    let limits = members.iter().map(|member| member.facts.output_tokens_max);
    let said = members.iter().filter_map(|member| member.facts.usage);
    let usage = said.reduce(|all, one| TokenUsage {
        input: all.input.saturating_add(one.input),
        output: all.output.saturating_add(one.output),
    });
    Facts {
        model: first.and_then(|facts| facts.model.clone()),
        url: first.and_then(|facts| facts.url.clone()),
        opening: first.map_or(0..0, |facts| facts.opening.clone()),
        choices: answers.fold(0, u32::saturating_add).max(1),
        output_tokens_max: limits
            .collect::<Option<Vec<u64>>>()
            .and_then(|all| all.into_iter().max()),
        usage,
        ..Facts::default()
    }
}
