//! Triton elsewhere, by gRPC: KServe's inference protocol, version 2, with Triton's model configurations.
//!
//! Each client has a thread of its own, which drives the connections and calls those who wait for answers.

mod calls;
#[rustfmt::skip]
#[allow(missing_docs, unused_qualifications, clippy::all, clippy::too_many_lines)] // generated
pub(crate) mod inference;
mod message;
mod runtime;
mod servers;
mod sigpipe;
mod status;

use std::sync::Arc;
use std::time::Instant;

use crate::done::{self, Done};
use crate::{Contract, Error, Grpc, Reply, Request};
use inference::{
    ModelConfigRequest, ModelMetadataRequest, ModelReadyRequest, ModelReadyResponse, ModelStatisticsRequest,
};
use runtime::Runtime;
use servers::Servers;
use status::Failure;

/// The connections to an endpoint. Dropped, it closes them; what is in flight is cancelled and answered.
pub(crate) struct Client {
    servers: Arc<Servers>,
    runtime: Runtime,
}

impl Client {
    /// Connects to the first server that is ready, or to one that at least answers.
    pub(crate) fn connect(endpoint: &Grpc) -> Result<Self, Error> {
        let unreachable = |reason: String| Error::Unreachable {
            endpoint: endpoint.to_string(),
            reason,
        };
        let runtime = Runtime::start().map_err(|error| unreachable(error.to_string()))?;
        let wanted = endpoint.clone();
        let servers = runtime.wait(async move {
            let servers = Servers::new(&wanted)?;
            servers.choose().await.map(|()| servers)
        });
        Ok(Self {
            servers: Arc::new(servers?.map_err(unreachable)?),
            runtime,
        })
    }

    /// What a model wants and gives.
    pub(crate) fn contract(&self, model: &str, version: Option<u64>) -> Result<Contract, Error> {
        let (servers, name) = (Arc::clone(&self.servers), model.to_owned());
        self.runtime
            .wait(async move { describe(&servers, name, version).await })?
    }

    /// Sends a request; `done` is called exactly once.
    pub(crate) fn infer(&self, model: &Arc<str>, version: u64, request: Request, done: Done) {
        let deadline = request.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let (servers, model, answer) = (Arc::clone(&self.servers), Arc::clone(model), Answer(Some(done)));
        self.runtime.spawn(async move {
            let message = message::request(&model, version, request);
            let response = servers.infer(message, deadline).await;
            let failed = |failure: Failure| failure.into_error(&servers.endpoint, &model);
            answer.give(response.and_then(message::reply).map_err(failed));
        });
    }
}

async fn describe(servers: &Servers, name: String, version: Option<u64>) -> Result<Contract, Error> {
    let failed = |failure: Failure| failure.into_error(&servers.endpoint, &name);
    // Any version: the words do not differ between them, and the metadata lists those that are served.
    let asked = || (name.clone(), String::new());
    let ready = servers.ask(|mut server| {
        let (name, version) = asked();
        async move { server.model_ready(ModelReadyRequest { name, version }).await }
    });
    match ready.await {
        Ok(ModelReadyResponse { ready: true }) => {}
        Ok(ModelReadyResponse { ready: false }) => return Err(not_found(servers, name).await),
        Err(failure) if failure.is_not_found() => return Err(not_found(servers, name).await),
        Err(failure) => return Err(failed(failure)),
    }
    let metadata = servers.ask(|mut server| {
        let (name, version) = asked();
        async move { server.model_metadata(ModelMetadataRequest { name, version }).await }
    });
    let metadata = metadata.await.map_err(failed)?;
    let config = servers.ask(|mut server| {
        let (name, version) = asked();
        async move { server.model_config(ModelConfigRequest { name, version }).await }
    });
    let config = config.await.map_err(failed)?.config.unwrap_or_default();
    Contract::from_grpc(metadata, config, version)
}

/// The error that names what there is; the statistics list it.
async fn not_found(servers: &Servers, model: String) -> Error {
    let statistics = servers.ask(|mut server| async move {
        let everything = ModelStatisticsRequest::default();
        server.model_statistics(everything).await
    });
    match statistics.await {
        Ok(statistics) => {
            let mut available: Vec<_> = statistics.model_stats.into_iter().map(|entry| entry.name).collect();
            available.sort();
            available.dedup(); // there is an entry a version
            Error::ModelNotFound { model, available }
        }
        Err(failure) => failure.into_error(&servers.endpoint, &model),
    }
}

/// Somebody who waits for an answer, and gets one even when the work towards it is dropped.
struct Answer(Option<Done>);

impl Answer {
    fn give(mut self, result: Result<Reply, Error>) {
        if let Some(done) = self.0.take() {
            done::call(done, result);
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            done::call(done, Err(Error::ServerStopped));
        }
    }
}
