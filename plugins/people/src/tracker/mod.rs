//! Multi-object tracking with vests as identities: the logic of the element `vesttrack`.
//!
//! In every frame, detections are paired with tracks by optimal assignment ([`crate::assignment`]). The gain of a pair is a
//! logarithm of a likelihood ratio: how well the detection matches the track's predicted motion ([`crate::kalman`]) and how
//! well its vest matches the vests seen on the track so far. Then workers are assigned to tracks by optimal assignment, each
//! to at most one track: a vest identifies a worker whenever it is seen again; people without one are visitors.
//!
//! A person has no track until detected in [`TrackerOptions::min_hits`] inferred frames in a row. After that the track
//! continues with predicted boxes ("coasting") in frames without a detection.
//!
//! In a frame whose people were detected and whose vests were not classified, tracks move on and keep their workers.
//!
//! The time for a frame is bounded: of more than [`MAX_PEOPLE`] people those with the best scores are tracked, and there are at most
//! [`MAX_TRACKS`] tracks.

mod belief;
mod roster;
mod timed;
mod track;

use std::sync::Arc;
use std::time::Duration;

use belief::{Belief, Evidence};
use track::{Candidate, TrackState};

use crate::assignment::assign;
use crate::names::{self, UnknownName};
use crate::{Inference, Person, Scene, Track, VestName, VestScores, period};
use vision::Rect;
use vision::decode::MAX_PEOPLE;
use vision::letterbox::Orientation;

pub use timed::TimedTracker;

/// The tracker's thresholds.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackerOptions {
    /// Number of frames that a track outlasts its last detection: a person detected again by then, near enough or in the same
    /// vest, keeps the id. Skipped frames count, too, but only an inferred one ends a track. `None`: any number.
    pub max_age: Option<u32>,
    /// The same as a time; the first of both ends a track. `None`: if `max_age` is none, 3 s or three inference periods,
    /// whichever is longer.
    pub max_age_time: Option<Duration>,
    /// Number of consecutive inferred frames with a detection before a person gets a track; 0 and 1: at once.
    pub min_hits: u32,
    /// The time from the first to the last of these detections at least, so that a high frame rate does not turn a flicker into
    /// a person. `None`: 50 ms for each but the first.
    pub min_hits_time: Option<Duration>,
    /// The time for which a person without a detection is shown at the predicted place; three inference periods, if that is
    /// longer.
    pub coast_time: Duration,
    /// The vests of workers, [resolved](names::resolve) to the model's labels; people in other vests are visitors. `None`: all
    /// labels but `none`.
    pub vests: Option<Vec<VestName>>,
    /// The probability of a vest at which a visitor becomes a worker, 0..1. Someone who is a worker may fall below it.
    pub min_confidence: f32,
}

impl Default for TrackerOptions {
    fn default() -> Self {
        Self {
            max_age: None,
            max_age_time: None,
            min_hits: 2,
            min_hits_time: None,
            coast_time: COAST_TIME,
            vests: None,
            min_confidence: 0.5,
        }
    }
}

/// Assigns tracks to the people of one stream.
#[derive(Clone, Debug, Default)]
pub struct Tracker {
    options: TrackerOptions,
    format: Option<FrameFormat>,
    /// That of the latest frame.
    orientation: Option<Orientation>,
    labels: Arc<[VestName]>,
    /// Indices of the labels of workers.
    workers: Vec<usize>,
    tracks: Vec<TrackState>,
    last_id: u64,
    /// The running time of the latest frame.
    last_time: Option<Duration>,
    /// The stream's inference period, as far as it has been measured.
    inference_period: Option<Duration>,
}

/// The default of [`TrackerOptions::coast_time`]: walking people are a body's length farther by then.
const COAST_TIME: Duration = Duration::from_secs(1);

/// Time that a track outlasts its last detection by default, unless that is less than three inference periods.
const MAX_AGE: Duration = Duration::from_secs(3);

/// Number of frames a second at which both end all the same, for streams without any time.
const MAX_RATE: u32 = 100;

/// Largest number of tracks. Each person of a frame is compared with each track, so a model that finds people everywhere and always
/// elsewhere must not leave more of them than a frame can have people, twice.
pub const MAX_TRACKS: usize = 2 * MAX_PEOPLE;

/// What of a video format decides where on a frame people are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameFormat {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Width over height of a pixel, as a fraction.
    pub pixel_aspect: (i32, i32),
}

impl FrameFormat {
    /// Horizontal and vertical scale to a format of the same picture; `None` if its shape differs, so that it shows something else.
    fn scale_to(&self, other: &Self) -> Option<(f64, f64)> {
        let shape = |format: &Self| {
            let (width, height) = (f64::from(format.width), f64::from(format.height));
            width / height * f64::from(format.pixel_aspect.0) / f64::from(format.pixel_aspect.1)
        };
        let scale = (
            f64::from(other.width) / f64::from(self.width),
            f64::from(other.height) / f64::from(self.height),
        );
        let distortion = shape(other) / shape(self) - 1.0;
        let is_sound = scale.0.is_normal() && scale.1.is_normal();
        (is_sound && distortion.abs() < MAX_DISTORTION).then_some(scale)
    }

    fn bounds(&self) -> Rect {
        Rect::new(0.0, 0.0, self.width as f32, self.height as f32)
    }
}

/// Largest change of a picture's shape that is a rounding of its size.
const MAX_DISTORTION: f64 = 0.01;

/// The part of a predicted box that must be inside the frame. Detected boxes end at the frame's edges, so a box that has
/// moved across one belongs to someone who has left.
const LEAST_VISIBLE: f32 = 0.9;

impl Tracker {
    /// A tracker without tracks.
    pub fn new(options: TrackerOptions) -> Self {
        Self {
            options,
            ..Self::default()
        }
    }

    /// Changes the options from the next frame on; tracks are kept.
    pub fn set_options(&mut self, options: TrackerOptions) {
        self.options = options;
        self.find_workers();
    }

    /// Sets the size of the frames, in square pixels. People predicted outside are not shown; without a size they are.
    pub fn set_frame_size(&mut self, width: u32, height: u32) {
        self.set_format(FrameFormat {
            width,
            height,
            pixel_aspect: (1, 1),
        });
    }

    /// Sets the format of the frames. If the same picture comes in another size, tracks move with it; a picture of another shape
    /// shows something else, so tracks end.
    pub fn set_format(&mut self, format: FrameFormat) {
        let Some(before) = self.format.replace(format).filter(|before| *before != format) else {
            return;
        };
        match before.scale_to(&format) {
            Some((x, y)) => self.tracks.iter_mut().for_each(|track| track.motion.resize(x, y)),
            None => self.tracks.clear(),
        }
    }

    /// Takes the state of an earlier moment; ids that were assigned since are not assigned again.
    fn return_to(&mut self, before: Self) {
        let last_id = self.last_id;
        *self = Self { last_id, ..before };
    }

    /// Removes all tracks, as after a flush or a discontinuity; ids continue counting.
    pub fn reset(&mut self) {
        self.tracks.clear();
        self.last_time = None;
        self.inference_period = None;
    }

    /// Fills in the people's tracks and appends people who are tracked but not detected in this frame: with predicted boxes
    /// and the score of their last detection, without pose and vest.
    ///
    /// `time` is the frame's running time. If the scene's inference was skipped, its people are replaced by predictions. If
    /// its vest inference was skipped, their vests are removed. If its orientation is another than before, tracks end.
    pub fn update(&mut self, time: Duration, scene: &mut Scene) {
        let elapsed = self.last_time.map_or(Duration::ZERO, |last| time.saturating_sub(last));
        self.last_time = Some(time);
        self.inference_period = scene.inference_period.or(self.inference_period);
        // Turned otherwise, the same places of the room are at other pixels.
        if self
            .orientation
            .replace(scene.orientation)
            .is_some_and(|before| before != scene.orientation)
        {
            self.tracks.clear();
        }
        for track in &mut self.tracks {
            track.motion.predict(elapsed);
            track.frames_since_update = track.frames_since_update.saturating_add(1);
            track.time_since_update = track.time_since_update.saturating_add(elapsed);
            track.age = track.age.saturating_add(elapsed);
        }
        if let Some(Inference::Skipped(_)) = scene.vest_inference {
            scene.people.iter_mut().for_each(|person| person.vest = None);
        }
        match scene.inference {
            Inference::Done => {
                self.learn_labels(scene.labels());
                self.associate(&mut scene.people);
            }
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
        self.tracks
            .iter_mut()
            .for_each(|track| track.misses = track.misses.saturating_add(1));
        let detections = self.detections(people);
        let pairs = assign(self.tracks.len(), detections.len(), |track, detection| {
            self.tracks[track].log_likelihood_gain(&detections[detection])
        });
        let mut track_of: Vec<Option<usize>> = vec![None; detections.len()];
        for (track, detection) in pairs.into_iter().enumerate() {
            if let Some(detection) = detection {
                self.tracks[track].update(&detections[detection]);
                track_of[detection] = Some(track);
            }
        }
        for (detection, track) in detections.iter().zip(&mut track_of) {
            if track.is_none() {
                *track = Some(self.tracks.len());
                self.tracks.push(TrackState::new(detection, self.labels.len()));
            }
        }
        self.confirm();
        roster::assign_workers(&mut self.tracks, &self.workers, self.options.min_confidence);
        for (detection, track) in detections.iter().zip(track_of) {
            people[detection.person].track = track.and_then(|track| self.published(&self.tracks[track]));
        }
        let (max_age, time) = (self.options.max_age, self.max_age_time());
        self.tracks
            .retain(|track| track.misses == 0 || (track.id.is_some() && track.is_kept(max_age, time)));
        if self.tracks.len() > MAX_TRACKS {
            // those that were detected most recently
            self.tracks.sort_by_key(|track| track.misses);
            self.tracks.truncate(MAX_TRACKS);
        }
    }

    /// Time that a track outlasts its last detection at most.
    fn max_age_time(&self) -> Duration {
        match (self.options.max_age, self.options.max_age_time) {
            (_, Some(time)) => time,
            (Some(_), None) => Duration::MAX,
            (None, None) => MAX_AGE.max(self.horizon()),
        }
    }

    /// Time that people and tracks outlast their last detection at least.
    fn horizon(&self) -> Duration {
        period::three(self.inference_period).unwrap_or_default()
    }

    /// Adopts the labels of the vest model. A different list invalidates what is known about vests.
    fn learn_labels(&mut self, labels: Option<&Arc<[VestName]>>) {
        if let Some(labels) = labels
            && *labels != self.labels
        {
            self.labels = Arc::clone(labels);
            self.find_workers();
            for track in &mut self.tracks {
                track.belief = Belief::new(self.labels.len());
                track.is_classified = false;
                track.worker = None;
            }
        }
    }

    fn detections(&self, people: &[Person]) -> Vec<Candidate> {
        let sound = trackable(people);
        let detection = |&person: &usize| {
            let Person { bbox, score, vest, .. } = &people[person];
            // The person with the lower feet in the image is nearer.
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
            Candidate {
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

    /// Assigns ids to tracks with enough detections.
    fn confirm(&mut self) {
        for track in &mut self.tracks {
            if track.id.is_none() && track.is_confirmed(self.options.min_hits, self.options.min_hits_time) {
                self.last_id += 1;
                track.id = Some(self.last_id);
            }
        }
    }

    fn find_workers(&mut self) {
        let resolve = |vest: &VestName| names::resolve(vest, &self.labels).ok();
        let wanted: Option<Vec<VestName>> = self
            .options
            .vests
            .as_ref()
            .map(|vests| vests.iter().filter_map(resolve).collect());
        let is_worker = |&label: &usize| match &wanted {
            Some(vests) => vests.contains(&self.labels[label]),
            None => *self.labels[label] != *VestScores::NONE,
        };
        self.workers = (0..self.labels.len()).filter(is_worker).collect();
    }

    /// The [vests of workers](TrackerOptions::vests) that the vest model has no label for, and its labels; nothing before it has
    /// inferred a frame.
    pub fn unknown_vests(&self) -> (Vec<UnknownName>, &[VestName]) {
        let vests = self.options.vests.iter().flatten().filter(|_| !self.labels.is_empty());
        let unknown = vests.filter_map(|vest| names::resolve(vest, &self.labels).err());
        (unknown.collect(), &self.labels)
    }

    /// Whether to show the track as a predicted box.
    fn is_shown_coasting(&self, track: &TrackState) -> bool {
        let bbox = track.motion.bbox();
        let is_undetected = track.frames_since_update > 0;
        let is_recent = track.is_within(self.options.coast_time.max(self.horizon()));
        let is_in_frame = |frame: Rect| frame.intersection(&bbox).area() >= LEAST_VISIBLE * bbox.area();
        is_undetected && is_recent && is_sound(&bbox) && self.format.is_none_or(|format| is_in_frame(format.bounds()))
    }

    /// The track as a part of the scene; `None` while it is tentative.
    fn published(&self, track: &TrackState) -> Option<Track> {
        let probability = |label| track.belief.probability(label);
        let confidence = match track.worker {
            Some(label) => probability(label),
            None => (0..self.labels.len())
                .filter(|label| !self.workers.contains(label))
                .map(probability)
                .sum(),
        };
        Some(Track {
            id: track.id?,
            worker: track.worker.and_then(|label| self.labels.get(label).cloned()),
            confidence: confidence.clamp(0.0, 1.0) as f32,
            frames_since_update: track.frames_since_update,
        })
    }
}

/// The indices of the people to track: those with a sound box, of too many those with the best scores.
fn trackable(people: &[Person]) -> Vec<usize> {
    let mut sound: Vec<usize> = (0..people.len()).filter(|&i| is_sound(&people[i].bbox)).collect();
    if sound.len() > MAX_PEOPLE {
        // stable: of equal scores the first ones are kept
        sound.sort_by(|&a, &b| people[b].score.total_cmp(&people[a].score));
        sound.truncate(MAX_PEOPLE);
        sound.sort_unstable();
    }
    sound
}

/// Whether a box has an area and neither area nor centre overflows.
fn is_sound(bbox: &Rect) -> bool {
    let (area, center) = (bbox.area(), bbox.center());
    area > 0.0 && [area, center.x, center.y].iter().all(|value| value.is_finite())
}
