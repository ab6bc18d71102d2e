//! The element as its background threads have it: for moments, so that none has it any more once the element is in NULL.
//!
//! An application ends when it has an error message and has set its pipeline to NULL. The thread that has posted the message
//! must not hold the element beyond that: it would be an object alive at `gst_deinit`.

use std::ops::Deref;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use gst::glib;

/// The element, and the threads that have it now.
#[derive(Default)]
pub struct Loans {
    element: glib::WeakRef<gst::Element>,
    borrowers: Arc<Borrowers>,
}

#[derive(Default)]
struct Borrowers {
    /// A thread is here once for each of its loans.
    threads: Mutex<Vec<ThreadId>>,
    returned: Condvar,
}

/// The element, returned when dropped.
pub struct Loan {
    /// `None` only during `drop`.
    element: Option<gst::Element>,
    borrowers: Arc<Borrowers>,
}

impl Loans {
    /// Sets the element.
    pub fn set(&self, element: &gst::Element) {
        self.element.set(Some(element));
    }

    /// Lends the element, while it exists.
    pub fn lend(&self) -> Option<Loan> {
        self.borrowers.lock().push(thread::current().id());
        let loan = Loan {
            element: self.element.upgrade(),
            borrowers: Arc::clone(&self.borrowers),
        };
        loan.element.is_some().then_some(loan)
    }

    /// Waits until no other thread has the element, but no longer than `limit`: a message handler on such a thread may wait
    /// for this one. True if none has.
    pub fn wait_for_others(&self, limit: Duration) -> bool {
        let this = thread::current().id();
        let lent = |threads: &mut Vec<ThreadId>| threads.iter().any(|thread| *thread != this);
        let threads = self.borrowers.lock();
        let waited = self.borrowers.returned.wait_timeout_while(threads, limit, lent);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl Borrowers {
    fn lock(&self) -> MutexGuard<'_, Vec<ThreadId>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for Loan {
    type Target = gst::Element;

    fn deref(&self) -> &gst::Element {
        self.element.as_ref().expect("only `drop` takes the element")
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        drop(self.element.take()); // before it counts as returned
        let this = thread::current().id();
        let mut threads = self.borrowers.lock();
        if let Some(index) = threads.iter().position(|thread| *thread == this) {
            threads.swap_remove(index);
        }
        drop(threads);
        self.borrowers.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Instant;

    use gst::prelude::*;

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(60);

    fn bin() -> (gst::Element, Loans) {
        gst::init().unwrap();
        let (bin, loans) = (gst::Bin::new().upcast::<gst::Element>(), Loans::default());
        loans.set(&bin);
        (bin, loans)
    }

    #[test]
    fn another_threads_loan_is_waited_for() {
        let (bin, loans) = bin();
        let (lent, is_lent) = mpsc::channel();
        let (back, give_back) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let loans = &loans;
            scope.spawn(move || {
                let loan = loans.lend();
                lent.send(()).unwrap();
                give_back.recv().unwrap();
                drop(loan);
            });
            is_lent.recv().unwrap();
            assert!(!loans.wait_for_others(SHORT));
            let waiting = scope.spawn(move || loans.wait_for_others(LONG));
            back.send(()).unwrap();
            assert!(waiting.join().unwrap());
        });
        assert_eq!(bin.ref_count(), 1);
    }

    #[test]
    fn a_thread_does_not_wait_for_its_own_loan() {
        let (_bin, loans) = bin();
        let _loan = loans.lend().unwrap();
        let begin = Instant::now();
        assert!(loans.wait_for_others(LONG));
        assert!(begin.elapsed() < LONG);
    }

    #[test]
    fn an_element_that_is_gone_is_not_lent() {
        let (bin, loans) = bin();
        drop(bin);
        assert!(loans.lend().is_none());
        assert!(loans.wait_for_others(SHORT));
    }
}
