//! A host application in Rust: builds a pipeline, hands over stations, sees the people of every frame, and reacts when
//! somebody begins or ends to work.
//!
//! ```text
//! cargo run --release --example host -- media/vests.mp4 pipelines/stations/demo.json
//! ```
//!
//! The plugin is linked in, not loaded: so this program can use the types that ride on buffers. In a Cargo.toml of your
//! own, that is `gst-plugin-shopfloor`, `people-meta` and `gst`, as in this workspace's.

use std::error::Error;

use gst::prelude::*;

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
    // The JSON itself, as a host has it that keeps its stations elsewhere; a path would do as well, and again at any time.
    element("zone")?.set_property("stations", std::fs::read_to_string(stations)?);

    let end = element("end")?.static_pad("sink").ok_or("a sink has a sink pad")?;
    end.add_probe(gst::PadProbeType::BUFFER, |_, info| {
        if let Some(buffer) = info.buffer() {
            look(buffer);
        }
        gst::PadProbeReturn::Ok
    });

    pipeline.set_state(gst::State::Playing)?;
    let played = listen(&pipeline);
    pipeline.set_state(gst::State::Null)?;
    played
}

/// A frame, on a streaming thread: whoever takes long here slows the pipeline down.
fn look(buffer: &gst::BufferRef) {
    let Some(scene) = people_meta::scene(buffer) else {
        return;
    };
    let who = scene.people.iter().map(|person| match person.worker() {
        Some(vest) => format!("{vest} at {:.0},{:.0}", person.bbox.center().x, person.bbox.center().y),
        None => "a visitor".to_owned(),
    });
    println!(
        "{}: {}",
        buffer.pts().unwrap_or_default().display(),
        who.collect::<Vec<_>>().join(", ")
    );
}

/// Until the end of the stream.
fn listen(pipeline: &gst::Pipeline) -> Result<(), Box<dyn Error>> {
    let bus = pipeline.bus().ok_or("a pipeline has a bus")?;
    for message in bus.iter_timed(gst::ClockTime::NONE) {
        match message.view() {
            gst::MessageView::Eos(_) => break,
            gst::MessageView::Error(error) => return Err(error.error().into()),
            gst::MessageView::Element(element) => {
                if let Some(facts) = element.structure().filter(|facts| facts.name() == "shopfloor-activity") {
                    react(facts)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// A station's state changed: here a real host switches a lamp, or writes into its database.
fn react(facts: &gst::StructureRef) -> Result<(), Box<dyn Error>> {
    let (station, state): (&str, &str) = (facts.get("station")?, facts.get("state")?);
    let worker = facts.get_optional("worker")?.unwrap_or("somebody");
    match (facts.get("previous")?, state) {
        (_, "active") => println!(">>> {worker} works at {station}"),
        ("active", _) => println!("<<< {worker} has stopped at {station}: {state}"),
        _ => {}
    }
    Ok(())
}
