//! Sequences of frames, written as one letter per frame, through a tracker; states as letters, events as lines.

use std::sync::Arc;
use std::time::Duration;

use people::activity::{ActivityOptions, ActivityTracker};
use people::event::{Event, EventKind};
use people::{Activity, Inference, Person, Scene, SkipReason, StationStatus, Track, VestName, VestScores};
use vision::{Keypoint, KeypointDetection, Point, Pose};

pub const SIZE: (u32, u32) = (200, 100);
pub const FRAME: Duration = Duration::from_millis(100);
pub const INSIDE: Point = Point::new(50.0, 50.0);
pub const OUTSIDE: Point = Point::new(150.0, 50.0);

pub const RED: &str =
    r#"{"stations": [{"name": "bench", "vest": "red", "polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}]}"#;
pub const ANYONE: &str = r#"{"stations": [{"name": "bench", "polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}]}"#;

pub fn options() -> ActivityOptions {
    ActivityOptions {
        hold_time: Duration::from_millis(300),
        unknown_after: Some(Duration::from_millis(500)),
        ..ActivityOptions::default()
    }
}

pub fn tracker(stations: &str) -> ActivityTracker {
    ActivityTracker::new(stations.parse().unwrap(), options())
}

pub fn pose(joint: Keypoint, point: Point, confidence: f32) -> Pose {
    let mut pose = [KeypointDetection {
        point: OUTSIDE,
        confidence: 0.9,
    }; Keypoint::COUNT];
    pose[joint as usize] = KeypointDetection { point, confidence };
    pose
}

/// Someone with the vest scores of a person who was detected in this frame, or coasting without a pose.
pub fn person(id: u64, worker: Option<&str>, pose: Option<Pose>) -> Person {
    let frames_since_update = u32::from(pose.is_none());
    let vest = pose.is_some().then(|| vest(worker.unwrap_or(VestScores::NONE)));
    let track = Track {
        id,
        worker: worker.map(Into::into),
        confidence: 1.0,
        frames_since_update,
    };
    Person {
        pose,
        vest,
        track: Some(track),
        ..Person::default()
    }
}

/// The scores of a vest model that is sure of a vest.
pub fn vest(label: &str) -> VestScores {
    let labels: Arc<[VestName]> = [VestScores::NONE, "red", "blue"].map(VestName::from).into();
    let probabilities = labels.iter().map(|known| f32::from(u8::from(**known == *label)));
    VestScores {
        probabilities: probabilities.collect(),
        labels,
    }
}

pub fn inferred(people: Vec<Person>) -> Scene {
    Scene {
        people,
        ..Scene::default()
    }
}

/// A frame by its letter: `R`, `B`, `V` have red, blue or a visitor with a wrist inside, `r`, `b`, `v` with the hands
/// outside; `~` and `^` have red and blue coasting; `.` nobody; `-` is skipped, and `=`, with red coasting.
pub fn scene(letter: char) -> Scene {
    let wrist = |point| Some(pose(Keypoint::LeftWrist, point, 0.5));
    let people = match letter {
        'R' => vec![person(1, Some("red"), wrist(INSIDE))],
        'r' => vec![person(1, Some("red"), wrist(OUTSIDE))],
        '~' | '=' => vec![person(1, Some("red"), None)],
        'B' => vec![person(2, Some("blue"), wrist(INSIDE))],
        'b' => vec![person(2, Some("blue"), wrist(OUTSIDE))],
        '^' => vec![person(2, Some("blue"), None)],
        'V' => vec![person(3, None, wrist(INSIDE))],
        'v' => vec![person(3, None, wrist(OUTSIDE))],
        _ => vec![],
    };
    let mut scene = inferred(people);
    if matches!(letter, '-' | '=') {
        scene.inference = Inference::Skipped(SkipReason::Overload);
    }
    scene
}

pub fn letter(activity: Activity) -> char {
    match activity {
        Activity::Active => 'A',
        Activity::Idle => 'i',
        Activity::Absent => '.',
        Activity::Unknown => '?',
    }
}

/// Tracks a sequence; returns the events and the status at each frame.
pub fn play(tracker: &mut ActivityTracker, start: Duration, sequence: &str) -> (Vec<Event>, Vec<StationStatus>) {
    let (mut events, mut views) = (vec![], vec![]);
    for (i, frame) in sequence.chars().enumerate() {
        let mut scene = scene(frame);
        events.extend(tracker.update(start + FRAME * i as u32, SIZE, &mut scene));
        views.append(&mut scene.stations);
    }
    (events, views)
}

pub fn states(views: &[StationStatus]) -> String {
    views.iter().map(|view| letter(view.activity)).collect()
}

/// An event in a line.
pub fn line(event: &Event) -> String {
    let seconds = |time: Duration| time.as_secs_f64();
    let what = match &event.kind {
        EventKind::Start => "begins".to_owned(),
        EventKind::Change {
            state,
            previous,
            lasted,
            ..
        } => format!("{}→{} after {}", previous.name(), state.name(), seconds(*lasted)),
        EventKind::Handover { from, lasted } => {
            let name = |worker: &Option<VestName>| worker.as_deref().unwrap_or("nobody").to_owned();
            format!("{} after {} by {}", name(&event.worker), seconds(*lasted), name(from))
        }
        EventKind::Heartbeat { state, .. } => format!("{} still", state.name()),
        EventKind::End {
            state, lasted, totals, ..
        } => {
            let times = [totals.active, totals.idle, totals.absent, totals.unknown].map(seconds);
            let lasted = seconds(*lasted);
            format!(
                "{} for {lasted}; active, idle, absent, unknown: {times:?}",
                state.name()
            )
        }
    };
    format!("{} {} {what}\n", seconds(event.time), event.station)
}
