//! An instance of a model, and running requests: those with equal shapes as one batch, in one run of the session.

use cuda::Driver;
use ort::memory::Allocator;
use ort::session::{IoBinding, Session};
use ort::value::{DynTensor, DynValue};

use crate::binding::{self, Output};
use crate::error::Error;
use crate::ffi::{self, Level};
use crate::memory::Place;
use crate::model::Model;
use crate::request::{Input, Request};
use crate::session;
use crate::statistics::{BatchStatistics, Times, now};

/// An instance: a session of its own, so that the instances of a model run at the same time.
#[derive(Debug)]
pub(crate) struct Instance {
    statistics: BatchStatistics,
    /// Whether the first dimension of every tensor is the batch.
    batching: bool,
    /// The memory of the session's inputs and outputs.
    place: Place,
    /// The devices that inputs come from and outputs go to.
    devices: Driver,
    /// Allocates memory at `place`; dropped before the session that it belongs to.
    allocator: Allocator,
    session: Session,
}

impl Instance {
    /// Loads the model for the instance `name`, with tensors at `place`.
    ///
    /// # Errors
    /// As [`session::open`].
    pub fn open(model: &Model, statistics: BatchStatistics, name: &str, place: Place) -> Result<Self, Error> {
        let session = session::open(&model.config, &model.path, place)?;
        let allocator = Allocator::new(&session, place.info()?)?;
        ffi::log(
            Level::Info,
            &format!("instance {name}: {} on {place}", model.path.display()),
        );
        Ok(Self {
            statistics,
            batching: model.config.max_batch_size > 0,
            place,
            devices: Driver,
            allocator,
            session,
        })
    }

    /// Runs the requests, sends their responses, and releases them. A request that fails gets an error of its own; the
    /// others are not affected. Requests that were cancelled while they were queued are not run.
    pub fn execute(&mut self, requests: Vec<Request>) {
        let mut batches: Vec<Vec<Job>> = Vec::new();
        for request in requests {
            match Job::read(request, self.batching) {
                Err((request, error)) => request.finish(Err(&error), Times::now()),
                Ok(job) => match batches.iter_mut().find(|batch| self.batching && batch[0].matches(&job)) {
                    Some(batch) => batch.push(job),
                    None => batches.push(vec![job]),
                },
            }
        }
        for batch in batches {
            self.run(batch);
        }
    }

    /// Runs a batch. If it fails, each of its requests is run alone, so that only the requests at fault get an error.
    fn run(&mut self, batch: Vec<Job>) {
        // Asked before each run, since requests may be cancelled during the one before it.
        let (cancelled, mut batch): (Vec<_>, Vec<_>) = batch.into_iter().partition(|job| job.request.is_cancelled());
        for job in cancelled {
            job.request.finish(Err(&Error::Cancelled), Times::now());
        }
        if batch.is_empty() {
            return;
        }
        let start = now();
        match self.infer(&mut batch, start) {
            Ok((outputs, times)) => self.respond(batch, &outputs, times),
            Err(_) if batch.len() > 1 => batch.into_iter().for_each(|job| self.run(vec![job])),
            Err(error) => {
                let end = now();
                let times = Times {
                    start,
                    compute_start: end,
                    compute_end: end,
                };
                batch.into_iter().for_each(|job| job.request.finish(Err(&error), times));
            }
        }
    }

    fn infer(&mut self, batch: &mut [Job], start: u64) -> Result<(Vec<Output>, Times), Error> {
        let batch_size: i64 = batch.iter().map(|job| job.batch_size).sum();
        let mut bound = self.session.create_binding()?;
        for index in 0..batch[0].inputs.len() {
            let parts: Vec<_> = batch.iter().map(|job| &job.inputs[index]).collect();
            let shape = self.shape(parts[0], batch_size);
            let tensor = binding::input_tensor(&parts, &shape, self.place, &self.allocator, &self.devices)?;
            bound.bind_input(&parts[0].name, &tensor)?;
        }
        let (names, place) = (self.requested_outputs(batch), self.place.info()?);
        for name in &names {
            bound.bind_output_to_device(name, &place)?;
        }
        bound.synchronize_inputs()?;
        let compute_start = now();
        let values = run_bound(&mut self.session, &bound, &names)?;
        let compute_end = now();
        let batch_size = self.batching.then_some(batch_size);
        let outputs = names
            .into_iter()
            .zip(values)
            .map(|(name, tensor)| Output::new(name, tensor, self.place, batch_size))
            .collect::<Result<_, _>>()?;
        Ok((
            outputs,
            Times {
                start,
                compute_start,
                compute_end,
            },
        ))
    }

    /// The shape that the model receives for an input of a batch of `batch_size`.
    fn shape(&self, input: &Input, batch_size: i64) -> Vec<i64> {
        let mut shape = input.shape.clone();
        let model = self.session.inputs().iter().find(|outlet| outlet.name() == input.name);
        if let (true, Some(first)) = (self.batching, shape.first_mut()) {
            *first = batch_size;
        } else if shape == [1]
            && model
                .and_then(|model| model.dtype().tensor_shape())
                .is_some_and(|dims| dims.is_empty())
        {
            shape.clear();
        }
        shape
    }

    /// The outputs that at least one request of the batch requests, in the model's order.
    fn requested_outputs(&self, batch: &[Job]) -> Vec<String> {
        let requested = |name: &str| batch.iter().any(|job| job.requests(name));
        self.session
            .outputs()
            .iter()
            .map(|output| output.name())
            .filter(|name| requested(name))
            .map(str::to_owned)
            .collect()
    }

    fn respond(&self, batch: Vec<Job>, outputs: &[Output], times: Times) {
        let (mut first, batch_size) = (0, batch.iter().map(|job| job.batch_size).sum::<i64>());
        for mut job in batch {
            let part = self.batching.then_some(first..first + job.batch_size);
            first += job.batch_size;
            let written = outputs
                .iter()
                .filter(|output| job.outputs.contains(&output.name))
                .try_for_each(|output| output.write(&mut job.request, part.clone(), &self.devices));
            job.request.finish(written.as_ref().copied(), times);
        }
        self.statistics.report(batch_size.unsigned_abs(), times, now());
    }
}

/// A request with its inputs and the names of the requested outputs.
struct Job {
    request: Request,
    inputs: Vec<Input>,
    outputs: Vec<String>,
    /// Its share of the batch; 1 if the model does not batch.
    batch_size: i64,
}

impl Job {
    fn read(request: Request, batching: bool) -> Result<Self, (Request, Error)> {
        let read = request
            .inputs()
            .and_then(|inputs| Ok((inputs, request.requested_outputs()?)));
        match read {
            Ok((inputs, outputs)) => {
                let first = inputs.first().and_then(|input| input.shape.first().copied());
                let batch_size = if batching { first.unwrap_or(1) } else { 1 };
                Ok(Self {
                    request,
                    inputs,
                    outputs,
                    batch_size,
                })
            }
            Err(error) => Err((request, error)),
        }
    }

    /// Whether both can be in one batch: equal inputs, data types and shapes, except for the batch dimension.
    fn matches(&self, other: &Self) -> bool {
        self.inputs.len() == other.inputs.len()
            && self.inputs.iter().zip(&other.inputs).all(|(one, two)| {
                one.name == two.name && one.dtype == two.dtype && one.shape.get(1..) == two.shape.get(1..)
            })
    }

    fn requests(&self, output: &str) -> bool {
        self.outputs.iter().any(|name| name == output)
    }
}

fn run_bound(session: &mut Session, bound: &IoBinding, names: &[String]) -> Result<Vec<DynTensor>, Error> {
    let mut values = session.run_binding(bound)?;
    bound.synchronize_outputs()?;
    let missing = |name: &String| Error::NoOutput { tensor: name.clone() };
    names
        .iter()
        .map(|name| {
            let value: DynValue = values.remove(name).ok_or_else(|| missing(name))?;
            value.downcast().map_err(|_| missing(name))
        })
        .collect()
}
