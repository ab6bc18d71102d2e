//! The application as a gst-launch line. It has no `queue`: `tritoninfer` keeps frames itself, and what follows it runs on a thread of
//! its own.
//!
//! Two elements have names for the probes: `in` marks where frames leave the source, `out` is the sink.

use std::path::Path;

use super::cell::{Cell, Pace, Work};
use super::mode::Mode;

/// The line of a tenant, counted from 0.
pub fn line(cell: &Cell, tenant: usize) -> String {
    let source = source(&cell.input, cell.pace);
    match cell.work {
        Work::Decoder => format!("{source} ! identity name=in ! fakesink name=out sync=false"),
        Work::Application(mode) => format!(
            "{source} ! identity name=in ! {} ! vesttrack ! activityzone stations={} ! overlay ! {}",
            inference(cell, mode, tenant),
            quoted(&cell.stations),
            sink(cell)
        ),
    }
}

fn source(input: &Path, pace: Pace) -> String {
    let text = input.to_string_lossy();
    let decoded = match text.contains("://") {
        true => format!("uridecodebin uri={} ! videoconvert", quoted(input)),
        false => format!("filesrc location={} ! decodebin", quoted(input)),
    };
    match pace {
        Pace::Fastest => decoded,
        // A file at a camera's pace: the clock lets frames through. Elements that ask are told that the stream is live.
        Pace::Live(fps) => format!(
            "{decoded} ! videorate ! video/x-raw,framerate={}/1000 ! clocksync",
            (fps * 1e3).round() as u64
        ),
    }
}

fn inference(cell: &Cell, mode: Mode, tenant: usize) -> String {
    let at = match &cell.server {
        Some(server) if mode != Mode::Runner => format!("server={server}"),
        _ => format!("model-repository={}", quoted(&cell.models.repository)),
    };
    let mut requests = String::new();
    if mode.is_synchronous() {
        requests.push_str("max-in-flight=1");
    }
    if tenant == 0 && cell.priority > 0 {
        requests.push_str(&format!(" priority={}", cell.priority));
    }
    let interval = match cell.interval {
        1 => String::new(),
        interval => format!("inference-interval={interval}"),
    };
    let models = &cell.models;
    match mode.is_ensemble() {
        true => format!(
            "tritoninfer name=ensemble {at} model={} {requests} {interval}",
            models.ensemble
        ),
        false => format!(
            "tritoninfer name=pose {at} model={} {requests} {interval} ! poseparse \
             ! tritoninfer name=vest {at} model={} inference-region=people {requests}",
            models.pose, models.vest
        ),
    }
}

fn sink(cell: &Cell) -> String {
    // Shown as soon as they are drawn: a frame's latency is not to have a wait for its time in it.
    match cell.window {
        true => "videoconvert ! autovideosink name=out sync=false".to_owned(),
        false => "fakesink name=out sync=false".to_owned(),
    }
}

fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{text}\"")
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::experiment::cell::Models;

    /// A cell of the shipped models.
    pub fn cell(mode: Mode) -> Cell {
        Cell {
            work: Work::Application(mode),
            tenants: 1,
            seconds: 1.0,
            warm_up: 0.0,
            input: "a \"b\".mp4".into(),
            stations: "stations.json".into(),
            models: Models {
                repository: "models".into(),
                pose: "person_pose".into(),
                vest: "vest_resnet18".into(),
                ensemble: "worker_ensemble".into(),
            },
            server: None,
            window: false,
            pace: Pace::Fastest,
            interval: 1,
            priority: 0,
        }
    }

    #[test]
    fn modes_differ_in_models_and_requests_only() {
        let line_of = |mode| line(&cell(mode), 0);
        let decoupled = line_of(Mode::DecoupledAsync);
        assert!(decoupled.contains(r#"location="a \"b\".mp4""#), "{decoupled}");
        assert!(decoupled.contains("model=person_pose") && decoupled.contains("model=vest_resnet18"));
        // The base case has the same elements: who runs the models is set by a context.
        assert_eq!(line_of(Mode::Runner), decoupled);
        let threads = line_of(Mode::DecoupledThreads);
        assert_eq!(threads.replace("max-in-flight=1", ""), decoupled);
        assert_eq!(threads.matches("max-in-flight=1").count(), 2);
        assert!(line_of(Mode::EnsembleAsync).contains("model=worker_ensemble"));
    }

    #[test]
    fn a_server_is_asked_by_all_but_the_base_case() {
        let at = |mode| {
            let remote = Cell {
                server: Some("grpc://h:8001".into()),
                ..cell(mode)
            };
            line(&remote, 0)
        };
        assert_eq!(at(Mode::DecoupledAsync).matches("server=grpc://h:8001").count(), 2);
        assert!(!at(Mode::Runner).contains("grpc"));
    }

    #[test]
    fn the_first_tenant_alone_has_the_priority() {
        let favoured = Cell {
            priority: 1,
            ..cell(Mode::DecoupledAsync)
        };
        assert_eq!(line(&favoured, 0).matches("priority=1").count(), 2);
        assert_eq!(line(&favoured, 1), line(&cell(Mode::DecoupledAsync), 1));
    }
}
