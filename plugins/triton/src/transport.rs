//! The two ways to a Triton, as one: inside this process, or by gRPC.

use std::sync::Arc;

use crate::buffer::Pool;
use crate::{Contract, Done, Endpoint, Error, Log, Request, SharedRegion, Statistics, grpc, in_process};

/// An open way to a Triton.
pub(crate) enum Transport {
    InProcess(Box<in_process::InProcessServer>),
    Grpc(grpc::Client),
}

impl Transport {
    pub(crate) fn open(endpoint: &Endpoint, log: Log) -> Result<Self, Error> {
        match endpoint {
            Endpoint::InProcess(endpoint) => {
                in_process::InProcessServer::open(endpoint, log).map(|host| Self::InProcess(Box::new(host)))
            }
            Endpoint::Grpc(endpoint) => grpc::Client::connect(endpoint).map(Self::Grpc),
        }
    }

    /// Sees to it that a model is loaded; a server elsewhere decides that itself.
    pub(crate) fn load(&self, model: &str) -> Result<(), Error> {
        match self {
            Self::InProcess(host) => host.load(model),
            Self::Grpc(_) => Ok(()),
        }
    }

    /// What a loaded model wants and gives.
    pub(crate) fn contract(&self, model: &str, version: Option<u64>) -> Result<Contract, Error> {
        match self {
            Self::InProcess(host) => {
                let description = host.describe(model)?;
                Contract::parse(&description.metadata, &description.config, version)
            }
            Self::Grpc(client) => client.contract(model, version),
        }
    }

    /// Sends a request; `done` is called exactly once. `outputs` is where memory for in-process answers comes from.
    pub(crate) fn infer(&self, model: &Arc<str>, version: u64, outputs: &Arc<Pool>, request: Request, done: Done) {
        match self {
            Self::InProcess(host) => host.infer(model, version, outputs, request, done),
            Self::Grpc(client) => client.infer(model, version, request, done),
        }
    }

    /// What the server has counted of a model.
    pub(crate) fn statistics(&self, model: &str) -> Result<Vec<Statistics>, Error> {
        match self {
            Self::InProcess(host) => host.statistics(model),
            Self::Grpc(client) => client.statistics(model),
        }
    }

    /// Has the server map a region of shared memory.
    pub(crate) fn register(&self, region: &SharedRegion) -> Result<(), Error> {
        self.remote(&region.name)?.register(region)
    }

    /// Has the server let go of a region of shared memory.
    pub(crate) fn unregister(&self, region: &str) -> Result<(), Error> {
        self.remote(region)?.unregister(region)
    }

    /// The regions of shared memory that the server knows.
    pub(crate) fn regions(&self) -> Result<Vec<SharedRegion>, Error> {
        self.remote("all")?.regions()
    }

    /// The client of a server elsewhere, for what only those have a use for.
    fn remote(&self, region: &str) -> Result<&grpc::Client, Error> {
        match self {
            Self::InProcess(_) => Err(Error::SharedMemory {
                region: region.to_owned(),
                endpoint: "inprocess:".into(),
                reason: "a server in this process sees its memory anyway; use the tensors themselves".into(),
            }),
            Self::Grpc(client) => Ok(client),
        }
    }

    /// Ends it; every request is answered by then. Not to be called from a request's `done`, which it would wait for.
    pub(crate) fn close(self) {
        match self {
            Self::InProcess(host) => host.close(),
            Self::Grpc(client) => drop(client),
        }
    }
}
