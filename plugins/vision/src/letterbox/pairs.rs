//! The horizontal filter of at most two taps, arranged for SIMD on the bytes of a row.

use super::taps::Taps;

/// Bytes that are loaded together: the most that one SIMD instruction picks from on every processor.
pub(super) const WINDOW: usize = 16;

/// Outputs that share a window.
const LANES: usize = 8;

/// Outputs that are computed together, from two windows.
pub(super) const GROUP: usize = 2 * LANES;

/// The filter of a row, if it can be arranged like this: the samples of eight neighbouring outputs are near each other.
#[derive(Default)]
pub(super) struct Pairs {
    groups: Vec<Group>,
}

/// Two neighbouring samples of each of [`GROUP`] outputs.
#[derive(Clone, Copy)]
pub(super) struct Group {
    /// The first byte of the window of the first and of the last eight outputs.
    pub windows: [u32; 2],
    /// For both windows, the bytes of the two samples of each output, counted from the window's first byte.
    pub bytes: [u8; 2 * GROUP],
    /// The weights of each output's first sample, and of its second; 0 where an output needs less than two.
    pub weights: [[u16; GROUP]; 2],
}

impl Group {
    const NOTHING: Self = Self {
        windows: [0; 2],
        bytes: [0; 2 * GROUP],
        weights: [[0; GROUP]; 2],
    };
}

impl Pairs {
    /// Makes this the filter `taps`, in the memory it has, for a component of pixels of `stride` bytes, in rows of `length` bytes
    /// from the component's first one on. Returns whether that is possible; otherwise, this is not to be used.
    pub fn set(&mut self, taps: &Taps, stride: usize, length: usize) -> bool {
        self.groups.clear();
        let Some(last_window) = length.checked_sub(WINDOW) else {
            return false;
        };
        let outputs = taps.starts.len();
        self.groups.resize(outputs.div_ceil(GROUP), Group::NOTHING);
        if taps.count > 2 {
            return false;
        }
        for first in (0..outputs).step_by(LANES) {
            let (group, half) = (&mut self.groups[first / GROUP], first / LANES % 2);
            // samples of later outputs are not before those of earlier ones
            let window = ((taps.first + taps.starts[first]) * stride).min(last_window);
            group.windows[half] = window as u32;
            for (lane, output) in (first..outputs.min(first + LANES)).enumerate() {
                let lane = half * LANES + lane;
                let (start, weights) = taps.output(output);
                for (tap, weight) in weights.iter().enumerate() {
                    let at = (taps.first + start + tap) * stride - window;
                    if at >= WINDOW {
                        return false;
                    }
                    group.bytes[2 * lane + tap] = at as u8;
                    group.weights[tap][lane] = *weight;
                }
            }
        }
        true
    }

    /// The groups of outputs, from the first on.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }
}
