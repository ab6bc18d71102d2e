//! The calls about what a server counts, and about shared memory.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tonic::{Response, Status};

use super::Client;
use super::inference::{
    InferStatistics, ModelStatistics, ModelStatisticsRequest, SharedMemoryRegion, StatisticDuration,
    SystemSharedMemoryRegisterRequest, SystemSharedMemoryStatusRequest, SystemSharedMemoryUnregisterRequest,
};
use super::servers::Stub;
use super::status::Failure;
use crate::statistics::Spent;
use crate::{Error, SharedRegion, Statistics};

impl Client {
    /// What the server has counted of a model.
    pub(crate) fn statistics(&self, model: &str) -> Result<Vec<Statistics>, Error> {
        let name = model.to_owned();
        let answer = self.ask(move |mut server| {
            let (name, version) = (name.clone(), String::new());
            async move { server.model_statistics(ModelStatisticsRequest { name, version }).await }
        })?;
        let failed = |failure: Failure| failure.into_error(&self.servers.endpoint, model);
        Ok(answer
            .map_err(failed)?
            .model_stats
            .into_iter()
            .map(Into::into)
            .collect())
    }

    /// Has the server map a region of shared memory.
    pub(crate) fn register(&self, region: &SharedRegion) -> Result<(), Error> {
        let message = SystemSharedMemoryRegisterRequest {
            name: region.name.clone(),
            key: region.key.clone(),
            offset: region.offset,
            byte_size: region.byte_size,
        };
        let answer = self.ask(move |mut server| {
            let message = message.clone();
            async move { server.system_shared_memory_register(message).await }
        })?;
        answer.map(drop).map_err(|failure| self.refused(&region.name, failure))
    }

    /// Has the server let go of a region.
    pub(crate) fn unregister(&self, region: &str) -> Result<(), Error> {
        let message = SystemSharedMemoryUnregisterRequest {
            name: region.to_owned(),
        };
        let answer = self.ask(move |mut server| {
            let message = message.clone();
            async move { server.system_shared_memory_unregister(message).await }
        })?;
        answer.map(drop).map_err(|failure| self.refused(region, failure))
    }

    /// The regions that the server knows.
    pub(crate) fn regions(&self) -> Result<Vec<SharedRegion>, Error> {
        let answer = self.ask(|mut server| async move {
            let everything = SystemSharedMemoryStatusRequest::default();
            server.system_shared_memory_status(everything).await
        })?;
        let answer = answer.map_err(|failure| self.refused("all", failure))?;
        let mut regions: Vec<SharedRegion> = answer.regions.into_values().map(Into::into).collect();
        regions.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(regions)
    }

    /// Asks for something that needs no inference, and waits for what comes of it.
    fn ask<T, F>(&self, call: impl Fn(Stub) -> F + Send + Sync + 'static) -> Result<Result<T, Failure>, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<Response<T>, Status>> + Send,
    {
        let servers = Arc::clone(&self.servers);
        self.runtime.wait(async move { servers.ask(call).await })
    }

    fn refused(&self, region: &str, failure: Failure) -> Error {
        match failure.into_error(&self.servers.endpoint, region) {
            Error::Infer { code, message, .. } => Error::SharedMemory {
                region: region.to_owned(),
                endpoint: self.servers.endpoint.to_string(),
                reason: format!("{code}: {message}"),
            },
            error => error,
        }
    }
}

impl From<SharedMemoryRegion> for SharedRegion {
    fn from(region: SharedMemoryRegion) -> Self {
        Self {
            name: region.name,
            key: region.key,
            offset: region.offset,
            byte_size: region.byte_size,
        }
    }
}

impl From<ModelStatistics> for Statistics {
    fn from(entry: ModelStatistics) -> Self {
        let times: InferStatistics = entry.inference_stats.unwrap_or_default();
        Self {
            model: entry.name,
            version: entry.version,
            inferences: entry.inference_count,
            executions: entry.execution_count,
            success: spent(times.success),
            fail: spent(times.fail),
            queue: spent(times.queue),
            compute_input: spent(times.compute_input),
            compute_infer: spent(times.compute_infer),
            compute_output: spent(times.compute_output),
        }
    }
}

fn spent(duration: Option<StatisticDuration>) -> Spent {
    let StatisticDuration { count, ns } = duration.unwrap_or_default();
    let time = Duration::from_nanos(ns);
    Spent { count, time }
}
