//! Tracked tasks: how everything that serves is spawned.
//!
//! INVARIANT: shutdown knows how many tasks are left and waits for them, up to a deadline.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::watch, task::AbortHandle};

/// How long tasks that were stopped are waited for.
const STOP_TIME_MAX: Duration = Duration::from_secs(2);

/// A set of tasks that can be waited for. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tasks {
    alive: Arc<watch::Sender<usize>>,
    handles: Arc<Mutex<BTreeMap<u64, AbortHandle>>>,
    next: Arc<AtomicU64>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self {
            alive: Arc::new(watch::Sender::new(0)),
            handles: Arc::default(),
            next: Arc::default(),
        }
    }
}

struct Leave {
    has_ended: Arc<AtomicBool>,
    number: u64,
    tasks: Tasks,
}

impl Drop for Leave {
    fn drop(&mut self) {
        let mut handles = self.tasks.handles.lock().unwrap_or_else(PoisonError::into_inner);
        self.has_ended.store(true, Ordering::Relaxed);
        handles.remove(&self.number);
        drop(handles);
        self.tasks.alive.send_modify(|alive| *alive -= 1);
    }
}

impl Tasks {
    /// Runs the future to its end in the background.
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.alive.send_modify(|alive| *alive += 1);
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let has_ended = Arc::new(AtomicBool::new(false));
        let leave = Leave { has_ended: Arc::clone(&has_ended), number, tasks: self.clone() };
        #[expect(clippy::disallowed_methods, reason = "this is the tracked spawner")]
        let task = tokio::spawn(async move {
            let _leave = leave;
            future.await;
        });
        let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        if !has_ended.load(Ordering::Relaxed) {
            handles.insert(number, task.abort_handle());
        }
    }

    /// Stops every task where it waits, and lets go of what it holds.
    pub async fn stop(&self) {
        let handles =
            std::mem::take(&mut *self.handles.lock().unwrap_or_else(PoisonError::into_inner));
        for task in handles.values() {
            task.abort();
        }
        self.wait(STOP_TIME_MAX).await;
    }

    /// Waits until no task is left or the time is over; returns how many are left.
    pub async fn wait(&self, time_max: Duration) -> usize {
        let mut alive = self.alive.subscribe();
        let empty = alive.wait_for(|alive| *alive == 0);
        let _timed_out = tokio::time::timeout(time_max, empty).await.is_err();
        *self.alive.borrow()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Tasks;

    #[tokio::test]
    async fn waits_for_tasks_and_counts_those_that_stay() {
        let tasks = Tasks::default();
        tasks.spawn(async { tokio::time::sleep(Duration::from_millis(5)).await });
        assert_eq!(tasks.wait(Duration::from_secs(5)).await, 0);
        tasks.spawn(std::future::pending());
        assert_eq!(tasks.wait(Duration::from_millis(10)).await, 1);
        tasks.stop().await;
        assert_eq!(tasks.wait(Duration::ZERO).await, 0);
    }
}
