//! The same lines with a remote Triton: the same people and events as in process, over one connection.

use std::fs;
use std::process::Command;
use std::sync::LazyLock;
use std::thread;

use gst::prelude::*;
use people::Scene;
use shopfloor_tests::root;

use crate::distance::{Distance, check_people};
use crate::play::{self, CLIP, FRAME, Run};
use crate::program::{Program, wait_until};
use crate::{decoupled, ensemble, golden, init};

/// `shopfloor server`, and the address that it serves.
pub struct Server {
    _program: Program,
    pub url: String,
}

impl Server {
    pub fn start() -> Self {
        let mut command = Command::new(root().join("target/release/shopfloor"));
        let (_program, url) = Program::announced(command.args(["server", "--port", "0"]));
        Self { _program, url }
    }

    /// Connections that are open at the server.
    fn connections(&self) -> usize {
        const ESTABLISHED: &str = "01";
        let (_, port) = self.url.rsplit_once(':').unwrap();
        let port = format!(":{:04X}", port.parse::<u16>().unwrap());
        // A gRPC socket serves IPv6 and IPv4.
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
    // On a busy machine responses are slow; these tests are about their content.
    let at = format!("server={} timeout=60000", server.url);
    let lines = [
        format!("tritoninfer {at}"),
        format!(
            "tritoninfer {at} model=person_pose ! poseparse ! queue \
             ! tritoninfer {at} model=vest_resnet18 inference-region=people"
        ),
    ];
    thread::scope(|scope| {
        let runs = lines.each_ref().map(|line| scope.spawn(|| play::clip(line)));
        runs.map(|run| run.join().unwrap())
    })
});

/// How far remote people may be from local ones. The server forms batches of the requests of both lines, and the size of a
/// batch decides in which order the kernels of ONNX Runtime add: the last bits of a result may differ.
const LIMIT: Distance = Distance {
    pixels: 0.05,
    probability: 0.002,
};

fn check_same(remote: &Run, local: &Run) {
    assert_eq!(remote.failed, None);
    assert_eq!(remote.found.len(), CLIP);
    check_people(&remote.found, &local.found[..CLIP], LIMIT);
    check_people(&remote.scenes, &local.scenes[..CLIP], LIMIT);
    for (n, (remote, local)) in remote.scenes.iter().zip(&local.scenes).enumerate() {
        let states = |scene: &Scene| {
            scene
                .stations
                .iter()
                .map(|station| station.activity)
                .collect::<Vec<_>>()
        };
        assert_eq!(states(remote), states(local), "stations in frame {n}");
    }
    golden::check(&remote.edges, FRAME * CLIP as u32);
}

#[test]
fn a_remote_ensemble_gives_the_same_as_one_in_process() {
    check_same(&RUNS[0], &ensemble::RUN);
}

#[test]
fn a_remote_decoupled_line_gives_the_same_as_one_in_process() {
    check_same(&RUNS[1], &decoupled::RUN);
}

#[test]
fn pipelines_share_one_connection() {
    init();
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
    // The client has closed it; the server's side follows.
    wait_until("the connection is closed", || (server.connections() == 0).then_some(()));
}
