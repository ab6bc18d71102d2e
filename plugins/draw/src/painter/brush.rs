//! What every part is drawn with: canvas, typeface and sizes.

use std::borrow::Cow;
use std::sync::Arc;

use unicode_segmentation::UnicodeSegmentation;
use vision::Rect;

use crate::text::Line;
use crate::{Canvas, Color, Typeface};

/// The dark colour under lines and text, for contrast with any background.
pub(super) const SHADE: Color = Color::hex(0x0e_1318);

/// Sizes in pixels, derived from the frame's size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Text, in pixels per em.
    pub text: f32,
    /// Line width.
    pub line: f32,
    /// Width of the dark rim on each side of a line.
    pub rim: f32,
}

impl Look {
    /// 11 pixels of text in a frame of 288 lines, 16 of 576, 25 of 1080, 44 of 2160: small frames need relatively
    /// larger text. A portrait frame counts as a lower one of its width.
    pub(super) fn of(width: f32, height: f32) -> Self {
        let extent = height.min(width * 0.75);
        let line = extent * 0.0016 + 0.9;
        Self {
            text: extent * 0.0175 + 6.0,
            line,
            rim: line * 0.5,
        }
    }
}

/// Canvas, typeface and sizes of one frame.
pub(super) struct Brush<'s, 'a> {
    pub canvas: Canvas<'s, 'a>,
    pub typeface: &'s mut Typeface,
    pub look: Look,
    /// Nobody in the scene is tracked: people are shown with the likeliest vest.
    pub guesses: bool,
}

/// A run of text in one size and colour.
pub(super) struct Words {
    line: Arc<Line>,
    color: Color,
}

impl Brush<'_, '_> {
    /// The whole frame.
    pub(super) fn frame(&self) -> Rect {
        Rect::new(0.0, 0.0, self.canvas.width(), self.canvas.height())
    }

    /// A text to write.
    pub(super) fn words(&mut self, text: &str, size: f32, color: Color) -> Words {
        let line = self.typeface.line(text, size);
        Words { line, color }
    }

    /// Draws `words` one after another, `x` and the baseline `y` being where they begin.
    pub(super) fn write(&mut self, words: &[Words], mut x: f32, y: f32) {
        for Words { line, color } in words {
            self.typeface.draw_line(self.canvas.mask, line, x, y);
            self.canvas.fill(*color, 1.0);
            x += line.width;
        }
    }
}

/// How long `words` are.
pub(super) fn length(words: &[Words]) -> f32 {
    words.iter().map(|words| words.line.width).sum()
}

/// `text`, cut with an ellipsis to `max` characters, as a reader counts them.
pub(super) fn shortened(text: &str, max: usize) -> Cow<'_, str> {
    let mut ends = text.grapheme_indices(true).map(|(at, _)| at).skip(max - 1);
    match (ends.next(), ends.next()) {
        (Some(end), Some(_)) => Cow::Owned(format!("{}…", &text[..end])),
        _ => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_the_frame() {
        for (width, height, text) in [(384.0, 288.0, 11.0), (1920.0, 1080.0, 25.0), (4096.0, 2160.0, 44.0)] {
            let look = Look::of(width, height);
            assert!((look.text - text).abs() < 0.5, "{width}×{height}");
        }
        let portrait = Look::of(1080.0, 1920.0);
        assert_eq!(portrait.text, Look::of(1080.0, 810.0).text);
    }

    #[test]
    fn long_names_end_in_an_ellipsis() {
        assert_eq!(shortened("bench", 5), "bench");
        assert_eq!(shortened("benches", 5), "benc…");
        assert_eq!(shortened("मेज़ क्षेत्र", 2), "मे…", "no character is cut");
    }
}
