//! Drawings that are kept from frame to frame.

use super::brush::Brush;
use crate::canvas::Fill;

/// Most that is kept in bytes; what is beyond is drawn anew each frame.
const MOST_BYTES: usize = 64 << 20;

/// The drawings of a list of things, each with what it was drawn for. Repeating one gives the same bytes as drawing it.
#[derive(Debug)]
pub(super) struct Drawings<K> {
    kept: Vec<Option<Drawing<K>>>,
    bytes: usize,
}

#[derive(Debug)]
struct Drawing<K> {
    key: K,
    fills: Vec<Fill>,
}

impl<K> Drawing<K> {
    fn bytes(&self) -> usize {
        self.fills.iter().map(Fill::bytes).sum()
    }
}

impl<K> Default for Drawings<K> {
    fn default() -> Self {
        Self {
            kept: Vec::new(),
            bytes: 0,
        }
    }
}

impl<K: PartialEq> Drawings<K> {
    /// Draws the thing with this index: as before, if `key` is the same as before.
    pub(super) fn draw(&mut self, brush: &mut Brush, index: usize, key: K, draw: impl FnOnce(&mut Brush)) {
        if index >= self.kept.len() {
            self.kept.resize_with(index + 1, || None);
        }
        if let Some(drawing) = self.kept[index].as_ref().filter(|drawing| drawing.key == key) {
            drawing.fills.iter().for_each(|fill| brush.canvas.repeat(fill));
            return;
        }
        self.bytes -= self.kept[index].take().map_or(0, |drawing| drawing.bytes());
        if self.bytes > MOST_BYTES {
            return draw(brush);
        }
        brush.canvas.record();
        draw(brush);
        let fills = brush.canvas.recorded();
        let drawing = Drawing { key, fills };
        self.bytes += drawing.bytes();
        self.kept[index] = Some(drawing);
    }

    /// Forgets those from this index on.
    pub(super) fn truncate(&mut self, count: usize) {
        let gone = self.kept.drain(count.min(self.kept.len())..).flatten();
        self.bytes -= gone.map(|drawing| drawing.bytes()).sum::<usize>();
    }
}
