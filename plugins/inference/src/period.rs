//! The measured time between frames of a stream: all of them, or those that are inferred.

use std::collections::VecDeque;
use std::time::Duration;

/// Number of gaps that the mean is over: short enough to follow a change of load within seconds.
const GAPS: usize = 8;

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

    /// The mean time between the latest frames; `None` before the second.
    pub fn get(&self) -> Option<Duration> {
        let count = u32::try_from(self.gaps.len()).ok().filter(|count| *count > 0)?;
        Some(self.gaps.iter().sum::<Duration>() / count)
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
    fn it_is_the_mean_of_the_latest_gaps() {
        for (times, expected) in [
            (&[][..], None),
            (&[500], None),
            (&[500, 600], Some(100)),
            (&[0, 100, 300], Some(150)),
            (&[0, 9000, 9100, 9200, 9300, 9400, 9500, 9600, 9700, 9800], Some(100)),
            (&[500, 600, 0], None),
            (&[500, 600, 0, 40], Some(40)),
        ] {
            assert_eq!(period(times), expected, "{times:?}");
        }
    }
}
