//! The requests the load is made of: ordinary prompts, each with its own numbers.
//!
//! INVARIANT: no two requests of a run have the same text, and all of one size have the same length.
//!
//! Not here: attacks. What they cost is measured where they are detected.

/// Digits of the number that makes a request its own.
const DIGITS: usize = 10;
/// Where a number goes in a text.
const PLACE: &str = "##########";

/// What a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Content {
    /// About 0.9 KB of ordinary prose: what the fastest open rival was measured with.
    Kb09,
    /// About 1 KB of ordinary prose.
    Kb1,
    /// About 8 KB of ordinary prose.
    Kb8,
    /// About 8 KB of prose with a dozen pieces of personal data.
    Kb8Personal,
}

impl Content {
    /// As the report calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kb09 => "0.9 KB",
            Self::Kb1 => "1 KB",
            Self::Kb8 => "8 KB",
            Self::Kb8Personal => "8 KB, personal data",
        }
    }

    const fn bytes(self) -> usize {
        match self {
            Self::Kb09 => 900,
            Self::Kb1 => 1024,
            Self::Kb8 | Self::Kb8Personal => 8192,
        }
    }
}

/// What somebody wants of a request beside the message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manners {
    /// Lines of the head, each with its end.
    pub(crate) headers: String,
}

impl Manners {
    /// A bearer token.
    pub(crate) fn bearer(key: &str) -> Self {
        Self { headers: format!("authorization: Bearer {key}\r\n") }
    }
}

/// A request that only needs its number.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    bytes: Vec<u8>,
    places: Vec<usize>,
}

impl Template {
    /// The whole HTTP request, head and body.
    pub(crate) fn new(
        content: Content,
        is_streamed: bool,
        is_slow: bool,
        host: &str,
        manners: &Manners,
    ) -> Self {
        let model = if is_slow { "mock-after5" } else { "mock" };
        let head = format!(r#"{{"model":"{model}","stream":{is_streamed},"messages":"#);
        let system = "You are a careful assistant of a small travel agency. Answer briefly.";
        let mut text = format!("Request {PLACE}. ");
        let mut paragraph = 0;
        let frame = head.len() + system.len() + 80;
        while text.len() + frame < content.bytes() {
            if content == Content::Kb8Personal {
                text.push_str(PERSONAL.get(paragraph % PERSONAL.len()).unwrap_or(&""));
            }
            text.push_str(PARAGRAPHS.get(paragraph % PARAGRAPHS.len()).unwrap_or(&""));
            text.push_str(&format_number(paragraph));
            paragraph += 1;
        }
        text.truncate(content.bytes().saturating_sub(frame).max(DIGITS + 12));
        let messages = serde_json::json!([
            { "role": "system", "content": system },
            { "role": "user", "content": text },
        ]);
        let body = format!("{head}{messages}}}");
        let headers = &manners.headers;
        let whole = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\n{headers}user-agent: bench\r\naccept: */*\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let places = whole.match_indices(PLACE).map(|(at, _)| at).collect();
        Self { bytes: whole.into_bytes(), places }
    }

    /// The request's bytes, with `number` in every place.
    pub(crate) fn with(&mut self, number: u64) -> &[u8] {
        let digits = format!("{number:0DIGITS$}");
        for place in &self.places {
            if let Some(target) = self.bytes.get_mut(*place..*place + DIGITS) {
                target.copy_from_slice(digits.as_bytes());
            }
        }
        &self.bytes
    }
}

/// A sentence that makes every paragraph differ between requests.
fn format_number(paragraph: usize) -> String {
    format!("That was note {} of file {PLACE}. ", paragraph + 1)
}

const PERSONAL: [&str; 6] = [
    "Write to anna.lindqvist.##########@example.org about this. ",
    "Her card is 4111 1111 1111 1111 and it runs until May. ",
    "The refund goes to DE89 3704 0044 0532 0130 00 as before. ",
    "Call +44 20 7946 0958 between nine and five, please. ",
    "The form still shows 512-34-8765 as the number of the guest. ",
    "The booking came from 203.0.113.77 late in the evening. ",
];

const PARAGRAPHS: [&str; 12] = [
    "We would like to spend four days on the coast in early June, two adults and a child of nine. The child likes boats and gets bored in museums after half an hour, so please plan short visits and long walks. We travel by train and do not want to rent a car unless there is no other way to reach the lighthouse. A kitchen in the flat would help, since one of us cannot eat wheat. ",
    "Last year the harbour hotel gave us a room above the bakery, and the smell of bread woke us at five every morning. It was lovely on the first day and hard on the fourth. If the same house is offered again, please ask for the courtyard side. The breakfast itself was excellent, and the owner lent us an umbrella that we still have and intend to bring back. ",
    "The ferry timetable on the website seems to be the one for winter. Could you find out whether the noon crossing runs on Sundays, and how early one has to be there with bicycles? On the island we only need half a day: the path to the northern cliffs, a picnic, and the small shop that sells wool. If the weather is bad we will move that trip to the last morning. ",
    "Please compare three ways of getting from the airport to the old town with heavy luggage: the tram with one change, the direct bus that stops at midnight, and a shared taxi. We land at ten in the evening if the flight is on time, which it rarely is. A short table with price, duration and the number of stairs would be the most useful form of an answer. ",
    "My mother will join us for the second half. She walks slowly but likes to walk, and she has seen most of the famous churches already. What she has not seen is a working watermill, and there is supposed to be one about an hour inland. Is it open on weekdays, can one buy flour there, and is there a place nearby where one can sit in the shade and eat a simple lunch? ",
    "For the report to the club I need a summary of the trip in plain words, not more than two hundred of them. Begin with the weather, because that is what everybody asks about. Mention that the railway replaced two bridges and that the journey therefore took longer. Leave out the business with the lost suitcase; it was found the next day, and nobody was to blame. ",
    "The garden behind the flat is shared with the neighbours, who keep two hens and a very old dog. The dog sleeps on the steps and does not move for anyone, so one has to step over it. Children are welcome to feed the hens in the morning. The key to the garden gate hangs beside the stove, and it sticks a little; pull it towards you while turning, and it opens easily. ",
    "Could you draft a friendly letter to the landlord? The tap in the bathroom drips, one of the windows does not close, and the washing machine walks across the floor when it spins. None of this is urgent, but the nights are getting colder. He has always been helpful, so the tone should be warm, and it would be good to offer two dates on which somebody will be at home. ",
    "On the way back we have three hours between trains in the capital. That is too short for the gallery and too long for the station. A friend suggested the botanical garden, which is two stops away and has a greenhouse with orchids. Is there a place to leave our bags, does the garden charge an entrance fee, and where could we buy something for supper on the train? ",
    "The recipe we were given for the fish soup begins with the bones, which are simmered for twenty minutes and no longer, because otherwise the broth turns bitter. Then come fennel, a little orange peel, and tomatoes without their skins. The fish goes in at the very end. We would like to cook it for eight people; please work out the quantities and what to buy a day ahead. ",
    "Our youngest has to write about a lighthouse for school. Explain in simple words how the lamp and the lens work together, why every lighthouse has its own rhythm of flashes, and what the keepers did on foggy days before there were radios. A drawing is not needed, but a comparison with something from daily life would help, for example a torch or a magnifying glass. ",
    "Finally, a question about money. We paid the deposit in spring by transfer, and the rest is due two weeks before arrival. If one of us falls ill, can the booking be moved to autumn, and what would that cost? The terms mention a fee, but they also say that it is waived when another guest takes the room. We would be glad of an honest opinion rather than of the small print. ",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_their_size_and_their_number() {
        for content in [Content::Kb09, Content::Kb1, Content::Kb8, Content::Kb8Personal] {
            let mut template = Template::new(content, true, false, "h", &Manners::bearer("k"));
            let first = template.with(1).to_vec();
            let second = template.with(2).to_vec();
            assert_ne!(first, second);
            assert_eq!(first.len(), second.len());
            let text = String::from_utf8(first).unwrap();
            let (_, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(body.len().abs_diff(content.bytes()) < 100, "{content:?} {}", body.len());
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(body["stream"], true);
            assert!(!text.contains(PLACE));
        }
    }
}
