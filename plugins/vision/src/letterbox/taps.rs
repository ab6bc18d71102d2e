//! The samples of a row or column that make up each output, and their weights.

/// The sum of an output's weights: 8 fraction bits, so that a weighted sum of bytes fits 16 bits.
pub(super) const ONE: u16 = 256;

/// The largest step at which two samples represent an interval. Beyond it they would skip too much of what lies between the
/// intervals' centres: the edge of a vest would flicker as it moves across pixels.
const LINEAR_UP_TO: f64 = 1.5;

/// The filter along one axis of one plane.
///
/// Output `i` (pixels of the content) covers the samples from `start + i·step` to `start + (i + 1)·step`; sample `j` is the
/// interval from `j` to `j + 1`:
/// - `step <= 1.5`: linear interpolation at the centre, `c = start + (i + 0.5)·step - 0.5`: sample `floor(c) + 1` has
///   the weight `round(256·(c - floor(c)))`, sample `floor(c)` the rest;
/// - `step > 1.5`: the average over the interval: sample `j` has the weight `W(j + 1) - W(j)`, where `W(t)` is
///   `round(256·(t - a)/step)` with `t` clamped to the interval and `a` its start.
///
/// Beyond the plane its nearest sample is used. Computed in `f64`, rounding half away from zero.
#[derive(Default)]
pub(super) struct Taps {
    /// The first sample that any output needs.
    pub first: usize,
    /// Number of samples needed, from `first` on.
    pub span: usize,
    /// Number of taps per output; those past its last sample have the weight 0.
    pub count: usize,
    /// The first sample of each output, relative to `first`.
    pub starts: Vec<usize>,
    /// `count` weights per output.
    pub weights: Vec<u16>,
}

impl Taps {
    /// Makes this the filter for `outputs` outputs over `samples` samples, in the memory it has; neither number is 0, `start`
    /// and `step` are finite.
    pub fn set(&mut self, start: f64, step: f64, outputs: usize, samples: usize) {
        let averaged = step > LINEAR_UP_TO;
        self.count = if averaged {
            (step.ceil() as usize).saturating_add(1).min(samples)
        } else {
            2
        };
        self.starts.clear();
        self.weights.clear();
        self.weights.resize(outputs * self.count, 0);
        let (mut first, mut end) = (samples, 0);
        for (i, weights) in self.weights.chunks_exact_mut(self.count).enumerate() {
            let from = if averaged {
                average(start + i as f64 * step, step, samples, weights)
            } else {
                interpolate(start + (i as f64 + 0.5) * step - 0.5, samples, weights)
            };
            self.starts.push(from);
            first = first.min(from);
            end = end.max(from + used(weights));
        }
        self.starts.iter_mut().for_each(|s| *s -= first);
        (self.first, self.span) = (first, end - first);
    }

    /// The first sample of output `i`, relative to `first`, and the weights up to the last that is not 0; no weights beyond
    /// the last output.
    pub fn output(&self, i: usize) -> (usize, &[u16]) {
        match self.starts.get(i) {
            None => (0, &[]),
            Some(start) => {
                let weights = &self.weights[i * self.count..][..self.count];
                (*start, &weights[..used(weights)])
            }
        }
    }

    /// Whether every output is the sample of its number, counted from `first`.
    pub fn is_copy(&self) -> bool {
        (0..self.starts.len()).all(|i| self.output(i) == (i, &[ONE]))
    }

    /// Samples and weights of output `i`, without weights of 0.
    pub fn of(&self, i: usize) -> impl Iterator<Item = (usize, u16)> {
        let weights = &self.weights[i * self.count..][..self.count];
        let samples = self.first + self.starts[i]..;
        samples.zip(weights.iter().copied()).filter(|(_, w)| *w > 0)
    }
}

/// Number of taps up to the last with a weight.
fn used(weights: &[u16]) -> usize {
    weights.iter().rposition(|w| *w > 0).map_or(0, |last| last + 1)
}

/// Fills in two weights; returns the sample of the first.
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

/// Fills in the weights of the samples in `a..a + step`; returns the sample of the first.
fn average(a: f64, step: f64, samples: usize, weights: &mut [u16]) -> usize {
    let last = (samples - 1) as f64;
    let from = a.floor().clamp(0.0, last) as usize;
    let to = ((a + step).ceil() - 1.0).clamp(0.0, last) as usize;
    let below = |t: usize| (f64::from(ONE) * (t as f64 - a).clamp(0.0, step) / step).round() as u16;
    let mut before = 0;
    for (weight, sample) in weights.iter_mut().zip(from..=to) {
        // the outermost samples also have the weight of everything beyond them
        let upto = if sample == to { ONE } else { below(sample + 1) };
        *weight = upto - before;
        before = upto;
    }
    from
}
