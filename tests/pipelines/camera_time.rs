//! A camera that states its time by RTCP: events have it, and not that of this computer.

use std::time::SystemTime;

use gst::prelude::*;
use people::Scene;
use people::event::{LogLine, UtcClock};
use people_meta::bus;

use crate::init;
use crate::program::Program;

/// For the first report of the camera, which comes after 2.5 s or later (RFC 3550, 6.2), and a heartbeat after it.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(60);

/// The difference of two readings of this computer's clock, by the camera and by the test, in milliseconds: more than a frame is late on
/// a busy machine, and less than any mistake of epoch or time zone.
const NEAR: i64 = 60_000;

/// The camera is a server on this computer, so that its time is the test's. Nobody is on the frames; no model is needed.
#[test]
fn a_camera_s_time_by_rtcp_is_stated() {
    init();
    let (_camera, url) = Program::camera();
    let pipeline = gst::parse::launch(&format!(
        "rtspsrc location={url}/video add-reference-timestamp-meta=true ! decodebin ! activityzone name=zone heartbeat-interval=500 \
         ! fakesink"
    ));
    let pipeline: gst::Pipeline = pipeline.unwrap().downcast().unwrap();
    let zone = pipeline.by_name("zone").unwrap();
    zone.set_property(
        "stations",
        r#"{"stations": [{"name": "bench", "polygon": [[0, 0], [1, 0], [0, 1]]}]}"#,
    );
    let sink = zone.static_pad("sink").unwrap();
    sink.add_probe(gst::PadProbeType::BUFFER, |_, info| {
        people_meta::set_scene(info.buffer_mut().unwrap().make_mut(), Scene::default());
        gst::PadProbeReturn::Ok
    });
    pipeline.set_state(gst::State::Playing).unwrap();
    let messages = pipeline.bus().unwrap();
    let kinds = [gst::MessageType::Element, gst::MessageType::Error];
    let mut clocks = Vec::new();
    let stated = loop {
        let message = messages.timed_pop_filtered(PATIENCE, &kinds);
        let message = message.unwrap_or_else(|| panic!("nothing was stated; before: {clocks:?}"));
        let line = message
            .structure()
            .and_then(|structure| bus::line_from_structure(structure).unwrap());
        match line {
            Some(LogLine::Event(record)) => {
                let utc = record.origin.utc.unwrap();
                clocks.push(utc.clock);
                if utc.clock == UtcClock::Camera {
                    break utc;
                }
                assert!(clocks.len() < 120, "no time of the camera in a minute");
            }
            Some(LogLine::Clock(record)) => panic!("{:?}", record.step),
            None => assert_ne!(message.type_(), gst::MessageType::Error, "{message:?}"),
        }
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    pipeline.set_state(gst::State::Null).unwrap();
    let off = now.as_millis() as i64 - stated.time.as_millisecond();
    assert!(off.abs() < NEAR, "the camera's time is {off} ms off");
}
