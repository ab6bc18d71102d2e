//! A loaded model: the part that its instances share.

use std::path::{Path, PathBuf};

use crate::config::{self, ModelConfig, TensorConfig};
use crate::error::Error;
use crate::memory::Place;
use crate::session;
use crate::signature::Tensor;

/// What all instances of a model share.
#[derive(Debug)]
pub(crate) struct Model {
    pub config: ModelConfig,
    /// The model file.
    pub path: PathBuf,
}

impl Model {
    /// The model in the version folder `folder`.
    pub fn new(config: ModelConfig, folder: &Path) -> Self {
        let path = folder.join(&config.file_name);
        Self { config, path }
    }

    /// The configuration `json`, completed with the inputs or outputs of the model file; `None` if it has both.
    ///
    /// # Errors
    /// As [`session::load`], and [`Error::DataType`] if Triton does not support the data type of a tensor.
    pub fn completed(&self, json: &str) -> Result<Option<String>, Error> {
        let (no_inputs, no_outputs) = (self.config.inputs.is_empty(), self.config.outputs.is_empty());
        if !no_inputs && !no_outputs {
            return Ok(None);
        }
        let session = session::load(&self.config, &self.path, Place::Host)?;
        let (inputs, outputs) = session::tensors(&session);
        let inputs = no_inputs.then(|| configurations(&inputs)).transpose()?;
        let outputs = no_outputs.then(|| configurations(&outputs)).transpose()?;
        Ok(Some(config::complete(json, inputs.as_deref(), outputs.as_deref())))
    }
}

fn configurations(tensors: &[Tensor]) -> Result<Vec<TensorConfig>, Error> {
    tensors.iter().map(Tensor::configuration).collect()
}
