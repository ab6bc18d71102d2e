//! Why tensors cannot be decoded.

use thiserror::Error;

/// Why tensors cannot be decoded.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[allow(missing_docs)] // the messages describe the fields
pub enum DecodeError {
    #[error("no output is a pose in a known layout; got {got}; expected one of {expected}")]
    NoPose { expected: String, got: String },
    #[error(
        "the outputs ({got}) may be {layouts}: their shapes are equal, and the number of rows is not that of the grid of \
         {input}; set shopfloor.output.layout in the model's configuration, or layout= of poseparse"
    )]
    Ambiguous {
        layouts: String,
        input: String,
        got: String,
    },
    #[error(
        "raw heads can be decoded if they are the four of YOLOv7-w6-pose for an input of {width}×{height}, since anchors are not \
         in the outputs; got {got}; export the model with `--grid`"
    )]
    Heads { width: usize, height: usize, got: String },
    #[error(
        "the model looks exported by YOLOv7's main branch with `--end2end` ({got}), whose NMS takes keypoints \
         for class scores and drops them; export it from the `pose` branch with `--grid`"
    )]
    EndToEnd { got: String },
    #[error(
        "no output is boxes in a known layout for an input of {input}; got {got}; \
         expected one of {expected}"
    )]
    NoBoxes {
        expected: String,
        input: String,
        got: String,
    },
    #[error("no outputs have the layout {layout}, {expected}; got {got}; set another layout or `auto`")]
    Missing {
        layout: &'static str,
        expected: &'static str,
        got: String,
    },
    #[error("the layout {layout} needs {expected} (a batch of 1, and as many rows in each output); got {name} {got:?}")]
    Shape {
        layout: &'static str,
        expected: &'static str,
        name: String,
        got: Vec<i64>,
    },
    #[error(
        "the layout {layout} needs {expected} for an input of {width}×{height}; got {got} rows; correct the model's input size"
    )]
    Rows {
        layout: &'static str,
        expected: String,
        width: usize,
        height: usize,
        got: usize,
    },
    #[error(
        "the layout {layout} is relative to the size of the model's input, which is not known; decode with its letterbox"
    )]
    InputSize { layout: &'static str },
    #[error("output {name} has the data type {got}; FP32 and FP16 can be decoded; export the model with one of them")]
    Datatype { name: String, got: String },
    #[error("a tensor of {datatype} and shape {shape:?} has {expected}, got {got} bytes")]
    Bytes {
        datatype: String,
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
