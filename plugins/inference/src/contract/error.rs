//! The error for a model that does not meet its contract.

use std::fmt;
use std::sync::Arc;

/// A model that does not meet its contract: model, tensor, key, expected value, actual value and remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractError {
    /// The model.
    pub model: String,
    /// The tensor, if the error concerns one.
    pub tensor: Option<Arc<str>>,
    /// The key among the model's `parameters`, if the error concerns one.
    pub key: Option<Box<str>>,
    /// The expected value.
    pub expected: String,
    /// The actual value.
    pub found: String,
    /// How to correct it.
    pub remedy: &'static str,
}

impl ContractError {
    pub(super) fn new(model: &str, expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        Self {
            model: model.to_owned(),
            tensor: None,
            key: None,
            expected: expected.to_string(),
            found: found.to_string(),
            remedy: "correct the model's config.pbtxt",
        }
    }

    pub(super) fn tensor(mut self, name: &Arc<str>) -> Self {
        self.tensor = Some(Arc::clone(name));
        self
    }

    pub(super) fn key(mut self, key: &str) -> Self {
        self.key = Some(key.into());
        self
    }

    pub(super) fn remedy(mut self, remedy: &'static str) -> Self {
        self.remedy = remedy;
        self
    }
}

impl fmt::Display for ContractError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "model '{}'", self.model)?;
        if let Some(tensor) = &self.tensor {
            write!(f, ", tensor '{tensor}'")?;
        }
        if let Some(key) = &self.key {
            write!(f, ", parameter '{key}'")?;
        }
        write!(f, ": expected {}, got {}; {}", self.expected, self.found, self.remedy)
    }
}

impl std::error::Error for ContractError {}
