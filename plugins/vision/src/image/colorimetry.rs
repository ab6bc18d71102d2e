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
    #[inline(always)]
    pub(crate) fn to_floats(self) -> RgbFromYuvFloats {
        let unit = 1.0 / (1 << Self::BITS) as f32;
        let scaled = |v: i16| f32::from(v) * unit;
        let rest = |u: i16, v: i16| {
            let offset = i32::from(self.black) * i32::from(self.luma) + 128 * (i32::from(u) + i32::from(v));
            (0.5 - offset as f32) * unit
        };
        RgbFromYuvFloats {
            luma: scaled(self.luma),
            r: [scaled(self.r_v), rest(0, self.r_v)],
            g: [scaled(self.g_u), scaled(self.g_v), rest(self.g_u, self.g_v)],
            b: [scaled(self.b_u), rest(self.b_u, 0)],
        }
    }
}

/// [`RgbFromYuv`] in `f32`, which is exact: all products and sums are whole numbers below 2^23 and a half, times 2^-13. SIMD
/// multiplies more floats than 32-bit integers at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RgbFromYuvFloats {
    luma: f32,
    /// Factor of V, and the constant rest with the offsets of luma and chroma and half a fraction's unit, which makes the
    /// nearest number of two equally near ones the larger.
    r: [f32; 2],
    /// Factors of U and V, and the rest.
    g: [f32; 3],
    /// Factor of U, and the rest.
    b: [f32; 2],
}

impl RgbFromYuvFloats {
    /// Exactly [`RgbFromYuv::convert`].
    #[inline(always)]
    pub(crate) fn convert(&self, y: u8, u: u8, v: u8) -> [u8; 3] {
        let [y, u, v] = [y, u, v].map(f32::from);
        let y = y * self.luma;
        let rgb = [
            y + v * self.r[0] + self.r[1],
            y + u * self.g[0] + v * self.g[1] + self.g[2],
            y + u * self.b[0] + self.b[1],
        ];
        rgb.map(|c| {
            // `f32::clamp` also keeps NaN, which costs as much as the rest
            let c = if c > 0.0 { c } else { 0.0 };
            let c = if c < 255.0 { c } else { 255.0 };
            // adding 2^23 leaves the nearest whole number in the low bits
            (c + 8_388_608.0).to_bits() as u8
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_convert_every_colour_as_integers_do() {
        for matrix in [ColorMatrix::Bt601, ColorMatrix::Bt709, ColorMatrix::Bt2020] {
            for range in [ColorRange::Limited, ColorRange::Full] {
                let integers = Colorimetry { matrix, range }.rgb_from_yuv();
                let floats = integers.to_floats();
                for colour in 0..1_u32 << 24 {
                    let [y, u, v, _] = colour.to_le_bytes();
                    assert_eq!(
                        floats.convert(y, u, v),
                        integers.convert(y, u, v),
                        "{matrix:?} {range:?} {y} {u} {v}"
                    );
                }
            }
        }
    }
}
