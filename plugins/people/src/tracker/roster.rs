//! Which track is which worker: each vest to at most one track.

use super::State;
use crate::assignment::assign;

/// What it counts, in nats, that a track is the worker already.
const TENURE: f64 = 2.0;

/// Gives the `workers`' vests (label indices) to the confirmed tracks that have the best claims, all together.
///
/// A worker's id stays with the vest: who takes a vest over from another live track also gets that track's id, in
/// exchange for its own. If that other track was out of sight it loses its id, for its person has been found.
pub(super) fn give_out(tracks: &mut [State], workers: &[usize], min_confidence: f32) {
    let holders: Vec<Option<usize>> = workers
        .iter()
        .map(|label| tracks.iter().position(|t| t.worker == Some(*label)))
        .collect();
    let ids: Vec<Option<u64>> = holders.iter().map(|h| h.and_then(|h| tracks[h].id)).collect();
    let given = assign(workers.len(), tracks.len(), |worker, track| {
        tracks[track].claim(workers[worker], min_confidence)
    });
    tracks.iter_mut().for_each(|track| track.worker = None);
    for (worker, track) in given.iter().enumerate() {
        if let Some(track) = *track {
            tracks[track].worker = Some(workers[worker]);
        }
    }
    for (worker, track) in given.iter().enumerate() {
        let (Some(track), Some(id)) = (*track, ids[worker]) else {
            continue;
        };
        let Some(other) = tracks.iter().position(|t| t.id == Some(id) && t.id != tracks[track].id) else {
            continue;
        };
        let found = tracks[other].unseen > 0 && tracks[other].worker.is_none();
        tracks[other].id = if found { None } else { tracks[track].id };
        tracks[track].id = Some(id);
    }
}

impl State {
    /// What this track's claim to a vest is worth, in nats; not positive is no claim. It fades while out of sight.
    fn claim(&self, label: usize, min_confidence: f32) -> f64 {
        if self.id.is_none() {
            return f64::NEG_INFINITY;
        }
        let tenure = if self.worker == Some(label) { TENURE } else { 0.0 };
        let evidence = (self.belief.probability(label) / f64::from(min_confidence)).ln() + tenure;
        evidence / (1.0 + f64::from(self.unseen))
    }
}
