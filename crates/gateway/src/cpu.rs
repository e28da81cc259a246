//! Where long inspections run, so that short ones never wait for them.
//!
//! INVARIANT: of inspections longer than a stated number of bytes, no more run at a time than there are cores, and each gives
//! its worker's other tasks away while it runs.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Room for long inspections. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Cpu {
    /// Shorter ones are made at once.
    pub(crate) inline_bytes_max: usize,
    pub(crate) permits: Arc<Semaphore>,
}

impl Cpu {
    /// Room for as many long inspections as there are cores.
    pub(crate) fn new(inline_bytes_max: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { inline_bytes_max, permits: Arc::new(Semaphore::new(cores)) }
    }

    /// Makes an inspection of so many bytes, when there is room for it.
    pub(crate) async fn inspect<R>(&self, bytes: usize, inspection: impl FnOnce() -> R) -> R {
        if bytes <= self.inline_bytes_max {
            return inspection();
        }
        // Permits are never taken away.
        let _permit = self.permits.acquire().await;
        tokio::task::block_in_place(inspection)
    }
}

#[cfg(test)]
mod tests {
    use super::Cpu;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn long_inspections_wait_for_room_and_short_ones_do_not() {
        let cpu = Cpu { inline_bytes_max: 10, ..Cpu::new(0) };
        let cores = u32::try_from(cpu.permits.available_permits()).expect("few cores");
        let all = cpu.permits.acquire_many(cores).await.expect("open");
        assert_eq!(cpu.inspect(10, || 1).await, 1);
        let long = cpu.inspect(11, || 2);
        tokio::pin!(long);
        assert!(
            std::future::poll_fn(|context| std::task::Poll::Ready(
                long.as_mut().poll(context).is_pending()
            ))
            .await
        );
        drop(all);
        assert_eq!(long.await, 2);
    }
}
