//! When facts are told, and what is said about the stream's time: segments, the pipeline's clock, the time of day.

use gst::prelude::*;
use people::{Person, Track};
use people_meta::bus;
use vision::Point;
use vision::letterbox::Orientation;

use crate::common::{FRAME, caps, frame_of, harness, init, person, structures, texts};

const FLOOR: &str = r#"{\"stations\": [{\"name\": \"floor\", \"polygon\": [[0, 0], [1, 0], [1, 1], [0, 1]]}]}"#;
const INSIDE: Point = Point::new(200.0, 100.0);
const LATENCY: gst::ClockTime = gst::ClockTime::from_mseconds(300);

fn ms(milliseconds: u64) -> gst::ClockTime {
    gst::ClockTime::from_mseconds(milliseconds)
}

/// activityzone with a station that is active whenever there is a person, behind a live source or a file.
fn zone(more: &str, is_live: bool) -> (gst_check::Harness, gst::Bus) {
    let (mut harness, bus) = harness(&format!("activityzone stations=\"{FLOOR}\" {more}"));
    harness.set_live(is_live);
    harness.set_upstream_latency(LATENCY);
    // liveness and latency are queried anew
    harness.push_event(segment(1.0, 0));
    (harness, bus)
}

fn segment(rate: f64, start: u64) -> gst::Event {
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    segment.set_rate(rate);
    segment.set_start(ms(start));
    segment.set_time(ms(start));
    gst::event::Segment::new(&segment)
}

/// A frame in which the station is active.
fn active(pts: Option<gst::ClockTime>) -> gst::Buffer {
    let tracked = Person {
        track: Some(Track::default()),
        ..person(80.0, "red", INSIDE)
    };
    let mut buffer = frame_of(0, vec![tracked]);
    buffer.get_mut().unwrap().set_pts(pts);
    buffer
}

fn push(harness: &mut gst_check::Harness, times: impl IntoIterator<Item = u64>) {
    for time in times {
        harness.push_and_pull(active(Some(ms(time)))).unwrap();
    }
}

/// The sums of the streams that have ended, active and unknown, in milliseconds.
fn sums(bus: &gst::Bus) -> Vec<(u64, u64)> {
    let sum = |totals: &gst::Structure, name| totals.get::<u64>(name).unwrap() / 1_000_000;
    let ends = structures(bus, bus::TOTALS);
    ends.iter()
        .map(|end| (sum(end, "active"), sum(end, "unknown")))
        .collect()
}

/// The next message of a name, posted by another thread.
fn wait_for(bus: &gst::Bus, name: &str) -> gst::Structure {
    let patience = gst::ClockTime::from_seconds(20);
    while let Some(message) = bus.timed_pop_filtered(patience, &[gst::MessageType::Element]) {
        if let Some(found) = message.structure().filter(|structure| structure.name() == name) {
            return found.to_owned();
        }
    }
    panic!("no {name}")
}

#[test]
fn glitches_are_said_once_and_change_nothing() {
    for (times, reason) in [
        (vec![0, 100, 90, 200, 190, 300], "backward"),
        (vec![0, 100, 90_000, 200, 80_000, 300], "glitch"),
    ] {
        let (mut harness, bus) = zone("", false);
        push(&mut harness, times);
        harness.push_event(gst::event::Eos::new());
        let messages: Vec<_> = std::iter::from_fn(|| bus.pop()).collect();
        let named = |name: &str| -> Vec<&gst::StructureRef> {
            let structures = messages.iter().filter_map(|message| message.structure());
            structures.filter(|structure| structure.name() == name).collect()
        };
        let warnings = messages
            .iter()
            .filter(|message| message.type_() == gst::MessageType::Warning);
        let clocks: Vec<&str> = named(bus::CLOCK)
            .iter()
            .map(|clock| clock.get("reason").unwrap())
            .collect();
        assert_eq!((clocks, warnings.count()), (vec![reason], 1));
        assert_eq!(
            (named(bus::START).len(), named(bus::ACTIVITY).len()),
            (1, 1),
            "{reason}"
        );
        assert_eq!(named(bus::TOTALS)[0].get::<u64>("active"), Ok(400_000_000), "{reason}");
    }
}

#[test]
fn seconds_are_those_of_the_recording() {
    for (rate, start, first) in [(1.0, 0, 0), (2.0, 0, 0), (0.5, 10_000, 10_000), (1.0, 10_000, 10_000)] {
        let (mut harness, bus) = zone("", false);
        harness.push_event(segment(rate, start));
        push(&mut harness, (0..30).map(|n| first + 100 * n));
        harness.push_event(gst::event::Eos::new());
        assert_eq!(sums(&bus), [(3_000, 0)], "rate {rate}, from {start}");
    }
}

#[test]
fn a_frame_outside_its_segment_is_timed_as_one_without_a_timestamp() {
    let (mut harness, bus) = zone("", false);
    harness.push_event(segment(1.0, 10_000));
    push(
        &mut harness,
        (0..40).map(|n| if n == 20 { 9_980 } else { 10_000 + 100 * n }),
    );
    harness.push_event(gst::event::Eos::new());
    assert_eq!(sums(&bus), [(4_000, 0)]);
}

#[test]
fn frames_without_timestamps_are_timed_and_it_is_said() {
    let (mut harness, bus) = zone("", false);
    for _ in 0..40 {
        harness.push_and_pull(active(None)).unwrap();
    }
    let warnings = texts(&bus, gst::MessageType::Warning);
    assert!(
        warnings.len() == 1 && warnings[0].contains("no timestamp"),
        "{warnings:?}"
    );
    harness.push_event(gst::event::Eos::new());
    assert_eq!(sums(&bus), [(4_000, 0)]);
}

#[test]
fn a_flush_or_another_stream_ends_the_stations_at_once() {
    type Events = fn() -> Vec<gst::Event>;
    let flush: Events = || vec![gst::event::FlushStart::new(), gst::event::FlushStop::new(true)];
    let other: Events = || vec![gst::event::StreamStart::new("another camera")];
    for (what, events) in [("flush", flush), ("another stream", other)] {
        let (mut harness, bus) = zone("", false);
        push(&mut harness, [0, 100, 200]);
        for event in events() {
            harness.push_event(event);
        }
        assert_eq!(sums(&bus), [(200, 0)], "{what}");
    }
    let (mut harness, bus) = zone("", false);
    harness.push_event(gst::event::StreamStart::new("camera"));
    push(&mut harness, [0, 100, 200]);
    harness.push_event(gst::event::StreamStart::new("camera"));
    assert_eq!(sums(&bus), [], "the same stream goes on");
}

#[test]
fn a_silent_camera_becomes_unknown_by_the_clock() {
    let (mut harness, bus) = zone("heartbeat-interval=0", true);
    let clock = harness.testclock().unwrap();
    push(&mut harness, [0]);
    // the last evidence, unknown-after and the latency
    let pending = clock.wait_for_next_pending_id();
    assert_eq!(pending.time(), ms(2_000) + LATENCY + ms(1));
    push(&mut harness, [100, 200]);
    assert!(clock.crank());
    // meanwhile two frames have arrived
    let pending = clock.wait_for_next_pending_id();
    assert_eq!(pending.time(), ms(2_200) + LATENCY + ms(1));
    assert!(
        structures(&bus, bus::ACTIVITY).len() == 1,
        "it is known up to that time"
    );
    assert!(clock.crank());
    let change = wait_for(&bus, bus::ACTIVITY);
    assert_eq!(change.get::<&str>("state"), Ok("unknown"));
    assert_eq!(change.get::<u64>("running-time"), Ok(ms(2_200).nseconds()));
    // the end accounts for the whole time
    clock.set_time(ms(10_300));
    harness.push_event(gst::event::Eos::new());
    assert_eq!(sums(&bus), [(2_200, 7_800)]);
}

#[test]
fn a_live_stream_ends_with_its_clock_however_it_stops() {
    let (mut harness, bus) = zone("", true);
    let clock = harness.testclock().unwrap();
    push(&mut harness, [0, 100]);
    clock.wait_for_next_pending_id();
    let element = harness.element().unwrap();
    clock.set_time(ms(5_000) + LATENCY);
    element.set_state(gst::State::Paused).unwrap();
    // what passes while it is paused is no time of the stream
    clock.set_time(ms(90_000));
    element.set_state(gst::State::Null).unwrap();
    assert_eq!(sums(&bus), [(2_100, 2_900)]);
    assert_eq!(clock.peek_id_count(), 0, "nobody waits for the clock");
}

#[test]
fn a_file_is_never_unknown_by_the_clock() {
    let (mut harness, bus) = zone("", false);
    let clock = harness.testclock().unwrap();
    push(&mut harness, [0]);
    clock.set_time(ms(90_000));
    push(&mut harness, [100]);
    assert_eq!(clock.peek_id_count(), 0);
    harness.push_event(gst::event::Eos::new());
    assert_eq!(sums(&bus), [(200, 0)]);
}

#[test]
fn gap_events_are_time_without_frames() {
    let (mut harness, bus) = zone("", false);
    push(&mut harness, [0]);
    for second in 0..5 {
        let gap = gst::event::Gap::builder(FRAME + ms(1_000 * second)).duration(ms(1_000));
        harness.push_event(gap.build());
    }
    let changes = structures(&bus, bus::ACTIVITY);
    let last = changes.last().unwrap();
    assert_eq!(
        (last.get("state"), last.get("running-time")),
        (Ok("unknown"), Ok(ms(2_000).nseconds()))
    );
    harness.push_event(gst::event::Eos::new());
    assert_eq!(sums(&bus), [(2_000, 3_100)]);
}

#[test]
fn a_latency_of_two_seconds_is_no_gap() {
    // as rtspsrc has it: frames arrive up to two seconds after their running time, here twenty at once
    let (mut harness, bus) = zone("heartbeat-interval=0", true);
    harness.set_upstream_latency(ms(2_000));
    harness.push_event(segment(1.0, 0));
    let clock = harness.testclock().unwrap();
    push(&mut harness, [0]);
    for burst in 1..15 {
        clock.wait_for_next_pending_id();
        clock.set_time(ms(2_050 * burst));
        if clock.process_next_clock_id().is_some() {
            clock.wait_for_next_pending_id();
        }
        push(&mut harness, (2_000 * burst - 1_900..=2_000 * burst).step_by(100));
    }
    assert_eq!(structures(&bus, bus::ACTIVITY).len(), 1);
}

#[test]
fn heartbeats_have_the_sums_on_files_and_while_a_camera_is_silent() {
    let (mut harness, bus) = zone("heartbeat-interval=1000", false);
    push(&mut harness, (0..25).map(|n| 100 * n));
    let beats = structures(&bus, bus::HEARTBEAT);
    let times: Vec<u64> = beats.iter().map(|beat| beat.get("active").unwrap()).collect();
    assert_eq!(times, [1, 2].map(|second| ms(1_000 * second).nseconds()));

    let (mut harness, bus) = zone("heartbeat-interval=1000", true);
    let clock = harness.testclock().unwrap();
    push(&mut harness, [0]);
    assert_eq!(clock.wait_for_next_pending_id().time(), ms(1_000) + LATENCY);
    assert!(clock.crank());
    let beat = wait_for(&bus, bus::HEARTBEAT);
    assert_eq!(beat.get::<u64>("active"), Ok(ms(1_000).nseconds()));
}

#[test]
fn the_time_of_day_is_that_of_the_best_clock() {
    let utc = |bus: &gst::Bus| -> (Option<String>, Option<String>) {
        let starts = structures(bus, bus::START);
        (starts[0].get("utc").ok(), starts[0].get("clock").ok())
    };
    // a file says nothing
    let (mut harness, bus) = zone("", false);
    push(&mut harness, [500]);
    assert_eq!(utc(&bus), (None, None));
    // but for what the user says about it, from its begin on
    let (mut harness, bus) = zone("start-time=2026-11-26T06:00:00+01:00", false);
    harness.push_event(segment(1.0, 60_000));
    push(&mut harness, [61_500]);
    assert_eq!(
        utc(&bus),
        (Some("2026-11-26T05:01:01.500Z".into()), Some("start-time".into()))
    );
    // the camera's own, by RTP as NTP has it
    let (mut harness, bus) = zone("", true);
    let mut buffer = active(Some(ms(0)));
    let ntp = gst::Caps::new_empty_simple("timestamp/x-ntp");
    let time = gst::ClockTime::from_seconds(2_208_988_800 + 1_800_000_000) + ms(250);
    gst::ReferenceTimestampMeta::add(buffer.get_mut().unwrap(), &ntp, time, None);
    harness.push_and_pull(buffer).unwrap();
    assert_eq!(
        utc(&bus),
        (Some("2027-01-15T08:00:00.250Z".into()), Some("camera".into()))
    );
    // a live stream has the computer's
    let (mut harness, bus) = zone("", true);
    push(&mut harness, [0]);
    let (time, clock) = utc(&bus);
    assert!(time.is_some_and(|time| time.ends_with('Z')) && clock.as_deref() == Some("host"));
}

#[test]
fn a_wrong_start_time_stops_the_start() {
    init();
    let element = gst::ElementFactory::make("activityzone")
        .property("start-time", "6 o'clock")
        .build()
        .unwrap();
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    assert!(element.set_state(gst::State::Paused).is_err());
    let errors = texts(&bus, gst::MessageType::Error);
    element.set_state(gst::State::Null).unwrap();
    assert!(errors.len() == 1 && errors[0].contains("6 o'clock"), "{errors:?}");
}

#[test]
fn lines_are_numbered_in_their_run() {
    let runs: Vec<String> = (0..2)
        .map(|_| {
            let (mut harness, bus) = zone("", false);
            push(&mut harness, [0, 100, 90, 5_000, 5_100]);
            harness.push_event(gst::event::Eos::new());
            let messages = std::iter::from_fn(|| bus.pop());
            let lines = messages.filter_map(|message| bus::line_from_structure(message.structure()?).unwrap());
            let origins: Vec<_> = lines.map(|line| line.origin().clone()).collect();
            let numbers: Vec<u64> = origins.iter().map(|origin| origin.sequence.unwrap()).collect();
            assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
            assert!(numbers.len() > 5 && origins.iter().all(|origin| origin.stream_id.is_some()));
            let run = origins[0].run.clone().unwrap();
            assert!(origins.iter().all(|origin| origin.run.as_ref() == Some(&run)));
            run.to_string()
        })
        .collect();
    assert_ne!(runs[0], runs[1]);
}

/// The tracks of a frame: the id, and the left edge of the box.
fn tracks(buffer: &gst::BufferRef) -> Vec<(u64, f32)> {
    let scene = people_meta::scene(buffer).unwrap();
    let tracks = scene
        .people
        .iter()
        .filter_map(|person| Some((person.track.as_ref()?.id, person.bbox.left)));
    tracks.collect()
}

/// vesttrack with a track of somebody who stands at x = 80, behind a file.
fn tracked() -> gst_check::Harness {
    let (mut harness, _bus) = harness("vesttrack");
    harness.set_live(false);
    harness.push_event(segment(1.0, 0));
    push(&mut harness, (0..10).map(|n| 100 * n));
    harness
}

#[test]
fn a_glitch_keeps_tracks_where_they_are() {
    for odd in [850, 0, 5_000, 37_600_000] {
        let mut harness = tracked();
        push(&mut harness, [odd]);
        let mut hidden = frame_of(0, vec![]);
        hidden.get_mut().unwrap().set_pts(ms(1_100));
        let after = harness.push_and_pull(hidden).unwrap();
        let [(1, left)] = tracks(&after)[..] else {
            panic!("{odd}: {:?}", tracks(&after))
        };
        assert!((left - 60.0).abs() < 2.0, "{odd}: {left}");
    }
}

#[test]
fn a_gap_ends_tracks_as_soon_as_it_is_confirmed() {
    let mut harness = tracked();
    let empty = |time: u64| {
        let mut hidden = frame_of(0, vec![]);
        hidden.get_mut().unwrap().set_pts(ms(time));
        hidden
    };
    // a glitch so far
    assert_eq!(tracks(&harness.push_and_pull(empty(60_000)).unwrap()).len(), 1);
    assert_eq!(tracks(&harness.push_and_pull(empty(60_100)).unwrap()), []);
}

#[test]
fn another_format_moves_tracks_or_ends_them() {
    let with = |width: i32, height: i32, pixel_aspect: (i32, i32)| {
        let mut caps = caps("I420");
        let caps_mut = caps.get_mut().unwrap();
        caps_mut.set("width", width);
        caps_mut.set("height", height);
        caps_mut.set("pixel-aspect-ratio", gst::Fraction::new(pixel_aspect.0, pixel_aspect.1));
        caps
    };
    for (what, caps, expected) in [
        ("the same", with(320, 240, (1, 1)), Some(60.0)),
        ("twice the size", with(640, 480, (1, 1)), Some(120.0)),
        ("half of the width, of wide pixels", with(160, 240, (2, 1)), Some(30.0)),
        ("rotated", with(240, 320, (1, 1)), None),
        ("wider", with(640, 240, (1, 1)), None),
        ("wider pixels", with(320, 240, (4, 3)), None),
    ] {
        let mut harness = tracked();
        harness.push_event(gst::event::Caps::new(&caps));
        let size = gst_video::VideoInfo::from_caps(&caps).unwrap().size();
        let mut hidden = gst::Buffer::from_mut_slice(vec![0_u8; size]);
        hidden.get_mut().unwrap().set_pts(ms(1_000));
        people_meta::set_scene(hidden.get_mut().unwrap(), people::Scene::default());
        let left = tracks(&harness.push_and_pull(hidden).unwrap());
        let left = left.first().map(|(_, left)| left.round());
        assert_eq!(left, expected, "{what}");
    }
}

/// `tritoninfer` states the orientation of each frame, by the stream's tags or those of the whole medium.
#[test]
fn a_turned_picture_ends_tracks() {
    for (orientation, kept) in [(Orientation::IDENTITY, true), (Orientation::ROTATE_90, false)] {
        let mut harness = tracked();
        // A tag alone turns nothing: frames with it may come later, or have another one.
        let mut tags = gst::TagList::new();
        let tag = tags.get_mut().unwrap();
        tag.add::<gst::tags::ImageOrientation>(&"rotate-180", gst::TagMergeMode::Replace);
        harness.push_event(gst::event::Tag::new(tags));
        let mut hidden = frame_of(0, vec![]);
        let buffer = hidden.get_mut().unwrap();
        buffer.set_pts(ms(1_000));
        people_meta::scene_mut(buffer, |scene| scene.orientation = orientation);
        let left = tracks(&harness.push_and_pull(hidden).unwrap());
        assert_eq!(!left.is_empty(), kept, "{orientation:?}");
    }
}
