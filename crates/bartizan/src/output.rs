//! Everything that is printed: data to standard output, everything else to standard error.
//!
//! INVARIANT: standard output carries data only, so that it can be piped; a reader that goes away is
//! not an error. INVARIANT: colour and drawing characters appear on terminals only, and not under
//! `NO_COLOR` (<https://no-color.org>). INVARIANT: text from the record or from files is shown without
//! control characters, so that it cannot drive the terminal.

use std::borrow::Cow;
use std::io::{IsTerminal as _, Write};
use std::time::{Duration, Instant};

use miette::{GraphicalReportHandler, GraphicalTheme};
use serde::Serialize;

use crate::exit::{Failure, Problem};

/// How often progress is shown.
const PROGRESS_PAUSE: Duration = Duration::from_millis(200);

/// Standard output, buffered. Flushed by [`Output::finish`].
pub(crate) struct Output(std::io::BufWriter<std::io::Stdout>);

impl Output {
    pub(crate) fn new() -> Self {
        Self(std::io::BufWriter::new(std::io::stdout()))
    }

    /// One line of text.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Failure> {
        Ok(writeln!(self.0, "{text}")?)
    }

    /// Text as it is.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Failure> {
        Ok(self.0.write_all(text.as_bytes())?)
    }

    /// Lines that are whole already.
    pub(crate) fn bytes(&mut self, lines: &[u8]) -> Result<(), Failure> {
        Ok(self.0.write_all(lines)?)
    }

    /// One JSON value on one line.
    pub(crate) fn json_line(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.0, value).map_err(std::io::Error::from)?;
        self.line("")
    }

    /// One JSON value as it is, within a larger one.
    pub(crate) fn json_value(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        Ok(serde_json::to_writer(&mut self.0, value).map_err(std::io::Error::from)?)
    }

    /// One JSON value, indented, for a person or a program.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer_pretty(&mut self.0, value).map_err(std::io::Error::from)?;
        self.line("")
    }

    /// Sends what is buffered on its way, for readers that follow along.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.0.flush()?)
    }

    /// Writes out what is left.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.flush()
    }
}

/// Whether a person is watching standard output.
pub(crate) fn stdout_is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// A remark for the person, on standard error. Nothing is done if that fails: there is nowhere left
/// to complain.
pub(crate) fn note(text: &str) {
    let _nowhere_to_complain = writeln!(std::io::stderr(), "{text}").is_err();
}

/// Where long work has got to, on standard error, if a person is watching there and is not watching
/// the results themselves.
pub(crate) struct Progress {
    what: &'static str,
    shown_at: Option<Instant>,
}

impl Progress {
    /// Progress in `what`: `lines`.
    pub(crate) fn new(what: &'static str) -> Self {
        let is_watched = std::io::stderr().is_terminal() && !stdout_is_terminal();
        Self { what, shown_at: is_watched.then(Instant::now) }
    }

    /// So many are done.
    pub(crate) fn reached(&mut self, count: u64) {
        if let Some(shown_at) = self.shown_at.filter(|at| at.elapsed() >= PROGRESS_PAUSE) {
            self.shown_at = Some(shown_at + shown_at.elapsed());
            let _nowhere_to_complain =
                write!(std::io::stderr(), "\r{count} {} ", self.what).is_err();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown_at.is_some() {
            let _nowhere_to_complain = write!(std::io::stderr(), "\r\x1b[K").is_err();
        }
    }
}

/// A problem for the person, on standard error.
pub(crate) fn report(problem: &Problem) {
    note(&in_words(problem));
}

/// A problem as it is shown.
pub(crate) fn in_words(problem: &Problem) -> String {
    let mut text = String::new();
    let handler =
        GraphicalReportHandler::new_themed(theme()).with_links(false).with_wrap_lines(false);
    if handler.render_report(&mut text, problem).is_err() {
        text = format!("{problem}\n");
    }
    // The handler surrounds reports without a code with empty lines and trailing spaces.
    let lines = text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    lines.trim_matches('\n').to_owned()
}

fn theme() -> GraphicalTheme {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    match std::io::stderr().is_terminal() {
        true if plain => GraphicalTheme::unicode_nocolor(),
        true => GraphicalTheme::unicode(),
        false => GraphicalTheme::none(),
    }
}

/// Text that came from outside, made safe for a terminal and for one line of a table.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unprintable(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Control characters, and those that reorder or hide text (Unicode bidirectional controls).
fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A table whose columns are as wide as their widest cell. The last column is not padded.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(|cell| (*cell).to_owned()).collect()] }
    }

    /// A table without a line of headings.
    pub(crate) const fn headless() -> Self {
        Self { rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| printable(&cell).into_owned()).collect());
    }

    pub(crate) fn render(&self) -> String {
        let mut widths = Vec::new();
        for row in &self.rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', width - cell.chars().count() + 2));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_line_up() {
        let mut table = Table::new(&["ID", "NAME", "NOTE"]);
        table.row(["a".into(), "longer".into(), "é".into()]);
        table.row(["bcd".into(), String::new(), "\u{1b}[31mred".into()]);
        assert_eq!(
            table.render(),
            "ID   NAME    NOTE\na    longer  é\nbcd          \\u{1b}[31mred\n"
        );
    }

    #[test]
    fn what_could_drive_a_terminal_is_spelt_out() {
        assert_eq!(printable("a\u{202e}b\nc\u{7}"), "a\\u{202e}b\\u{a}c\\u{7}");
        assert!(matches!(printable("größer 好"), Cow::Borrowed(_)));
    }
}
