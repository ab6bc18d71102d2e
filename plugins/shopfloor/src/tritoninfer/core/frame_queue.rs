//! The reorder queue behind its lock: the streaming thread adds frames, the source pad's task takes them, responses arrive
//! on the server's threads. Nothing here pushes, posts or waits for a server, so the lock is only held for moments.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use inference::reorder::{Admission, Item, Limits, Next, Outcome, ReorderQueue, Ticket};
use inference::{Error, RegionOutputs};
use people::SkipReason;

/// What a frame waits for.
pub type FrameResult = Result<RegionOutputs, Error>;
/// What leaves the element.
pub type Leaving = Item<gst::Buffer, gst::Event, FrameResult>;

/// A locked queue with the flow's state; shared with the callbacks of requests in flight.
pub struct FrameQueue {
    state: Mutex<State>,
    wake: Condvar,
}

struct State {
    queue: ReorderQueue<gst::Buffer, gst::Event, FrameResult>,
    /// From deactivation or FLUSH_START until activation or FLUSH_STOP.
    flushing: bool,
    /// EOS came in; upstream will not ask for the flow again.
    eos: bool,
    /// The last word from downstream.
    flow: Result<gst::FlowSuccess, gst::FlowError>,
    /// The latest query whose turn has come.
    query_turn: Option<u64>,
}

impl Default for FrameQueue {
    fn default() -> Self {
        let state = State {
            queue: ReorderQueue::default(),
            flushing: true,
            eos: false,
            flow: Ok(gst::FlowSuccess::Ok),
            query_turn: None,
        };
        Self {
            state: Mutex::new(state),
            wake: Condvar::new(),
        }
    }
}

impl FrameQueue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.wake.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the stream in, empty and with a clean record.
    pub fn open(&self) {
        let mut state = self.lock();
        state.queue.flush();
        state.flushing = false;
        state.eos = false;
        state.flow = Ok(gst::FlowSuccess::Ok);
        state.query_turn = None;
    }

    /// Forgets everything, sends every waiting thread away, and gives back the events that did not leave.
    pub fn close(&self) -> Vec<gst::Event> {
        let mut state = self.lock();
        state.flushing = true;
        self.wake.notify_all();
        state.queue.flush()
    }

    /// Waits until a frame may enter, which `wants` a request or not; false: it enters without one.
    pub fn admit(&self, limits: &Limits, wants: bool) -> Result<bool, gst::FlowError> {
        let mut state = self.lock();
        loop {
            if state.flushing {
                return Err(gst::FlowError::Flushing);
            }
            state.flow?;
            if state.eos {
                return Err(gst::FlowError::Eos);
            }
            match state.queue.admission(limits, wants) {
                Admission::Infer => return Ok(true),
                Admission::Pass | Admission::Skip => return Ok(false),
                Admission::Wait => state = self.wait(state),
            }
        }
    }

    /// A frame enters that will be [completed](FrameQueue::complete).
    pub fn push_pending(&self, buffer: gst::Buffer, deadline: Option<Instant>) -> Ticket {
        let ticket = self.lock().queue.push_pending(buffer, deadline);
        self.wake.notify_all();
        ticket
    }

    /// A frame enters that is not inferred.
    pub fn push_skipped(&self, buffer: gst::Buffer, reason: SkipReason) {
        self.lock().queue.push_skipped(buffer, reason);
        self.wake.notify_all();
    }

    /// The request of a frame has ended.
    pub fn complete(&self, ticket: Ticket, outcome: Outcome<FrameResult>) {
        self.lock().queue.complete(ticket, outcome);
        self.wake.notify_all();
    }

    /// A serialised event takes its place; false where the stream takes none.
    pub fn push_event(&self, event: gst::Event) -> bool {
        use gst::EventType;
        let mut state = self.lock();
        let kind = event.type_();
        match state.flow {
            _ if state.flushing => return false,
            // as queue does: a new segment or stream may be wanted again after downstream's EOS
            Err(gst::FlowError::Eos) if matches!(kind, EventType::Segment | EventType::StreamStart) => {
                state.flow = Ok(gst::FlowSuccess::Ok);
            }
            Err(gst::FlowError::Eos) | Ok(_) => {}
            Err(_) if kind != EventType::Eos => return false,
            Err(_) => {}
        }
        match kind {
            EventType::Eos => state.eos = true,
            EventType::StreamStart => state.eos = false,
            _ => {}
        }
        state.queue.push_event(event);
        self.wake.notify_all();
        true
    }

    /// Waits until everything before a serialised query has left; false when it will not.
    pub fn pass_query(&self) -> bool {
        let mut state = self.lock();
        if state.flushing || state.flow.is_err() {
            return false;
        }
        let id = state.queue.push_query();
        self.wake.notify_all();
        loop {
            if state.query_turn == Some(id) {
                return true;
            }
            if state.flushing || state.flow.is_err() {
                return false;
            }
            state = self.wait(state);
        }
    }

    /// Waits for what leaves next; `None` when the gate is closed.
    pub fn next(&self) -> Option<Leaving> {
        let mut state = self.lock();
        loop {
            if state.flushing {
                return None;
            }
            let now = Instant::now();
            state = match state.queue.next(now) {
                Next::Item(Item::Query(id)) => {
                    state.query_turn = Some(id);
                    self.wake.notify_all();
                    state
                }
                Next::Item(item) => {
                    self.wake.notify_all();
                    return Some(item);
                }
                Next::WaitUntil(deadline) => {
                    let patience = deadline.saturating_duration_since(now);
                    self.wake
                        .wait_timeout(state, patience)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
                Next::Wait => self.wait(state),
            }
        }
    }

    /// Downstream refused a frame. True when upstream will never hear of it, for it has sent EOS already.
    pub fn refuse(&self, error: gst::FlowError) -> bool {
        let mut state = self.lock();
        if state.flushing {
            return false;
        }
        state.flow = Err(error);
        if error == gst::FlowError::Eos {
            state.queue.drop_frames();
        } else {
            state.queue.flush();
        }
        self.wake.notify_all();
        state.eos
    }

    /// Requests in flight and frames that left without the answer they waited for.
    pub fn counts(&self) -> (usize, u64) {
        let state = self.lock();
        (state.queue.in_flight(), state.queue.late())
    }
}
