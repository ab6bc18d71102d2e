//! Threads that do the work of turns: sampling and sending, which must not be done on a server's threads.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Maximum number of threads, for machines with many cores.
const MAX_THREADS: usize = 8;

type Work = Box<dyn FnOnce() + Send>;

/// A few threads, started when there is work for them. They end when this is dropped, after the work that is queued.
pub struct Workers {
    shared: Arc<Shared>,
    /// Maximum number of threads.
    max_threads: usize,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Work>,
    later: BinaryHeap<Reverse<Later>>,
    next_order: u64,
    threads: usize,
    idle: usize,
    ended: bool,
}

/// Work for a later time; ordered by time, then by arrival.
struct Later {
    time: Instant,
    order: u64,
    work: Work,
}

impl Default for Workers {
    fn default() -> Self {
        // Asked once: the answer is read from files of the cgroup.
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self {
            max_threads: processors.min(MAX_THREADS),
            shared: Arc::new(Shared {
                state: Mutex::default(),
                wake: Condvar::new(),
            }),
        }
    }
}

impl Workers {
    /// Does `work` as soon as a thread is free.
    pub fn run(&self, work: impl FnOnce() + Send + 'static) {
        let mut state = self.shared.lock();
        state.queue.push_back(Box::new(work));
        self.wake(state);
    }

    /// Does `work` after `delay`; drops it undone if the workers end before.
    pub fn run_after(&self, delay: Duration, work: impl FnOnce() + Send + 'static) {
        let mut state = self.shared.lock();
        let later = Later {
            time: Instant::now() + delay,
            order: state.next_order,
            work: Box::new(work),
        };
        state.next_order += 1;
        state.later.push(Reverse(later));
        self.wake(state);
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let more = state.queue.len() > state.idle || state.threads == 0;
        if more && state.threads < self.max_threads {
            let shared = Arc::clone(&self.shared);
            let thread = thread::Builder::new().name("inference-send".into());
            // Without a thread the work waits for the others; without any, for the next attempt.
            if thread.spawn(move || shared.work()).is_ok() {
                state.threads += 1;
            }
        }
        let some_wait = state.idle > 0;
        drop(state);
        if some_wait {
            self.shared.wake.notify_one();
        }
    }
}

impl Drop for Workers {
    /// Does not wait for the threads, since one of them may drop the last user of the workers.
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.wake.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            while state.later.peek().is_some_and(|Reverse(first)| first.time <= now) {
                let due = state.later.pop().map(|Reverse(later)| later.work);
                state.queue.extend(due);
            }
            if let Some(work) = state.queue.pop_front() {
                if !state.queue.is_empty() && state.idle > 0 {
                    self.wake.notify_one();
                }
                drop(state);
                work();
                state = self.lock();
                continue;
            }
            if state.ended {
                return;
            }
            state.idle += 1;
            let first = state.later.peek().map(|Reverse(first)| first.time);
            state = match first {
                Some(first) => {
                    let left = first.saturating_duration_since(now);
                    let woken = self.wake.wait_timeout(state, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
            state.idle -= 1;
        }
    }
}

impl Later {
    fn key(&self) -> (Instant, u64) {
        (self.time, self.order)
    }
}

impl PartialEq for Later {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Later {}

impl PartialOrd for Later {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Later {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn work_is_done_once_each_on_other_threads() {
        let workers = Workers::default();
        let (sender, receiver) = mpsc::channel();
        for number in 0..100 {
            let sender = sender.clone();
            workers.run(move || sender.send((number, thread::current().id())).unwrap());
        }
        let mut done: Vec<_> = receiver.iter().take(100).collect();
        assert!(done.iter().all(|(_, by)| *by != thread::current().id()));
        done.sort_by_key(|(number, _)| *number);
        assert!(done.iter().map(|(number, _)| *number).eq(0..100));
    }

    #[test]
    fn later_work_is_done_in_the_order_of_its_times() {
        let workers = Workers::default();
        let (sender, receiver) = mpsc::channel();
        for ms in [30, 10, 20] {
            let sender = sender.clone();
            workers.run_after(Duration::from_millis(ms), move || sender.send(ms).unwrap());
        }
        assert_eq!(receiver.iter().take(3).collect::<Vec<_>>(), [10, 20, 30]);
    }

    #[test]
    fn queued_work_is_done_after_the_end_and_later_work_is_dropped() {
        let workers = Workers::default();
        let (sender, receiver) = mpsc::channel();
        let (later, queued) = (sender.clone(), sender);
        workers.run_after(Duration::from_secs(3600), move || later.send("later").unwrap());
        workers.run(move || queued.send("queued").unwrap());
        drop(workers);
        assert_eq!(receiver.iter().collect::<Vec<_>>(), ["queued"]);
    }
}
