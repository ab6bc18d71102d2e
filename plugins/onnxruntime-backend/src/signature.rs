//! Whether a model file has the inputs and outputs that its configuration says.

use std::path::{Path, PathBuf};

use ort::value::{Outlet, ValueType};

use crate::config::{ModelConfig, TensorConfig};
use crate::error::{Error, Result};
use crate::tensor::DataType;

/// An input or output of the model file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Its type, if that is one that Triton can be given.
    pub dtype: Option<DataType>,
    /// Its shape, -1 where the size varies.
    pub dims: Vec<i64>,
    /// Type and shape in words, for messages.
    pub words: String,
}

/// A tensor that is not what the configuration says.
#[derive(Debug, thiserror::Error)]
#[error(
    "model '{model}': {direction} '{tensor}' {what}: config.pbtxt says {expected}, {} has {got}",
    .path.display()
)]
pub struct Mismatch {
    model: String,
    path: PathBuf,
    /// `input` or `output`.
    direction: &'static str,
    tensor: String,
    /// What differs.
    what: &'static str,
    expected: String,
    got: String,
}

impl Tensor {
    /// The tensor behind an inlet or outlet of a session.
    #[must_use]
    pub fn new(outlet: &Outlet) -> Self {
        let name = outlet.name().to_owned();
        match outlet.dtype() {
            ValueType::Tensor { ty, shape, .. } => {
                let (dtype, dims) = (DataType::from_onnx(*ty), shape.to_vec());
                let words = dtype.map_or_else(|| format!("{ty} {dims:?}"), |dtype| format!("{dtype} {dims:?}"));
                Self {
                    name,
                    dtype,
                    dims,
                    words,
                }
            }
            other => Self {
                name,
                dtype: None,
                dims: Vec::new(),
                words: other.to_string(),
            },
        }
    }
}

/// Compares the tensors of the file at `path` with its configuration.
///
/// A dimension that varies in the file may be fixed in the configuration, never the other way round: the file would
/// refuse what Triton lets pass. Outputs of the file that the configuration leaves out are not served.
///
/// # Errors
/// [`Error::Tensor`] for the first tensor that differs.
pub fn check(config: &ModelConfig, path: &Path, inputs: &[Tensor], outputs: &[Tensor]) -> Result<()> {
    compare(config, path, "input", &config.inputs, inputs)?;
    compare(config, path, "output", &config.outputs, outputs)?;
    match inputs
        .iter()
        .find(|input| config.inputs.iter().all(|known| known.name != input.name))
    {
        None => Ok(()),
        Some(input) => {
            let difference = ("is missing", "nothing".to_owned(), input.words.clone());
            Err(error(config, path, "input", &input.name, difference))
        }
    }
}

type Difference = (&'static str, String, String);

fn compare(
    config: &ModelConfig,
    path: &Path,
    direction: &'static str,
    expected: &[TensorConfig],
    got: &[Tensor],
) -> Result<()> {
    for tensor in expected {
        let difference = match got.iter().find(|candidate| candidate.name == tensor.name) {
            Some(found) => difference(config, tensor, found),
            None if tensor.optional => None,
            None => {
                let names: Vec<_> = got.iter().map(|candidate| candidate.name.as_str()).collect();
                Some(("is unknown", tensor.to_string(), format!("only {}", names.join(", "))))
            }
        };
        if let Some(difference) = difference {
            return Err(error(config, path, direction, &tensor.name, difference));
        }
    }
    Ok(())
}

fn difference(config: &ModelConfig, expected: &TensorConfig, got: &Tensor) -> Option<Difference> {
    // A tensor without dimensions is [1] to Triton, which has none of those.
    let scalar = got.dims.is_empty() && expected.dims == [1];
    let fits = |(want, have): (&i64, &i64)| *have == -1 || have == want;
    let what = if got.dtype != Some(expected.dtype) {
        "has another type"
    } else if config.max_batch_size > 0 && got.dims.first().is_some_and(|&dim| dim != -1) {
        "has a fixed batch dimension (with max_batch_size: 0 and whole dims it can be served)"
    } else if !scalar && expected.dims.len() != got.dims.len() {
        "has another number of dimensions"
    } else if !expected.dims.iter().zip(&got.dims).all(fits) {
        "has another shape"
    } else {
        return None;
    };
    Some((what, expected.to_string(), got.words.clone()))
}

fn error(
    config: &ModelConfig,
    path: &Path,
    direction: &'static str,
    tensor: &str,
    (what, expected, got): Difference,
) -> Error {
    Error::Tensor(Box::new(Mismatch {
        model: config.name.clone(),
        path: path.to_owned(),
        direction,
        tensor: tensor.to_owned(),
        what,
        expected,
        got,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Options;

    fn config(max_batch_size: i64, dims: &[i64]) -> ModelConfig {
        let tensor = |name: &str| TensorConfig {
            name: name.into(),
            dtype: DataType::Fp32,
            dims: dims.into(),
            optional: false,
        };
        ModelConfig {
            name: "m".into(),
            max_batch_size,
            inputs: vec![tensor("x")],
            outputs: vec![tensor("y")],
            file_name: "model.onnx".into(),
            options: Options::default(),
        }
    }

    fn tensor(name: &str, dims: &[i64]) -> Tensor {
        let dtype = DataType::Fp32;
        Tensor {
            name: name.into(),
            dtype: Some(dtype),
            dims: dims.into(),
            words: format!("{dtype} {dims:?}"),
        }
    }

    #[test]
    fn shapes_that_fit_and_shapes_that_do_not() {
        let fixed = "fixed batch dimension";
        for (batch, expected, got, what) in [
            (0, &[2, 3][..], &[2, 3][..], None),
            (0, &[2, 3], &[-1, 3], None),
            (0, &[-1, 3], &[-1, -1], None),
            (0, &[-1, 3], &[2, 3], Some("another shape")),
            (0, &[2, 4], &[2, 3], Some("another shape")),
            (0, &[6], &[2, 3], Some("number of dimensions")),
            (0, &[1], &[], None),
            (0, &[2], &[], Some("number of dimensions")),
            (8, &[-1, 3], &[-1, 3], None),
            (8, &[-1, 3], &[1, 3], Some(fixed)),
            (8, &[-1], &[-1, 3], Some("number of dimensions")),
        ] {
            let result = check(
                &config(batch, expected),
                Path::new("model.onnx"),
                &[tensor("x", got)],
                &[tensor("y", got)],
            );
            let error = result.err().map(|error| error.to_string());
            match (what, &error) {
                (None, None) => {}
                (Some(what), Some(error)) => {
                    assert!(
                        error.starts_with("model 'm': input 'x'") && error.contains(what),
                        "{error}"
                    );
                }
                _ => panic!("{expected:?} against {got:?}: {error:?}"),
            }
        }
    }

    #[test]
    fn every_input_is_needed_and_outputs_may_be_left_out() {
        let (config, path) = (config(0, &[2]), Path::new("model.onnx"));
        let (x, y) = (tensor("x", &[2]), tensor("y", &[2]));
        let more = [x.clone(), tensor("w", &[3])];
        assert!(check(&config, path, std::slice::from_ref(&x), &[y.clone(), tensor("z", &[9])]).is_ok());
        let error = check(&config, path, &more, &[y]).expect_err("w is missing").to_string();
        assert!(
            error.contains("input 'w' is missing") && error.contains("FP32 [3]"),
            "{error}"
        );
        let error = check(&config, path, &[x], &[]).expect_err("y is missing").to_string();
        assert!(error.contains("output 'y' is unknown"), "{error}");
    }
}
