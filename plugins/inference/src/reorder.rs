//! The reorder queue: frames wait in it for their responses, which arrive in any order, and leave in their original
//! order; events and queries keep their position between them.
//!
//! It decides on admission, order and flushes only; time is an argument, and locking and waking are left to the caller.

use std::collections::VecDeque;
use std::time::Instant;

use people::SkipReason;

/// Result of a frame.
#[derive(Debug, PartialEq)]
pub enum Outcome<R> {
    /// The response to its request.
    Responded(R),
    /// It passes without inference.
    Skipped(SkipReason),
}

/// An item that leaves the queue. `B` is a buffer, `E` an event, `R` a response.
#[derive(Debug, PartialEq)]
pub enum Item<B, E, R> {
    /// A frame and its result.
    Frame(B, Outcome<R>),
    /// A serialised event.
    Event(E),
    /// A serialised query, whose thread waits for its turn; the number is that of [`ReorderQueue::push_query`].
    Query(u64),
}

/// Decision on the next frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Enters with a request.
    Infer,
    /// Enters; it needs no request.
    Pass,
    /// Enters without a request: too many are in flight, and the stream must not wait.
    Skip,
    /// Has to wait until an item leaves or a request ends.
    Wait,
}

/// Maximum numbers of frames and requests.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Frames with requests in flight.
    pub in_flight: usize,
    /// Frames in the queue, including those without a request.
    pub frames: usize,
    /// At the maximum of `in_flight`: pass frames without inference (true) or wait (false).
    pub skip: bool,
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

struct Entry<B, E, R> {
    seq: u64,
    deadline: Option<Instant>,
    slot: Slot<B, E, R>,
}

enum Slot<B, E, R> {
    Pending(B),
    Ready(Item<B, E, R>),
}

/// The queue; see the [module](self). `B` is a buffer, `E` an event, `R` a response.
pub struct ReorderQueue<B, E, R> {
    entries: VecDeque<Entry<B, E, R>>,
    frames: usize,
    in_flight: usize,
    next_seq: u64,
    epoch: u64,
    late: u64,
}

impl<B, E, R> Default for ReorderQueue<B, E, R> {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            frames: 0,
            in_flight: 0,
            next_seq: 0,
            epoch: 0,
            late: 0,
        }
    }
}

impl<B, E, R> ReorderQueue<B, E, R> {
    /// Whether and how the next frame may enter. `inferred`: it needs a request; a frame that does not need one is not
    /// limited by the requests in flight.
    pub fn admission(&self, limits: &Limits, inferred: bool) -> Admission {
        if self.frames >= limits.frames {
            Admission::Wait
        } else if !inferred {
            Admission::Pass
        } else if self.in_flight < limits.in_flight {
            Admission::Infer
        } else if limits.skip {
            Admission::Skip
        } else {
            Admission::Wait
        }
    }

    /// Adds a frame whose request is about to be sent; after `deadline` it leaves without the response.
    pub fn push_pending(&mut self, buffer: B, deadline: Option<Instant>) -> Ticket {
        self.in_flight += 1;
        let ticket = Ticket {
            epoch: self.epoch,
            seq: self.next_seq,
        };
        self.frames += 1;
        self.push(deadline, Slot::Pending(buffer));
        ticket
    }

    /// Adds a frame without inference.
    pub fn push_skipped(&mut self, buffer: B, reason: SkipReason) {
        self.frames += 1;
        self.push(None, Slot::Ready(Item::Frame(buffer, Outcome::Skipped(reason))));
    }

    /// Adds a serialised event.
    pub fn push_event(&mut self, event: E) {
        self.push(None, Slot::Ready(Item::Event(event)));
    }

    /// Adds a serialised query; [`ReorderQueue::next`] returns its number when everything before it has left.
    pub fn push_query(&mut self) -> u64 {
        let id = self.next_seq;
        self.push(None, Slot::Ready(Item::Query(id)));
        id
    }

    fn push(&mut self, deadline: Option<Instant>, slot: Slot<B, E, R>) {
        self.entries.push_back(Entry {
            seq: self.next_seq,
            deadline,
            slot,
        });
        self.next_seq += 1;
    }

    /// Records the end of a request; must be called for each ticket, even if its frame has left.
    pub fn complete(&mut self, ticket: Ticket, outcome: Outcome<R>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if ticket.epoch != self.epoch {
            return;
        }
        let Ok(at) = self.entries.binary_search_by_key(&ticket.seq, |entry| entry.seq) else {
            return;
        };
        let entry = &mut self.entries[at];
        entry.slot = match std::mem::replace(&mut entry.slot, Slot::Ready(Item::Query(ticket.seq))) {
            Slot::Pending(buffer) => Slot::Ready(Item::Frame(buffer, outcome)),
            ready => ready,
        };
    }

    /// Takes the next item. A pending frame past its deadline leaves as skipped because of overload.
    pub fn next(&mut self, now: Instant) -> Next<Item<B, E, R>> {
        let Some(first) = self.entries.front() else {
            return Next::Wait;
        };
        if let Slot::Pending(_) = first.slot {
            match first.deadline {
                None => return Next::Wait,
                Some(deadline) if now < deadline => return Next::WaitUntil(deadline),
                Some(_) => self.late += 1,
            }
        }
        let Some(entry) = self.entries.pop_front() else {
            return Next::Wait;
        };
        let item = match entry.slot {
            Slot::Pending(buffer) => Item::Frame(buffer, Outcome::Skipped(SkipReason::Overload)),
            Slot::Ready(item) => item,
        };
        if let Item::Frame(..) = item {
            self.frames -= 1;
        }
        Next::Item(item)
    }

    /// Removes all items and returns the events; requests in flight are counted until they end.
    pub fn flush(&mut self) -> Vec<E> {
        self.frames = 0;
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
        self.frames = 0;
    }

    /// Number of frames with requests in flight.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Number of frames that left at their deadline, without the response.
    pub fn late(&self) -> u64 {
        self.late
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    type TestQueue = ReorderQueue<&'static str, &'static str, u32>;
    const LIMITS: Limits = Limits {
        in_flight: 2,
        frames: 3,
        skip: false,
    };

    fn drain(queue: &mut TestQueue, now: Instant) -> Vec<Item<&'static str, &'static str, u32>> {
        std::iter::from_fn(|| match queue.next(now) {
            Next::Item(item) => Some(item),
            _ => None,
        })
        .collect()
    }

    #[test]
    fn frames_leave_in_order_whatever_the_order_of_responses() {
        let (mut queue, now) = (TestQueue::default(), Instant::now());
        queue.push_event("segment");
        let a = queue.push_pending("a", None);
        queue.push_event("tag");
        let b = queue.push_pending("b", None);
        queue.push_event("eos");
        queue.complete(b, Outcome::Responded(2));
        assert_eq!(drain(&mut queue, now), [Item::Event("segment")]);
        assert_eq!(queue.next(now), Next::Wait);
        queue.complete(a, Outcome::Responded(1));
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
    fn admission_depends_on_requests_in_flight_and_queued_frames() {
        let mut queue = TestQueue::default();
        assert_eq!(queue.admission(&LIMITS, true), Admission::Infer);
        queue.push_pending("a", None);
        queue.push_pending("b", None);
        assert_eq!(queue.admission(&LIMITS, true), Admission::Wait);
        let skip = Limits { skip: true, ..LIMITS };
        assert_eq!(queue.admission(&skip, true), Admission::Skip);
        queue.push_skipped("c", SkipReason::Overload);
        // the queue is full, since downstream takes no frames
        assert_eq!(queue.admission(&skip, true), Admission::Wait);
    }

    #[test]
    fn a_late_response_is_ignored_and_frees_its_slot() {
        let (mut queue, now) = (TestQueue::default(), Instant::now());
        let deadline = now + Duration::from_millis(100);
        let a = queue.push_pending("a", Some(deadline));
        assert_eq!(queue.next(now), Next::WaitUntil(deadline));
        assert_eq!(
            queue.next(deadline),
            Next::Item(Item::Frame("a", Outcome::Skipped(SkipReason::Overload)))
        );
        assert_eq!((queue.late(), queue.in_flight()), (1, 1));
        queue.complete(a, Outcome::Responded(1));
        assert_eq!((queue.next(deadline), queue.in_flight()), (Next::Wait, 0));
    }

    #[test]
    fn a_flush_removes_frames_but_counts_their_requests() {
        let (mut queue, now) = (TestQueue::default(), Instant::now());
        let old = queue.push_pending("old", None);
        queue.push_event("tag");
        assert_eq!(queue.flush(), ["tag"]);
        let new = queue.push_pending("new", None);
        assert_eq!(queue.in_flight(), 2);
        queue.complete(old, Outcome::Responded(1));
        assert_eq!(queue.next(now), Next::Wait);
        queue.complete(new, Outcome::Responded(2));
        assert_eq!(drain(&mut queue, now), [Item::Frame("new", Outcome::Responded(2))]);
        assert_eq!(queue.in_flight(), 0);
    }

    #[test]
    fn dropping_frames_keeps_events_and_queries() {
        let (mut queue, now) = (TestQueue::default(), Instant::now());
        let a = queue.push_pending("a", None);
        let query = queue.push_query();
        queue.push_skipped("b", SkipReason::Interval);
        queue.push_event("eos");
        queue.drop_frames();
        assert_eq!(drain(&mut queue, now), [Item::Query(query), Item::Event("eos")]);
        queue.complete(a, Outcome::Skipped(SkipReason::Failed));
        assert_eq!(
            (queue.next(now), queue.admission(&LIMITS, true)),
            (Next::Wait, Admission::Infer)
        );
    }
}
