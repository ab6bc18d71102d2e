//! Message handlers of an application that act on the pipeline, in the thread that posts: `activityzone`'s streaming thread, or
//! that of its timer. Nothing hangs, and each line is posted and logged once and in order.

use std::fs;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use gst::prelude::*;
use people_meta::bus;
use tempfile::TempDir;

use crate::common::{frame_of, init};

const FLOOR: &str = r#"{"stations": [{"name": "floor", "polygon": [[0, 0], [1, 0], [1, 1], [0, 1]]}]}"#;

/// Longer than anything here takes; a test that waits longer hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A live pipeline around `activityzone` that plays by a clock of the test's, and what it reports.
struct Rig {
    pipeline: gst::Pipeline,
    source: gst::Element,
    zone: gst::Element,
    clock: gst_check::TestClock,
    /// The numbers of the lines that handlers have seen.
    seen: Arc<Mutex<Vec<u64>>>,
    folder: TempDir,
}

impl Rig {
    /// `handle` is called for each change to unknown, by the thread that posts it, after the line was noted.
    fn new(handle: impl Fn(&gst::Pipeline) + Send + Sync + 'static) -> Self {
        init();
        let folder = TempDir::new().unwrap();
        let pipeline = gst::parse::launch(
            "appsrc name=source is-live=true format=time caps=video/x-raw,format=I420,width=320,height=240,framerate=10/1 \
             ! activityzone name=zone heartbeat-interval=0 ! fakesink name=sink sync=false async=false",
        );
        let pipeline: gst::Pipeline = pipeline.unwrap().downcast().unwrap();
        let clock = gst_check::TestClock::new();
        pipeline.use_clock(Some(&clock));
        pipeline.set_start_time(gst::ClockTime::NONE);
        pipeline.set_base_time(gst::ClockTime::ZERO);
        let element = |name: &str| pipeline.by_name(name).unwrap();
        let (source, zone) = (element("source"), element("zone"));
        zone.set_property("stations", FLOOR);
        zone.set_property("events-location", folder.path().join("log").to_str().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (noted, weak) = (seen.clone(), pipeline.downgrade());
        pipeline.bus().unwrap().set_sync_handler(move |_, message| {
            let line = message
                .structure()
                .and_then(|structure| bus::line_from_structure(structure).unwrap());
            if let Some(line) = line {
                noted.lock().unwrap().push(line.origin().sequence.unwrap());
                let is_unknown = message
                    .structure()
                    .is_some_and(|structure| structure.get("state") == Ok("unknown"));
                if is_unknown
                    && message
                        .structure()
                        .is_some_and(|structure| structure.name() == bus::ACTIVITY)
                {
                    handle(&weak.upgrade().unwrap());
                }
            }
            gst::BusSyncReply::Drop
        });
        pipeline.set_state(gst::State::Playing).unwrap();
        Self {
            pipeline,
            source,
            zone,
            clock,
            seen,
            folder,
        }
    }

    fn push(&self, n: u64) {
        let pushed: gst::FlowReturn = self.source.emit_by_name("push-buffer", &[&frame_of(n, Vec::new())]);
        assert_eq!(pushed, gst::FlowReturn::Ok);
    }

    /// Lets the time come at which the station is unknown; its timer posts that. The streaming thread has nothing to post then.
    fn fall_silent(&self) {
        let (passed, has_passed) = channel();
        let sink = self.pipeline.by_name("sink").unwrap().static_pad("sink").unwrap();
        sink.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            let _ = passed.send(());
            gst::PadProbeReturn::Remove
        });
        self.push(0);
        expect(&has_passed, "the first frame");
        self.clock.wait_for_next_pending_id();
        assert!(self.clock.crank());
    }

    /// The numbers of the lines that were posted and of those in the log.
    fn lines(self) -> [Vec<u64>; 2] {
        self.pipeline.set_state(gst::State::Null).unwrap();
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap();
        let numbers = log.lines().map(|line| {
            let line = people::event::LogLine::from_json(line.as_bytes()).unwrap().unwrap();
            line.origin().sequence.unwrap()
        });
        [self.seen.lock().unwrap().clone(), numbers.collect()]
    }
}

/// Fails where `receiver` waits for something that hangs; the threads of the pipeline do not end then.
#[track_caller]
fn expect(receiver: &Receiver<()>, what: &str) {
    if receiver.recv_timeout(PATIENCE).is_err() {
        eprintln!("{what} hangs");
        std::process::abort();
    }
}

/// What another thread does while the timer's is in the handler, and what then passes the sink pad.
type Other = (&'static str, fn(&Rig), gst::PadProbeType);

const OTHERS: [Other; 2] = [
    ("a frame", |rig| rig.push(30), gst::PadProbeType::BUFFER),
    (
        "the end of the stream",
        |rig| {
            assert_eq!(
                rig.source.emit_by_name::<gst::FlowReturn>("end-of-stream", &[]),
                gst::FlowReturn::Ok
            )
        },
        gst::PadProbeType::EVENT_DOWNSTREAM,
    ),
];

#[test]
fn a_handler_on_the_timers_thread_stops_the_pipeline() {
    for (what, send, probe) in OTHERS {
        // The handler waits until the streaming thread is about to publish, too.
        let (ready, is_ready) = channel();
        let (pass, has_passed) = channel();
        let (done, is_done) = channel();
        let has_passed = Mutex::new(has_passed);
        let rig = Rig::new(move |pipeline| {
            ready.send(()).unwrap();
            expect(&has_passed.lock().unwrap(), "the streaming thread");
            pipeline.set_state(gst::State::Null).unwrap();
            done.send(()).unwrap();
        });
        rig.fall_silent();
        expect(&is_ready, "the timer");
        rig.zone.static_pad("sink").unwrap().add_probe(probe, move |_, _| {
            let _ = pass.send(());
            gst::PadProbeReturn::Ok
        });
        send(&rig);
        expect(&is_done, &format!("the stop during {what}"));
        // start, unknown, the frame's changes, totals
        let [posted, logged] = rig.lines();
        assert!(posted.len() >= 3, "{what}: {posted:?}");
        assert_eq!(posted, (0..posted.len() as u64).collect::<Vec<_>>(), "{what}");
        assert_eq!(posted, logged, "{what}");
    }
}

#[test]
fn a_handler_on_the_timers_thread_seeks() {
    for (what, send, probe) in OTHERS {
        let (ready, is_ready) = channel();
        let (pass, has_passed) = channel();
        let (done, is_done) = channel();
        let has_passed = Mutex::new(has_passed);
        let rig = Rig::new(move |pipeline| {
            ready.send(()).unwrap();
            expect(&has_passed.lock().unwrap(), "the streaming thread");
            // appsrc flushes as a seek does: by waiting for its streaming thread
            let pad = pipeline.by_name("zone").unwrap().static_pad("sink").unwrap();
            assert!(pad.send_event(gst::event::FlushStart::new()));
            drop(pad.stream_lock());
            assert!(pad.send_event(gst::event::FlushStop::new(false)));
            done.send(()).unwrap();
        });
        rig.fall_silent();
        expect(&is_ready, "the timer");
        rig.zone.static_pad("sink").unwrap().add_probe(probe, move |_, _| {
            let _ = pass.send(());
            gst::PadProbeReturn::Ok
        });
        send(&rig);
        expect(&is_done, &format!("the flush during {what}"));
        let [posted, logged] = rig.lines();
        assert_eq!(posted, (0..posted.len() as u64).collect::<Vec<_>>(), "{what}");
        assert_eq!(posted, logged, "{what}");
    }
}

/// The application stops the pipeline while a handler does the same.
#[test]
fn two_threads_stop_the_pipeline() {
    let (ready, is_ready) = channel();
    let (begun, has_begun): (Sender<()>, _) = channel();
    let (done, is_done) = channel();
    let has_begun = Mutex::new(has_begun);
    let rig = Rig::new(move |pipeline| {
        ready.send(()).unwrap();
        expect(&has_begun.lock().unwrap(), "the other stop");
        pipeline.set_state(gst::State::Null).unwrap();
        done.send(()).unwrap();
    });
    rig.fall_silent();
    expect(&is_ready, "the timer");
    let (stopped, is_stopped) = channel();
    let pipeline = rig.pipeline.clone();
    // The sink stops before activityzone does, under the pipeline's state lock.
    let sink = pipeline.by_name("sink").unwrap().static_pad("sink").unwrap();
    let stop = thread::spawn(move || {
        pipeline.set_state(gst::State::Null).unwrap();
        stopped.send(()).unwrap();
    });
    while sink.is_active() {
        thread::yield_now();
    }
    begun.send(()).unwrap();
    expect(&is_stopped, "the application's stop");
    expect(&is_done, "the handler's stop");
    stop.join().unwrap();
    let [posted, logged] = rig.lines();
    assert_eq!(posted, [0, 1, 2]);
    assert_eq!(posted, logged);
}

/// The end of the stream waits for a handler, so that nothing is posted after it.
#[test]
fn totals_precede_the_end_of_the_stream() {
    let (leave, may_leave) = channel();
    let may_leave = Mutex::new(may_leave);
    let (ready, is_ready) = channel();
    let rig = Rig::new(move |_| {
        ready.send(()).unwrap();
        expect(&may_leave.lock().unwrap(), "the test");
    });
    let (end, is_end) = channel();
    let seen = rig.seen.clone();
    rig.pipeline
        .by_name("sink")
        .unwrap()
        .static_pad("sink")
        .unwrap()
        .add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
            if info.event().is_some_and(|event| event.type_() == gst::EventType::Eos) {
                end.send(seen.lock().unwrap().clone()).unwrap();
            }
            gst::PadProbeReturn::Ok
        });
    rig.fall_silent();
    expect(&is_ready, "the timer");
    // The end of the stream waits for the handler.
    let _: gst::FlowReturn = rig.source.emit_by_name("end-of-stream", &[]);
    leave.send(()).unwrap();
    assert_eq!(is_end.recv_timeout(PATIENCE).unwrap(), [0, 1, 2]);
    let [posted, logged] = rig.lines();
    assert_eq!((posted, logged), (vec![0, 1, 2], vec![0, 1, 2]));
}
