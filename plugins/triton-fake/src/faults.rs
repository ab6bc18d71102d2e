//! What a server that does not work well answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use tonic::Status;

use crate::Hold;

/// The present faults of a server. The messages are Triton's.
#[derive(Debug)]
pub(crate) struct Faults {
    /// The response to ServerReady.
    pub(crate) ready: bool,
    /// Refuses requests, as a server that was asked to stop.
    pub(crate) stopping: bool,
    /// Refuses the registration of shared memory, as Triton from 2.68 on without `--allow-client-shm=true`.
    pub(crate) refuses_shared_memory: bool,
    /// Holds the responses to ServerReady.
    pub(crate) ready_hold: Option<Arc<Hold>>,
    /// Holds the responses to all calls but inference.
    pub(crate) hold: Option<Arc<Hold>>,
    /// The error that answers calls for a model's metadata or configuration.
    pub(crate) undescribed: Option<Status>,
    /// Versions that were loaded once, as `name/version`.
    pub(crate) unloaded: BTreeSet<String>,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            ready: true,
            stopping: false,
            refuses_shared_memory: false,
            ready_hold: None,
            hold: None,
            undescribed: None,
            unloaded: BTreeSet::new(),
        }
    }
}

impl Faults {
    /// The response to ServerReady.
    pub(crate) fn server_ready(&self) -> Result<bool, Status> {
        if self.stopping {
            return Err(Status::unavailable("Server exiting"));
        }
        Ok(self.ready)
    }

    /// # Errors
    /// The response to an inference request of a server that is stopping.
    pub(crate) fn check_accepting(&self) -> Result<(), Status> {
        if self.stopping {
            return Err(Status::unavailable(
                "Server is stopping, scheduler for model has stopped accepting new inference requests",
            ));
        }
        Ok(())
    }

    /// # Errors
    /// The response to a registration of shared memory that is not allowed.
    pub(crate) fn check_shared_memory(&self) -> Result<(), Status> {
        if self.refuses_shared_memory {
            return Err(Status::unimplemented(
                "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable.",
            ));
        }
        Ok(())
    }

    /// The response to a request for a model or version that is not loaded.
    pub(crate) fn not_loaded(&self, name: &str, version: &str) -> Status {
        let was_loaded = |version: &str| self.unloaded.contains(&format!("{name}/{version}"));
        let prefix = format!("{name}/");
        let any_was_loaded = self.unloaded.iter().any(|entry| entry.starts_with(&prefix));
        if version.is_empty() && any_was_loaded {
            Status::not_found(format!("Request for unknown model: '{name}' has no available versions"))
        } else if version.is_empty() {
            Status::not_found(format!("Request for unknown model: '{name}' is not found"))
        } else if was_loaded(version) {
            Status::unavailable(format!(
                "Request for unknown model: '{name}' version {version} is not at ready state"
            ))
        } else {
            Status::not_found(format!(
                "Request for unknown model: '{name}' version {version} is not found"
            ))
        }
    }
}
