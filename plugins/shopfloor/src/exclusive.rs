//! A value, or a turn, that one thread at a time takes, works with and puts back: for work that must not be done under a lock,
//! such as file I/O and messages.

use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

/// A value that is taken by one thread at a time. The lock inside is held for moments only.
#[derive(Debug)]
pub struct Exclusive<T> {
    /// `None` while it is taken.
    value: Mutex<Option<T>>,
    free: Condvar,
}

/// The value, put back when dropped.
pub struct Taken<'a, T> {
    owner: &'a Exclusive<T>,
    /// `None` only during `drop`.
    value: Option<T>,
}

impl<T> Exclusive<T> {
    /// Holds `value`.
    pub fn new(value: T) -> Self {
        Self {
            value: Mutex::new(Some(value)),
            free: Condvar::new(),
        }
    }

    /// Takes the value; waits while another thread has it.
    pub fn take(&self) -> Taken<'_, T> {
        let mut value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(value) = value.take() {
                return self.taken(value);
            }
            value = self.free.wait(value).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes the value unless another thread has it.
    pub fn try_take(&self) -> Option<Taken<'_, T>> {
        let value = self.value.lock().unwrap_or_else(PoisonError::into_inner).take();
        value.map(|value| self.taken(value))
    }

    fn taken(&self, value: T) -> Taken<'_, T> {
        Taken {
            owner: self,
            value: Some(value),
        }
    }
}

impl<T: Default> Default for Exclusive<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> Deref for Taken<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("only `drop` takes the value")
    }
}

impl<T> DerefMut for Taken<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect("only `drop` takes the value")
    }
}

impl<T> Drop for Taken<'_, T> {
    fn drop(&mut self) {
        *self.owner.value.lock().unwrap_or_else(PoisonError::into_inner) = self.value.take();
        self.owner.free.notify_one();
    }
}

/// A turn that one thread at a time has: several times, if what it does leads back to it, as a message handler may.
#[derive(Debug, Default)]
pub struct Turn {
    holder: Mutex<Option<ThreadId>>,
    free: Condvar,
}

/// The turn, given back when dropped; `None` if the thread had it already.
pub struct TakenTurn<'a>(Option<&'a Turn>);

impl Turn {
    /// Takes the turn; waits while another thread has it.
    pub fn take(&self) -> TakenTurn<'_> {
        let this = thread::current().id();
        let taken_by_another = |holder: &mut Option<ThreadId>| holder.is_some_and(|holder| holder != this);
        let holder = self.free.wait_while(self.lock(), taken_by_another);
        let before = holder.unwrap_or_else(PoisonError::into_inner).replace(this);
        TakenTurn(before.is_none().then_some(self))
    }

    fn lock(&self) -> MutexGuard<'_, Option<ThreadId>> {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for TakenTurn<'_> {
    fn drop(&mut self) {
        if let Some(turn) = self.0 {
            *turn.lock() = None;
            turn.free.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn one_thread_at_a_time_has_the_value() {
        let counter = Exclusive::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        let mut counter = counter.take();
                        let read = *counter;
                        thread::yield_now();
                        *counter = read + 1;
                    }
                });
            }
        });
        assert_eq!(*counter.take(), 4000);
    }

    #[test]
    fn a_thread_that_has_the_turn_has_it_again_and_another_waits() {
        let (turn, done) = (Turn::default(), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            let outer = turn.take();
            scope.spawn(|| {
                let _turn = turn.take();
                done.lock().unwrap().push("other");
            });
            drop(turn.take());
            done.lock().unwrap().push("again");
            drop(outer);
        });
        assert_eq!(done.into_inner().unwrap(), ["again", "other"]);
    }

    #[test]
    fn a_taken_value_is_not_waited_for_on_request() {
        let value = Exclusive::new("a");
        let taken = value.take();
        assert!(value.try_take().is_none());
        drop(taken);
        assert!(value.try_take().is_some());
    }
}
