//! Colours, and the colour of each vest.

/// An opaque colour: red, green, blue, gamma-encoded as in sRGB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color(pub [u8; 3]);

impl Color {
    /// Pure black.
    pub const BLACK: Self = Self([0, 0, 0]);
    /// Pure white.
    pub const WHITE: Self = Self([255, 255, 255]);

    /// The colour `0xRRGGBB`.
    pub const fn hex(rgb: u32) -> Self {
        Self([(rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8])
    }

    /// This colour with `share` (0..1) of `other` mixed in.
    pub fn mix(self, other: Self, share: f32) -> Self {
        let mut out = self;
        for (to, from) in out.0.iter_mut().zip(other.0) {
            *to = (f32::from(*to) + (f32::from(from) - f32::from(*to)) * share).round() as u8;
        }
        out
    }

    /// Relative luminance, 0..1 (WCAG 2.2, "relative luminance").
    pub fn luminance(self) -> f32 {
        let [r, g, b] = self.0.map(|v| {
            let v = f32::from(v) / 255.0;
            if v <= 0.040_45 {
                v / 12.92
            } else {
                ((v + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    /// Contrast ratio with another colour, 1..21 (WCAG 2.2, "contrast ratio").
    pub fn contrast(self, other: Self) -> f32 {
        let (a, b) = (self.luminance() + 0.05, other.luminance() + 0.05);
        a.max(b) / a.min(b)
    }

    /// Near-black or white, whichever has more contrast as text on this colour.
    pub fn text_on(self) -> Self {
        const DARK: Color = Color::hex(0x11_161c);
        if self.contrast(DARK) >= self.contrast(Self::WHITE) {
            DARK
        } else {
            Self::WHITE
        }
    }
}

/// The colour of people without a vest or with an unknown one.
pub const VISITOR: Color = Color::hex(0xb0_b8c1);

/// The colour of a vest.
///
/// Names of the model's labels have a hand-picked colour, bright enough to be seen on a dark floor and
/// saturated enough for a bright one; any other name has a hue of its own, the same in every run.
pub fn vest(name: &str) -> Color {
    Color::hex(match name {
        "red" => 0xec_3b43,
        "orange" => 0xff_8a1f,
        "yellow" => 0xff_d426,
        "lime" => 0xa8_e034,
        "green" => 0x35_c463,
        "teal" => 0x19_b8a6,
        "cyan" => 0x2a_cbe8,
        "blue" => 0x3f_8cff,
        "purple" => 0xa6_63f2,
        "pink" => 0xff_6fae,
        "brown" => 0xb0_7a4f,
        "white" => 0xf6_f7f9,
        "black" => 0x3b_424c,
        "none" | "visitor" | "grey" | "gray" => return VISITOR,
        other => return hashed(other),
    })
}

/// A hue from the name's hash (FNV-1a, 32 bits), at a saturation and lightness like the palette's.
fn hashed(name: &str) -> Color {
    let hash = name
        .bytes()
        .fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    let (hue, chroma, lightness) = ((hash % 360) as f32 / 60.0, 0.62, 0.6);
    // HSL to RGB: each channel is a trapezoid of the hue, a third of the circle after the other
    let channel = |at: f32| {
        let trapezoid = (((hue + at) % 6.0 - 3.0).abs() - 1.5).clamp(-0.5, 0.5);
        ((lightness + chroma * trapezoid) * 255.0).round() as u8
    };
    Color([channel(0.0), channel(4.0), channel(2.0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_readable_on_every_colour() {
        for name in [
            "red", "orange", "yellow", "green", "blue", "purple", "white", "black", "none", "hi-vis", "Ω", "",
        ] {
            let plate = vest(name);
            let ratio = plate.contrast(plate.text_on());
            assert!(ratio >= 4.5, "{name}: {ratio}");
        }
    }

    #[test]
    fn unknown_names_keep_a_saturated_hue_of_their_own() {
        for name in ["magenta", "hi-vis", "blau", "worker 7", ""] {
            let Color(rgb) = vest(name);
            assert_eq!(vest(name), Color(rgb));
            let spread = rgb.iter().max().unwrap() - rgb.iter().min().unwrap();
            assert!(spread > 100, "{name}: {rgb:?}");
        }
        assert_ne!(vest("magenta"), vest("blau"));
    }

    #[test]
    fn contrast_of_black_and_white_is_21() {
        assert!((Color::BLACK.contrast(Color::WHITE) - 21.0).abs() < 1e-3);
    }
}
