//! The items of a session by number, so that a lane of text can be told by one.
//!
//! INVARIANT: an id has one number as long as the session lasts; 0 is what belongs to no item.

use std::collections::HashMap;

use wire::Document;

/// Items of one session; more end it.
const ITEMS_MAX: usize = 1 << 16;

/// See the module.
#[derive(Default)]
pub(super) struct Items {
    numbers: HashMap<String, u32>,
    /// The response that an item was said to be of.
    responses: HashMap<u32, String>,
}

impl Items {
    /// Puts the text of an event on the lanes of its items; gives the item that the event itself is about. An error, if there
    /// are too many.
    pub(super) fn place(&mut self, document: &mut Document<'_>) -> Result<u32, TooMany> {
        let mut parts = Vec::with_capacity(document.items.len());
        for (id, fields) in &document.items {
            parts.push((self.number(id)?, fields.clone()));
        }
        for (index, field) in document.fields.iter_mut().enumerate() {
            // The inner stand before the outer.
            let part = parts.iter().find(|(_, fields)| fields.contains(&index));
            if let Some(lane) = field.lane.as_mut() {
                lane.choice = part.map_or(0, |(number, _)| *number);
            }
        }
        let about = match parts.as_slice() {
            [only] => only.0,
            // What is about several says so itself, last.
            [.., (number, fields)] if fields.start == 0 && parts.len() > 1 => *number,
            _ => 0,
        };
        Ok(about)
    }

    /// Notes whose item it is.
    pub(super) fn belongs(&mut self, item: u32, response: &str) {
        if item != 0 {
            self.responses.entry(item).or_insert_with(|| response.to_owned());
        }
    }

    /// The response that an item is of.
    pub(super) fn response(&self, item: u32) -> Option<&str> {
        self.responses.get(&item).map(String::as_str)
    }

    fn number(&mut self, id: &str) -> Result<u32, TooMany> {
        if let Some(number) = self.numbers.get(id) {
            return Ok(*number);
        }
        if self.numbers.len() >= ITEMS_MAX {
            return Err(TooMany);
        }
        let number = self.numbers.len() as u32 + 1;
        self.numbers.insert(id.to_owned(), number);
        Ok(number)
    }
}

/// There are more items than a session may have.
#[derive(Debug)]
pub(super) struct TooMany;

#[cfg(test)]
mod tests {
    use wire::{Operation, ReadLimits, UnknownFields, read_session_event};

    use super::*;

    fn placed(items: &mut Items, event: &str) -> (u32, Vec<u32>) {
        let limits = ReadLimits::default();
        let read = read_session_event(Operation::Realtime, event, UnknownFields::Scan, &limits);
        let mut document = read.expect("an event");
        let about = items.place(&mut document).expect("room");
        let lanes = document.fields.iter().filter_map(|field| field.lane);
        (about, lanes.map(|lane| lane.choice).collect())
    }

    #[test]
    fn an_item_has_one_number_wherever_it_is_named() {
        let mut items = Items::default();
        let delta = r#"{"type":"response.output_text.delta","item_id":"b","delta":"x"}"#;
        assert_eq!(placed(&mut items, delta), (1, vec![1]));
        let item = r#"{"type":"conversation.item.done","item":{"id":"a","content":[{"type":"output_text","text":"y"}]}}"#;
        assert_eq!(placed(&mut items, item), (2, vec![2]));
        let all = r#"{"type":"response.done","response":{"id":"r","output":[{"content":[{"text":"y"}],"id":"a"},{"id":"b","content":[{"text":"x"}]}]}}"#;
        assert_eq!(placed(&mut items, all), (0, vec![2, 1]));
        // The text and its key.
        let error = r#"{"type":"error","error":{"message":"m"}}"#;
        assert_eq!(placed(&mut items, error), (0, vec![0, 0]));
    }

    #[test]
    fn there_is_a_limit() {
        let mut items = Items::default();
        for number in 0..ITEMS_MAX {
            assert!(items.number(&number.to_string()).is_ok());
        }
        assert!(items.number("one more").is_err() && items.number("0").is_ok());
    }
}
