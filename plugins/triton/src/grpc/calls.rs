//! The calls about what a server counts, and about shared memory.

use std::sync::Arc;
use std::time::Duration;

use super::Client;
use super::inference::{
    InferStatistics, ModelStatistics, ModelStatisticsRequest, SharedMemoryRegion, StatisticDuration,
    SystemSharedMemoryRegisterRequest, SystemSharedMemoryStatusRequest, SystemSharedMemoryUnregisterRequest,
};
use super::status::Failure;
use crate::statistics::Spent;
use crate::{Error, SharedRegion, Statistics};

impl Client {
    /// What the server has counted of a model.
    pub(crate) fn statistics(&self, model: &str) -> Result<Vec<Statistics>, Error> {
        let (servers, name) = (Arc::clone(&self.servers), model.to_owned());
        let answer = self.runtime.wait(async move {
            let call = servers.ask(|mut server| {
                let (name, version) = (name.clone(), String::new());
                async move { server.model_statistics(ModelStatisticsRequest { name, version }).await }
            });
            call.await
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
        let servers = Arc::clone(&self.servers);
        let SharedRegion {
            name,
            key,
            offset,
            byte_size,
        } = region.clone();
        let message = SystemSharedMemoryRegisterRequest {
            name,
            key,
            offset,
            byte_size,
        };
        let answer = self.runtime.wait(async move {
            let call = servers.ask(|mut server| {
                let message = message.clone();
                async move { server.system_shared_memory_register(message).await }
            });
            call.await
        })?;
        answer.map(drop).map_err(|failure| self.refused(&region.name, failure))
    }

    /// Has the server let go of a region.
    pub(crate) fn unregister(&self, region: &str) -> Result<(), Error> {
        let (servers, name) = (Arc::clone(&self.servers), region.to_owned());
        let answer = self.runtime.wait(async move {
            let call = servers.ask(|mut server| {
                let message = SystemSharedMemoryUnregisterRequest { name: name.clone() };
                async move { server.system_shared_memory_unregister(message).await }
            });
            call.await
        })?;
        answer.map(drop).map_err(|failure| self.refused(region, failure))
    }

    /// The regions that the server knows.
    pub(crate) fn regions(&self) -> Result<Vec<SharedRegion>, Error> {
        let servers = Arc::clone(&self.servers);
        let answer = self.runtime.wait(async move {
            let call = servers.ask(|mut server| async move {
                let everything = SystemSharedMemoryStatusRequest::default();
                server.system_shared_memory_status(everything).await
            });
            call.await
        })?;
        let answer = answer.map_err(|failure| self.refused("all", failure))?;
        let mut regions: Vec<SharedRegion> = answer.regions.into_values().map(Into::into).collect();
        regions.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(regions)
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
