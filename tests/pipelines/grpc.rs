//! The same lines on a Triton elsewhere: the same people and facts, to the bit, over one connection.

use std::fs;
use std::process::Command;
use std::sync::LazyLock;
use std::thread;

use gst::prelude::*;
use shopfloor_tests::root;

use crate::decoupled::{self, Run};
use crate::ensemble;
use crate::program::Program;

/// `shopfloor server`, and where it listens.
pub(crate) struct Server {
    _program: Program,
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start() -> Self {
        let mut command = Command::new(root().join("target/release/shopfloor"));
        let (program, url) = Program::announced(command.args(["server", "--port", "0"]));
        let _program = program;
        Self { _program, url }
    }

    /// Connections that are open at its end.
    fn connections(&self) -> usize {
        const ESTABLISHED: &str = "01";
        let (_, port) = self.url.rsplit_once(':').unwrap();
        let port = format!(":{:04X}", port.parse::<u16>().unwrap());
        // gRPC's sockets speak IPv6 and IPv4 at once
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
        let sockets = tables.iter().flat_map(|table| table.lines().skip(1));
        let at_port = sockets.filter_map(|line| {
            let mut columns = line.split_whitespace();
            let (local, state) = (columns.nth(1)?, columns.nth(1)?);
            (local.ends_with(&port) && state == ESTABLISHED).then_some(())
        });
        at_port.count()
    }
}

/// The ensemble and the decoupled line, at the same time.
static RUNS: LazyLock<[Run; 2]> = LazyLock::new(|| {
    let server = Server::start();
    // a busy machine may be slow: what counts is what is answered, not when
    let at = format!("server={} timeout=60000", server.url);
    let lines = [
        format!("tritoninfer {at}"),
        format!(
            "tritoninfer {at} model=movenet_multipose ! poseparse ! queue \
             ! tritoninfer {at} model=vest_resnet18 inference-region=people"
        ),
    ];
    thread::scope(|scope| {
        let runs = lines.each_ref().map(|line| scope.spawn(|| decoupled::play(line)));
        runs.map(|run| run.join().unwrap())
    })
});

/// Everything that is known of every frame, and every edge.
fn check_same(remote: &Run, local: &Run) {
    assert_eq!(remote.failed, None);
    assert_eq!(remote.found.len(), decoupled::FRAMES);
    for (n, (remote, local)) in remote.found.iter().zip(&local.found).enumerate() {
        assert_eq!(remote, local, "found in frame {n}");
    }
    for (n, (remote, local)) in remote.scenes.iter().zip(&local.scenes).enumerate() {
        assert_eq!(remote, local, "frame {n} in the end");
    }
    assert_eq!(remote.edges, local.edges);
}

#[test]
fn the_ensemble_is_the_same_as_in_process() {
    check_same(&RUNS[0], &ensemble::RUN);
}

#[test]
fn the_decoupled_line_is_the_same_as_in_process() {
    check_same(&RUNS[1], &decoupled::RUN);
}

#[test]
fn many_pipelines_share_one_connection() {
    gst::init().unwrap();
    gstshopfloor::plugin_register_static().unwrap();
    let server = Server::start();
    let line = format!(
        "videotestsrc num-buffers=2 ! video/x-raw,width=64,height=48 ! tritoninfer server={} \
         ! vesttrack ! activityzone ! overlay ! fakesink",
        server.url
    );
    let pipelines = [(); 4].map(|()| gst::parse::launch(&line).unwrap());
    for pipeline in &pipelines {
        pipeline.set_state(gst::State::Paused).unwrap();
    }
    for pipeline in &pipelines {
        let (paused, ..) = pipeline.state(gst::ClockTime::from_seconds(120));
        assert_eq!(paused, Ok(gst::StateChangeSuccess::Success));
    }
    assert_eq!(server.connections(), 1);
    for pipeline in &pipelines {
        pipeline.set_state(gst::State::Null).unwrap();
    }
    // closed by us; the server's end follows
    while server.connections() > 0 {
        thread::yield_now();
    }
}
