//! CPU time of this process by what its threads are called.

use std::collections::BTreeMap;

use anyhow::Result;
use procfs::process::Process;

use crate::runner;

/// Triton's threads in this process: `triton-` and a number.
const TRITON: &str = "triton-";

/// CPU time of each thread, in seconds.
#[derive(Clone, Debug, Default)]
pub struct ThreadTimes(BTreeMap<i32, (String, f64)>);

impl ThreadTimes {
    /// The times until now.
    pub fn now() -> Result<Self> {
        let ticks = procfs::ticks_per_second() as f64;
        let mut times = BTreeMap::new();
        for task in Process::myself()?.tasks()?.flatten() {
            // A thread may end in between.
            if let Ok(stat) = task.stat() {
                let time = (stat.utime + stat.stime) as f64 / ticks;
                times.insert(task.tid, (stat.comm, time));
            }
        }
        Ok(Self(times))
    }

    /// The times since `earlier` by the threads' names, the most first. Threads that have ended are not among them.
    pub fn since(&self, earlier: &Self) -> Vec<(String, f64)> {
        let mut sums = BTreeMap::<&str, f64>::new();
        for (id, (name, time)) in &self.0 {
            let before = earlier.0.get(id).map_or(0.0, |(_, before)| *before);
            *sums.entry(name).or_default() += (time - before).max(0.0);
        }
        let mut sums: Vec<_> = sums.into_iter().map(|(name, time)| (name.to_owned(), time)).collect();
        sums.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        sums
    }
}

/// Whether a thread runs models: Triton's, or the runner's.
pub fn runs_models(name: &str) -> bool {
    let is_triton = name
        .strip_prefix(TRITON)
        .is_some_and(|number| number.starts_with(|letter: char| letter.is_ascii_digit()));
    is_triton || name.starts_with(runner::THREADS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_of_models_are_told_by_their_names() {
        for (name, expected) in [
            ("triton-0", true),
            ("triton-12", true),
            ("triton-deadline", false),
            ("triton-grpc", false),
            ("ort-person_det", true),
            ("queue0:src", false),
        ] {
            assert_eq!(runs_models(name), expected, "{name}");
        }
    }

    #[test]
    fn times_are_summed_by_name() {
        let times = |rows: &[(i32, &str, f64)]| {
            let rows = rows.iter().map(|(id, name, time)| (*id, ((*name).to_owned(), *time)));
            ThreadTimes(rows.collect())
        };
        let earlier = times(&[(1, "a", 1.0), (2, "b", 5.0)]);
        let now = times(&[(1, "a", 2.0), (2, "b", 5.5), (3, "a", 3.0)]);
        assert_eq!(now.since(&earlier), [("a".to_owned(), 4.0), ("b".to_owned(), 0.5)]);
    }
}
