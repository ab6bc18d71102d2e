//! Who is who over time: the pure heart of the element `vesttrack`.
//!
//! Every frame, detections and tracks are paired jointly ([`crate::assignment`]) by what a pair is worth in evidence:
//! how well the detection fits the track's predicted motion ([`crate::kalman`]) and how well its vest fits what the
//! track has worn so far. Then the vests are given out jointly too, each to at most one track: a vest *is* a worker,
//! wherever and however often it is seen again, and whoever has none is a visitor.
//!
//! A person is passed on without a track until seen in [`TrackerOptions::min_hits`] inferred frames in a row; after
//! that it has a track, also, as a predicted box, in frames where it is not seen.

mod belief;
mod roster;

use std::sync::Arc;
use std::time::Duration;

use belief::{Belief, Evidence};

use crate::assignment::assign;
use crate::kalman::{BoxFilter, GATE};
use crate::{Inference, Person, Scene, Track, VestName, VestScores};
use vision::Rect;

/// How the tracker decides.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackerOptions {
    /// Frames that a track lives on without being seen: who comes back sooner, near enough or in the same vest, keeps
    /// the id. All frames count, but only an inferred one ends a track.
    pub max_age: u32,
    /// Inferred frames in a row that someone must be detected in to get a track; 0 and 1: at once.
    pub min_hits: u32,
    /// Frames that an unseen person is shown at the predicted place.
    pub max_coast: u32,
    /// The vest labels that are workers; people in other vests are visitors. `None`: all but `none`.
    pub vests: Option<Vec<VestName>>,
    /// Probability of the vest that makes a visitor a worker, 0..1; one who is a worker already may fall below it.
    pub min_confidence: f32,
}

impl Default for TrackerOptions {
    fn default() -> Self {
        Self {
            max_age: 30,
            min_hits: 2,
            max_coast: 10,
            vests: None,
            min_confidence: 0.5,
        }
    }
}

/// Gives the people of one stream their tracks.
#[derive(Clone, Debug, Default)]
pub struct Tracker {
    options: TrackerOptions,
    frame: Option<Rect>,
    labels: Arc<[VestName]>,
    tracks: Vec<State>,
    last_id: u64,
    last_time: Option<Duration>,
}

/// What is known about one person.
#[derive(Clone, Debug)]
struct State {
    /// `None` until seen often enough.
    id: Option<u64>,
    motion: BoxFilter,
    belief: Belief,
    /// Index of the worker's vest label.
    worker: Option<usize>,
    score: f32,
    hits: u32,
    /// Frames since the last detection.
    unseen: u32,
}

/// A person of the scene that can be tracked.
struct Detection {
    /// Index in the scene.
    person: usize,
    bbox: Rect,
    score: f32,
    vest: Option<Evidence>,
}

/// Logarithm of how often people turn up who were not tracked, per height⁴ of centre and size: a detection joins the
/// track that explains it at least that well. About one in ten frames, anywhere among 8 × 6 heights, in any of the
/// sizes that people have (0.2 × 0.5 heights).
const LOG_NEWCOMERS: f64 = -4.0;

/// Part of a predicted box that must be inside the frame: detected boxes end at its edges, so a box that has moved on
/// across one belongs to someone who has left.
const LEAST_VISIBLE: f32 = 0.9;

impl Tracker {
    /// A tracker that has seen nothing yet.
    pub fn new(options: TrackerOptions) -> Self {
        Self {
            options,
            ..Self::default()
        }
    }

    /// Decides differently from the next frame on; tracks live on.
    pub fn set_options(&mut self, options: TrackerOptions) {
        self.options = options;
    }

    /// The size of the frames, in pixels: people predicted outside are not shown. Without it they are.
    pub fn set_frame_size(&mut self, width: u32, height: u32) {
        self.frame = Some(Rect::new(0.0, 0.0, width as f32, height as f32));
    }

    /// Forgets everyone, as after a flush or a discontinuity; ids go on counting.
    pub fn reset(&mut self) {
        self.tracks.clear();
        self.last_time = None;
    }

    /// Fills in the people's tracks and appends those who are tracked but not seen, with the score of
    /// their last detection, without pose and vest.
    ///
    /// `time` is the frame's running time. In a scene whose inference was skipped everyone is predicted, and people it
    /// brings along are replaced.
    pub fn update(&mut self, time: Duration, scene: &mut Scene) {
        let elapsed = self.last_time.map_or(Duration::ZERO, |last| time.saturating_sub(last));
        self.last_time = Some(time);
        for track in &mut self.tracks {
            track.motion.predict(elapsed);
            track.unseen = track.unseen.saturating_add(1);
        }
        match scene.inference {
            Inference::Done => self.associate(&mut scene.people),
            Inference::Skipped(_) => scene.people.clear(),
        }
        let coasting = self.tracks.iter().filter(|track| self.is_shown_coasting(track));
        scene.people.extend(coasting.map(|track| Person {
            bbox: track.motion.bbox(),
            score: track.score,
            track: self.published(track),
            ..Person::default()
        }));
    }

    fn associate(&mut self, people: &mut [Person]) {
        people.iter_mut().for_each(|person| person.track = None);
        self.learn_labels(people);
        let detections = self.detections(people);
        let pairs = assign(self.tracks.len(), detections.len(), |track, detection| {
            self.tracks[track].gain(&detections[detection])
        });
        let mut track_of: Vec<Option<usize>> = vec![None; detections.len()];
        for (track, detection) in pairs.into_iter().enumerate() {
            if let Some(detection) = detection {
                self.tracks[track].take(&detections[detection]);
                track_of[detection] = Some(track);
            }
        }
        for (detection, track) in detections.iter().zip(&mut track_of) {
            if track.is_none() {
                *track = Some(self.tracks.len());
                self.tracks.push(State::new(detection, self.labels.len()));
            }
        }
        self.confirm();
        let workers = self.workers();
        roster::give_out(&mut self.tracks, &workers, self.options.min_confidence);
        for (detection, track) in detections.iter().zip(track_of) {
            people[detection.person].track = track.and_then(|track| self.published(&self.tracks[track]));
        }
        let max_age = self.options.max_age;
        self.tracks
            .retain(|track| track.unseen == 0 || (track.id.is_some() && track.unseen <= max_age));
    }

    /// Takes over the label list of the people's vests; with another one, what was known about vests means nothing.
    fn learn_labels(&mut self, people: &[Person]) {
        let Some(vest) = people.iter().find_map(|person| person.vest.as_ref()) else {
            return;
        };
        if vest.labels != self.labels {
            self.labels = Arc::clone(&vest.labels);
            for track in &mut self.tracks {
                track.belief = Belief::new(self.labels.len());
                track.worker = None;
            }
        }
    }

    fn detections(&self, people: &[Person]) -> Vec<Detection> {
        let sound: Vec<usize> = (0..people.len()).filter(|&i| is_sound(&people[i].bbox)).collect();
        let detection = |&person: &usize| {
            let Person { bbox, score, vest, .. } = &people[person];
            // Whose feet are lower in the picture is nearer.
            let nearer = |&other: &usize| other != person && people[other].bbox.bottom >= bbox.bottom;
            let hidden_by = |&other: &usize| bbox.intersection(&people[other].bbox).area() / bbox.area();
            let hidden = || {
                sound
                    .iter()
                    .filter(|other| nearer(other))
                    .map(hidden_by)
                    .fold(0.0, f32::max)
            };
            let vest = vest.as_ref().and_then(|vest| self.evidence(vest, hidden()));
            Detection {
                person,
                bbox: *bbox,
                score: *score,
                vest,
            }
        };
        sound.iter().map(detection).collect()
    }

    fn evidence(&self, vest: &VestScores, hidden: f32) -> Option<Evidence> {
        let known = vest.labels == self.labels && vest.probabilities.len() == self.labels.len();
        known.then(|| Evidence::new(&vest.probabilities, hidden)).flatten()
    }

    /// Gives ids to tracks that have been seen often enough.
    fn confirm(&mut self) {
        for track in &mut self.tracks {
            if track.id.is_none() && track.hits >= self.options.min_hits {
                self.last_id += 1;
                track.id = Some(self.last_id);
            }
        }
    }

    /// The indices of the labels that are workers.
    fn workers(&self) -> Vec<usize> {
        (0..self.labels.len()).filter(|&label| self.is_worker(label)).collect()
    }

    fn is_worker(&self, label: usize) -> bool {
        match &self.options.vests {
            Some(vests) => vests.contains(&self.labels[label]),
            None => *self.labels[label] != *VestScores::NONE,
        }
    }

    fn is_shown_coasting(&self, track: &State) -> bool {
        let bbox = track.motion.bbox();
        let shown = (1..=self.options.max_coast).contains(&track.unseen) && is_sound(&bbox);
        let still_here = |frame: Rect| frame.intersection(&bbox).area() >= LEAST_VISIBLE * bbox.area();
        shown && self.frame.is_none_or(still_here)
    }

    /// The track as the scene tells it; `None` while it is tentative.
    fn published(&self, track: &State) -> Option<Track> {
        let probability = |label| track.belief.probability(label);
        let confidence = match track.worker {
            Some(label) => probability(label),
            None => (0..self.labels.len())
                .filter(|&label| !self.is_worker(label))
                .map(probability)
                .sum(),
        };
        Some(Track {
            id: track.id?,
            worker: track.worker.and_then(|label| self.labels.get(label).cloned()),
            confidence: confidence.clamp(0.0, 1.0) as f32,
            frames_since_update: track.unseen,
        })
    }
}

impl State {
    fn new(detection: &Detection, labels: usize) -> Self {
        let mut belief = Belief::new(labels);
        if let Some(vest) = &detection.vest {
            belief.observe(vest);
        }
        Self {
            id: None,
            motion: BoxFilter::new(&detection.bbox),
            belief,
            worker: None,
            score: detection.score,
            hits: 1,
            unseen: 0,
        }
    }

    /// What it is worth, in nats, to take the detection for this person rather than for someone new.
    fn gain(&self, detection: &Detection) -> f64 {
        let fit = self.motion.fit(&detection.bbox);
        if fit.distance > GATE {
            return f64::NEG_INFINITY;
        }
        let vest = detection.vest.as_ref().map_or(0.0, |vest| self.belief.agreement(vest));
        fit.log_density + vest - LOG_NEWCOMERS
    }

    fn take(&mut self, detection: &Detection) {
        self.motion.update(&detection.bbox);
        if let Some(vest) = &detection.vest {
            self.belief.observe(vest);
        }
        self.score = detection.score;
        self.hits = self.hits.saturating_add(1);
        self.unseen = 0;
    }
}

/// Whether a box has an area and nothing about it overflows.
fn is_sound(bbox: &Rect) -> bool {
    let (area, center) = (bbox.area(), bbox.center());
    area > 0.0 && [area, center.x, center.y].iter().all(|value| value.is_finite())
}
