//! Seeks and stops at many moments, on the real Triton: nothing hangs, nothing is out of order, no error.
//!
//! The moments are numbers of frames and of messages, not times: they are the same on a slow machine.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use gst::prelude::*;
use shopfloor_tests::root;

use crate::program::PATIENCE;
use crate::{end, init};

/// Numbers that look random and are the same each time: a linear congruential generator with Knuth's MMIX constants.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn pipeline() -> gst::Pipeline {
    init();
    let launch = format!(
        "filesrc location={} ! decodebin ! tritoninfer model=person_pose ! poseparse ! queue \
         ! tritoninfer model=vest_resnet18 inference-region=people ! queue ! vesttrack ! fakesink name=out",
        root().join("media/vests.mp4").display()
    );
    gst::parse::launch(&launch).unwrap().downcast().unwrap()
}

/// Reports each frame that reaches the line's end.
fn frames(pipeline: &gst::Pipeline) -> mpsc::Receiver<()> {
    let (sender, frames) = mpsc::channel();
    let sink = pipeline.by_name("out").unwrap().static_pad("sink").unwrap();
    sink.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        let _ = sender.send(());
        gst::PadProbeReturn::Ok
    });
    frames
}

fn wait_for_frames(frames: &mpsc::Receiver<()>, count: u64) {
    for n in 0..count {
        let frame = frames.recv_timeout(PATIENCE);
        frame.unwrap_or_else(|error| panic!("frame {n} of {count} did not come within {PATIENCE:?}: {error}"));
    }
}

#[test]
fn flushing_seeks_keep_the_order() {
    let pipeline = pipeline();
    let times: Arc<Mutex<Vec<Option<gst::ClockTime>>>> = Arc::default();
    let seen = times.clone();
    let sink = pipeline.by_name("out").unwrap().static_pad("sink").unwrap();
    sink.add_probe(
        gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_FLUSH,
        move |_, info| {
            seen.lock().unwrap().push(info.buffer().and_then(|buffer| buffer.pts()));
            gst::PadProbeReturn::Ok
        },
    );
    let frames = frames(&pipeline);
    let seek = |seconds| {
        let target = gst::ClockTime::from_seconds(seconds);
        pipeline
            .seek_simple(gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE, target)
            .unwrap();
    };
    pipeline.set_state(gst::State::Playing).unwrap();
    pipeline.state(gst::ClockTime::from_seconds(60)).0.unwrap();
    let mut dice = Dice(7);
    for _ in 0..15 {
        // 0 seeks again while the previous seek is under way.
        wait_for_frames(&frames, dice.below(3));
        seek(dice.below(60));
    }
    seek(72);
    let last = end(&pipeline, 120);
    pipeline.set_state(gst::State::Null).unwrap();
    assert!(matches!(last.view(), gst::MessageView::Eos(_)), "{last:?}");
    let times = times.lock().unwrap();
    // Between two flushes (`None`) time only rises.
    assert!(times.split(Option::is_none).all(|run| run.is_sorted()), "{times:?}");
    assert!(times.iter().flatten().count() > 10);
}

/// Starts a pipeline, stops it at the moment that `wait` returns, and checks that there was no error.
fn stop_after(wait: impl FnOnce(&gst::Pipeline, &mpsc::Receiver<()>)) {
    // A new one each time: the delayed link to decodebin that gst-launch makes works once.
    let pipeline = pipeline();
    let frames = frames(&pipeline);
    let errors = Arc::new(Mutex::new(Vec::new()));
    let seen = errors.clone();
    pipeline.bus().unwrap().set_sync_handler(move |_, message| {
        if message.type_() == gst::MessageType::Error {
            seen.lock().unwrap().push(message.clone());
        }
        gst::BusSyncReply::Pass
    });
    pipeline.set_state(gst::State::Playing).unwrap();
    wait(&pipeline, &frames);
    pipeline.set_state(gst::State::Null).unwrap();
    let errors = errors.lock().unwrap();
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn pipelines_stop_at_any_moment() {
    // While the line is built and starts: after so many messages, of elements' states and of the stream.
    for messages in [0, 1, 5, 15, 25, 35] {
        stop_after(|pipeline, _| {
            let bus = pipeline.bus().unwrap();
            let patience = gst::ClockTime::from_seconds(PATIENCE.as_secs());
            for n in 0..messages {
                assert!(
                    bus.timed_pop(patience).is_some(),
                    "message {n} of {messages} did not come"
                );
            }
        });
    }
    // While it plays.
    for count in [1, 2, 3, 5] {
        stop_after(|_, frames| wait_for_frames(frames, count));
    }
    // A further one still starts.
    let pipeline = pipeline();
    pipeline.set_state(gst::State::Paused).unwrap();
    pipeline.state(gst::ClockTime::from_seconds(60)).0.unwrap();
    pipeline.set_state(gst::State::Null).unwrap();
}
