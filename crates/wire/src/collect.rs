//! What a reader puts into its document: fields, files, echoes, and the paths of what is unknown or not read.
//!
//! INVARIANT: what a message may have many of is limited before it is kept; only lists of paths for the record
//! are cut short instead.
//!
//! Not here: what is what (`reader`).

use std::borrow::Cow;
use std::ops::Range;

use events::Provenance;

use crate::document::{
    Echo, EchoOf, Embedded, Field, FilePart, Handle, HandleOf, Literal, Pending, REPORTED_PATHS_MAX,
};
use crate::error::ReadError;
use crate::form::Form;
use crate::frames::{Taken, path_of_member};
use crate::lane::{Channel, Lane};
use crate::machine::is_unknown;
use crate::members::MEMBERS;
use crate::path::PathId;
use crate::reader::Reader;
use crate::route::{Direction, Operation};
use crate::table::{Fact, Origin, Row, Rule};

const MEDIA_INLINE: &str = "opaque: inline media";

impl<'a> Reader<'a> {
    /// A value that is not looked into. Says what it is, if its place matters.
    pub(crate) fn whole(&mut self, row: &'static Row) -> Result<Option<Taken>, ReadError> {
        match row.rule {
            Rule::Denied(why) => Err(ReadError::Denied { path: self.path_here(), why }),
            Rule::Opaque(why) => {
                self.note_unscanned(why);
                Ok(None)
            }
            Rule::Echo(of, why) => {
                self.room_for(self.document.echoes.len())?;
                self.note_unscanned(why);
                Ok(Some(Taken::Echo(of)))
            }
            Rule::Message(_) => {
                let max = self.members_max;
                if self.document.inner.len() >= max {
                    return Err(ReadError::Limit { of: MEMBERS, max });
                }
                Ok(Some(Taken::Message))
            }
            _ => Ok(None),
        }
    }

    pub(crate) fn whole_scalar(
        &mut self,
        row: &'static Row,
        source: Range<usize>,
    ) -> Result<(), ReadError> {
        if let Some(taken) = self.whole(row)? {
            self.take(source, taken);
        }
        Ok(())
    }

    /// Keeps the place of a value that was taken whole.
    pub(crate) fn take(&mut self, source: Range<usize>, taken: Taken) {
        match taken {
            Taken::Echo(of) => self.echo(source, of),
            Taken::Message => {
                let path = self.here();
                self.document.inner.push((source, path));
            }
            Taken::Answer => self.document.facts.answer = Some(source),
            Taken::Written => {
                let written = &mut self.document.facts.written_bytes;
                *written = written.saturating_add(source.len() as u64);
            }
        }
    }

    fn echo(&mut self, source: Range<usize>, of: EchoOf) {
        // An empty list repeats nothing.
        if self.document.source.get(source.clone()) == Some("[]") {
            return;
        }
        self.document.echoes.push(Echo { source, choice: 0, part: 0, of });
    }

    /// The presence of an object. Says what it is, if its place matters.
    pub(crate) fn presence(&mut self, row: &'static Row) -> Result<Option<Taken>, ReadError> {
        if let Rule::Presence(Some(why)) = row.rule {
            self.note_unscanned(why);
        }
        match row.fact {
            Some(Fact::Answer) => return Ok(Some(Taken::Answer)),
            Some(Fact::Written) => return Ok(Some(Taken::Written)),
            Some(Fact::Error) => self.document.facts.error = true,
            // A tool without a name is called what stands for it.
            Some(Fact::Tool) => {
                let name = row.path.rsplit('.').next().unwrap_or_default();
                self.offer(name.into())?;
            }
            Some(Fact::NoTool) => {
                if let Some(scope) = self.scopes.last_mut() {
                    scope.tools_from = None;
                }
            }
            _ => {}
        }
        Ok(None)
    }

    pub(crate) fn field(
        &mut self,
        row: &'static Row,
        text: Cow<'a, str>,
        source: Range<usize>,
        literal: Literal,
    ) -> Result<(), ReadError> {
        if text.is_empty() {
            return Ok(());
        }
        self.room_for(self.document.fields.len())?;
        let (origin, channel, embedded) = match (row.rule, literal) {
            (Rule::Guarded { origin, channel, embedded, .. }, Literal::Text | Literal::Form(_)) => {
                (origin, channel, embedded)
            }
            (Rule::Guarded { origin, .. } | Rule::Media(origin), _) => {
                (origin, None, Embedded::Plain)
            }
            _ => (Origin::Participant, None, Embedded::Plain),
        };
        let (provenance, pending) = match row.rule {
            Rule::Attachment(_) if self.request => (Provenance::File, Pending::Source),
            Rule::Attachment(_) => (Provenance::Output, Pending::Source),
            _ => origin.provenance(),
        };
        let path = self.here();
        let position = self.frames.last().filter(|frame| !frame.object).map(|frame| frame.index);
        let is_unnamed = literal == Literal::Text && is_unknown(row);
        let channel = match (channel, position) {
            (Some(channel), Some(position)) => Some(channel.at(position)),
            (None, _) if is_unnamed => self.extension(path),
            (channel, _) => channel,
        };
        let lane = (!self.request).then(|| Lane {
            choice: 0,
            channel: channel.unwrap_or_else(|| Channel::Other(self.document.paths.hash(path))),
        });
        self.document.fields.push(Field {
            provenance,
            lane,
            text,
            source,
            embedded,
            literal,
            repeats: false,
            part_of: (literal != Literal::Key && row.is_piece()).then_some(0),
            path,
            pending,
        });
        Ok(())
    }

    /// The channel of text that no row names, if it stands where clients join what comes.
    fn extension(&mut self, path: PathId) -> Option<Channel> {
        let table = self.machine.table;
        if table.direction != Direction::Stream || table.operation != Operation::ChatCompletions {
            return None;
        }
        let hash = self.document.paths.hash(path);
        let rendered = self.document.paths.render(self.document.source, path);
        let (choice, below) = rendered.split_once("].delta.")?;
        if !choice.strip_prefix("choices[")?.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        self.document.facts.extensions.push((hash, below.to_owned()));
        Some(Channel::Extension(hash, 0))
    }

    /// A file in a request; what is inline in an answer is not opened.
    pub(crate) fn file(&mut self, row: &'static Row, value: Cow<'a, str>) -> Result<(), ReadError> {
        let is_media = matches!(row.rule, Rule::Media(_) | Rule::Attachment(_));
        let is_pending = matches!(row.rule, Rule::Attachment(_));
        let why = match row.rule {
            Rule::File(why) | Rule::Attachment(why) => why,
            _ => MEDIA_INLINE,
        };
        if !self.request {
            // What is plain text is read beside it.
            if !is_pending || Form::Base64.admits_text(&value) {
                self.note_unscanned(why);
            }
            return Ok(());
        }
        self.room_for(self.document.files.len())?;
        let (path, position) = (self.here(), self.document.fields.len());
        let declared = None;
        let file = FilePart { value, declared, is_pending, why, is_media, position, path };
        self.document.files.push(file);
        Ok(())
    }

    /// An id of something stored.
    pub(crate) fn handle(
        &mut self,
        id: Cow<'a, str>,
        source: Range<usize>,
        of: HandleOf,
    ) -> Result<(), ReadError> {
        if !id.is_empty() {
            self.room_for(self.document.handles.len())?;
            self.document.handles.push(Handle { source, id, of });
        }
        Ok(())
    }

    /// Whether one more of what a message has `count` of may be kept.
    pub(crate) const fn room_for(&self, count: usize) -> Result<(), ReadError> {
        if count < self.fields_max {
            Ok(())
        } else {
            Err(ReadError::Limit { of: "pieces of text", max: self.fields_max })
        }
    }

    pub(crate) fn note_unknown(&mut self) -> Result<(), ReadError> {
        if self.refuse_unknown {
            return Err(ReadError::UnknownField { path: self.path_here() });
        }
        if self.document.unknown.len() < REPORTED_PATHS_MAX {
            let path = self.here();
            self.document.unknown.push(path);
        }
        Ok(())
    }

    pub(crate) fn note_unscanned(&mut self, why: &'static str) {
        if let Some(array) = self.frames.last_mut().filter(|frame| !frame.object)
            && array.unscanned.replace(why) == Some(why)
        {
            return;
        }
        if self.document.unscanned.len() < REPORTED_PATHS_MAX {
            let path = self.here();
            self.document.unscanned.push((path, why));
        }
    }

    /// The path of the value that is read now.
    pub(crate) fn here(&mut self) -> PathId {
        path_of_member(&mut self.frames, &mut self.document.paths)
    }

    pub(crate) fn path_here(&mut self) -> String {
        let path = self.here();
        self.document.paths.render(self.document.source, path)
    }

    pub(crate) fn violation(&mut self, expected: &'static str) -> ReadError {
        ReadError::Violation { path: self.path_here(), expected }
    }
}
