//! Triton's threads in this process, by the name that all those of a server have.
//!
//! They tell when a model may be let go, which Triton does not. A model's thread takes its instance off a list for each
//! piece of work, loading among them, says that the work is done, and then puts the instance back. Who ends the thread
//! between the two reads the last entry of an empty list: `TritonBackendThread::StopBackendThread` in Triton core's
//! `backend_model_instance.cc`, in 2.51 as in the main branch of 2026. In between, a thread runs or wants to; one that
//! has been seen asleep is past it.

use std::collections::HashSet;
use std::io;
use std::panic::resume_unwind;
use std::thread;
use std::time::{Duration, Instant};

use procfs::ProcResult;
use procfs::process::Process;

/// A thread's number in this process.
pub(super) type Tid = i32;

/// How often threads are looked at by one who waits for them.
const LOOK: Duration = Duration::from_millis(1);

/// The threads of one server.
pub(super) struct Threads {
    name: String,
}

impl Threads {
    /// Those of `name`, of 15 bytes at most: what [`Self::run`] starts, and what those start.
    pub(super) fn new(name: String) -> Self {
        Self { name }
    }

    /// Does `work` on a thread of this name: a new thread has the name of the one that started it.
    pub(super) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        thread::scope(|scope| {
            let named = thread::Builder::new().name(self.name.clone());
            let done = named.spawn_scoped(scope, work)?.join();
            Ok(done.unwrap_or_else(|panic| resume_unwind(panic)))
        })
    }

    /// Those that there are. None where there is no `/proc`: then nothing is waited for.
    pub(super) fn alive(&self) -> HashSet<Tid> {
        self.states().into_iter().map(|(thread, _)| thread).collect()
    }

    /// Waits until each of `threads` has been asleep, or has ended; at most until `limit`.
    pub(super) fn wait_for_rest(&self, mut threads: HashSet<Tid>, limit: Instant) {
        wait_until(limit, || {
            let awake = self.states().into_iter().filter(|(_, asleep)| !asleep);
            let awake: HashSet<_> = awake.map(|(thread, _)| thread).collect();
            threads.retain(|thread| awake.contains(thread));
            threads.is_empty()
        });
    }

    /// Waits until `threads` have ended, at most until `limit`; whether they have.
    pub(super) fn wait_for_end(&self, threads: &HashSet<Tid>, limit: Instant) -> bool {
        wait_until(limit, || self.alive().is_disjoint(threads))
    }

    /// Those that there are, and whether each is asleep.
    fn states(&self) -> Vec<(Tid, bool)> {
        let states = || -> ProcResult<_> {
            let threads = Process::myself()?.tasks()?;
            let states = threads.filter_map(|thread| thread.ok()?.stat().ok()); // one may end meanwhile
            let named = states.filter(|stat| stat.comm == self.name);
            Ok(named.map(|stat| (stat.pid, stat.state == 'S')).collect())
        };
        states().unwrap_or_default()
    }
}

/// Looks until `done`, at most until `limit`; whether it is.
fn wait_until(limit: Instant, mut done: impl FnMut() -> bool) -> bool {
    while !done() {
        if Instant::now() >= limit {
            return false;
        }
        thread::sleep(LOOK);
    }
    true
}

#[cfg(test)]
mod tests {
    use std::hint;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, mpsc};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(50);

    #[test]
    fn a_servers_threads_are_known_by_their_name_until_they_end() {
        let threads = Threads::new("test-name".into());
        let (wake, asleep) = mpsc::channel::<()>();
        let thread = threads.run(|| thread::spawn(move || asleep.recv())).unwrap();
        // The one that ran this may be seen for a moment after it has been joined.
        wait_until(Instant::now() + LONG, || threads.alive().len() < 2);
        let alive = threads.alive();
        assert_eq!(alive.len(), 1);
        assert!(Threads::new("test-other".into()).alive().is_empty());
        assert!(!threads.wait_for_end(&alive, Instant::now() + SHORT), "it sleeps");
        wake.send(()).unwrap();
        assert!(threads.wait_for_end(&alive, Instant::now() + LONG));
        assert!(threads.alive().is_empty());
        assert!(thread.join().unwrap().is_ok());
    }

    #[test]
    fn a_thread_is_waited_for_until_it_sleeps() {
        let busy = Arc::new(AtomicBool::new(true));
        let threads = Threads::new("test-rest".into());
        let (wake, asleep) = mpsc::channel::<()>();
        let work = {
            let busy = Arc::clone(&busy);
            move || {
                while busy.load(Ordering::Relaxed) {
                    hint::spin_loop();
                }
                asleep.recv()
            }
        };
        let thread = threads.run(|| thread::spawn(work)).unwrap();
        let limit = Instant::now() + SHORT;
        threads.wait_for_rest(threads.alive(), limit);
        assert!(Instant::now() >= limit, "it was busy");
        busy.store(false, Ordering::Relaxed);
        let limit = Instant::now() + LONG;
        threads.wait_for_rest(threads.alive(), limit);
        assert!(Instant::now() < limit, "it sleeps");
        wake.send(()).unwrap();
        assert!(thread.join().unwrap().is_ok());
    }
}
