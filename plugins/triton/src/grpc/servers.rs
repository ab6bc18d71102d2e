//! The servers of an endpoint, and which of them is asked.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::time::{timeout, timeout_at};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use super::inference::grpc_inference_service_client::GrpcInferenceServiceClient;
use super::inference::{ModelInferRequest, ModelInferResponse, ServerReadyRequest};
use super::status::{Failure, is_unavailable, reason};
use crate::{Address, Grpc};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long an answer may take that needs no inference.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// With requests waiting, a silent server is asked for a sign of life after `KEEP_ALIVE`, and given up without one. gRPC
/// servers end connections that ask three times without anything sent between: longer than any inference takes.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// The largest message: Triton's own limit, that of protobuf.
const MAX_MESSAGE: usize = i32::MAX as usize;

/// What calls one server, by a connection that is made when first used and again after it broke.
pub(super) type ServerClient = GrpcInferenceServiceClient<Channel>;

/// The servers of an endpoint.
pub(super) struct Servers {
    /// For messages.
    pub(super) endpoint: Grpc,
    servers: Vec<ServerClient>,
    /// The one that answered last.
    current: AtomicUsize,
}

impl Servers {
    /// Connects to nobody yet. To be called in a runtime. The error is a reason, as all of them here.
    pub(super) fn new(endpoint: &Grpc) -> Result<Self, String> {
        let servers = endpoint.addresses.iter().map(client);
        Ok(Self {
            endpoint: endpoint.clone(),
            servers: servers.collect::<Result<_, _>>()?,
            current: AtomicUsize::new(0),
        })
    }

    /// Finds the first server that is ready; without one, the first that answers: its models may do all the same.
    pub(super) async fn choose(&self) -> Result<(), String> {
        let (mut answering, mut reasons) = (None, Vec::new());
        for (index, server) in self.servers.iter().enumerate() {
            let mut server = server.clone();
            match limited(server.server_ready(ServerReadyRequest {})).await {
                Ok(answer) if answer.get_ref().ready => {
                    self.current.store(index, Ordering::Relaxed);
                    return Ok(());
                }
                Ok(_) => answering = answering.or(Some(index)),
                Err(status) => reasons.push(self.described(index, &status)),
            }
        }
        let index = answering.ok_or_else(|| reasons.join("; "))?;
        self.current.store(index, Ordering::Relaxed);
        Ok(())
    }

    /// Asks for something that needs no inference.
    pub(super) async fn call<T, F>(&self, call: impl Fn(ServerClient) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        self.first_available(|server| limited(call(server))).await
    }

    /// Asks for an inference. Cancelled at the deadline, and when dropped.
    pub(super) async fn infer(
        &self,
        message: ModelInferRequest,
        deadline: Option<Instant>,
    ) -> Result<ModelInferResponse, Failure> {
        let answer = self.first_available(|mut server| {
            let mut request = Request::new(message.clone()); // the tensors are shared
            if let Some(deadline) = deadline {
                request.set_timeout(deadline.saturating_duration_since(Instant::now()));
            }
            async move { server.model_infer(request).await }
        });
        match deadline {
            Some(deadline) => timeout_at(deadline.into(), answer)
                .await
                .unwrap_or(Err(Failure::DeadlineExceeded)),
            None => answer.await,
        }
    }

    /// The answer of the server that answered last or, while one is not available, of the next, and so on round.
    async fn first_available<T, F>(&self, call: impl Fn(ServerClient) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let (first, count) = (self.current.load(Ordering::Relaxed), self.servers.len());
        let (mut refusal, mut reasons) = (None, Vec::new());
        for index in (0..count).map(|step| (first + step) % count) {
            match call(self.servers[index].clone()).await {
                Err(status) if is_unavailable(&status) => {
                    reasons.push(self.described(index, &status));
                    refusal = refusal.or(Failure::of_status(status));
                }
                answer => {
                    self.current.store(index, Ordering::Relaxed);
                    return answer.map(Response::into_inner).map_err(Failure::from);
                }
            }
        }
        Err(refusal.unwrap_or_else(|| Failure::Unreachable(reasons.join("; "))))
    }

    fn described(&self, index: usize, status: &Status) -> String {
        format!("{}: {}", self.endpoint.addresses[index], reason(status))
    }
}

fn client(address: &Address) -> Result<ServerClient, String> {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}"));
    let endpoint = endpoint.map_err(|error| format!("{address}: {error}"))?;
    let channel = endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .connect_lazy();
    Ok(ServerClient::new(channel)
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE))
}

/// The call, given up when it takes long: as good as away.
async fn limited<T>(call: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    timeout(CALL_TIMEOUT, call).await.unwrap_or_else(|elapsed| {
        let mut status = Status::unavailable(format!("no answer within {} s", CALL_TIMEOUT.as_secs()));
        status.set_source(Arc::new(elapsed));
        Err(status)
    })
}
