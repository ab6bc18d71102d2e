//! Fonts for characters that the bundled typeface lacks.

use std::sync::Arc;

use ab_glyph::{Font as _, FontRef, GlyphId};
use harfrust::Font;

/// The bytes of a font file.
pub type FontBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// Where fonts for other characters come from.
pub trait Fonts {
    /// A face that has an outline for each character of a cluster (what a reader takes for one character), so that they
    /// can be shaped together; `None` if there is none.
    fn face_for(&mut self, cluster: &str) -> Option<Face>;
}

/// No other fonts.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFonts;

impl Fonts for NoFonts {
    fn face_for(&mut self, _: &str) -> Option<Face> {
        None
    }
}

/// A face of a font file. Copies share the file's bytes.
#[derive(Clone)]
pub struct Face {
    bytes: FontBytes,
    /// The number of the face in the file.
    index: u32,
    pub(super) shaping: Font,
}

impl Face {
    /// The face with this number in a font file (0 unless it is a collection); `None` if it cannot be read.
    pub fn new(bytes: FontBytes, index: u32) -> Option<Self> {
        let shaping = Font::new(Arc::clone(&bytes), index)?;
        let face = Self { bytes, index, shaping };
        face.outlines()?;
        Some(face)
    }

    /// As [`draws`].
    pub fn draws(&self, text: &str) -> bool {
        draws((*self.bytes).as_ref(), self.index, text)
    }

    /// Whether both are the same face of the same file in memory.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.bytes, &other.bytes) && self.index == other.index
    }

    pub(super) fn outlines(&self) -> Option<FontRef<'_>> {
        FontRef::try_from_slice_and_index((*self.bytes).as_ref(), self.index).ok()
    }
}

/// Whether the face with this number in a font file has an outline for each visible character of a text. Colour fonts often
/// have bitmaps only.
pub fn draws(bytes: &[u8], index: u32, text: &str) -> bool {
    let Ok(font) = FontRef::try_from_slice_and_index(bytes, index) else {
        return false;
    };
    let has_outline = |c: char| {
        let id = font.glyph_id(c);
        id != GlyphId(0) && (c.is_whitespace() || font.outline(id).is_some())
    };
    text.chars().filter(|c| !is_ignorable(*c)).all(has_outline)
}

/// Whether a character has no picture of its own: it directs the shaping of others, as joiners and variation selectors do
/// (Unicode's Default_Ignorable_Code_Point, without Hangul's fillers).
pub(super) fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}
