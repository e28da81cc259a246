//! Responses that a client has asked for and that the server has not begun, in the order in which they were asked for.
//!
//! A server says why it begins none in an `error` event, which names the client's event if that had an id. Without one it may be about
//! anything that the client said: so the oldest response whose event had none is in doubt from then on, and what follows tells.
//!
//! INVARIANT: a complaint that names another event ends nothing. INVARIANT: one is in doubt at a time.
//!
//! Not here: how many there may be (`say`).

use std::collections::VecDeque;

/// See the module.
pub(super) struct Pending<T>(VecDeque<Asked<T>>);

struct Asked<T> {
    /// The id that the client gave its event.
    event: Option<String>,
    is_doubted: bool,
    what: T,
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Pending<T> {
    /// How many are waited for: those in doubt are not.
    pub(super) fn awaited(&self) -> usize {
        self.0.iter().filter(|asked| !asked.is_doubted).count()
    }

    /// One more was asked for, by an event with this id.
    pub(super) fn add(&mut self, event: Option<String>, what: T) {
        self.0.push_back(Asked { event, is_doubted: false, what });
    }

    /// A response begins: those that it shows to have been refused, and the one that it is, if it was asked for.
    pub(super) fn begin(&mut self) -> (Vec<T>, Option<T>) {
        // Servers go through what they are asked in order.
        let first = self.0.iter().position(|asked| !asked.is_doubted).unwrap_or(0);
        let over = self.0.drain(..first).map(|asked| asked.what).collect();
        (over, self.0.pop_front().map(|asked| asked.what))
    }

    /// The server complains of an event with this id, or of one without: those that nothing will become of.
    pub(super) fn complain(&mut self, of: Option<&str>) -> Vec<T> {
        let named = |asked: &Asked<T>| asked.event.as_deref() == of && !asked.is_doubted;
        let Some(found) = self.0.iter().position(named) else { return Vec::new() };
        if of.is_some() {
            return self.0.remove(found).map(|asked| asked.what).into_iter().collect();
        }
        let (over, mut rest): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.0).into_iter().partition(|asked| asked.is_doubted);
        if let Some(asked) = rest.iter_mut().find(|asked| named(asked)) {
            asked.is_doubted = true;
        }
        self.0 = rest;
        over.into_iter().map(|asked| asked.what).collect()
    }

    /// All that are left.
    pub(super) fn take(&mut self) -> impl Iterator<Item = T> + use<T> {
        std::mem::take(&mut self.0).into_iter().map(|asked| asked.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(asked: &[(Option<&str>, &'static str)]) -> Pending<&'static str> {
        let mut pending = Pending::default();
        for (event, what) in asked {
            pending.add(event.map(str::to_owned), *what);
        }
        pending
    }

    #[test]
    fn a_complaint_ends_what_it_names_and_nothing_else() {
        let mut pending = pending(&[(Some("a"), "first"), (Some("b"), "second")]);
        assert!(pending.complain(Some("of something else")).is_empty());
        assert!(pending.complain(None).is_empty(), "both have names");
        assert_eq!(pending.complain(Some("b")), ["second"]);
        assert_eq!((pending.awaited(), pending.begin()), (1, (vec![], Some("first"))));
        assert_eq!(pending.begin(), (vec![], None));
    }

    #[test]
    fn what_is_in_doubt_is_told_by_what_follows() {
        // It was about something else.
        let mut one = pending(&[(None, "first")]);
        assert!(one.complain(None).is_empty());
        assert_eq!((one.awaited(), one.begin()), (0, (vec![], Some("first"))));

        // It was not: the next begins instead.
        let mut two = pending(&[(None, "first")]);
        assert!(two.complain(None).is_empty());
        two.add(None, "second");
        assert_eq!(two.begin(), (vec!["first"], Some("second")));

        // Complaint after complaint.
        let mut many = pending(&[(None, "first")]);
        for next in ["second", "third"] {
            assert!(many.complain(None).len() <= 1);
            many.add(None, next);
        }
        assert_eq!(many.complain(None), ["second"]);
        assert_eq!(many.take().collect::<Vec<_>>(), ["third"]);
    }
}
