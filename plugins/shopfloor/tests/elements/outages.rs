//! A remote server that is not there yet, dies, hangs, or comes back with another model: files are inferred whole, live
//! streams go on, and each outage is one warning and one info.

use std::sync::mpsc;
use std::time::Duration;

use gst::prelude::*;
use triton_fake::{Code, Model, Server, Tensor};

use crate::common::init;

const PATIENCE: Duration = Duration::from_secs(60);

/// A model of images with this side, whose output is always 1.
fn model(side: i64) -> Model {
    let model = Model::new("brightness", |call| {
        let one = 1.0_f32.to_le_bytes().to_vec();
        call.answer(vec![Tensor::new("out", "FP32", &[1, 1], one)]);
    });
    let model = model.nhwc_input("in", "UINT8", &[1, side, side, 3]);
    model.output("out", "FP32", &[1, 1])
}

/// A stream of numbered frames through the element.
struct Line {
    pipeline: gst::Pipeline,
    /// The number of each frame that leaves, and whether it is inferred.
    frames: mpsc::Receiver<(u64, bool)>,
    live: bool,
}

impl Line {
    fn play(server: &Server, live: bool, properties: &str) -> Self {
        init();
        let (source, count) = if live {
            ("videotestsrc is-live=true", -1)
        } else {
            ("videotestsrc", 40)
        };
        let line = format!(
            "{source} num-buffers={count} ! video/x-raw,width=16,height=16,framerate=20/1 \
             ! tritoninfer name=infer model=brightness server={} {properties} ! fakesink",
            server.url()
        );
        let pipeline: gst::Pipeline = gst::parse::launch(&line).unwrap().downcast().unwrap();
        let (sender, frames) = mpsc::channel();
        let infer = pipeline.by_name("infer").unwrap();
        let pad = infer.static_pad("src").unwrap();
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let buffer = info.buffer().unwrap();
            let number = buffer.offset();
            let _ = sender.send((number, !people_meta::model_outputs(buffer).is_empty()));
            gst::PadProbeReturn::Ok
        });
        pipeline.set_state(gst::State::Playing).unwrap();
        Self { pipeline, frames, live }
    }

    /// The next frame; frames leave in order, and none is missing.
    fn next(&self, expected: u64) -> bool {
        let (number, inferred) = self.frames.recv_timeout(PATIENCE).expect("a frame leaves");
        assert_eq!(number, expected, "frames are lost or out of order");
        assert!(inferred || self.live, "frame {number} of a file is not inferred");
        inferred
    }

    /// Waits for a message of this kind; returns its text.
    fn message(&self, kind: gst::MessageType) -> String {
        let kinds = [kind, gst::MessageType::Error];
        let bus = self.pipeline.bus().unwrap();
        let patience = gst::ClockTime::try_from(PATIENCE).unwrap();
        let message = bus.timed_pop_filtered(patience, &kinds).expect("a message");
        match message.view() {
            gst::MessageView::Warning(warning) => warning.error().to_string(),
            gst::MessageView::Info(info) => info.error().to_string(),
            gst::MessageView::Error(error) => panic!("{}", error.error()),
            _ => String::new(),
        }
    }

    fn status(&self) -> String {
        self.pipeline.by_name("infer").unwrap().property("status")
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// What happens to a server, and how that ends.
type Change = fn(&mut Server);

const OUTAGES: [(&str, Change, Change); 6] = [
    ("killed and restarted", Server::stop, |server| server.restart().unwrap()),
    ("hung and resumed", |server| server.freeze(), |server| server.thaw()),
    (
        "stopping, then ready again",
        |server| server.set_stopping(true),
        |server| server.set_stopping(false),
    ),
    (
        "restarted, its model loaded later",
        |server| {
            server.stop();
            server.unload("brightness");
            server.restart().unwrap();
        },
        |server| server.load(model(16)),
    ),
    (
        "with another shape of the model",
        |server| server.unload("brightness"),
        |server| server.load(model(8)),
    ),
    (
        "with another version of the model",
        |server| server.unload("brightness"),
        |server| server.load(model(16).versions(&["2"])),
    ),
];

#[test]
fn every_frame_of_a_file_is_inferred_whatever_happens_to_the_server() {
    for (name, begin, end) in OUTAGES {
        let mut server = Server::start([model(16)]).unwrap();
        let line = Line::play(&server, false, "");
        (0..5).for_each(|number| assert!(line.next(number), "{name}"));
        begin(&mut server);
        let warning = line.message(gst::MessageType::Warning);
        assert!(warning.contains("The stream waits"), "{name}: {warning}");
        assert!(line.status().starts_with("degraded: "), "{name}: {}", line.status());
        end(&mut server);
        (5..40).for_each(|number| assert!(line.next(number), "{name}"));
        line.message(gst::MessageType::Eos);
    }
}

#[test]
fn a_live_stream_goes_on_and_is_inferred_again() {
    for (name, begin, end) in OUTAGES {
        let mut server = Server::start([model(16)]).unwrap();
        let line = Line::play(&server, true, "timeout=1500");
        let mut number = 0;
        let mut until = |inferred: bool| {
            while line.next(number) != inferred {
                number += 1;
            }
            number += 1;
        };
        until(true);
        begin(&mut server);
        until(false);
        let warning = line.message(gst::MessageType::Warning);
        assert!(warning.contains("without inference"), "{name}: {warning}");
        end(&mut server);
        until(true);
        line.message(gst::MessageType::Info);
        assert_eq!(line.status(), "ready", "{name}");
    }
}

#[test]
fn a_pipeline_starts_before_its_server() {
    for live in [false, true] {
        let mut server = Server::start([model(16)]).unwrap();
        server.stop();
        let line = Line::play(&server, live, "");
        let warning = line.message(gst::MessageType::Warning);
        assert!(warning.contains(&server.url()), "{warning}");
        assert!(line.status().starts_with("connecting: "), "{}", line.status());
        server.restart().unwrap();
        let first = (0..).find(|number| line.next(*number));
        assert!(live || first == Some(0));
        line.message(gst::MessageType::Info);
        assert_eq!(line.status(), "ready");
    }
}

#[test]
fn a_change_of_state_does_not_wait_for_a_hung_server() {
    init();
    let server = Server::start([model(16)]).unwrap();
    server.freeze();
    let line = Line::play(&server, true, "");
    // Its frames pass although no answer has arrived, and every state is reached: the server stays hung.
    (0..5).for_each(|number| assert!(!line.next(number)));
    for state in [gst::State::Ready, gst::State::Playing, gst::State::Null] {
        line.pipeline.set_state(state).unwrap();
    }
    server.thaw();
}

#[test]
fn a_spare_is_used_while_the_first_server_hangs() {
    let (first, spare) = (Server::start([model(16)]).unwrap(), Server::start([model(16)]).unwrap());
    let line = {
        let both = format!("server={},{} timeout=1500", first.url(), spare.url());
        Line::play(&first, true, &both)
    };
    let mut number = 0;
    let mut until_inferred = || {
        while !line.next(number) {
            number += 1;
        }
        number += 1;
    };
    until_inferred();
    first.freeze();
    assert!(
        spare.wait(PATIENCE, |counts| counts.inferences > 0),
        "the spare is asked"
    );
    let asked = first.counts().inferences;
    first.thaw();
    assert!(
        first.wait(PATIENCE, |counts| counts.inferences > asked),
        "the first is used again"
    );
}

#[test]
fn a_model_of_another_task_ends_the_stream_and_says_what_changed() {
    let server = Server::start([model(16)]).unwrap();
    let line = Line::play(&server, true, "");
    while !line.next_any() {}
    server.unload("brightness");
    line.message(gst::MessageType::Warning);
    let vest = model(16)
        .parameter("shopfloor.task", "vest")
        .parameter("shopfloor.labels", "none");
    server.load(vest);
    let bus = line.pipeline.bus().unwrap();
    let patience = gst::ClockTime::try_from(PATIENCE).unwrap();
    let error = bus
        .timed_pop_filtered(patience, &[gst::MessageType::Error])
        .expect("an error");
    let gst::MessageView::Error(error) = error.view() else {
        unreachable!("filtered")
    };
    let text = error.error().to_string();
    assert!(
        text.contains("brightness") && text.contains("inference-region=people"),
        "{text}"
    );
}

#[test]
fn a_model_that_cannot_be_read_while_its_server_stops_is_read_later() {
    for (code, message) in [
        (Code::Cancelled, "CANCELLED"),
        (Code::Cancelled, "a proxy's words"),
        (Code::Internal, "failed to read the repository"),
        (Code::Unknown, "Stream removed"),
        (Code::ResourceExhausted, "too many calls"),
        (Code::Unavailable, "Server exiting"),
    ] {
        let server = Server::start([model(16)]).unwrap();
        let line = Line::play(&server, true, "");
        while !line.next_any() {}
        server.unload("brightness");
        line.message(gst::MessageType::Warning);
        server.fail_descriptions(Some((code, message)));
        server.load(model(16));
        assert!(
            server.wait(PATIENCE, |counts| counts.undescribed > 1),
            "{message}: asked again"
        );
        server.fail_descriptions(None);
        line.message(gst::MessageType::Info);
        assert_eq!(line.status(), "ready", "{message}");
    }
}

#[test]
fn a_model_that_fails_on_one_frame_does_not_hold_a_file() {
    let poison = Model::new("brightness", |call| {
        call.fail(Code::Internal, "a frame that the model cannot stand");
    });
    let poison = poison
        .nhwc_input("in", "UINT8", &[1, 16, 16, 3])
        .output("out", "FP32", &[1, 1]);
    let server = Server::start([model(16)]).unwrap();
    let mut line = Line::play(&server, false, "");
    line.live = true; // frames may be uninferred
    (0..5).for_each(|number| _ = line.next(number));
    server.load(poison);
    (5..40).for_each(|number| _ = line.next(number));
    line.message(gst::MessageType::Eos);
}

impl Line {
    /// Whether the next frame is inferred.
    fn next_any(&self) -> bool {
        self.frames.recv_timeout(PATIENCE).expect("a frame leaves").1
    }
}
