//! Running requests: those of equal shapes as one batch, in one run of the session.

use ort::session::{IoBinding, Session};
use ort::value::{DynTensor, DynValue};

use crate::binding::{self, Output};
use crate::error::{Error, Result};
use crate::model::Instance;
use crate::request::{Input, Request, Times, now};

/// A request with what it brings and wants.
struct Job {
    request: Request,
    inputs: Vec<Input>,
    wanted: Vec<String>,
    /// Its part of the batch; 1 where the model does not batch.
    rows: i64,
}

impl Job {
    fn read(request: Request, batching: bool) -> Result<Self, (Request, Error)> {
        let read = request.inputs().and_then(|inputs| Ok((inputs, request.wanted()?)));
        match read {
            Ok((inputs, wanted)) => {
                let first = inputs.first().and_then(|input| input.shape.first().copied());
                let rows = if batching { first.unwrap_or(1) } else { 1 };
                Ok(Self {
                    request,
                    inputs,
                    wanted,
                    rows,
                })
            }
            Err(error) => Err((request, error)),
        }
    }

    /// Whether the two can be one batch: the same inputs with the same types and, but for the batch, shapes.
    fn fits(&self, other: &Self) -> bool {
        self.inputs.len() == other.inputs.len()
            && self.inputs.iter().zip(&other.inputs).all(|(one, two)| {
                one.name == two.name && one.dtype == two.dtype && one.shape.get(1..) == two.shape.get(1..)
            })
    }
}

impl Instance {
    /// Answers and releases every request. A request that fails is answered with its own error, the others go on.
    pub fn execute(&mut self, requests: Vec<Request>) {
        let mut batches: Vec<Vec<Job>> = Vec::new();
        for request in requests {
            match Job::read(request, self.batching) {
                Err((request, error)) => request.finish(Err(&error), Times::now()),
                Ok(job) => match batches.iter_mut().find(|batch| self.batching && batch[0].fits(&job)) {
                    Some(batch) => batch.push(job),
                    None => batches.push(vec![job]),
                },
            }
        }
        for batch in batches {
            self.run(batch);
        }
    }

    /// Runs a batch. If it fails as a whole, each of its requests gets a run of its own, so that only those fail that
    /// are to blame.
    fn run(&mut self, mut batch: Vec<Job>) {
        let start = now();
        match self.infer(&mut batch, start) {
            Ok((outputs, times)) => self.answer(batch, &outputs, times),
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

    fn infer(&mut self, batch: &mut [Job], start: u64) -> Result<(Vec<Output>, Times)> {
        let rows: i64 = batch.iter().map(|job| job.rows).sum();
        let mut bound = self.session.create_binding()?;
        for index in 0..batch[0].inputs.len() {
            let parts: Vec<_> = batch.iter().map(|job| &job.inputs[index]).collect();
            let shape = self.shape(parts[0], rows);
            let tensor = binding::input(&parts, &shape, self.place, &self.allocator)?;
            bound.bind_input(&parts[0].name, &tensor)?;
        }
        let (names, place) = (self.wanted(batch), self.place.info()?);
        for name in &names {
            bound.bind_output_to_device(name, &place)?;
        }
        bound.synchronize_inputs()?;
        let compute_start = now();
        let values = run_bound(&mut self.session, &bound, &names)?;
        let compute_end = now();
        let batched = self.batching.then_some(rows);
        let outputs = names
            .into_iter()
            .zip(values)
            .map(|(name, tensor)| Output::new(name, tensor, self.place, batched))
            .collect::<Result<_>>()?;
        Ok((
            outputs,
            Times {
                start,
                compute_start,
                compute_end,
            },
        ))
    }

    /// The shape that the model is given for an input of a batch of `rows`.
    fn shape(&self, input: &Input, rows: i64) -> Vec<i64> {
        let mut shape = input.shape.clone();
        let model = self.session.inputs().iter().find(|outlet| outlet.name() == input.name);
        if let (true, Some(first)) = (self.batching, shape.first_mut()) {
            *first = rows;
        } else if shape == [1]
            && model
                .and_then(|model| model.dtype().tensor_shape())
                .is_some_and(|dims| dims.is_empty())
        {
            shape.clear();
        }
        shape
    }

    /// The outputs that any request of the batch wants, in the model's order.
    fn wanted(&self, batch: &[Job]) -> Vec<String> {
        let wanted = |name: &str| batch.iter().any(|job| job.wanted.iter().any(|wanted| wanted == name));
        self.session
            .outputs()
            .iter()
            .map(|output| output.name())
            .filter(|name| wanted(name))
            .map(str::to_owned)
            .collect()
    }

    fn answer(&self, batch: Vec<Job>, outputs: &[Output], times: Times) {
        let (mut first, rows) = (0, batch.iter().map(|job| job.rows).sum::<i64>());
        for mut job in batch {
            let part = self.batching.then_some(first..first + job.rows);
            first += job.rows;
            let filled = outputs
                .iter()
                .filter(|output| job.wanted.contains(&output.name))
                .try_for_each(|output| output.write(&mut job.request, part.clone()));
            job.request.finish(filled.as_ref().copied(), times);
        }
        self.handle.report_batch(rows.unsigned_abs(), times, now());
    }
}

fn run_bound(session: &mut Session, bound: &IoBinding, names: &[String]) -> Result<Vec<DynTensor>> {
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
