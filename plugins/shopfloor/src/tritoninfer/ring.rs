//! The in-order ring: frames wait here for their answers, events and queries keep their place between them.
//!
//! Plain values only, time comes in as an argument: what is admitted, in which order it leaves, what a flush forgets.
//! Locking and waking is [`super::gate`]'s.

use std::collections::VecDeque;
use std::time::Instant;

use people::SkipReason;

/// What became of a frame.
#[derive(Debug, PartialEq)]
pub enum Outcome<A> {
    /// The model's answer.
    Answered(A),
    /// It goes on without one.
    Skipped(SkipReason),
}

/// One place in the ring. `B` is a buffer, `E` an event, `A` an answer.
#[derive(Debug, PartialEq)]
pub enum Item<B, E, A> {
    /// A frame and what became of it.
    Frame(B, Outcome<A>),
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
    /// Frames in the ring, those without a request counted in.
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

struct Place<B, E, A> {
    seq: u64,
    deadline: Option<Instant>,
    content: Content<B, E, A>,
}

enum Content<B, E, A> {
    Pending(B),
    Ready(Item<B, E, A>),
}

/// The ring; see the module's text.
pub struct Ring<B, E, A> {
    places: VecDeque<Place<B, E, A>>,
    frames: usize,
    in_flight: usize,
    next_seq: u64,
    epoch: u64,
    late: u64,
}

impl<B, E, A> Default for Ring<B, E, A> {
    fn default() -> Self {
        Self {
            places: VecDeque::new(),
            frames: 0,
            in_flight: 0,
            next_seq: 0,
            epoch: 0,
            late: 0,
        }
    }
}

impl<B, E, A> Ring<B, E, A> {
    /// May a frame enter, and with a request?
    pub fn admission(&self, limits: &Limits) -> Admission {
        if self.frames >= limits.frames {
            Admission::Wait
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
        self.push(deadline, Content::Pending(buffer));
        ticket
    }

    /// A frame that is not inferred.
    pub fn push_skipped(&mut self, buffer: B, reason: SkipReason) {
        self.frames += 1;
        self.push(None, Content::Ready(Item::Frame(buffer, Outcome::Skipped(reason))));
    }

    /// A serialised event.
    pub fn push_event(&mut self, event: E) {
        self.push(None, Content::Ready(Item::Event(event)));
    }

    /// A serialised query; its number comes out of [`Ring::next`] when its turn has come.
    pub fn push_query(&mut self) -> u64 {
        let id = self.next_seq;
        self.push(None, Content::Ready(Item::Query(id)));
        id
    }

    fn push(&mut self, deadline: Option<Instant>, content: Content<B, E, A>) {
        self.places.push_back(Place {
            seq: self.next_seq,
            deadline,
            content,
        });
        self.next_seq += 1;
    }

    /// A request has ended, whatever became of its frame.
    pub fn complete(&mut self, ticket: Ticket, outcome: Outcome<A>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if ticket.epoch != self.epoch {
            return;
        }
        let Ok(at) = self.places.binary_search_by_key(&ticket.seq, |place| place.seq) else {
            return;
        };
        let place = &mut self.places[at];
        place.content = match std::mem::replace(&mut place.content, Content::Ready(Item::Query(ticket.seq))) {
            Content::Pending(buffer) => Content::Ready(Item::Frame(buffer, outcome)),
            ready => ready,
        };
    }

    /// Takes what leaves next; a pending frame past its deadline leaves as overload.
    pub fn next(&mut self, now: Instant) -> Next<Item<B, E, A>> {
        let Some(first) = self.places.front() else {
            return Next::Wait;
        };
        if let Content::Pending(_) = first.content {
            match first.deadline {
                None => return Next::Wait,
                Some(deadline) if now < deadline => return Next::WaitUntil(deadline),
                Some(_) => self.late += 1,
            }
        }
        let Some(place) = self.places.pop_front() else {
            return Next::Wait;
        };
        let item = match place.content {
            Content::Pending(buffer) => Item::Frame(buffer, Outcome::Skipped(SkipReason::Overload)),
            Content::Ready(item) => item,
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
        let events = self.places.drain(..).filter_map(|place| match place.content {
            Content::Ready(Item::Event(event)) => Some(event),
            _ => None,
        });
        events.collect()
    }

    /// Downstream wants no more frames: forgets them, keeps events and queries.
    pub fn drop_frames(&mut self) {
        self.places
            .retain(|place| matches!(place.content, Content::Ready(Item::Event(_) | Item::Query(_))));
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

    type TestRing = Ring<&'static str, &'static str, u32>;
    const LIMITS: Limits = Limits {
        in_flight: 2,
        frames: 3,
        skip: false,
    };

    fn drain(ring: &mut TestRing, now: Instant) -> Vec<Item<&'static str, &'static str, u32>> {
        std::iter::from_fn(|| match ring.next(now) {
            Next::Item(item) => Some(item),
            _ => None,
        })
        .collect()
    }

    #[test]
    fn answers_in_any_order_leave_in_order() {
        let (mut ring, now) = (TestRing::default(), Instant::now());
        ring.push_event("segment");
        let a = ring.push_pending("a", None);
        ring.push_event("tag");
        let b = ring.push_pending("b", None);
        ring.push_event("eos");
        ring.complete(b, Outcome::Answered(2));
        assert_eq!(drain(&mut ring, now), [Item::Event("segment")]);
        assert_eq!(ring.next(now), Next::Wait);
        ring.complete(a, Outcome::Answered(1));
        assert_eq!(
            drain(&mut ring, now),
            [
                Item::Frame("a", Outcome::Answered(1)),
                Item::Event("tag"),
                Item::Frame("b", Outcome::Answered(2)),
                Item::Event("eos")
            ]
        );
    }

    #[test]
    fn admission_by_requests_and_frames() {
        let mut ring = TestRing::default();
        assert_eq!(ring.admission(&LIMITS), Admission::Infer);
        ring.push_pending("a", None);
        ring.push_pending("b", None);
        assert_eq!(ring.admission(&LIMITS), Admission::Wait);
        let skip = Limits { skip: true, ..LIMITS };
        assert_eq!(ring.admission(&skip), Admission::Skip);
        ring.push_skipped("c", SkipReason::Overload);
        // the ring itself is full: downstream does not take frames
        assert_eq!(ring.admission(&skip), Admission::Wait);
    }

    #[test]
    fn a_late_answer_finds_nobody_but_frees_its_slot() {
        let (mut ring, now) = (TestRing::default(), Instant::now());
        let deadline = now + Duration::from_millis(100);
        let a = ring.push_pending("a", Some(deadline));
        assert_eq!(ring.next(now), Next::WaitUntil(deadline));
        assert_eq!(
            ring.next(deadline),
            Next::Item(Item::Frame("a", Outcome::Skipped(SkipReason::Overload)))
        );
        assert_eq!((ring.late(), ring.in_flight()), (1, 1));
        ring.complete(a, Outcome::Answered(1));
        assert_eq!((ring.next(deadline), ring.in_flight()), (Next::Wait, 0));
    }

    #[test]
    fn a_flush_forgets_frames_not_requests() {
        let (mut ring, now) = (TestRing::default(), Instant::now());
        let old = ring.push_pending("old", None);
        ring.push_event("tag");
        assert_eq!(ring.flush(), ["tag"]);
        let new = ring.push_pending("new", None);
        assert_eq!(ring.in_flight(), 2);
        ring.complete(old, Outcome::Answered(1));
        assert_eq!(ring.next(now), Next::Wait);
        ring.complete(new, Outcome::Answered(2));
        assert_eq!(drain(&mut ring, now), [Item::Frame("new", Outcome::Answered(2))]);
        assert_eq!(ring.in_flight(), 0);
    }

    #[test]
    fn downstream_eos_keeps_events_and_queries() {
        let (mut ring, now) = (TestRing::default(), Instant::now());
        let a = ring.push_pending("a", None);
        let query = ring.push_query();
        ring.push_skipped("b", SkipReason::Interval);
        ring.push_event("eos");
        ring.drop_frames();
        assert_eq!(drain(&mut ring, now), [Item::Query(query), Item::Event("eos")]);
        ring.complete(a, Outcome::Skipped(SkipReason::Failed));
        assert_eq!(
            (ring.next(now), ring.admission(&LIMITS)),
            (Next::Wait, Admission::Infer)
        );
    }
}
