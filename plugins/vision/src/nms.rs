//! Non-maximum suppression: keeps the best of overlapping boxes.

use crate::Rect;

/// Greedy suppression: the indices of at most `max` boxes to keep, best score first.
///
/// Boxes are visited by descending score, equal scores by ascending index, and kept unless
/// their intersection over union with one already kept is greater than `iou_threshold`.
pub fn nms(boxes: &[(Rect, f32)], iou_threshold: f32, max: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..boxes.len()).collect();
    // the sort is stable: equal scores stay in the order of their indices
    order.sort_by(|a, b| boxes[*b].1.total_cmp(&boxes[*a].1));
    let mut kept: Vec<usize> = Vec::new();
    for candidate in order {
        if kept.len() >= max {
            break;
        }
        let overlaps = |k: &usize| boxes[*k].0.iou(&boxes[candidate].0) > iou_threshold;
        if !kept.iter().any(overlaps) {
            kept.push(candidate);
        }
    }
    kept
}
