//! How busy the machine's GPUs are, by NVIDIA's own program.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Samples a GPU once a second.
pub struct Gpu {
    program: Child,
    /// Shares of the time, in percent, and their number.
    sum: Arc<Mutex<(f64, u32)>>,
}

impl Gpu {
    /// Starts sampling; `None` if there is no `nvidia-smi`, as on a machine without a GPU.
    pub fn start() -> Option<Self> {
        let mut program = Command::new("nvidia-smi")
            .args([
                "--query-gpu=utilization.gpu",
                "--format=csv,noheader,nounits",
                "--loop=1",
            ])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let output = program.stdout.take()?;
        let sum = Arc::<Mutex<(f64, u32)>>::default();
        let samples = Arc::clone(&sum);
        thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            for share in lines.filter_map(|line| line.trim().parse::<f64>().ok()) {
                let mut sum = samples.lock().unwrap_or_else(PoisonError::into_inner);
                *sum = (sum.0 + share, sum.1 + 1);
            }
        });
        Some(Self { program, sum })
    }

    /// The mean share of the time that it was busy, 0..1; of several GPUs, their mean.
    pub fn busy(self) -> Option<f64> {
        let (sum, count) = *self.sum.lock().unwrap_or_else(PoisonError::into_inner);
        (count > 0).then(|| sum / f64::from(count) / 100.0)
    }
}

impl Drop for Gpu {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
