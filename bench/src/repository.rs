//! A temporary model repository: the shipped models, and one that does nothing.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::onnx::{Element, Graph};

/// The model that does nothing: the input and the outputs of `worker_ensemble`, and nobody on any frame.
pub const NOTHING: &str = "nothing";

/// The configuration of [`NOTHING`]. Two instances, as the pose model has.
const CONFIG: &str = r#"name: "nothing"
backend: "onnxruntime"
max_batch_size: 0
instance_group [ { count: 2 kind: KIND_CPU } ]
input [ { name: "frame" data_type: TYPE_UINT8 dims: [ 1, 480, 640, 3 ] } ]
output [
  { name: "boxes" data_type: TYPE_FP32 dims: [ 1, 4 ] },
  { name: "scores" data_type: TYPE_FP32 dims: [ 1 ] },
  { name: "keypoints" data_type: TYPE_FP32 dims: [ 1, 17, 3 ] },
  { name: "vests" data_type: TYPE_FP32 dims: [ 1, 2 ] },
  { name: "count" data_type: TYPE_INT64 dims: [ 1 ] }
]
parameters { key: "intra_op_thread_count" value { string_value: "1" } }
parameters { key: "shopfloor.task" value { string_value: "people" } }
parameters { key: "shopfloor.labels" value { string_value: "none,red" } }
"#;

/// A folder that is removed when this is dropped.
pub struct Repository(TempDir);

impl Repository {
    /// Makes a repository with [`NOTHING`] and links to the models of `shipped`.
    pub fn make(shipped: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("shopfloor-bench-").tempdir()?;
        let models = fs::read_dir(shipped).with_context(|| format!("cannot read {}", shipped.display()))?;
        for model in models.flatten().filter(|entry| entry.path().is_dir()) {
            symlink(model.path(), folder.path().join(model.file_name()))?;
        }
        let version = folder.path().join(NOTHING).join("1");
        fs::create_dir_all(&version)?;
        fs::write(folder.path().join(NOTHING).join("config.pbtxt"), CONFIG)?;
        fs::write(version.join("model.onnx"), nothing())?;
        Ok(Self(folder))
    }

    /// Its folder.
    pub fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }
}

fn nothing() -> Vec<u8> {
    Graph::new(NOTHING)
        .input("frame", Element::Uint8, &[1, 480, 640, 3])
        .zeros("boxes", Element::Fp32, &[1, 4])
        .zeros("scores", Element::Fp32, &[1])
        .zeros("keypoints", Element::Fp32, &[1, 17, 3])
        .zeros("vests", Element::Fp32, &[1, 2])
        .zeros("count", Element::Int64, &[1])
        .model()
}
