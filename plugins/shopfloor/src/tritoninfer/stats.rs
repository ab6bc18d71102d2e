//! What the read-only property `stats` counts.

use std::time::Duration;

use people::SkipReason;

/// Counters since the element was opened.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    frames: u64,
    inferred: u64,
    interval: u64,
    overload: u64,
    failed: u64,
    answers: u64,
    took: Duration,
    slowest: Duration,
    sampling: Duration,
}

impl Stats {
    /// A frame was made into a request, which took `sampling` of the streaming thread.
    pub fn sampled(&mut self, sampling: Duration) {
        self.sampling += sampling;
    }

    /// An answer came, early or late.
    pub fn answered(&mut self, took: Duration) {
        self.answers += 1;
        self.took += took;
        self.slowest = self.slowest.max(took);
    }

    /// A frame left with its answer.
    pub fn inferred(&mut self) {
        self.frames += 1;
        self.inferred += 1;
    }

    /// A frame left without.
    pub fn skipped(&mut self, reason: SkipReason) {
        self.frames += 1;
        match reason {
            SkipReason::Interval => self.interval += 1,
            SkipReason::Overload => self.overload += 1,
            SkipReason::Failed => self.failed += 1,
        }
    }

    /// As the property shows it; times in nanoseconds.
    pub fn structure(&self, in_flight: usize, late: u64, latency: Duration) -> gst::Structure {
        let mean = |total: Duration| {
            gst::ClockTime::from_nseconds((total.as_nanos() / u128::from(self.answers.max(1))) as u64)
        };
        gst::Structure::builder("tritoninfer-stats")
            .field("frames", self.frames)
            .field("inferred", self.inferred)
            .field("skipped-interval", self.interval)
            .field("skipped-overload", self.overload)
            .field("failed", self.failed)
            .field("late", late)
            .field("in-flight", in_flight as u64)
            .field("answer-mean", mean(self.took).nseconds())
            .field("answer-max", self.slowest.as_nanos() as u64)
            .field("sampling-mean", mean(self.sampling).nseconds())
            .field("latency", latency.as_nanos() as u64)
            .build()
    }
}
