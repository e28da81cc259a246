//! A future that is polled again where it is when it wakes itself.
//!
//! A connection wakes its own task whenever its handler takes a piece of the request's body. The
//! scheduler answers by queueing the task again and waking another worker to run it: a trip through the
//! kernel for every request. Here the future is asked again at once, on the same worker.
//!
//! INVARIANT: no wake is lost: one that comes while the future is being polled is answered by another
//! poll; any other goes to the task. INVARIANT: a future that wakes itself again and again gives way to
//! others after [`POLLS_MAX`].

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::task::AtomicWaker;

/// How often the future is polled before the task gives way.
const POLLS_MAX: usize = 8;

/// What the future's wakers share.
#[derive(Default)]
struct Wakes {
    /// Whether it was woken since its last poll began.
    again: AtomicBool,
    polling: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.again.store(true, Ordering::SeqCst);
        if !self.polling.load(Ordering::SeqCst) {
            self.task.wake();
        }
    }
}

/// See the module.
pub(crate) struct InPlace<F> {
    pub(crate) future: F,
    waker: Waker,
    wakes: Arc<Wakes>,
}

impl<F> InPlace<F> {
    pub(crate) fn new(future: F) -> Self {
        let wakes = Arc::new(Wakes::default());
        Self { future, waker: Waker::from(Arc::clone(&wakes)), wakes }
    }
}

impl<F: Future + Unpin> Future for InPlace<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        this.wakes.task.register(context.waker());
        for _ in 0..POLLS_MAX {
            this.wakes.polling.store(true, Ordering::SeqCst);
            this.wakes.again.swap(false, Ordering::SeqCst);
            let polled = Pin::new(&mut this.future).poll(&mut Context::from_waker(&this.waker));
            this.wakes.polling.store(false, Ordering::SeqCst);
            if polled.is_ready() {
                return polled;
            }
            if !this.wakes.again.load(Ordering::SeqCst) {
                return Poll::Pending;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        sync::atomic::AtomicUsize,
        task::{Poll, Waker},
        time::Duration,
    };

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn waking_oneself_does_not_trouble_the_task() {
        let mut polls = 0;
        let future = poll_fn(|context| {
            polls += 1;
            context.waker().wake_by_ref();
            if polls == 3 { Poll::Ready(polls) } else { Poll::Pending }
        });
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let mut place = InPlace::new(future);
        let polled = Pin::new(&mut place).poll(&mut Context::from_waker(&waker));
        assert_eq!(polled, Poll::Ready(3));
        assert_eq!(count.0.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn a_restless_future_gives_way() {
        let mut polls = 0;
        let mut place = InPlace::new(poll_fn(|context| {
            polls += 1;
            context.waker().wake_by_ref();
            Poll::<()>::Pending
        }));
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let polled = Pin::new(&mut place).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        drop(place);
        assert_eq!((polls, count.0.load(Ordering::SeqCst)), (POLLS_MAX, 1));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_wake_from_elsewhere_is_lost() {
        for round in 0..2_000_u32 {
            let (sender, receiver) = tokio::sync::oneshot::channel();
            let other = std::thread::spawn(move || {
                for _ in 0..round % 50 {
                    std::hint::spin_loop();
                }
                let _ = sender.send(round);
            });
            let received = tokio::time::timeout(Duration::from_secs(20), InPlace::new(receiver));
            assert!(matches!(received.await, Ok(Ok(it)) if it == round));
            other.join().expect("it does not panic");
        }
    }
}
