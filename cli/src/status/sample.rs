//! What is read of a tenant at a moment: numbers that its elements count, as plain values.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use people::event::{EventKind, LogLine};
use people::{Activity, VestName};

/// What is read of a tenant's pipeline at a moment.
#[derive(Clone, Debug)]
pub struct Sample {
    /// When it was read.
    pub at: Instant,
    /// Frames that have left the last element of shopfloor.
    pub frames: u64,
    /// When the first of them left.
    pub first_frame: Option<Instant>,
    /// Each `tritoninfer`, in the order of the pipeline.
    pub stages: Vec<Stage>,
    /// Workers seen so far, where the pipeline has a `vesttrack`.
    pub workers: Option<Vec<String>>,
    /// The stations and their states.
    pub stations: Vec<Station>,
    /// The stream's position and duration, where it has an end.
    pub position: Option<(Duration, Duration)>,
}

/// A `tritoninfer`: what its properties `stats` and `status` have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stage {
    /// The element's name.
    pub element: String,
    /// Its model.
    pub model: String,
    /// `closed`, `ready`, or a state with the reason why requests fail.
    pub status: String,
    /// How tensors are passed.
    pub transport: String,
    /// Frames that left.
    pub frames: u64,
    /// Of these, frames that left with their response.
    pub inferred: u64,
    /// Of these, frames without inference, by reason.
    pub skipped: Skipped<u64>,
    /// Frames that left at their deadline.
    pub late: u64,
    /// Requests that were repeated.
    pub retried: u64,
    /// Recoveries after a failure.
    pub reconnects: u64,
    /// Frames without a result.
    pub pending: u64,
    /// Requests that the server has not released.
    pub in_flight: u64,
    /// Requests that are useful at a time.
    pub places: u64,
    /// The latency that the element has reported to the pipeline.
    pub latency: Duration,
    /// Bytes of requests in flight.
    pub memory_in_flight: u64,
    /// Bytes of requests past their deadline that the server still has.
    pub memory_quarantined: u64,
    /// Bytes of models in this process.
    pub memory_models: u64,
    /// Bytes of tensors copied into or out of messages.
    pub bytes_copied: u64,
    /// Distributions of durations, by [`DURATIONS`].
    pub durations: [Distribution; DURATIONS.len()],
}

/// The prefixes of the fields in `stats` that are distributions.
pub const DURATIONS: [&str; 5] = ["inference-latency", "wait", "convert", "request", "push"];

impl Stage {
    /// From the arrival of frames to their responses.
    pub fn ages(&self) -> &Distribution {
        &self.durations[0]
    }
}

/// Frames that passed without inference, or their number a second, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Skipped<T> {
    /// Because of `inference-interval`.
    pub interval: T,
    /// Because of overload: no place was free, or the response was late.
    pub overload: T,
    /// Because the request failed, or the frame could not be read.
    pub failed: T,
}

impl Skipped<f64> {
    /// All of them.
    pub fn sum(&self) -> f64 {
        self.interval + self.overload + self.failed
    }
}

/// A distribution of durations, counted since its element was opened.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    /// The sum of all.
    pub sum: Duration,
    /// Upper bounds of the buckets but the last, which has none.
    pub bounds: Vec<Duration>,
    /// Number of durations in each bucket.
    pub buckets: Vec<u64>,
}

impl Distribution {
    /// Number of durations.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The durations since `then`; all of them if the element has been opened anew in between.
    pub fn since(&self, then: &Self) -> Self {
        let is_later =
            self.bounds == then.bounds && self.buckets.iter().zip(&then.buckets).all(|(now, then)| now >= then);
        if !is_later {
            return self.clone();
        }
        Self {
            sum: self.sum.saturating_sub(then.sum),
            bounds: self.bounds.clone(),
            buckets: self
                .buckets
                .iter()
                .zip(&then.buckets)
                .map(|(now, then)| now - then)
                .collect(),
        }
    }

    /// The quantile, 0..1, as Prometheus' `histogram_quantile` estimates it: linear inside a bucket. Beyond the last bound it
    /// is that bound. `None` if there are no durations.
    pub fn quantile(&self, quantile: f64) -> Option<Duration> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = quantile * count as f64;
        let mut below = 0.0;
        let mut lower = Duration::ZERO;
        for (bound, bucket) in self.bounds.iter().zip(&self.buckets) {
            let up_to = below + *bucket as f64;
            if *bucket > 0 && up_to >= rank {
                return Some(lower + (*bound - lower).mul_f64(((rank - below) / *bucket as f64).clamp(0.0, 1.0)));
            }
            (below, lower) = (up_to, *bound);
        }
        Some(lower)
    }
}

/// A station at present.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Station {
    /// Its name.
    pub station: Arc<str>,
    /// Its state.
    pub state: Activity,
    /// Who is active there; none for a visitor, or if nobody is.
    pub worker: Option<VestName>,
}

/// The states of a tenant's stations, from its events.
#[derive(Debug, Default)]
pub struct Board(BTreeMap<Arc<str>, (Activity, Option<VestName>)>);

impl Board {
    /// Takes note of an event.
    pub fn record(&mut self, line: &LogLine) {
        let LogLine::Event(record) = line else {
            return;
        };
        let event = &record.event;
        let state = match event.kind {
            EventKind::Start => Activity::Absent,
            EventKind::Handover { .. } => Activity::Active,
            EventKind::Change { state, .. } | EventKind::Heartbeat { state, .. } => state,
            // Nobody watches it any more.
            EventKind::End { .. } => {
                self.0.remove(&event.station);
                return;
            }
        };
        let worker = event.worker.clone().filter(|_| state == Activity::Active);
        self.0.insert(Arc::clone(&event.station), (state, worker));
    }

    /// Number of active stations.
    pub fn active(&self) -> usize {
        self.0.values().filter(|(state, _)| *state == Activity::Active).count()
    }

    /// All stations, by name.
    pub fn stations(&self) -> Vec<Station> {
        let station = |(name, (state, worker)): (&Arc<str>, &(Activity, Option<VestName>))| Station {
            station: Arc::clone(name),
            state: *state,
            worker: worker.clone(),
        };
        self.0.iter().map(station).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use people::Totals;
    use people::event::{Assigned, Event, LogRecord};

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn quantiles_are_linear_inside_a_bucket() {
        let of = |buckets: [u64; 4]| Distribution {
            sum: Duration::ZERO,
            bounds: vec![ms(10), ms(20), ms(40)],
            buckets: buckets.to_vec(),
        };
        for (what, buckets, quantile, expected) in [
            ("no durations", [0, 0, 0, 0], 0.95, None),
            ("the middle of the first", [10, 0, 0, 0], 0.5, Some(ms(5))),
            ("the end of a bucket", [5, 5, 0, 0], 0.5, Some(ms(10))),
            ("inside the second", [5, 5, 0, 0], 0.75, Some(ms(15))),
            ("empty buckets between", [1, 0, 1, 0], 0.75, Some(ms(30))),
            ("beyond the last bound", [0, 0, 0, 7], 0.95, Some(ms(40))),
        ] {
            assert_eq!(of(buckets).quantile(quantile), expected, "{what}");
        }
    }

    #[test]
    fn differences_begin_anew_with_the_element() {
        let of = |buckets: [u64; 2]| Distribution {
            sum: ms(buckets[0] + 20 * buckets[1]),
            bounds: vec![ms(10)],
            buckets: buckets.to_vec(),
        };
        assert_eq!(of([5, 3]).since(&of([2, 3])), of([3, 0]));
        assert_eq!(of([1, 3]).since(&of([2, 3])), of([1, 3]), "opened anew");
        assert_eq!(
            of([1, 3]).since(&Distribution::default()),
            of([1, 3]),
            "not open before"
        );
    }

    /// The stations after an event, and how many of them are active.
    fn recorded(board: &mut Board, station: &str, worker: Option<&str>, kind: EventKind) -> (String, usize) {
        let event = Event {
            time: Duration::ZERO,
            station: station.into(),
            worker: worker.map(Into::into),
            kind,
        };
        board.record(&LogLine::Event(LogRecord::from(event)));
        let shown = board.stations().into_iter().map(|station| {
            let worker = station.worker.as_deref().map(|worker| format!(" by {worker}"));
            let (name, state) = (station.station, station.state.name());
            format!("{name} {state}{}", worker.unwrap_or_default())
        });
        (shown.collect::<Vec<_>>().join(", "), board.active())
    }

    #[test]
    fn the_board_has_each_stations_last_state() {
        let (red, blue) = (Some("red"), Some("blue"));
        let (lasted, totals, assigned) = (Duration::ZERO, Totals::default(), Assigned::Anyone);
        let change = |state| EventKind::Change {
            state,
            previous: Activity::Unknown,
            lasted,
            totals,
        };
        let heartbeat = EventKind::Heartbeat {
            state: Activity::Idle,
            lasted,
            totals,
            assigned: assigned.clone(),
        };
        let end = EventKind::End {
            state: Activity::Active,
            lasted,
            totals,
            assigned,
        };
        let handover = EventKind::Handover { from: None, lasted };
        let (active, idle) = (change(Activity::Active), change(Activity::Idle));
        let mut board = Board::default();
        for (station, worker, kind, expected, count) in [
            ("till", red, EventKind::Start, "till absent", 0),
            ("till", red, active.clone(), "till active by red", 1),
            ("bench", None, heartbeat, "bench idle, till active by red", 1),
            ("bench", None, active, "bench active, till active by red", 2),
            ("bench", blue, handover, "bench active by blue, till active by red", 2),
            ("till", red, idle, "bench active by blue, till idle", 1),
            ("bench", blue, end, "till idle", 0),
        ] {
            let found = recorded(&mut board, station, worker, kind);
            assert_eq!(found, (expected.to_owned(), count));
        }
    }
}
