//! The servers of an endpoint and the choice between them.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::time::{timeout, timeout_at};
use tonic::{Request, Response, Status};

use super::access::{Access, Reasons};
use super::channel::{ServerClient, client};
use super::inference::{ModelInferRequest, ModelInferResponse, ServerReadyRequest};
use super::status::{Failure, is_unavailable};
use crate::{Error, Grpc};

/// Maximum time of a call other than inference.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// The servers of an endpoint.
pub(super) struct Servers {
    /// For error messages.
    pub(super) endpoint: Grpc,
    access: Access,
    servers: Vec<ServerClient>,
    /// Index of the server that responded last.
    current: AtomicUsize,
}

impl Servers {
    /// Does not connect yet. Must be called in a tokio runtime.
    pub(super) fn new(endpoint: &Grpc, access: Access) -> Result<Self, Error> {
        let servers = endpoint.addresses.iter().map(|address| client(address, &access));
        Ok(Self {
            endpoint: endpoint.clone(),
            servers: servers.collect::<Result<_, _>>()?,
            access,
            current: AtomicUsize::new(0),
        })
    }

    /// Chooses the first server that is ready, else the first that responds: its models may be ready even if it is not.
    ///
    /// # Errors
    /// [`Error::Untrusted`] if certificates or credentials are the reason at each address, else [`Error::Unreachable`].
    pub(super) async fn choose(&self) -> Result<(), Error> {
        let (mut responding, mut reasons) = (None, Reasons::default());
        for (index, server) in self.servers.iter().enumerate() {
            let mut server = server.clone();
            match limited(server.server_ready(ServerReadyRequest {})).await {
                Ok(response) if response.get_ref().ready => {
                    self.current.store(index, Ordering::Relaxed);
                    return Ok(());
                }
                Ok(_) => responding = responding.or(Some(index)),
                Err(status) => reasons.push_first(&self.access, &self.endpoint.addresses[index], &status),
            }
        }
        let index = responding.ok_or_else(|| reasons.into_error(&self.endpoint))?;
        self.current.store(index, Ordering::Relaxed);
        Ok(())
    }

    /// Makes a call other than inference, limited to [`CALL_TIMEOUT`].
    pub(super) async fn call<T, F>(&self, call: impl Fn(ServerClient) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        self.first_available(|server| limited(call(server))).await
    }

    /// Sends an inference request. It is cancelled at the deadline, or when this future is dropped.
    pub(super) async fn infer(
        &self,
        message: ModelInferRequest,
        deadline: Option<Instant>,
    ) -> Result<ModelInferResponse, Failure> {
        let response = self.first_available(|mut server| {
            let mut request = Request::new(message.clone()); // the tensors are shared
            if let Some(deadline) = deadline {
                request.set_timeout(deadline.saturating_duration_since(Instant::now()));
            }
            async move { server.model_infer(request).await }
        });
        match deadline {
            Some(deadline) => timeout_at(deadline.into(), response)
                .await
                .unwrap_or(Err(Failure::DeadlineExceeded)),
            None => response.await,
        }
    }

    /// Calls the server that responded last and, if it is unavailable, the following ones in turn.
    async fn first_available<T, F>(&self, call: impl Fn(ServerClient) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let (first, count) = (self.current.load(Ordering::Relaxed), self.servers.len());
        let (mut refusal, mut reasons) = (None, Reasons::default());
        for index in (0..count).map(|step| (first + step) % count) {
            match call(self.servers[index].clone()).await {
                Err(status) if is_unavailable(&status) => {
                    reasons.push(&self.access, &self.endpoint.addresses[index], &status);
                    refusal = refusal.or(Failure::of_status(status));
                }
                response => {
                    self.current.store(index, Ordering::Relaxed);
                    return response
                        .map(Response::into_inner)
                        .map_err(|status| self.access.failure(status));
                }
            }
        }
        Err(refusal.unwrap_or_else(|| Failure::Unreachable(reasons.text())))
    }
}

/// The call, limited to [`CALL_TIMEOUT`]; after that the server counts as unavailable.
async fn limited<T>(call: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    timeout(CALL_TIMEOUT, call).await.unwrap_or_else(|elapsed| {
        let mut status = Status::unavailable(format!("no response within {} s", CALL_TIMEOUT.as_secs()));
        status.set_source(Arc::new(elapsed));
        Err(status)
    })
}
