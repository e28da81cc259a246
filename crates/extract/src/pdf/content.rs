//! Content streams (ISO 32000-1, 9.4): what a page shows, in the order of its operators.
//!
//! INVARIANT: a form that a page draws is read once per page, and forms are nested at most [`FORMS_DEPTH_MAX`] deep.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::document::Document;
use super::font::{Font, Widths};
use super::lexer::Lexer;
use super::pen::{Gap, Matrix, Pen};
use super::value::{Id, Value};
use crate::sink::Sink;

/// How deep forms may draw forms.
pub(super) const FORMS_DEPTH_MAX: usize = 8;
/// How far up the tree of pages resources are looked for.
const PARENTS_MAX: usize = 32;
/// The most operands of an operator, and the most saved states.
const OPERANDS_MAX: usize = 4096;
const SAVED_MAX: usize = 256;
/// Thousandths of the letter size that a gap between letters must have to be one between words.
const GAP_THOUSANDTHS: f64 = 180.0;
/// The size of letters that nothing was said about, in points.
const LETTERS_POINTS: f64 = 12.0;
/// Where more letters than these end is not guessed, if the font does not say how wide they are.
const GUESSED_LETTERS_MAX: usize = 3;
/// Points below which nobody reads.
const TINY_POINTS: f64 = 2.0;
/// From here on a colour is white.
const WHITE: f64 = 0.97;

/// What decides whether letters are seen.
#[derive(Clone, Copy, Debug)]
struct Look {
    is_white: bool,
    mode: f64,
    scale: f64,
}

impl Look {
    fn hidden(self, size: f64) -> Option<&'static str> {
        if matches!(self.mode as i64, 3 | 7) {
            Some("not drawn")
        } else if self.is_white {
            Some("white")
        } else if (size * self.scale).abs() < TINY_POINTS {
            Some("tiny")
        } else {
            None
        }
    }
}

/// Reads one page.
struct Page<'a> {
    name: &'a str,
    /// How all of it is hidden.
    all: Option<&'static str>,
    forms: HashSet<Id>,
}

/// What one content stream is in the middle of.
struct State {
    look: Look,
    pen: Pen,
    saved: Vec<(Look, Pen)>,
    /// The fonts of this stream, by the names it gives them.
    fonts: HashMap<String, Rc<Font>>,
    font: Option<Rc<Font>>,
}

pub(super) fn read_page(
    document: &mut Document<'_>,
    id: Id,
    name: &str,
    all: Option<&'static str>,
    sink: &mut Sink,
) {
    let Some(page) = document.object(id).cloned() else { return };
    let resources = inherited(document, &page, "Resources");
    let contents = match page.get("Contents") {
        Some(Value::Reference(id)) => match document.object(*id) {
            Some(Value::Array(items)) => items.iter().filter_map(Value::reference).collect(),
            _ => vec![*id],
        },
        Some(Value::Array(items)) => items.iter().filter_map(Value::reference).collect(),
        _ => Vec::new(),
    };
    // An operator may begin in one stream and end in the next.
    let (mut bytes, mut seen) = (Vec::new(), HashSet::new());
    for id in contents.into_iter().filter(|id| seen.insert(*id)) {
        if document.object(id).is_none_or(|value| !matches!(value, Value::Stream(..) | Value::Null))
        {
            sink.unread(name, "its content is missing");
        }
        if let Some(content) = document.stream(id, sink) {
            bytes.extend(content);
            bytes.push(b'\n');
        }
    }
    let mut page = Page { name, all, forms: HashSet::new() };
    page.read(document, &bytes, &resources, 0, sink);
    sink.line();
}

fn inherited(document: &Document<'_>, page: &Value, key: &str) -> Value {
    let mut node = page;
    for _ in 0..PARENTS_MAX {
        if let Some(value) = document.get(node, key) {
            return value.clone();
        }
        let Some(parent) = document.get(node, "Parent") else { break };
        node = parent;
    }
    Value::Null
}

impl Page<'_> {
    fn read(
        &mut self,
        document: &mut Document<'_>,
        bytes: &[u8],
        resources: &Value,
        depth: usize,
        sink: &mut Sink,
    ) {
        let look = Look { is_white: false, mode: 0.0, scale: 1.0 };
        let (pen, saved, fonts) = (Pen::new(LETTERS_POINTS), Vec::new(), HashMap::new());
        let mut state = State { look, pen, saved, fonts, font: None };
        let mut lexer = Lexer::new(bytes, 0, false);
        let mut operands: Vec<Value> = Vec::new();
        loop {
            lexer.skip_space();
            if lexer.peek(0).is_none() || sink.is_full() {
                return;
            }
            match lexer.value(0) {
                Some(Value::Word(operator)) => {
                    if operator == "ID" {
                        lexer.at = end_of_picture(bytes, lexer.at);
                    } else if operator == "Do" {
                        self.draw(document, &operands, resources, depth, sink);
                        state.pen.lose();
                    } else if operator == "Tf" {
                        Self::font(document, &operands, resources, &mut state, sink);
                    } else {
                        self.operator(&operator, &operands, &mut state, sink);
                    }
                    operands.clear();
                }
                Some(value) if operands.len() < OPERANDS_MAX => operands.push(value),
                Some(_) => {}
                None => lexer.at += 1,
            }
        }
    }

    fn operator(&self, operator: &str, operands: &[Value], state: &mut State, sink: &mut Sink) {
        let number = |at: usize| operands.get(at).and_then(Value::number).unwrap_or_default();
        let all_white = |light: bool| {
            let numbers = operands.iter().filter_map(Value::number);
            let mut numbers = numbers.peekable();
            numbers.peek().is_some()
                && numbers.all(|part| if light { part >= WHITE } else { part <= 1.0 - WHITE })
        };
        let matrix = || Matrix([0, 1, 2, 3, 4, 5].map(number));
        let pen = &mut state.pen;
        match operator {
            "q" if state.saved.len() < SAVED_MAX => state.saved.push((state.look, *pen)),
            "Q" => {
                if let Some((look, saved)) = state.saved.pop() {
                    state.look = look;
                    pen.restore(saved);
                }
            }
            "cm" => pen.transform(matrix()),
            "g" | "rg" => state.look.is_white = all_white(true),
            "k" => state.look.is_white = all_white(false),
            // In another colour space: four parts are inks, others are light.
            "sc" | "scn" => state.look.is_white = all_white(operands.len() != 4),
            "Tr" => state.look.mode = number(0),
            "Tc" => pen.letter_space = number(0),
            "Tw" => pen.word_space = number(0),
            "Tz" => pen.stretch = number(0),
            "TL" => pen.leading = number(0),
            "BT" => {
                state.look.scale = 1.0;
                pen.begin();
            }
            "Td" => pen.go(number(0), number(1)),
            "TD" => {
                pen.leading = -number(1);
                pen.go(number(0), number(1));
            }
            "T*" => next_line(pen, sink),
            "Tm" => {
                state.look.scale = number(3).hypot(number(2));
                pen.set(matrix());
            }
            "'" | "\"" => {
                next_line(pen, sink);
                self.show(operands.last(), state, sink);
            }
            "Tj" => self.show(operands.last(), state, sink),
            "TJ" => {
                for item in operands.last().and_then(Value::array).unwrap_or_default() {
                    match item.number() {
                        Some(gap) => {
                            state.pen.back(gap);
                            if gap < -GAP_THOUSANDTHS {
                                sink.space();
                            }
                        }
                        None => self.show(Some(item), state, sink),
                    }
                }
            }
            _ => {}
        }
    }

    fn show(&self, string: Option<&Value>, state: &mut State, sink: &mut Sink) {
        let Some(bytes) = string.and_then(Value::string).filter(|bytes| !bytes.is_empty()) else {
            return;
        };
        match state.pen.gap() {
            Gap::None => {}
            Gap::Space => sink.space(),
            Gap::Line => sink.line(),
        }
        sink.part(self.name, state.look.hidden(state.pen.size).or(self.all));
        let widths = if let Some(font) = &state.font {
            match font.text(bytes) {
                Some(text) => sink.push(&text),
                None => sink.unread(self.name, "a font has no map to characters"),
            }
            font.widths(bytes)
        } else {
            sink.push(&super::value::text_string(bytes));
            Widths::guessed(bytes)
        };
        let spaces = memchr::memchr_iter(b' ', bytes).count();
        let is_vague = widths.is_guessed && widths.letters > GUESSED_LETTERS_MAX;
        state.pen.shown(widths.ems, widths.letters, spaces, is_vague);
    }

    fn font(
        document: &mut Document<'_>,
        operands: &[Value],
        resources: &Value,
        state: &mut State,
        sink: &mut Sink,
    ) {
        let Some(name) = operands.first().and_then(Value::name) else { return };
        state.pen.size = operands.get(1).and_then(Value::number).unwrap_or(state.pen.size);
        if !state.fonts.contains_key(name) {
            let fonts = document.get(resources, "Font");
            let Some(entry) = fonts.and_then(|fonts| fonts.get(name)).cloned() else {
                state.font = None;
                return;
            };
            state.fonts.insert(name.to_owned(), document.font(&entry, sink));
        }
        state.font = state.fonts.get(name).cloned();
    }

    /// Draws a form; pictures are no text.
    fn draw(
        &mut self,
        document: &mut Document<'_>,
        operands: &[Value],
        resources: &Value,
        depth: usize,
        sink: &mut Sink,
    ) {
        let name = operands.first().and_then(Value::name).unwrap_or_default();
        let objects = document.get(resources, "XObject");
        let Some(id) = objects.and_then(|objects| objects.get(name)).and_then(Value::reference)
        else {
            return;
        };
        let Some(object) = document.object(id) else { return };
        match object.get("Subtype").and_then(Value::name) {
            Some("Image") => sink.opaque(&format!("{}: a picture", self.name)),
            Some("Form") if depth >= FORMS_DEPTH_MAX => {
                sink.limit(&format!("{}: a form in too many forms", self.name), "forms_depth_max");
            }
            Some("Form") if self.forms.insert(id) => {
                let own = document.get(object, "Resources").cloned();
                let Some(bytes) = document.stream(id, sink) else { return };
                self.read(document, &bytes, own.as_ref().unwrap_or(resources), depth + 1, sink);
            }
            _ => {}
        }
    }
}

/// `T*`.
fn next_line(pen: &mut Pen, sink: &mut Sink) {
    pen.go(0.0, -pen.leading);
    sink.line();
}

/// Where a picture inside the stream ends.
fn end_of_picture(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    memchr::memmem::find(rest, b"EI").map_or(bytes.len(), |at| from + at + 2)
}
