//! Non-maximum suppression: keeps the best of overlapping boxes.

use crate::Rect;

/// Greedy suppression: the indices of at most `max` boxes to keep, best score first.
///
/// Boxes are visited by descending score, equal scores by ascending index, and kept unless
/// their intersection over union with one already kept is greater than `iou_threshold`.
///
/// The time is proportional to the number of boxes times that of the boxes kept, at most `max`.
pub fn nms(boxes: &[(Rect, f32)], iou_threshold: f32, max: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..boxes.len()).collect();
    // the sort is stable: equal scores stay in the order of their indices
    order.sort_by(|a, b| boxes[*b].1.total_cmp(&boxes[*a].1));
    let sorted = order.into_iter().map(|index| (boxes[index].0, index));
    suppress(sorted, iou_threshold, max, |_, _| true, |_, index| Some(index))
}

/// The same for candidates that come best first, one at a time: `take` is called for those that are not suppressed, and may refuse
/// one, which then suppresses nothing. A candidate is only compared with its `rivals`.
pub(crate) fn suppress<C: Copy, T>(
    candidates: impl Iterator<Item = (Rect, C)>,
    iou_threshold: f32,
    max: usize,
    rivals: impl Fn(C, C) -> bool,
    take: impl Fn(Rect, C) -> Option<T>,
) -> Vec<T> {
    let mut kept: Vec<(Rect, C)> = Vec::new();
    let mut taken = Vec::new();
    for (bbox, candidate) in candidates {
        if taken.len() >= max {
            break;
        }
        let overlaps = |(other, rival): &(Rect, C)| rivals(*rival, candidate) && other.iou(&bbox) > iou_threshold;
        if kept.iter().any(overlaps) {
            continue;
        }
        if let Some(detection) = take(bbox, candidate) {
            kept.push((bbox, candidate));
            taken.push(detection);
        }
    }
    taken
}
