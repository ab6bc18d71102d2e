//! The reorder queue: frames wait in it for their turn and for their response, which arrive in any order, and leave in
//! their original order; events and queries keep their position between them.
//!
//! ```text
//! Waiting ──take──► Sent ──complete──► Ready ──at the front──► leaves
//!    ▲  │            │ │                 ▲
//!    │  └──displace──┼─┼─────────────────┤
//!    └────return─────┘ └────deadline─────┘
//! ```
//!
//! It decides on order, displacement, deadlines and flushes only; time is an argument, and locking and waking are left to
//! the caller.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use people::SkipReason;

/// Result of a frame.
#[derive(Debug, PartialEq)]
pub enum Outcome<R> {
    /// The response to its request.
    Responded(R),
    /// It passes without inference.
    Skipped(SkipReason),
}

/// An item that leaves the queue. `F` is a frame, `E` an event, `R` a response.
#[derive(Debug, PartialEq)]
pub enum Item<F, E, R> {
    /// A frame and its result.
    Frame(F, Outcome<R>),
    /// A serialised event.
    Event(E),
    /// A serialised query, whose thread waits for its turn; the number is that of [`ReorderQueue::push_query`].
    Query(u64),
}

/// Identifies a frame. Responses to frames from before a flush are ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    epoch: u64,
    seq: u64,
}

/// Result of [`ReorderQueue::next`].
#[derive(Debug, PartialEq)]
pub enum Next<T> {
    /// The item that leaves now.
    Item(T),
    /// Nothing can leave before this time, the deadline of the first frame, unless its response arrives.
    WaitUntil(Instant),
    /// Nothing can leave before the queue changes.
    Wait,
}

struct Entry<F, E, R> {
    seq: u64,
    arrived: Instant,
    deadline: Option<Instant>,
    slot: Slot<F, E, R>,
}

enum Slot<F, E, R> {
    /// A frame that has not been sent.
    Waiting(F),
    /// A frame whose requests are at the server.
    Sent(F),
    /// An item that leaves when it is at the front.
    Ready(Item<F, E, R>),
}

/// The queue; see the [module](self). `F` is a frame, `E` an event, `R` a response.
pub struct ReorderQueue<F, E, R> {
    entries: VecDeque<Entry<F, E, R>>,
    next_seq: u64,
    epoch: u64,
    late: u64,
}

impl<F, E, R> Default for ReorderQueue<F, E, R> {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            next_seq: 0,
            epoch: 0,
            late: 0,
        }
    }
}

impl<F, E, R> ReorderQueue<F, E, R> {
    /// Adds a frame that waits for its turn; after `deadline` it leaves without inference.
    pub fn push_waiting(&mut self, frame: F, now: Instant, deadline: Option<Instant>) -> Ticket {
        self.push(now, deadline, Slot::Waiting(frame))
    }

    /// Adds a frame with its result.
    pub fn push_ready(&mut self, frame: F, now: Instant, outcome: Outcome<R>) {
        self.push(now, None, Slot::Ready(Item::Frame(frame, outcome)));
    }

    /// Adds a serialised event.
    pub fn push_event(&mut self, event: E, now: Instant) {
        self.push(now, None, Slot::Ready(Item::Event(event)));
    }

    /// Adds a serialised query; [`ReorderQueue::next`] returns its number when everything before it has left.
    pub fn push_query(&mut self, now: Instant) -> u64 {
        let id = self.next_seq;
        self.push(now, None, Slot::Ready(Item::Query(id)));
        id
    }

    fn push(&mut self, arrived: Instant, deadline: Option<Instant>, slot: Slot<F, E, R>) -> Ticket {
        let ticket = Ticket {
            epoch: self.epoch,
            seq: self.next_seq,
        };
        self.entries.push_back(Entry {
            seq: self.next_seq,
            arrived,
            deadline,
            slot,
        });
        self.next_seq += 1;
        ticket
    }

    /// Passes the waiting frames without inference, since a newer one takes their turn. Returns their number.
    pub fn displace(&mut self, reason: SkipReason) -> usize {
        self.skip(|slot| matches!(slot, Slot::Waiting(_)), usize::MAX, reason)
    }

    /// Passes the oldest frame without a result without inference; false if there is none.
    pub fn skip_oldest(&mut self, reason: SkipReason) -> bool {
        self.skip(Slot::is_pending, 1, reason) > 0
    }

    /// Passes all frames without a result without inference. Returns their number.
    pub fn skip_all(&mut self, reason: SkipReason) -> usize {
        self.skip(Slot::is_pending, usize::MAX, reason)
    }

    fn skip(&mut self, which: impl Fn(&Slot<F, E, R>) -> bool, most: usize, reason: SkipReason) -> usize {
        let chosen = self.entries.iter_mut().filter(|entry| which(&entry.slot)).take(most);
        chosen.map(|entry| entry.finish(Outcome::Skipped(reason))).count()
    }

    /// Takes the turn of the oldest waiting frame: its requests are about to be sent.
    pub fn take_waiting(&mut self) -> Option<(Ticket, F)>
    where
        F: Clone,
    {
        let entry = self
            .entries
            .iter_mut()
            .find(|entry| matches!(entry.slot, Slot::Waiting(_)))?;
        let Slot::Waiting(frame) = entry.replace() else {
            return None; // found by its slot
        };
        entry.slot = Slot::Sent(frame.clone());
        let ticket = Ticket {
            epoch: self.epoch,
            seq: entry.seq,
        };
        Some((ticket, frame))
    }

    /// Returns a frame whose requests failed to its place among the waiting ones, changed by `change`; false if it has left.
    pub fn return_waiting(&mut self, ticket: Ticket, change: impl FnOnce(&mut F)) -> bool {
        let Some(entry) = self.entry(ticket) else {
            return false;
        };
        let slot = entry.replace();
        let (slot, returned) = match slot {
            Slot::Sent(mut frame) => {
                change(&mut frame);
                (Slot::Waiting(frame), true)
            }
            slot => (slot, false),
        };
        entry.slot = slot;
        returned
    }

    /// Records the result of a frame; false if it has left, or has a result.
    pub fn complete(&mut self, ticket: Ticket, outcome: Outcome<R>) -> bool {
        self.entry(ticket).is_some_and(|entry| entry.finish(outcome))
    }

    fn entry(&mut self, ticket: Ticket) -> Option<&mut Entry<F, E, R>> {
        let at = self.entries.binary_search_by_key(&ticket.seq, |entry| entry.seq).ok();
        at.filter(|_| ticket.epoch == self.epoch)
            .map(|at| &mut self.entries[at])
    }

    /// Takes the next item. A frame past its deadline leaves as skipped because of overload.
    pub fn next(&mut self, now: Instant) -> Next<Item<F, E, R>> {
        let Some(first) = self.entries.front_mut() else {
            return Next::Wait;
        };
        if first.slot.is_pending() {
            match first.deadline {
                None => return Next::Wait,
                Some(deadline) if now < deadline => return Next::WaitUntil(deadline),
                Some(_) => {
                    first.finish(Outcome::Skipped(SkipReason::Overload));
                    self.late += 1;
                }
            }
        }
        match self.entries.pop_front().map(|entry| entry.slot) {
            Some(Slot::Ready(item)) => Next::Item(item),
            _ => Next::Wait, // it was made ready above
        }
    }

    /// Removes all items and returns the events.
    pub fn flush(&mut self) -> Vec<E> {
        self.epoch += 1;
        let events = self.entries.drain(..).filter_map(|entry| match entry.slot {
            Slot::Ready(Item::Event(event)) => Some(event),
            _ => None,
        });
        events.collect()
    }

    /// Removes all frames and keeps events and queries, for a downstream that accepts no more frames.
    pub fn drop_frames(&mut self) {
        self.entries
            .retain(|entry| matches!(entry.slot, Slot::Ready(Item::Event(_) | Item::Query(_))));
    }

    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.entries.iter().filter(|entry| entry.slot.is_frame()).count()
    }

    /// Number of frames without a result.
    pub fn pending(&self) -> usize {
        self.entries.iter().filter(|entry| entry.slot.is_pending()).count()
    }

    /// The next frame that waits for its turn.
    pub fn waiting(&self) -> Option<&F> {
        self.entries.iter().find_map(|entry| match &entry.slot {
            Slot::Waiting(frame) => Some(frame),
            _ => None,
        })
    }

    /// The sum of `size` over all frames.
    pub fn size(&self, size: impl Fn(&F) -> usize) -> usize {
        let frames = self.entries.iter().filter_map(|entry| match &entry.slot {
            Slot::Waiting(frame) | Slot::Sent(frame) | Slot::Ready(Item::Frame(frame, _)) => Some(frame),
            Slot::Ready(_) => None,
        });
        frames.map(size).sum()
    }

    /// Whether nothing is in the queue.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How long the oldest item has been in the queue.
    pub fn age(&self, now: Instant) -> Option<Duration> {
        let first = self.entries.front()?;
        Some(now.saturating_duration_since(first.arrived))
    }

    /// How long the oldest frame without a result has been in the queue.
    pub fn pending_age(&self, now: Instant) -> Option<Duration> {
        let oldest = self.entries.iter().find(|entry| entry.slot.is_pending())?;
        Some(now.saturating_duration_since(oldest.arrived))
    }

    /// Number of frames that left at their deadline, without the response.
    pub fn late(&self) -> u64 {
        self.late
    }
}

impl<F, E, R> Entry<F, E, R> {
    /// Takes the slot out, to put another in.
    fn replace(&mut self) -> Slot<F, E, R> {
        std::mem::replace(&mut self.slot, Slot::Ready(Item::Query(self.seq)))
    }

    /// Makes a frame without a result ready.
    fn finish(&mut self, outcome: Outcome<R>) -> bool {
        let (slot, finished) = match self.replace() {
            Slot::Waiting(frame) | Slot::Sent(frame) => (Slot::Ready(Item::Frame(frame, outcome)), true),
            ready => (ready, false),
        };
        self.slot = slot;
        finished
    }
}

impl<F, E, R> Slot<F, E, R> {
    fn is_pending(&self) -> bool {
        matches!(self, Self::Waiting(_) | Self::Sent(_))
    }

    fn is_frame(&self) -> bool {
        self.is_pending() || matches!(self, Self::Ready(Item::Frame(..)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type TestQueue = ReorderQueue<&'static str, &'static str, u32>;
    type TestItem = Item<&'static str, &'static str, u32>;

    fn drain(queue: &mut TestQueue, now: Instant) -> Vec<TestItem> {
        std::iter::from_fn(|| match queue.next(now) {
            Next::Item(item) => Some(item),
            _ => None,
        })
        .collect()
    }

    /// Adds frames and sends them at once.
    fn send(queue: &mut TestQueue, now: Instant, frames: &[&'static str]) -> Vec<Ticket> {
        let sent = frames.iter().map(|frame| {
            queue.push_waiting(frame, now, None);
            queue.take_waiting().unwrap().0
        });
        sent.collect()
    }

    const fn overload(frame: &'static str) -> TestItem {
        Item::Frame(frame, Outcome::Skipped(SkipReason::Overload))
    }

    #[test]
    fn frames_leave_in_order_whatever_the_order_of_responses() {
        let (mut queue, now) = (TestQueue::default(), Instant::now());
        queue.push_event("segment", now);
        let a = send(&mut queue, now, &["a"])[0];
        queue.push_event("tag", now);
        let b = send(&mut queue, now, &["b"])[0];
        queue.push_event("eos", now);
        assert!(queue.complete(b, Outcome::Responded(2)));
        assert_eq!(drain(&mut queue, now), [Item::Event("segment")]);
        assert_eq!(queue.next(now), Next::Wait);
        assert!(queue.complete(a, Outcome::Responded(1)));
        assert_eq!(
            drain(&mut queue, now),
            [
                Item::Frame("a", Outcome::Responded(1)),
                Item::Event("tag"),
                Item::Frame("b", Outcome::Responded(2)),
                Item::Event("eos")
            ]
        );
    }

    #[test]
    fn displaced_frames_leave_in_order_and_sent_ones_stay() {
        let (mut queue, now) = (TestQueue::default(), Instant::now());
        let a = send(&mut queue, now, &["a"])[0];
        queue.push_waiting("b", now, None);
        assert_eq!(queue.displace(SkipReason::Overload), 1);
        queue.push_waiting("c", now, None);
        assert_eq!(queue.next(now), Next::Wait, "b is behind a");
        queue.complete(a, Outcome::Responded(1));
        assert_eq!(
            drain(&mut queue, now),
            [Item::Frame("a", Outcome::Responded(1)), overload("b")]
        );
        assert_eq!(queue.take_waiting().map(|(_, frame)| frame), Some("c"));
    }

    #[test]
    fn turns_are_taken_oldest_first_and_returned_to_their_position() {
        let (mut queue, now) = (TestQueue::default(), Instant::now());
        for frame in ["a", "b"] {
            queue.push_waiting(frame, now, None);
        }
        let (a, _) = queue.take_waiting().unwrap();
        let (b, frame) = queue.take_waiting().unwrap();
        assert_eq!((frame, queue.take_waiting()), ("b", None));
        assert!(queue.return_waiting(a, |frame| *frame = "a again"));
        assert!(!queue.return_waiting(a, |_| unreachable!()));
        assert!(queue.complete(b, Outcome::Responded(2)) && !queue.return_waiting(b, |_| unreachable!()));
        assert_eq!(queue.waiting(), Some(&"a again"));
        assert_eq!(queue.take_waiting().map(|(_, frame)| frame), Some("a again"));
    }

    #[test]
    fn a_late_response_is_ignored() {
        let (mut queue, now) = (TestQueue::default(), Instant::now());
        let deadline = now + Duration::from_millis(100);
        queue.push_waiting("a", now, Some(deadline));
        let (a, _) = queue.take_waiting().unwrap();
        assert_eq!(queue.next(now), Next::WaitUntil(deadline));
        assert_eq!(queue.next(deadline), Next::Item(overload("a")));
        assert_eq!(queue.late(), 1);
        assert!(!queue.complete(a, Outcome::Responded(1)));
        assert!(queue.is_empty());
    }

    #[test]
    fn a_frame_that_never_got_its_turn_leaves_at_its_deadline() {
        let (mut queue, now) = (TestQueue::default(), Instant::now());
        queue.push_waiting("a", now, Some(now));
        assert_eq!(queue.next(now), Next::Item(overload("a")));
        assert_eq!(queue.take_waiting(), None);
    }

    #[test]
    fn frames_without_a_result_can_be_passed_on_oldest_first_or_all() {
        let (mut queue, now) = (TestQueue::default(), Instant::now());
        let sent = send(&mut queue, now, &["a"]);
        queue.push_waiting("b", now, None);
        queue.push_waiting("c", now, None);
        assert!(queue.skip_oldest(SkipReason::Overload));
        assert_eq!(drain(&mut queue, now), [overload("a")]);
        assert_eq!(queue.skip_all(SkipReason::Failed), 2);
        assert_eq!((queue.pending(), queue.frames()), (0, 2));
        assert!(!queue.skip_oldest(SkipReason::Failed));
        assert!(!queue.complete(sent[0], Outcome::Responded(1)));
    }

    #[test]
    fn a_flush_removes_frames_and_ignores_their_responses() {
        let (mut queue, now) = (TestQueue::default(), Instant::now());
        let old = send(&mut queue, now, &["old"])[0];
        queue.push_event("tag", now);
        assert_eq!(queue.flush(), ["tag"]);
        let new = send(&mut queue, now, &["new"])[0];
        assert!(!queue.complete(old, Outcome::Responded(1)) && !queue.return_waiting(old, |_| unreachable!()));
        assert_eq!(queue.next(now), Next::Wait);
        queue.complete(new, Outcome::Responded(2));
        assert_eq!(drain(&mut queue, now), [Item::Frame("new", Outcome::Responded(2))]);
    }

    #[test]
    fn dropping_frames_keeps_events_and_queries() {
        let (mut queue, now) = (TestQueue::default(), Instant::now());
        let a = send(&mut queue, now, &["a"])[0];
        let query = queue.push_query(now);
        queue.push_ready("b", now, Outcome::Skipped(SkipReason::Interval));
        queue.push_event("eos", now);
        queue.drop_frames();
        assert_eq!(drain(&mut queue, now), [Item::Query(query), Item::Event("eos")]);
        assert!(!queue.complete(a, Outcome::Skipped(SkipReason::Failed)));
        assert_eq!(queue.frames(), 0);
    }

    #[test]
    fn the_age_is_that_of_the_oldest_item() {
        let (mut queue, now) = (TestQueue::default(), Instant::now());
        let later = now + Duration::from_millis(70);
        assert_eq!(queue.age(now), None);
        queue.push_waiting("a", now, None);
        queue.push_event("tag", later);
        assert_eq!(queue.age(later), Some(Duration::from_millis(70)));
        queue.skip_all(SkipReason::Failed);
        assert_eq!(queue.pending_age(later), None);
        queue.push_waiting("b", later, None);
        assert_eq!(queue.pending_age(later), Some(Duration::ZERO));
    }
}
