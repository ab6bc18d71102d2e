//! A loaded model and its instances: what Triton's handles point to.

use std::path::{Path, PathBuf};

use ort::memory::Allocator;
use ort::session::Session;

use crate::config::{self, ModelConfig};
use crate::error::Result;
use crate::ffi::{self, Level, LiveInstance};
use crate::memory::Place;
use crate::session;

/// What all instances of a model share.
#[derive(Debug)]
pub struct Model {
    /// Its configuration.
    pub config: ModelConfig,
    /// The model file.
    pub path: PathBuf,
}

impl Model {
    /// The model of the version folder `folder`.
    #[must_use]
    pub fn new(config: ModelConfig, folder: &Path) -> Self {
        let path = folder.join(&config.file_name);
        Self { config, path }
    }

    /// The configuration `json` with the inputs or outputs that it leaves out, taken from the model file; `None` if it
    /// names both.
    ///
    /// # Errors
    /// As [`session::load`], and [`crate::error::Error::DataType`] for a tensor that cannot be served.
    pub fn completed(&self, json: &str) -> Result<Option<String>> {
        if !self.config.inputs.is_empty() && !self.config.outputs.is_empty() {
            return Ok(None);
        }
        let session = session::load(&self.config, &self.path, Place::Host)?;
        let (inputs, outputs) = session::tensors(&session);
        config::complete(json, &inputs, &outputs).map(Some)
    }
}

/// One instance: a session of its own, so that instances run at the same time.
#[derive(Debug)]
pub struct Instance {
    /// Triton's handle, for statistics.
    pub(crate) handle: LiveInstance,
    /// Whether the first dimension of every tensor is the batch.
    pub(crate) batching: bool,
    /// Where inputs are wanted and outputs are made.
    pub(crate) place: Place,
    /// Makes memory at `place`; dropped before the session that it comes from.
    pub(crate) allocator: Allocator,
    pub(crate) session: Session,
}

impl Instance {
    /// Loads the model for one instance.
    ///
    /// # Errors
    /// As [`session::open`].
    pub fn open(model: &Model, handle: LiveInstance, name: &str, place: Place) -> Result<Self> {
        let session = session::open(&model.config, &model.path, place)?;
        let allocator = Allocator::new(&session, place.info()?)?;
        ffi::log(
            Level::Info,
            &format!("instance {name}: {} on {place:?}", model.path.display()),
        );
        Ok(Self {
            handle,
            batching: model.config.max_batch_size > 0,
            place,
            allocator,
            session,
        })
    }
}
