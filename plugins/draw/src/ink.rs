//! Blending of a colour over samples.

/// A colour to blend over samples of `N` bytes, in lanes of 16 bits.
pub(crate) struct Ink<const N: usize> {
    sample: [u16; N],
    alpha: u16,
}

impl<const N: usize> Ink<N> {
    pub fn new(sample: [u8; N], alpha: u8) -> Self {
        Self {
            sample: sample.map(u16::from),
            alpha: u16::from(alpha),
        }
    }

    /// The weight where the coverage is whole, 0..255.
    pub fn alpha(&self) -> u16 {
        self.alpha
    }

    /// Blends over samples, each by its coverage, 0..255.
    #[inline(always)]
    pub fn blend_covered<const M: usize>(&self, row: &mut [[u8; N]; M], cover: &[u16; M]) {
        let mut weights = [0; M];
        for (weight, cover) in weights.iter_mut().zip(cover) {
            *weight = weight_of(*cover, self.alpha);
        }
        self.blend(row, &weights);
    }

    /// Blends over samples, with the colour's weight in each, 0..255.
    #[inline(always)]
    pub fn blend<const M: usize>(&self, row: &mut [[u8; N]; M], weights: &[u16; M]) {
        let inks = [self.sample; M];
        let mut spread = [[0; N]; M];
        for (spread, weight) in spread.iter_mut().zip(weights) {
            *spread = [*weight; N];
        }
        let inks = inks.as_flattened().iter().zip(spread.as_flattened());
        for (byte, (ink, weight)) in row.as_flattened_mut().iter_mut().zip(inks) {
            *byte = div_255(u16::from(*byte) * (255 - weight) + ink * weight) as u8;
        }
    }
}

/// The weight of a colour at `alpha` where the coverage is `cover`; all 0..255.
#[inline(always)]
pub(crate) fn weight_of(cover: u16, alpha: u16) -> u16 {
    div_255(cover * alpha)
}

/// Bytes as lanes of 16 bits.
#[inline(always)]
pub(crate) fn widened<const M: usize>(bytes: &[u8; M]) -> [u16; M] {
    let mut wide = [0; M];
    wide.iter_mut()
        .zip(bytes)
        .for_each(|(wide, byte)| *wide = u16::from(*byte));
    wide
}

/// `v / 255` rounded to nearest, exact for `v` up to 255², in two instructions of SIMD.
#[inline(always)]
fn div_255(v: u16) -> u16 {
    let v = v + 128;
    ((u32::from(v) * 257) >> 16) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_by_255_is_rounded_to_nearest() {
        for v in 0..=255 * 255 {
            assert_eq!(div_255(v), ((u32::from(v) * 2 + 255) / 510) as u16, "{v}");
        }
    }
}
