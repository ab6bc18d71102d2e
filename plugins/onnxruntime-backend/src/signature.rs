//! Comparison of a model file's inputs and outputs with those of the configuration.

use std::path::Path;

use ort::value::{Outlet, ValueType};

use crate::config::{ModelConfig, TensorConfig};
use crate::error::{Error, Mismatch};
use crate::tensor::DataType;

/// An input or output of a model file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tensor {
    pub name: String,
    /// Its data type, if Triton supports it.
    pub dtype: Option<DataType>,
    /// Its shape, -1 for variable sizes.
    pub dims: Vec<i64>,
    /// Data type and shape, for messages.
    pub description: String,
}

impl Tensor {
    /// The tensor of a session's input or output.
    pub fn new(outlet: &Outlet) -> Self {
        let name = outlet.name().to_owned();
        match outlet.dtype() {
            ValueType::Tensor { ty, shape, .. } => {
                let (dtype, dims) = (DataType::from_onnx(*ty), shape.to_vec());
                let description = dtype.map_or_else(|| format!("{ty} {dims:?}"), |dtype| format!("{dtype} {dims:?}"));
                Self {
                    name,
                    dtype,
                    dims,
                    description,
                }
            }
            other => Self {
                name,
                dtype: None,
                dims: Vec::new(),
                description: other.to_string(),
            },
        }
    }

    /// The tensor as a configuration describes it.
    ///
    /// # Errors
    /// [`Error::DataType`] if Triton does not support its data type.
    pub fn configuration(&self) -> Result<TensorConfig, Error> {
        let dtype = self.dtype.ok_or_else(|| Error::DataType {
            tensor: self.name.clone(),
            dtype: self.description.clone(),
        })?;
        Ok(TensorConfig {
            name: self.name.clone(),
            dtype,
            dims: self.dims.clone(),
            optional: false,
        })
    }
}

/// Compares the tensors of the file at `path` with the configuration.
///
/// A dimension that is variable in the file may be fixed in the configuration. The reverse is an error, because the
/// model would reject requests that Triton accepts. Outputs of the file that are not configured are not served.
///
/// # Errors
/// [`Error::Mismatch`] for the first tensor that differs.
pub(crate) fn check(config: &ModelConfig, path: &Path, inputs: &[Tensor], outputs: &[Tensor]) -> Result<(), Error> {
    compare(config, path, "input", &config.inputs, inputs)?;
    compare(config, path, "output", &config.outputs, outputs)?;
    let configured = |input: &Tensor| config.inputs.iter().any(|tensor| tensor.name == input.name);
    let Some(missing) = inputs.iter().find(|input| !configured(input)) else {
        return Ok(());
    };
    let difference = Difference {
        problem: "is missing",
        configured: "no such input".to_owned(),
        found: missing.description.clone(),
        remedy: "add it to config.pbtxt",
    };
    Err(difference.error(config, path, "input", &missing.name))
}

struct Difference {
    problem: &'static str,
    configured: String,
    found: String,
    remedy: &'static str,
}

impl Difference {
    fn error(self, config: &ModelConfig, path: &Path, direction: &'static str, tensor: &str) -> Error {
        Error::from(Box::new(Mismatch {
            model: config.name.clone(),
            path: path.to_owned(),
            direction,
            tensor: tensor.to_owned(),
            problem: self.problem,
            configured: self.configured,
            found: self.found,
            remedy: self.remedy,
        }))
    }
}

fn compare(
    config: &ModelConfig,
    path: &Path,
    direction: &'static str,
    configured: &[TensorConfig],
    found: &[Tensor],
) -> Result<(), Error> {
    for tensor in configured {
        let difference = match found.iter().find(|candidate| candidate.name == tensor.name) {
            Some(candidate) => difference(config, tensor, candidate),
            None if tensor.optional => None,
            None => {
                let names: Vec<_> = found.iter().map(|candidate| candidate.name.as_str()).collect();
                Some(Difference {
                    problem: "is unknown",
                    configured: tensor.to_string(),
                    found: format!("only {}", names.join(", ")),
                    remedy: "correct the name in config.pbtxt",
                })
            }
        };
        if let Some(difference) = difference {
            return Err(difference.error(config, path, direction, &tensor.name));
        }
    }
    Ok(())
}

fn difference(config: &ModelConfig, configured: &TensorConfig, found: &Tensor) -> Option<Difference> {
    // Triton has no tensors without dimensions; [1] stands for one.
    let scalar = found.dims.is_empty() && configured.dims == [1];
    let matches = |(configured, found): (&i64, &i64)| *found == -1 || found == configured;
    let (problem, remedy) = if found.dtype != Some(configured.dtype) {
        ("has another data type", "correct data_type in config.pbtxt")
    } else if config.max_batch_size > 0 && found.dims.first().is_some_and(|&dim| dim != -1) {
        (
            "has a fixed batch dimension",
            "set max_batch_size: 0 and give all dims in config.pbtxt",
        )
    } else if !scalar && configured.dims.len() != found.dims.len() {
        ("has another number of dimensions", "correct dims in config.pbtxt")
    } else if !configured.dims.iter().zip(&found.dims).all(matches) {
        ("has another shape", "correct dims in config.pbtxt")
    } else {
        return None;
    };
    Some(Difference {
        problem,
        configured: configured.to_string(),
        found: found.description.clone(),
        remedy,
    })
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
            description: format!("{dtype} {dims:?}"),
        }
    }

    #[test]
    fn configured_shapes_must_match_the_model_file() {
        let fixed = "fixed batch dimension";
        for (batch, configured, found, problem) in [
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
                &config(batch, configured),
                Path::new("model.onnx"),
                &[tensor("x", found)],
                &[tensor("y", found)],
            );
            let error = result.err().map(|error| error.to_string());
            match (problem, &error) {
                (None, None) => {}
                (Some(problem), Some(error)) => {
                    assert!(
                        error.starts_with("model 'm': input 'x'") && error.contains(problem),
                        "{error}"
                    );
                }
                _ => panic!("{configured:?} and {found:?}: {error:?}"),
            }
        }
    }

    #[test]
    fn all_inputs_must_be_configured_but_not_all_outputs() {
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
