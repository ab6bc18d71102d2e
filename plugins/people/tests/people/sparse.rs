//! Streams of which only some frames are inferred, as where many cameras share a server: the people of the demo through
//! tracker and activity, compared with what they state if every frame is inferred.

use std::collections::BTreeSet;
use std::time::Duration;

use people::activity::{ActivityOptions, ActivityTracker};
use people::tracker::{Tracker, TrackerOptions};
use people::{Activity, Inference, Person, Scene, SkipReason, StationStatus, VestName};

use crate::truth::{FRAME, SIZE, TruthFrame, TruthPerson, gapless, stations};

/// The tracks and the stations at each frame.
struct Run {
    /// The vests of people who have no track yet.
    newcomers: Vec<BTreeSet<VestName>>,
    tracks: Vec<BTreeSet<u64>>,
    /// The tracks that were detected in the latest inferred frame.
    detected: Vec<BTreeSet<u64>>,
    states: Vec<Vec<StationStatus>>,
}

/// Plays the truth of which the frames are inferred that `inferred` names, at a constant inference period.
fn run(truth: &[TruthFrame], period: Duration, options: &ActivityOptions, inferred: impl Fn(usize) -> bool) -> Run {
    let mut tracker = Tracker::new(TrackerOptions::default());
    let mut activity = ActivityTracker::new(stations(), options.clone());
    let (mut tracks, mut detected, mut states) = (vec![], vec![BTreeSet::new()], vec![]);
    let mut newcomers = vec![];
    for (n, frame) in truth.iter().enumerate() {
        let mut scene = Scene {
            inference_period: Some(period),
            ..Scene::default()
        };
        if inferred(n) {
            scene.vest_inference = Some(Inference::Done);
            scene.people = frame.people.iter().map(TruthPerson::person).collect();
        } else {
            scene.inference = Inference::Skipped(SkipReason::Overload);
        }
        let time = FRAME * n as u32;
        tracker.update(time, &mut scene);
        activity.update(time, SIZE, &mut scene);
        let without_track = scene.people.iter().filter(|person| person.track.is_none());
        let vest = |person: &Person| Some(person.vest.as_ref()?.best()?.0.clone());
        newcomers.push(without_track.filter_map(vest).collect());
        let all = || scene.people.iter().filter_map(|person| person.track.as_ref());
        tracks.push(all().map(|track| track.id).collect());
        detected.push(match scene.inference {
            Inference::Done => all()
                .filter(|track| track.frames_since_update == 0)
                .map(|track| track.id)
                .collect(),
            Inference::Skipped(_) => detected[n].clone(),
        });
        states.push(scene.stations);
    }
    detected.remove(0);
    Run {
        newcomers,
        tracks,
        detected,
        states,
    }
}

/// Whether at most every fifth response is missing.
fn has_response(nth: usize) -> bool {
    nth % 5 != 4
}

#[test]
fn states_and_people_last_from_one_inferred_frame_to_the_next() {
    let truth = gapless();
    for every in [2, 3, 6, 12, 25] {
        let period = FRAME * every as u32;
        // Hands that are in and out within a period are missed, unless the hold time is longer, as a warning recommends.
        let options = ActivityOptions {
            hold_time: ActivityOptions::default().hold_time.max(period * 2),
            // Arms that are seen, of the truth: with more, hands come and go within the lag.
            min_keypoint_confidence: 0.2,
            ..ActivityOptions::default()
        };
        let dense = run(&truth, FRAME, &options, |_| true);
        let inferred = |n: usize| n.is_multiple_of(every) && has_response(n / every);
        let sparse = run(&truth, period, &options, inferred);
        // States may lag by an inferred frame and a missing one, and by the time for which they are held.
        let lag = 2 * every + (options.hold_time.as_millis() / FRAME.as_millis()) as usize;
        // The first people get their tracks later, too.
        for n in lag..truth.len() {
            let around = n.saturating_sub(lag)..(n + lag + 1).min(truth.len());
            for (station, status) in sparse.states[n].iter().enumerate() {
                let state = status.activity;
                let what = format!("{} at frame {n}, one in {every}", status.station.name);
                assert_ne!(state, Activity::Unknown, "{what}");
                let stated = dense.states[around.clone()]
                    .iter()
                    .any(|states| states[station].activity == state);
                assert!(stated, "{what} is {}", state.name());
            }
            let (detected, tracks) = (&sparse.detected[n], &sparse.tracks[n]);
            assert!(
                detected.is_subset(tracks),
                "frame {n}, one in {every}: {detected:?} in {tracks:?}"
            );
        }
    }
}

#[test]
fn long_work_is_found_in_one_of_twelve_frames() {
    let truth = gapless();
    let options = ActivityOptions::default();
    let dense = run(&truth, FRAME, &options, |_| true);
    let is_active = |states: &[StationStatus], station: usize| states[station].activity == Activity::Active;
    let mut found = 0;
    for phase in [0, 5, 11] {
        let sparse = run(&truth, FRAME * 12, &options, |n| n % 12 == phase);
        for station in 0..dense.states[0].len() {
            // hands inside for two periods, and the hold time
            for n in 0..truth.len() - 34 {
                if dense.states[n..n + 34].iter().all(|states| is_active(states, station)) {
                    let states = &sparse.states[n..n + 34];
                    assert!(
                        states.iter().any(|states| is_active(states, station)),
                        "{station} from frame {n}"
                    );
                    found += 1;
                }
            }
        }
    }
    assert!(found > 0, "nobody works long enough for a meaningful test");
}

#[test]
fn a_set_unknown_after_is_kept_whatever_the_period() {
    let truth = gapless();
    let options = ActivityOptions {
        unknown_after: Some(Duration::from_secs(1)),
        ..ActivityOptions::default()
    };
    let sparse = run(&truth, FRAME * 12, &options, |n: usize| n.is_multiple_of(12));
    for (n, states) in sparse.states.iter().enumerate().skip(12) {
        // at 1.0 s it is still known
        let expected = n % 12 > 10;
        // The first frame of somebody who comes in does not say who it is.
        let is_new = |status: &&StationStatus| {
            status
                .station
                .vest
                .as_ref()
                .is_some_and(|vest| sparse.newcomers[n - n % 12].contains(vest))
        };
        assert!(
            states
                .iter()
                .filter(|status| !is_new(status))
                .all(|status| (status.activity == Activity::Unknown) == expected),
            "frame {n}"
        );
    }
}

#[test]
fn a_set_max_age_is_kept_whatever_the_period() {
    let truth = gapless();
    let first: Vec<_> = truth[0].people.iter().map(TruthPerson::person).collect();
    for (max_age, kept) in [(None, true), (Some(30), false), (Some(36), true), (Some(35), false)] {
        let mut tracker = Tracker::new(TrackerOptions {
            max_age,
            ..TrackerOptions::default()
        });
        let mut show = |n: u32, people: &[Person]| {
            let mut scene = Scene {
                inference_period: Some(FRAME * 12),
                people: people.to_vec(),
                ..Scene::default()
            };
            if !n.is_multiple_of(12) {
                scene.inference = Inference::Skipped(SkipReason::Overload);
            }
            tracker.update(FRAME * n, &mut scene);
            scene.people.iter().filter(|person| person.track.is_some()).count()
        };
        for n in 0..=48 {
            // seen twice, then hidden for three periods
            let shown = show(n, if n <= 12 { &first } else { &[] });
            let expected = if n < 12 || (n == 48 && !kept) { 0 } else { first.len() };
            assert_eq!(shown, expected, "{max_age:?}, frame {n}");
        }
    }
}
