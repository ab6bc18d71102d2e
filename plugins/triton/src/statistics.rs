//! Statistics of a server's models, and its shared memory regions.

use std::time::Duration;

use serde::Deserialize;

use crate::Error;

/// Statistics of one version of a model since it was loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// The model.
    pub model: String,
    /// Its version.
    pub version: String,
    /// Number of inferences; each batch entry counts.
    pub inferences: u64,
    /// Number of executions of the model; lower than `inferences` if requests were batched.
    pub executions: u64,
    /// Successful requests.
    pub success: StatisticDuration,
    /// Failed requests.
    pub fail: StatisticDuration,
    /// Time in the queue, waiting for an instance of the model.
    pub queue: StatisticDuration,
    /// Time to prepare the inputs.
    pub compute_input: StatisticDuration,
    /// Time to execute the model.
    pub compute_infer: StatisticDuration,
    /// Time to extract the outputs.
    pub compute_output: StatisticDuration,
}

/// Number of events and their cumulative duration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatisticDuration {
    /// Number of events.
    pub count: u64,
    /// Cumulative duration.
    pub time: Duration,
}

/// A region of POSIX shared memory for the tensors of requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemSharedMemoryRegion {
    /// The region's name in requests.
    pub name: String,
    /// Its POSIX name, starting with a slash (as for `shm_open`).
    pub key: String,
    /// Offset of the region in the shared memory object, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub byte_size: u64,
}

/// Statistics in the JSON of an in-process server.
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
    /// Reads the statistics of `model` from Triton's JSON.
    pub(crate) fn parse(model: &str, json: &str) -> Result<Vec<Self>, Error> {
        let message: Message = serde_json::from_str(json).map_err(|error| Error::Infer {
            model: model.to_owned(),
            code: crate::Code::Internal,
            message: format!("cannot read the server's statistics: {error}"),
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
