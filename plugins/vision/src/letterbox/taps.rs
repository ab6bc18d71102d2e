//! Which samples of a row or column make up each output, and with which weights.

/// The sum of an output's weights: 8 fraction bits, so that a weighted sum of bytes fits 16 bits.
pub(super) const ONE: u16 = 256;

/// The largest step at which two samples stand for an interval. Beyond it they would pass over too much of what lies
/// between the intervals' centres: a vest's edge would come and go with its place among the pixels.
const LINEAR_UP_TO: f64 = 1.5;

/// The filter along one axis of one plane.
///
/// Output `i` (pixels of the content) covers the samples from `start + i·step` to `start + (i + 1)·step`,
/// sample `j` being the interval from `j` to `j + 1`:
/// - `step <= 1.5`: linear interpolation at the centre, `c = start + (i + 0.5)·step - 0.5`: sample `floor(c) + 1` has
///   the weight `round(256·(c - floor(c)))`, sample `floor(c)` the rest;
/// - `step > 1.5`: the average over the interval: sample `j` has the weight `W(j + 1) - W(j)`, where `W(t)` is
///   `round(256·(t - a)/step)` with `t` clamped to the interval and `a` its start.
///
/// Samples beyond the plane are its nearest one. All in `f64`, rounding half away from zero.
pub(super) struct Taps {
    /// The first sample that any output needs.
    pub first: usize,
    /// How many samples from `first` on are needed.
    pub span: usize,
    /// How many taps each output has; those past its last sample weigh 0.
    pub count: usize,
    /// Each output's first sample, counted from `first`.
    pub starts: Vec<usize>,
    /// `count` weights an output.
    pub weights: Vec<u16>,
}

impl Taps {
    /// The filter for `outputs` outputs over `samples` samples; neither is 0, `start` and `step` are finite.
    pub fn new(start: f64, step: f64, outputs: usize, samples: usize) -> Self {
        let averaged = step > LINEAR_UP_TO;
        let count = if averaged {
            (step.ceil() as usize).saturating_add(1).min(samples)
        } else {
            2
        };
        let mut starts = Vec::with_capacity(outputs);
        let mut weights = vec![0; outputs * count];
        let (mut first, mut end) = (samples, 0);
        for (i, weights) in weights.chunks_exact_mut(count).enumerate() {
            let from = if averaged {
                average(start + i as f64 * step, step, samples, weights)
            } else {
                interpolate(start + (i as f64 + 0.5) * step - 0.5, samples, weights)
            };
            starts.push(from);
            first = first.min(from);
            end = end.max(from + used(weights));
        }
        starts.iter_mut().for_each(|s| *s -= first);
        Self {
            first,
            span: end - first,
            count,
            starts,
            weights,
        }
    }

    /// Output `i`'s samples and weights, those that weigh nothing left out.
    pub fn of(&self, i: usize) -> impl Iterator<Item = (usize, u16)> {
        let weights = &self.weights[i * self.count..][..self.count];
        let samples = self.first + self.starts[i]..;
        samples.zip(weights.iter().copied()).filter(|(_, w)| *w > 0)
    }

    /// How long a buffer must be that every tap of every output finds its place in, from `first` on.
    pub fn reach(&self) -> usize {
        self.starts.iter().max().map_or(0, |s| s + self.count)
    }
}

/// How many taps there are up to the last that weighs something.
fn used(weights: &[u16]) -> usize {
    weights.iter().rposition(|w| *w > 0).map_or(0, |last| last + 1)
}

/// Fills two weights, returns the first's sample.
fn interpolate(centre: f64, samples: usize, weights: &mut [u16]) -> usize {
    let last = (samples - 1) as f64;
    let left = centre.floor();
    // beyond either edge both samples are the same one
    if left < 0.0 || left >= last {
        weights[0] = ONE;
        return left.clamp(0.0, last) as usize;
    }
    weights[1] = (f64::from(ONE) * (centre - left)).round() as u16;
    weights[0] = ONE - weights[1];
    left as usize
}

/// Fills the weights of the samples in `a..a + step`, returns the first's sample.
fn average(a: f64, step: f64, samples: usize, weights: &mut [u16]) -> usize {
    let last = (samples - 1) as f64;
    let from = a.floor().clamp(0.0, last) as usize;
    let to = ((a + step).ceil() - 1.0).clamp(0.0, last) as usize;
    let below = |t: usize| (f64::from(ONE) * (t as f64 - a).clamp(0.0, step) / step).round() as u16;
    let mut before = 0;
    for (weight, sample) in weights.iter_mut().zip(from..=to) {
        // the edges weigh for everything beyond them
        let upto = if sample == to { ONE } else { below(sample + 1) };
        *weight = upto - before;
        before = upto;
    }
    from
}
