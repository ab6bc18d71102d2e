//! Making a session of ONNX Runtime from a model's configuration.

use std::path::Path;

use ort::ep::{self, ArbitrarilyConfigurableExecutionProvider, ExecutionProviderDispatch};
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};

use crate::config::{GraphLevel, ModelConfig, Options, Provider, ProviderKind};
use crate::error::{Error, Result};
use crate::library;
use crate::memory::Place;
use crate::signature::{self, Tensor};

/// Loads the model file at `path` for an instance whose tensors lie at `place`, and checks it against `config`.
///
/// # Errors
/// [`Error::Provider`], [`Error::Config`], [`Error::Load`] or [`Error::Tensor`].
pub fn open(config: &ModelConfig, path: &Path, place: Place) -> Result<Session> {
    let session = load(config, path, place)?;
    let (inputs, outputs) = tensors(&session);
    signature::check(config, path, &inputs, &outputs)?;
    Ok(session)
}

/// Loads the model file without comparing its tensors with the configuration.
///
/// # Errors
/// [`Error::Provider`], [`Error::Config`] or [`Error::Load`].
pub fn load(config: &ModelConfig, path: &Path, place: Place) -> Result<Session> {
    let runtime = library::runtime()?;
    let providers = providers(config, place, &runtime.path)?;
    let refused = |error: ort::Error| Error::Load {
        model: config.name.clone(),
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let builder = Session::builder(&runtime.environment).map_err(refused)?;
    let mut builder = configure(builder, &config.options, &providers).map_err(refused)?;
    builder.commit_from_file(path).map_err(refused)
}

/// The inputs and outputs of a session.
#[must_use]
pub fn tensors(session: &Session) -> (Vec<Tensor>, Vec<Tensor>) {
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

/// The execution providers to register, in order; the CPU's own is always there, as the last.
fn providers(config: &ModelConfig, place: Place, library: &Path) -> Result<Vec<ExecutionProviderDispatch>> {
    let asked = match place {
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
    for provider in &asked {
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

fn dispatcher(config: &ModelConfig, provider: &Provider, place: Place) -> Result<Option<ExecutionProviderDispatch>> {
    let built = match (provider.kind, place) {
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
                what: format!("{} needs an instance_group of kind KIND_GPU", provider.kind.onnx()),
            });
        }
    };
    Ok(Some(built.error_on_failure()))
}

fn with_options<P: ArbitrarilyConfigurableExecutionProvider>(provider: P, asked: &Provider) -> P {
    asked.options.iter().fold(provider, |provider, (key, value)| {
        provider.with_arbitrary_config(key, value)
    })
}
