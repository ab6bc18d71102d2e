//! Calls on the wire: inference requests, which live until the server has released them, and calls of other kinds.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{sleep_until, timeout};
use tonic::{Response as GrpcResponse, Status};

use super::channel::ServerClient;
use super::link::Link;
use super::message::{Answer, Outgoing};
use super::prober;
use super::servers::Servers;
use super::shared_memory::Unanswered;
use super::status::{Cause, Failure, Finding};
use crate::callback::{self, ResponseCallback};
use crate::memory::{LeaseHandle, LeaseState};
use crate::{Error, OnRelease, Response};

/// Maximum time of a call other than inference at one address.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Time without a response to a call other than inference after which the server is probed.
const CALL_PROBE: Duration = Duration::from_secs(1);

/// An inference request from `infer` until the server has released it, which is when this is dropped: it has responded, its
/// connection has ended, or it counts as away. The deadline is not the end.
pub(super) struct InFlight {
    model: Arc<str>,
    /// Taken when it is invoked: by the response or at the deadline.
    callback: Option<ResponseCallback>,
    leases: Vec<LeaseHandle>,
    /// Owns the memory of the inputs.
    request: Arc<Outgoing>,
    deadline: Option<Instant>,
    /// Interval of the probes while there is no response.
    probe_interval: Option<Duration>,
    /// Dropped, and so invoked, last.
    _on_release: Option<OnRelease>,
}

/// What to do after a failed call at one address.
pub(super) enum Setback {
    /// The address did not take the call: try the next one.
    Next(Failure),
    /// The call has failed.
    Final(Failure),
}

impl InFlight {
    /// `timeout` begins now.
    pub(super) fn new(
        model: Arc<str>,
        (request, leases): (Outgoing, Vec<LeaseHandle>),
        timeout: Option<Duration>,
        probe_after: Option<Duration>,
        on_release: Option<OnRelease>,
        callback: ResponseCallback,
    ) -> Self {
        for lease in &leases {
            lease.advance(LeaseState::InFlight);
        }
        Self {
            model,
            callback: Some(callback),
            leases,
            request: Arc::new(request),
            deadline: timeout.and_then(|timeout| Instant::now().checked_add(timeout)),
            probe_interval: probe_after.into_iter().chain(timeout).min(),
            _on_release: on_release,
        }
    }

    /// Sends the request to the address of choice, and to the next one if an address does not take it, and waits for its
    /// end.
    pub(super) async fn run(mut self, servers: &Arc<Servers>, decode: fn(Answer) -> Result<Response, Failure>) {
        let mut attempts = Attempts::new(servers);
        let result = loop {
            let Some(link) = servers.choose(Some(&self.model), &attempts.tried) else {
                break Err(attempts.failure(&self.model));
            };
            match self.send(servers, &link).await {
                Ok(response) => {
                    let failed = |failure: Failure| failure.into_error(&servers.endpoint, &self.model);
                    break decode(response).map_err(failed);
                }
                Err(Setback::Next(failure)) if self.callback.is_some() => attempts.add(&link, failure),
                Err(Setback::Next(failure) | Setback::Final(failure)) => {
                    break Err(attempts.error(&link, failure, &self.model));
                }
            }
        };
        self.complete(LeaseState::Answered, result);
    }

    /// Sends the request to one address and waits for the end there.
    async fn send(&mut self, servers: &Arc<Servers>, link: &Arc<Link>) -> Result<Answer, Setback> {
        let sent = Instant::now();
        let transfers = Arc::clone(&servers.transfers);
        let mut response = pin!(transfers.infer(link.index, link.client.clone(), Arc::clone(&self.request)));
        let mut lost = pin!(link.lost());
        let mut next_probe = self.probe_interval.and_then(|interval| sent.checked_add(interval));
        loop {
            let deadline = self.deadline.filter(|_| self.callback.is_some());
            tokio::select! {
                biased;
                response = &mut response => return self.judge(servers, link, sent, response),
                cause = &mut lost => return Err(Setback::Final(Failure::Unreachable(cause))),
                () = until(deadline) => {
                    self.complete(LeaseState::Quarantined, Err(Error::DeadlineExceeded));
                    servers.record(link, |health, now| health.was_late(link.index, &self.model, sent, now));
                }
                () = until(next_probe) => {
                    let interval = self.probe_interval.unwrap_or_default();
                    prober::suspect(servers, link, sent, interval);
                    next_probe = Instant::now().checked_add(interval.max(CALL_PROBE));
                }
            }
        }
    }

    /// What a response says about the server and about the request.
    fn judge(
        &self,
        servers: &Arc<Servers>,
        link: &Arc<Link>,
        sent: Instant,
        response: Result<Answer, Unanswered>,
    ) -> Result<Answer, Setback> {
        let (index, model, in_time) = (link.index, &self.model, self.callback.is_some());
        let status = match response {
            Ok(response) => {
                servers.record(link, |health, now| health.responded(index, model, in_time, now));
                return Ok(response);
            }
            Err(Unanswered::Refused(reason)) => return Err(Setback::Final(Failure::SharedMemory(reason))),
            Err(Unanswered::Failed(status)) => status,
        };
        let (finding, failure) = servers.interpret(link, status);
        match finding {
            Finding::Unsent | Finding::Leaving | Finding::Broken => servers.leave(link, &failure.cause()),
            Finding::Denied => servers.denied(link, &failure.cause()),
            Finding::LacksModel => servers.record(link, |health, now| health.lacks(index, model, now)),
            Finding::Dropped => servers.record(link, |health, now| {
                health.heard(index, now);
                health.was_late(index, model, sent, now);
            }),
            Finding::Failed => servers.record(link, |health, now| health.responded(index, model, in_time, now)),
        }
        Err(match finding {
            Finding::Unsent | Finding::Denied | Finding::Leaving | Finding::LacksModel => Setback::Next(failure),
            // The server may have executed the request.
            Finding::Broken | Finding::Dropped | Finding::Failed => Setback::Final(failure),
        })
    }

    /// Invokes the callback, unless it has been invoked.
    fn complete(&mut self, state: LeaseState, result: Result<Response, Error>) {
        if let Some(callback) = self.callback.take() {
            for lease in &self.leases {
                lease.advance(state);
            }
            callback::invoke(callback, result);
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.complete(LeaseState::Answered, Err(Error::ServerStopped)); // the client has been closed
    }
}

/// Makes a call other than inference at the address of choice, and at the next one if it fails there.
pub(super) async fn call<T, F>(
    servers: &Arc<Servers>,
    about: &str,
    work: impl Fn(Conversation) -> F,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, Setback>>,
{
    let mut attempts = Attempts::new(servers);
    while let Some(link) = servers.choose(None, &attempts.tried) {
        let conversation = Conversation {
            servers: Arc::clone(servers),
            link: Arc::clone(&link),
        };
        match work(conversation).await {
            Ok(value) => return Ok(value),
            Err(Setback::Next(failure)) => attempts.add(&link, failure),
            Err(Setback::Final(failure)) => return Err(attempts.error(&link, failure, about)),
        }
    }
    Err(attempts.failure(about))
}

/// Calls other than inference at one address.
pub(super) struct Conversation {
    servers: Arc<Servers>,
    link: Arc<Link>,
}

impl Conversation {
    pub(super) fn client(&self) -> ServerClient {
        self.link.client.clone()
    }

    /// Makes one call, limited to [`CALL_TIMEOUT`].
    pub(super) async fn ask<T>(
        &self,
        call: impl Future<Output = Result<GrpcResponse<T>, Status>>,
    ) -> Result<T, Setback> {
        let (servers, link, sent) = (&self.servers, &self.link, Instant::now());
        let mut response = pin!(timeout(CALL_TIMEOUT, call));
        let mut lost = pin!(link.lost());
        let mut next_probe = sent + CALL_PROBE;
        let response = loop {
            tokio::select! {
                biased;
                response = &mut response => break response,
                cause = &mut lost => return Err(Setback::Next(Failure::Unreachable(cause))),
                () = sleep_until(next_probe.into()) => {
                    prober::suspect(servers, link, sent, CALL_PROBE);
                    next_probe += CALL_PROBE;
                }
            }
        };
        let status = match response {
            Ok(Ok(response)) => {
                servers.record(link, |health, now| health.heard(link.index, now));
                return Ok(response.into_inner());
            }
            Ok(Err(status)) => status,
            Err(_elapsed) => {
                let cause = Cause::temporary(format!("no response within {} s", CALL_TIMEOUT.as_secs()));
                return Err(Setback::Next(Failure::Unreachable(cause)));
            }
        };
        let (finding, failure) = servers.interpret(link, status);
        Err(match finding {
            Finding::Unsent | Finding::Broken | Finding::Leaving => {
                servers.leave(link, &failure.cause());
                Setback::Next(failure)
            }
            Finding::Denied => {
                servers.denied(link, &failure.cause());
                Setback::Next(failure)
            }
            Finding::LacksModel | Finding::Dropped => Setback::Next(failure),
            Finding::Failed => Setback::Final(failure),
        })
    }
}

/// The addresses that did not take a call.
struct Attempts<'a> {
    servers: &'a Servers,
    tried: Vec<usize>,
    /// Why there was no response.
    silent: Vec<(usize, Cause)>,
    /// The first response of a server: it says more than that others do not respond.
    refusal: Option<Failure>,
}

impl<'a> Attempts<'a> {
    fn new(servers: &'a Servers) -> Self {
        Self {
            servers,
            tried: Vec::new(),
            silent: Vec::new(),
            refusal: None,
        }
    }

    fn add(&mut self, link: &Link, failure: Failure) {
        self.tried.push(link.index);
        match failure {
            Failure::Unreachable(cause) => self.silent.push((link.index, cause)),
            refusal => {
                self.refusal.get_or_insert(refusal);
            }
        }
    }

    /// The error of a call that failed at `link`.
    fn error(mut self, link: &Link, failure: Failure, about: &str) -> Error {
        match failure {
            Failure::Unreachable(_) => {
                self.refusal = None;
                self.add(link, failure);
                self.failure(about)
            }
            failure => failure.into_error(&self.servers.endpoint, about),
        }
    }

    /// The error of a call that no address took.
    fn failure(self, about: &str) -> Error {
        match self.refusal {
            Some(refusal) => refusal.into_error(&self.servers.endpoint, about),
            None => self.servers.unreachable(&self.silent),
        }
    }
}

/// Waits until a time; for ever without one.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time.into()).await,
        None => pending().await,
    }
}
