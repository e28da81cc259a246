//! A page of tables, in Markdown: what an evaluation says, on a terminal and in the documentation.
//!
//! Not here: what is measured.

use crate::statistics::wilson;

/// The page, as it grows.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
}

impl Page {
    /// The page as it is.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// A paragraph, or a heading.
    pub(crate) fn say(&mut self, words: &str) {
        self.text.extend([words, "\n\n"]);
    }

    /// A table, and the paragraph that says what it shows.
    pub(crate) fn table(&mut self, words: &str, columns: &[&str], rows: &[Vec<String>]) {
        self.say(words);
        self.row(columns.iter().copied());
        self.row(columns.iter().map(|_| "---"));
        for row in rows {
            self.row(row.iter().map(String::as_str));
        }
        self.text.push('\n');
    }

    fn row<'a>(&mut self, cells: impl Iterator<Item = &'a str>) {
        self.text.push('|');
        for cell in cells {
            self.text.extend([" ", cell, " |"]);
        }
        self.text.push('\n');
    }
}

/// A share with its 95 % interval (Wilson).
pub(crate) fn share(hits: usize, all: usize) -> String {
    let (low, high) = wilson(hits, all);
    format!("{:.3} [{low:.3}, {high:.3}]", hits as f64 / all.max(1) as f64)
}
