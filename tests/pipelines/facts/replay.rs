//! People of a recorded pass through `vesttrack` and `activityzone`, without inference.

use std::sync::Arc;
use std::time::Duration;

use gst::prelude::*;
use people::event::{Event, EventKind};
use people::station_file::Stations;
use people::{Activity, Scene};
use people_meta::bus;

use super::score::{Edge, TrueStation};
use crate::init;
use crate::truth_of_people::{FRAME, SIZE};

/// A frame: when, and who is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Nanoseconds; `None`: without a timestamp.
    pub time: Option<u64>,
    pub scene: Arc<Scene>,
}

impl Frame {
    /// Frame `n` of the video.
    pub fn new(n: usize, scene: Arc<Scene>) -> Self {
        let time = u64::try_from((FRAME * n as u32).as_nanos()).ok();
        Self { time, scene }
    }
}

/// What was stated about one station.
#[derive(Default)]
pub struct Stated {
    pub edges: Vec<Edge>,
    /// Time active, by the messages with the totals.
    pub active: Duration,
    /// Number of these messages.
    pub streams: usize,
}

impl Stated {
    pub fn is_active(&self, time: Duration) -> bool {
        let before = self.edges.iter().rev().find(|(edge, _)| *edge <= time);
        before.is_some_and(|(_, active)| *active)
    }
}

/// Plays frames and returns what is stated about each of the stations.
pub fn play(frames: &[Frame], truth: &[TrueStation]) -> Vec<Stated> {
    init();
    let stations: Stations = truth.iter().map(|truth| Arc::new(truth.station.clone())).collect();
    let mut harness = gst_check::Harness::new_parse("vesttrack ! activityzone name=zone");
    let bin = harness.element().unwrap().downcast::<gst::Bin>().unwrap();
    bin.by_name("zone")
        .unwrap()
        .set_property("stations", stations.to_json());
    let messages = gst::Bus::new();
    bin.set_bus(Some(&messages));
    let (width, height) = SIZE;
    harness.set_src_caps_str(&format!(
        "video/x-raw,format=GRAY8,width={width},height={height},framerate=10/1"
    ));
    harness.play();
    // The elements do not read pixels.
    let pixels = gst::Buffer::with_size((width * height) as usize).unwrap();
    for frame in frames {
        let mut buffer = pixels.clone();
        let writable = buffer.make_mut();
        writable.set_pts(frame.time.map(gst::ClockTime::from_nseconds));
        writable.set_duration(gst::ClockTime::try_from(FRAME).unwrap());
        people_meta::set_scene(writable, (*frame.scene).clone());
        harness.push_and_pull(buffer).unwrap();
    }
    assert!(harness.push_event(gst::event::Eos::new()));
    let mut stated: Vec<Stated> = truth.iter().map(|_| Stated::default()).collect();
    while let Some(message) = messages.pop_filtered(&[gst::MessageType::Element]) {
        let event = message.structure().map(bus::from_structure).transpose().unwrap();
        if let Some(event) = event.flatten() {
            let at = truth.iter().position(|truth| truth.station.name == event.station);
            stated[at.unwrap()].record(&event);
        }
    }
    stated
}

impl Stated {
    fn record(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Change { state, previous, .. } => {
                let is_active = *state == Activity::Active;
                if is_active != (*previous == Activity::Active) {
                    self.edges.push((event.time, is_active));
                }
            }
            EventKind::End { totals, .. } => {
                self.active += totals.active;
                self.streams += 1;
            }
            _ => {}
        }
    }
}
