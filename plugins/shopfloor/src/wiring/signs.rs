//! What frames show about the elements that they have passed, and for how long.

use std::sync::Arc;
use std::time::Duration;

use people::{Inference, Scene};

use super::neighbours::Role;

/// Time of the stream for which something must be missing before it is reported. A frame or two may lack people because of an
/// element that begins late, and a track begins with the second detection only.
const PATIENCE: Duration = Duration::from_secs(2);

/// Number of frames after which it is reported whatever their timestamps are.
const MOST_FRAMES: u32 = 100;

/// What one frame shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sign {
    /// The frame has everything that the element needs.
    Wired,
    /// The frame was not inferred, or nobody is in it.
    Inconclusive,
    /// The frame has neither people nor model outputs.
    Nothing,
    /// The frame has a model's outputs, and no element has decoded them into people.
    Undecoded {
        /// The model.
        model: Arc<str>,
    },
    /// There are people, and none has a track.
    Untracked,
    /// There are people, and no vest model has classified them.
    Unclassified {
        /// A model that has returned outputs for each of them instead.
        model: Option<Arc<str>>,
    },
}

/// What an element needs beside people.
#[derive(Clone, Copy, Debug, Default)]
pub struct Needs {
    /// Stations are assigned to workers.
    pub vests: bool,
}

/// Reads a frame at an element of this role: its scene, and the model of each of its outputs.
pub fn read(role: Role, scene: Option<&Scene>, models: &[Arc<str>], needs: Needs) -> Sign {
    let Some(scene) = scene else {
        return match models.first() {
            Some(_) if role == Role::PoseParse => Sign::Wired,
            Some(model) => Sign::Undecoded { model: model.clone() },
            None => Sign::Nothing,
        };
    };
    if matches!(role, Role::PoseParse | Role::Overlay) {
        return Sign::Wired;
    }
    let detected: Vec<_> = scene.people.iter().filter(|person| !person.is_coasting()).collect();
    if scene.inference != Inference::Done || detected.is_empty() {
        return Sign::Inconclusive;
    }
    let classified = scene.vest_inference.is_some() || detected.iter().any(|person| person.vest.is_some());
    let for_each_person = |model: &&Arc<str>| models.iter().filter(|other| other == model).count() == detected.len();
    let unlabelled = models.iter().find(for_each_person).cloned();
    match role {
        Role::ActivityZone if detected.iter().all(|person| person.track.is_none()) => Sign::Untracked,
        Role::ActivityZone if !classified && needs.vests => Sign::Unclassified { model: unlabelled },
        Role::VestTrack if !classified => Sign::Unclassified { model: unlabelled },
        _ => Sign::Wired,
    }
}

/// Frames in a row that lack the same.
#[derive(Debug, Default)]
pub struct Streak {
    missing: Option<Missing>,
    settled: bool,
}

#[derive(Debug)]
struct Missing {
    sign: Sign,
    since: Option<Duration>,
    frames: u32,
}

impl Streak {
    /// Takes the sign of the frame with timestamp `time`. Returns what to report now.
    pub fn add(&mut self, time: Option<Duration>, sign: Sign) -> Option<Sign> {
        if self.settled {
            return None;
        }
        match sign {
            Sign::Wired => self.settled = true,
            // Such a frame comes from an element that infers.
            Sign::Inconclusive => drop(self.missing.take_if(|missing| missing.sign == Sign::Nothing)),
            sign => return self.miss(time, sign),
        }
        None
    }

    fn miss(&mut self, time: Option<Duration>, sign: Sign) -> Option<Sign> {
        if self.missing.as_ref().is_none_or(|missing| missing.sign != sign) {
            self.missing = Some(Missing {
                sign,
                since: time,
                frames: 0,
            });
        }
        let missing = self.missing.as_mut()?;
        missing.frames += 1;
        let lasted = time.zip(missing.since).map(|(time, since)| time.saturating_sub(since));
        let is_certain = matches!(missing.sign, Sign::Undecoded { .. });
        let is_long = lasted >= Some(PATIENCE) || missing.frames >= MOST_FRAMES;
        if !(is_certain || is_long) {
            return None;
        }
        self.end()
    }

    /// The stream ends. Returns what to report.
    pub fn end(&mut self) -> Option<Sign> {
        let missing = self.missing.take()?;
        (!std::mem::replace(&mut self.settled, true)).then_some(missing.sign)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use people::{Person, SkipReason, Track, VestScores};

    fn person(tracked: bool, classified: bool) -> Person {
        Person {
            track: tracked.then(Track::default),
            vest: classified.then(|| VestScores {
                labels: Arc::default(),
                probabilities: vec![],
            }),
            ..Person::default()
        }
    }

    fn scene(people: Vec<Person>) -> Option<Scene> {
        Some(Scene {
            people,
            ..Scene::default()
        })
    }

    #[track_caller]
    fn check(role: Role, scene: Option<Scene>, outputs: usize, vests: bool, expected: &Sign) {
        let models = vec![Arc::from("m"); outputs];
        assert_eq!(read(role, scene.as_ref(), &models, Needs { vests }), *expected);
    }

    #[test]
    fn frames_without_a_scene_lack_people() {
        use Role::{Overlay, PoseParse, VestTrack};
        for role in [PoseParse, VestTrack, Overlay] {
            check(role, None, 0, false, &Sign::Nothing);
        }
        check(PoseParse, None, 1, false, &Sign::Wired);
        check(VestTrack, None, 1, false, &Sign::Undecoded { model: "m".into() });
        check(Overlay, None, 1, false, &Sign::Undecoded { model: "m".into() });
    }

    #[test]
    fn frames_with_people_show_which_elements_have_seen_them() {
        use Role::{ActivityZone, Overlay, VestTrack};
        let two = |tracked, classified| scene(vec![person(tracked, classified); 2]);
        let unclassified = &Sign::Unclassified { model: None };
        let unlabelled = &Sign::Unclassified {
            model: Some("m".into()),
        };
        check(Overlay, two(false, false), 0, false, &Sign::Wired);
        check(VestTrack, two(false, true), 0, false, &Sign::Wired);
        check(VestTrack, two(false, false), 0, false, unclassified);
        check(VestTrack, two(false, false), 2, false, unlabelled);
        // One output of the whole frame, for two people.
        check(VestTrack, two(false, false), 1, false, unclassified);
        check(VestTrack, two(false, true), 2, false, &Sign::Wired);
        check(ActivityZone, two(false, true), 0, false, &Sign::Untracked);
        check(ActivityZone, two(true, false), 0, false, &Sign::Wired);
        check(ActivityZone, two(true, false), 0, true, unclassified);
        check(ActivityZone, two(true, true), 0, true, &Sign::Wired);
    }

    #[test]
    fn skipped_and_empty_frames_show_nothing() {
        let skipped = Scene {
            inference: Inference::Skipped(SkipReason::Overload),
            people: vec![person(false, false)],
            ..Scene::default()
        };
        for role in [Role::VestTrack, Role::ActivityZone] {
            check(role, Some(skipped.clone()), 0, true, &Sign::Inconclusive);
            check(role, scene(vec![]), 0, true, &Sign::Inconclusive);
        }
    }

    /// The times in tenths of a second at which something is reported; one frame each, `end` at the end.
    fn reports(signs: &[(u32, Sign)], timestamps: bool) -> Vec<String> {
        let mut streak = Streak::default();
        let mut reports = Vec::new();
        let signs = signs
            .iter()
            .flat_map(|(count, sign)| std::iter::repeat_n(sign, *count as usize));
        for (n, sign) in signs.enumerate() {
            let time = timestamps.then(|| Duration::from_millis(100) * n as u32);
            reports.extend(streak.add(time, sign.clone()).map(|_| n.to_string()));
        }
        reports.extend(streak.end().map(|_| "end".to_owned()));
        reports
    }

    #[test]
    fn what_is_missing_for_long_is_reported_once() {
        use Sign::{Inconclusive, Nothing, Untracked, Wired};
        let undecoded = Sign::Undecoded { model: "m".into() };
        for (what, signs, timestamps, expected) in [
            ("nothing", vec![(500, Nothing)], true, &["20"][..]),
            ("without timestamps", vec![(500, Nothing)], false, &["99"]),
            ("a short stream", vec![(3, Nothing)], true, &["end"]),
            ("an empty stream", vec![], true, &[]),
            (
                "a late start",
                vec![(19, Nothing), (1, Wired), (99, Nothing)],
                true,
                &[],
            ),
            ("skipped frames", vec![(19, Nothing), (99, Inconclusive)], true, &[]),
            ("outputs", vec![(9, undecoded.clone())], true, &["0"]),
            (
                "outputs after skipped frames",
                vec![(9, Inconclusive), (9, undecoded)],
                true,
                &["9"],
            ),
            (
                "no tracks, nobody between",
                vec![(9, Untracked), (9, Inconclusive), (9, Untracked)],
                true,
                &["20"],
            ),
            ("another thing", vec![(19, Nothing), (30, Untracked)], true, &["39"]),
            ("all is well", vec![(99, Wired)], true, &[]),
            ("later trouble", vec![(1, Wired), (99, Untracked)], true, &[]),
        ] {
            assert_eq!(reports(&signs, timestamps), expected, "{what}");
        }
    }
}
