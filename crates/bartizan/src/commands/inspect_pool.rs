//! Work on many threads, results in the order of the input.
//!
//! One thread reads and feeds jobs, some work on them, and the caller takes the results.
//!
//! INVARIANT: results come in the order in which their jobs were fed. INVARIANT: jobs that were fed and
//! whose results were not taken hold at most [`IN_FLIGHT_BYTES_MAX`] bytes together, or are one; so
//! memory does not grow with the input, nor with the number of threads. INVARIANT: the caller
//! never waits for the input to go on once it has decided to stop: the threads are left behind.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::exit::Failure;

/// Bytes of input that are being worked on or wait for it.
pub(crate) const IN_FLIGHT_BYTES_MAX: usize = 16 << 20;
/// Jobs that wait, per thread.
const QUEUE_JOBS_MAX: usize = 4;
/// How long the caller waits for a result before it looks whether it was told to stop.
const PATIENCE: Duration = Duration::from_millis(50);

/// How the work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Every job was done.
    Done,
    /// It was told to stop before that.
    Interrupted,
}

/// What the caller gets.
pub(crate) enum Next<R> {
    /// The result of the next job.
    Result(R),
    /// There is none yet: a good moment to pass on what is buffered.
    Idle,
}

/// Bytes in flight.
#[derive(Default)]
struct Budget {
    taken: Mutex<usize>,
    freed: Condvar,
}

impl Budget {
    /// Waits until `bytes` fit, or nothing else is in flight.
    fn take(&self, bytes: usize) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken > 0 && *taken + bytes > IN_FLIGHT_BYTES_MAX {
            taken = self.freed.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken += bytes;
    }

    fn give_back(&self, bytes: usize) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        *taken = taken.saturating_sub(bytes);
        self.freed.notify_one();
    }
}

/// A job, and where its result goes.
type Ordered<J, R> = (J, SyncSender<R>);
/// Where a result comes from, and the bytes that are free once it was taken.
type Awaited<R> = (Receiver<R>, usize);

/// Where the reading thread puts its jobs.
pub(crate) struct Feeder<J, R> {
    jobs: SyncSender<Ordered<J, R>>,
    order: SyncSender<Awaited<R>>,
    budget: Arc<Budget>,
}

impl<J, R> Feeder<J, R> {
    /// Adds a job of so many bytes, when there is room for it. `false` if nobody waits for results any more.
    #[must_use]
    pub(crate) fn add(&self, job: J, bytes: usize) -> bool {
        self.budget.take(bytes);
        let (result, awaited) = sync_channel(1);
        self.order.send((awaited, bytes)).is_ok() && self.jobs.send((job, result)).is_ok()
    }
}

/// Runs `work` on `threads` threads on what `feed` adds, and hands the results to `take` in order.
pub(crate) fn in_order<J: Send + 'static, R: Send + 'static>(
    threads: usize,
    stop: &AtomicBool,
    feed: impl FnOnce(&Feeder<J, R>) + Send + 'static,
    work: impl Fn(J) -> R + Send + Sync + 'static,
    mut take: impl FnMut(Next<R>) -> Result<(), Failure>,
) -> Result<Ended, Failure> {
    let queue = threads * QUEUE_JOBS_MAX;
    let (jobs, waiting) = sync_channel::<Ordered<J, R>>(queue);
    let (order, awaited) = sync_channel::<Awaited<R>>(queue);
    let budget = Arc::new(Budget::default());
    let (waiting, work) = (Arc::new(Mutex::new(waiting)), Arc::new(work));
    for _ in 0..threads {
        let (waiting, work) = (Arc::clone(&waiting), Arc::clone(&work));
        spawn(move || {
            while let Some((job, result)) = next_job(&waiting) {
                // Whoever asked may have stopped waiting.
                let _nobody_waits = result.send(work(job)).is_err();
            }
        })?;
    }
    let feeder = Feeder { jobs, order, budget: Arc::clone(&budget) };
    spawn(move || feed(&feeder))?;
    loop {
        let Some((result, bytes)) = wait_for(&awaited, stop, || take(Next::Idle))? else {
            let is_told = stop.load(Ordering::Relaxed);
            return Ok(if is_told { Ended::Interrupted } else { Ended::Done });
        };
        let Some(result) = wait_for(&result, stop, || Ok(()))? else {
            if stop.load(Ordering::Relaxed) {
                return Ok(Ended::Interrupted);
            }
            return Err(Failure::environment(
                "a thread ended before its work was done",
                "this is a defect: report it, with the input if you can",
            ));
        };
        take(Next::Result(result))?;
        budget.give_back(bytes);
    }
}

fn spawn(run: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let spawned = std::thread::Builder::new().spawn(run);
    spawned.map(drop).map_err(|error| {
        let message = format!("cannot start a thread: {error}");
        Failure::environment(message, "allow this process more threads, or lower `--jobs`")
    })
}

fn next_job<T>(waiting: &Mutex<Receiver<T>>) -> Option<T> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// The next message; none if there are no more or the work was told to stop.
fn wait_for<T>(
    from: &Receiver<T>,
    stop: &AtomicBool,
    mut idle: impl FnMut() -> Result<(), Failure>,
) -> Result<Option<T>, Failure> {
    if let Ok(message) = from.try_recv() {
        return Ok(Some(message));
    }
    idle()?;
    while !stop.load(Ordering::Relaxed) {
        match from.recv_timeout(PATIENCE) {
            Ok(message) => return Ok(Some(message)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn results_come_in_order() {
        let stop = AtomicBool::new(false);
        let mut seen = Vec::new();
        let ended = in_order(
            4,
            &stop,
            |feeder| (0..500_u64).for_each(|number| assert!(feeder.add(number, 1))),
            |number| {
                std::thread::sleep(Duration::from_micros((number * 7919) % 300));
                number
            },
            |next| {
                if let Next::Result(number) = next {
                    seen.push(number);
                }
                Ok(())
            },
        );
        assert_eq!(ended.ok(), Some(Ended::Done));
        assert_eq!(seen, (0..500).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_in_flight_is_bounded() {
        let (fed, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (feeding, seen) = (Arc::clone(&fed), Arc::clone(&most));
        let bytes = IN_FLIGHT_BYTES_MAX / 3 + 1;
        let ended = in_order(
            8,
            &AtomicBool::new(false),
            move |feeder| {
                for _ in 0..20 {
                    assert!(feeder.add((), bytes));
                    let now = feeding.fetch_add(bytes, Ordering::SeqCst) + bytes;
                    seen.fetch_max(now, Ordering::SeqCst);
                }
            },
            |()| (),
            |next| {
                if matches!(next, Next::Result(())) {
                    fed.fetch_sub(bytes, Ordering::SeqCst);
                }
                Ok(())
            },
        );
        assert_eq!(ended.ok(), Some(Ended::Done));
        // What was taken may not be counted down yet when the next is let in: one more.
        assert!(most.load(Ordering::SeqCst) <= IN_FLIGHT_BYTES_MAX + bytes);
    }

    #[test]
    fn told_to_stop_it_waits_for_nobody() {
        let stop = AtomicBool::new(false);
        let ended = in_order(
            1,
            &stop,
            |feeder| {
                assert!(feeder.add((), 1));
                std::thread::sleep(Duration::from_secs(20));
            },
            |()| (),
            |next| {
                stop.fetch_or(matches!(next, Next::Result(())), Ordering::Relaxed);
                Ok(())
            },
        );
        assert_eq!(ended.ok(), Some(Ended::Interrupted));
    }
}
