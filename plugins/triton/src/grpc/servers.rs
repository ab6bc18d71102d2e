//! The addresses of an endpoint: the connection that a call uses, and what the calls and probes have seen.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;
use tonic::Status;

use super::access::Access;
use super::health::{Away, AwayKind, Health};
use super::link::Link;
use super::reply::Reply;
use super::status::{Cause, Failure, Finding};
use super::transfers::Transfers;
use crate::{Error, Grpc, ModelDescription, Transfer, lock};

/// The servers of an endpoint.
pub(super) struct Servers {
    /// For connections and error messages.
    pub(super) endpoint: Grpc,
    /// TLS and headers of all connections.
    access: Access,
    /// How tensors get to the servers.
    pub(super) transfers: Arc<Transfers>,
    state: Mutex<State>,
    /// Receives the addresses that are to be brought back.
    prober: UnboundedSender<usize>,
}

struct State {
    health: Health,
    /// The connection to each address that calls may use.
    links: Vec<Option<Arc<Link>>>,
    /// The addresses that the prober is bringing back.
    recovering: Vec<bool>,
}

impl Servers {
    /// Does not connect: a connection is established for the first call. `prober` receives each address that goes away. Must
    /// be called in a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Unreachable`] if an address is not one.
    pub(super) fn new(
        endpoint: &Grpc,
        access: Access,
        transfer: Transfer,
        prober: UnboundedSender<usize>,
    ) -> Result<Arc<Self>, Error> {
        let addresses = endpoint.addresses.iter().enumerate();
        let links = addresses.map(|(index, address)| Link::new(index, address, &access).map(Some));
        let links = links.collect::<Result<Vec<_>, Error>>()?;
        let state = State {
            health: Health::new(links.len()),
            recovering: vec![false; links.len()],
            links,
        };
        Ok(Arc::new(Self {
            endpoint: endpoint.clone(),
            access,
            transfers: Arc::new(Transfers::new(endpoint, transfer)),
            state: Mutex::new(state),
            prober,
        }))
    }

    /// The connection for a call, as [`Health::choose`] chooses.
    pub(super) fn choose(&self, model: Option<&str>, tried: &[usize]) -> Option<Arc<Link>> {
        let mut state = lock(&self.state);
        let index = state.health.choose(model, tried, Instant::now())?;
        state.links[index].clone()
    }

    /// What a failed call on `link` says about its server, and the failure to report.
    pub(super) fn interpret(&self, link: &Link, status: Status) -> (Finding, Failure) {
        let is_first = !lock(&self.state).health.has_responded(link.index);
        self.access.interpret(link.peer.as_ref(), status, is_first)
    }

    /// # Errors
    /// [`Self::unreachable`] if no address can be used at present.
    pub(super) fn available(&self) -> Result<(), Error> {
        if lock(&self.state).health.is_available() {
            return Ok(());
        }
        Err(self.unreachable(&[]))
    }

    /// The error of a call that no address could take: the causes of this call and, for addresses it did not try, why they
    /// are away.
    ///
    /// It is [`Error::Untrusted`] if each address refuses certificates or credentials, and none has ever accepted them.
    /// Later, a refusal is like any other outage: they are being replaced.
    pub(super) fn unreachable(&self, seen: &[(usize, Cause)]) -> Error {
        let state = lock(&self.state);
        let (mut reasons, mut refusals) = (Vec::new(), 0);
        for (index, address) in self.endpoint.addresses.iter().enumerate() {
            let seen = seen.iter().find(|(seen, _)| *seen == index).map(|(_, cause)| cause);
            let cause = seen.or_else(|| state.health.away(index).map(|away| &away.cause));
            if let Some(Cause { text, is_refusal }) = cause {
                reasons.push(format!("{address}: {text}"));
                refusals += usize::from(*is_refusal && !state.health.has_responded(index));
            }
        }
        let (endpoint, reason) = (self.endpoint.to_string(), reasons.join("; "));
        match refusals == self.endpoint.addresses.len() {
            true => Error::Untrusted { endpoint, reason },
            false => Error::Unreachable { endpoint, reason },
        }
    }

    /// Why an address is away.
    pub(super) fn away(&self, index: usize) -> Option<Cause> {
        let state = lock(&self.state);
        state.health.away(index).map(|away| away.cause.clone())
    }

    /// Takes note of a model's outputs, and asks its server whether it accepts shared memory.
    ///
    /// # Errors
    /// [`Error::SharedMemory`] if it does not, and shared memory is demanded.
    pub(super) async fn described(&self, model: &ModelDescription) -> Result<(), Error> {
        let Some(link) = self.choose(None, &[]) else {
            return Ok(()); // away since it described the model
        };
        let described = self.transfers.described(link.index, &link.client, model);
        described
            .await
            .map_err(|reason| Failure::SharedMemory(reason).into_error(&self.endpoint, &model.model))
    }

    /// Unregisters all shared memory, and returns the names of the regions that are left at each address after a tenth of a
    /// second.
    pub(super) async fn unregister(&self) -> Vec<(usize, Vec<String>)> {
        let mut unregistered = JoinSet::new();
        for link in (0..self.endpoint.addresses.len()).filter_map(|index| self.link(index)) {
            let transfers = Arc::clone(&self.transfers);
            unregistered.spawn(async move { (link.index, transfers.close(link.index, &link.client).await) });
        }
        let left = unregistered.join_all().await.into_iter();
        left.filter(|(_, names)| !names.is_empty()).collect()
    }

    /// Records what was seen of the address of `link`, unless the address has another connection by now.
    pub(super) fn record(&self, link: &Arc<Link>, seen: impl FnOnce(&mut Health, Instant)) {
        let mut state = lock(&self.state);
        if state.is_current(link) {
            seen(&mut state.health, Instant::now());
        }
    }

    /// Whether the server has responded to nothing since `since`.
    pub(super) fn is_silent(&self, link: &Link, since: Instant) -> bool {
        lock(&self.state).health.is_silent(link.index, since)
    }

    /// The connection is broken, or its server hangs: its calls fail, and later ones go to another address.
    pub(super) fn lost(&self, link: &Arc<Link>, cause: &Cause) {
        self.leave(link, cause);
        link.lose(cause);
    }

    /// Later calls go to another address; those that are waiting for a response go on.
    pub(super) fn leave(&self, link: &Arc<Link>, cause: &Cause) {
        let (cause, kind) = (cause.clone(), AwayKind::Gone);
        self.is_away(link, Away { cause, kind });
    }

    /// The server does not accept the headers: as [`Self::leave`], but the connection is kept for the next ones.
    pub(super) fn denied(&self, link: &Arc<Link>, cause: &Cause) {
        let (cause, kind) = (cause.clone(), AwayKind::Denied);
        self.is_away(link, Away { cause, kind });
    }

    /// The server responded to a probe of a connection.
    pub(super) fn replied(&self, link: &Arc<Link>, reply: Reply) {
        if reply.is_accepted() {
            self.record(link, |health, now| health.heard(link.index, now));
        }
        if let Some(away) = reply.away() {
            self.is_away(link, away);
        }
    }

    fn is_away(&self, link: &Arc<Link>, away: Away) {
        let mut state = lock(&self.state);
        if state.is_current(link) {
            if away.kind == AwayKind::Gone {
                self.transfers.ask_again(link.index);
            }
            state.is_away(link.index, away);
            self.start_recovery(&mut state, link.index);
        }
    }

    fn start_recovery(&self, state: &mut State, index: usize) {
        if !std::mem::replace(&mut state.recovering[index], true) {
            let _ = self.prober.send(index); // it ends with the client
        }
    }

    /// Time of the next attempt to bring an address back; `None` once it is.
    pub(super) fn next_attempt(&self, index: usize) -> Option<Instant> {
        let mut state = lock(&self.state);
        let next = state.health.next_attempt(index);
        state.recovering[index] = next.is_some();
        next
    }

    pub(super) fn attempted(&self, index: usize) {
        lock(&self.state).health.attempted(index, Instant::now());
    }

    /// The present connection to an address.
    pub(super) fn link(&self, index: usize) -> Option<Arc<Link>> {
        lock(&self.state).links[index].clone()
    }

    /// A new connection to an address.
    ///
    /// # Errors
    /// As [`Link::new`].
    pub(super) fn new_link(&self, index: usize) -> Result<Arc<Link>, Error> {
        Link::new(index, &self.endpoint.addresses[index], &self.access)
    }

    /// The server responded to an attempt on `link`.
    pub(super) fn recovered(&self, link: &Arc<Link>, reply: Reply) {
        let (index, mut state) = (link.index, lock(&self.state));
        if reply.is_accepted() {
            state.health.heard(index, Instant::now());
        }
        match reply.away() {
            None => state.health.is_back(index, Instant::now()),
            Some(away) => {
                state.is_away(index, away);
                self.start_recovery(&mut state, index);
            }
        }
        if !state.health.away(index).is_some_and(|away| away.kind == AwayKind::Gone) {
            state.links[index].get_or_insert_with(|| Arc::clone(link));
        }
    }

    /// The server did not respond to an attempt on a new connection.
    pub(super) fn still_away(&self, index: usize, cause: Cause) {
        let mut state = lock(&self.state);
        if state.links[index].is_none() {
            let kind = AwayKind::Gone;
            state.is_away(index, Away { cause, kind });
        }
    }
}

impl State {
    fn is_current(&self, link: &Arc<Link>) -> bool {
        let current = self.links[link.index].as_ref();
        current.is_some_and(|current| Arc::ptr_eq(current, link))
    }

    fn is_away(&mut self, index: usize, away: Away) {
        if away.kind == AwayKind::Gone {
            self.links[index] = None;
        }
        self.health.failed(index, away, Instant::now());
    }
}
