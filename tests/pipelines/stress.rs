//! Seeks and stops at any moment, on the real Triton: nothing hangs, nothing is out of order, no error.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use gst::prelude::*;
use shopfloor_tests::root;

use crate::end;

/// Numbers that look random and are the same each time (a linear congruential generator, Knuth's MMIX constants).
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
    gst::init().unwrap();
    gstshopfloor::plugin_register_static().unwrap();
    let launch = format!(
        "filesrc location={} ! decodebin ! tritoninfer model=movenet_multipose ! poseparse ! queue \
         ! tritoninfer model=vest_resnet18 inference-region=people ! queue ! vesttrack ! fakesink name=out",
        root().join("media/vests.mp4").display()
    );
    gst::parse::launch(&launch).unwrap().downcast().unwrap()
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
    pipeline.set_state(gst::State::Playing).unwrap();
    pipeline.state(gst::ClockTime::from_seconds(60)).0.unwrap();
    let mut dice = Dice(7);
    for _ in 0..15 {
        thread::sleep(Duration::from_millis(dice.below(150)));
        let target = gst::ClockTime::from_seconds(dice.below(60));
        pipeline
            .seek_simple(gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE, target)
            .unwrap();
    }
    pipeline
        .seek_simple(
            gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE,
            gst::ClockTime::from_seconds(72),
        )
        .unwrap();
    let last = end(&pipeline, 120);
    pipeline.set_state(gst::State::Null).unwrap();
    assert!(matches!(last.view(), gst::MessageView::Eos(_)), "{last:?}");
    let times = times.lock().unwrap();
    // between two flushes (`None`) time only rises
    assert!(times.split(Option::is_none).all(|run| run.is_sorted()), "{times:?}");
    assert!(times.iter().flatten().count() > 10);
}

#[test]
fn stops_at_any_moment() {
    let mut dice = Dice(11);
    for _ in 0..12 {
        // a new one each time: gst-launch's delayed link to decodebin works once
        let pipeline = pipeline();
        let started = pipeline.set_state(gst::State::Playing);
        thread::sleep(Duration::from_millis(dice.below(900)));
        let error = pipeline.bus().unwrap().pop_filtered(&[gst::MessageType::Error]);
        pipeline.set_state(gst::State::Null).unwrap();
        assert!(started.is_ok() && error.is_none(), "{error:?}");
    }
    // and one more still plays
    let pipeline = pipeline();
    pipeline.set_state(gst::State::Paused).unwrap();
    pipeline.state(gst::ClockTime::from_seconds(60)).0.unwrap();
    pipeline.set_state(gst::State::Null).unwrap();
}
