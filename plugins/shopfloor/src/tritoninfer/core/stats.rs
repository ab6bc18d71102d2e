//! The statistics: as the property `stats`, and as element messages at intervals.

use std::sync::Arc;
use std::time::Duration;

use gst::prelude::*;
use inference::{BUCKET_BOUNDS, Spread, Timings};
use triton::StatisticDuration;

use super::dispatcher::Dispatcher;
use super::open_model::OpenModel;
use super::server_times::Times;

/// The fields of `stats`; durations in nanoseconds, sizes in bytes.
pub fn structure(dispatcher: &Dispatcher) -> gst::Structure {
    let nanoseconds = |duration: Duration| duration.as_nanos() as u64;
    let (pending, late) = dispatcher.queue.counts();
    let open = dispatcher.connection.open_model();
    if let Some(open) = &open {
        dispatcher.server_times.refresh(open);
    }
    let memory = open
        .as_ref()
        .map(|open| open.session.model().memory_use())
        .unwrap_or_default();
    let models: u64 = triton::loaded_models().iter().map(|model| model.memory).sum();
    let (in_flight, places) = open
        .as_ref()
        .map_or((0, 0), |open| (open.seat.in_flight(), open.seat.places()));
    let latency = open.as_ref().map(|_| dispatcher.latency()).unwrap_or_default();
    let server = open.as_ref().map(|open| open.session.model().server());
    let (transport, copied) = server.map_or_else(Default::default, |server| {
        (server.live_transport().to_string(), server.bytes_copied())
    });
    let timings = dispatcher.timings().clone();
    let model = dispatcher.properties().model.unwrap_or_default();
    let builder = gst::Structure::builder("tritoninfer-stats")
        .field("model", model)
        .field("frames", timings.frames)
        .field("inferred", timings.inferred)
        .field("skipped-interval", timings.skipped_interval)
        .field("skipped-overload", timings.skipped_overload)
        .field("failed", timings.failed)
        .field("retried", timings.retried)
        .field("late", late)
        .field("pending", pending as u64)
        .field("in-flight", in_flight as u64)
        .field("places", places as u64)
        .field("inference-latency-mean", nanoseconds(timings.inference.mean()))
        .field("inference-latency-max", nanoseconds(timings.inference.max()))
        .field("preprocess-mean", nanoseconds(timings.convert.mean()))
        .field("latency", nanoseconds(latency))
        .field("memory-in-flight", (memory.in_flight + memory.answered) as u64)
        .field("memory-quarantined", memory.quarantined as u64)
        .field("memory-shared", memory.shared_memory as u64)
        .field("memory-models", models)
        .field("transport", transport)
        .field("bytes-copied", copied)
        .field("reconnects", timings.recoveries);
    with_stages(builder, &timings, dispatcher.server_times.get()).build()
}

/// Adds the times of each stage of a request.
fn with_stages(mut builder: gst::structure::Builder, timings: &Timings, times: Times) -> gst::structure::Builder {
    let nanoseconds = |duration: Duration| duration.as_nanos() as u64;
    let stages: [(&str, &Spread); 5] = [
        ("inference-latency", &timings.inference),
        ("wait", &timings.wait),
        ("convert", &timings.convert),
        ("request", &timings.request),
        ("push", &timings.push),
    ];
    for (stage, spread) in stages {
        builder = builder.field(format!("{stage}-count"), spread.count());
        for (name, quantile) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
            builder = builder.field(format!("{stage}-{name}"), nanoseconds(spread.quantile(quantile)));
        }
        builder = builder
            .field(format!("{stage}-sum"), nanoseconds(spread.total()))
            .field(format!("{stage}-buckets"), gst::Array::new(spread.buckets()));
    }
    let (queue, compute) = (mean(times.queue), mean(times.compute));
    builder
        .field("bucket-bounds", gst::Array::new(BUCKET_BOUNDS.map(nanoseconds)))
        .field("queue-count", times.queue.count)
        .field("queue-mean", nanoseconds(queue))
        .field("compute-count", times.compute.count)
        .field("compute-mean", nanoseconds(compute))
        .field(
            "wire-mean",
            nanoseconds(timings.request.mean().saturating_sub(queue + compute)),
        )
}

/// The server reports sums, so there are means and no quantiles.
fn mean(total: StatisticDuration) -> Duration {
    let count = u32::try_from(total.count).unwrap_or(u32::MAX);
    total.time.checked_div(count).unwrap_or_default()
}

/// Posts the statistics at the interval that the settings name, as long as the model is open.
pub fn post_at_intervals(dispatcher: &Arc<Dispatcher>, open: &Arc<OpenModel>) {
    let interval = dispatcher.settings().stats_interval;
    if interval == 0 || !dispatcher.begin_posting() {
        return;
    }
    let (weak, open_weak) = (Arc::downgrade(dispatcher), Arc::downgrade(open));
    open.seat.run_after(Duration::from_millis(interval.into()), move || {
        let Some(dispatcher) = weak.upgrade() else { return };
        dispatcher.end_posting();
        if let (Some(open), Some(element)) = (open_weak.upgrade(), dispatcher.element()) {
            let stats = structure(&dispatcher);
            // An error means that there is no bus.
            let _ = element.post_message(gst::message::Element::builder(stats).src(&*element).build());
            post_at_intervals(&dispatcher, &open);
        }
    });
}
