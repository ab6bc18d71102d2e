//! The base case: models run in this process without Triton, each by threads of its own with a queue before them.
//!
//! It is a [`Transport`], so the elements, their letterbox and all that follows are the same as with Triton, and only who runs
//! the models differs. A request of an ensemble goes from thread to thread, as Triton's ensemble scheduler passes it from model to
//! model. A model has as many threads as Triton has instances of it, each with a session of its own, with as many
//! threads within its operators as an instance has; graphs are optimised as `plugins/onnxruntime-backend` does it.

mod config;
mod pbtxt;
mod stage;

use std::collections::HashMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, ensure};
use ort::environment::Environment;
use triton::memory::{HostMemory, MemoryUse};
use triton::transport::{SharedMemory, Transport};
use triton::{
    Code, Error, Lease, LiveTransport, ModelDescription, Request, ResponseCallback, Server, ServerMetadata, ServerPool,
    Statistics,
};

use config::Config;
use stage::{Flow, Plan, Stage, Step};

pub use stage::THREADS;

/// A pool for elements: whatever server they name, the runner is it. `library` is `libonnxruntime.so`.
pub fn pool(repository: &Path, library: &Path) -> Result<ServerPool> {
    let builder = ort::init_from(library).map_err(|error| anyhow::anyhow!("{}: {error}", library.display()))?;
    let environment = builder.with_name("runner").with_telemetry(false).build()?;
    let runner = Runner {
        repository: repository.to_owned(),
        environment,
        models: Mutex::default(),
        memory: HostMemory::default(),
    };
    Ok(ServerPool::of(Server::over(runner)))
}

struct Runner {
    repository: PathBuf,
    environment: Environment,
    models: Mutex<Models>,
    memory: HostMemory,
}

#[derive(Default)]
struct Models {
    stages: HashMap<String, Arc<Stage>>,
    plans: HashMap<String, Arc<Plan>>,
}

impl Runner {
    fn lock(&self) -> MutexGuard<'_, Models> {
        self.models.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn plan(&self, model: &str) -> Result<Plan> {
        let config = Config::read(&self.repository, model)?;
        let same = |names: &[triton::TensorSpec]| -> Vec<_> {
            let names = names.iter().map(|tensor| tensor.name.to_string());
            names.map(|name| (name.clone(), name)).collect()
        };
        let outputs = same(&config.description.outputs);
        let plan_outputs = outputs.iter().map(|(name, _)| name.clone()).collect();
        let mut steps = Vec::new();
        for step in &config.steps {
            let inner = Config::read(&self.repository, &step.model)?;
            ensure!(inner.steps.is_empty(), "{model} is an ensemble of ensembles");
            steps.push(Step {
                stage: self.stage(inner)?,
                inputs: step.inputs.clone(),
                outputs: step.outputs.clone(),
            });
        }
        if steps.is_empty() {
            let inputs = same(&config.description.inputs);
            steps.push(Step {
                stage: self.stage(config)?,
                inputs,
                outputs,
            });
        }
        Ok(Plan {
            steps,
            outputs: plan_outputs,
        })
    }

    /// The model's thread, started unless it runs. Models are opened one after the other, before anything plays.
    fn stage(&self, config: Config) -> Result<Arc<Stage>> {
        let name = config.description.model.clone();
        if let Some(stage) = self.lock().stages.get(&name) {
            return Ok(Arc::clone(stage));
        }
        let stage = Arc::new(Stage::start(config, &self.environment).with_context(|| name.clone())?);
        Ok(Arc::clone(self.lock().stages.entry(name).or_insert(stage)))
    }
}

fn load_error(model: &str, error: &anyhow::Error) -> Error {
    Error::ModelLoad {
        model: model.to_owned(),
        reason: format!("{error:#}"),
    }
}

fn infer_error(model: &str, message: impl Display) -> Error {
    Error::Infer {
        model: model.to_owned(),
        code: Code::Internal,
        message: format!("{message:#}"),
    }
}

impl Transport for Runner {
    fn load(&self, model: &str) -> Result<(), Error> {
        if self.lock().plans.contains_key(model) {
            return Ok(());
        }
        let plan = self.plan(model).map_err(|error| load_error(model, &error))?;
        self.lock().plans.insert(model.to_owned(), Arc::new(plan));
        Ok(())
    }

    fn available(&self) -> Result<(), Error> {
        Ok(())
    }

    fn metadata(&self) -> Result<ServerMetadata, Error> {
        Ok(ServerMetadata {
            name: "runner".into(),
            version: env!("CARGO_PKG_VERSION").into(),
        })
    }

    fn describe(&self, model: &str) -> Result<ModelDescription, Error> {
        let config = Config::read(&self.repository, model);
        config
            .map(|config| config.description)
            .map_err(|error| load_error(model, &error))
    }

    fn lease(&self, len: usize) -> Lease {
        self.memory.lease(len)
    }

    fn memory_use(&self) -> MemoryUse {
        self.memory.memory_use()
    }

    fn live_transport(&self) -> LiveTransport {
        LiveTransport::InProcess
    }

    fn infer(&self, model: &Arc<str>, _version: Option<u64>, request: Request, callback: ResponseCallback) {
        let plan = self.lock().plans.get(&**model).cloned();
        let Some(plan) = plan else {
            return callback(Err(infer_error(model, "the model is not loaded")));
        };
        let model = Arc::clone(model);
        let done = move |response: Result<_>| callback(response.map_err(|error| infer_error(&model, error)));
        Flow::start(plan, request, Box::new(done));
    }

    fn statistics(&self, _model: &str) -> Result<Vec<Statistics>, Error> {
        Ok(Vec::new())
    }

    fn shared_memory(&self) -> Option<&dyn SharedMemory> {
        None
    }

    fn close(self: Box<Self>) {}
}
