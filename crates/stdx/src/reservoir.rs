//! Random bytes drawn from the system by the page and given out in small pieces.
//!
//! Asking the system costs a system call; a busy gateway needs a few random bytes for every message.
//!
//! INVARIANT: every byte is given out once, and zeroed here when it is. Who draws says from where: nothing in
//! this room knows where randomness comes from.

use std::sync::{Mutex, PoisonError};

use zeroize::Zeroize as _;

/// Bytes drawn at a time.
const DRAWN_BYTES: usize = 1024;

/// A store of random bytes. See the module.
#[derive(Default)]
pub struct Reservoir(Mutex<Vec<u8>>);

impl std::fmt::Debug for Reservoir {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Reservoir")
    }
}

impl Reservoir {
    /// Takes `N` bytes; when there are too few, `fill` draws a new store. Its error is passed on, and
    /// nothing is given out.
    pub fn take<const N: usize, E>(
        &self,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<[u8; N], E> {
        let mut store = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if store.len() < N {
            let mut drawn = vec![0; DRAWN_BYTES.max(N)];
            fill(&mut drawn)?;
            store.zeroize();
            *store = drawn;
        }
        let mut taken = [0; N];
        let start = store.len().saturating_sub(N);
        if let Some(last) = store.get_mut(start..) {
            taken.copy_from_slice(last);
            last.zeroize();
        }
        store.truncate(start);
        Ok(taken)
    }
}

impl Drop for Reservoir {
    fn drop(&mut self) {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_given_out_once() {
        let reservoir = Reservoir::default();
        let mut next = 0_u32;
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..1000 {
            let taken: [u8; 4] = reservoir
                .take(|bytes| {
                    for four in bytes.chunks_exact_mut(4) {
                        four.copy_from_slice(&next.to_be_bytes());
                        next += 1;
                    }
                    Ok::<_, ()>(())
                })
                .expect("filled");
            assert!(seen.insert(taken), "{taken:?} was given out before");
        }
    }

    #[test]
    fn no_bytes_without_randomness() {
        let reservoir = Reservoir::default();
        assert_eq!(reservoir.take::<16, _>(|_| Err("none")), Err("none"));
        let filled = reservoir.take::<16, ()>(|bytes| {
            bytes.fill(7);
            Ok(())
        });
        assert_eq!(filled, Ok([7; 16]));
    }
}
