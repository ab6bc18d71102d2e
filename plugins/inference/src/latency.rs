//! The time from a request's turn to its response, estimated for live streams: raised when responses take longer, lowered
//! when they have been faster for a while.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Factor between the response times and the estimate.
const MARGIN: f64 = 1.25;
/// Number of late moments within [`MEMORY`] that raise the estimate. Late responses to requests that were sent before the
/// response to an earlier late one are the same moment: with several requests in flight one hiccup makes all of them late.
const PATIENCE: usize = 3;
/// Time for which late moments and response times count.
const MEMORY: Duration = Duration::from_secs(30);
/// Maximum number of response times that count.
const SAMPLES: usize = 128;
/// Quantile of the response times that the estimate covers.
const QUANTILE: f64 = 0.95;
/// Time after a change or a late moment before the estimate is lowered, and the least reduction: each change makes the
/// pipeline distribute its latency again.
const CALM: Duration = Duration::from_secs(5);
const REDUCTION: f64 = 0.8;
/// Number of response times that are needed to lower it.
const EVIDENCE: usize = 10;
/// The estimate is a multiple of this step.
const STEP: Duration = Duration::from_millis(10);

/// The latency of a model's responses; see the [module](self). Time is an argument.
#[derive(Clone, Debug, Default)]
pub struct LatencyEstimate {
    latency: Option<Duration>,
    recent: VecDeque<Sample>,
    late: VecDeque<Sample>,
    /// When the last late response arrived, or the estimate changed.
    restless: Option<Instant>,
    /// When the server was last known to be away.
    outage: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    answered: Instant,
    took: Duration,
}

impl LatencyEstimate {
    /// The present estimate; `None` before the first response.
    pub fn latency(&self) -> Option<Duration> {
        self.latency
    }

    /// The server is away at `now`: responses to requests that were sent before, which a hung server gives when it goes on, say
    /// how long it was away, not how long it takes.
    pub fn outage(&mut self, now: Instant) {
        self.outage = Some(now);
    }

    /// Records that the response to a request sent at `sent` took `took`. True if the estimate changed.
    pub fn observe(&mut self, sent: Instant, took: Duration) -> bool {
        if self.outage.is_some_and(|outage| sent <= outage) {
            return false;
        }
        let answered = sent + took;
        let sample = Sample { answered, took };
        for samples in [&mut self.recent, &mut self.late] {
            samples.retain(|sample| sample.answered + MEMORY > answered);
            samples.truncate(SAMPLES - 1);
        }
        self.recent.push_front(sample);
        let Some(latency) = self.latency else {
            return self.set(took, answered);
        };
        if took > latency {
            self.late(sent, sample)
        } else {
            self.lower(latency, answered)
        }
    }

    fn late(&mut self, sent: Instant, sample: Sample) -> bool {
        self.restless = Some(sample.answered);
        let same_moment = self.late.front().is_some_and(|last| sent < last.answered);
        if same_moment {
            return false;
        }
        self.late.push_front(sample);
        self.late.len() >= PATIENCE && {
            let typical = quantile(&self.late, 0.5);
            self.set(typical, sample.answered)
        }
    }

    fn lower(&mut self, latency: Duration, now: Instant) -> bool {
        let calm = self.restless.is_none_or(|restless| restless + CALM <= now);
        let samples = self.recent.len();
        if !calm || samples < EVIDENCE {
            return false;
        }
        let usual = quantile(&self.recent, QUANTILE);
        with_margin(usual) <= latency.mul_f64(REDUCTION) && self.set(usual, now)
    }

    fn set(&mut self, typical: Duration, now: Instant) -> bool {
        let latency = Some(with_margin(typical));
        let changed = latency != self.latency;
        self.latency = latency;
        self.late.clear();
        self.restless = Some(now);
        changed
    }
}

fn quantile(samples: &VecDeque<Sample>, quantile: f64) -> Duration {
    let mut times: Vec<Duration> = samples.iter().map(|sample| sample.took).collect();
    times.sort_unstable();
    let index = ((times.len() as f64 * quantile).ceil() as usize).clamp(1, times.len().max(1));
    times.get(index - 1).copied().unwrap_or_default()
}

fn with_margin(latency: Duration) -> Duration {
    let wanted = latency.mul_f64(MARGIN);
    STEP * (wanted.as_nanos().div_ceil(STEP.as_nanos()).min(u128::from(u32::MAX)) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    /// Requests one after the other; returns the estimates after each, in milliseconds.
    struct Requests {
        estimate: LatencyEstimate,
        now: Instant,
    }

    impl Requests {
        fn new() -> Self {
            Self {
                estimate: LatencyEstimate::default(),
                now: Instant::now(),
            }
        }

        /// `count` requests, each sent when the one before is answered.
        fn each(&mut self, took: u64, count: usize) -> u128 {
            for _ in 0..count {
                self.estimate.observe(self.now, ms(took));
                self.now += ms(took);
            }
            self.latency()
        }

        /// `count` requests sent at the same time.
        fn together(&mut self, took: u64, count: usize) -> u128 {
            for _ in 0..count {
                self.estimate.observe(self.now, ms(took));
            }
            self.now += ms(took);
            self.latency()
        }

        fn latency(&self) -> u128 {
            self.estimate.latency().unwrap_or_default().as_millis()
        }
    }

    #[test]
    fn the_first_response_gets_a_margin() {
        for (took, want) in [(0, 0), (1, 10), (8, 10), (9, 20), (100, 130), (200, 250)] {
            assert_eq!(Requests::new().each(took, 1), want, "{took} ms");
        }
    }

    #[test]
    fn it_rises_with_slower_responses_after_three_late_moments() {
        let mut requests = Requests::new();
        requests.each(100, 10);
        assert_eq!(requests.each(200, 2), 130);
        assert_eq!(requests.each(200, 1), 250);
    }

    #[test]
    fn one_hiccup_changes_nothing_however_many_requests_it_delays() {
        let mut requests = Requests::new();
        requests.each(10, 100);
        assert_eq!(requests.together(4000, 16), 20);
        assert_eq!(requests.each(10, 100), 20);
        assert_eq!(requests.together(4000, 16), 20);
        assert_eq!(requests.each(10, 1000), 20);
    }

    #[test]
    fn how_long_a_server_was_away_is_no_response_time() {
        let mut requests = Requests::new();
        requests.each(100, 10);
        for _ in 0..5 {
            requests.estimate.outage(requests.now + ms(5000));
            assert_eq!(requests.together(8000, 2), 130, "hung for 8 s");
            assert_eq!(requests.each(100, 10), 130);
        }
        assert_eq!(requests.each(8000, 3), 10_000, "it does respond, but slowly");
    }

    #[test]
    fn it_falls_again_after_calm() {
        let mut requests = Requests::new();
        requests.each(100, 10);
        assert_eq!(requests.each(3000, 5), 3750);
        assert_eq!(requests.each(100, 10), 3750, "not at once");
        assert_eq!(requests.each(100, 400), 130);
    }

    #[test]
    fn small_changes_are_ignored() {
        let mut requests = Requests::new();
        requests.each(100, 10);
        assert_eq!(requests.each(90, 1000), 130);
    }

    #[test]
    fn late_moments_are_forgotten() {
        let mut requests = Requests::new();
        requests.each(100, 10);
        for _ in 0..10 {
            assert_eq!(requests.each(200, 2), 130);
            requests.each(100, 310);
        }
    }
}
