//! Boxes of people in one frame, matched with those of another source.

use vision::Rect;

/// The least intersection over union of two boxes of one person.
const SAME: f32 = 0.5;

/// The place of the box in `others` that is likeliest the same person's: the one with the largest overlap, at IoU 0.5 or more.
pub fn best(person: &Rect, others: impl Iterator<Item = Rect>) -> Option<usize> {
    let overlaps = others.map(|other| person.iou(&other)).enumerate();
    let same = overlaps.filter(|(_, iou)| *iou >= SAME);
    same.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(at, _)| at)
}
