//! Assignment of workers to tracks: each vest to at most one track.

use super::track::TrackState;
use crate::assignment::assign;

/// The gain, in nats, of a track that is the worker already.
const TENURE: f64 = 2.0;

/// Assigns the `workers` (indices of vest labels) to confirmed tracks, so that the total gain is largest.
///
/// A worker's id stays with the vest: a track that takes a vest over from another live track also gets that track's id, in
/// exchange for its own. If the other track was not detected in this frame and has no vest now, it loses its id: its person
/// has been found again.
pub(super) fn assign_workers(tracks: &mut [TrackState], workers: &[usize], min_confidence: f32) {
    let holders: Vec<Option<usize>> = workers
        .iter()
        .map(|label| tracks.iter().position(|t| t.worker == Some(*label)))
        .collect();
    let ids: Vec<Option<u64>> = holders.iter().map(|h| h.and_then(|h| tracks[h].id)).collect();
    let assigned = assign(workers.len(), tracks.len(), |worker, track| {
        worker_gain(&tracks[track], workers[worker], min_confidence)
    });
    tracks.iter_mut().for_each(|track| track.worker = None);
    for (worker, track) in assigned.iter().enumerate() {
        if let Some(track) = *track {
            tracks[track].worker = Some(workers[worker]);
        }
    }
    for (worker, track) in assigned.iter().enumerate() {
        let (Some(track), Some(id)) = (*track, ids[worker]) else {
            continue;
        };
        let Some(other) = tracks.iter().position(|t| t.id == Some(id) && t.id != tracks[track].id) else {
            continue;
        };
        let found = tracks[other].frames_since_update > 0 && tracks[other].worker.is_none();
        tracks[other].id = if found { None } else { tracks[track].id };
        tracks[track].id = Some(id);
    }
}

/// The gain, in nats, of making a track the worker with a vest; without a positive gain it is not assigned. The gain fades
/// with the inferred frames since the last detection.
fn worker_gain(track: &TrackState, label: usize, min_confidence: f32) -> f64 {
    if track.id.is_none() || !track.is_classified {
        return f64::NEG_INFINITY;
    }
    let tenure = if track.worker == Some(label) { TENURE } else { 0.0 };
    let evidence = (track.belief.probability(label) / f64::from(min_confidence)).ln() + tenure;
    evidence / (1.0 + f64::from(track.misses))
}
