//! Tracked tasks: how everything that serves is spawned.
//!
//! INVARIANT: shutdown knows how many tasks are left and waits for them, up to a deadline.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::sync::watch;

/// A set of tasks that can be waited for. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tasks {
    alive: Arc<watch::Sender<usize>>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self { alive: Arc::new(watch::Sender::new(0)) }
    }
}

struct Leave(Arc<watch::Sender<usize>>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.send_modify(|alive| *alive -= 1);
    }
}

impl Tasks {
    /// Runs the future to its end in the background.
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.alive.send_modify(|alive| *alive += 1);
        let leave = Leave(Arc::clone(&self.alive));
        #[expect(clippy::disallowed_methods, reason = "this is the tracked spawner")]
        tokio::spawn(async move {
            let _leave = leave;
            future.await;
        });
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
    }
}
