//! What the fake upstream does with a request, named in the request itself.
//!
//! The name is the `model`, because every gateway forwards it: `fake-` and a [`Kind`], then any
//! modifiers, each after a `+`:
//!
//! | modifier | effect |
//! |---|---|
//! | `token`, `words`, `whole`, `adversarial` | how text is split into deltas ([`Split`]) |
//! | `cut1`, `cut-random-<seed>`, `cut-utf8`, `cut-chunk`, `cut-whole` | where bytes are cut ([`Cut`]) |
//! | `pace-<ms>` | wait between events |
//! | `delay-<ms>` | wait before answering |
//! | `deltas-<n>` | number of deltas of `slow`, kilobytes of `long` |
//! | `ascii` | non-ASCII characters as `\uXXXX` |
//! | `chunked` | an unstreamed body in chunks, instead of with a length |
//! | `crlf`, `cr` | the line ends of the stream |
//! | `comments` | comment lines between events |
//! | `close` | the connection closes after the answer |
//! | `tag-<text>` | nothing; makes the request's model its own |
//!
//! `[[fake-tools+token]]` in the last user message does the same and wins; it is not echoed. Any
//! other model gets the upstream's default scenario.
//!
//! INVARIANT: a name that is not understood is refused, never guessed at.

use std::str::FromStr;
use std::time::Duration;

use crate::Cut;

/// Longest wait a scenario may ask for, in milliseconds.
const WAIT_MS_MAX: u64 = 60_000;
/// Most deltas (or kilobytes) a scenario may ask for.
const DELTAS_MAX: u32 = 100_000;

/// What the answer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// The text of the last user message.
    #[default]
    Echo,
    /// A tool call whose arguments hold the prompt.
    Tools,
    /// Two tool calls, their deltas interleaved, after some text.
    TwoTools,
    /// Two choices whatever the request says.
    N2,
    /// Personal data that the caller never sent, in text and in tool arguments.
    Pii,
    /// Forty deltas, fifty milliseconds apart, that begin with the prompt.
    Slow,
    /// 256 KiB of text.
    Long,
    /// `reasoning_content` with the prompt, then text with the prompt.
    Reasoning,
    /// Text with `logprobs`.
    Logprobs,
    /// A `refusal` instead of content.
    Refusal,
    /// A legacy `function_call` whose arguments hold the prompt.
    Function,
    /// Stops with `finish_reason: "length"`.
    Length,
    /// The `instructions` of a response, which nobody should hear.
    Leak,
    /// No choices and no text: an empty answer.
    Empty,
    /// The connection is reset in the middle of the body.
    Reset,
    /// The connection is reset before any answer.
    ResetEarly,
    /// The connection closes in the middle of the body, in good order.
    Truncate,
    /// The stream ends without `[DONE]` and without a finish reason.
    NoDone,
    /// Bytes that are not HTTP.
    Garbage,
    /// 200 and `application/json`, with a body that is not JSON.
    GarbageJson,
    /// 200 and a page of HTML.
    Html,
    /// A stream with an event that is not JSON.
    InvalidSse,
    /// A stream, or a body, with bytes that are not UTF-8.
    InvalidUtf8,
    /// A stream, or a body, with an object that has the same key twice.
    DuplicateKeys,
    /// A stream with an `error` event in the middle.
    ErrorEvent,
    /// 400 `invalid_request_error`, its message quoting the prompt.
    Error400,
    /// 401 `invalid_api_key`.
    Error401,
    /// 429 with `retry-after`.
    Error429,
    /// 500 `server_error`.
    Error500,
    /// 503 with a body that is not JSON.
    Error503,
    /// Never answers.
    Hang,
    /// Answers with the first events, and never goes on.
    HangStream,
    /// 302 to another place.
    Redirect,
    /// A body in gzip that nobody asked for.
    Gzip,
    /// A response head of 128 KiB.
    HugeHead,
    /// A stream whose first event never ends, until 64 MiB.
    EndlessEvent,
}

impl Kind {
    /// Every kind and its name after `fake-`.
    pub const ALL: [(&'static str, Self); 36] = [
        ("echo", Self::Echo),
        ("tools", Self::Tools),
        ("two-tools", Self::TwoTools),
        ("n2", Self::N2),
        ("pii", Self::Pii),
        ("slow", Self::Slow),
        ("long", Self::Long),
        ("reasoning", Self::Reasoning),
        ("logprobs", Self::Logprobs),
        ("refusal", Self::Refusal),
        ("function", Self::Function),
        ("length", Self::Length),
        ("leak", Self::Leak),
        ("empty", Self::Empty),
        ("reset", Self::Reset),
        ("reset-early", Self::ResetEarly),
        ("truncate", Self::Truncate),
        ("no-done", Self::NoDone),
        ("garbage", Self::Garbage),
        ("garbage-json", Self::GarbageJson),
        ("html", Self::Html),
        ("invalid-sse", Self::InvalidSse),
        ("invalid-utf8", Self::InvalidUtf8),
        ("duplicate-keys", Self::DuplicateKeys),
        ("error-event", Self::ErrorEvent),
        ("400", Self::Error400),
        ("401", Self::Error401),
        ("429", Self::Error429),
        ("500", Self::Error500),
        ("503", Self::Error503),
        ("hang", Self::Hang),
        ("hang-stream", Self::HangStream),
        ("redirect", Self::Redirect),
        ("gzip", Self::Gzip),
        ("huge-head", Self::HugeHead),
        ("endless-event", Self::EndlessEvent),
    ];
}

/// How a text is split into deltas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Split {
    /// A word with the space before it, as tokenisers mostly do.
    #[default]
    Words,
    /// One to three characters.
    Tokens,
    /// One delta.
    Whole,
    /// After the first and before the last character of every word, and around `@`, `.` and `-`.
    Adversarial,
}

/// The line ends of a stream (the SSE standard allows three).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Newline {
    /// `\n`, as OpenAI sends.
    #[default]
    Lf,
    /// `\r\n`.
    CrLf,
    /// `\r`.
    Cr,
}

impl Newline {
    /// The bytes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lf => "\n",
            Self::CrLf => "\r\n",
            Self::Cr => "\r",
        }
    }
}

/// What the fake upstream does with one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a test, independent of each other")]
pub struct Scenario {
    /// What the answer is.
    pub kind: Kind,
    /// How text is split into deltas; `None` is the kind's own way.
    pub split: Option<Split>,
    /// Where bytes are cut.
    pub cut: Cut,
    /// Wait between events; `None` is the kind's own.
    pub pace: Option<Duration>,
    /// Wait before the answer.
    pub delay: Duration,
    /// Deltas of `slow`, kilobytes of `long`; `None` is the kind's own.
    pub deltas: Option<u32>,
    /// Non-ASCII characters as `\uXXXX`.
    pub ascii: bool,
    /// An unstreamed body in chunks.
    pub chunked: bool,
    /// Line ends of the stream.
    pub newline: Newline,
    /// Comment lines between events.
    pub comments: bool,
    /// The connection closes after the answer.
    pub close: bool,
}

/// A scenario's name was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no scenario has the part `{part}`; it is `fake-<kind>[+modifier…]`, see `/v1/models`")]
pub struct UnknownScenario {
    /// What was not understood.
    pub part: String,
}

impl FromStr for Scenario {
    type Err = UnknownScenario;

    fn from_str(name: &str) -> Result<Self, UnknownScenario> {
        let mut parts = name.split('+');
        let kind = parts.next().unwrap_or_default();
        let unknown = |part: &str| UnknownScenario { part: part.to_owned() };
        let mut scenario = Self {
            kind: kind
                .strip_prefix("fake-")
                .and_then(|kind| Kind::ALL.iter().find(|(name, _)| *name == kind))
                .map(|(_, kind)| *kind)
                .ok_or_else(|| unknown(kind))?,
            ..Self::default()
        };
        for part in parts {
            scenario.modify(part).ok_or_else(|| unknown(part))?;
        }
        Ok(scenario)
    }
}

impl Scenario {
    fn modify(&mut self, part: &str) -> Option<()> {
        let number =
            |prefix: &str| part.strip_prefix(prefix).and_then(|digits| digits.parse().ok());
        match part {
            "token" => self.split = Some(Split::Tokens),
            "words" => self.split = Some(Split::Words),
            "whole" => self.split = Some(Split::Whole),
            "adversarial" => self.split = Some(Split::Adversarial),
            "cut1" => self.cut = Cut::Byte,
            "cut-utf8" => self.cut = Cut::CodePoints,
            "cut-chunk" => self.cut = Cut::ChunkHeaders,
            "cut-whole" => self.cut = Cut::Whole,
            "ascii" => self.ascii = true,
            "chunked" => self.chunked = true,
            "crlf" => self.newline = Newline::CrLf,
            "cr" => self.newline = Newline::Cr,
            "comments" => self.comments = true,
            "close" => self.close = true,
            tag if tag.starts_with("tag-") => {}
            _ => {
                if let Some(seed) = number("cut-random-") {
                    self.cut = Cut::Random(seed);
                } else if let Some(pace) = number("pace-") {
                    self.pace = Some(Duration::from_millis(pace.min(WAIT_MS_MAX)));
                } else if let Some(delay) = number("delay-") {
                    self.delay = Duration::from_millis(delay.min(WAIT_MS_MAX));
                } else {
                    self.deltas = Some((number("deltas-")? as u32).min(DELTAS_MAX));
                }
            }
        }
        Some(())
    }

    /// `name` without what only concerns the way to the wire, so that the answer's bytes do not say
    /// how they were cut.
    pub(crate) fn served_name(name: &str) -> String {
        let on_the_way = ["cut", "pace-", "delay-", "chunked", "close", "tag-"];
        let kept =
            name.split('+').filter(|part| !on_the_way.iter().any(|way| part.starts_with(way)));
        kept.collect::<Vec<_>>().join("+")
    }

    /// How text is split, when all is said.
    pub(crate) fn split(&self) -> Split {
        self.split.unwrap_or(match self.kind {
            Kind::Pii => Split::Adversarial,
            _ => Split::Words,
        })
    }

    /// Wait between events, when all is said.
    pub(crate) fn pace(&self) -> Duration {
        self.pace.unwrap_or(match self.kind {
            Kind::Slow => Duration::from_millis(50),
            _ => Duration::ZERO,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_happens() {
        let scenario: Scenario = "fake-two-tools+token+cut-random-7+pace-5".parse().unwrap();
        assert_eq!(scenario.kind, Kind::TwoTools);
        assert_eq!(scenario.split, Some(Split::Tokens));
        assert_eq!(scenario.cut, Cut::Random(7));
        assert_eq!(scenario.pace, Some(Duration::from_millis(5)));
    }

    #[test]
    fn other_names_are_refused_with_the_part_that_is_wrong() {
        for (name, part) in [("gpt-4o", "gpt-4o"), ("fake-echo+cutt1", "cutt1"), ("fake-", "fake-")]
        {
            let error = name.parse::<Scenario>().unwrap_err();
            assert_eq!(error.part, part);
        }
    }

    #[test]
    fn waits_and_sizes_are_bounded() {
        let scenario: Scenario = "fake-slow+pace-99999999+deltas-4000000000".parse().unwrap();
        assert_eq!(scenario.pace, Some(Duration::from_millis(WAIT_MS_MAX)));
        assert_eq!(scenario.deltas, Some(DELTAS_MAX));
    }
}
