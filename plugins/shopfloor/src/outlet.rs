//! A queue that one thread at a time empties, for messages: they are posted in order, and without a lock, since a message handler
//! may do anything.
//!
//! A handler may change the state of the pipeline, which waits for its streaming threads. So no thread waits here for another one's
//! handler, except where a stream ends, and there only until the stream is flushed or stopped.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

/// Items on their way out. The lock inside is held for moments only.
#[derive(Debug)]
pub struct Outlet<T> {
    state: Mutex<State<T>>,
    emptied: Condvar,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    /// The thread that empties the queue.
    emptier: Option<ThreadId>,
    /// Threads do not wait, since the stream is flushed or stopped.
    is_closing: bool,
}

impl<T> Default for Outlet<T> {
    fn default() -> Self {
        let state = State {
            items: VecDeque::new(),
            emptier: None,
            is_closing: false,
        };
        Self {
            state: Mutex::new(state),
            emptied: Condvar::new(),
        }
    }
}

impl<T> Outlet<T> {
    /// Adds items.
    pub fn put(&self, items: impl IntoIterator<Item = T>) {
        self.state().items.extend(items);
    }

    /// Calls `each` with every item, the first one first. If another thread is doing so, or this one is and `each` has led here, it
    /// will find the later items, too, and this returns at once.
    pub fn empty(&self, each: impl FnMut(T)) {
        {
            let mut state = self.state();
            if state.emptier.is_some() {
                return;
            }
            state.emptier = Some(thread::current().id());
        }
        self.work(each);
    }

    /// As [`empty`](Self::empty), but returns when no item is left that was there: it takes over from a thread whose `each` has not
    /// returned. To be called where nothing may be left, as at a stop.
    pub fn empty_now(&self, each: impl FnMut(T)) {
        self.state().emptier = Some(thread::current().id());
        self.work(each);
    }

    /// Waits until another thread that empties the queue is done, unless the stream is [closing](Self::set_closing).
    pub fn wait(&self) {
        let this = thread::current().id();
        let is_at_work =
            |state: &mut State<T>| !state.is_closing && state.emptier.is_some_and(|emptier| emptier != this);
        drop(self.emptied.wait_while(self.state(), is_at_work));
    }

    /// Sets whether the stream is flushed or stopped, which may be done by a handler that others wait for: then nobody waits.
    pub fn set_closing(&self, is_closing: bool) {
        self.state().is_closing = is_closing;
        self.emptied.notify_all();
    }

    fn work(&self, mut each: impl FnMut(T)) {
        while let Some(item) = self.next() {
            each(item);
        }
    }

    /// The next item for this thread to work on. Without one, its work is done; another thread may have taken over.
    fn next(&self) -> Option<T> {
        let mut state = self.state();
        if state.emptier != Some(thread::current().id()) {
            return None;
        }
        let next = state.items.pop_front();
        if next.is_none() {
            state.emptier = None;
            self.emptied.notify_all();
        }
        next
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn every_item_comes_out_once_and_in_order() {
        let (outlet, out) = (Outlet::default(), Mutex::new(Vec::new()));
        let put = Mutex::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        {
                            let mut put = put.lock().unwrap();
                            outlet.put([*put]);
                            *put += 1;
                        }
                        outlet.empty(|item| out.lock().unwrap().push(item));
                    }
                });
            }
        });
        assert_eq!(out.into_inner().unwrap(), (0..4000).collect::<Vec<_>>());
    }

    #[test]
    fn a_handler_that_leads_back_changes_no_order() {
        let (outlet, mut out) = (Outlet::default(), Vec::new());
        outlet.put([1, 2]);
        outlet.empty(|item| {
            if item == 1 {
                outlet.put([3]);
                outlet.empty(|item| panic!("{item} came out within"));
                outlet.wait();
            }
            out.push(item);
        });
        assert_eq!(out, [1, 2, 3]);
    }

    #[test]
    fn a_stop_leaves_nothing_behind() {
        // within the handler of its own thread
        let (outlet, out) = (Outlet::default(), Mutex::new(Vec::new()));
        outlet.put([1, 2]);
        outlet.empty(|item| {
            out.lock().unwrap().push(item);
            if item == 1 {
                outlet.empty_now(|item| out.lock().unwrap().push(item));
            }
        });
        assert_eq!(out.into_inner().unwrap(), [1, 2]);
        // while the handler of another one does not return
        let (outlet, out) = (Outlet::default(), Mutex::new(Vec::new()));
        let (entered, is_in) = channel();
        let (leave, may_leave) = channel::<()>();
        thread::scope(|scope| {
            let (outlet, out) = (&outlet, &out);
            outlet.put([1, 2]);
            scope.spawn(move || {
                outlet.empty(|item| {
                    out.lock().unwrap().push(item);
                    entered.send(()).unwrap();
                    may_leave.recv().unwrap();
                });
            });
            is_in.recv().unwrap();
            outlet.empty_now(|item| out.lock().unwrap().push(item));
            assert_eq!(*out.lock().unwrap(), [1, 2]);
            leave.send(()).unwrap();
        });
    }

    #[test]
    fn nobody_waits_for_a_handler_while_the_stream_is_closing() {
        let outlet = Outlet::default();
        let (entered, is_in) = channel();
        let (leave, may_leave) = channel::<()>();
        let (waited, has_waited) = channel();
        thread::scope(|scope| {
            let outlet = &outlet;
            outlet.put([()]);
            scope.spawn(move || {
                outlet.empty(|()| {
                    entered.send(()).unwrap();
                    may_leave.recv().unwrap();
                });
            });
            is_in.recv().unwrap();
            scope.spawn(move || {
                outlet.wait();
                waited.send(()).unwrap();
            });
            assert!(has_waited.try_recv().is_err());
            outlet.set_closing(true);
            has_waited.recv().unwrap();
            outlet.wait();
            leave.send(()).unwrap();
        });
    }
}
