//! The demo's people at other frame rates, of which only some frames are inferred: they are the same workers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use people::tracker::{Tracker, TrackerOptions};
use people::{Inference, Person, Scene, SkipReason};

use crate::truth::{FRAME, TruthFrame, TruthPerson, truth};

/// The people at `time`: of the frame before, moved towards where the next one has them.
fn at(frames: &[TruthFrame], time: Duration) -> Vec<TruthPerson> {
    let n = (time.as_nanos() / FRAME.as_nanos()) as usize;
    let part = (time - FRAME * n as u32).as_secs_f32() / FRAME.as_secs_f32();
    let people = frames[n].people.iter().map(|person| {
        let same = |later: &&TruthPerson| (later.id, &later.color) == (person.id, &person.color);
        let later = frames.get(n + 1).and_then(|next| next.people.iter().find(same));
        later.map_or_else(|| person.clone(), |later| person.between(later, part))
    });
    people.collect()
}

/// What the tracker states about the people who are detected.
#[derive(Debug, Default)]
struct Identity {
    /// Detections of people with a track, and of those without one.
    tracked: [u32; 2],
    /// Detections of people who are called another worker, or a visitor who is one.
    wrong: u32,
    /// The ids of each worker's tracks.
    ids: BTreeMap<String, BTreeSet<u64>>,
}

fn identity(frames: &[TruthFrame], fps: u32, every: u32) -> Identity {
    let mut tracker = Tracker::new(TrackerOptions::default());
    let mut identity = Identity::default();
    let end = FRAME * (frames.len() as u32 - 1);
    for n in 0.. {
        let time = Duration::from_secs(1) * n / fps;
        if time > end {
            break;
        }
        let inferred = n.is_multiple_of(every);
        let there = if inferred { at(frames, time) } else { Vec::new() };
        let mut scene = Scene {
            inference: if inferred {
                Inference::Done
            } else {
                Inference::Skipped(SkipReason::Interval)
            },
            inference_period: Some(Duration::from_secs(1) * every / fps),
            people: there.iter().map(TruthPerson::person).collect(),
            ..Scene::default()
        };
        tracker.update(time, &mut scene);
        for (person, truth) in scene.people.iter().zip(&there) {
            let Some(track) = &person.track else {
                identity.tracked[1] += 1;
                continue;
            };
            identity.tracked[0] += 1;
            identity.wrong += u32::from(track.worker.as_deref() != truth.worker());
            if let Some(worker) = truth.worker() {
                identity.ids.entry(worker.to_owned()).or_default().insert(track.id);
            }
        }
    }
    identity
}

#[test]
fn workers_are_the_same_at_any_frame_rate_and_interval() {
    let frames = truth();
    let workers: BTreeSet<&str> = frames
        .iter()
        .flat_map(|frame| &frame.people)
        .filter_map(TruthPerson::worker)
        .collect();
    for (fps, every) in [5, 10, 30]
        .into_iter()
        .flat_map(|fps| (1..=6).map(move |every| (fps, every)))
    {
        let identity = identity(&frames, fps, every);
        let what = format!("{fps} fps, one in {every}: {identity:?}");
        let [tracked, without] = identity.tracked;
        assert!(
            identity.ids.keys().map(String::as_str).eq(workers.iter().copied()),
            "{what}"
        );
        assert!(identity.wrong * 100 <= tracked, "{what}");
        // Who comes into view has a track from the second or third detection on.
        assert!(without <= 40, "{what}");
        // They leave and come back, and where they pass each other in front of the camera a track may end.
        assert!(identity.ids.values().all(|ids| ids.len() <= 5), "{what}");
    }
}

/// For how many milliseconds somebody who stood there for 2 s is predicted, whether a track is left after `later` milliseconds, and
/// the milliseconds after which there was a track.
fn ages(person: &Person, options: &TrackerOptions, fps: u32, later: u64) -> (u128, bool, u128) {
    let mut tracker = Tracker::new(options.clone());
    let mut show = |time: Duration, is_there: bool| {
        let there = [person.clone()].into_iter().filter(|_| is_there);
        let mut scene = Scene {
            people: there.collect(),
            ..Scene::default()
        };
        tracker.update(time, &mut scene);
        let mut tracks = scene.people.iter().filter_map(|person| person.track.as_ref());
        tracks.next().map(|track| track.id)
    };
    let time = |n: u32| Duration::from_secs(1) * n / fps;
    let begun = (0..2 * fps).filter(|n| show(time(*n), true).is_none()).count() as u32;
    let last = time(2 * fps - 1);
    let frames = (2 * fps..).take_while(|n| time(*n) < last + Duration::from_millis(later));
    let predicted = frames.filter(|n| show(time(*n), false).is_some()).count() as u32;
    let is_left = show(last + Duration::from_millis(later), true) == Some(1);
    (time(predicted).as_millis(), is_left, time(begun).as_millis())
}

const fn ms(milliseconds: u64) -> Option<Duration> {
    Some(Duration::from_millis(milliseconds))
}

/// What is set, the milliseconds until the person is back, for how many the person is predicted, whether the track is the same, and
/// after how many the track had begun.
type Case = (&'static str, fn(&mut TrackerOptions), u64, (u128, bool, u128));

const AGES: [Case; 9] = [
    ("usual", |_| {}, 2_900, (1_000, true, 50)),
    ("usual, later", |_| {}, 3_400, (1_000, false, 50)),
    (
        "a longer time",
        |set| set.max_age_time = ms(4_000),
        3_600,
        (1_000, true, 50),
    ),
    (
        "a shorter time",
        |set| set.max_age_time = ms(600),
        900,
        (600, false, 50),
    ),
    (
        "the frames come first",
        |set| (set.max_age, set.max_age_time) = (Some(1), ms(5_000)),
        1_000,
        (0, false, 50),
    ),
    (
        "the time comes first",
        |set| (set.max_age, set.max_age_time) = (Some(1_000), ms(600)),
        900,
        (600, false, 50),
    ),
    (
        "shown for longer",
        |set| set.coast_time = Duration::from_secs(2),
        2_900,
        (2_000, true, 50),
    ),
    ("not shown", |set| set.coast_time = Duration::ZERO, 2_900, (0, true, 50)),
    (
        "confirmed late",
        |set| set.min_hits_time = ms(600),
        2_900,
        (1_000, true, 600),
    ),
];

#[test]
fn ages_can_be_set_as_times() {
    let person = Person {
        track: None,
        ..truth()[0].people[0].person()
    };
    for (what, set, later, (predicted_for, is_same, begun_after)) in AGES {
        let mut options = TrackerOptions::default();
        set(&mut options);
        for fps in [5, 10, 30] {
            let (predicted, is_left, begun) = ages(&person, &options, fps, later);
            let frame = 1_000 / u128::from(fps);
            let is_near = |got: u128, wanted: u128| got.abs_diff(wanted) <= frame + 1;
            let what = format!("{what}, {fps} fps: {predicted} ms, {begun} ms");
            assert!(
                is_near(predicted, predicted_for) && is_near(begun, begun_after.max(frame)),
                "{what}"
            );
            assert_eq!(is_left, is_same, "{what}");
        }
    }
}
