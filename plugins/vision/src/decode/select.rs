//! From candidates to detections: threshold, cap, and suppression of duplicates, in bounded time.

use super::detection::DecodeOptions;
use crate::nms::suppress;
use crate::{Rect, letterbox::Letterbox};

/// Largest number of candidates that are compared with each other, those with the best scores: 64 people that each of 64 candidates
/// found. A network that gives every candidate a high score costs no more than that.
pub const MAX_CANDIDATES: usize = 4096;

/// Largest number of people or objects in a response, whatever [`DecodeOptions::max_people`] is: later steps compare each with
/// each.
pub const MAX_PEOPLE: usize = 256;

/// A candidate that passed the threshold.
#[derive(Clone, Copy)]
pub(super) struct Scored {
    pub score: f32,
    /// Which of several sources it is from.
    pub source: u32,
    pub row: u32,
    /// Its class; 0 for people.
    pub class: u32,
}

impl Scored {
    /// The candidate if its score is finite and at least the threshold.
    #[inline]
    pub fn passing(score: f32, threshold: f32, source: usize, row: usize) -> Option<Self> {
        // NaN is not at least anything; the product of two finite scores may be infinite
        (score >= threshold && score.is_finite()).then_some(Self {
            score,
            source: source as u32,
            row: row as u32,
            class: 0,
        })
    }
}

/// The detections of the candidates, best first: of those whose boxes overlap by more than the IoU threshold, and whose classes
/// are equal, the one with the best score, and of equal scores the first.
///
/// `rect` is a candidate's box in input pixels; `detection` makes one that is not suppressed a detection, given its box in frame
/// pixels, or refuses it. A refused one suppresses nothing.
pub(super) fn select<T>(
    mut candidates: Vec<Scored>,
    options: &DecodeOptions,
    letterbox: &Letterbox,
    rect: impl Fn(&Scored) -> Rect,
    detection: impl Fn(&Scored, Rect) -> Option<T>,
) -> Vec<T> {
    let better = |a: &Scored, b: &Scored| {
        let by_score = b.score.total_cmp(&a.score);
        by_score.then((a.source, a.row).cmp(&(b.source, b.row)))
    };
    if candidates.len() > MAX_CANDIDATES {
        candidates.select_nth_unstable_by(MAX_CANDIDATES, better);
        candidates.truncate(MAX_CANDIDATES);
    }
    candidates.sort_unstable_by(better);
    let boxes = candidates
        .iter()
        .map(|candidate| (letterbox.rect_to_frame(rect(candidate)), candidate));
    suppress(
        boxes,
        options.iou_threshold,
        options.max_people.min(MAX_PEOPLE),
        |a, b| a.class == b.class,
        |bbox, candidate| detection(candidate, bbox),
    )
}
