//! Non-maximum suppression: of boxes on the same person, the best.

use crate::Rect;

/// Greedy suppression: the indices of at most `max` boxes to keep, best score first.
///
/// Boxes are taken by falling score, of equal scores the one with the smaller index first, and kept unless
/// their intersection over union with one already kept is greater than `iou_threshold`.
pub fn nms(boxes: &[(Rect, f32)], iou_threshold: f32, max: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..boxes.len()).collect();
    // a stable sort leaves equal scores in the order of their indices
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
