//! An opened model: how frames become its requests, and its answers become facts about regions.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use people::VestName;
use triton::{Contract, Endpoint, ImageInput, Input, Model, Pool, Reply, Request, Task};
use vision::Rect;
use vision::image::Image;
use vision::letterbox::{self, Letterbox, Sampler, TensorFormat};
use vision::{ModelOutput, OutputTensor};

use super::error::Error;
use super::settings::Settings;
use crate::places;

/// A model that is ready, with what its contract says in the domain's terms.
pub struct Session {
    model: Arc<Model>,
    input: ImageInput,
    format: TensorFormat,
    labels: Arc<[VestName]>,
}

/// The model's answers for one frame, in the order of the regions asked for.
pub type Answer = Vec<ModelOutput>;

impl Session {
    /// Connects, loads the model and reads its contract. Takes as long as the server takes to load the model.
    pub fn open(settings: &Settings, pool: &Pool) -> Result<Self, Error> {
        let (name, version) = (settings.model.as_deref().unwrap_or_default(), settings.model_version);
        let server = pool.open(&endpoint(settings)?)?;
        Self::of(server.model(name, Some(version).filter(|version| *version > 0))?)
    }

    /// A session with a model that is there.
    pub fn of(model: Arc<Model>) -> Result<Self, Error> {
        let contract = model.contract();
        let labels = match &contract.task {
            Task::Vest { labels, .. } | Task::People { labels } => {
                labels.iter().map(|label| label.as_str().into()).collect()
            }
            _ => Arc::default(),
        };
        let input = contract.image()?.clone();
        Ok(Self {
            format: tensor_format(&input),
            input,
            labels,
            model,
        })
    }

    /// What the model says it is.
    pub fn contract(&self) -> &Contract {
        self.model.contract()
    }

    /// The classes of a model that tells vests.
    pub fn labels(&self) -> &Arc<[VestName]> {
        &self.labels
    }

    /// What makes the model's input from frames; one for each stream.
    pub fn sampler(&self) -> Result<Sampler, letterbox::SampleError> {
        Sampler::new(self.format)
    }

    /// Runs `requests` requests at once on an empty picture; the slowest answer's time.
    pub fn warm_up(&self, requests: usize, timeout: Duration) -> Result<Duration, Error> {
        let start = Instant::now();
        let (sender, receiver) = mpsc::channel();
        for _ in 0..requests.max(1) {
            let sender = sender.clone();
            let mut data = self.model.buffer(self.format.bytes());
            data.fill(0);
            // the receiver outlives all answers unless one of them failed, and then the others do not matter
            self.infer(1, data, timeout, 0, move |reply| drop(sender.send(reply.map(drop))));
        }
        drop(sender);
        receiver.iter().collect::<Result<(), triton::Error>>()?;
        Ok(start.elapsed())
    }

    /// Sends the regions of a frame, as few requests as the model's batch allows; `done` gets all answers at once or
    /// the first error. No regions: an empty answer at once.
    pub fn submit(
        &self,
        sampler: &mut Sampler,
        image: &Image<'_>,
        regions: &[Rect],
        settings: &Settings,
        done: impl FnOnce(Result<Answer, Error>) + Send + 'static,
    ) -> Result<(), letterbox::SampleError> {
        let mut parts = Vec::new();
        for chunk in regions.chunks(self.input.max_batch() as usize) {
            let bytes = self.format.bytes();
            let mut data = self.model.buffer(bytes * chunk.len());
            let mut letterboxes = Vec::with_capacity(chunk.len());
            for (region, row) in chunk.iter().zip(data.chunks_exact_mut(bytes)) {
                letterboxes.push(sampler.sample(image, *region, row)?);
            }
            parts.push((letterboxes, data));
        }
        let gather = Arc::new(Gather::new(parts.len(), done));
        let timeout = Duration::from_millis(settings.timeout.into());
        for (part, (letterboxes, data)) in parts.into_iter().enumerate() {
            let gather = gather.clone();
            self.infer(
                letterboxes.len() as u32,
                data,
                timeout,
                settings.priority.into(),
                move |reply| {
                    gather.part(
                        part,
                        reply.map_err(Error::from).and_then(|reply| split(reply, &letterboxes)),
                    );
                },
            );
        }
        Ok(())
    }

    fn infer(
        &self,
        rows: u32,
        data: triton::Buffer,
        timeout: Duration,
        priority: u64,
        done: impl FnOnce(Result<Reply, triton::Error>) + Send + 'static,
    ) {
        let ImageInput { name, datatype, .. } = &self.input;
        let input = Input {
            name: name.clone(),
            datatype: *datatype,
            shape: self.input.shape(rows),
            data,
        };
        self.model.infer(
            Request {
                inputs: vec![input],
                timeout: Some(timeout),
                priority,
            },
            done,
        );
    }
}

fn endpoint(settings: &Settings) -> Result<Endpoint, triton::Error> {
    let server = settings
        .server
        .clone()
        .or_else(|| std::env::var("SHOPFLOOR_SERVER").ok());
    let repository = settings
        .model_repository
        .as_deref()
        .map(|path| Path::new(path).to_owned());
    let repository = repository.or_else(places::model_repository).unwrap_or_default();
    let home = places::triton_home().unwrap_or_default();
    Endpoint::parse(server.as_deref().unwrap_or("inprocess:"), &repository, &home)
}

/// The contract's words for the input, in the domain's.
fn tensor_format(input: &ImageInput) -> TensorFormat {
    let (mut mean, mut std) = (input.mean, input.std);
    if input.color == triton::Color::Bgr {
        // the contract has them for R, G and B, the domain in the tensor's order
        mean.reverse();
        std.reverse();
    }
    TensorFormat {
        width: input.width as usize,
        height: input.height as usize,
        layout: match input.layout {
            triton::Layout::Nchw => letterbox::Layout::Nchw,
            triton::Layout::Nhwc => letterbox::Layout::Nhwc,
        },
        element: match input.datatype {
            triton::DataType::Uint8 => letterbox::Element::U8,
            _ => letterbox::Element::F32,
        },
        order: match input.color {
            triton::Color::Rgb => letterbox::ChannelOrder::Rgb,
            triton::Color::Bgr => letterbox::ChannelOrder::Bgr,
        },
        scale: input.scale,
        mean,
        std,
        pad: input.pad,
        fit: match input.fit {
            triton::Fit::Letterbox => letterbox::Fit::Letterbox,
            triton::Fit::Stretch => letterbox::Fit::Stretch,
        },
    }
}

/// Cuts a reply into its regions: dimension 0 is the batch.
fn split(reply: Reply, letterboxes: &[Letterbox]) -> Result<Answer, Error> {
    let mut answer: Answer = letterboxes
        .iter()
        .map(|letterbox| ModelOutput {
            letterbox: *letterbox,
            ..ModelOutput::default()
        })
        .collect();
    for output in reply.outputs {
        if letterboxes.len() > 1 && output.shape.first() != Some(&(letterboxes.len() as i64)) {
            return Err(Error::Batch {
                output: output.name,
                rows: letterboxes.len(),
                shape: output.shape,
            });
        }
        let bytes = output.data.len() / letterboxes.len().max(1);
        for (row, region) in answer.iter_mut().enumerate() {
            let mut shape = output.shape.clone();
            if letterboxes.len() > 1 {
                shape[0] = 1;
            }
            region.tensors.push(OutputTensor {
                name: output.name.clone(),
                datatype: output.datatype.name(),
                shape,
                data: output.data.slice(row * bytes..(row + 1) * bytes),
            });
        }
    }
    Ok(answer)
}

/// Collects the parts of a frame's answer.
struct Gather<F> {
    state: Mutex<(Vec<Option<Answer>>, Option<F>)>,
}

impl<F: FnOnce(Result<Answer, Error>)> Gather<F> {
    fn new(parts: usize, done: F) -> Self {
        let mut done = Some(done);
        if parts == 0
            && let Some(done) = done.take()
        {
            done(Ok(Answer::new()));
        }
        Self {
            state: Mutex::new(((0..parts).map(|_| None).collect(), done)),
        }
    }

    fn part(&self, part: usize, answer: Result<Answer, Error>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = match answer {
            Err(error) => Err(error),
            Ok(answer) => {
                state.0[part] = Some(answer);
                if state.0.iter().any(Option::is_none) {
                    return;
                }
                Ok(state.0.iter_mut().filter_map(Option::take).flatten().collect())
            }
        };
        let done = state.1.take();
        drop(state);
        if let Some(done) = done {
            done(result);
        }
    }
}

#[cfg(test)]
mod tests {
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
    fn a_batch_is_cut_into_regions() {
        let boxes = [Letterbox::default(); 2];
        let answer = split(
            Reply {
                outputs: vec![output(&[2, 3], b"abcdef")],
            },
            &boxes,
        )
        .unwrap();
        let rows: Vec<_> = answer
            .iter()
            .map(|r| (r.tensors[0].shape.clone(), &r.tensors[0].data[..]))
            .collect();
        assert_eq!(rows, [(vec![1, 3], &b"abc"[..]), (vec![1, 3], &b"def"[..])]);
        assert!(
            split(
                Reply {
                    outputs: vec![output(&[3, 2], b"abcdef")]
                },
                &boxes
            )
            .is_err()
        );
        let whole = split(
            Reply {
                outputs: vec![output(&[6, 1], b"abcdef")],
            },
            &boxes[..1],
        )
        .unwrap();
        assert_eq!(whole[0].tensors[0].shape, [6, 1]);
    }

    #[test]
    fn parts_are_gathered_in_order_and_told_once() {
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
        let gather = Gather::new(2, move |answer: Result<Answer, Error>| sender.send(answer).unwrap());
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
