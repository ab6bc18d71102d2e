//! Whether frames still leave a tenant that plays.

use std::time::{Duration, Instant};

/// Time without a frame after which a tenant is shown as stalled.
const SHOWN: Duration = Duration::from_secs(10);
/// How much longer the first frame may take than any other: models are loaded and cameras wait for a key frame.
const FIRST: u32 = 4;
/// Time that counts between two looks at most. This process may have been stopped itself, or the machine asleep; no tenant is to
/// blame for that.
const STEP: Duration = Duration::from_secs(1);

/// What is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No frame has left yet.
    Starting,
    /// Frames leave, or have until recently.
    Playing,
    /// No frame leaves.
    Stalled,
    /// None has left for the time after which it is to be restarted.
    Over,
}

/// The watch over one run. Time counts from its first look on.
#[derive(Default)]
pub struct Stall {
    frames: u64,
    looked: Option<Instant>,
    quiet: Duration,
}

impl Stall {
    /// A look at `now`, when `frames` frames have left in all. It is over after `limit` without a frame; none for never.
    pub fn look(&mut self, now: Instant, frames: u64, limit: Option<Duration>) -> Verdict {
        let since = self.looked.replace(now).map_or(Duration::ZERO, |looked| now - looked);
        self.quiet += since.min(STEP);
        if frames != self.frames {
            (self.frames, self.quiet) = (frames, Duration::ZERO);
        }
        let limit = limit.map(|limit| if frames == 0 { limit * FIRST } else { limit });
        if limit.is_some_and(|limit| self.quiet >= limit) {
            Verdict::Over
        } else if frames == 0 {
            Verdict::Starting
        } else if self.quiet >= SHOWN.min(limit.unwrap_or(SHOWN)) {
            Verdict::Stalled
        } else {
            Verdict::Playing
        }
    }

    /// Frames are held for a good reason, such as a server that is away: time counts from now on.
    pub fn hold(&mut self) {
        self.quiet = Duration::ZERO;
    }

    /// Since when no frame has left, as of the last look.
    pub fn since(&self) -> Option<Instant> {
        self.looked?.checked_sub(self.quiet)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Milliseconds after the first look, frames that have left, and the verdict.
    #[track_caller]
    fn check(limit: Option<u64>, rows: &[(u64, u64, Verdict)]) {
        let begin = Instant::now();
        let mut stall = Stall::default();
        let limit = limit.map(Duration::from_secs);
        let mut now = 0;
        stall.look(begin, 0, limit);
        for &(at, frames, expected) in rows {
            // The loop looks several times a second.
            while now + 200 < at {
                now += 200;
                stall.look(begin + Duration::from_millis(now), stall.frames, limit);
            }
            now = at;
            let verdict = stall.look(begin + Duration::from_millis(at), frames, limit);
            assert_eq!(verdict, expected, "after {at} ms and {frames} frames");
        }
    }

    #[test]
    fn a_stall_is_shown_after_ten_seconds_and_over_at_its_limit() {
        use Verdict::{Over, Playing, Stalled, Starting};
        check(
            Some(30),
            &[(0, 0, Starting), (119_900, 0, Starting), (120_000, 0, Over)],
        );
        check(
            Some(30),
            &[
                (50_000, 1, Playing),
                (59_900, 1, Playing),
                (60_000, 1, Stalled),
                (79_900, 1, Stalled),
                (80_000, 1, Over),
            ],
        );
        // A frame in time begins it anew.
        check(
            Some(30),
            &[
                (1000, 1, Playing),
                (30_900, 2, Playing),
                (60_800, 2, Stalled),
                (60_900, 2, Over),
            ],
        );
        check(Some(3), &[(1000, 1, Playing), (3900, 1, Playing), (4000, 1, Over)]);
        check(
            None,
            &[(900_000, 0, Starting), (901_000, 1, Playing), (990_000, 1, Stalled)],
        );
    }

    #[test]
    fn what_is_held_does_not_count() {
        let begin = Instant::now();
        let (mut stall, limit) = (Stall::default(), Some(Duration::from_secs(2)));
        for second in 0..100 {
            let now = begin + Duration::from_secs(second);
            assert_ne!(stall.look(now, 1, limit), Verdict::Over);
            stall.hold();
        }
        assert_eq!(stall.look(begin + Duration::from_secs(100), 1, limit), Verdict::Playing);
        assert_eq!(stall.look(begin + Duration::from_secs(101), 1, limit), Verdict::Over);
    }

    #[test]
    fn the_time_in_which_this_process_slept_does_not_count() {
        let begin = Instant::now();
        let (mut stall, limit) = (Stall::default(), Some(Duration::from_secs(30)));
        stall.look(begin, 1, limit);
        let woken = begin + Duration::from_secs(3600);
        assert_eq!(stall.look(woken, 1, limit), Verdict::Playing);
        assert_eq!(stall.since(), Some(woken - STEP));
    }

    proptest! {
        /// Whatever the looks, a run is over only if no frame has left for its limit.
        #[test]
        fn a_run_with_frames_in_time_is_never_over(looks in prop::collection::vec((0..900u64, 0..3u64), 1..200)) {
            let limit = Duration::from_secs(2);
            let (mut now, mut frames, mut last) = (Instant::now(), 1, None);
            let mut stall = Stall::default();
            for (milliseconds, more) in looks {
                now += Duration::from_millis(milliseconds);
                frames += more;
                if more > 0 || last.is_none() {
                    last = Some(now);
                }
                let is_over = stall.look(now, frames, Some(limit)) == Verdict::Over;
                prop_assert_eq!(is_over, last.is_some_and(|last| now - last >= limit));
            }
        }
    }
}
