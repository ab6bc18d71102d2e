//! Suppression in tables, and compared with its definition.

use proptest::prelude::*;
use vision::Rect;
use vision::nms::nms;

type Boxes<'a> = &'a [(Rect, f32)];

/// A box from `left`, 10 wide: shifted by 2.5 it overlaps by 7.5/12.5 = 0.6, by 5 by 1/3.
fn at(left: f32, score: f32) -> (Rect, f32) {
    (Rect::new(left, 0.0, left + 10.0, 10.0), score)
}

#[test]
fn the_best_of_overlapping_boxes_is_kept() {
    let empty = (Rect::default(), 0.5);
    let table: [(&str, Boxes<'_>, f32, usize, &[usize]); 9] = [
        ("nothing", &[], 0.5, 9, &[]),
        ("apart", &[at(0.0, 0.3), at(20.0, 0.9)], 0.5, 9, &[1, 0]),
        ("the better one", &[at(0.0, 0.3), at(2.5, 0.9)], 0.5, 9, &[1]),
        (
            "as much as allowed",
            &[at(0.0, 0.9), at(5.0, 0.3)],
            1.0 / 3.0,
            9,
            &[0, 1],
        ),
        (
            "equal scores",
            &[at(0.0, 0.5), at(2.5, 0.5), at(20.0, 0.5)],
            0.5,
            9,
            &[0, 2],
        ),
        // 1 is suppressed by 0 and suppresses nothing itself
        ("a chain", &[at(0.0, 0.9), at(2.5, 0.8), at(5.0, 0.7)], 0.5, 9, &[0, 2]),
        (
            "at most",
            &[at(0.0, 0.1), at(20.0, 0.3), at(40.0, 0.2)],
            0.5,
            2,
            &[1, 2],
        ),
        ("none wanted", &[at(0.0, 0.1)], 0.5, 0, &[]),
        ("empty boxes overlap nothing", &[empty, empty], 0.0, 9, &[0, 1]),
    ];
    for (name, boxes, threshold, max, want) in table {
        assert_eq!(nms(boxes, threshold, max), want, "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_suppressed_box_overlaps_a_better_kept_one(
        boxes in proptest::collection::vec((0..40u8, 0..40u8, 1..20u8, 1..20u8, 0..8u8), 0..40),
        threshold in 0.0..1.0f32,
    ) {
        let boxes: Vec<(Rect, f32)> = boxes
            .into_iter()
            .map(|(x, y, w, h, score)| {
                let (x, y) = (f32::from(x), f32::from(y));
                (Rect::new(x, y, x + f32::from(w), y + f32::from(h)), f32::from(score))
            })
            .collect();
        let kept = nms(&boxes, threshold, usize::MAX);
        let better = |a: usize, b: usize| (boxes[b].1, a) < (boxes[a].1, b);
        for pair in kept.windows(2) {
            prop_assert!(better(pair[0], pair[1]));
        }
        for i in 0..boxes.len() {
            let suppressed = kept.iter().any(|&k| better(k, i) && boxes[k].0.iou(&boxes[i].0) > threshold);
            prop_assert_eq!(kept.contains(&i), !suppressed);
        }
    }
}
