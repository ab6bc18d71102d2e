//! The reorder queue: frames wait here for their responses, which arrive in any order, and leave in the order in which
//! they came; events and queries keep their position between them.
//!
//! Plain values only, time is an argument: what is admitted, in which order it leaves, what a flush removes. Locking and
//! waking are the caller's.

use std::collections::VecDeque;
use std::time::Instant;

use people::SkipReason;

/// What became of a frame.
#[derive(Debug, PartialEq)]
pub enum Outcome<R> {
    /// The model's answer.
    Responded(R),
    /// It goes on without one.
    Skipped(SkipReason),
}

/// What leaves the queue. `B` is a buffer, `E` an event, `A` a response.
#[derive(Debug, PartialEq)]
pub enum Item<B, E, R> {
    /// A frame and what became of it.
    Frame(B, Outcome<R>),
    /// A serialised event.
    Event(E),
    /// A serialised query, waiting on its own thread for its turn.
    Query(u64),
}

/// What may happen to the next frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Room for a request.
    Infer,
    /// It needs no request, and there is room for it.
    Pass,
    /// Too many requests are in flight and this stream must not wait.
    Skip,
    /// Wait until something leaves.
    Wait,
}

/// How many frames and requests are allowed at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests sent and not answered.
    pub in_flight: usize,
    /// Frames in the queue, those without a request counted in.
    pub frames: usize,
    /// On a full server: go on without inference (true) or wait (false).
    pub skip: bool,
}

/// Names a frame across a flush: an answer to a frame that was flushed finds nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    epoch: u64,
    seq: u64,
}

/// The next thing to leave.
#[derive(Debug, PartialEq)]
pub enum Next<T> {
    /// This leaves now.
    Item(T),
    /// Nothing can leave; at this time the first frame's patience ends.
    WaitUntil(Instant),
    /// Nothing can leave before something changes.
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

/// The queue; see the module's text.
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
    /// Whether a frame may enter, and with a request; `wants`: it is to have one. A frame that needs no request does not wait
    /// for a request's place.
    pub fn admission(&self, limits: &Limits, wants: bool) -> Admission {
        if self.frames >= limits.frames {
            Admission::Wait
        } else if !wants {
            Admission::Pass
        } else if self.in_flight < limits.in_flight {
            Admission::Infer
        } else if limits.skip {
            Admission::Skip
        } else {
            Admission::Wait
        }
    }

    /// A frame whose request is about to be sent; past `deadline` it leaves without the answer.
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

    /// A frame that is not inferred.
    pub fn push_skipped(&mut self, buffer: B, reason: SkipReason) {
        self.frames += 1;
        self.push(None, Slot::Ready(Item::Frame(buffer, Outcome::Skipped(reason))));
    }

    /// A serialised event.
    pub fn push_event(&mut self, event: E) {
        self.push(None, Slot::Ready(Item::Event(event)));
    }

    /// A serialised query; its number comes out of [`ReorderQueue::next`] when its turn has come.
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

    /// A request has ended, whatever became of its frame.
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

    /// Takes what leaves next; a pending frame past its deadline leaves as overload.
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

    /// Forgets everything queued and gives back the events; requests in flight stay counted until they end.
    pub fn flush(&mut self) -> Vec<E> {
        self.frames = 0;
        self.epoch += 1;
        let events = self.entries.drain(..).filter_map(|entry| match entry.slot {
            Slot::Ready(Item::Event(event)) => Some(event),
            _ => None,
        });
        events.collect()
    }

    /// Downstream wants no more frames: forgets them, keeps events and queries.
    pub fn drop_frames(&mut self) {
        self.entries
            .retain(|entry| matches!(entry.slot, Slot::Ready(Item::Event(_) | Item::Query(_))));
        self.frames = 0;
    }

    /// Requests sent and not answered.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Frames that left without the answer they were waiting for.
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
    fn answers_in_any_order_leave_in_order() {
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
    fn admission_by_requests_and_frames() {
        let mut queue = TestQueue::default();
        assert_eq!(queue.admission(&LIMITS, true), Admission::Infer);
        queue.push_pending("a", None);
        queue.push_pending("b", None);
        assert_eq!(queue.admission(&LIMITS, true), Admission::Wait);
        let skip = Limits { skip: true, ..LIMITS };
        assert_eq!(queue.admission(&skip, true), Admission::Skip);
        queue.push_skipped("c", SkipReason::Overload);
        // the queue itself is full: downstream does not take frames
        assert_eq!(queue.admission(&skip, true), Admission::Wait);
    }

    #[test]
    fn a_late_answer_finds_nobody_but_frees_its_slot() {
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
    fn a_flush_forgets_frames_not_requests() {
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
    fn downstream_eos_keeps_events_and_queries() {
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
