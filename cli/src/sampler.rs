//! Reads a tenant's pipeline: the properties `stats` and `status` of its elements.

use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::status::Frames;
use crate::status::sample::{DURATIONS, Distribution, Sample, Skipped, Stage, Station};

/// The elements of a pipeline that are read.
pub struct Sampler {
    /// Each `tritoninfer`, from the source on.
    stages: Vec<gst::Element>,
    tracker: Option<gst::Element>,
}

impl Sampler {
    /// Looks for the elements.
    pub fn new(pipeline: &gst::Pipeline) -> Self {
        let all = |factory| {
            pipeline
                .iterate_all_by_element_factory_name(factory)
                .into_iter()
                .flatten()
        };
        let tracker = all("vesttrack").next();
        // Elements are found from the sinks on.
        let mut stages: Vec<_> = all("tritoninfer").collect();
        stages.reverse();
        Self { stages, tracker }
    }

    /// Reads them; what others count is given.
    pub fn sample(
        &self,
        frames: u64,
        first_frame: Option<Instant>,
        stations: Vec<Station>,
        position: Option<(Duration, Duration)>,
    ) -> Sample {
        Sample {
            at: Instant::now(),
            frames,
            first_frame,
            stages: self.stages.iter().map(stage).collect(),
            workers: self.tracker.as_ref().and_then(workers_seen),
            stations,
            position,
        }
    }

    /// For people, what came of a run.
    pub fn outcome(&self, frames: u64, first_frame: Option<Instant>) -> String {
        let frames = Frames {
            count: frames,
            playing: first_frame.map_or(Duration::ZERO, |first| first.elapsed()),
        };
        frames.outcome(self.tracker.as_ref().and_then(workers_seen).as_deref())
    }
}

/// An element's property `stats`.
pub fn stats(element: &gst::Element) -> Option<gst::Structure> {
    element.find_property("stats")?;
    element.property_value("stats").get().ok()
}

fn workers_seen(tracker: &gst::Element) -> Option<Vec<String>> {
    let stats = stats(tracker)?;
    let seen = stats.get::<&str>("workers-seen").ok()?;
    let workers = seen.split(',').filter(|worker| !worker.is_empty());
    Some(workers.map(str::to_owned).collect())
}

/// What a `tritoninfer` counts; fields that it does not have are 0.
fn stage(element: &gst::Element) -> Stage {
    let stats = stats(element).unwrap_or_else(|| gst::Structure::new_empty("none"));
    let number = |field: &str| stats.get::<u64>(field).unwrap_or_default();
    let text = |field: &str| stats.get::<String>(field).unwrap_or_default();
    let numbers = |field: &str| -> Vec<u64> {
        let array = stats.get::<gst::Array>(field);
        let numbers = array.iter().flat_map(|array| array.iter());
        numbers.filter_map(|number| number.get().ok()).collect()
    };
    let bounds: Vec<_> = numbers("bucket-bounds").into_iter().map(Duration::from_nanos).collect();
    Stage {
        element: element.name().into(),
        model: text("model"),
        status: element.property("status"),
        transport: text("transport"),
        frames: number("frames"),
        inferred: number("inferred"),
        skipped: Skipped {
            interval: number("skipped-interval"),
            overload: number("skipped-overload"),
            failed: number("failed"),
        },
        late: number("late"),
        retried: number("retried"),
        reconnects: number("reconnects"),
        pending: number("pending"),
        in_flight: number("in-flight"),
        places: number("places"),
        latency: Duration::from_nanos(number("latency")),
        memory_in_flight: number("memory-in-flight"),
        memory_quarantined: number("memory-quarantined"),
        memory_models: number("memory-models"),
        bytes_copied: number("bytes-copied"),
        durations: DURATIONS.map(|name| Distribution {
            sum: Duration::from_nanos(number(&format!("{name}-sum"))),
            bounds: bounds.clone(),
            buckets: numbers(&format!("{name}-buckets")),
        }),
    }
}
