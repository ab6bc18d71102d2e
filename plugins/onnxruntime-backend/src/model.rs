//! A loaded model: the part that its instances share.

use std::path::{Path, PathBuf};

use crate::config::{self, Completion, ModelConfig, TensorConfig};
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

    /// The configuration `json`, completed from the model file; `None` if it has inputs and outputs.
    ///
    /// Names, data types and dims of the missing ones are the file's. A model whose tensors all have a variable first dimension
    /// batches: `default_max_batch_size` requests, unless the configuration has a number, and dynamically.
    ///
    /// # Errors
    /// As [`session::load`]; [`Error::DataType`] if Triton does not support the data type of a tensor; [`Error::Config`] if the
    /// configuration has a batch size and the model does not batch.
    pub fn completed(&self, json: &str, default_max_batch_size: i64) -> Result<Option<String>, Error> {
        let (no_inputs, no_outputs) = (self.config.inputs.is_empty(), self.config.outputs.is_empty());
        if !no_inputs && !no_outputs {
            return Ok(None);
        }
        let session = session::load(&self.config, &self.path, Place::Host)?;
        let (inputs, outputs) = session::tensors(&session);
        let max_batch_size = self.max_batch_size(&inputs, &outputs, default_max_batch_size)?;
        let inputs = no_inputs.then(|| configurations(&inputs)).transpose()?;
        let outputs = no_outputs.then(|| configurations(&outputs)).transpose()?;
        let completion = Completion {
            max_batch_size,
            inputs: inputs.as_deref(),
            outputs: outputs.as_deref(),
        };
        Ok(Some(config::complete(json, &completion)))
    }

    fn max_batch_size(&self, inputs: &[Tensor], outputs: &[Tensor], default: i64) -> Result<i64, Error> {
        let fixed = inputs
            .iter()
            .chain(outputs)
            .find(|tensor| tensor.dims.first() != Some(&-1));
        match (self.config.max_batch_size, fixed) {
            (0, None) => Ok(default.max(0)),
            (0, Some(_)) => Ok(0),
            (configured, None) => Ok(configured),
            (configured, Some(fixed)) => Err(Error::Config {
                model: self.config.name.clone(),
                problem: format!(
                    "max_batch_size is {configured}, but '{}' of {} has {}, whose first dimension is not variable; expected 0, or \
                     a model that batches",
                    fixed.name,
                    self.path.display(),
                    fixed.description
                ),
            }),
        }
    }
}

fn configurations(tensors: &[Tensor]) -> Result<Vec<TensorConfig>, Error> {
    tensors.iter().map(Tensor::configuration).collect()
}
