//! The meaning of YUV bytes, and conversions from and to RGB.

/// The luma and chroma weights of a YUV frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ColorMatrix {
    /// ITU-R BT.601, standard definition.
    #[default]
    Bt601,
    /// ITU-R BT.709, high definition.
    Bt709,
    /// ITU-R BT.2020, non-constant luminance.
    Bt2020,
}

impl ColorMatrix {
    /// The weights of red and blue in luma, (Kr, Kb): BT.601-7 § 2.5.1, BT.709-6 item 3.2, BT.2020-2 table 4.
    pub const fn kr_kb(self) -> (f64, f64) {
        match self {
            Self::Bt601 => (0.299, 0.114),
            Self::Bt709 => (0.2126, 0.0722),
            Self::Bt2020 => (0.2627, 0.0593),
        }
    }
}

/// The range of a YUV frame's bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ColorRange {
    /// Luma 16..235, chroma 16..240 (BT.601-7 § 2.5.3), as in cameras and codecs.
    #[default]
    Limited,
    /// 0..255, as in JPEG.
    Full,
}

/// The relation between a YUV frame's bytes and colours; ignored for RGB formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Colorimetry {
    /// The weights.
    pub matrix: ColorMatrix,
    /// The range.
    pub range: ColorRange,
}

impl Colorimetry {
    /// Luma's black level and the spans of luma and chroma.
    const fn levels(self) -> (f64, f64, f64) {
        match self.range {
            ColorRange::Limited => (16.0, 219.0, 224.0),
            ColorRange::Full => (0.0, 255.0, 255.0),
        }
    }

    /// The `[Y, U, V]` of an RGB colour, rounded to nearest.
    pub fn yuv_from_rgb(self, rgb: [u8; 3]) -> [u8; 3] {
        let (kr, kb) = self.matrix.kr_kb();
        let (black, luma, chroma) = self.levels();
        let [r, g, b] = rgb.map(|v| f64::from(v) / 255.0);
        let y = kr * r + (1.0 - kr - kb) * g + kb * b;
        let u = (b - y) / (2.0 * (1.0 - kb));
        let v = (r - y) / (2.0 * (1.0 - kr));
        // `as` saturates: full-range chroma reaches 255.5
        [black + luma * y, 128.0 + chroma * u, 128.0 + chroma * v].map(|v| v.round() as u8)
    }

    /// The conversion to RGB.
    pub fn rgb_from_yuv(self) -> RgbFromYuv {
        let (kr, kb) = self.matrix.kr_kb();
        let kg = 1.0 - kr - kb;
        let (black, luma, chroma) = self.levels();
        let fixed = |v: f64| (v * 255.0 * f64::from(1 << RgbFromYuv::BITS)).round() as i16;
        RgbFromYuv {
            black: black as i16,
            luma: fixed(1.0 / luma),
            r_v: fixed(2.0 * (1.0 - kr) / chroma),
            g_u: fixed(-2.0 * (1.0 - kb) * kb / kg / chroma),
            g_v: fixed(-2.0 * (1.0 - kr) * kr / kg / chroma),
            b_u: fixed(2.0 * (1.0 - kb) / chroma),
        }
    }
}

/// YUV to RGB as a fixed-point matrix: the inverse of BT.601's, BT.709's or BT.2020's definition of Y, U and V.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RgbFromYuv {
    black: i16,
    luma: i16,
    r_v: i16,
    g_u: i16,
    g_v: i16,
    b_u: i16,
}

impl RgbFromYuv {
    /// Fraction bits: as many as keep the largest coefficient (2.14) an `i16`, which SIMD multiplies fastest.
    const BITS: u32 = 13;

    /// One pixel's `[R, G, B]`, each rounded to nearest and clamped to 0..255.
    #[inline]
    pub fn convert(&self, y: u8, u: u8, v: u8) -> [u8; 3] {
        let product = |a: i16, b: i16| i32::from(a) * i32::from(b);
        let y = product(i16::from(y) - self.black, self.luma) + (1 << (Self::BITS - 1));
        let (u, v) = (i16::from(u) - 128, i16::from(v) - 128);
        [
            y + product(v, self.r_v),
            y + product(u, self.g_u) + product(v, self.g_v),
            y + product(u, self.b_u),
        ]
        .map(|c| (c >> Self::BITS).clamp(0, 255) as u8)
    }

    /// The same conversion for many pixels.
    pub(crate) fn to_words(self) -> RgbFromYuvWords {
        RgbFromYuvWords {
            black: self.black,
            luma: Words::of(self.luma),
            r_v: Words::of(self.r_v),
            g_u: Words::of(self.g_u),
            g_v: Words::of(self.g_v),
            b_u: Words::of(self.b_u),
        }
    }
}

/// A coefficient, or its product, as `2^7·high + low`.
#[derive(Clone, Copy, Debug)]
struct Words {
    high: i16,
    low: i16,
}

impl Words {
    const BITS: u32 = 7;

    /// The coefficient `c`; its low word is -64 to 63.
    fn of(c: i16) -> Self {
        let high = (c + (1 << (Self::BITS - 1))) >> Self::BITS;
        Self {
            high,
            low: c - (high << Self::BITS),
        }
    }

    // Without checks of overflow, which would keep the compiler from SIMD in a debug build.

    /// The product with a number of -128 to 255.
    #[inline(always)]
    fn times(self, factor: i16) -> Self {
        Self {
            high: self.high.wrapping_mul(factor),
            low: self.low.wrapping_mul(factor),
        }
    }

    /// The sum of products. It is saturated where it is far above a byte's; three low words fit 16 bits.
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        Self {
            high: self.high.saturating_add(other.high),
            low: self.low.wrapping_add(other.low),
        }
    }
}

/// [`RgbFromYuv`] in words of 16 bits, of which SIMD multiplies twice as many at a time as of 32 bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RgbFromYuvWords {
    black: i16,
    luma: Words,
    r_v: Words,
    g_u: Words,
    g_v: Words,
    b_u: Words,
}

impl RgbFromYuvWords {
    /// Exactly [`RgbFromYuv::convert`].
    #[inline(always)]
    pub(crate) fn convert(&self, y: u8, u: u8, v: u8) -> [u8; 3] {
        let [y, u, v] = [(y, self.black), (u, 128), (v, 128)].map(|(byte, zero)| i16::from(byte).wrapping_sub(zero));
        let half = Words {
            high: 1 << (RgbFromYuv::BITS - 1 - Words::BITS),
            low: 0,
        };
        let y = self.luma.times(y).plus(half);
        [
            y.plus(self.r_v.times(v)),
            y.plus(self.g_u.times(u).plus(self.g_v.times(v))),
            y.plus(self.b_u.times(u)),
        ]
        .map(|Words { high, low }| {
            let sum = high.saturating_add(low >> Words::BITS);
            (sum >> (RgbFromYuv::BITS - Words::BITS)).clamp(0, 255) as u8
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_convert_every_colour_as_integers_do() {
        for matrix in [ColorMatrix::Bt601, ColorMatrix::Bt709, ColorMatrix::Bt2020] {
            for range in [ColorRange::Limited, ColorRange::Full] {
                let integers = Colorimetry { matrix, range }.rgb_from_yuv();
                let words = integers.to_words();
                for colour in 0..1_u32 << 24 {
                    let [y, u, v, _] = colour.to_le_bytes();
                    assert_eq!(
                        words.convert(y, u, v),
                        integers.convert(y, u, v),
                        "{matrix:?} {range:?} {y} {u} {v}"
                    );
                }
            }
        }
    }
}
