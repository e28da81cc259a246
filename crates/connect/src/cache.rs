//! Answers of a guard that still count.
//!
//! INVARIANT: a text is kept as a hash under a key of this process only, so that the cache says nothing
//! to whoever reads the memory of another. INVARIANT: at most `entries_max` answers of at most
//! [`FINDINGS_MAX`] findings each. INVARIANT: failures are not remembered. Time comes in from outside.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use events::{Finding, Provenance};
use ring::hmac;

use crate::CacheSettings;

/// Findings of an answer that is remembered; a longer one is asked for anew.
pub(crate) const FINDINGS_MAX: usize = 64;
const KEY_BYTES: usize = 32;

/// What stands for a question.
pub(crate) type CacheKey = [u8; KEY_BYTES];

/// The answers of one guard.
pub(crate) struct Cache {
    answers: Mutex<Answers>,
    key: hmac::Key,
    settings: CacheSettings,
}

#[derive(Default)]
struct Answers {
    by_key: HashMap<CacheKey, (Arc<[Finding]>, Instant)>,
    /// In the order in which they end: all live equally long.
    order: VecDeque<(CacheKey, Instant)>,
}

impl Cache {
    pub(crate) fn new(settings: CacheSettings, key: hmac::Key) -> Self {
        Self { answers: Mutex::default(), key, settings }
    }

    /// What stands for a question about this text.
    pub(crate) fn key(&self, provenance: Provenance, text: &str) -> CacheKey {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(provenance.as_str().as_bytes());
        context.update(&[0]);
        context.update(text.as_bytes());
        let mut key = [0; KEY_BYTES];
        for (to, from) in key.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        key
    }

    pub(crate) fn get(&self, key: &CacheKey, now: Instant) -> Option<Arc<[Finding]>> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let (findings, until) = answers.by_key.get(key)?;
        (now < *until).then(|| Arc::clone(findings))
    }

    pub(crate) fn put(&self, key: CacheKey, findings: &[Finding], now: Instant) {
        if self.settings.entries_max == 0 || findings.len() > FINDINGS_MAX {
            return;
        }
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((oldest, until)) = answers.order.front().copied() {
            if now < until && answers.order.len() < self.settings.entries_max {
                break;
            }
            answers.order.pop_front();
            // It may have been asked again since.
            if answers.by_key.get(&oldest).is_some_and(|(_, newer)| *newer == until) {
                answers.by_key.remove(&oldest);
            }
        }
        let until = now + self.settings.time_to_live;
        answers.by_key.insert(key, (Arc::from(findings), until));
        answers.order.push_back((key, until));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn cache(entries_max: usize) -> Cache {
        let settings = CacheSettings { entries_max, time_to_live: Duration::from_mins(1) };
        Cache::new(settings, hmac::Key::new(hmac::HMAC_SHA256, &[1; 32]))
    }

    #[test]
    fn an_answer_counts_for_its_time_and_its_own_question_only() {
        let (cache, now) = (cache(10), Instant::now());
        let key = cache.key(Provenance::User, "hello");
        cache.put(key, &[], now);
        assert!(cache.get(&key, now).is_some());
        assert!(cache.get(&key, now + Duration::from_secs(59)).is_some());
        assert!(cache.get(&key, now + Duration::from_mins(1)).is_none());
        for other in [cache.key(Provenance::File, "hello"), cache.key(Provenance::User, "hello!")] {
            assert!(cache.get(&other, now).is_none());
        }
    }

    #[test]
    fn the_oldest_answers_make_room() {
        let (cache, now) = (cache(3), Instant::now());
        let keys: Vec<_> =
            (0..10).map(|number| cache.key(Provenance::User, &number.to_string())).collect();
        for (second, key) in keys.iter().enumerate() {
            cache.put(*key, &[], now + Duration::from_secs(second as u64));
            // Asked twice at once.
            cache.put(*key, &[], now + Duration::from_secs(second as u64));
        }
        let kept = keys.iter().filter(|key| cache.get(key, now).is_some()).count();
        assert!((1..=3).contains(&kept), "{kept}");
        assert!(cache.get(&keys[9], now).is_some());
        let answers = cache.answers.lock().expect("not poisoned");
        assert!(answers.order.len() <= 3 && answers.by_key.len() <= 3);
    }

    #[test]
    fn without_room_nothing_is_remembered() {
        let (cache, now) = (cache(0), Instant::now());
        let key = cache.key(Provenance::User, "hello");
        cache.put(key, &[], now);
        assert!(cache.get(&key, now).is_none());
    }
}
