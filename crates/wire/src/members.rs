//! Messages that come several in one: the lines of files (JSON Lines), for batches, as training data and as what a batch has
//! answered, and the requests of a batch that are elements of one message.
//!
//! INVARIANT: each message is read by the same map, and under the same limits, as if it had come alone. INVARIANT: what a
//! line says besides is read too. INVARIANT: what would be read differently line by line than as a whole (another
//! model, another path) is refused.
//!
//! Not here: the form that a file arrives in (`form_body`), what follows for a single line (`gateway`).

use std::ops::Range;

use events::TokenUsage;

use crate::document::{Document, Facts, Member, MemberAt};
use crate::error::ReadError;
use crate::form::Form;
use crate::limits::{MEMBER_BYTES_MAX, MEMBERS_FIELDS_FACTOR, ReadLimits, UnknownFields};
use crate::machine::Machine;
use crate::maps::machine;
use crate::path::{PathId, Step};
use crate::read_within::read_part;
use crate::reader::text_of;
use crate::route::{Dialect, Direction, Operation};
use crate::stored::batched;

/// The name of the path that lines stand below.
pub(crate) const FILE: &str = "file";
/// What there are too many of.
pub(crate) const MEMBERS: &str = "messages in one file or batch";

/// What the lines are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lines {
    /// Requests, each with the path that it is for.
    Requests,
    /// Conversations, as a request for a completion of one has them.
    Conversations,
    /// The requests of a batch of messages.
    Messages,
    /// Answers of this operation.
    Answers(Operation),
}

impl Lines {
    /// What stands around each message.
    fn envelope(self) -> Option<&'static Machine> {
        let (operation, direction) = match self {
            Self::Requests => (Operation::FileUpload, Direction::RequestLine),
            Self::Conversations => return None,
            Self::Messages => (Operation::MessageBatchCreate, Direction::RequestLine),
            Self::Answers(operation) if operation.dialect() == Dialect::Anthropic => {
                (Operation::MessageBatchResults, Direction::ResponseLine)
            }
            Self::Answers(_) => (Operation::FileContent, Direction::ResponseLine),
        };
        machine(operation, direction)
    }

    const fn direction(self) -> Direction {
        match self {
            Self::Requests | Self::Conversations | Self::Messages => Direction::Request,
            Self::Answers(_) => Direction::Response,
        }
    }

    /// The member of a line that the message is.
    const fn body(self) -> &'static str {
        match self {
            Self::Messages => "params",
            Self::Requests | Self::Conversations | Self::Answers(_) => "body",
        }
    }

    /// What a line asks for, or answers.
    fn operation(
        self,
        at: MemberAt,
        url: Option<&str>,
        has_body: bool,
    ) -> Result<Operation, ReadError> {
        match self {
            Self::Answers(operation) => Ok(operation),
            _ if !has_body => Err(violation(at, self.body(), "a JSON object")),
            Self::Messages => Ok(Operation::Messages),
            Self::Requests | Self::Conversations => url.and_then(batched).ok_or_else(|| {
                violation(at, "url", "the path of an operation that is guarded in batches")
            }),
        }
    }

    /// Whether a request of a batch can be in one with the first.
    fn fits(self, member: &Member<'_>, first: Option<&Member<'_>>) -> Result<(), ReadError> {
        let wrong = |of_body: &str, expected| {
            let path = format!("{}.{of_body}", self.body());
            Err(violation(member.at, &path, expected))
        };
        if member.facts.stream {
            return wrong("stream", "`false`: the answers of a batch are files");
        }
        if member.facts.model.is_none() {
            return wrong("model", "a model's name");
        }
        let Some(first) = first else { return Ok(()) };
        let same = match self {
            Self::Messages => "the same in all requests of a batch",
            _ => "the same in all lines of a file",
        };
        if first.operation != member.operation {
            return Err(violation(member.at, "url", same));
        }
        if first.facts.model != member.facts.model {
            return wrong("model", same);
        }
        Ok(())
    }
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
    let file = document.paths.push(PathId::ROOT, Step::Name(FILE));
    let reader = LineReader { lines, unknown, limits };
    let text = document.source.get(part.clone()).unwrap_or_default();
    let mut begins = part.start;
    let beside = alone(&mut document);
    for (line, number) in text.split_inclusive('\n').zip(1..) {
        let source = begins..begins + line.trim_end_matches(['\n', '\r']).len();
        begins += line.len();
        if line.trim_matches([' ', '\t', '\r', '\n']).is_empty() {
            continue;
        }
        let path = document.paths.push(file, Step::Line(number));
        document = reader.add(document, MemberAt::Line(number), (source, path))?;
    }
    if document.members.is_empty() && !matches!(lines, Lines::Answers(_)) {
        return Err(ReadError::WrongBody { expected: "a file of lines, each a JSON object" });
    }
    document.facts = summed(&document.members, beside);
    Ok(document)
}

/// Reads the requests for messages of which the document has noted where they are.
pub(crate) fn read_requests<'a>(
    mut document: Document<'a>,
    unknown: UnknownFields,
    limits: &ReadLimits,
) -> Result<Document<'a>, ReadError> {
    let reader = LineReader { lines: Lines::Messages, unknown, limits };
    let beside = alone(&mut document);
    for part in std::mem::take(&mut document.inner) {
        let at = MemberAt::Request(document.paths.element(part.1).unwrap_or_default());
        document = reader.add(document, at, part)?;
    }
    document.facts = summed(&document.members, beside);
    Ok(document)
}

/// What is the same for all lines.
struct LineReader<'l> {
    lines: Lines,
    unknown: UnknownFields,
    limits: &'l ReadLimits,
}

impl LineReader<'_> {
    /// Adds a line to the document. A fault of its own is named after it.
    fn add<'a>(
        &self,
        document: Document<'a>,
        at: MemberAt,
        line: (Range<usize>, PathId),
    ) -> Result<Document<'a>, ReadError> {
        let max = self.limits.members_max;
        if document.members.len() >= max {
            return Err(ReadError::Limit { of: MEMBERS, max });
        }
        let mut custom_id = None;
        let read = self.read(document, at, line, &mut custom_id);
        read.map_err(|error| ReadError::Member { at, custom_id, error: Box::new(error) })
    }

    /// Reads one line. `name` is what it calls itself, once that is known.
    fn read<'a>(
        &self,
        mut document: Document<'a>,
        at: MemberAt,
        (source, path): (Range<usize>, PathId),
        name: &mut Option<String>,
    ) -> Result<Document<'a>, ReadError> {
        if source.len() > MEMBER_BYTES_MAX {
            return Err(ReadError::Limit { of: "bytes of a line", max: MEMBER_BYTES_MAX });
        }
        let (fields, files) = (document.fields.len(), document.files.len());
        let (mut body, mut answer) = (Some((source.clone(), path)), None);
        let (mut operation, mut url) = (Operation::ChatCompletions, None);
        let mut beside = Facts::default();
        if let Some(envelope) = self.lines.envelope() {
            document = self.read_part(envelope, document, (source.clone(), path))?;
            beside = alone(&mut document);
            url = beside.url.take();
            let id = beside.id.take();
            *name = id.filter(|id| Form::Word.admits_text(id)).map(Into::into);
            answer = beside.answer.take();
            body = document.inner.pop();
            operation = self.lines.operation(at, url.as_deref(), body.is_some())?;
        }
        if let Some(part) = body.clone() {
            let map = machine(operation, self.lines.direction()).ok_or(ReadError::NotStreamed)?;
            document = self.read_part(map, document, part)?;
        }
        let mut facts = Facts { url, ..alone(&mut document) };
        // What stands beside the message may offer it tools, and lengthen its answers, all the same.
        facts.tools.append(&mut beside.tools);
        facts.output_tokens_unnamed = facts.output_tokens_unnamed.max(beside.output_tokens_unnamed);
        let member = Member {
            at,
            name: name.clone(),
            operation,
            fields: fields..document.fields.len(),
            files: files..document.files.len(),
            source,
            body: body.map(|(range, _)| range),
            answer,
            facts,
        };
        if matches!(self.lines, Lines::Requests | Lines::Messages) {
            self.lines.fits(&member, document.members.first())?;
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
        let all_max = fields_max.saturating_mul(MEMBERS_FIELDS_FACTOR);
        let fields_max = document.fields.len().saturating_add(fields_max).min(all_max);
        let limits = ReadLimits { fields_max, ..*self.limits };
        read_part(map, document, part, self.unknown, &limits)
    }
}

/// The facts of what was just read, which the next does not share.
fn alone<'a>(document: &mut Document<'a>) -> Facts<'a> {
    std::mem::replace(&mut document.facts, Facts { choices: 1, ..Facts::default() })
}

fn violation(at: MemberAt, member: &str, expected: &'static str) -> ReadError {
    ReadError::Violation { path: format!("{}.{member}", at.path()), expected }
}

/// The facts of all lines together: answers and tokens add up, of limits the largest counts. Tools are those that are offered
/// beside the lines; each line has its own.
fn summed<'a>(members: &[Member<'a>], beside: Facts<'a>) -> Facts<'a> {
    let first = members.first().map(|member| &member.facts);
    let answers = members.iter().map(|member| {
        let facts = &member.facts;
        facts.choices.max(1).saturating_mul(facts.prompts.max(1))
    });
    let limits = members.iter().map(|member| member.facts.output_tokens_max);
    let unnamed = members.iter().map(|member| member.facts.output_tokens_unnamed);
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
        output_tokens_unnamed: unnamed.fold(beside.output_tokens_unnamed, u64::max),
        tools: beside.tools,
        usage,
        ..Facts::default()
    }
}
