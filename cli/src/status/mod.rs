//! What is shown of a tenant: plain values, computed from [samples](sample) of what its elements count.
//!
//! [`History`] makes them: rates are differences between two samples, and [`liveness`] decides whether inference is dead. The
//! table, the lines for people, the JSON and the metrics all show this [`TenantStatus`].

pub mod liveness;
pub mod sample;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::state::TenantState;
use liveness::Liveness;
use sample::{Distribution, Sample, Skipped, Stage, Station};

/// Rates are means over this time.
const WINDOW: Duration = Duration::from_secs(5);
/// How long a tenant must have played before its pace is used for an estimate.
const MIN_PLAYING: Duration = Duration::from_secs(1);

/// What is shown of a tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct TenantStatus {
    /// The tenant's name.
    pub tenant: Arc<str>,
    /// What it does.
    pub state: TenantState,
    /// When this was so.
    pub at: Instant,
    /// Whether frames are inferred.
    pub inference: Inference,
    /// Times that it was started again.
    pub restarts: u64,
    /// Frames that have left, and since when.
    pub frames: Frames,
    /// Rates and durations at present; `None` before the second sample and while it does not play.
    pub now: Option<Now>,
    /// Workers seen so far; `None` without a `vesttrack`.
    pub workers: Option<Vec<String>>,
    /// The stations, by name.
    pub stations: Vec<Station>,
    /// The stream's position and duration, where it has an end.
    pub position: Option<(Duration, Duration)>,
    /// Each `tritoninfer`, as read last.
    pub stages: Vec<Stage>,
}

/// Frames that have left.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Frames {
    /// Their number.
    pub count: u64,
    /// Since the first of them.
    pub playing: Duration,
}

/// Whether a tenant's frames are inferred.
#[derive(Clone, Debug, PartialEq)]
pub enum Inference {
    /// It has no `tritoninfer`.
    None,
    /// Frames are inferred, or there is nothing to infer.
    Working,
    /// Frames should be inferred, and none is.
    Dead {
        /// For how long.
        lasts: Duration,
        /// Frames that passed in this time; 0: the stream waits.
        passed: u64,
        /// The element's reason.
        reason: Arc<str>,
    },
}

/// Rates, a second, and durations over the last seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Now {
    /// Frames that arrive at the first `tritoninfer`; `None` without one.
    pub fps_in: Option<f64>,
    /// Frames that leave the last element of shopfloor.
    pub fps_out: f64,
    /// Frames that leave with all of their responses; `None` without a `tritoninfer`.
    pub inferred: Option<f64>,
    /// Frames without inference, by reason.
    pub skipped: Skipped<f64>,
    /// Time from arrival to response that 95 % of the inferred frames did not exceed; of several `tritoninfer`, the sum.
    pub age_p95: Option<Duration>,
    /// Latency that the `tritoninfer`s have reported to the pipeline, in sum.
    pub delay: Duration,
}

impl TenantStatus {
    /// Of a tenant of which nothing was read yet.
    pub fn new(tenant: Arc<str>, state: TenantState, at: Instant) -> Self {
        Self {
            tenant,
            state,
            at,
            inference: Inference::None,
            restarts: 0,
            frames: Frames::default(),
            now: None,
            workers: None,
            stations: Vec::new(),
            position: None,
            stages: Vec::new(),
        }
    }

    /// Number of active stations.
    pub fn active(&self) -> usize {
        let stations = self.stations.iter();
        stations
            .filter(|station| station.state == people::Activity::Active)
            .count()
    }

    /// Whether frames leave, and are inferred where they should be.
    pub fn is_well(&self) -> bool {
        matches!(self.state, TenantState::Playing) && !matches!(self.inference, Inference::Dead { .. })
    }

    /// Share of the stream that was played, 0..1, where the stream has an end.
    pub fn fraction(&self) -> Option<f64> {
        let (position, duration) = self.position?;
        (!duration.is_zero()).then(|| (position.as_secs_f64() / duration.as_secs_f64()).clamp(0.0, 1.0))
    }

    /// Time until the end, at the mean pace since the first frame.
    pub fn time_left(&self) -> Option<Duration> {
        let played = self.fraction().filter(|played| *played > 0.0)?;
        let playing = self.frames.playing;
        (playing >= MIN_PLAYING).then(|| playing.mul_f64((1.0 - played) / played))
    }
}

impl Frames {
    /// Mean number a second since the first.
    pub fn fps(self) -> f64 {
        match self.playing.as_secs_f64() {
            seconds if seconds > 0.0 && self.count > 1 => (self.count - 1) as f64 / seconds,
            _ => 0.0,
        }
    }

    /// For people, what came of a run: frames, their rate, workers.
    pub fn outcome(self, workers: Option<&[String]>) -> String {
        let workers = match workers {
            None => String::new(),
            Some([]) => ", no worker seen yet".to_owned(),
            Some(workers) => format!(", workers seen: {}", workers.join(" ")),
        };
        format!("{} frames, {:.1} fps{workers}", self.count, self.fps())
    }
}

/// The samples of one tenant in the last seconds.
#[derive(Debug, Default)]
pub struct History {
    window: VecDeque<Sample>,
    liveness: Vec<Liveness>,
}

impl History {
    /// Adds a sample and computes the status. Nothing can be read of a tenant without a pipeline: then `sample` is `None`, and the
    /// status keeps the counts of the `last` one.
    pub fn update(
        &mut self,
        last: &TenantStatus,
        state: TenantState,
        restarts: u64,
        sample: Result<Sample, Instant>,
    ) -> TenantStatus {
        let sample = match sample {
            Ok(sample) => sample,
            Err(at) => {
                *self = Self::default();
                return TenantStatus {
                    state,
                    at,
                    restarts,
                    inference: Inference::None,
                    now: None,
                    // Nobody watches them.
                    stations: Vec::new(),
                    ..last.clone()
                };
            }
        };
        if self.window.back().is_some_and(|last| sample.is_anew(last)) {
            *self = Self::default();
        }
        let inference = self.inference(&sample);
        while self
            .window
            .get(1)
            .is_some_and(|second| sample.at.duration_since(second.at) >= WINDOW)
        {
            self.window.pop_front();
        }
        let now = self.window.front().map(|then| Now::between(then, &sample));
        let status = TenantStatus {
            tenant: Arc::clone(&last.tenant),
            state,
            at: sample.at,
            inference,
            restarts,
            frames: sample.frames(),
            now,
            workers: sample.workers.clone(),
            stations: sample.stations.clone(),
            position: sample.position,
            stages: sample.stages.clone(),
        };
        self.window.push_back(sample);
        status
    }

    /// Of several dead elements the first one has the reason: those behind it get no people.
    fn inference(&mut self, now: &Sample) -> Inference {
        if now.stages.is_empty() {
            return Inference::None;
        }
        self.liveness.resize_with(now.stages.len(), Liveness::default);
        let Some(then) = self.window.back() else {
            return Inference::Working;
        };
        let stages = self.liveness.iter_mut().zip(then.stages.iter().zip(&now.stages));
        let decided =
            stages.map(|(liveness, (before, stage))| (stage, liveness.step((then.at, before), (now.at, stage))));
        // All of them are to take their step.
        let decided: Vec<_> = decided.collect();
        let dead = decided.into_iter().find_map(|(stage, dead)| Some((stage, dead?)));
        dead.map_or(Inference::Working, |(stage, dead)| Inference::Dead {
            lasts: dead.lasts,
            passed: dead.passed,
            reason: stage.reason(),
        })
    }
}

impl Sample {
    /// Whether the pipeline is another one than that of the sample before.
    fn is_anew(&self, before: &Self) -> bool {
        let stages = || self.stages.iter().zip(&before.stages);
        self.frames < before.frames
            || self.stages.len() != before.stages.len()
            || stages().any(|(now, then)| now.frames < then.frames || now.inferred < then.inferred)
    }

    /// Frames that have left so far.
    fn frames(&self) -> Frames {
        Frames {
            count: self.frames,
            playing: self
                .first_frame
                .map_or(Duration::ZERO, |first| self.at.saturating_duration_since(first)),
        }
    }
}

impl Stage {
    /// Why it infers nothing, for people.
    fn reason(&self) -> Arc<str> {
        let text = match self.status.split_once(": ") {
            Some((_, reason)) => reason,
            None if self.status == "ready" => "the server responds to none of the requests in time",
            None => &self.status,
        };
        text.into()
    }

    /// Frames that have arrived.
    fn arrived(&self) -> u64 {
        self.frames + self.pending
    }
}

impl Now {
    /// What has happened between two samples of one pipeline.
    fn between(then: &Sample, now: &Sample) -> Self {
        let seconds = now.at.duration_since(then.at).as_secs_f64().max(f64::EPSILON);
        let rate = |now: u64, then: u64| now.saturating_sub(then) as f64 / seconds;
        let stages = || then.stages.iter().zip(&now.stages);
        // A frame is inferred when all have looked at it. The skipped ones are those of the same element, since the ones behind
        // it count them again.
        let slowest = stages().min_by_key(|(then, now)| now.inferred.saturating_sub(then.inferred));
        let skipped = slowest.map(|(then, now)| (then.skipped, now.skipped));
        let skipped = skipped.map(|(then, now)| Skipped {
            interval: rate(now.interval, then.interval),
            overload: rate(now.overload, then.overload),
            failed: rate(now.failed, then.failed),
        });
        let ages = stages().filter_map(|(then, now)| Distribution::since(now.ages(), then.ages()).quantile(0.95));
        Self {
            fps_in: stages().next().map(|(then, now)| rate(now.arrived(), then.arrived())),
            fps_out: rate(now.frames, then.frames),
            inferred: slowest.map(|(then, now)| rate(now.inferred, then.inferred)),
            skipped: skipped.unwrap_or_default(),
            age_p95: ages.reduce(|sum, age| sum + age),
            delay: now.stages.iter().map(|stage| stage.latency).sum(),
        }
    }
}
