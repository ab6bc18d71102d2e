//! What a server counts of its models, and the shared memory that it knows.

use std::time::Duration;

use serde::Deserialize;

use crate::Error;

/// What a server has counted of one version of a model since it was loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// The model.
    pub model: String,
    /// Its version.
    pub version: String,
    /// Inferences, each element of a batch one.
    pub inferences: u64,
    /// Runs of the network: fewer than inferences where they were batched.
    pub executions: u64,
    /// Requests that were answered.
    pub success: StatisticDuration,
    /// Requests that failed.
    pub fail: StatisticDuration,
    /// Waiting for an instance of the model.
    pub queue: StatisticDuration,
    /// Getting the inputs ready.
    pub compute_input: StatisticDuration,
    /// Running the network.
    pub compute_infer: StatisticDuration,
    /// Getting the outputs out.
    pub compute_output: StatisticDuration,
}

/// How often something was done, and the time it took in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatisticDuration {
    /// How often.
    pub count: u64,
    /// The sum of the times.
    pub time: Duration,
}

/// POSIX shared memory that a server has mapped, or is to map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemSharedMemoryRegion {
    /// What requests call it.
    pub name: String,
    /// Its name in the system, with a slash before it (as for `shm_open`).
    pub key: String,
    /// Bytes before its begin.
    pub offset: u64,
    /// Its length in bytes.
    pub byte_size: u64,
}

/// Triton's JSON about them, for an in-process server.
#[derive(Deserialize)]
struct Message {
    model_stats: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    version: String,
    inference_count: u64,
    execution_count: u64,
    inference_stats: Times,
}

#[derive(Deserialize)]
struct Times {
    success: Time,
    fail: Time,
    queue: Time,
    compute_input: Time,
    compute_infer: Time,
    compute_output: Time,
}

#[derive(Deserialize)]
struct Time {
    count: u64,
    ns: u64,
}

impl From<Time> for StatisticDuration {
    fn from(Time { count, ns }: Time) -> Self {
        let time = Duration::from_nanos(ns);
        Self { count, time }
    }
}

impl Statistics {
    /// Reads Triton's JSON about `model`.
    pub(crate) fn parse(model: &str, json: &str) -> Result<Vec<Self>, Error> {
        let message: Message = serde_json::from_str(json).map_err(|error| Error::Infer {
            model: model.to_owned(),
            code: crate::Code::Internal,
            message: format!("the server's statistics make no sense: {error}"),
        })?;
        let entries = message.model_stats.into_iter().map(|entry| Self {
            model: entry.name,
            version: entry.version,
            inferences: entry.inference_count,
            executions: entry.execution_count,
            success: entry.inference_stats.success.into(),
            fail: entry.inference_stats.fail.into(),
            queue: entry.inference_stats.queue.into(),
            compute_input: entry.inference_stats.compute_input.into(),
            compute_infer: entry.inference_stats.compute_infer.into(),
            compute_output: entry.inference_stats.compute_output.into(),
        });
        Ok(entries.collect())
    }
}
