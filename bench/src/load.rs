//! Work for the processors, beside what is measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Threads that are busy until this is dropped.
pub struct Load(Arc<AtomicBool>);

impl Load {
    /// Starts so many.
    pub fn start(threads: usize) -> Self {
        let stop = Arc::<AtomicBool>::default();
        for _ in 0..threads {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        Self(stop)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
