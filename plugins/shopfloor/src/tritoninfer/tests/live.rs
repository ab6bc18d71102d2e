//! Live streams: nothing makes the source wait, and what is inferred is fresh.

use gst::prelude::*;
use people::{Inference, SkipReason};

use super::script::{Texts, away, frame, frame_of_people, number, tensors, texts_until, vests};

/// Why a frame has no inference; `None`: it has.
fn skipped(buffer: &gst::BufferRef) -> Option<SkipReason> {
    match people_meta::scene(buffer)?.inference {
        Inference::Skipped(reason) => Some(reason),
        Inference::Done => None,
    }
}

fn stat(harness: &gst_check::Harness, field: &str) -> u64 {
    let stats: gst::Structure = harness.element().unwrap().property("stats");
    stats.get(field).unwrap()
}

const ONE_PLACE: &str = "latency=10000 max-in-flight=1";

#[test]
fn the_newest_frame_takes_the_turn_and_displaced_ones_leave_in_order() {
    let (mut harness, _bus, script) = tensors(ONE_PLACE);
    for n in 0..5 {
        harness.push(frame(n)).unwrap();
    }
    script.take(1).remove(0).respond();
    let newest = script.take(1).remove(0);
    assert_eq!(newest.firsts, [4], "what is sent is fresh");
    newest.respond();
    let left: Vec<_> = (0..5)
        .map(|_| harness.pull().unwrap())
        .map(|buffer| (number(&buffer), skipped(&buffer)))
        .collect();
    let overload = Some(SkipReason::Overload);
    assert_eq!(
        left,
        [(0, None), (1, overload), (2, overload), (3, overload), (4, None)]
    );
}

#[test]
fn frames_that_need_no_inference_displace_nothing() {
    let (mut harness, _bus, script) = vests(ONE_PLACE);
    harness.push(frame_of_people(0, 1)).unwrap();
    harness.push(frame_of_people(1, 1)).unwrap(); // waits
    harness.push(frame_of_people(2, 0)).unwrap(); // has nobody
    script.take(1).remove(0).respond();
    let second = script.take(1).remove(0);
    assert_eq!(second.firsts, [1]);
    second.respond();
    let (mut harness, _bus, script) = tensors(&format!("{ONE_PLACE} inference-interval=3"));
    for n in 0..6 {
        harness.push(frame(n)).unwrap(); // 0 and 3 need inference
    }
    script.take(1).remove(0).respond();
    assert_eq!(script.take(1).remove(0).firsts, [3]);
}

#[test]
fn a_request_past_its_deadline_keeps_its_place_until_the_server_releases_it() {
    let (mut harness, _bus, script) = tensors("latency=20 max-in-flight=1");
    harness.push(frame(0)).unwrap();
    let late = script.take(1).remove(0);
    assert_eq!(skipped(&harness.pull().unwrap()), Some(SkipReason::Overload));
    let release = late.expire();
    harness.push(frame(1)).unwrap();
    assert_eq!(skipped(&harness.pull().unwrap()), Some(SkipReason::Overload));
    assert_eq!((script.waiting(), stat(&harness, "in-flight")), (0, 1));
    drop(release);
    harness.push(frame(2)).unwrap();
    assert_eq!(script.take(1).remove(0).firsts, [2]);
}

#[test]
fn a_server_that_does_not_respond_is_reported_even_though_its_frames_have_left() {
    let (mut harness, bus, script) = tensors("latency=20");
    harness.push(frame(0)).unwrap();
    let late = script.take(1).remove(0);
    harness.pull().unwrap();
    late.expire();
    let Texts { warnings, .. } = texts_until(&bus, |texts| !texts.warnings.is_empty());
    assert!(warnings[0].contains("timeout"), "{warnings:?}");
    let status: String = harness.element().unwrap().property("status");
    assert!(status.starts_with("degraded: "), "{status}");
}

#[test]
fn frames_pass_at_once_while_the_server_is_away() {
    let (mut harness, bus, script) = tensors("latency=10000");
    script.set_away(true);
    for n in 0..3 {
        let buffer = harness.push_and_pull(frame(n)).unwrap();
        assert_eq!(skipped(&buffer), Some(SkipReason::Failed));
    }
    script.set_away(false);
    harness.push(frame(3)).unwrap();
    script.take(1).remove(0).respond();
    assert_eq!(skipped(&harness.pull().unwrap()), None);
    let Texts { warnings, infos, .. } = texts_until(&bus, |texts| !texts.infos.is_empty());
    assert_eq!((warnings.len(), infos.len()), (1, 1));
    let reason = away().to_string();
    assert!(warnings[0].contains(&reason) && infos[0].contains(&reason));
}

#[test]
fn an_allocation_query_does_not_wait_for_frames() {
    let (mut harness, _bus, script) = tensors("latency=10000");
    harness.push(frame(0)).unwrap();
    let pending = script.take(1);
    let sink = harness.element().unwrap().static_pad("sink").unwrap();
    let caps = sink.current_caps().unwrap();
    let mut query = gst::query::Allocation::new(Some(&caps), true);
    assert!(
        sink.query(&mut query),
        "answered although a frame waits for its response"
    );
    let (_, _, min, _) = query.allocation_pools().next().unwrap();
    assert!(min >= 100, "ten seconds of ten frames each: {min}");
    drop(pending);
}

#[test]
fn a_latency_query_does_not_wait_for_the_server() {
    let (mut harness, _bus, script) = tensors("");
    harness.push(frame(0)).unwrap();
    let pending = script.take(1);
    let latency = harness.query_latency().unwrap();
    assert!(
        latency >= gst::ClockTime::from_mseconds(100),
        "one frame interval at least: {latency}"
    );
    drop(pending);
}

#[test]
fn the_latency_follows_the_responses() {
    let (mut harness, bus, script) = tensors("");
    let before = harness.query_latency().unwrap();
    script.release();
    harness.push_and_pull(frame(0)).unwrap();
    let latency = bus.timed_pop_filtered(gst::ClockTime::from_seconds(20), &[gst::MessageType::Latency]);
    assert!(latency.is_some());
    let after = harness.query_latency().unwrap();
    assert!(after < before, "responses take no time: {after} after {before}");
    assert!(after >= gst::ClockTime::from_mseconds(100), "the interval remains");
}

#[test]
fn the_inference_period_travels_on_the_outputs() {
    let (mut harness, _bus, script) = tensors("inference-interval=2");
    script.release();
    let periods: Vec<_> = (0..6)
        .map(|n| harness.push_and_pull(frame(n)).unwrap())
        .flat_map(|buffer| people_meta::model_outputs(&buffer))
        .map(|output| output.inference_period)
        .collect();
    let two_frames = Some(std::time::Duration::from_millis(200));
    assert_eq!(periods, [None, two_frames, two_frames]);
}

#[test]
fn a_stage_that_was_skipped_is_marked_as_such() {
    let (mut harness, _bus, script) = vests("latency=10000");
    script.release();
    let vests = |buffer: &gst::BufferRef| people_meta::scene(buffer).unwrap().vest_inference;
    let done = harness.push_and_pull(frame_of_people(0, 1)).unwrap();
    assert_eq!(vests(&done), Some(Inference::Done));
    let nobody = harness.push_and_pull(frame_of_people(1, 0)).unwrap();
    assert_eq!(vests(&nobody), Some(Inference::Done));
    script.set_away(true);
    let failed = harness.push_and_pull(frame_of_people(2, 1)).unwrap();
    assert_eq!(vests(&failed), Some(Inference::Skipped(SkipReason::Failed)));
    assert_eq!(people_meta::scene(&failed).unwrap().inference, Inference::Done);
}

#[test]
fn an_unlinked_downstream_is_used_again_after_it_is_linked() {
    let (mut harness, _bus, script) = tensors("latency=10000");
    script.release();
    harness.push_and_pull(frame(0)).unwrap();
    let source = harness.element().unwrap().static_pad("src").unwrap();
    let sink = source.peer().unwrap();
    source.unlink(&sink).unwrap();
    // The flow return of one frame is that of an earlier one.
    let refused = (1..100).map(|n| harness.push(frame(n))).find(Result::is_err);
    assert_eq!(refused, Some(Err(gst::FlowError::NotLinked)));
    source.link(&sink).unwrap();
    sink.push_event(gst::event::Reconfigure::new());
    harness.push(frame(100)).unwrap();
    assert_eq!(number(&harness.pull().unwrap()), 100);
}

#[test]
fn a_flush_that_ends_after_a_stop_leaves_no_task() {
    let (mut harness, _bus, _script) = tensors("");
    harness.push_event(gst::event::FlushStart::new());
    let bin = harness.element().unwrap().downcast::<gst::Bin>().unwrap();
    let core = bin.by_name("core").unwrap();
    let (sink, source) = (core.static_pad("sink").unwrap(), core.static_pad("src").unwrap());
    source.set_active(false).unwrap();
    sink.send_event(gst::event::FlushStop::new(true));
    assert_eq!(source.task_state(), gst::TaskState::Stopped);
}

#[test]
fn statistics_are_posted_at_intervals() {
    let (mut harness, bus, script) = tensors("stats-interval=10");
    script.release();
    harness.push_and_pull(frame(0)).unwrap();
    let stats = std::iter::from_fn(|| bus.timed_pop(gst::ClockTime::from_seconds(20)))
        .filter_map(|message| Some((message.src().cloned(), message.structure()?.to_owned())))
        .find(|(_, stats)| stats.name() == "tritoninfer-stats" && stats.get::<u64>("inferred") == Ok(1));
    let (source, stats) = stats.expect("the next message has the frame");
    assert_eq!(source, Some(harness.element().unwrap().upcast()));
    for stage in ["wait", "convert", "request", "push"] {
        assert_eq!(stats.get::<u64>(format!("{stage}-count")), Ok(1), "{stage}");
        assert!(stats.get::<u64>(format!("{stage}-p99")).unwrap() >= stats.get::<u64>(format!("{stage}-p50")).unwrap());
    }
}

#[test]
fn a_small_pool_never_runs_dry() {
    let (mut harness, _bus, script) = tensors(ONE_PLACE);
    let (caps, size) = (super::script::caps(16), frame(0).size() as u32);
    let pool = gst::BufferPool::new();
    let mut config = pool.config();
    config.set_params(Some(&caps), size, 0, 6);
    pool.set_config(config).unwrap();
    pool.set_active(true).unwrap();
    for n in 0..30 {
        let at_once = gst::BufferPoolAcquireParams::with_flags(gst::BufferPoolAcquireFlags::DONTWAIT);
        let mut buffer = pool.acquire_buffer(Some(&at_once)).expect("a buffer is free");
        buffer.get_mut().unwrap().set_pts(super::script::FRAME * n);
        harness.push(buffer).unwrap();
    }
    script.take(1).remove(0).respond();
    script.take(1).remove(0).respond();
    for n in 0..30 {
        assert_eq!(number(&harness.pull().unwrap()), n);
    }
    pool.set_active(false).unwrap();
}
