//! A tracker over a time that is right whatever the timestamps.

use super::{FrameFormat, Tracker, TrackerOptions};
use crate::Scene;
use crate::timeline::{FrameTime, Resolved, Time, Timeline};

/// Assigns tracks to the people of one stream by the frames' timestamps, see [`crate::timeline`].
///
/// A frame whose timestamp has to be confirmed is tracked as if it came when it was expected. If the timestamp is right, it is
/// tracked once more at its time, before the frame that confirmed it.
#[derive(Clone, Debug, Default)]
pub struct TimedTracker {
    tracker: Tracker,
    timeline: Timeline,
    /// The tracker before the held frame, and that frame.
    held: Option<(Tracker, Scene)>,
}

impl TimedTracker {
    /// A tracker without tracks.
    pub fn new(options: TrackerOptions) -> Self {
        Self {
            tracker: Tracker::new(options),
            ..Self::default()
        }
    }

    /// As [`Tracker::set_options`].
    pub fn set_options(&mut self, options: TrackerOptions) {
        self.change(|tracker| tracker.set_options(options));
    }

    /// As [`Tracker::set_format`].
    pub fn set_format(&mut self, format: FrameFormat) {
        self.change(|tracker| tracker.set_format(format));
    }

    /// A held frame is not tracked once more: it may be of another format.
    fn change(&mut self, change: impl FnOnce(&mut Tracker)) {
        self.held = None;
        change(&mut self.tracker);
    }

    /// The tracker, which knows nothing of time.
    pub fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// The time of the frames.
    pub fn timeline_mut(&mut self) -> &mut Timeline {
        &mut self.timeline
    }

    /// Removes all tracks, as after a flush or with another stream; ids continue counting.
    pub fn reset(&mut self) {
        self.tracker.reset();
        self.timeline.reset();
        self.held = None;
    }

    /// As [`Tracker::update`], at the time of the frame.
    pub fn update(&mut self, frame: FrameTime, scene: &mut Scene) {
        let placed = self.timeline.place(frame);
        if let (Some(resolved), Some((before, mut held))) = (placed.held, self.held.take()) {
            match resolved {
                Resolved::LeftOut => {}
                Resolved::At(time) => {
                    self.tracker.return_to(before);
                    self.tracker.update(time, &mut held);
                }
                Resolved::BeginsAnew(time) => {
                    self.tracker.reset();
                    self.tracker.update(time, &mut held);
                }
            }
        }
        match placed.time {
            Time::At(time) => self.tracker.update(time, scene),
            Time::Held { otherwise } => {
                self.held = Some((self.tracker.clone(), scene.clone()));
                self.tracker.update(otherwise, scene);
            }
        }
    }
}
