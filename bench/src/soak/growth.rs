//! How much more a process uses in the last third of a soak than in the first.

use crate::process::Usage;
use crate::report::{Gate, Limit, Unit};
use crate::statistics::greatest;

/// The gates' names: memory, threads, descriptors.
pub type Names = [&'static str; 3];

/// The gates of what was used: memory may grow by so many MB, threads and descriptors to so many times the first third's.
pub fn gates(usage: &[Usage], [memory, threads, descriptors]: Names, megabytes: f64, times: f64) -> [Gate; 3] {
    let [first, last] = thirds(usage, |usage| usage.memory as f64 / 1e6);
    let grown = |what, value: fn(&Usage) -> f64| {
        let [first, last] = thirds(usage, value);
        Gate::new(what, Limit::AtMost(times), Unit::Ratio, last / first)
    };
    [
        Gate::new(memory, Limit::AtMost(megabytes), Unit::Megabytes, last - first),
        grown(threads, |usage| usage.threads as f64),
        grown(descriptors, |usage| usage.descriptors as f64),
    ]
}

/// The greatest values in the first and in the last third.
fn thirds(usage: &[Usage], value: fn(&Usage) -> f64) -> [f64; 2] {
    let values: Vec<_> = usage.iter().map(value).collect();
    let third = values.len().div_ceil(3);
    [&values[..third], &values[values.len() - third..]].map(greatest)
}
