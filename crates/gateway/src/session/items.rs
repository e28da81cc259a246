//! The items of a session by number, so that a lane of text can be told by one, and whose they are.
//!
//! INVARIANT: an id has one number as long as the session lasts; 0 is what belongs to no item. INVARIANT: what is said of an
//! item is told under one record, as long as its response lasts: two would each hold half of a text, and find nothing in it.

use std::{collections::HashMap, sync::Arc};

use wire::{Channel, Delivery, Document, Field};

/// Items of one session; more end it.
const ITEMS_MAX: usize = 1 << 16;
/// What is kept of an item beside its id, about.
const ITEM_BYTES: usize = 96;

/// See the module.
#[derive(Default)]
pub(super) struct Items {
    id_bytes: usize,
    numbers: HashMap<String, u32>,
    /// Whose an item is: of a response, or the session's own.
    owners: HashMap<u32, Option<Arc<str>>>,
}

/// What an event says beside its texts.
pub(super) struct Said<'e> {
    /// The item that it is about.
    pub(super) about: u32,
    /// Whether it says sound.
    pub(super) is_sound: bool,
    /// The response that it names.
    pub(super) response: Option<&'e str>,
}

impl Items {
    /// Puts the text of an event on the lanes of its items; gives the item that the event itself is about. An error, if there
    /// are too many.
    pub(super) fn place(&mut self, document: &mut Document<'_>) -> Result<u32, TooMany> {
        let mut numbers = Vec::with_capacity(document.items.len());
        for item in &document.items {
            numbers.push(self.number(&item.id)?);
        }
        let items = || document.items.iter().zip(&numbers);
        // The inner stand before the outer.
        for (index, field) in document.fields.iter_mut().enumerate() {
            let item = items().find(|(item, _)| item.fields.contains(&index));
            if let Some(lane) = field.lane.as_mut() {
                lane.choice = item.map_or(0, |(_, number)| *number);
            }
        }
        for (index, echo) in document.echoes.iter_mut().enumerate() {
            let item = items().find(|(item, _)| item.echoes.contains(&index));
            echo.choice = item.map_or(0, |(_, number)| *number);
        }
        let about = match (document.items.as_slice(), numbers.as_slice()) {
            ([_], [only]) => *only,
            // What is about several says so itself, last.
            ([.., item], [.., number]) if item.fields.start == 0 && numbers.len() > 1 => *number,
            _ => 0,
        };
        Ok(about)
    }

    /// The response that an event is told under, of those that are open; nothing, if it is told under the session's own
    /// record. An error, if what it says does not belong where it says it.
    pub(super) fn told_under(
        &mut self,
        document: &Document<'_>,
        said: &Said<'_>,
        is_open: impl Fn(&str) -> bool,
    ) -> Result<Option<Arc<str>>, Misplaced> {
        let is_text = |field: &Field<'_>| {
            field.lane.is_some_and(|lane| lane.channel.delivery() == Delivery::Incremental)
        };
        // What the user said is transcribed beside all responses.
        let is_of_model = |field: &Field<'_>| {
            is_text(field)
                && field
                    .lane
                    .is_some_and(|lane| !matches!(lane.channel, Channel::InputTranscript(_)))
        };
        let open = |id: &&str| is_open(id);
        let owner = self.owners.get(&said.about).cloned().flatten();
        let under = match said.response {
            Some(id) => {
                let says = said.is_sound || document.fields.iter().any(is_text);
                if says && !is_open(id) {
                    return Err(Misplaced);
                }
                Some(id).filter(open).map(Arc::from)
            }
            None => owner.filter(|id| is_open(id)),
        };
        let has_pieces =
            said.is_sound || document.fields.iter().any(|one| is_of_model(one) && !one.repeats);
        if under.is_none() && has_pieces {
            return Err(Misplaced);
        }
        for item in &document.items {
            let fields = document.fields.get(item.fields.clone()).unwrap_or_default();
            let Some(number) = self.numbers.get(&*item.id) else { continue };
            match self.owners.get(number) {
                None if under.is_some() || fields.iter().any(is_text) => {
                    self.owners.insert(*number, under.clone());
                }
                // What belongs to a response is read back when that is over.
                Some(Some(owner)) if under.is_none() && !is_open(owner) => {}
                Some(owner) if *owner != under => return Err(Misplaced),
                _ => {}
            }
        }
        Ok(under)
    }

    /// Bytes that it takes, about.
    pub(super) fn bytes(&self) -> usize {
        self.id_bytes + self.numbers.len() * ITEM_BYTES
    }

    fn number(&mut self, id: &str) -> Result<u32, TooMany> {
        if let Some(number) = self.numbers.get(id) {
            return Ok(*number);
        }
        if self.numbers.len() >= ITEMS_MAX {
            return Err(TooMany);
        }
        let number = self.numbers.len() as u32 + 1;
        self.id_bytes += id.len();
        self.numbers.insert(id.to_owned(), number);
        Ok(number)
    }
}

/// There are more items than a session may have.
#[derive(Debug)]
pub(super) struct TooMany;

/// A text of an item is said where it does not belong.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misplaced;

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
    fn sound_in_a_part_is_of_its_item_and_its_part() {
        let mut items = Items::default();
        let event = r#"{"type":"response.done","response":{"id":"r","output":[{"id":"a","content":[]},
            {"content":[{"text":"y"},{"audio":"UklGRg==","transcript":"z"}],"id":"b"}]}}"#;
        let limits = ReadLimits::default();
        let read = read_session_event(Operation::Realtime, event, UnknownFields::Scan, &limits);
        let mut document = read.expect("an event");
        items.place(&mut document).expect("room");
        let echoes: Vec<_> = document.echoes.iter().map(|echo| (echo.choice, echo.part)).collect();
        assert_eq!(echoes, [(2, 1)]);
    }

    /// Where events are told, one after the other, while `r` and `s` are open.
    fn told(items: &mut Items, event: &str) -> Result<Option<String>, Misplaced> {
        let limits = ReadLimits::default();
        let read = read_session_event(Operation::Realtime, event, UnknownFields::Scan, &limits);
        let mut document = read.expect("an event");
        let about = items.place(&mut document).expect("room");
        let response = document.facts.id.clone();
        let said = Said { about, is_sound: false, response: response.as_deref() };
        let under = items.told_under(&document, &said, |id| matches!(id, "r" | "s"));
        under.map(|under| under.map(|id| id.to_string()))
    }

    #[test]
    fn what_is_said_of_an_item_is_told_under_one_record() {
        let delta = |response: &str, item: &str| {
            format!(
                r#"{{"type":"response.output_text.delta",{response}"item_id":"{item}","delta":"x"}}"#
            )
        };
        let of = |id: &str| format!(r#""response_id":"{id}","#);
        let whole = |item: &str| {
            format!(
                r#"{{"type":"conversation.item.done","item":{{"id":"{item}","content":[{{"type":"output_text","text":"x"}}]}}}}"#
            )
        };
        let heard = |item: &str| {
            format!(
                r#"{{"type":"conversation.item.input_audio_transcription.delta","item_id":"{item}","delta":"x"}}"#
            )
        };
        let mut items = Items::default();
        let mut told = |event: &str| told(&mut items, event);
        let under = |id: &str| Ok(Some(id.to_owned()));
        assert_eq!(told(&delta(&of("r"), "a")), under("r"));
        assert_eq!(told(&delta("", "a")), under("r"), "it is known whose it is");
        assert_eq!(told(&whole("a")), under("r"));
        assert_eq!(told(&delta(&of("s"), "a")), Err(Misplaced), "of another response");
        assert_eq!(told(&delta(&of("t"), "b")), Err(Misplaced), "of one that was not announced");
        assert_eq!(told(&delta("", "c")), Err(Misplaced), "of none");
        assert_eq!(told(&heard("d")), Ok(None));
        assert_eq!(told(&whole("e")), Ok(None));
        assert_eq!(told(&delta(&of("r"), "e")), Err(Misplaced), "it was the session's");
        let done = r#"{"type":"response.done","response":{"id":"s","output":[{"id":"a","content":[{"text":"y"}]}]}}"#;
        assert_eq!(told(done), Err(Misplaced), "of another response, whole");
        let empty = r#"{"type":"conversation.item.added","item":{"id":"f","content":[]}}"#;
        assert_eq!(told(empty), Ok(None));
        assert_eq!(told(&delta(&of("r"), "f")), under("r"), "nothing was said of it before");
    }

    #[test]
    fn there_is_a_limit() {
        let mut items = Items::default();
        for number in 0..ITEMS_MAX {
            assert!(items.number(&number.to_string()).is_ok());
        }
        assert!(items.number("one more").is_err() && items.number("0").is_ok());
        assert!(items.bytes() > ITEMS_MAX * ITEM_BYTES);
    }
}
