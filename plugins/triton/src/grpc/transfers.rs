//! How tensors get to the servers of an endpoint and back: in messages or in shared memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use tonic::Status;

use super::channel::ServerClient;
use super::inference::{ModelInferRequest, ModelInferResponse};
use super::message::{Answer, Outgoing};
use super::outputs::KnownModels;
use super::shared_memory::{SharedMemory, Unanswered};
use crate::shared_memory::Slot;
use crate::{Grpc, LiveTransport, ModelDescription, Transfer};

/// The ways to all servers of an endpoint. Servers are called by the index of their address.
pub(super) struct Transfers {
    /// Shared memory with each server where it is to be used.
    shared_memory: Vec<Option<SharedMemory>>,
    models: KnownModels,
    /// The server that responded last, and will probably get the next request.
    latest: AtomicUsize,
    /// Bytes of tensors in messages, in both directions.
    copied: AtomicU64,
}

impl Transfers {
    pub(super) fn new(endpoint: &Grpc, transfer: Transfer) -> Self {
        let addresses = endpoint.addresses.iter();
        Self {
            shared_memory: addresses.map(|address| SharedMemory::new(address, transfer)).collect(),
            models: KnownModels::default(),
            latest: AtomicUsize::new(0),
            copied: AtomicU64::new(0),
        }
    }

    /// Shared memory for an input of `len` bytes, if it is to be there and there is room.
    pub(super) fn lease(&self, len: usize) -> Option<Slot> {
        self.latest()?.lease(len)
    }

    /// Sends a request to a server and waits for the answer.
    pub(super) async fn infer(
        self: Arc<Self>,
        index: usize,
        server: ServerClient,
        request: Arc<Outgoing>,
    ) -> Result<Answer, Unanswered> {
        let send = |message| self.send(server.clone(), message);
        let answer = match &self.shared_memory[index] {
            Some(shared_memory) => shared_memory.infer(&request, &self.models, &server, send).await,
            None => send(request.by_wire()).await.map(Into::into).map_err(Into::into),
        };
        if answer.is_ok() {
            self.latest.store(index, Ordering::Relaxed);
        }
        answer
    }

    async fn send(&self, mut server: ServerClient, message: ModelInferRequest) -> Result<ModelInferResponse, Status> {
        self.count(&message.raw_input_contents);
        let message = server.model_infer(message).await?.into_inner();
        self.count(&message.raw_output_contents);
        Ok(message)
    }

    fn count(&self, contents: &[Bytes]) {
        let len = contents.iter().map(|data| data.len() as u64).sum();
        self.copied.fetch_add(len, Ordering::Relaxed);
    }

    /// Takes note of a model's outputs, and asks the server that described it whether it accepts shared memory.
    ///
    /// # Errors
    /// If it does not, and shared memory is demanded: why, and what to do about it.
    pub(super) async fn described(
        &self,
        index: usize,
        server: &ServerClient,
        model: &ModelDescription,
    ) -> Result<(), String> {
        self.models.describe(model);
        self.latest.store(index, Ordering::Relaxed);
        let Some(shared_memory) = &self.shared_memory[index] else {
            return Ok(());
        };
        shared_memory.verify(server).await;
        match shared_memory.check() {
            Err(Unanswered::Refused(reason)) => Err(reason),
            _ => Ok(()),
        }
    }

    /// A server is away; it is asked again whether it accepts shared memory once it is back.
    pub(super) fn ask_again(&self, index: usize) {
        if let Some(shared_memory) = &self.shared_memory[index] {
            shared_memory.ask_again();
        }
    }

    /// Unregisters the shared memory of a server, and returns the names of the regions that are left after a tenth of a second.
    pub(super) async fn close(&self, index: usize, server: &ServerClient) -> Vec<String> {
        match &self.shared_memory[index] {
            Some(shared_memory) => shared_memory.close(server).await,
            None => Vec::new(),
        }
    }

    /// The way to the server that responded last.
    pub(super) fn live(&self) -> LiveTransport {
        match self.latest() {
            Some(shared_memory) if shared_memory.is_live() => LiveTransport::SharedMemory,
            _ => LiveTransport::Wire,
        }
    }

    /// Why that server does not get tensors in shared memory, and what to do about it.
    pub(super) fn fallback(&self) -> Option<String> {
        self.latest()?.fallback()
    }

    /// Bytes of tensors that were sent or received in messages.
    pub(super) fn copied(&self) -> u64 {
        self.copied.load(Ordering::Relaxed)
    }

    /// Bytes of shared memory that are reserved, with all servers.
    pub(super) fn reserved(&self) -> usize {
        self.shared_memory.iter().flatten().map(SharedMemory::len).sum()
    }

    fn latest(&self) -> Option<&SharedMemory> {
        self.shared_memory[self.latest.load(Ordering::Relaxed)].as_ref()
    }
}
