//! A host application in Rust: builds a pipeline, sets stations, reads the people of every frame, and reacts when a worker
//! starts or stops working at a station.
//!
//! ```text
//! cargo run --release --example host -- media/vests.mp4 pipelines/stations/demo.json
//! ```
//!
//! The plugin is linked into the program, not loaded as a file, so the program can use the metas on buffers. Your own
//! Cargo.toml needs `gst-plugin-shopfloor`, `people`, `people-meta` and `gst`, as this workspace's has them.

use std::error::Error;

use gst::prelude::*;
use people::Activity;
use people::event::{Event, EventKind};
use people_meta::bus;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [video, stations] = &arguments[..] else {
        return Err("usage: host VIDEO STATIONS.json".into());
    };
    gst::init()?;
    gstshopfloor::plugin_register_static()?;

    let pipeline = gst::parse::launch(
        "filesrc name=file ! decodebin ! tritoninfer ! vesttrack ! activityzone name=zone ! fakesink name=end",
    )?;
    let pipeline = pipeline
        .downcast::<gst::Pipeline>()
        .map_err(|_| "several elements are a pipeline")?;
    let element = |name| pipeline.by_name(name).ok_or("the line above has that element");
    element("file")?.set_property("location", video);
    // The JSON itself, for hosts that keep stations in a place of their own; the path of a file works as well.
    element("zone")?.set_property("stations", std::fs::read_to_string(stations)?);

    let end = element("end")?.static_pad("sink").ok_or("a sink has a sink pad")?;
    end.add_probe(gst::PadProbeType::BUFFER, |_, info| {
        if let Some(buffer) = info.buffer() {
            look(buffer);
        }
        gst::PadProbeReturn::Ok
    });

    pipeline.set_state(gst::State::Playing)?;
    let played = handle_messages(&pipeline);
    pipeline.set_state(gst::State::Null)?;
    played
}

/// Handles a frame. This is called on a streaming thread: slow code here slows the pipeline down.
fn look(buffer: &gst::BufferRef) {
    let Some(scene) = people_meta::scene(buffer) else {
        return;
    };
    let people = scene.people.iter().map(|person| match person.worker() {
        Some(vest) => format!("{vest} at {:.0},{:.0}", person.bbox.center().x, person.bbox.center().y),
        None => "a visitor".to_owned(),
    });
    println!(
        "{}: {}",
        buffer.pts().unwrap_or_default().display(),
        people.collect::<Vec<_>>().join(", ")
    );
}

/// Handles messages until the end of the stream.
fn handle_messages(pipeline: &gst::Pipeline) -> Result<(), Box<dyn Error>> {
    let bus = pipeline.bus().ok_or("a pipeline has a bus")?;
    for message in bus.iter_timed(gst::ClockTime::NONE) {
        match message.view() {
            gst::MessageView::Eos(_) => break,
            gst::MessageView::Error(error) => return Err(error.error().into()),
            gst::MessageView::Element(element) => {
                if let Some(event) = element.structure().map(bus::from_structure).transpose()?.flatten() {
                    react(&event);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Reacts to an event at a station. A real host switches a lamp here, or writes into its database.
fn react(event: &Event) {
    let (station, worker) = (&event.station, event.worker.as_deref().unwrap_or("somebody"));
    match event.kind {
        EventKind::Change {
            state: Activity::Active,
            ..
        } => println!(">>> {worker} works at {station}"),
        EventKind::Change {
            state,
            previous: Activity::Active,
            ..
        } => println!("<<< {worker} has stopped at {station}: {}", state.name()),
        _ => {}
    }
}
