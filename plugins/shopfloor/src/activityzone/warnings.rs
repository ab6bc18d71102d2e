//! What is wrong with a stream for its stations, each condition reported once.

use std::time::Duration;

use people::Scene;
use people::activity::ActivityTracker;
use people::period::SlowInference;

/// The conditions that have been reported.
#[derive(Debug, Default)]
pub struct Warnings {
    slow: SlowInference,
    /// Whether the stations' vests were compared with the vest model's labels.
    vests_compared: bool,
}

impl Warnings {
    /// The texts to post about the frame at running time `time`, after `tracker` has processed it.
    pub fn of_frame(
        &mut self,
        time: Duration,
        scene: &Scene,
        tracker: &ActivityTracker,
        hold_time: Duration,
    ) -> Vec<String> {
        let slow = self.slow.update(time, scene, hold_time);
        let slow = slow.map(|period| slow_inference(period, hold_time));
        slow.into_iter().chain(self.unknown_vests(tracker)).collect()
    }

    /// Compares the vests again, since the stations are others.
    pub fn stations_changed(&mut self) {
        self.vests_compared = false;
    }

    fn unknown_vests(&mut self, tracker: &ActivityTracker) -> Option<String> {
        if self.vests_compared {
            return None;
        }
        let (stations, labels) = tracker.unknown_vests();
        self.vests_compared = !labels.is_empty();
        let name = |station: &&people::Station| {
            let vest = station.vest.as_deref().unwrap_or_default();
            format!("'{}' (vest '{vest}')", station.name)
        };
        let names: Vec<String> = stations.iter().map(name).collect();
        (!names.is_empty()).then(|| {
            format!(
                "The vest model has no label for the vest of these stations, whose states stay unknown: {}. Its labels are \
                 {}. Correct \"vest\" in stations=",
                names.join(", "),
                labels.join(", ")
            )
        })
    }
}

fn slow_inference(period: Duration, hold_time: Duration) -> String {
    format!(
        "A frame is inferred every {} ms only, less often than hold-time={}: work between two inferred frames is missed, and \
         states change late. Raise hold-time, let fewer cameras share the server, or use a faster model",
        period.as_millis(),
        hold_time.as_millis()
    )
}
