//! Text: the bundled typeface, other scripts by other fonts, and a cache of rasterised glyphs.
//!
//! Names in Latin, Greek and Cyrillic need the bundled typeface only. Others are shaped by [`shape()`], which may read font
//! files, so that is not done here: [`Painter::unshaped`](crate::Painter::unshaped) has the texts,
//! [`Painter::add_shaped`](crate::Painter::add_shaped) takes the results.
//! Until then, characters that the typeface lacks are drawn as their codes.

mod fonts;
mod shape;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ab_glyph::{Font, FontRef, GlyphId, OutlinedGlyph, PxScale, PxScaleFactor, ScaleFont, point};
use unicode_script::{Script, UnicodeScript};

use crate::Mask;

pub use fonts::{Face, FontBytes, Fonts, NoFonts, draws};
pub use shape::{Shaped, shape};
use shape::{ShapedGlyph, is_of_a_line};

/// Roboto Medium (assets/README.md): the one typeface.
static ROBOTO: &[u8] = include_bytes!("../../assets/Roboto-Medium.ttf");

/// Number of horizontal subpixel positions of glyphs; at small sizes, fewer make uneven spaces.
const STEPS: f32 = 4.0;

/// Number of glyphs at which the cache is cleared; a video at one size needs about a hundred.
const MAX_GLYPHS: usize = 4096;

/// Number of texts of one size at which their cache is cleared; ten thousand stations fit.
const MAX_LINES: usize = 16_384;

/// Typeface with caches of rasterised glyphs and of texts. Sizes are pixels per em.
#[derive(Debug)]
pub struct Typeface {
    font: FontRef<'static>,
    /// By glyph, size in 64ths of a pixel and step within the pixel; `None` if empty, e.g. a space.
    glyphs: HashMap<(GlyphKey, u32, u8), Option<Bitmap>>,
    /// Texts that were laid out, by the bits of their size.
    lines: HashMap<u32, HashMap<String, Arc<Line>>>,
    /// Texts that need other fonts or directions, as they were shaped.
    shaped: HashMap<String, Shaped>,
    /// Texts of the same kind that were asked for and not taken yet.
    unshaped: Vec<String>,
    /// All that were asked for.
    asked: HashSet<String>,
    /// Number of glyphs of shaped texts, by which they are told apart.
    others: u32,
}

/// What a rasterised glyph is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum GlyphKey {
    Bundled(GlyphId),
    Other(u32),
}

/// A text in one size.
#[derive(Debug)]
pub(crate) struct Line {
    glyphs: Vec<Placed>,
    /// The pen's position after all.
    pub width: f32,
    size: f32,
}

/// A glyph and where the pen is before it, in pixels, y down.
#[derive(Debug)]
struct Placed {
    key: GlyphKey,
    x: f32,
    y: f32,
    /// The outline of a glyph that is not bundled.
    outline: Option<ShapedGlyph>,
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
            shaped: HashMap::new(),
            unshaped: Vec::new(),
            asked: HashSet::new(),
            others: 0,
        }
    }

    /// The advance of `text`, in pixels.
    pub fn width(&mut self, text: &str, size: f32) -> f32 {
        self.line(text, size).width
    }

    /// Notes a text that will be drawn, for [`take_unshaped`](Self::take_unshaped).
    pub(crate) fn announce(&mut self, text: &str) {
        if !self.is_simple(text) && !self.asked.contains(text) {
            self.ask(text);
        }
    }

    /// The texts that were announced or drawn since the last call and are to be shaped by [`shape()`]: they have characters that the
    /// bundled typeface lacks, or that are not simply drawn from left to right. Each text is here once.
    pub(crate) fn take_unshaped(&mut self) -> Vec<String> {
        std::mem::take(&mut self.unshaped)
    }

    /// Draws `text` as `shaped` from now on.
    pub(crate) fn add_shaped(&mut self, text: String, shaped: Shaped) {
        self.lines.values_mut().for_each(|lines| {
            lines.remove(&text);
        });
        self.shaped.insert(text, shaped);
    }

    /// The height of a capital letter, in pixels: Roboto's is 1456 of 2048 units per em.
    pub fn cap_height(size: f32) -> f32 {
        size * (1456.0 / 2048.0)
    }

    /// Draws one line of text with the pen at `x` on the baseline `y`.
    ///
    /// Characters missing in the typeface are drawn as their codes if they have not been shaped otherwise; control
    /// characters are not drawn.
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
        let line = Arc::new(if self.is_simple(text) {
            self.lay_out(text, size)
        } else {
            self.lay_out_shaped(text, size)
        });
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
        let size_key = (size * 64.0).round() as u32;
        for placed in &line.glyphs {
            // quarter pixels, rounded to nearest
            let steps = ((x + placed.x) * STEPS).round();
            let (pixel, step) = ((steps / STEPS).floor(), steps.rem_euclid(STEPS) as u8);
            let glyph = self.glyphs.entry((placed.key, size_key, step)).or_insert_with(|| {
                let position = point(f32::from(step) / STEPS, 0.0);
                outlined(&self.font, placed, size, position).and_then(|outlined| rasterise(&outlined))
            });
            if let Some(bitmap) = glyph {
                stamp(mask, bitmap, pixel as i32, (y + placed.y).round() as i32);
            }
        }
    }

    /// Whether the bundled typeface has all of a text and one glyph after the other is right for it.
    fn is_simple(&self, text: &str) -> bool {
        let is_simple = |c: char| {
            let simple = [Script::Common, Script::Latin, Script::Greek, Script::Cyrillic];
            simple.contains(&c.script()) && self.font.glyph_id(c) != GlyphId(0)
        };
        text.is_ascii() || text.chars().filter(|c| is_of_a_line(*c)).all(is_simple)
    }

    fn ask(&mut self, text: &str) {
        if self.asked.len() >= MAX_LINES {
            self.asked.clear();
            self.shaped.clear();
        }
        if self.asked.insert(text.into()) {
            self.unshaped.push(text.into());
        }
    }

    fn lay_out_shaped(&mut self, text: &str, size: f32) -> Line {
        if !self.shaped.contains_key(text) {
            self.ask(text);
        }
        let unshaped = || shape(text, &mut NoFonts);
        let shaped = self
            .shaped
            .get(text)
            .map_or_else(|| Cow::Owned(unshaped()), Cow::Borrowed);
        let first = self.others;
        self.others = self.others.wrapping_add(shaped.glyphs.len() as u32);
        let placed = |(glyph, number): (&ShapedGlyph, u32)| Placed {
            key: GlyphKey::Other(first.wrapping_add(number)),
            x: glyph.x * size,
            y: -glyph.y * size,
            outline: Some(glyph.clone()),
        };
        Line {
            glyphs: shaped.glyphs.iter().zip(0..).map(placed).collect(),
            width: shaped.width * size,
            size,
        }
    }

    fn lay_out(&self, text: &str, size: f32) -> Line {
        let font = self.font.as_scaled(scale(&self.font, size));
        let (mut pen, mut last, mut glyphs) = (0.0, None, Vec::with_capacity(text.len()));
        for c in text.chars().filter(|c| is_of_a_line(*c)) {
            let id = font.glyph_id(c);
            pen += last.map_or(0.0, |last| font.kern(last, id));
            glyphs.push(Placed {
                key: GlyphKey::Bundled(id),
                x: pen,
                y: 0.0,
                outline: None,
            });
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

/// A glyph's outline in one size, at a position within a pixel; `None` if it has none.
fn outlined(font: &FontRef, placed: &Placed, size: f32, position: ab_glyph::Point) -> Option<OutlinedGlyph> {
    match (placed.key, &placed.outline) {
        (GlyphKey::Bundled(id), _) => font.outline_glyph(id.with_scale_and_position(scale(font, size), position)),
        (GlyphKey::Other(_), Some(shaped)) => {
            let factor = size / shaped.units_per_em;
            let factor = PxScaleFactor {
                horizontal: factor,
                vertical: factor,
            };
            let glyph = GlyphId(0).with_scale_and_position(size, position);
            Some(OutlinedGlyph::new(glyph, (*shaped.outline).clone(), factor))
        }
        (GlyphKey::Other(_), None) => None,
    }
}

fn rasterise(outline: &OutlinedGlyph) -> Option<Bitmap> {
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
    fn european_letters_have_glyphs_and_others_their_codes() {
        let typeface = Typeface::new();
        for c in "AZaz09 ÄÖÜäöüßÅåÆæØøÇçÉéÈèÊêÑñŁłŠšŽžČčĚěŘřĞğİıŐőŰűÐðÞþẞ€·…–°±×ΑΩαωЖя".chars()
        {
            assert_ne!(typeface.font.glyph_id(c), GlyphId(0), "{c}");
        }
        for c in "漢🦀\u{e000}".chars() {
            assert_eq!(typeface.font.glyph_id(c), GlyphId(0), "{c}");
            assert!(ink(&c.to_string()) > 2000, "{c} shows nothing");
        }
        assert_ne!(ink("漢"), ink("字"), "each has a code");
    }

    #[test]
    fn spaces_and_control_characters_show_nothing() {
        assert_eq!(ink(" \n\t\u{7}"), 0);
        let mut typeface = Typeface::new();
        assert_eq!(typeface.width("a\nb", 14.0), typeface.width("ab", 14.0));
    }

    #[test]
    fn digits_are_all_of_one_width() {
        let mut typeface = Typeface::new();
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
