//! The supervisor with scripted pipelines: cameras that end, fail, freeze and hang.

use std::sync::LazyLock;
use std::sync::mpsc::{Sender, channel};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use people::event::{EventKind, LogRecord};
use people::{Activity, Totals};
use people_meta::bus;
use tempfile::TempDir;

use super::*;

/// The element `teststation`: a station that was active for 20 s, which it states when it stops, as activityzone does.
#[derive(Default)]
struct TestStation;

glib::wrapper! {
    struct TestStationElement(ObjectSubclass<TestStation>) @extends gst::Element, gst::Object;
}

#[glib::object_subclass]
impl ObjectSubclass for TestStation {
    const NAME: &'static str = "ShopfloorTestStation";
    type Type = TestStationElement;
    type ParentType = gst::Element;
}

impl ObjectImpl for TestStation {}

impl GstObjectImpl for TestStation {}

impl ElementImpl for TestStation {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> =
            LazyLock::new(|| gst::subclass::ElementMetadata::new("Station", "Generic", "One station", "shopfloor"));
        Some(&METADATA)
    }

    fn change_state(&self, change: gst::StateChange) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        let lasted = Duration::from_secs(20);
        let kind = match change {
            gst::StateChange::ReadyToPaused => Some(EventKind::Start),
            gst::StateChange::PausedToReady => Some(EventKind::End {
                state: Activity::Active,
                lasted,
                totals: Totals {
                    active: lasted,
                    ..Totals::default()
                },
                assigned: Default::default(),
            }),
            _ => None,
        };
        if let Some(kind) = kind {
            let event = people::event::Event {
                time: lasted,
                station: "bench".into(),
                worker: Some("red".into()),
                kind,
            };
            let structure = bus::to_structure(&LogLine::Event(LogRecord::from(event)));
            let message = gst::message::Element::builder(structure).src(&*self.obj()).build();
            self.obj().post_message(message).unwrap();
        }
        self.parent_change_state(change)
    }
}

/// A camera of 60 frames a second.
const CAMERA: &str = "videotestsrc is-live=true ! video/x-raw,width=32,height=32,framerate=60/1";
/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// A time without frames that is soon over.
const SOON: Option<Duration> = Some(Duration::from_millis(200));

/// A supervisor, and what is sent to it.
struct Floor {
    supervisor: Supervisor,
    events: Receiver<Event>,
    sender: Sender<Event>,
}

impl Floor {
    /// Starts tenants, each with a station.
    fn start(tenants: &[(&str, &str)], restart: Option<RestartPolicy>, stall: Option<Duration>) -> Self {
        gst::init().unwrap();
        gst::Element::register(None, "teststation", gst::Rank::NONE, TestStationElement::static_type()).unwrap();
        let waits = Waits {
            restart: Duration::from_millis(10),
            stop: Duration::from_millis(500),
            leave: Duration::from_secs(1),
        };
        let settings = Settings { restart, stall, waits };
        let (sender, events) = channel();
        let mut supervisor = Supervisor::new(settings, sender.clone(), Instant::now());
        for (name, pipeline) in tenants {
            supervisor.add(launch(name, pipeline), None).unwrap();
        }
        supervisor.start();
        Self {
            supervisor,
            events,
            sender,
        }
    }

    /// Lets the supervisor turn until the condition is met.
    #[track_caller]
    fn until(&mut self, what: &str, is_met: impl Fn(&Supervisor) -> bool) {
        let begin = Instant::now();
        while !is_met(&self.supervisor) {
            assert!(
                begin.elapsed() < PATIENCE,
                "waited {PATIENCE:?} until {what}: {:?}",
                self.states()
            );
            self.supervisor.turn(&self.events);
        }
    }

    /// Interrupts it so many times, and waits for its end.
    fn end(mut self, interrupts: usize) -> (String, Outcome) {
        for _ in 0..interrupts {
            self.sender.send(Event::Interrupt).unwrap();
        }
        self.until("all have ended", Supervisor::is_over);
        let table = self.supervisor.summary.table().map(|table| table.to_string());
        (table.unwrap_or_default(), self.supervisor.report(None).unwrap())
    }

    fn states(&self) -> Vec<&TenantState> {
        self.supervisor.slots.iter().map(Slot::state).collect()
    }
}

fn launch(name: &str, pipeline: &str) -> Launch {
    Launch {
        name: name.to_owned(),
        folder: "/".into(),
        description: format!("{pipeline} teststation"),
        names: Default::default(),
    }
}

fn restarts(supervisor: &Supervisor, index: usize) -> u64 {
    supervisor.slots[index].restarts()
}

#[test]
fn totals_are_kept_however_a_tenant_ends() {
    for (end, pipeline, interrupts, expected) in [
        ("its end", "identity eos-after=3 ! fakesink", 0, Outcome::Played),
        ("an error", "identity error-after=3 ! fakesink", 0, Outcome::Failed),
        ("an interrupt", "fakesink", 1, Outcome::Interrupted),
        ("a second one", "fakesink", 2, Outcome::Failed),
    ] {
        let pipeline = format!("{CAMERA} ! {pipeline}");
        let mut floor = Floor::start(&[("yard", &pipeline)], Some(RestartPolicy::Never), None);
        if interrupts > 0 {
            floor.until("it plays", |supervisor| {
                *supervisor.slots[0].state() == TenantState::Playing
            });
        }
        let (table, outcome) = floor.end(interrupts);
        assert!(table.contains("bench") && table.contains(" 20.0 "), "{end}: {table}");
        assert_eq!(outcome, expected, "{end}");
    }
}

/// Each way in which a camera is lost; the other tenant plays on meanwhile. The sums are those of all runs.
#[test]
fn a_lost_camera_is_started_again_alone() {
    for (what, pipeline) in [
        (
            "EOS",
            "videotestsrc is-live=true num-buffers=3 ! video/x-raw,framerate=60/1 ! fakesink",
        ),
        (
            "an error",
            "videotestsrc is-live=true ! identity error-after=3 ! fakesink",
        ),
        // Its second frame comes in an hour.
        (
            "a freeze",
            "videotestsrc is-live=true ! video/x-raw,framerate=1/3600 ! fakesink",
        ),
        ("no frame at all", "appsrc is-live=true ! fakesink"),
        (
            "a start that fails",
            "audiotestsrc is-live=true ! filesink location=/no/such/folder/file",
        ),
    ] {
        let other = format!("{CAMERA} ! fakesink");
        let mut floor = Floor::start(&[("lost", pipeline), ("other", &other)], None, SOON);
        floor.until("it was started again twice", |supervisor| restarts(supervisor, 0) >= 2);
        assert_eq!(restarts(&floor.supervisor, 1), 0, "{what}");
        // A frozen one does not end when it is asked to.
        let (table, _) = floor.end(2);
        let total = table.lines().find(|line| line.contains("lost"));
        let expected = [" 40.0 ", " 60.0 ", " 80.0 "];
        let is_summed = total.is_some_and(|total| expected.iter().any(|expected| total.contains(expected)));
        assert!(is_summed || what == "a start that fails", "{what}: {table}");
    }
}

/// The recording's seconds are counted once, however often it is played.
#[test]
fn a_file_is_played_again_only_if_that_is_wanted() {
    let file = "videotestsrc num-buffers=3 ! identity error-after=2 ! fakesink";
    let mut floor = Floor::start(&[("film", file)], Some(RestartPolicy::OnFailure), None);
    floor.until("it was started again twice", |supervisor| restarts(supervisor, 0) >= 2);
    let (table, outcome) = floor.end(1);
    assert!(table.contains(" 20.0 "), "{table}");
    assert_ne!(outcome, Outcome::Played);
    let floor = Floor::start(&[("film", file)], None, None);
    assert_eq!(floor.end(0).1, Outcome::Failed);
}

/// Tenants of a folder are added, replaced and removed while the others play; one that cannot be played holds none.
#[test]
fn tenants_of_a_folder_come_and_go() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let camera = format!("{CAMERA} ! fakesink");
    let mut floor = Floor::start(&[], None, None);
    floor
        .supervisor
        .follow(folder.path().to_owned(), Arc::default())
        .unwrap();
    write("yard.launch", &format!("{camera} teststation"));
    write("bad.launch", "videotestsrc ! nosuchelement");
    write("worse.launch", "videotestsrc ! ${what}");
    let state = |supervisor: &Supervisor, name: &str| {
        let slot = supervisor.slots.iter().find(|slot| &**slot.name() == name);
        slot.map_or("gone", |slot| slot.state().name())
    };
    floor.until("one plays", |all| state(all, "yard") == "playing");
    floor.until("another one waits", |all| {
        state(all, "bad") == "waiting" && state(all, "worse") == "failed"
    });
    write("bad.launch", &camera);
    write("worse.launch", &camera);
    floor.until("they play, too", |all| {
        ["bad", "worse"].map(|name| state(all, name)) == ["playing"; 2]
    });
    // One that becomes wrong plays on; one that is changed ends orderly and starts again, alone.
    write("bad.launch", "videotestsrc ! ${what}");
    write("yard.launch", &format!("{camera} silent=true teststation"));
    floor.until("one ends", |all| state(all, "yard") == "stopping");
    floor.until("it plays again", |all| state(all, "yard") == "playing");
    assert_eq!(
        ["bad", "worse"].map(|name| state(&floor.supervisor, name)),
        ["playing"; 2]
    );
    let total = floor.supervisor.summary.table().unwrap().to_string();
    assert!(total.contains(" 20.0 "), "{total}");
    std::fs::remove_file(folder.path().join("bad.launch")).unwrap();
    floor.until("it is gone", |all| state(all, "bad") == "gone");
    assert_eq!(floor.supervisor.slots.len(), 2);
    assert!(floor.supervisor.slots.iter().all(|slot| slot.restarts() == 0));
    assert_eq!(floor.supervisor.status(), "2 of 2 tenants play");
    let (table, outcome) = floor.end(1);
    assert_eq!(outcome, Outcome::Interrupted);
    assert!(table.contains(" 40.0 "), "{table}");
}

/// Its streaming thread sleeps for an hour.
#[test]
fn one_that_does_not_stop_is_left_unless_it_writes_files() {
    let folder = TempDir::new().unwrap();
    let stuck = format!("{CAMERA} ! identity sleep-time=3600000000");
    let writer = format!("{stuck} ! filesink location={}", folder.path().join("file").display());
    let reader = format!("{stuck} ! fakesink");
    let other = format!("{CAMERA} ! identity error-after=30 ! fakesink");
    let tenants = [("writer", &*writer), ("reader", &reader), ("other", &other)];
    let mut floor = Floor::start(&tenants, None, SOON);
    floor.until("one was left", |supervisor| restarts(supervisor, 1) >= 1);
    floor.until("the other was started again", |supervisor| restarts(supervisor, 2) >= 2);
    assert_eq!(restarts(&floor.supervisor, 0), 0);
    assert!(matches!(floor.states()[0], TenantState::Stopping { .. }));
    assert_eq!(floor.end(2).1, Outcome::Failed);
}
