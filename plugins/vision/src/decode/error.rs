//! Why tensors cannot be decoded.

use thiserror::Error;

/// Why tensors cannot be decoded.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[allow(missing_docs)] // the messages describe the fields
pub enum DecodeError {
    #[error("no output is a pose in a known layout; got {got}; expected one of {expected}")]
    NoPose { expected: String, got: String },
    #[error(
        "the model outputs the raw heads of YOLOv7-Pose ({got}); \
         export it with `--grid` so that its output is [1, N, 57]"
    )]
    RawHeads { got: String },
    #[error(
        "the model looks exported by YOLOv7's main branch with `--end2end` ({got}), whose NMS takes keypoints \
         for class scores and drops them; export it from the `pose` branch with `--grid`"
    )]
    EndToEnd { got: String },
    #[error("no output has the layout {layout}, {expected}; got {got}; set another layout or `auto`")]
    Missing {
        layout: &'static str,
        expected: &'static str,
        got: String,
    },
    #[error("the layout {layout} needs a tensor of {expected} (a batch of 1), got {got:?}")]
    Shape {
        layout: &'static str,
        expected: &'static str,
        got: Vec<usize>,
    },
    #[error("an FP32 tensor of shape {shape:?} has {expected}, got {got} bytes")]
    Bytes {
        shape: Vec<i64>,
        expected: String,
        got: usize,
    },
    #[error("class scores need a tensor [people, {labels}], a column for each of {labels} labels; got {got:?}")]
    Classes { labels: usize, got: Vec<usize> },
    #[error(
        "output {name}: a model of the task 'people' needs {expected} there, got {got}; correct the model or its task"
    )]
    Output {
        name: &'static str,
        expected: String,
        got: String,
    },
    #[error("output count: there are {rows} rows, got {count} people; correct the model")]
    Count { count: i64, rows: usize },
}
