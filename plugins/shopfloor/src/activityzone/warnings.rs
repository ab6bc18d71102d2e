//! What is wrong with a stream for its stations, each condition reported once.

use std::time::Duration;

use people::activity::ActivityTracker;
use people::event::{ClockStep, StepReason};
use people::period::SlowInference;
use people::{Scene, names};

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
        let station = |station: &&people::Station| {
            let vest = names::resolve(station.vest.as_ref()?, labels).err()?;
            Some(format!("station '{}' has the vest {vest}", station.name))
        };
        let unknown: Vec<String> = stations.iter().filter_map(station).collect();
        (!unknown.is_empty()).then(|| {
            format!(
                "The vest model has no such label: {}. Its labels are {}. The states of these stations stay unknown. Correct \
                 \"vest\" in stations=",
                names::list(&unknown),
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

/// What is odd about the stream's time, and what it means for the facts.
pub fn of_clock(step: &ClockStep) -> String {
    let (at, by) = (step.time.as_secs_f64(), step.step.as_secs_f64());
    let what = match step.reason {
        StepReason::NoTimestamp => "Frames have no timestamp that can be used: they are timed by their duration, the frame rate or the \
                                    pipeline's clock. Put videorate before tritoninfer if the source has a constant rate"
            .to_owned(),
        StepReason::OutsideSegment => {
            "A frame's timestamp is outside its segment: it is timed as a frame without a timestamp".to_owned()
        }
        StepReason::Backward => format!("A frame's timestamp is {by:.3} s off the one before: time stands still until it is passed"),
        StepReason::Glitch => format!("A single frame's timestamp is {by:.3} s off the one before: the frame is left out"),
        StepReason::Ahead => format!("Timestamps went ahead by {by:.3} s: the time between is unknown"),
        StepReason::NewClock => {
            format!("Timestamps went {by:.3} s off the ones before and stay there: all stations begin anew")
        }
        StepReason::HostClock => format!("The clock of this computer was set by {by:.3} s: utc follows it from now on"),
        StepReason::CameraClock => format!("The clock of the camera was set by {by:.3} s: utc follows it from now on"),
        StepReason::Other => "The stream's time is odd".to_owned(),
    };
    format!("{what}. At {at:.3} s of the stream; further frames of this kind are not reported")
}
