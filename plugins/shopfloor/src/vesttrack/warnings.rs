//! What is wrong with a stream for the tracker, each condition reported once.

use people::names;
use people::tracker::Tracker;

/// The conditions that have been reported.
#[derive(Debug, Default)]
pub struct Warnings {
    /// Whether the vests of workers were compared with the vest model's labels.
    vests_compared: bool,
}

impl Warnings {
    /// The text to post after `tracker` has processed a frame.
    pub fn of_frame(&mut self, tracker: &Tracker) -> Option<String> {
        if self.vests_compared {
            return None;
        }
        let (unknown, labels) = tracker.unknown_vests();
        self.vests_compared = !labels.is_empty();
        let unknown: Vec<String> = unknown.iter().map(ToString::to_string).collect();
        (!unknown.is_empty()).then(|| {
            format!(
                "The vest model has no such label: {}. Its labels are {}. Nobody becomes a worker by these names. Correct vests=",
                names::list(&unknown),
                labels.join(", ")
            )
        })
    }

    /// Compares the vests again, since they may be others.
    pub fn options_changed(&mut self) {
        self.vests_compared = false;
    }
}
