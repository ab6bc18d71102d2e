//! The task `people`: checks that the model has the required outputs.

use people::VestName;
use triton::{DataType, TensorSpec};

use super::parameters::Parameters;
use super::{ContractError, Task, is_float};

/// The task, if the model has its outputs; additional outputs are allowed.
pub(super) fn task(parameters: &Parameters, outputs: &[TensorSpec]) -> Result<Task, ContractError> {
    let labels: Vec<VestName> = super::labels(parameters)?;
    // -1: any number of people
    let expected: [(&str, DataType, &[i64]); 5] = [
        ("boxes", DataType::Fp32, &[-1, 4]),
        ("scores", DataType::Fp32, &[-1]),
        ("keypoints", DataType::Fp32, &[-1, 17, 3]),
        ("vests", DataType::Fp32, &[-1, labels.len() as i64]),
        ("count", DataType::Int64, &[1]),
    ];
    for (name, datatype, shape) in expected {
        let output = outputs.iter().find(|output| &*output.name == name);
        let may_be_read = |found| found == datatype || (is_float(found) && is_float(datatype));
        if output.is_some_and(|output| may_be_read(output.datatype) && may_be(&output.shape, shape)) {
            continue;
        }
        let found = output.map_or("no such output".to_owned(), ToString::to_string);
        let key = if name == "vests" {
            "shopfloor.labels"
        } else {
            "shopfloor.task"
        };
        return Err(
            ContractError::new(parameters.model(), format!("{datatype} {shape:?}"), found)
                .tensor(&name.into())
                .key(key)
                .remedy("give the model the outputs that model_repository/README.md lists for the task people"),
        );
    }
    Ok(Task::People { labels: labels.into() })
}

/// Whether a tensor of `shape` can have the expected one: dimensions are equal unless one is -1.
pub(super) fn may_be(shape: &[i64], expected: &[i64]) -> bool {
    let agree = |(dim, expected): (&i64, &i64)| dim == expected || *dim == -1 || *expected == -1;
    shape.len() == expected.len() && shape.iter().zip(expected).all(agree)
}
