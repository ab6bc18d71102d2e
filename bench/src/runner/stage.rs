//! A model of the runner: a bounded queue, and a thread with a session of ONNX Runtime for each instance.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, anyhow, bail};
use bytemuck::NoUninit;
use bytes::Bytes;
use ort::environment::Environment;
use ort::session::Session;
use ort::session::SessionInputValue;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::{DynValue, PrimitiveTensorElementType, TensorElementType, TensorRef};
use triton::{DataType, Input, Output, Request, Response};

use super::config::Config;

/// What a thread's name begins with; those that ONNX Runtime starts for it inherit the name.
pub const THREADS: &str = "ort-";

/// Requests that may wait for a model. The elements' places keep it far below.
const DEPTH: usize = 64;

/// A running model.
pub struct Stage {
    queue: Option<SyncSender<Flow>>,
    threads: Vec<JoinHandle<()>>,
}

/// What a request goes through: the models in their order, and the names of their tensors.
pub struct Plan {
    /// One for each model.
    pub steps: Vec<Step>,
    /// The tensors that are returned.
    pub outputs: Vec<String>,
}

/// A model of a plan.
pub struct Step {
    /// The model.
    pub stage: Arc<Stage>,
    /// Names of its inputs: the model's, and the plan's.
    pub inputs: Vec<(String, String)>,
    /// Likewise its outputs.
    pub outputs: Vec<(String, String)>,
}

/// A request on its way.
pub struct Flow {
    plan: Arc<Plan>,
    at: usize,
    request: Request,
    tensors: HashMap<String, DynValue>,
    done: Box<dyn FnOnce(Result<Response>) + Send>,
}

impl Stage {
    /// Starts the threads, and returns once each has loaded the model.
    pub fn start(config: Config, environment: &Environment) -> Result<Self> {
        let (queue, flows) = sync_channel(DEPTH);
        let (flows, config) = (Arc::new(Mutex::new(flows)), Arc::new(config));
        let mut stage = Self {
            queue: Some(queue),
            threads: Vec::new(),
        };
        for _ in 0..config.instances {
            let (ready, loaded) = sync_channel(1);
            let (environment, flows, config) = (environment.clone(), Arc::clone(&flows), Arc::clone(&config));
            let name = format!("{THREADS}{}", config.description.model);
            stage.threads.push(thread::Builder::new().name(name).spawn(move || {
                // Here and not before, so that the session's own threads have this thread's name.
                match load(&config, &environment) {
                    Ok(session) => {
                        let _ = ready.send(Ok(()));
                        serve(session, &flows);
                    }
                    Err(error) => drop(ready.send(Err(error))),
                }
            })?);
            loaded.recv().context("a model's thread has ended")??;
        }
        Ok(stage)
    }

    fn take(&self, flow: Flow) {
        let Some(queue) = &self.queue else { return };
        if let Err(refused) = queue.send(flow) {
            refused.0.finish(Err(anyhow!("the model's thread has ended")));
        }
    }
}

impl Drop for Stage {
    /// Waits for the requests that are queued.
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            if thread.thread().id() != thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

impl Flow {
    /// Sends a request through the plan; `done` is called once, on the thread of its last model.
    pub fn start(plan: Arc<Plan>, request: Request, done: Box<dyn FnOnce(Result<Response>) + Send>) {
        let flow = Self {
            plan,
            at: 0,
            request,
            tensors: HashMap::new(),
            done,
        };
        flow.go_on();
    }

    fn go_on(self) {
        match self.plan.steps.get(self.at).map(|step| Arc::clone(&step.stage)) {
            Some(stage) => stage.take(self),
            None => {
                let response = self.response();
                self.finish(response);
            }
        }
    }

    fn finish(self, response: Result<Response>) {
        (self.done)(response);
        drop(self.request); // its memory, and the element's place
    }

    /// Runs the model of the present step.
    fn step(&mut self, session: &mut Session) -> Result<()> {
        let step = &self.plan.steps[self.at];
        let mut inputs = Vec::with_capacity(step.inputs.len());
        for (name, tensor) in &step.inputs {
            let value = match self.tensors.get(tensor) {
                Some(value) => value.into(),
                None => {
                    let input = self.request.inputs.iter().find(|input| *input.name == **tensor);
                    borrowed(input.with_context(|| format!("there is no tensor {tensor}"))?)?
                }
            };
            inputs.push((Cow::from(name.as_str()), value));
        }
        let mut outputs = session.run(inputs)?;
        let mut computed = Vec::with_capacity(step.outputs.len());
        for (name, tensor) in &step.outputs {
            let value = outputs
                .remove(name)
                .with_context(|| format!("there is no output {name}"))?;
            computed.push((tensor.clone(), value));
        }
        drop(outputs);
        self.tensors.extend(computed);
        self.at += 1;
        Ok(())
    }

    fn response(&self) -> Result<Response> {
        let output = |name: &String| {
            let value = self
                .tensors
                .get(name)
                .with_context(|| format!("there is no output {name}"))?;
            copied(name, value)
        };
        let outputs = self.plan.outputs.iter().map(output).collect::<Result<_>>()?;
        Ok(Response { outputs })
    }
}

fn load(config: &Config, environment: &Environment) -> Result<Session> {
    let loaded = configured(config.threads, environment).and_then(|mut builder| builder.commit_from_file(&config.file));
    loaded.with_context(|| format!("cannot load {}", config.file.display()))
}

fn configured(threads: Option<usize>, environment: &Environment) -> ort::Result<SessionBuilder> {
    let mut builder = Session::builder(environment)?;
    if let Some(threads) = threads {
        builder = builder.with_intra_threads(threads)?;
    }
    // A pool that spins takes the processors from the other models' threads.
    builder = builder.with_intra_op_spinning(false)?;
    Ok(builder
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_parallel_execution(false)?)
}

fn serve(mut session: Session, flows: &Mutex<Receiver<Flow>>) {
    // The lock is held while nothing is there, and the other threads wait for it instead.
    let next = || flows.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok(mut flow) = next() {
        match flow.step(&mut session) {
            Ok(()) => flow.go_on(),
            Err(error) => flow.finish(Err(error)),
        }
    }
}

/// The tensor in the request's own memory.
fn borrowed(input: &Input) -> Result<SessionInputValue<'_>> {
    fn view<T: PrimitiveTensorElementType + std::fmt::Debug + bytemuck::AnyBitPattern>(
        input: &Input,
    ) -> Result<SessionInputValue<'_>> {
        let data = bytemuck::try_cast_slice::<u8, T>(&input.data);
        let data = data.map_err(|error| anyhow!("{}: {error}", input.name))?;
        Ok(TensorRef::from_array_view((input.shape.clone(), data))?.into())
    }
    match input.datatype {
        DataType::Fp32 => view::<f32>(input),
        DataType::Uint8 => view::<u8>(input),
        DataType::Int32 => view::<i32>(input),
        DataType::Int64 => view::<i64>(input),
        other => bail!("{}: the runner takes no {other}", input.name),
    }
}

/// The tensor in memory of its own, which outlives the session's.
fn copied(name: &str, value: &DynValue) -> Result<Output> {
    fn data<T: PrimitiveTensorElementType + NoUninit>(value: &DynValue) -> Result<(Vec<i64>, Bytes)> {
        let (shape, data) = value.try_extract_tensor::<T>()?;
        Ok((shape.to_vec(), Bytes::copy_from_slice(bytemuck::cast_slice(data))))
    }
    let element = value.dtype().tensor_type().context("an output is no tensor")?;
    let (datatype, (shape, data)) = match element {
        TensorElementType::Float32 => (DataType::Fp32, data::<f32>(value)?),
        TensorElementType::Uint8 => (DataType::Uint8, data::<u8>(value)?),
        TensorElementType::Int32 => (DataType::Int32, data::<i32>(value)?),
        TensorElementType::Int64 => (DataType::Int64, data::<i64>(value)?),
        other => bail!("{name}: the runner returns no {other}"),
    };
    Ok(Output {
        name: name.into(),
        datatype,
        shape,
        data,
    })
}
