//! Values of PDF (ISO 32000-1, 7.3).
//!
//! INVARIANT: a copy costs nothing and a key is found in logarithmic time, however large a value is.

use std::rc::Rc;

/// The number of an object; generations are not told apart.
pub(super) type Id = u32;

/// The entries of a dictionary, by key.
pub(super) type Entries = Rc<[(String, Value)]>;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Number(f64),
    Name(String),
    String(Vec<u8>),
    Array(Rc<[Value]>),
    Dictionary(Entries),
    /// A dictionary and the bytes of the file that follow it.
    Stream(Entries, (usize, usize)),
    Reference(Id),
    /// An operator, `true`, `false`.
    Word(String),
}

impl Value {
    pub(super) fn entries(&self) -> &[(String, Self)] {
        match self {
            Self::Dictionary(entries) | Self::Stream(entries, _) => entries,
            _ => &[],
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let entries = self.entries();
        let at = entries.partition_point(|(known, _)| known.as_str() < key);
        entries.get(at).filter(|(known, _)| known == key).map(|(_, value)| value)
    }

    pub(super) fn name(&self) -> Option<&str> {
        if let Self::Name(name) = self { Some(name) } else { None }
    }

    pub(super) fn array(&self) -> Option<&[Self]> {
        if let Self::Array(items) = self { Some(items) } else { None }
    }

    pub(super) fn string(&self) -> Option<&[u8]> {
        if let Self::String(bytes) = self { Some(bytes) } else { None }
    }

    pub(super) const fn reference(&self) -> Option<Id> {
        if let Self::Reference(id) = self { Some(*id) } else { None }
    }

    pub(super) const fn number(&self) -> Option<f64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }
}

/// A text string (ISO 32000-1, 7.9.2.2): UTF-16 or UTF-8 with a byte order mark, else a byte a character.
pub(super) fn text_string(bytes: &[u8]) -> String {
    match bytes {
        [0xfe, 0xff, ..] | [0xff, 0xfe, ..] | [0xef, 0xbb, 0xbf, ..] => {
            crate::markup::decoded(bytes).into_owned()
        }
        _ => bytes.iter().map(|byte| super::font::latin(*byte)).collect(),
    }
}
