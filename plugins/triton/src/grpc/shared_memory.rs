//! Shared memory with one server: whether the server accepts it, the registration of regions, and requests that use it.
//!
//! A server is asked to register a small region before tensors are put in shared memory: it may be in a container with
//! another `/dev/shm`, or refuse. Each region is registered once, with one server. When the server was away, or has
//! forgotten a region because it was started again, its regions are given up and it is asked anew; requests whose inputs
//! are in them are sent in messages. So memory that an earlier call may still use is never used again.

use std::error::Error as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};
use tonic::{Code, Status};

use super::channel::ServerClient;
use super::inference::{
    ModelInferRequest, ModelInferResponse, SystemSharedMemoryRegisterRequest, SystemSharedMemoryUnregisterRequest,
};
use super::message::{Answer, Outgoing, OutputSlot};
use super::outputs::{KnownModels, KnownOutputs};
use crate::shared_memory::{Region, Ring, Slot, Transfer};
use crate::{Address, SystemSharedMemoryRegion, lock};

/// Maximum size of the regions for inputs, and of those for outputs, in bytes: 50 images of 640x640 in FP32.
const BUDGET: usize = 256 << 20;

/// Size from which on a tensor is put in shared memory, in bytes.
const MIN_LEN: usize = 16 << 10;

/// Maximum time of a call about a region.
const CALL_TIMEOUT: Duration = Duration::from_secs(1);

/// Time to unregister all regions while a connection is closed.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(100);

/// Interval of attempts to unregister a region that the server still uses.
const CLOSE_INTERVAL: Duration = Duration::from_millis(10);

/// Shared memory with a server.
pub(super) struct SharedMemory {
    /// For messages.
    address: Address,
    /// Whether it is an error if shared memory cannot be used.
    is_demanded: bool,
    inputs: Arc<Ring>,
    outputs: Arc<Ring>,
    /// What the server answered when it was asked to register a region; replaced when it has to be asked again.
    acceptance: Mutex<Arc<OnceCell<Acceptance>>>,
    /// Why regions cannot be added although the server accepts them.
    exhausted: Mutex<Option<String>>,
}

/// Why a request has no answer.
pub(super) enum Unanswered {
    /// Sending it, or the request, failed.
    Failed(Status),
    /// It was not sent: shared memory is demanded, and cannot be used; why, and what to do about it.
    Refused(String),
}

impl From<Status> for Unanswered {
    fn from(status: Status) -> Self {
        Self::Failed(status)
    }
}

/// Whether a server accepts shared memory; else why not, and what to do about it.
type Acceptance = Result<(), String>;

impl SharedMemory {
    /// Shared memory with the server at `address`, if it is to be used there.
    pub(super) fn new(address: &Address, transfer: Transfer) -> Option<Self> {
        let is_used = match transfer {
            Transfer::Wire => false,
            Transfer::Auto => is_loopback(&address.host),
            Transfer::SharedMemory => true,
        };
        is_used.then(|| Self {
            address: address.clone(),
            is_demanded: transfer == Transfer::SharedMemory,
            inputs: Ring::new(BUDGET),
            outputs: Ring::new(BUDGET),
            acceptance: Mutex::default(),
            exhausted: Mutex::default(),
        })
    }

    /// A slot for an input of `len` bytes, if it is to be in shared memory and there is room.
    pub(super) fn lease(&self, len: usize) -> Option<Slot> {
        self.slot(&self.inputs, len)
    }

    /// Whether the server has accepted shared memory.
    pub(super) fn is_live(&self) -> bool {
        matches!(lock(&self.acceptance).get(), Some(Ok(())))
    }

    /// Why tensors are sent in messages, and what to do about it. `None` if they are not, or the server was not asked yet.
    pub(super) fn fallback(&self) -> Option<String> {
        let acceptance = Arc::clone(&lock(&self.acceptance));
        let refusal = acceptance.get().and_then(|acceptance| acceptance.clone().err());
        refusal.or_else(|| lock(&self.exhausted).clone())
    }

    /// Bytes of shared memory that are reserved.
    pub(super) fn len(&self) -> usize {
        self.inputs.len() + self.outputs.len()
    }

    /// Asks the server whether it accepts shared memory, unless it has answered that. If it does not respond, it is asked
    /// again the next time.
    pub(super) async fn verify(&self, server: &ServerClient) {
        let acceptance = Arc::clone(&lock(&self.acceptance));
        let _no_response = acceptance.get_or_try_init(|| self.ask(server)).await;
    }

    async fn ask(&self, server: &ServerClient) -> Result<Acceptance, Status> {
        let ring = Ring::new(MIN_LEN);
        let slot = match ring.lease(1) {
            Ok(slot) => slot.ok_or_else(|| Status::internal("a new ring has a slot"))?,
            Err(error) => return Ok(Err(self.cannot_create(&error))),
        };
        let acceptance = match register(slot.region(), server).await {
            Ok(()) => Ok(()),
            Err(status) if is_answer(&status) || is_late(&status) => Err(self.refused(&status)),
            Err(status) => return Err(status),
        };
        if acceptance.is_ok() {
            let _ = unregister(slot.region().name(), server).await; // it is a page, and this server is unlikely to fail here
        }
        Ok(acceptance)
    }

    /// Sends a request by `send`, with its tensors in shared memory where that is possible.
    pub(super) async fn infer<F: Future<Output = Result<ModelInferResponse, Status>>>(
        &self,
        request: &Outgoing,
        models: &KnownModels,
        server: &ServerClient,
        send: impl Fn(ModelInferRequest) -> F,
    ) -> Result<Answer, Unanswered> {
        self.verify(server).await;
        self.check()?;
        let outputs = models.outputs(request.model());
        if let Some(Prepared { slots, regions }) = self.prepare(request, &outputs, server).await {
            let knows = |region: &Region| self.inputs.is_usable(region) && region.registration.initialized();
            let message = request.by_shared_memory(knows, requested(&outputs, &slots));
            let unfinished = Unfinished(Some((self, regions)));
            let result = send(message).await;
            match result {
                Ok(message) => {
                    unfinished.finish();
                    outputs.learn(&message);
                    return Ok(Answer { message, slots });
                }
                // Started again. The regions are given up, and the inputs sent in the message.
                Err(status) if has_forgotten(&status) => {
                    drop(unfinished);
                    self.verify(server).await;
                }
                Err(status) if is_too_small(&status) => unfinished.finish(),
                Err(status) if is_answer(&status) => {
                    unfinished.finish();
                    return Err(status.into());
                }
                Err(status) => return Err(status.into()),
            }
        }
        let message = send(request.by_wire()).await?;
        outputs.learn(&message);
        Ok(message.into())
    }

    /// # Errors
    /// Why shared memory, which is demanded, is not used.
    pub(super) fn check(&self) -> Result<(), Unanswered> {
        let reason = self.fallback().filter(|_| self.is_demanded);
        reason.map_or(Ok(()), |reason| Err(Unanswered::Refused(reason)))
    }

    /// The server is away: it may be started again with other options.
    pub(super) fn ask_again(&self) {
        let mut acceptance = lock(&self.acceptance);
        if matches!(acceptance.get(), Some(Err(_))) {
            *acceptance = Arc::default();
        }
    }

    /// Registers the regions of a request and returns the slots of its outputs; `None` if the request is to be sent in a
    /// message.
    async fn prepare(&self, request: &Outgoing, outputs: &KnownOutputs, server: &ServerClient) -> Option<Prepared> {
        let slots = outputs.slots(|len| Some(OutputSlot::new(self.slot(&self.outputs, len)?, len)));
        let inputs = request.regions().filter(|region| self.inputs.is_usable(region));
        let regions: Vec<_> = inputs
            .chain(slots.iter().map(|(_, slot)| slot.region()))
            .map(Arc::clone)
            .collect();
        for region in &regions {
            if region.registration.initialized() {
                continue;
            }
            if let Err(status) = register(region, server).await {
                self.give_up(is_answer(&status).then(|| self.refused(&status)));
                return None;
            }
            self.unregister_forgotten(server).await;
        }
        (!regions.is_empty()).then_some(Prepared { slots, regions })
    }

    /// Whether a region has not been given up.
    fn is_usable(&self, region: &Region) -> bool {
        self.inputs.is_usable(region) || self.outputs.is_usable(region)
    }

    fn slot(&self, ring: &Arc<Ring>, len: usize) -> Option<Slot> {
        if len < MIN_LEN || !self.is_live() {
            return None;
        }
        ring.lease(len).unwrap_or_else(|error| {
            *lock(&self.exhausted) = Some(self.cannot_create(&error));
            None
        })
    }

    /// Stops using the present regions: the server may still use their memory, or has forgotten them. It is asked again
    /// unless it has just refused.
    fn give_up(&self, refusal: Option<String>) {
        *lock(&self.acceptance) =
            Arc::new(refusal.map_or_else(OnceCell::new, |refusal| OnceCell::new_with(Some(Err(refusal)))));
        lock(&self.exhausted).take();
        self.inputs.retire();
        self.outputs.retire();
    }

    async fn unregister_forgotten(&self, server: &ServerClient) {
        for ring in [&self.inputs, &self.outputs] {
            for name in ring.forgotten() {
                if unregister(&name, server).await.is_err() {
                    ring.remember(name); // the server still uses it
                }
            }
        }
    }

    /// Unregisters all regions, and returns the names of those that the server did not unregister in time.
    pub(super) async fn close(&self, server: &ServerClient) -> Vec<String> {
        let names = self.inputs.known().into_iter().chain(self.outputs.known()).collect();
        unregister_all(names, server, CLOSE_TIMEOUT).await
    }

    /// The reason for the user that a server refuses shared memory.
    fn refused(&self, status: &Status) -> String {
        let (address, message) = (&self.address, status.message());
        let remedy = match status.code() {
            Code::Unimplemented => "start tritonserver with --allow-client-shm=true",
            _ => {
                "the server needs this host's /dev/shm (a container: --ipc=host) and the right to open what this user \
                 creates there"
            }
        };
        format!("{address} does not accept shared memory: {message}; {remedy}")
    }

    fn cannot_create(&self, error: &std::io::Error) -> String {
        let address = &self.address;
        format!(
            "cannot create shared memory for {address}: {error}; a larger /dev/shm is needed (a container: --shm-size)"
        )
    }
}

/// The outputs that a request names: all of the model if one has a slot, since the response then has no others; none,
/// which means all, otherwise.
fn requested<'a>(
    outputs: &'a KnownOutputs,
    slots: &'a [(Arc<str>, OutputSlot)],
) -> impl Iterator<Item = (&'a Arc<str>, Option<&'a OutputSlot>)> {
    let slot = |name: &str| slots.iter().find(|(output, _)| **output == *name).map(|(_, slot)| slot);
    let names = outputs.names().filter(|_| !slots.is_empty());
    names.map(move |name| (name, slot(name)))
}

/// What a request refers to.
struct Prepared {
    /// Those of outputs, by their names.
    slots: Vec<(Arc<str>, OutputSlot)>,
    /// Those of inputs and outputs.
    regions: Vec<Arc<Region>>,
}

/// A call that refers to regions. If it ends without an answer of the server, which may go on using the memory, all present
/// regions are given up.
struct Unfinished<'a>(Option<(&'a SharedMemory, Vec<Arc<Region>>)>);

impl Unfinished<'_> {
    fn finish(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some((shared_memory, regions)) = self.0.take()
            && regions.iter().any(|region| shared_memory.is_usable(region))
        {
            shared_memory.give_up(None);
        }
    }
}

/// Registers a region, unless it is registered. There is one attempt: it may have succeeded at the server.
async fn register(region: &Region, server: &ServerClient) -> Result<(), Status> {
    let registered = region.registration.get_or_try_init(|| async {
        if region.is_known() {
            return Err(Status::cancelled("an earlier attempt did not end"));
        }
        let published = region.publish().map_err(|error| Status::internal(error.to_string()))?;
        let SystemSharedMemoryRegion {
            name,
            key,
            offset,
            byte_size,
        } = published.description();
        let message = SystemSharedMemoryRegisterRequest {
            name,
            key,
            offset,
            byte_size,
        };
        limited(server.clone().system_shared_memory_register(message)).await
    });
    registered.await.map(drop)
}

async fn unregister(name: &str, server: &ServerClient) -> Result<(), Status> {
    let name = name.to_owned();
    let message = SystemSharedMemoryUnregisterRequest { name };
    limited(server.clone().system_shared_memory_unregister(message)).await
}

/// Unregisters regions, and returns the names of those that are left after `limit`: the server does not respond, or uses them.
pub(super) async fn unregister_all(mut names: Vec<String>, server: &ServerClient, limit: Duration) -> Vec<String> {
    let unregistered = async {
        while let Some(name) = names.last() {
            match unregister(name, server).await {
                Ok(()) => drop(names.pop()),
                Err(_) => {
                    names.rotate_right(1);
                    sleep(CLOSE_INTERVAL).await;
                }
            }
        }
    };
    let _elapsed = timeout(limit, unregistered).await;
    names
}

/// A call about a region, limited to [`CALL_TIMEOUT`].
async fn limited<T>(call: impl Future<Output = Result<tonic::Response<T>, Status>>) -> Result<(), Status> {
    let late = |_| Err(Status::deadline_exceeded("no response to a call about shared memory"));
    timeout(CALL_TIMEOUT, call).await.unwrap_or_else(late).map(drop)
}

/// Whether the server is known to have dealt with the call, so that it does not use its memory any more.
fn is_answer(status: &Status) -> bool {
    status.source().is_none() && !matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled)
}

/// Whether there was no response in time.
fn is_late(status: &Status) -> bool {
    status.source().is_none() && status.code() == Code::DeadlineExceeded
}

/// Whether a region is unknown to the server, which has been started again.
fn has_forgotten(status: &Status) -> bool {
    is_answer(status) && status.code() == Code::NotFound && status.message().contains("shared memory region")
}

/// Whether an output did not fit in its slot.
fn is_too_small(status: &Status) -> bool {
    is_answer(status) && status.code() == Code::Internal && status.message().contains("shared memory size specified")
}

/// Whether a host name or address is that of the loopback interface.
fn is_loopback(host: &str) -> bool {
    let is_name = host == "localhost" || host.ends_with(".localhost"); // RFC 6761
    is_name
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_servers_on_this_host_are_asked_unless_it_is_demanded() {
        let check = |host: &str, transfer: Transfer, expected: bool| {
            let address = Address {
                host: host.into(),
                port: 8001,
            };
            assert_eq!(
                SharedMemory::new(&address, transfer).is_some(),
                expected,
                "{host} {transfer:?}"
            );
        };
        for host in ["localhost", "triton.localhost", "127.0.0.1", "127.1.2.3", "::1"] {
            check(host, Transfer::Auto, true);
            check(host, Transfer::SharedMemory, true);
            check(host, Transfer::Wire, false);
        }
        for host in ["triton", "localhost.example", "10.0.0.7", "2001:db8::1", "0.0.0.0"] {
            check(host, Transfer::Auto, false);
            check(host, Transfer::SharedMemory, true);
            check(host, Transfer::Wire, false);
        }
    }

    #[test]
    fn calls_whose_end_is_unknown_are_distinguished_from_answers() {
        let lost = |code| {
            let mut status = Status::new(code, "transport error");
            status.set_source(Arc::new(std::io::Error::other("reset")));
            status
        };
        for status in [
            Status::deadline_exceeded("late"),
            Status::cancelled("cancelled"),
            lost(Code::Unavailable),
            lost(Code::Unknown),
        ] {
            assert!(!is_answer(&status), "{status:?}");
        }
        let forgotten = Status::not_found("Unable to find shared memory region: 'r'");
        let too_small = Status::internal(
            "shared memory size specified with the request for output 'OUT' (8 bytes) should be at least 64 bytes",
        );
        for status in [
            &forgotten,
            &too_small,
            &Status::unavailable("Exceeds maximum queue size"),
        ] {
            assert!(is_answer(status), "{status:?}");
        }
        assert!(has_forgotten(&forgotten) && !has_forgotten(&too_small) && !has_forgotten(&lost(Code::NotFound)));
        assert!(!has_forgotten(&Status::not_found(
            "Request for unknown model: 'm' is not found"
        )));
        assert!(is_too_small(&too_small) && !is_too_small(&forgotten));
    }
}
