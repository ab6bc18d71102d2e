//! Whether inference is dead: frames are there and should be inferred, and none is, for longer than the element's own
//! pace explains.

use std::time::{Duration, Instant};

use super::sample::Stage;

/// How long nothing must have been inferred at least, before inference counts as dead.
const LEAST: Duration = Duration::from_secs(3);
/// The same in inference periods, where these are long.
const PERIODS: u32 = 3;
/// Without a frame for this long, or for [`Liveness::patience`] if that is longer, the stream has stopped: nothing is owed any more.
const FORGET: Duration = Duration::from_secs(10);

/// Watches one `tritoninfer`.
#[derive(Debug, Default)]
pub struct Liveness {
    /// When it was last seen that a frame had been inferred.
    inferred_at: Option<Instant>,
    /// Time between two inferred frames.
    period: Option<Duration>,
    /// Since when frames have been owed their inference.
    owed: Option<Owed>,
}

#[derive(Clone, Copy, Debug)]
struct Owed {
    since: Instant,
    /// When the last such frame was seen.
    last: Instant,
    /// Frames that had left by then.
    frames: u64,
}

/// Nothing is inferred although something should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dead {
    /// For how long.
    pub lasts: Duration,
    /// Frames that passed without inference in this time; 0: the stream waits.
    pub passed: u64,
}

impl Liveness {
    /// Compares what was read at two moments, one after the other, and decides about the later one.
    pub fn step(&mut self, (before, then): (Instant, &Stage), (at, now): (Instant, &Stage)) -> Option<Dead> {
        let inferred = now.inferred.saturating_sub(then.inferred);
        if inferred > 0 {
            let count = u32::try_from(inferred).unwrap_or(u32::MAX);
            let since = self.inferred_at.unwrap_or(before);
            // An outage of an hour does not make the hour a period: a pace that has become slower is learned in steps.
            self.period = Some((at.duration_since(since) / count).min(self.patience()));
            (self.inferred_at, self.owed) = (Some(at), None);
            return None;
        }
        let without = |stage: &Stage| stage.skipped.overload + stage.skipped.failed;
        // A frame that is passed because of the interval, or has nobody to look at, is owed nothing.
        let is_owed = without(now) > without(then) || now.pending > 0;
        let patience = self.patience();
        if is_owed {
            let first = Owed {
                since: before,
                last: at,
                frames: then.frames,
            };
            self.owed.get_or_insert(first).last = at;
        }
        self.owed = self
            .owed
            .filter(|owed| at.duration_since(owed.last) <= patience.max(FORGET));
        let owed = self.owed?;
        // One failed frame, and no other to infer since, is not death.
        (owed.last.duration_since(owed.since) >= patience).then(|| Dead {
            lasts: at.duration_since(owed.since),
            passed: now.frames.saturating_sub(owed.frames),
        })
    }

    fn patience(&self) -> Duration {
        LEAST.max(self.period.unwrap_or_default() * PERIODS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::sample::Skipped;

    /// Seconds, then counts since the one before: inferred, overload, failed, interval; pending frames; and how long it has
    /// been dead and how many frames have passed.
    type Row = (f64, [u64; 4], u64, Option<(f64, u64)>);

    #[track_caller]
    fn check(rows: &[Row]) {
        let start = Instant::now();
        let mut liveness = Liveness::default();
        let mut then = (start, Stage::default());
        for &(seconds, counts @ [inferred, overload, failed, interval], pending, expected) in rows {
            let before = &then.1;
            let now = Stage {
                frames: before.frames + counts.iter().sum::<u64>(),
                inferred: before.inferred + inferred,
                skipped: Skipped {
                    interval: before.skipped.interval + interval,
                    overload: before.skipped.overload + overload,
                    failed: before.skipped.failed + failed,
                },
                pending,
                ..Stage::default()
            };
            let at = start + Duration::from_secs_f64(seconds);
            let dead = liveness.step((then.0, &then.1), (at, &now));
            let found = dead.map(|dead| (dead.lasts.as_secs_f64(), dead.passed));
            assert_eq!(found, expected, "at {seconds} s");
            then = (at, now);
        }
    }

    #[test]
    fn frames_that_pass_without_inference_for_three_seconds_are_dead_inference() {
        // The server goes away after 2 s.
        check(&[
            (1.0, [5, 5, 0, 0], 1, None),
            (2.0, [5, 5, 0, 0], 1, None),
            (3.0, [0, 0, 10, 0], 0, None),
            (4.0, [0, 0, 10, 0], 0, None),
            (5.0, [0, 0, 10, 0], 0, Some((3.0, 30))),
            (6.0, [0, 0, 10, 0], 0, Some((4.0, 40))),
            (7.0, [1, 0, 9, 0], 0, None),
        ]);
        // It was never there.
        check(&[(1.0, [0, 0, 10, 0], 0, None), (3.0, [0, 0, 20, 0], 0, Some((3.0, 30)))]);
        // It hangs: frames leave at their deadline.
        check(&[(1.0, [0, 10, 0, 0], 2, None), (4.0, [0, 30, 0, 0], 2, Some((4.0, 40)))]);
    }

    #[test]
    fn a_stream_that_waits_for_its_server_is_dead_although_no_frame_passes() {
        check(&[
            (1.0, [0, 0, 0, 0], 4, None),
            (3.0, [0, 0, 0, 0], 4, Some((3.0, 0))),
            (9.0, [0, 0, 0, 0], 4, Some((9.0, 0))),
            (10.0, [2, 0, 0, 0], 4, None),
        ]);
    }

    #[test]
    fn nothing_to_infer_is_not_dead() {
        // Frames of the interval only, or none at all: the camera is away.
        check(&[
            (1.0, [1, 0, 0, 9], 0, None),
            (5.0, [0, 0, 0, 40], 0, None),
            (60.0, [0, 0, 0, 0], 0, None),
        ]);
        // One frame failed, and none has come since.
        check(&[(1.0, [0, 0, 1, 0], 0, None), (9.0, [0, 0, 0, 0], 0, None)]);
    }

    #[test]
    fn a_camera_that_goes_away_ends_dead_inference() {
        check(&[
            (4.0, [0, 0, 40, 0], 0, Some((4.0, 40))),
            (13.0, [0, 0, 0, 0], 0, Some((13.0, 40))),
            (15.0, [0, 0, 0, 0], 0, None),
        ]);
    }

    #[test]
    fn a_slow_camera_has_dead_inference_too() {
        // A frame each 5 s.
        check(&[
            (1.0, [0, 0, 1, 0], 0, None),
            (5.0, [0, 0, 0, 0], 0, None),
            (6.0, [0, 0, 1, 0], 0, Some((6.0, 2))),
        ]);
    }

    #[test]
    fn a_slow_model_has_three_of_its_periods() {
        // One inferred frame in 4 s, of 10 a second, then none.
        let mut rows: Vec<Row> = [1.0, 5.0, 9.0].map(|second| (second, [1, 39, 0, 0], 1, None)).into();
        rows.extend((10..21).map(|second| (f64::from(second), [0, 10, 0, 0], 1, None)));
        rows.push((21.0, [0, 10, 0, 0], 1, Some((12.0, 120))));
        check(&rows);
    }

    #[test]
    fn an_outage_is_not_a_period() {
        check(&[
            (1.0, [10, 0, 0, 0], 0, None),
            (3600.0, [0, 0, 36_000, 0], 0, Some((3599.0, 36_000))),
            (3601.0, [1, 0, 9, 0], 0, None),
            // The server is away again at once.
            (3609.0, [0, 0, 80, 0], 0, None),
            (3610.0, [0, 0, 10, 0], 0, Some((9.0, 90))),
        ]);
    }
}
