//! A scripted model and an element that uses it.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use gst::prelude::*;
use people::{Person, Scene};
use triton::scripted::Scripted;
use triton::{DataType, Error, ModelDescription, Output, Request, Response, ResponseCallback, Server, ServerPool};
use vision::Rect;

use crate::pool;
use crate::tritoninfer::TritonInfer;

pub const FRAME: gst::ClockTime = gst::ClockTime::from_mseconds(100);
const SIZE: i32 = 16;

/// A model that holds its requests until the test responds.
#[derive(Clone, Default)]
pub struct Script(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    holding: bool,
    pending: Vec<PendingRequest>,
}

/// A request that waits for the test.
pub struct PendingRequest {
    /// The first byte of each region's image.
    pub firsts: Vec<u8>,
    batch: usize,
    callback: ResponseCallback,
}

impl PendingRequest {
    /// Responds as the model would: 0 and a tenth of the first byte for each region, so that a vest model's best class
    /// is 1.
    pub fn respond(self) {
        let logits: Vec<f32> = self
            .firsts
            .iter()
            .flat_map(|first| [0.0, f32::from(*first) / 10.0])
            .collect();
        let data: Vec<u8> = logits.iter().flat_map(|value| value.to_le_bytes()).collect();
        let output = Output {
            name: "out".into(),
            datatype: DataType::Fp32,
            shape: vec![self.batch as i64, 2],
            data: data.into(),
        };
        (self.callback)(Ok(Response { outputs: vec![output] }));
    }

    /// Responds with an error.
    pub fn fail(self, error: Error) {
        (self.callback)(Err(error));
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

    fn model(&self, parameters: &str) -> Scripted {
        let metadata = r#"{"name": "scripted", "versions": ["1"], "platform": "script",
            "inputs": [{"name": "in", "datatype": "UINT8", "shape": [-1, 16, 16, 3]}],
            "outputs": [{"name": "out", "datatype": "FP32", "shape": [-1, 2]}]}"#;
        let config = r#"{"name": "scripted", "max_batch_size": 2,
            "input": [{"name": "in", "data_type": "TYPE_UINT8", "format": "FORMAT_NHWC", "dims": [16, 16, 3]}],
            "output": [{"name": "out", "data_type": "TYPE_FP32", "dims": [2]}], "parameters": {PARAMETERS}}"#;
        let description = ModelDescription::from_json(metadata, &config.replace("PARAMETERS", parameters)).unwrap();
        let script = self.clone();
        Scripted::new(description, move |request, callback| script.receive(request, callback))
    }

    fn receive(&self, request: Request, callback: ResponseCallback) {
        let input = &request.inputs[0];
        let batch = input.shape[0] as usize;
        let firsts = input
            .data
            .chunks(input.data.len() / batch)
            .map(|image| image[0])
            .collect();
        let pending = PendingRequest {
            firsts,
            batch,
            callback,
        };
        let (state, wake) = &*self.0;
        let mut state = state.lock().unwrap();
        if state.holding {
            state.pending.push(pending);
            wake.notify_all();
        } else {
            drop(state);
            pending.respond();
        }
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

fn start(properties: &str, parameters: &str) -> (gst_check::Harness, gst::Bus, Script) {
    let (element, bus, script) = element(properties, parameters);
    let mut harness = gst_check::Harness::with_element(&element, Some("sink"), Some("src"));
    harness.set_src_caps(caps(SIZE));
    harness.play();
    script.hold();
    (harness, bus, script)
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
    let mut buffer = frame(n);
    let person = Person {
        bbox: Rect::new(2.0, 2.0, 14.0, 14.0),
        ..Person::default()
    };
    people_meta::set_scene(
        buffer.get_mut().unwrap(),
        Scene {
            people: vec![person; people],
            ..Scene::default()
        },
    );
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

pub fn texts(bus: &gst::Bus) -> Texts {
    let mut texts = Texts::default();
    while let Some(message) = bus.pop() {
        match message.view() {
            gst::MessageView::Error(error) => texts.errors.push(error.error().to_string()),
            gst::MessageView::Warning(warning) => texts.warnings.push(warning.error().to_string()),
            gst::MessageView::Info(info) => texts.infos.push(info.error().to_string()),
            _ => {}
        }
    }
    texts
}
