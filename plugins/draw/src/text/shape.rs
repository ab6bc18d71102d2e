//! Shaping of a text in any script: which glyphs, from which fonts, where.
//!
//! Texts are divided by direction (unicode-bidi) into runs, those by font into pieces, and these are shaped (harfrust). A
//! cluster that no font draws becomes its code in brackets, e.g. `[5207]`, so that texts stay distinguishable.

use std::sync::{Arc, LazyLock};

use ab_glyph::{Font as _, GlyphId, Outline};
use harfrust::{Buffer, Direction, ShapeOptions, ShaperFont, shape as shape_buffer};
use unicode_bidi::BidiInfo;
use unicode_segmentation::UnicodeSegmentation;

use super::ROBOTO;
use super::fonts::{Face, Fonts, is_ignorable};

/// Number of codes up to which all of a run of unreadable characters are written.
const MAX_CODES: usize = 6;

/// A shaped line of text, in ems.
#[derive(Clone, Debug, Default)]
pub struct Shaped {
    pub(super) glyphs: Vec<ShapedGlyph>,
    pub(super) width: f32,
    unreadable: Vec<char>,
}

/// A glyph with an outline.
#[derive(Clone, Debug)]
pub(super) struct ShapedGlyph {
    /// In font units, y up.
    pub outline: Arc<Outline>,
    pub units_per_em: f32,
    /// Where its origin is, from the beginning of the line's baseline, y up, in ems.
    pub x: f32,
    pub y: f32,
}

impl Shaped {
    /// The characters that no font draws, each once.
    pub fn unreadable(&self) -> &[char] {
        &self.unreadable
    }
}

/// Characters of one font and one direction.
struct Piece {
    text: String,
    font: Source,
    is_rtl: bool,
}

#[derive(Clone)]
enum Source {
    Bundled,
    Other(Face),
    /// No font: to be written as codes.
    Codes,
}

/// Shapes one line of text; `fonts` has what the bundled typeface lacks.
pub fn shape(text: &str, fonts: &mut dyn Fonts) -> Shaped {
    let spaced = |c: char| if c.is_whitespace() { ' ' } else { c };
    let text: String = text.chars().filter(|c| is_of_a_line(*c)).map(spaced).collect();
    let bundled = bundled();
    let mut line = Shaped::default();
    for piece in pieces(&text, bundled, fonts) {
        match piece.font {
            Source::Bundled => append(&mut line, bundled, &piece.text, piece.is_rtl),
            Source::Other(face) => append(&mut line, &face, &piece.text, piece.is_rtl),
            Source::Codes => {
                append(&mut line, bundled, &codes(&piece.text), false);
                for c in piece.text.chars().filter(|c| !is_ignorable(*c)) {
                    if !line.unreadable.contains(&c) {
                        line.unreadable.push(c);
                    }
                }
            }
        }
    }
    line
}

/// Whether a character can be in a line: neither a control character nor the end of a line or paragraph.
pub(super) fn is_of_a_line(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}')
}

/// The bundled typeface.
fn bundled() -> &'static Face {
    // not user input: a test renders with the very bytes that were compiled in
    static BUNDLED: LazyLock<Face> =
        LazyLock::new(|| Face::new(Arc::new(ROBOTO), 0).expect("the committed font parses"));
    &BUNDLED
}

/// The pieces of a line in the order in which they are drawn, from left to right.
fn pieces(text: &str, bundled: &Face, fonts: &mut dyn Fonts) -> Vec<Piece> {
    let bidi = BidiInfo::new(text, None);
    let mut all = Vec::new();
    for paragraph in &bidi.paragraphs {
        let (levels, runs) = bidi.visual_runs(paragraph, paragraph.range.clone());
        for run in runs {
            let is_rtl = levels[run.start].is_rtl();
            let mut pieces = pieces_of_run(&text[run], is_rtl, bundled, fonts);
            if is_rtl {
                pieces.reverse();
            }
            all.append(&mut pieces);
        }
    }
    all
}

/// The pieces of a run of one direction, in the order of its characters.
fn pieces_of_run(run: &str, is_rtl: bool, bundled: &Face, fonts: &mut dyn Fonts) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for cluster in run.graphemes(true) {
        let font = if bundled.draws(cluster) {
            Source::Bundled
        } else {
            fonts.face_for(cluster).map_or(Source::Codes, Source::Other)
        };
        match pieces.last_mut() {
            Some(last) if last.font == font => last.text.push_str(cluster),
            _ => pieces.push(Piece {
                text: cluster.into(),
                font,
                is_rtl,
            }),
        }
    }
    pieces
}

/// Characters as hexadecimal codes; of many, the first and the last.
fn codes(text: &str) -> String {
    let codes: Vec<_> = text
        .chars()
        .filter(|c| !is_ignorable(*c))
        .map(|c| format!("{:X}", c as u32))
        .collect();
    let half = MAX_CODES / 2;
    match codes.len() {
        0 => String::new(),
        n if n > MAX_CODES => format!("[{} … {}]", codes[..half].join(" "), codes[n - half..].join(" ")),
        _ => format!("[{}]", codes.join(" ")),
    }
}

/// Appends a piece at the end of the line.
fn append(line: &mut Shaped, face: &Face, text: &str, is_rtl: bool) {
    let Some(font) = face.outlines() else {
        return;
    };
    let units_per_em = f32::from(face.shaping.units_per_em().max(1));
    let mut buffer = Buffer::new();
    buffer.push_str(text);
    buffer.set_direction(if is_rtl {
        Direction::RightToLeft
    } else {
        Direction::LeftToRight
    });
    buffer.guess_segment_properties();
    if shape_buffer(&ShaperFont::new(&face.shaping), &mut buffer, ShapeOptions::new()).is_err() {
        return;
    }
    for (info, position) in buffer.glyph_infos().iter().zip(buffer.glyph_positions()) {
        let outline = u16::try_from(info.glyph_id)
            .ok()
            .and_then(|id| font.outline(GlyphId(id)));
        let em = |units: i32| units as f32 / units_per_em;
        line.glyphs.extend(outline.map(|outline| ShapedGlyph {
            outline: Arc::new(outline),
            units_per_em,
            x: line.width + em(position.x_offset),
            y: em(position.y_offset),
        }));
        line.width += em(position.x_advance);
    }
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bundled, Self::Bundled) | (Self::Codes, Self::Codes) => true,
            (Self::Other(face), Self::Other(other)) => face.is(other),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::NoFonts;

    /// The fonts of the tests.
    struct TestFonts(Vec<Face>);

    impl TestFonts {
        fn new() -> Self {
            let files = [
                "Arabic-subset.ttf",
                "CJKsc-subset.otf",
                "Devanagari-subset.ttf",
                "Hebrew-subset.ttf",
                "Thai-subset.ttf",
            ];
            let face = |file: &str| {
                let path = format!("{}/tests/fonts/NotoSans{file}", env!("CARGO_MANIFEST_DIR"));
                Face::new(Arc::new(std::fs::read(path).unwrap()), 0).unwrap()
            };
            Self(files.map(face).into())
        }
    }

    impl Fonts for TestFonts {
        fn face_for(&mut self, cluster: &str) -> Option<Face> {
            self.0.iter().find(|face| face.draws(cluster)).cloned()
        }
    }

    fn shaped(text: &str) -> Shaped {
        shape(text, &mut TestFonts::new())
    }

    /// The outlines of a text's glyphs, from left to right, as text.
    fn outlines(text: &str) -> Vec<String> {
        let glyphs = shaped(text).glyphs;
        glyphs.iter().map(|glyph| format!("{:?}", glyph.outline)).collect()
    }

    /// The outlines of characters, each shaped alone.
    fn each(characters: &str) -> Vec<String> {
        characters.chars().flat_map(|c| outlines(&c.to_string())).collect()
    }

    fn reversed(text: &str) -> String {
        text.chars().rev().collect()
    }

    #[test]
    fn every_script_with_a_font_is_readable() {
        for text in [
            "切菜板 1",
            "مخزن الأدوات",
            "עברית",
            "ไทย",
            "देवनागरी",
            "Küche – Стол №2",
            "切菜板 עברית",
        ] {
            let shaped = shaped(text);
            assert_eq!(shaped.unreadable(), [], "{text}");
            assert!(shaped.width > 0.0 && shaped.glyphs.len() > 2, "{text}");
            assert!(
                shaped
                    .glyphs
                    .iter()
                    .all(|glyph| glyph.x >= -0.1 && glyph.x <= shaped.width),
                "{text}"
            );
        }
    }

    #[test]
    fn text_from_right_to_left_is_drawn_so_and_numbers_in_it_are_not() {
        assert_eq!(outlines("עברית"), each(&reversed("עברית")));
        assert_eq!(outlines("A עב B"), each("A בע B"));
        assert_eq!(outlines("עב 12"), each("12 בע"));
    }

    #[test]
    fn letters_join_and_marks_are_placed() {
        let (joined, alone) = (outlines("مخزن"), each(&reversed("مخزن")));
        assert_eq!(joined.len(), alone.len());
        assert_ne!(joined[3], alone[3], "the first letter has its initial form");
        // the vowel sign is drawn before the consonants that it follows
        let (syllable, sign) = (outlines("क्षि"), outlines("क्ष"));
        assert_eq!(syllable[1..], sign, "{} glyphs", syllable.len());
        // two marks over one consonant, one above the other
        let glyphs = shaped("ที่").glyphs;
        let [base, marks @ ..] = &glyphs[..] else {
            panic!("no glyph")
        };
        assert_eq!(marks.len(), 2);
        let top = |glyph: &ShapedGlyph| {
            glyph.outline.bounds.min.y.max(glyph.outline.bounds.max.y) / glyph.units_per_em + glyph.y
        };
        assert!(top(&marks[0]) > top(base) && top(&marks[1]) > top(&marks[0]));
        assert!(shaped("ที่").width < 1.1 * shaped("ท").width, "marks take no room");
    }

    #[test]
    fn what_no_font_has_is_written_as_codes() {
        let codes = |text: &str| each(&text.replace(' ', "")).len();
        for (text, written, unreadable) in [
            ("🔧 Werkzeug", "[1F527] Werkzeug", &['🔧'][..]),
            ("🔧\u{fe0f}", "[1F527]", &['🔧']),
            ("漢字漢", "[6F22 5B57 6F22]", &['漢', '字']),
            ("a\u{e000}b", "a[E000]b", &['\u{e000}']),
            ("\u{200d}\u{7}\u{2029}", "", &[]),
        ] {
            let shaped = shaped(text);
            assert_eq!(shaped.unreadable(), unreadable, "{text}");
            assert_eq!(shaped.glyphs.len(), codes(written), "{text}");
        }
        let many: String = ('一'..).take(20).collect();
        assert_eq!(super::codes(&many), "[4E00 4E01 4E02 … 4E11 4E12 4E13]");
        let without = shape("切菜板", &mut NoFonts);
        assert_eq!(without.unreadable().len(), 3);
    }

    #[test]
    fn every_text_can_be_shaped() {
        for text in [
            "",
            " ",
            "\u{202e}abc\u{202c}",
            "\u{301}",
            "e\u{301}",
            "\u{1f468}\u{200d}\u{1f469}",
            "ab\u{5d0}\u{2067}c",
        ] {
            let shaped = shaped(text);
            assert!(shaped.width.is_finite() && shaped.width >= 0.0, "{text:?}");
        }
    }
}
