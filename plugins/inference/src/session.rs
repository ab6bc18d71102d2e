//! A session with a model: requests for regions of images, and their outputs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use triton::{Input, Lease, Model, OnRelease, Request, Response};
use vision::letterbox::{Letterbox, SampleError, Sampler, View};
use vision::{ModelOutput, OutputTensor, Rect};

use crate::Error;
use crate::contract::{Contract, Task};
use crate::scheduler::Place;

/// An open model with its contract.
pub struct Session {
    model: Arc<Model>,
    contract: Contract,
}

/// Options of a frame's requests.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestOptions {
    /// Time after which the callback is invoked without a response; `None`: no limit.
    pub timeout: Option<Duration>,
    /// Time after which the server may drop a request that it has not begun to execute; `None`: at `timeout`.
    pub queue_timeout: Option<Duration>,
    /// Time without a response after which a remote server is asked whether it is alive; `None`: never.
    pub probe_after: Option<Duration>,
    /// Priority, 1 the highest; 0: the model's default.
    pub priority: u64,
}

/// The outputs of a frame's regions, in the order of the regions.
pub type RegionOutputs = Vec<ModelOutput>;

impl Session {
    /// Creates a session with `model`.
    ///
    /// # Errors
    /// [`Error::Contract`] if the model is not supported or its parameters are invalid.
    pub fn new(model: Arc<Model>) -> Result<Self, Error> {
        let contract = Contract::read(model.description())?;
        Ok(Self { model, contract })
    }

    /// The model's contract.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// The model.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// A sampler that writes the model's input from images; one for each stream.
    ///
    /// # Errors
    /// If the contract's normalisation is not finite.
    pub fn sampler(&self) -> Result<Sampler, SampleError> {
        Sampler::new(self.contract.image.format)
    }

    /// The size of a request's inputs for one region, in bytes.
    pub fn region_size(&self) -> usize {
        self.contract.image.byte_size(1)
    }

    /// Sends the regions of a frame, an [`Image`](vision::image::Image) or a view of one, in as few requests as the model's
    /// batch size allows. Regions, and the letterboxes of the outputs, are in pixels of the stored frame; the model sees each region
    /// with the margin of its contract.
    /// `callback` is invoked once, with all outputs or with the first error. Without regions it is invoked at once,
    /// with no outputs. `place`, if any, is dropped when the server has released all requests.
    ///
    /// # Errors
    /// If a region cannot be sampled; then nothing is sent and `callback` is not invoked.
    pub fn submit<'a>(
        &self,
        sampler: &mut Sampler,
        frame: impl Into<View<'a>>,
        regions: &[Rect],
        options: RequestOptions,
        place: Option<Place>,
        callback: impl FnOnce(Result<RegionOutputs, Error>) + Send + 'static,
    ) -> Result<(), SampleError> {
        let view = frame.into();
        let mut parts = Vec::new();
        for chunk in regions.chunks(self.contract.image.max_batch() as usize) {
            let bytes = self.contract.image.byte_size(1);
            let mut data = self.model.lease(bytes * chunk.len());
            let mut letterboxes = Vec::with_capacity(chunk.len());
            for (region, input) in chunk.iter().zip(data.chunks_exact_mut(bytes)) {
                let seen = self.contract.image.seen(*region);
                letterboxes.push(sampler.sample(view, seen, input)?);
            }
            parts.push((letterboxes, data));
        }
        let place = place.map(Arc::new);
        let gather = Arc::new(Gather::new(parts.len(), callback));
        let output = self.output();
        for (part, (letterboxes, data)) in parts.into_iter().enumerate() {
            let (gather, output) = (gather.clone(), output.clone());
            self.infer(
                letterboxes.len() as u32,
                data,
                options,
                place.as_ref(),
                move |response| {
                    let outputs = response.map_err(Error::from);
                    gather.part(
                        part,
                        outputs.and_then(|response| split(response, &letterboxes, &output)),
                    );
                },
            );
        }
        Ok(())
    }

    /// The fields that are the same for all outputs of the model.
    fn output(&self) -> ModelOutput {
        let (layout, score_threshold) = match &self.contract.task {
            Task::Pose {
                layout,
                score_threshold,
            } => (*layout, *score_threshold),
            Task::Detect { score_threshold, .. } => (None, *score_threshold),
            _ => (None, None),
        };
        ModelOutput {
            model: Arc::clone(&self.contract.model),
            layout,
            score_threshold,
            ..ModelOutput::default()
        }
    }

    fn infer(
        &self,
        batch: u32,
        data: Lease,
        options: RequestOptions,
        place: Option<&Arc<Place>>,
        callback: impl FnOnce(Result<Response, triton::Error>) + Send + 'static,
    ) {
        let image = &self.contract.image;
        let input = Input {
            name: image.name.clone(),
            datatype: image.datatype(),
            shape: image.shape(batch),
            data,
        };
        if let Some(place) = place {
            place.sent();
        }
        let (held, answered) = (place.cloned(), place.map(Arc::downgrade));
        self.model.infer(
            Request {
                inputs: vec![input],
                timeout: options.timeout,
                queue_timeout: options.queue_timeout,
                probe_after: options.probe_after,
                priority: options.priority,
                on_release: held.map(|place| OnRelease::new(move || drop(place))),
            },
            move |response| {
                // A failed request says nothing about the latency, and a late one will when it is released.
                if let Some(place) = answered.and_then(|place| place.upgrade()) {
                    match &response {
                        Ok(_) => place.answered(),
                        Err(triton::Error::DeadlineExceeded) => {}
                        Err(_) => place.failed(),
                    }
                }
                callback(response);
            },
        );
    }
}

/// Splits a response into its regions along dimension 0, the batch.
fn split(response: Response, letterboxes: &[Letterbox], common: &ModelOutput) -> Result<RegionOutputs, Error> {
    let mut regions: RegionOutputs = letterboxes
        .iter()
        .map(|letterbox| ModelOutput {
            letterbox: *letterbox,
            ..common.clone()
        })
        .collect();
    let batch = letterboxes.len();
    for output in response.outputs {
        if batch > 1 && output.shape.first() != Some(&(batch as i64)) {
            return Err(Error::Batch {
                output: output.name,
                batch,
                shape: output.shape,
            });
        }
        let bytes = output.data.len() / batch.max(1);
        for (index, region) in regions.iter_mut().enumerate() {
            let mut shape = output.shape.clone();
            if batch > 1 {
                shape[0] = 1;
            }
            region.tensors.push(OutputTensor {
                name: output.name.clone(),
                datatype: output.datatype.name(),
                shape,
                data: output.data.slice(index * bytes..(index + 1) * bytes),
            });
        }
    }
    Ok(regions)
}

/// Collects the outputs of a frame's requests (parts) and invokes the callback with all of them or with the first
/// error.
struct Gather<F> {
    /// The outputs so far, and the callback until it is invoked.
    state: Mutex<(Vec<Option<RegionOutputs>>, Option<F>)>,
}

impl<F: FnOnce(Result<RegionOutputs, Error>)> Gather<F> {
    fn new(parts: usize, callback: F) -> Self {
        let mut callback = Some(callback);
        if parts == 0
            && let Some(callback) = callback.take()
        {
            callback(Ok(RegionOutputs::new()));
        }
        Self {
            state: Mutex::new(((0..parts).map(|_| None).collect(), callback)),
        }
    }

    fn part(&self, part: usize, outputs: Result<RegionOutputs, Error>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = match outputs {
            Err(error) => Err(error),
            Ok(outputs) => {
                state.0[part] = Some(outputs);
                if state.0.iter().any(Option::is_none) {
                    return;
                }
                Ok(state.0.iter_mut().filter_map(Option::take).flatten().collect())
            }
        };
        let callback = state.1.take();
        drop(state);
        if let Some(callback) = callback {
            callback(result);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use bytes::Bytes;

    fn output(shape: &[i64], data: &'static [u8]) -> triton::Output {
        triton::Output {
            name: "o".into(),
            datatype: triton::DataType::Uint8,
            shape: shape.to_vec(),
            data: Bytes::from_static(data),
        }
    }

    #[test]
    fn a_batch_is_split_into_regions() {
        let boxes = [Letterbox::default(); 2];
        let split_outputs = split(
            Response {
                outputs: vec![output(&[2, 3], b"abcdef")],
            },
            &boxes,
            &ModelOutput::default(),
        )
        .unwrap();
        let regions: Vec<_> = split_outputs
            .iter()
            .map(|r| (r.tensors[0].shape.clone(), &r.tensors[0].data[..]))
            .collect();
        assert_eq!(regions, [(vec![1, 3], &b"abc"[..]), (vec![1, 3], &b"def"[..])]);
        assert!(
            split(
                Response {
                    outputs: vec![output(&[3, 2], b"abcdef")]
                },
                &boxes,
                &ModelOutput::default(),
            )
            .is_err()
        );
        let whole = split(
            Response {
                outputs: vec![output(&[6, 1], b"abcdef")],
            },
            &boxes[..1],
            &ModelOutput::default(),
        )
        .unwrap();
        assert_eq!(whole[0].tensors[0].shape, [6, 1]);
    }

    #[test]
    fn parts_are_gathered_in_order_and_reported_once() {
        let region = |x| {
            vec![ModelOutput {
                letterbox: Letterbox {
                    offset_x: x,
                    ..Default::default()
                },
                ..ModelOutput::default()
            }]
        };
        let (sender, receiver) = mpsc::channel();
        let gather = Gather::new(2, move |outputs: Result<RegionOutputs, Error>| {
            sender.send(outputs).unwrap()
        });
        gather.part(1, Ok(region(1.0)));
        assert!(receiver.try_recv().is_err());
        gather.part(0, Ok(region(0.0)));
        let offsets: Vec<f32> = receiver
            .recv()
            .unwrap()
            .unwrap()
            .iter()
            .map(|r| r.letterbox.offset_x)
            .collect();
        assert_eq!(offsets, [0.0, 1.0]);
    }
}
