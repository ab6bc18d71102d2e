//! A scripted model and an element that uses it.

use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use gst::prelude::*;
use people::{Person, Scene};
use triton::scripted::Scripted;
use triton::{
    DataType, Error, ModelDescription, OnRelease, Output, Request, Response, ResponseCallback, Server, ServerPool,
};
use vision::Rect;

use crate::pool;
use crate::tritoninfer::TritonInfer;

pub const FRAME: gst::ClockTime = gst::ClockTime::from_mseconds(100);
const SIZE: i32 = 16;
/// The output's dimensions for one region.
const LOGITS: &[i64] = &[2];
const KEYPOINTS: &[i64] = &[17, 3];

/// A model that holds its requests until the test responds.
#[derive(Clone, Default)]
pub struct Script(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    holding: bool,
    away: bool,
    /// The model finds keypoints, instead of logits.
    finds_keypoints: bool,
    pending: Vec<PendingRequest>,
}

/// A request that waits for the test.
pub struct PendingRequest {
    /// The first byte of each region's image.
    pub firsts: Vec<u8>,
    /// Each region's image: 16×16 pixels of R, G, B.
    pub images: Vec<Vec<u8>>,
    /// The request's limits.
    pub timeout: Option<Duration>,
    pub probe_after: Option<Duration>,
    /// The output's dimensions for one region.
    dims: &'static [i64],
    callback: ResponseCallback,
    /// Invoked after the response, as by a server that then releases the request.
    on_release: Option<OnRelease>,
}

impl PendingRequest {
    /// Responds as the model would. For each region: 0 and a tenth of the first byte, so that a vest model's best class is 1;
    /// or 17 keypoints in the middle, of that confidence.
    pub fn respond(self) {
        let values: Vec<f32> = self
            .firsts
            .iter()
            .map(|first| f32::from(*first) / 10.0)
            .flat_map(|value| match self.dims {
                KEYPOINTS => [8.0, 8.0, value].repeat(17),
                _ => vec![0.0, value],
            })
            .collect();
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let batch = self.firsts.len() as i64;
        let output = Output {
            name: "out".into(),
            datatype: DataType::Fp32,
            shape: [&[batch], self.dims].concat(),
            data: data.into(),
        };
        (self.callback)(Ok(Response { outputs: vec![output] }));
        drop(self.on_release);
    }

    /// Responds with an error.
    pub fn fail(self, error: Error) {
        (self.callback)(Err(error));
        drop(self.on_release);
    }

    /// The deadline passes: the caller gets an error, and the request goes on until the result is dropped.
    pub fn expire(self) -> Option<OnRelease> {
        (self.callback)(Err(Error::DeadlineExceeded));
        self.on_release
    }
}

impl Script {
    /// Holds later requests until the test responds; earlier ones get a response at once.
    pub fn hold(&self) {
        self.0.0.lock().unwrap().holding = true;
    }

    /// Responds to later requests at once.
    pub fn release(&self) {
        self.0.0.lock().unwrap().holding = false;
    }

    /// The server is away: requests fail at once. Or it is back.
    pub fn set_away(&self, away: bool) {
        self.0.0.lock().unwrap().away = away;
    }

    /// Waits until `count` requests are pending, and takes them in the order in which they arrived.
    pub fn take(&self, count: usize) -> Vec<PendingRequest> {
        let (state, wake) = &*self.0;
        let state = state.lock().unwrap();
        let (mut state, result) = wake
            .wait_timeout_while(state, Duration::from_secs(20), |state| state.pending.len() < count)
            .unwrap();
        assert!(!result.timed_out(), "{} of {count} requests came", state.pending.len());
        state.pending.drain(..count).collect()
    }

    /// Number of pending requests.
    pub fn waiting(&self) -> usize {
        self.0.0.lock().unwrap().pending.len()
    }

    /// Sets the script as the element's server, with these parameters in the model's configuration.
    pub fn serve(&self, element: &TritonInfer, parameters: &str) {
        let pool = ServerPool::of(Server::scripted(self.model(parameters)));
        element.set_context(&pool::context(&pool));
    }

    fn dims(&self) -> &'static [i64] {
        if self.0.0.lock().unwrap().finds_keypoints {
            KEYPOINTS
        } else {
            LOGITS
        }
    }

    fn model(&self, parameters: &str) -> Scripted {
        let metadata = r#"{"name": "scripted", "versions": ["1"], "platform": "script",
            "inputs": [{"name": "in", "datatype": "UINT8", "shape": [-1, 16, 16, 3]}],
            "outputs": [{"name": "out", "datatype": "FP32", "shape": [-1, DIMS]}]}"#;
        let config = r#"{"name": "scripted", "max_batch_size": 2, "instance_group": [{"count": 8}],
            "input": [{"name": "in", "data_type": "TYPE_UINT8", "format": "FORMAT_NHWC", "dims": [16, 16, 3]}],
            "output": [{"name": "out", "data_type": "TYPE_FP32", "dims": [DIMS]}], "parameters": {PARAMETERS}}"#;
        let dims = self.dims();
        let text = dims.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
        let config = config.replace("PARAMETERS", parameters).replace("DIMS", &text);
        let description = ModelDescription::from_json(&metadata.replace("DIMS", &text), &config).unwrap();
        let script = self.clone();
        let state = self.clone();
        Scripted::new(description, move |request, callback| script.receive(request, callback)).available_if(move || {
            if state.0.0.lock().unwrap().away {
                Err(away())
            } else {
                Ok(())
            }
        })
    }

    fn receive(&self, request: Request, callback: ResponseCallback) {
        let input = &request.inputs[0];
        let batch = input.shape[0] as usize;
        let images: Vec<_> = input
            .data
            .chunks(input.data.len() / batch)
            .map(<[u8]>::to_vec)
            .collect();
        let pending = PendingRequest {
            firsts: images.iter().map(|image| image[0]).collect(),
            images,
            timeout: request.timeout,
            probe_after: request.probe_after,
            dims: self.dims(),
            callback,
            on_release: request.on_release,
        };
        let (state, wake) = &*self.0;
        let mut state = state.lock().unwrap();
        if state.away {
            drop(state);
            pending.fail(away());
        } else if state.holding {
            state.pending.push(pending);
            wake.notify_all();
        } else {
            drop(state);
            pending.respond();
        }
    }
}

/// The error of a server that is away.
pub fn away() -> Error {
    Error::Unreachable {
        endpoint: "scripted".into(),
        reason: "connection refused".into(),
    }
}

/// An element in PLAYING on a scripted model of tensors, its harness and its bus.
pub fn tensors(properties: &str) -> (gst_check::Harness, gst::Bus, Script) {
    start(properties, "")
}

/// The same on a model of vests.
pub fn vests(properties: &str) -> (gst_check::Harness, gst::Bus, Script) {
    let parameters = r#""shopfloor.task": {"string_value": "vest"}, "shopfloor.labels": {"string_value": "none,red"}"#;
    start(&format!("inference-region=people {properties}"), parameters)
}

/// The same on a model of keypoints, which sees a quarter more around each person, at stations.
pub fn keypoints(properties: &str, stations: &str) -> (gst_check::Harness, gst::Bus, Script) {
    let parameters =
        r#""shopfloor.task": {"string_value": "keypoints"}, "shopfloor.input.margin": {"string_value": "0.25"}"#;
    let (element, bus, script) = element(properties, "");
    element.set_property("stations", stations);
    script.0.0.lock().unwrap().finds_keypoints = true;
    script.serve(&element, parameters);
    (playing(&element, &script), bus, script)
}

fn start(properties: &str, parameters: &str) -> (gst_check::Harness, gst::Bus, Script) {
    let (element, bus, script) = element(properties, parameters);
    (playing(&element, &script), bus, script)
}

fn playing(element: &TritonInfer, script: &Script) -> gst_check::Harness {
    let mut harness = gst_check::Harness::with_element(element, Some("sink"), Some("src"));
    harness.set_src_caps(caps(SIZE));
    harness.play();
    script.hold();
    harness
}

/// A stream that is not live, with its element in PLAYING: what [`gst_check::Harness`] cannot be.
pub struct File {
    pub element: TritonInfer,
    pub bus: gst::Bus,
    pub source: gst::Pad,
    buffers: mpsc::Receiver<gst::Buffer>,
    /// Events that have arrived upstream.
    pub upstream: mpsc::Receiver<gst::Event>,
    _sink: gst::Pad,
}

/// An element on a scripted model of tensors, in a stream that is not live.
pub fn file(properties: &str) -> (File, Script) {
    let (element, bus, script) = element(properties, "");
    let (sender, buffers) = mpsc::channel();
    let (events, upstream) = mpsc::channel();
    let source = gst::Pad::builder(gst::PadDirection::Src)
        .query_function(|_, _, query| match query.view_mut() {
            gst::QueryViewMut::Latency(latency) => {
                latency.set(false, gst::ClockTime::ZERO, gst::ClockTime::NONE);
                true
            }
            _ => false,
        })
        .event_function(move |_, _, event| events.send(event).is_ok())
        .build();
    let sink = gst::Pad::builder(gst::PadDirection::Sink)
        .chain_function(move |_, _, buffer| {
            sender.send(buffer).unwrap();
            Ok(gst::FlowSuccess::Ok)
        })
        .event_function(|_, _, _| true)
        .build();
    source.set_active(true).unwrap();
    sink.set_active(true).unwrap();
    source.link(&element.static_pad("sink").unwrap()).unwrap();
    element.static_pad("src").unwrap().link(&sink).unwrap();
    element.set_state(gst::State::Playing).unwrap();
    script.hold();
    let file = File {
        element,
        bus,
        source,
        buffers,
        upstream,
        _sink: sink,
    };
    file.begin();
    (file, script)
}

impl File {
    /// The events at the start of a stream.
    pub fn begin(&self) {
        let segment = gst::FormattedSegment::<gst::ClockTime>::new();
        self.source.push_event(gst::event::StreamStart::new("file"));
        self.source.push_event(gst::event::Caps::new(&caps(SIZE)));
        self.source.push_event(gst::event::Segment::new(&segment));
    }

    /// Pushes frames on a thread, which waits as the element demands; returns the last flow return.
    pub fn push(&self, frames: std::ops::Range<u8>) -> thread::JoinHandle<Result<gst::FlowSuccess, gst::FlowError>> {
        let source = self.source.clone();
        thread::spawn(move || {
            for n in frames {
                source.push(frame(n))?;
            }
            Ok(gst::FlowSuccess::Ok)
        })
    }

    /// The next frame that leaves.
    pub fn pull(&self) -> gst::Buffer {
        self.buffers
            .recv_timeout(Duration::from_secs(20))
            .expect("no frame leaves")
    }

    /// Whether a frame has left that has not been pulled.
    pub fn try_pull(&self) -> Option<gst::Buffer> {
        self.buffers.try_recv().ok()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = self.element.set_state(gst::State::Null);
    }
}

/// The element alone, in NULL.
pub fn element(properties: &str, parameters: &str) -> (TritonInfer, gst::Bus, Script) {
    let element = launch(&format!("tritoninfer model=scripted {properties}"));
    let script = Script::default();
    script.serve(&element, parameters);
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    (element, bus, script)
}

/// A pipeline or an element, after registering the plugin.
pub fn launch<T: IsA<gst::Element>>(line: &str) -> T {
    gst::init().unwrap();
    crate::plugin_register_static().unwrap();
    gst::parse::launch(line).unwrap().downcast().unwrap()
}

pub fn caps(size: i32) -> gst::Caps {
    let builder = gst::Caps::builder("video/x-raw").field("format", "RGB");
    let builder = builder.field("width", size).field("height", size);
    builder.field("framerate", gst::Fraction::new(10, 1)).build()
}

/// The n-th frame, all its bytes `n`.
pub fn frame(n: u8) -> gst::Buffer {
    frame_of_size(n, SIZE)
}

pub fn frame_of_size(n: u8, size: i32) -> gst::Buffer {
    let info = gst_video::VideoInfo::from_caps(&caps(size)).unwrap();
    let mut buffer = gst::Buffer::from_mut_slice(vec![n; info.size()]);
    let frame = buffer.get_mut().unwrap();
    frame.set_pts(FRAME * u64::from(n));
    frame.set_duration(FRAME);
    buffer
}

/// The n-th frame, with a number of people on it.
pub fn frame_of_people(n: u8, people: usize) -> gst::Buffer {
    frame_of_boxes(n, &vec![Rect::new(2.0, 2.0, 14.0, 14.0); people])
}

/// The n-th frame, with people in these boxes.
pub fn frame_of_boxes(n: u8, boxes: &[Rect]) -> gst::Buffer {
    let mut buffer = frame(n);
    let person = |bbox: &Rect| Person {
        bbox: *bbox,
        ..Person::default()
    };
    let scene = Scene {
        people: boxes.iter().map(person).collect(),
        ..Scene::default()
    };
    people_meta::set_scene(buffer.get_mut().unwrap(), scene);
    buffer
}

/// The number of a buffer's frame.
pub fn number(buffer: &gst::BufferRef) -> u64 {
    buffer.pts().unwrap() / FRAME
}

/// The texts of the errors, warnings and infos on the bus.
#[derive(Default)]
pub struct Texts {
    pub errors: Vec<String>,
    pub warnings: Vec<String>,
    pub infos: Vec<String>,
}

impl Texts {
    fn add(&mut self, message: &gst::Message) {
        match message.view() {
            gst::MessageView::Error(error) => self.errors.push(error.error().to_string()),
            gst::MessageView::Warning(warning) => self.warnings.push(warning.error().to_string()),
            gst::MessageView::Info(info) => self.infos.push(info.error().to_string()),
            _ => {}
        }
    }
}

/// The texts so far.
pub fn texts(bus: &gst::Bus) -> Texts {
    let mut texts = Texts::default();
    while let Some(message) = bus.pop() {
        texts.add(&message);
    }
    texts
}

/// The texts until there are enough of them: messages about requests are posted on threads of the scheduler.
pub fn texts_until(bus: &gst::Bus, enough: impl Fn(&Texts) -> bool) -> Texts {
    let mut texts = texts(bus);
    while !enough(&texts) {
        let message = bus.timed_pop(gst::ClockTime::from_seconds(20));
        texts.add(&message.expect("a message is missing"));
    }
    texts
}
