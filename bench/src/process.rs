//! What a process uses, from `/proc`: CPU time, memory, threads, descriptors.

use anyhow::Result;
use procfs::CurrentSI;
use procfs::process::Process;
use serde::{Deserialize, Serialize};

/// What a process uses at one moment.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Usage {
    /// CPU time of all threads since the process's start, user and system, in seconds.
    pub cpu: f64,
    /// Resident memory in bytes.
    pub memory: u64,
    /// Threads.
    pub threads: u64,
    /// Open descriptors.
    pub descriptors: u64,
}

impl Usage {
    /// What this process uses now.
    pub fn own() -> Result<Self> {
        Self::read(&Process::myself()?)
    }

    /// What another process uses now.
    pub fn of(id: u32) -> Result<Self> {
        Self::read(&Process::new(id.try_into()?)?)
    }

    fn read(process: &Process) -> Result<Self> {
        let stat = process.stat()?;
        Ok(Self {
            cpu: (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64,
            memory: stat.rss * procfs::page_size(),
            threads: stat.num_threads.try_into()?,
            descriptors: process.fd_count()? as u64,
        })
    }
}

/// CPU time of the whole machine since its start, in seconds summed over its processors.
#[derive(Clone, Copy, Debug)]
pub struct MachineTime {
    busy: f64,
    all: f64,
}

impl MachineTime {
    /// The times until now.
    pub fn now() -> Result<Self> {
        let time = procfs::KernelStats::current()?.total;
        let ticks = |ticks: u64| ticks as f64 / procfs::ticks_per_second() as f64;
        let idle = ticks(time.idle + time.iowait.unwrap_or_default());
        let used = [time.irq, time.softirq, time.steal].map(Option::unwrap_or_default);
        let busy = ticks(time.user + time.nice + time.system + used.iter().sum::<u64>());
        Ok(Self { busy, all: busy + idle })
    }

    /// The share of the processors that was busy between `earlier` and this, 0..1, other programs included.
    pub fn busy_since(&self, earlier: &Self) -> f64 {
        (self.busy - earlier.busy) / (self.all - earlier.all).max(f64::MIN_POSITIVE)
    }
}
