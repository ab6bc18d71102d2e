//! Creating an ONNX Runtime session from a model's configuration.

use std::path::{Path, PathBuf};

use ort::ep::{self, ArbitrarilyConfigurableExecutionProvider, ExecutionProviderDispatch};
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};

use crate::config::{GraphLevel, ModelConfig, Options, Provider, ProviderKind};
use crate::error::Error;
use crate::library;
use crate::memory::Place;
use crate::signature::{self, Tensor};

/// Loads the model file at `path` for an instance with tensors at `place`, and compares it with `config`.
///
/// # Errors
/// As [`load`], and [`Error::Mismatch`].
pub(crate) fn open(config: &ModelConfig, path: &Path, place: Place) -> Result<Session, Error> {
    let session = load(config, path, place)?;
    let (inputs, outputs) = tensors(&session);
    signature::check(config, path, &inputs, &outputs)?;
    Ok(session)
}

/// Loads the model file without comparing its tensors with the configuration.
///
/// # Errors
/// [`Error::NoFile`], [`Error::Provider`], [`Error::Config`] or [`Error::Load`].
pub(crate) fn load(config: &ModelConfig, path: &Path, place: Place) -> Result<Session, Error> {
    if !path.is_file() {
        return Err(Error::NoFile {
            model: config.name.clone(),
            path: path.to_owned(),
            readme: readme(path),
        });
    }
    let runtime = library::runtime()?;
    let providers = providers(config, place, &runtime.path)?;
    let failed = |error: ort::Error| Error::Load {
        model: config.name.clone(),
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let builder = Session::builder(&runtime.environment).map_err(failed)?;
    let mut builder = configure(builder, &config.options, &providers).map_err(failed)?;
    builder.commit_from_file(path).map_err(failed)
}

/// The README in the folder of a model, given the path of its file in a version folder.
fn readme(path: &Path) -> Option<PathBuf> {
    let readme = path.parent()?.parent()?.join("README.md");
    readme.is_file().then_some(readme)
}

/// The inputs and outputs of a session.
pub(crate) fn tensors(session: &Session) -> (Vec<Tensor>, Vec<Tensor>) {
    (
        session.inputs().iter().map(Tensor::new).collect(),
        session.outputs().iter().map(Tensor::new).collect(),
    )
}

fn configure(
    mut builder: SessionBuilder,
    options: &Options,
    providers: &[ExecutionProviderDispatch],
) -> ort::Result<SessionBuilder> {
    if let Some(threads) = options.intra_threads {
        builder = builder.with_intra_threads(threads)?;
    }
    if let Some(threads) = options.inter_threads {
        builder = builder.with_inter_threads(threads)?;
    }
    if let Some(pattern) = options.memory_pattern {
        builder = builder.with_memory_pattern(pattern)?;
    }
    let level = match options.graph_level {
        GraphLevel::All => GraphOptimizationLevel::All,
        GraphLevel::Basic => GraphOptimizationLevel::Level1,
        GraphLevel::Extended => GraphOptimizationLevel::Level2,
        GraphLevel::Disabled => GraphOptimizationLevel::Disable,
    };
    builder = builder
        .with_parallel_execution(options.parallel)?
        .with_optimization_level(level)?;
    if let Some(arena) = options.memory_arena {
        builder = builder.with_execution_providers([ep::CPU::default().with_arena_allocator(arena).build()])?;
    }
    Ok(builder.with_execution_providers(providers)?)
}

/// The execution providers to register, in order; ONNX Runtime adds the CPU's as the last.
fn providers(config: &ModelConfig, place: Place, library: &Path) -> Result<Vec<ExecutionProviderDispatch>, Error> {
    let requested = match place {
        Place::Host => config.options.cpu_providers.clone(),
        Place::Cuda(_) => {
            let cuda = Provider {
                kind: ProviderKind::Cuda,
                options: Default::default(),
            };
            config.options.gpu_providers.iter().cloned().chain([cuda]).collect()
        }
    };
    let available = library::providers()?;
    let mut dispatch = Vec::new();
    for provider in &requested {
        if !available.iter().any(|name| name == provider.kind.onnx()) {
            return Err(Error::Provider {
                model: config.name.clone(),
                provider: provider.kind.onnx(),
                library: library.to_owned(),
                available,
            });
        }
        dispatch.extend(dispatcher(config, provider, place)?);
    }
    Ok(dispatch)
}

fn dispatcher(
    config: &ModelConfig,
    provider: &Provider,
    place: Place,
) -> Result<Option<ExecutionProviderDispatch>, Error> {
    let dispatch = match (provider.kind, place) {
        (ProviderKind::Cpu, _) => return Ok(None),
        (ProviderKind::OpenVino, _) => with_options(ep::OpenVINO::default(), provider).build(),
        (ProviderKind::Cuda, Place::Cuda(device)) => {
            with_options(ep::CUDA::default().with_device_id(device), provider).build()
        }
        (ProviderKind::TensorRt, Place::Cuda(device)) => {
            with_options(ep::TensorRT::default().with_device_id(device), provider).build()
        }
        (ProviderKind::Cuda | ProviderKind::TensorRt, Place::Host) => {
            return Err(Error::Config {
                model: config.name.clone(),
                problem: format!(
                    "execution provider {} runs on a GPU only; set instance_group [{{ kind: KIND_GPU }}] or remove it",
                    provider.kind.onnx()
                ),
            });
        }
    };
    Ok(Some(dispatch.error_on_failure()))
}

fn with_options<P: ArbitrarilyConfigurableExecutionProvider>(provider: P, requested: &Provider) -> P {
    requested.options.iter().fold(provider, |provider, (key, value)| {
        provider.with_arbitrary_config(key, value)
    })
}
