//! The reorder queue with its lock: the streaming thread adds frames, the source pad's task takes them, responses
//! arrive on the server's threads. Nothing is pushed, posted or requested under the lock.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use inference::reorder::{Item, Next, Outcome, ReorderQueue, Ticket};
use people::SkipReason;
use vision::Rect;
use vision::letterbox::Orientation;

use super::attach::Decoded;

/// An item that leaves the element.
pub type Leaving = Item<Frame, gst::Event, Decoded>;

/// A frame in the queue.
#[derive(Clone)]
pub struct Frame {
    pub buffer: gst::Buffer,
    /// The format of its stream, which may have changed since.
    pub info: Arc<gst_video::VideoInfo>,
    /// How its pixels are turned to be upright.
    pub orientation: Orientation,
    /// The regions to infer on, in pixels of the stored frame.
    pub regions: Arc<[Rect]>,
    pub arrived: Instant,
    /// Number of inferences that the frame has had in earlier elements.
    pub stage: u32,
    /// Number of attempts that the server answered with an error.
    pub refusals: u32,
}

/// When a frame has to wait before it enters.
#[derive(Clone, Copy, Debug)]
pub enum Limits {
    /// While this many frames have no result, or [`SLACK`] more are in the queue: the stream waits for the server.
    Frames(usize),
    /// Only while downstream accepts no frames: the oldest item has been in the queue for longer than this time, after which
    /// every frame has a result. Frames in excess of this many bytes pass without inference.
    Age { longest: Duration, bytes: usize },
}

/// Frames that may be in the element in addition to those that wait for responses, to allow for jitter.
pub const SLACK: usize = 4;

/// A locked queue with the flow's state; shared with the callbacks of requests in flight.
pub struct FrameQueue {
    state: Mutex<State>,
    wake: Condvar,
}

struct State {
    queue: ReorderQueue<Frame, gst::Event, Decoded>,
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

impl State {
    /// The flow return for upstream.
    fn flow(&self) -> Result<(), gst::FlowError> {
        if self.flushing {
            return Err(gst::FlowError::Flushing);
        }
        self.flow?;
        if self.eos { Err(gst::FlowError::Eos) } else { Ok(()) }
    }
}

impl FrameQueue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.wake.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the queue and wakes the threads that wait for changes.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.wake.notify_all();
        result
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
        self.change(|state| {
            state.flushing = true;
            state.queue.flush()
        })
    }

    // ---- the streaming thread

    /// Waits until a frame may enter.
    pub fn admit(&self, limits: Limits) -> Result<(), gst::FlowError> {
        let mut state = self.lock();
        loop {
            state.flow()?;
            let queue = &mut state.queue;
            match limits {
                Limits::Frames(most) => {
                    if queue.pending() < most && queue.frames() < most + SLACK {
                        return Ok(());
                    }
                }
                Limits::Age { longest, bytes } => {
                    let now = Instant::now();
                    let blocked = queue.frames() > SLACK && queue.age(now).is_some_and(|age| age > longest);
                    if !blocked && queue.size(|frame| frame.buffer.size()) <= bytes {
                        return Ok(());
                    }
                    if queue.skip_oldest(SkipReason::Overload) {
                        self.wake.notify_all();
                    }
                }
            }
            state = self.wait(state);
        }
    }

    /// Adds a frame that waits for its turn; it takes the turn of those that wait already if `newest`. After `deadline` it
    /// leaves without inference.
    pub fn push_waiting(&self, frame: Frame, newest: bool, deadline: Option<Instant>) {
        self.change(|state| {
            if newest {
                state.queue.displace(SkipReason::Overload);
            }
            let now = frame.arrived;
            state.queue.push_waiting(frame, now, deadline);
        });
    }

    /// Adds a frame that needs no request.
    pub fn push_ready(&self, frame: Frame, outcome: Outcome<Decoded>) {
        self.change(|state| {
            let now = frame.arrived;
            state.queue.push_ready(frame, now, outcome);
        });
    }

    /// Adds a serialised event. False if the stream is flushed or failed.
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
        state.queue.push_event(event, Instant::now());
        self.wake.notify_all();
        true
    }

    /// Waits until everything before a serialised query has left; false if the stream is flushed or fails.
    pub fn pass_query(&self) -> bool {
        let mut state = self.lock();
        if state.flushing || state.flow.is_err() {
            return false;
        }
        let id = state.queue.push_query(Instant::now());
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

    // ---- turns and responses

    /// The oldest waiting frame, whose turn has come.
    pub fn take_waiting(&self) -> Option<(Ticket, Frame)> {
        self.lock().queue.take_waiting()
    }

    /// Returns a frame to its place among the waiting ones; false if it has left.
    pub fn return_waiting(&self, ticket: Ticket, refusals: u32) -> bool {
        self.change(|state| {
            let change = |frame: &mut Frame| frame.refusals = refusals;
            state.queue.return_waiting(ticket, change)
        })
    }

    /// The stage of the next frame that waits for its turn; `None` if none does.
    pub fn waiting_stage(&self) -> Option<u32> {
        self.lock().queue.waiting().map(|frame| frame.stage)
    }

    /// Records the result of a frame; false if it has left.
    pub fn complete(&self, ticket: Ticket, outcome: Outcome<Decoded>) -> bool {
        self.change(|state| state.queue.complete(ticket, outcome))
    }

    /// Passes all frames without a result on without inference.
    pub fn skip_all(&self, reason: SkipReason) {
        self.change(|state| state.queue.skip_all(reason));
    }

    /// Ends the stream with EOS: later frames get `error`, and those that have not left are dropped.
    pub fn fail(&self, error: gst::FlowError) {
        self.change(|state| {
            if !state.flushing && state.flow.is_ok() {
                state.flow = Err(error);
                state.queue.flush();
                state.queue.push_event(gst::event::Eos::new(), Instant::now());
            }
        });
    }

    // ---- the source pad's task

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
        self.change(|state| {
            if state.flushing {
                return false;
            }
            state.flow = Err(error);
            if error == gst::FlowError::Eos {
                state.queue.drop_frames();
            } else {
                state.queue.flush();
            }
            state.eos
        })
    }

    /// Downstream may accept frames again, as after it has been linked. As in `queue`, an error of the stream itself stays.
    pub fn accept_again(&self) {
        self.change(|state| {
            if matches!(state.flow, Err(gst::FlowError::NotLinked | gst::FlowError::Eos)) {
                state.flow = Ok(gst::FlowSuccess::Ok);
            }
        });
    }

    /// How long the oldest frame without a result has been in the element.
    pub fn pending_age(&self) -> Option<Duration> {
        self.lock().queue.pending_age(Instant::now())
    }

    /// Number of frames in the element.
    pub fn frames(&self) -> usize {
        self.lock().queue.frames()
    }

    /// Numbers of frames without a result, and of frames that left at their deadline.
    pub fn counts(&self) -> (usize, u64) {
        let state = self.lock();
        (state.queue.pending(), state.queue.late())
    }
}
