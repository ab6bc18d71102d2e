//! Text in one typeface, with a cache of rasterised glyphs.

use std::collections::HashMap;
use std::sync::Arc;

use ab_glyph::{Font, FontRef, GlyphId, PxScale, ScaleFont, point};

use crate::Mask;

/// Roboto Medium (assets/README.md): the one typeface.
static ROBOTO: &[u8] = include_bytes!("../assets/Roboto-Medium.ttf");

/// Number of horizontal subpixel positions of glyphs; at small sizes, fewer make uneven spaces.
const STEPS: f32 = 4.0;

/// Number of glyphs at which the cache is cleared; a video at one size needs about a hundred.
const MAX_GLYPHS: usize = 4096;

/// Number of texts of one size at which their cache is cleared; ten thousand stations fit.
const MAX_LINES: usize = 16_384;

/// A typeface with a cache of rasterised glyphs. Sizes are pixels per em.
#[derive(Debug)]
pub struct Typeface {
    font: FontRef<'static>,
    /// By glyph, size in 64ths of a pixel and step within the pixel; `None` if empty, e.g. a space.
    glyphs: HashMap<(GlyphId, u32, u8), Option<Bitmap>>,
    /// Texts that were laid out, by the bits of their size.
    lines: HashMap<u32, HashMap<String, Arc<Line>>>,
}

/// A text in one size.
#[derive(Debug)]
pub(crate) struct Line {
    /// The glyphs, each with the pen's position before it, in pixels.
    glyphs: Vec<(GlyphId, f32)>,
    /// The pen's position after all.
    pub width: f32,
    size: f32,
}

/// A rasterised glyph.
#[derive(Debug)]
struct Bitmap {
    /// Of the top left pixel, from the pen's pixel on the baseline.
    left: i32,
    top: i32,
    width: usize,
    cover: Vec<u8>,
}

impl Default for Typeface {
    fn default() -> Self {
        Self::new()
    }
}

impl Typeface {
    /// Roboto Medium.
    pub fn new() -> Self {
        // not user input: a test renders with the very bytes that were compiled in
        let font = FontRef::try_from_slice(ROBOTO).expect("the committed font parses");
        Self {
            font,
            glyphs: HashMap::new(),
            lines: HashMap::new(),
        }
    }

    /// The advance of `text`, in pixels.
    pub fn width(&self, text: &str, size: f32) -> f32 {
        self.lay_out(text, size).width
    }

    /// The height of a capital letter, in pixels: Roboto's is 1456 of 2048 units per em.
    pub fn cap_height(size: f32) -> f32 {
        size * (1456.0 / 2048.0)
    }

    /// Draws one line of text with the pen at `x` on the baseline `y`.
    ///
    /// Characters missing in the typeface are drawn as a box; control characters are not drawn.
    pub fn draw(&mut self, mask: &mut Mask, text: &str, size: f32, x: f32, y: f32) {
        let line = self.line(text, size);
        self.draw_line(mask, &line, x, y);
    }

    /// A text, from the cache.
    pub(crate) fn line(&mut self, text: &str, size: f32) -> Arc<Line> {
        let lines = self.lines.entry(size.to_bits()).or_default();
        if let Some(line) = lines.get(text) {
            return line.clone();
        }
        if lines.len() >= MAX_LINES {
            lines.clear();
        }
        let line = Arc::new(self.lay_out(text, size));
        self.lines
            .entry(size.to_bits())
            .or_default()
            .insert(text.into(), line.clone());
        line
    }

    /// As [`draw`](Self::draw).
    pub(crate) fn draw_line(&mut self, mask: &mut Mask, line: &Line, x: f32, y: f32) {
        let size = line.size;
        if !(x.abs() < 1e6 && y.abs() < 1e6 && size > 0.0 && size < 4096.0) {
            return;
        }
        if self.glyphs.len() > MAX_GLYPHS {
            self.glyphs.clear();
        }
        let baseline = y.round() as i32;
        let size_key = (size * 64.0).round() as u32;
        for (id, pen) in &line.glyphs {
            // quarter pixels, rounded to nearest
            let steps = ((x + pen) * STEPS).round();
            let (pixel, step) = ((steps / STEPS).floor(), steps.rem_euclid(STEPS) as u8);
            let glyph = self
                .glyphs
                .entry((*id, size_key, step))
                .or_insert_with(|| rasterise(&self.font, *id, scale(&self.font, size), step));
            if let Some(bitmap) = glyph {
                stamp(mask, bitmap, pixel as i32, baseline);
            }
        }
    }

    fn lay_out(&self, text: &str, size: f32) -> Line {
        let font = self.font.as_scaled(scale(&self.font, size));
        let (mut pen, mut last, mut glyphs) = (0.0, None, Vec::with_capacity(text.len()));
        for c in text.chars().filter(|c| !c.is_control()) {
            let id = font.glyph_id(c);
            pen += last.map_or(0.0, |last| font.kern(last, id));
            glyphs.push((id, pen));
            pen += font.h_advance(id);
            last = Some(id);
        }
        Line {
            glyphs,
            width: pen,
            size,
        }
    }
}

/// ab_glyph's scale (ascent to descent) of a size in pixels per em.
fn scale(font: &FontRef, size: f32) -> PxScale {
    let em = font.units_per_em().unwrap_or(2048.0);
    PxScale::from(size * font.height_unscaled() / em)
}

fn rasterise(font: &FontRef, id: GlyphId, scale: PxScale, step: u8) -> Option<Bitmap> {
    let glyph = id.with_scale_and_position(scale, point(f32::from(step) / STEPS, 0.0));
    let outline = font.outline_glyph(glyph)?;
    let bounds = outline.px_bounds();
    let (width, height) = (bounds.width().ceil() as usize, bounds.height().ceil() as usize);
    let mut cover = vec![0; width * height];
    outline.draw(|x, y, c| {
        if let Some(pixel) = cover.get_mut(y as usize * width + x as usize) {
            *pixel = (c.clamp(0.0, 1.0) * 255.0).round() as u8;
        }
    });
    (width > 0).then_some(Bitmap {
        left: bounds.min.x.floor() as i32,
        top: bounds.min.y.floor() as i32,
        width,
        cover,
    })
}

/// Adds the part of a glyph that is inside the mask.
fn stamp(mask: &mut Mask, bitmap: &Bitmap, x: i32, y: i32) {
    let (left, top) = (x + bitmap.left, y + bitmap.top);
    let skip = (-left).max(0) as usize;
    let from = left.max(0) as usize;
    let to = (left + bitmap.width as i32).clamp(0, mask.width() as i32) as usize;
    if from >= to {
        return;
    }
    for (row, cover) in bitmap.cover.chunks_exact(bitmap.width).enumerate() {
        let Ok(y) = usize::try_from(top + row as i32) else {
            continue;
        };
        if y >= mask.height() {
            break;
        }
        for (pixel, cover) in mask.span_mut(y, from, to).iter_mut().zip(&cover[skip..]) {
            *pixel = (*pixel).max(*cover);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(mask: &Mask, y: usize) -> &[u8] {
        mask.runs(y).as_flattened()
    }

    /// The coverage of `text` in a mask of 40×20 pixels, summed up.
    fn ink(text: &str) -> u64 {
        let mut mask = Mask::default();
        mask.reset(40, 20);
        Typeface::new().draw(&mut mask, text, 14.0, 2.0, 15.0);
        (0..20).flat_map(|y| row(&mask, y)).map(|c| u64::from(*c)).sum()
    }

    #[test]
    fn european_letters_have_glyphs_and_others_a_box() {
        let typeface = Typeface::new();
        for c in "AZaz09 ÄÖÜäöüßÅåÆæØøÇçÉéÈèÊêÑñŁłŠšŽžČčĚěŘřĞğİıŐőŰűÐðÞþẞ€·…–°±×ΑΩαωЖя".chars()
        {
            assert_ne!(typeface.font.glyph_id(c), GlyphId(0), "{c}");
        }
        for c in "漢🦀\u{e000}".chars() {
            assert_eq!(typeface.font.glyph_id(c), GlyphId(0), "{c}");
            assert!(ink(&c.to_string()) > 2000, "{c} shows nothing");
        }
    }

    #[test]
    fn spaces_and_control_characters_show_nothing() {
        assert_eq!(ink(" \n\t\u{7}"), 0);
        let typeface = Typeface::new();
        assert_eq!(typeface.width("a\nb", 14.0), typeface.width("ab", 14.0));
    }

    #[test]
    fn digits_are_all_of_one_width() {
        let typeface = Typeface::new();
        let width = typeface.width("0", 11.0);
        assert!(('1'..='9').all(|d| typeface.width(&d.to_string(), 11.0) == width));
    }

    #[test]
    fn text_outside_is_cut_off() {
        let mut typeface = Typeface::new();
        let mut mask = Mask::default();
        mask.reset(8, 8);
        for (x, y) in [
            (-5.0, 6.0),
            (5.0, 6.0),
            (0.0, -3.0),
            (0.0, 12.0),
            (-1e30, 4.0),
            (f32::NAN, 4.0),
            (4.0, 9e9),
        ] {
            typeface.draw(&mut mask, "Wg", 16.0, x, y);
        }
        assert!((0..8).any(|y| row(&mask, y).iter().any(|c| *c > 0)));
    }
}
