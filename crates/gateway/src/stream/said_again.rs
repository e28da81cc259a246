//! Text that an upstream says again whole, after it was said in pieces.
//!
//! INVARIANT: what is said again is what the client was sent, whatever the upstream puts there.

use wire::{Delivery, Lane};

use super::{Held, Machine};
use crate::answer::Passed;
use crate::refusal::Refusal;

impl Machine {
    /// What the client has been sent of a lane that the upstream says again whole: what is still held leaves
    /// first. A lane that has never begun is judged now. `None` when that stopped the stream.
    pub(super) fn said_again(&mut self, lane: Lane, path: &str, text: &str) -> Option<String> {
        if !self.envelope.transcript.is_closed(lane) {
            let guard = self.guard.as_mut()?;
            let has_begun = self.envelope.transcript.text(lane).is_some();
            let passed =
                if has_begun { guard.finish(lane) } else { guard.push_last(lane, path, text) };
            match passed {
                Passed::Unchanged if has_begun => {}
                Passed::Unchanged => self.note(lane, text)?,
                Passed::Text(held) if has_begun => self.send_held(vec![(lane, held)]),
                Passed::Text(text) => self.note(lane, &text)?,
                Passed::Stopped(held) => {
                    self.block(if has_begun { vec![(lane, held)] } else { Held::new() });
                    return None;
                }
            }
            self.envelope.transcript.close(lane);
        }
        self.envelope.transcript.text(lane).map(str::to_owned)
    }

    /// Writes down what is sent on a lane, where it will be said again. `None` when there is no room for it.
    pub(super) fn note(&mut self, lane: Lane, text: &str) -> Option<()> {
        let is_kept = self.operation.repeats_itself()
            && lane.channel.delivery() == Delivery::Incremental
            && self.ended.is_none();
        if !is_kept {
            return Some(());
        }
        if !self.envelope.transcript.add(lane, text) {
            self.fail("upstream_answer_too_large");
            return None;
        }
        if self.bodies.cover(&mut self.share, self.envelope.transcript.bytes()).is_err() {
            self.fail_as(&Refusal::busy());
            return None;
        }
        Some(())
    }
}
