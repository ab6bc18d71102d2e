//! The end of a tenant after an interrupt: its stream was asked to end, and frames that are inferred still leave. If none
//! leaves any more, for example because a file waits for a server, the rest passes without inference; if that does not
//! help either, the tenant is given up.

use std::time::{Duration, Instant};

/// Time without a frame after which the rest passes without inference, and a second such time after which the tenant is
/// given up. A file is written to its end within it: its index is written after the last frame.
pub const STALL: Duration = Duration::from_secs(10);
/// Time after the interrupt when a tenant is given up although frames still leave. systemd kills a service after 90 s.
const LIMIT: Duration = Duration::from_secs(60);

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing: frames leave, or have until recently.
    Wait,
    /// Frames are to pass without inference from now on. Due once.
    Pass,
    /// The tenant does not end by itself.
    GiveUp,
}

/// A tenant that was asked to end.
pub struct Shutdown {
    asked: Instant,
    frames: u64,
    /// When the last frame left, or when frames were let pass.
    progress: Instant,
    passing: bool,
}

impl Shutdown {
    /// It was asked to end at `now`, after `frames` frames.
    pub fn new(now: Instant, frames: u64) -> Self {
        Self {
            asked: now,
            frames,
            progress: now,
            passing: false,
        }
    }

    /// What is due at `now`, when `frames` frames have left in all.
    pub fn step(&mut self, now: Instant, frames: u64) -> Step {
        if frames != self.frames {
            (self.frames, self.progress) = (frames, now);
        }
        if now.duration_since(self.asked) >= LIMIT {
            return Step::GiveUp;
        }
        if now.duration_since(self.progress) < STALL {
            return Step::Wait;
        }
        if self.passing {
            return Step::GiveUp;
        }
        (self.passing, self.progress) = (true, now);
        Step::Pass
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds after the interrupt, frames that have left, and what is due.
    #[track_caller]
    fn check(rows: &[(f32, u64, Step)]) {
        let asked = Instant::now();
        let mut shutdown = Shutdown::new(asked, 7);
        for &(seconds, frames, expected) in rows {
            let step = shutdown.step(asked + Duration::from_secs_f32(seconds), frames);
            assert_eq!(step, expected, "after {seconds} s and {frames} frames");
        }
    }

    #[test]
    fn frames_pass_after_ten_seconds_without_one_and_the_tenant_is_given_up_ten_later() {
        use Step::{GiveUp, Pass, Wait};
        // Held from the beginning, and nothing helps.
        check(&[
            (0.0, 7, Wait),
            (9.9, 7, Wait),
            (10.0, 7, Pass),
            (10.2, 7, Wait),
            (19.9, 7, Wait),
            (20.0, 7, GiveUp),
        ]);
        // Frames leave slowly, each within the time.
        check(&[
            (9.0, 8, Wait),
            (18.0, 9, Wait),
            (27.0, 10, Wait),
            (36.9, 10, Wait),
            (37.0, 10, Pass),
        ]);
        // Passing helps: the frames leave, and the file's end takes some time.
        check(&[(10.0, 7, Pass), (10.2, 90, Wait), (20.1, 90, Wait), (20.2, 90, GiveUp)]);
        // Passing is due once, even if frames leave in between.
        check(&[(10.0, 7, Pass), (15.0, 8, Wait), (24.9, 8, Wait), (25.0, 8, GiveUp)]);
    }

    #[test]
    fn a_tenant_that_goes_on_for_a_minute_is_given_up() {
        let mut rows: Vec<_> = (1..60).map(|second| (second as f32, 7 + second, Step::Wait)).collect();
        rows.push((60.0, 67, Step::GiveUp));
        check(&rows);
    }
}
