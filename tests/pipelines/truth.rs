//! The demo video's annotated people, and how well those found match them.

use std::sync::Arc;

use people::Scene;
use vision::Rect;

use crate::boxes;
use crate::truth_of_people::{TruthPerson, truth};

/// Shares of all people in the frames, 0..1.
#[derive(Debug)]
pub struct Score {
    /// Found people who are there.
    pub precision: f32,
    /// People there who are found.
    pub recall: f32,
    /// Matched people whose vest the network names correctly.
    pub vests: f32,
    /// Matched people whose vest the network takes for another colour: "none" is no colour, but a doubt.
    pub mistaken: f32,
}

/// Compares the people of the video's first frames with the truth: matched greedily at IoU 0.5, best score first.
///
/// Predicted people, who were not detected in the frame itself, do not count.
pub fn score(scenes: &[Arc<Scene>]) -> Score {
    let truth = truth();
    assert!(
        !scenes.is_empty() && scenes.len() <= truth.len(),
        "{} frames",
        scenes.len()
    );
    let (mut found, mut there, mut matched, mut named, mut mistaken) = (0, 0, 0, 0, 0);
    for (frame, scene) in truth.iter().zip(scenes) {
        let mut left: Vec<&TruthPerson> = frame.people.iter().collect();
        let detections = scene.people.iter().filter(|person| person.pose.is_some());
        there += left.len();
        for person in detections {
            found += 1;
            let boxes = left.iter().map(|truth| bbox(truth));
            let Some(at) = boxes::best(&person.bbox, boxes) else {
                continue;
            };
            let truth = left.swap_remove(at);
            matched += 1;
            let vest = person.vest.as_ref().and_then(|vest| vest.best());
            named += usize::from(vest.is_some_and(|(vest, _)| **vest == *truth.color));
            mistaken += usize::from(vest.is_some_and(|(vest, _)| **vest != *truth.color && **vest != *"none"));
        }
    }
    let share = |part: usize, whole: usize| part as f32 / whole.max(1) as f32;
    Score {
        precision: share(matched, found),
        recall: share(matched, there),
        vests: share(named, matched),
        mistaken: share(mistaken, matched),
    }
}

fn bbox(truth: &TruthPerson) -> Rect {
    let [left, top, right, bottom] = truth.bbox;
    Rect::new(left, top, right, bottom)
}
