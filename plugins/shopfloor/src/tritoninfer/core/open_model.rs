//! The state from READY on: the model, the settings that are fixed while it is open, latency estimate and timings.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use inference::{Error, LatencyEstimate, Session, Timings};
use triton::{Endpoint, ServerPool};

use super::regions;
use crate::locate;
use crate::tritoninfer::settings::{InferenceRegion, Settings};

/// An open model and how this element uses it.
pub struct OpenModel {
    pub session: Session,
    /// The settings that are fixed while the model is open.
    pub region: InferenceRegion,
    pub max_in_flight: usize,
    estimate: Mutex<LatencyEstimate>,
    timings: Mutex<Timings>,
}

impl OpenModel {
    /// Connects, loads the model and reads its contract. Takes as long as the server takes to load the model.
    pub fn open(settings: &Settings, pool: &ServerPool) -> Result<Self, Error> {
        let (name, version) = (settings.model.as_deref().unwrap_or_default(), settings.model_version);
        let server = pool.open(&endpoint(settings)?)?;
        let session = Session::new(server.model(name, Some(version).filter(|version| *version > 0))?)?;
        regions::check_task(session.contract(), settings.inference_region)?;
        let estimate = match settings.latency {
            0 => LatencyEstimate::default(),
            latency => LatencyEstimate::fixed(Duration::from_millis(latency.into())),
        };
        Ok(Self {
            session,
            region: settings.inference_region,
            max_in_flight: settings.max_in_flight as usize,
            estimate: Mutex::new(estimate),
            timings: Mutex::default(),
        })
    }

    /// The latency of live frames; `None` before the measurement.
    pub fn latency(&self) -> Option<Duration> {
        self.estimate().latency()
    }

    /// A copy of the estimate.
    pub fn estimate(&self) -> LatencyEstimate {
        *self.estimate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the estimate after the warm-up.
    pub fn set_estimate(&self, estimate: LatencyEstimate) {
        *self.estimate.lock().unwrap_or_else(PoisonError::into_inner) = estimate;
    }

    /// Records that a response took `took`; true if the estimate changed.
    pub fn observe(&self, took: Duration) -> bool {
        self.estimate
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .observe(took)
    }

    /// Updates the timings.
    pub fn count(&self, change: impl FnOnce(&mut Timings)) {
        change(&mut self.timings.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// A copy of the timings.
    pub fn timings(&self) -> Timings {
        *self.timings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn endpoint(settings: &Settings) -> Result<Endpoint, triton::Error> {
    let server = settings
        .server
        .clone()
        .or_else(|| std::env::var("SHOPFLOOR_SERVER").ok());
    let repository = settings
        .model_repository
        .as_deref()
        .map(|path| Path::new(path).to_owned());
    let repository = repository.or_else(locate::model_repository).unwrap_or_default();
    let install_dir = locate::triton_install_dir().unwrap_or_default();
    Endpoint::parse(server.as_deref().unwrap_or("inprocess:"), &repository, &install_dir)
}
