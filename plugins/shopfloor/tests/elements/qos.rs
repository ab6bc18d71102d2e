//! QoS events: on a stream that is not live they end at our elements, so that no decoder drops a frame of a file; on a live
//! one they pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gst::prelude::*;

use crate::common::{FRAME, caps, frame, harness, init};

const ELEMENTS: [&str; 3] = ["poseparse", "vesttrack", "activityzone"];
const TYPES: [gst::QOSType; 3] = [gst::QOSType::Overflow, gst::QOSType::Underflow, gst::QOSType::Throttle];

/// Whether LATENCY queries have an answer, and which.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Upstream {
    Live,
    File,
    /// As a source that is not negotiated, or an aggregator without inputs.
    Silent,
}

/// What a sink sends that is a second late.
fn late(kind: gst::QOSType) -> gst::Event {
    gst::event::Qos::new(kind, 2.0, gst::ClockTime::SECOND.nseconds() as i64, FRAME)
}

/// The harness of an element whose stream begins with these answers to LATENCY queries.
fn start(element: &str, upstream: Upstream) -> gst_check::Harness {
    init();
    let mut harness = gst_check::Harness::new(element);
    harness.set_live(upstream == Upstream::Live);
    if upstream == Upstream::Silent {
        let pad = harness.element().unwrap().static_pad("sink").unwrap();
        pad.add_probe(gst::PadProbeType::QUERY_UPSTREAM, |_, info| match info.query() {
            Some(query) if query.type_() == gst::QueryType::Latency => gst::PadProbeReturn::Drop,
            _ => gst::PadProbeReturn::Ok,
        });
    }
    harness.set_src_caps(caps("I420"));
    harness.play();
    harness
}

/// The types of the upstream events that arrived at the source.
fn arrived(harness: &mut gst_check::Harness) -> Vec<gst::EventType> {
    let events = (0..harness.upstream_events_in_queue()).map(|_| harness.pull_upstream_event().unwrap());
    events.map(|event| event.type_()).collect()
}

#[test]
fn qos_passes_on_live_streams_only() {
    for element in ELEMENTS {
        for upstream in [Upstream::Live, Upstream::File, Upstream::Silent] {
            let mut harness = start(element, upstream);
            arrived(&mut harness);
            for kind in TYPES {
                harness.push_upstream_event(late(kind));
                let events = arrived(&mut harness);
                let expected = if upstream == Upstream::Live { 1 } else { 0 };
                assert_eq!(events.len(), expected, "{element}, {upstream:?}, {kind:?}: {events:?}");
                // A late frame is not dropped by the element either.
                harness.push_and_pull(frame(0)).unwrap();
            }
        }
    }
}

#[test]
fn other_events_pass_on_every_stream() {
    for element in ELEMENTS {
        for upstream in [Upstream::Live, Upstream::File] {
            let mut harness = start(element, upstream);
            arrived(&mut harness);
            harness.push_upstream_event(gst::event::Reconfigure::new());
            let custom = gst::event::CustomUpstream::new(gst::Structure::new_empty("custom"));
            harness.push_upstream_event(custom);
            assert!(
                arrived(&mut harness).contains(&gst::EventType::CustomUpstream),
                "{element}, {upstream:?}"
            );
        }
    }
}

#[test]
fn liveness_is_queried_until_there_is_an_answer() {
    for element in ELEMENTS {
        let (mut harness, _bus) = harness(element);
        harness.set_live(true);
        let pad = harness.element().unwrap().static_pad("sink").unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        pad.add_probe(
            gst::PadProbeType::QUERY_UPSTREAM | gst::PadProbeType::PUSH,
            move |_, info| {
                if info
                    .query()
                    .is_some_and(|query| query.type_() == gst::QueryType::Latency)
                {
                    counted.fetch_add(1, Ordering::SeqCst);
                }
                gst::PadProbeReturn::Ok
            },
        );
        let queries = || count.load(Ordering::SeqCst);
        harness.push_upstream_event(late(gst::QOSType::Overflow));
        let known = queries();
        for _ in 0..10 {
            harness.push_upstream_event(late(gst::QOSType::Overflow));
        }
        assert_eq!(queries(), known, "{element}: the answer is kept");
        harness.set_live(false);
        harness.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
        assert!(queries() > known, "{element}: a new segment may be of another source");
        arrived(&mut harness);
        harness.push_upstream_event(late(gst::QOSType::Overflow));
        assert!(arrived(&mut harness).is_empty(), "{element}");
    }
}

#[test]
fn our_filters_drop_no_late_frame_themselves() {
    init();
    for element in ELEMENTS {
        let element = gst::ElementFactory::make(element).build().unwrap();
        assert!(!element.property::<bool>("qos"), "{}", element.name());
    }
}
