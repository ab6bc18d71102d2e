//! A value that one thread at a time takes, works with and puts back: for work that must not be done under a lock, such as file I/O.

use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, PoisonError};

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
    fn a_taken_value_is_not_waited_for_on_request() {
        let value = Exclusive::new("a");
        let taken = value.take();
        assert!(value.try_take().is_none());
        drop(taken);
        assert!(value.try_take().is_some());
    }
}
