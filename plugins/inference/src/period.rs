//! The measured time between frames of a stream: all of them, or those that are inferred.

use std::collections::VecDeque;
use std::time::Duration;

/// Number of gaps that count: few enough to follow a change of load within seconds.
const GAPS: usize = 8;

/// Quantile of the gaps that is the period: above the median, since frames of a shared server are inferred at irregular times,
/// and below the longest, so that an outage does not count.
const QUANTILE: f64 = 0.75;

/// Measures the time between frames by their timestamps.
#[derive(Clone, Debug, Default)]
pub struct Period {
    last: Option<Duration>,
    gaps: VecDeque<Duration>,
}

impl Period {
    /// Records a frame at `time`. A time before the last one begins a new measurement.
    pub fn add(&mut self, time: Duration) {
        match self.last.replace(time).map(|last| time.checked_sub(last)) {
            None => {}
            Some(None) => self.gaps.clear(),
            Some(Some(gap)) => {
                self.gaps.truncate(GAPS - 1);
                self.gaps.push_front(gap);
            }
        }
    }

    /// The time that three of four gaps between the latest frames do not exceed; `None` before the second frame.
    pub fn get(&self) -> Option<Duration> {
        let mut gaps: Vec<Duration> = self.gaps.iter().copied().collect();
        gaps.sort_unstable();
        let rank = (gaps.len() as f64 * QUANTILE).ceil() as usize;
        gaps.get(rank.checked_sub(1)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(times: &[u64]) -> Option<u128> {
        let mut period = Period::default();
        for time in times {
            period.add(Duration::from_millis(*time));
        }
        period.get().map(|period| period.as_millis())
    }

    #[test]
    fn it_is_a_high_quantile_of_the_latest_gaps_and_an_outage_does_not_count() {
        for (times, expected) in [
            (&[][..], None),
            (&[500], None),
            (&[500, 600], Some(100)),
            (&[0, 100, 300], Some(200)),
            (&[0, 100, 200, 300, 400, 500, 30_500, 30_600, 30_700], Some(100)),
            (&[0, 9000, 9100, 9200, 9300, 9400, 9500, 9600, 9700, 9800], Some(100)),
            (&[500, 600, 0], None),
            (&[500, 600, 0, 40], Some(40)),
        ] {
            assert_eq!(period(times), expected, "{times:?}");
        }
    }
}
