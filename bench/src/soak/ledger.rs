//! What became of each frame of a line: nothing may be lost, reordered, or on a file left uninferred.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use gst::prelude::*;

use crate::line::{self, Line};

/// The frames of a line, counted.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Frames that are in the line, in the order in which they entered, by their times.
    inside: VecDeque<Option<gst::ClockTime>>,
    /// Frames that left the line.
    pub left: u64,
    /// Of those, the ones that were not inferred.
    pub uninferred: u64,
    /// Frames that never left, although later ones did.
    pub lost: u64,
    /// Frames that left after a later one, or twice.
    pub reordered: u64,
    /// When the first inferred frame since [`Self::mark`] left.
    pub inferred_since: Option<Instant>,
}

impl Ledger {
    fn entered(&mut self, time: Option<gst::ClockTime>) {
        self.inside.push_back(time);
    }

    fn left(&mut self, time: Option<gst::ClockTime>, inferred: bool, now: Instant) {
        self.left += 1;
        match self.inside.iter().position(|inside| *inside == time) {
            None => self.reordered += 1,
            Some(earlier) => {
                self.lost += earlier as u64;
                self.inside.drain(..=earlier);
            }
        }
        match inferred {
            true => _ = self.inferred_since.get_or_insert(now),
            false => self.uninferred += 1,
        }
    }

    /// Frames that were inferred.
    pub fn inferred(&self) -> u64 {
        self.left - self.uninferred
    }

    /// Frames that are lost if nothing leaves any more, and those that were reordered.
    pub fn wrong(&self) -> u64 {
        self.lost + self.reordered + self.inside.len() as u64
    }
}

/// A line's ledger, shared with the line's probes.
#[derive(Clone, Default)]
pub struct SharedLedger(Arc<(Mutex<Ledger>, Condvar)>);

impl SharedLedger {
    /// Keeps a ledger of the line, from its source to its sink.
    pub fn of(line: &Line) -> Result<Self> {
        let shared = Self::default();
        let ledger = shared.clone();
        line::pad(&line.named("in")?, "src")?.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            if let Some(buffer) = info.buffer() {
                ledger.change(|ledger| ledger.entered(buffer.pts()));
            }
            gst::PadProbeReturn::Ok
        });
        let ledger = shared.clone();
        line::pad(&line.named("out")?, "sink")?.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            if let Some(buffer) = info.buffer() {
                let inferred = line::is_inferred(buffer);
                ledger.change(|ledger| ledger.left(buffer.pts(), inferred, Instant::now()));
            }
            gst::PadProbeReturn::Ok
        });
        Ok(shared)
    }

    fn change(&self, change: impl FnOnce(&mut Ledger)) {
        let (ledger, changed) = &*self.0;
        change(&mut ledger.lock().unwrap_or_else(PoisonError::into_inner));
        changed.notify_all();
    }

    /// The ledger now.
    pub fn get(&self) -> Ledger {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets the first inferred frame, so that the next one is it.
    pub fn mark(&self) {
        self.change(|ledger| ledger.inferred_since = None);
    }

    /// Waits until the condition is met, at most `limit`; returns whether it is.
    pub fn wait(&self, limit: Duration, mut condition: impl FnMut(&Ledger) -> bool) -> bool {
        let (ledger, changed) = &*self.0;
        let ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = changed.wait_timeout_while(ledger, limit, |ledger| !condition(ledger));
        let (ledger, _) = waited.unwrap_or_else(PoisonError::into_inner);
        condition(&ledger)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(leaving: &[(u64, bool)]) -> Ledger {
        let time = |n| Some(gst::ClockTime::from_mseconds(n));
        let mut ledger = Ledger::default();
        (1..=5).for_each(|n| ledger.entered(time(n)));
        for (n, inferred) in leaving {
            ledger.left(time(*n), *inferred, Instant::now());
        }
        ledger
    }

    #[test]
    fn frames_that_leave_in_their_order_are_right() {
        let all = ledger(&[(1, true), (2, true), (3, false), (4, true), (5, true)]);
        assert_eq!((all.left, all.inferred(), all.uninferred, all.wrong()), (5, 4, 1, 0));
    }

    #[test]
    fn lost_and_reordered_frames_are_counted() {
        let check = |leaving: &[(u64, bool)], lost, reordered, wrong| {
            let ledger = ledger(leaving);
            assert_eq!(
                (ledger.lost, ledger.reordered, ledger.wrong()),
                (lost, reordered, wrong),
                "{leaving:?}"
            );
        };
        check(&[(1, true), (3, true), (4, true), (5, true)], 1, 0, 1);
        check(&[(1, true), (2, true)], 0, 0, 3);
        check(
            &[(1, true), (1, true), (2, true), (3, true), (4, true), (5, true)],
            0,
            1,
            1,
        );
        // Overtaken: the earlier one counts as lost when the later one leaves, and as reordered when it comes.
        check(&[(2, true), (1, true), (3, true), (4, true), (5, true)], 1, 1, 2);
    }

    #[test]
    fn the_first_inferred_frame_since_a_mark_is_known() {
        let shared = SharedLedger::default();
        shared.change(|ledger| *ledger = self::ledger(&[(1, true)]));
        assert!(shared.get().inferred_since.is_some());
        shared.mark();
        assert!(shared.get().inferred_since.is_none());
        shared.change(|ledger| ledger.left(None, false, Instant::now()));
        assert!(shared.get().inferred_since.is_none());
    }
}
