//! The reorder queue with its lock: the streaming thread adds frames, the source pad's task takes them, responses
//! arrive on the server's threads. Nothing is pushed, posted or requested under the lock.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use inference::reorder::{Admission, Item, Limits, Next, Outcome, ReorderQueue, Ticket};
use inference::{Error, RegionOutputs};
use people::SkipReason;

/// The outputs of a frame's regions, or the error of its requests.
pub type FrameResult = Result<RegionOutputs, Error>;
/// An item that leaves the element.
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
    /// EOS has arrived; upstream does not get the flow return any more.
    eos: bool,
    /// The last flow return from downstream.
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

    /// Accepts items, with an empty queue and its state reset.
    pub fn open(&self) {
        let mut state = self.lock();
        state.queue.flush();
        state.flushing = false;
        state.eos = false;
        state.flow = Ok(gst::FlowSuccess::Ok);
        state.query_turn = None;
    }

    /// Removes everything, wakes every waiting thread, and returns the events that have not left.
    pub fn close(&self) -> Vec<gst::Event> {
        let mut state = self.lock();
        state.flushing = true;
        self.wake.notify_all();
        state.queue.flush()
    }

    /// Waits until a frame may enter; `inferred`: it needs a request. False: it enters without one.
    pub fn admit(&self, limits: &Limits, inferred: bool) -> Result<bool, gst::FlowError> {
        let mut state = self.lock();
        loop {
            if state.flushing {
                return Err(gst::FlowError::Flushing);
            }
            state.flow?;
            if state.eos {
                return Err(gst::FlowError::Eos);
            }
            match state.queue.admission(limits, inferred) {
                Admission::Infer => return Ok(true),
                Admission::Pass | Admission::Skip => return Ok(false),
                Admission::Wait => state = self.wait(state),
            }
        }
    }

    /// Adds a frame that will be [completed](FrameQueue::complete).
    pub fn push_pending(&self, buffer: gst::Buffer, deadline: Option<Instant>) -> Ticket {
        let ticket = self.lock().queue.push_pending(buffer, deadline);
        self.wake.notify_all();
        ticket
    }

    /// Adds a frame without inference.
    pub fn push_skipped(&self, buffer: gst::Buffer, reason: SkipReason) {
        self.lock().queue.push_skipped(buffer, reason);
        self.wake.notify_all();
    }

    /// Records the end of a frame's requests.
    pub fn complete(&self, ticket: Ticket, outcome: Outcome<FrameResult>) {
        self.lock().queue.complete(ticket, outcome);
        self.wake.notify_all();
    }

    /// Adds a serialised event; false if the stream does not accept it.
    pub fn push_event(&self, event: gst::Event) -> bool {
        use gst::EventType;
        let mut state = self.lock();
        let kind = event.type_();
        match state.flow {
            _ if state.flushing => return false,
            // as `queue` does: downstream may accept a new segment or stream after returning EOS
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

    /// Waits until everything before a serialised query has left; false if the stream is flushed or fails.
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

    /// Waits for the next item; `None` if the queue is closed.
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
                    let left = deadline.saturating_duration_since(now);
                    self.wake
                        .wait_timeout(state, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
                Next::Wait => self.wait(state),
            }
        }
    }

    /// Records that downstream refused a frame. True if upstream does not get the flow return because it has sent EOS.
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

    /// Numbers of frames with requests in flight and of frames that left without their response.
    pub fn counts(&self) -> (usize, u64) {
        let state = self.lock();
        (state.queue.in_flight(), state.queue.late())
    }
}
