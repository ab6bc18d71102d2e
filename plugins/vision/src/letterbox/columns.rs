//! The horizontal filter, arranged for SIMD: which samples to gather, and their weights.

use std::ops::Range;

use super::taps::Taps;

/// Samples that are loaded together: 16 bytes, the most that one SIMD instruction picks from on every processor.
pub(super) const WINDOW: usize = 8;

/// Outputs that share a window.
const LANES: usize = 4;

/// Outputs that are computed together, from two windows.
pub(super) const GROUP: usize = 2 * LANES;

/// The filter of a row: for each [`GROUP`] of outputs, `depth` steps, whose results are summed up.
#[derive(Default)]
pub(super) struct Columns {
    /// Every output is the sample of its number: the image is not scaled.
    pub is_copy: bool,
    /// Steps for each group.
    pub depth: usize,
    /// Those of the first group, of the second, and so on.
    pub steps: Vec<Step>,
}

/// Up to two neighbouring taps of each output of a group.
#[derive(Clone, Copy)]
pub(super) struct Step {
    /// The first sample of the window of the first and of the last four outputs.
    pub windows: [u32; 2],
    /// For both windows, the bytes of two samples of each output, counted from the window's first byte.
    pub bytes: [u8; 4 * GROUP],
    /// The weights of these samples; 0 where an output needs less than two.
    pub weights: [i16; 2 * GROUP],
}

impl Step {
    const NOTHING: Self = Self {
        windows: [0; 2],
        bytes: [0; 4 * GROUP],
        weights: [0; 2 * GROUP],
    };

    /// Adds a sample, the `at`-th of its window, as the tap `tap` (0 or 1) of `output` of the group.
    fn add(&mut self, output: usize, tap: usize, at: usize, weight: u16) {
        let slot = 2 * output + tap;
        let byte = 2 * at as u8;
        self.bytes[2 * slot..][..2].copy_from_slice(&[byte, byte + 1]);
        self.weights[slot] = weight as i16; // at most 256
    }
}

impl Columns {
    /// Makes this the filter `taps`, in the memory it has. Samples are counted from the first that any output needs; windows
    /// may reach [`WINDOW`] samples beyond the last.
    pub fn set(&mut self, taps: &Taps) {
        let outputs = taps.starts.len();
        let quads = outputs.div_ceil(LANES);
        self.is_copy = taps.is_copy();
        if self.is_copy {
            return;
        }
        self.depth = (0..quads).map(|quad| Quad::new(taps, quad).count()).max().unwrap_or(0);
        self.steps.clear();
        self.steps.resize(outputs.div_ceil(GROUP) * self.depth, Step::NOTHING);
        for quad in 0..quads {
            let (group, half) = (quad / 2, quad % 2);
            let steps = &mut self.steps[group * self.depth..][..self.depth];
            for (step, (window, taken)) in steps.iter_mut().zip(Quad::new(taps, quad)) {
                step.windows[half] = window as u32;
                for (lane, samples) in taken.into_iter().enumerate() {
                    let (start, weights) = taps.output(quad * LANES + lane);
                    for (tap, sample) in samples.enumerate() {
                        step.add(half * LANES + lane, tap, sample - window, weights[sample - start]);
                    }
                }
            }
        }
    }
}

/// Four outputs and the samples that no step has covered yet: a step's window begins at the first of them and serves every
/// output that needs samples in it.
struct Quad {
    open: [Range<usize>; LANES],
}

impl Quad {
    fn new(taps: &Taps, quad: usize) -> Self {
        let open = |lane| {
            let (start, weights) = taps.output(quad * LANES + lane);
            start..start + weights.len()
        };
        Self {
            open: std::array::from_fn(open),
        }
    }
}

impl Iterator for Quad {
    /// The window's first sample, and the samples that each output takes.
    type Item = (usize, [Range<usize>; LANES]);

    fn next(&mut self) -> Option<Self::Item> {
        let first = self.open.iter().filter(|open| !open.is_empty()).map(|open| open.start);
        let window = first.min()?;
        let taken = self.open.each_mut().map(|open| {
            let end = (open.start + 2).min(open.end).min(window + WINDOW);
            let taken = open.start..end.max(open.start);
            open.start = taken.end;
            taken
        });
        Some((window, taken))
    }
}
