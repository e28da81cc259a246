//! How a guarded stream ends: as the upstream ends it, stopped by policy, broken off, or left by its client.
//!
//! INVARIANT: the first ending counts, and the exchange is closed with it once.

use events::Ending;
use wire::{Choices, ErrorShape, Notice, StreamReader};

use super::{Held, Machine};
use crate::refusal::Refusal;

impl Machine {
    /// A consequence stops the answer: what may still be sent, then the dialect's own ending.
    pub(super) fn block(&mut self, mut held: Held) {
        if self.operation.dialect().says_what_begins() {
            // The event that says it begins is not sent any more.
            held.retain(|(lane, _)| self.unfinished.contains(&lane.choice));
        }
        self.send_held(held);
        if self.guard.as_ref().is_some_and(|guard| guard.verdict.gave_up) {
            return self.fail("upstream_garbage");
        }
        let decision = self.guard.as_ref().and_then(|guard| guard.verdict.decision.as_ref());
        let code = decision.and_then(|decision| decision.reason.clone());
        let code = code.unwrap_or(std::borrow::Cow::Borrowed("policy_block"));
        let interaction = self.exchange.interaction().to_string();
        let open: Vec<u32> = self.unfinished.iter().copied().collect();
        let mut seen: Vec<u32> = self.choices.iter().copied().collect();
        if seen.is_empty() {
            // Clients look for the ending in the first choice, even of an answer that has none yet.
            seen.push(0);
        }
        let notice = Notice {
            code: &code,
            interaction: &interaction,
            message: "the answer was stopped by policy; if this is wrong, quote the interaction id",
        };
        let choices = Choices { open: &open, seen: &seen };
        let ending = wire::blocked_ending(self.operation, &self.envelope, choices, &notice);
        self.out.extend_from_slice(&ending);
        self.end(Ending::Blocked, Some(&code));
    }

    pub(super) fn upstream_ended(&mut self) {
        if self.unread {
            return self.end(Ending::Answered, None);
        }
        let dialect = self.operation.dialect();
        let reader = std::mem::replace(&mut self.reader, StreamReader::new(dialect.framing(), 0));
        let has_ended = if dialect.says_that_it_closes() {
            self.closed
        } else {
            // Some servers leave out `[DONE]`; a stream whose choices have all ended is whole without it.
            let may_just_end = !dialect.says_what_begins();
            may_just_end && !self.choices.is_empty() && self.unfinished.is_empty()
        };
        if reader.is_between_events() && has_ended {
            if self.may_end() {
                self.end(Ending::Answered, None);
            }
        } else {
            self.fail("upstream_truncated");
        }
    }

    /// The stream cannot go on: settled text only, then an error that clients notice.
    pub(super) fn fail(&mut self, code: &'static str) {
        let message = "the upstream's answer broke off; what was sent is incomplete";
        self.fail_as(&Refusal::upstream(code, message));
    }

    pub(super) fn fail_as(&mut self, refusal: &Refusal) {
        let interaction = self.exchange.interaction().to_string();
        let shape = ErrorShape {
            code: &refusal.code,
            interaction: Some(&interaction),
            kind: refusal.kind,
            message: &refusal.message,
            param: None,
            status: 0,
        };
        if self.unread {
            // The upstream may have broken off within an event.
            self.out.extend_from_slice(self.reader.closing());
        }
        self.out.extend_from_slice(&wire::error_event(self.operation.dialect(), &shape));
        self.end(refusal.ending, Some(&refusal.code));
    }

    pub(super) fn end(&mut self, ending: Ending, reason: Option<&str>) {
        self.ended.get_or_insert_with(|| (ending, reason.map(str::to_owned)));
    }

    /// Writes the close record of a stream that has ended, once.
    pub(super) fn close(&mut self) {
        self.take_verdict();
        if let Some((ending, reason)) = &self.ended {
            self.exchange.end(*ending, reason.as_deref());
        }
    }

    pub(super) fn take_verdict(&mut self) {
        if let Some(guard) = self.guard.take() {
            self.exchange.verdict(guard.verdict);
        }
        self.guards.extend(self.external.take_reports());
        self.exchange.guards(std::mem::take(&mut self.guards));
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // A client that left: what was found until then belongs to the record that the exchange,
        // dropped next, writes.
        self.take_verdict();
    }
}
