//! Frames, events and queries keep their order.

use std::thread;
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::script::{caps, element, frame, frame_of_people, frame_of_size, number, tensors, vests};

#[test]
fn frames_and_events_keep_their_order_whatever_the_order_of_responses() {
    let (mut harness, _bus, script) = tensors("on-overload=block max-in-flight=8");
    for n in 0..8 {
        harness.push(frame(n)).unwrap();
        let tag =
            gst::event::CustomDownstream::builder(gst::Structure::builder("mark").field("after", u32::from(n)).build());
        assert!(harness.push_event(tag.build()));
    }
    let mut pending = script.take(8);
    // responses in the order 3 6 1 4 7 2 5 0: nothing may leave before the last of them
    for at in [3, 5, 1, 2, 3, 1, 1, 0] {
        assert_eq!(harness.buffers_in_queue(), 0);
        pending.remove(at).respond();
    }
    for n in 0..8 {
        let buffer = harness.pull().unwrap();
        assert_eq!(number(&buffer), n);
        assert_eq!(
            people_meta::model_outputs(&buffer)[0].tensors[0].data[4..],
            (n as f32 / 10.0).to_le_bytes()
        );
    }
    let marks: Vec<u32> = std::iter::from_fn(|| harness.try_pull_event())
        .filter_map(|event| {
            event
                .structure()
                .filter(|s| s.name() == "mark")
                .map(|s| s.get("after").unwrap())
        })
        .collect();
    // the last mark leaves right after the last frame; what is here is in order
    assert!(marks.is_sorted() && marks.len() >= 7, "{marks:?}");
}

#[test]
fn eos_waits_for_requests_in_flight() {
    let (mut harness, _bus, script) = tensors("on-overload=block");
    harness.push(frame(0)).unwrap();
    harness.push_event(gst::event::Eos::new());
    let pending = script.take(1).remove(0);
    let eos = |harness: &mut gst_check::Harness| {
        std::iter::from_fn(|| harness.try_pull_event()).any(|event| event.type_() == gst::EventType::Eos)
    };
    assert!(!eos(&mut harness));
    pending.respond();
    assert_eq!(number(&harness.pull().unwrap()), 0);
    let last = std::iter::from_fn(|| harness.pull_event().ok()).find(|event| event.type_() == gst::EventType::Eos);
    assert!(last.is_some());
    assert_eq!(harness.push(frame(1)), Err(gst::FlowError::Eos));
}

#[test]
fn a_flush_drops_frames_and_the_stream_continues() {
    let (mut harness, _bus, script) = tensors("on-overload=block");
    harness.push(frame(0)).unwrap();
    harness.push(frame(1)).unwrap();
    let old = script.take(2);
    assert!(harness.push_event(gst::event::FlushStart::new()));
    assert_eq!(harness.push(frame(2)), Err(gst::FlowError::Flushing));
    assert!(harness.push_event(gst::event::FlushStop::new(true)));
    assert!(harness.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new())));
    harness.push(frame(10)).unwrap();
    let new = script.take(1).remove(0);
    old.into_iter().for_each(|pending| pending.respond());
    new.respond();
    assert_eq!(number(&harness.pull().unwrap()), 10);
    assert!(harness.try_pull().is_none());
}

#[test]
fn a_flush_keeps_caps_and_tags() {
    let (mut harness, _bus, script) = tensors("on-overload=block");
    harness.push(frame(0)).unwrap();
    let old = script.take(1);
    // caps and tags wait behind the frame when the flush comes
    assert!(harness.push_event(gst::event::Caps::new(&caps(32))));
    let mut tags = gst::TagList::new();
    tags.get_mut()
        .unwrap()
        .add::<gst::tags::Title>(&"shift 1", gst::TagMergeMode::Append);
    assert!(harness.push_event(gst::event::Tag::new(tags)));
    assert!(harness.push_event(gst::event::FlushStart::new()));
    assert!(harness.push_event(gst::event::FlushStop::new(true)));
    let bin = harness.element().unwrap().downcast::<gst::Bin>().unwrap();
    let source = bin.by_name("core").unwrap().static_pad("src").unwrap();
    assert_eq!(source.current_caps(), Some(caps(32)));
    assert!(source.sticky_event::<gst::event::Tag>(0).is_some());
    drop(old);
}

#[test]
fn a_flush_frees_a_waiting_source() {
    let (harness, _bus, script) = tensors("on-overload=block max-in-flight=1");
    let element = harness.element().unwrap();
    let sink = element.static_pad("sink").unwrap();
    let mut harness = harness;
    harness.push(frame(0)).unwrap();
    let pending = script.take(1);
    harness.push(frame(1)).unwrap(); // waits for its turn
    let waiting = thread::spawn({
        let sink = sink.clone();
        move || sink.chain(frame(2))
    });
    // both orders of chain and flush must end alike: the flush is seen before, or while it waits
    sink.send_event(gst::event::FlushStart::new());
    assert_eq!(waiting.join().unwrap(), Err(gst::FlowError::Flushing));
    drop(pending);
}

#[test]
fn a_stop_does_not_wait_for_responses() {
    let (mut harness, _bus, script) = tensors("on-overload=block");
    for n in 0..4 {
        harness.push(frame(n)).unwrap();
    }
    let pending = script.take(4);
    let element = harness.element().unwrap();
    element.set_state(gst::State::Null).unwrap();
    assert_eq!(element.property::<String>("status"), "closed");
    // these responses are ignored
    pending.into_iter().for_each(|pending| pending.respond());
}

#[test]
fn a_source_waits_while_all_requests_are_in_flight() {
    let (mut harness, _bus, script) = tensors("on-overload=block max-in-flight=2");
    harness.push(frame(0)).unwrap();
    harness.push(frame(1)).unwrap();
    let sink = harness.element().unwrap().static_pad("sink").unwrap();
    harness.push(frame(2)).unwrap(); // waits for its turn
    let fourth = thread::spawn(move || sink.chain(frame(3)));
    let mut pending = script.take(2);
    assert_eq!(script.waiting(), 0);
    pending.remove(0).respond();
    fourth.join().unwrap().unwrap();
    pending.remove(0).respond();
    script.take(1).remove(0).respond();
    script.take(1).remove(0).respond();
    let order: Vec<u64> = (0..4).map(|_| number(&harness.pull().unwrap())).collect();
    assert_eq!(order, [0, 1, 2, 3]);
}

#[test]
fn new_caps_apply_to_later_frames_only() {
    let (mut harness, _bus, script) = tensors("on-overload=block");
    harness.push(frame(0)).unwrap();
    assert!(harness.push_event(gst::event::Caps::new(&caps(32))));
    harness.push(frame_of_size(1, 32)).unwrap();
    script.take(2).into_iter().rev().for_each(|pending| pending.respond());
    let scale = |buffer: &gst::BufferRef| people_meta::model_outputs(buffer)[0].letterbox.scale_x;
    assert_eq!(scale(&harness.pull().unwrap()), 1.0);
    assert_eq!(scale(&harness.pull().unwrap()), 0.5);
}

#[test]
fn allocation_asks_for_the_buffers_held() {
    let (harness, _bus, _script) = tensors("max-in-flight=3");
    let sink = harness.element().unwrap().static_pad("sink").unwrap();
    let mut bare = gst::query::Allocation::new(Some(&caps(16)), true);
    sink.query(&mut bare);
    let (_, _, min, _) = bare
        .allocation_pools()
        .next()
        .expect("a pool is proposed, if only by its size");
    assert!(min >= 3, "{min}");
}

#[test]
fn latency_is_that_of_upstream_and_the_element() {
    let (harness, _bus, _script) = tensors("latency=120");
    let mut harness = harness;
    harness.set_upstream_latency(gst::ClockTime::from_mseconds(30));
    assert_eq!(harness.query_latency(), Some(gst::ClockTime::from_mseconds(150)));
}

#[test]
fn a_live_latency_is_measured_at_the_first_query() {
    let (mut harness, bus, script) = tensors("");
    script.release();
    harness.set_upstream_latency(gst::ClockTime::from_mseconds(30));
    let reported = harness.query_latency().unwrap();
    assert!(
        reported >= gst::ClockTime::from_mseconds(40),
        "upstream's latency and at least one step of the element: {reported}"
    );
    assert_eq!(harness.query_latency(), Some(reported), "measured once");
    assert!(bus.pop_filtered(&[gst::MessageType::Latency]).is_some());
}

#[test]
fn a_late_response_does_not_hold_a_live_frame() {
    let (mut harness, _bus, script) = tensors("latency=50");
    let start = Instant::now();
    harness.push(frame(0)).unwrap();
    let pending = script.take(1).remove(0);
    let buffer = harness.pull().unwrap();
    assert!(start.elapsed() >= Duration::from_millis(50));
    let scene = people_meta::scene(&buffer).unwrap();
    assert_eq!(
        scene.inference,
        people::Inference::Skipped(people::SkipReason::Overload)
    );
    pending.respond();
    let stats: gst::Structure = harness.element().unwrap().property("stats");
    assert_eq!(
        (
            stats.get::<u64>("late").unwrap(),
            stats.get::<u64>("skipped-overload").unwrap()
        ),
        (1, 1)
    );
}

#[test]
fn a_live_frame_passes_when_all_requests_are_in_flight() {
    let (mut harness, _bus, script) = tensors("latency=10000 max-in-flight=1");
    harness.push(frame(0)).unwrap();
    harness.push(frame(1)).unwrap();
    script.take(1).remove(0).respond();
    let [first, second] = [harness.pull().unwrap(), harness.pull().unwrap()];
    assert_eq!((number(&first), number(&second)), (0, 1));
    assert!(people_meta::scene(&first).is_none() && people_meta::model_outputs(&first).len() == 1);
    assert_eq!(
        people_meta::scene(&second).unwrap().inference,
        people::Inference::Skipped(people::SkipReason::Overload)
    );
}

#[test]
fn every_third_frame_is_inferred() {
    let (mut harness, _bus, script) = tensors("on-overload=block inference-interval=3");
    for n in 0..6 {
        harness.push(frame(n)).unwrap();
    }
    script.take(2).into_iter().for_each(|pending| pending.respond());
    let inferred: Vec<usize> = (0..6)
        .map(|_| people_meta::model_outputs(&harness.pull().unwrap()).len())
        .collect();
    assert_eq!(inferred, [1, 0, 0, 1, 0, 0]);
}

#[test]
fn people_are_inferred_in_batches() {
    let (mut harness, _bus, script) = vests("on-overload=block");
    harness.push(frame_of_people(20, 3)).unwrap();
    let pending = script.take(2);
    assert_eq!(
        pending.iter().map(|pending| pending.firsts.len()).collect::<Vec<_>>(),
        [2, 1]
    );
    pending.into_iter().rev().for_each(|pending| pending.respond());
    let buffer = harness.pull().unwrap();
    let scene = people_meta::scene(&buffer).unwrap();
    for person in &scene.people {
        let (vest, probability) = person.vest.as_ref().unwrap().best().unwrap();
        // softmax of (0, 2)
        assert!(
            &**vest == "red" && (probability - 0.8808).abs() < 1e-3,
            "{vest} {probability}"
        );
    }
}

#[test]
fn a_frame_without_people_needs_no_request() {
    let (mut harness, _bus, script) = vests("on-overload=block");
    let buffer = harness.push_and_pull(frame_of_people(0, 0)).unwrap();
    assert!(people_meta::scene(&buffer).unwrap().people.is_empty());
    assert_eq!(script.waiting(), 0);
}

#[test]
fn the_element_opens_and_closes_repeatedly() {
    let (element, _bus, _script) = element("", "");
    for _ in 0..20 {
        element.set_state(gst::State::Paused).unwrap();
        assert_eq!(element.property::<String>("status"), "ready");
        element.set_state(gst::State::Null).unwrap();
    }
}

#[test]
fn a_frame_that_needs_no_request_does_not_wait_for_a_full_server() {
    let (mut harness, _bus, script) = tensors("on-overload=block max-in-flight=1 inference-interval=3");
    harness.push(frame(0)).unwrap();
    harness.push(frame(1)).unwrap(); // would deadlock: the test responds after it has returned
    harness.push(frame(2)).unwrap();
    script.take(1).remove(0).respond();
    assert_eq!([0; 3].map(|_| number(&harness.pull().unwrap())), [0, 1, 2]);
}

#[test]
fn changes_of_settings_that_require_ready_have_no_effect_while_playing() {
    let (mut harness, _bus, script) = tensors("on-overload=block");
    harness.push(frame(0)).unwrap();
    let pending = script.take(1).remove(0);
    harness
        .element()
        .unwrap()
        .set_property_from_str("inference-region", "people");
    pending.respond();
    assert_eq!(people_meta::model_outputs(&harness.pull().unwrap()).len(), 1);
    harness.push(frame(1)).unwrap(); // has no people, and needs none
    script.take(1).remove(0).respond();
    assert_eq!(people_meta::model_outputs(&harness.pull().unwrap()).len(), 1);
}
