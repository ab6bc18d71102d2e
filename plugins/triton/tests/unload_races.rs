//! Models and servers that are dropped right after they are loaded or have responded, on a busy machine, and processes
//! that exit with requests in flight. Both have caused memory corruption inside Triton.
//!
//! `cargo test -p triton --test unload_races -- --ignored --nocapture ten_thousand` is the long run; its last output is
//! `bench/results/unload-races.md`.

#[path = "triton/common/mod.rs"]
mod common;

use std::fs::File;
use std::hint;
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use common::{PATIENCE, black_image, endpoint, infer, open, repository, repository_with, send};
use triton::{DataType, Error, Input, Model, OnRelease, Request, ServerPool, loaded_models};

/// A model whose threads have the lowest priority.
const MODEL: &str = r#"
    name: "small" backend: "onnxruntime" max_batch_size: 0
    instance_group [ { count: 2 kind: KIND_CPU } ]
    optimization { priority: PRIORITY_MIN }
    input [ { name: "logits" data_type: TYPE_FP32 dims: [ -1, -1 ] } ]
    output [ { name: "vests" data_type: TYPE_FP32 dims: [ -1, -1 ] } ]
    parameters { key: "intra_op_thread_count" value { string_value: "1" } }"#;

/// Number of threads that open and drop the same models.
const USERS: usize = 2;

fn request(model: &Model) -> Input {
    let mut data = model.lease(2 * 4);
    data.fill(0);
    Input {
        name: "logits".into(),
        datatype: DataType::Fp32,
        shape: vec![1, 2],
        data,
    }
}

/// Opens a server and its model, sends a request in every second cycle, waits for the response in every fourth, and
/// drops model and server, `cycles` times in all. Two users each have servers of their own on two repositories.
fn cycle(cycles: usize) {
    let repositories = [(); 2].map(|()| repository_with("small", MODEL, "worker_softmax"));
    while_the_machine_is_busy(|| {
        thread::scope(|scope| {
            for user in 0..USERS {
                let repositories = &repositories;
                scope.spawn(move || {
                    let pool = ServerPool::default();
                    for cycle in (user..cycles).step_by(USERS).map(|cycle| cycle / USERS) {
                        let own = repositories[cycle % 2].path();
                        let server = pool.open(&endpoint(own)).expect("a server");
                        let model = server.model("small", None).expect("a model");
                        match cycle / 2 % 4 {
                            1 => drop(infer(&model, request(&model)).expect("a response")),
                            3 => drop(send(&model, Request::new(vec![request(&model)]))),
                            _ => {}
                        }
                    }
                });
            }
        });
    });
    for own in &repositories {
        assert_eq!(times_loaded(own.path(), "small"), 1);
    }
}

#[test]
fn models_and_servers_may_be_dropped_at_any_moment() {
    cycle(200);
}

#[test]
#[ignore = "takes minutes; its output is bench/results/unload-races.md"]
fn ten_thousand_cycles_end_clean() {
    const CYCLES: usize = 10_000;
    let begin = Instant::now();
    cycle(CYCLES);
    println!(
        "{CYCLES} cycles of open, load, infer, drop ended clean in {:.0} s: {USERS} users, 2 repositories, {} busy loops on \
         {} processors",
        begin.elapsed().as_secs_f64(),
        busy_loops(),
        busy_loops() / 2,
    );
}

/// How many entries [`loaded_models`] has for `model` of the repository `own`.
fn times_loaded(own: &Path, model: &str) -> usize {
    let own = own.canonicalize().expect("a repository");
    let loaded = loaded_models();
    let entries = loaded
        .iter()
        .filter(|entry| entry.repository == own && entry.model == model);
    entries.count()
}

#[test]
fn a_model_stays_loaded_after_its_last_user() {
    let own = repository_with("small", MODEL, "worker_softmax");
    let config = own.path().join("small/config.pbtxt");
    assert_eq!(times_loaded(own.path(), "small"), 0);
    for round in 1..=3 {
        let server = open(own.path());
        let model = server.model("small", None).unwrap();
        assert_eq!(&*model.description().outputs[0].name, "vests");
        infer(&model, request(&model)).unwrap();
        drop(model);
        assert_eq!(times_loaded(own.path(), "small"), 1);
        // Triton counts from the first load, and counts a request shortly after its response.
        let counted = server.statistics("small").unwrap()[0].inferences;
        assert!((round - 1..=round).contains(&counted), "{counted} after {round}");
        // A changed file takes effect in the next process.
        std::fs::write(&config, MODEL.replace("onnxruntime", "nosuch")).unwrap();
    }
}

#[test]
fn a_model_that_failed_to_load_can_be_loaded_later() {
    let own = repository_with("small", &MODEL.replace("onnxruntime", "nosuch"), "worker_softmax");
    let server = open(own.path());
    assert!(matches!(server.model("small", None), Err(Error::ModelLoad { .. })));
    assert_eq!(times_loaded(own.path(), "small"), 0);
    std::fs::write(own.path().join("small/config.pbtxt"), MODEL).unwrap();
    let model = server.model("small", None).unwrap();
    infer(&model, request(&model)).unwrap();
}

#[test]
fn the_steps_of_an_ensemble_are_loaded_once() {
    let server = open(&repository());
    let _ensemble = server.model("worker_ensemble_movenet", None).unwrap();
    let _step = server.model("movenet_multipose", None).unwrap();
    assert_eq!(times_loaded(&repository(), "worker_ensemble_movenet"), 1);
    assert_eq!(times_loaded(&repository(), "movenet_multipose"), 1);
    let memory = |name| {
        let loaded = loaded_models();
        let model = loaded.iter().find(|entry| entry.model == name);
        model.expect("it is loaded").memory
    };
    assert!(memory("worker_ensemble_movenet") > 0);
}

/// The exit status of the child processes below, distinct from all others.
const STATUS: i32 = 23;

/// Requests in flight of the child "late", and their timeout: more than any server manages.
const LATE: (usize, Duration) = (64, Duration::from_millis(20));

/// Environment variable with the task of a child process. Without it, `child` does nothing.
const CHILD: &str = "SHOPFLOOR_TEST_CHILD";

/// Environment variable with the file to which the child "released" writes a line for each request that is released.
const RELEASED: &str = "SHOPFLOOR_TEST_RELEASED";

/// Runs `child` in a new process.
fn run_child(what: &str) -> ExitStatus {
    child_process(what).status().expect("a process")
}

fn child_process(what: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .args(["--exact", "child", "--ignored", "--test-threads=1"])
        .env(CHILD, what);
    command
}

#[test]
fn a_process_may_exit_while_triton_is_idle_or_executing_requests() {
    let rounds = std::env::var("SHOPFLOOR_TEST_ROUNDS").map_or(1, |rounds| rounds.parse().expect("a number"));
    for round in 1..=rounds {
        for what in ["idle", "busy", "abandoned", "closed", "callback", "thread"] {
            let status = run_child(what);
            assert_eq!(status.code(), Some(STATUS), "{what}, round {round}: {status}");
        }
    }
}

/// `exit` cancels requests and waits for Triton, so that it releases them before the process has ended.
#[test]
fn requests_are_released_before_a_process_has_ended() {
    let folder = tempfile::TempDir::new().unwrap();
    let released = folder.path().join("released");
    let status = child_process("released").env(RELEASED, &released).status().unwrap();
    assert_eq!(status.code(), Some(STATUS), "{status}");
    assert_eq!(std::fs::read_to_string(released).unwrap(), "released\n".repeat(8));
}

/// The program returns from `main` while Triton works on requests whose timeout has passed.
#[track_caller]
fn check_late_exits(rounds: usize) {
    for round in 1..=rounds {
        let status = run_child("late");
        assert!(status.success(), "round {round}: {status}");
    }
}

#[test]
fn a_process_may_return_from_main_with_late_requests() {
    check_late_exits(2);
}

#[test]
#[ignore = "takes minutes; its output is bench/results/unload-races.md"]
fn fifty_processes_return_from_main_with_late_requests() {
    const ROUNDS: usize = 50;
    let begin = Instant::now();
    check_late_exits(ROUNDS);
    println!(
        "{ROUNDS} of {ROUNDS} exits clean in {:.0} s",
        begin.elapsed().as_secs_f64()
    );
    let begin = Instant::now();
    while_the_machine_is_busy(|| check_late_exits(ROUNDS));
    println!(
        "{ROUNDS} of {ROUNDS} exits clean in {:.0} s beside {} busy loops",
        begin.elapsed().as_secs_f64(),
        busy_loops()
    );
}

/// Keeps requests of the ensemble in flight until many have passed their timeout.
fn send_late_requests() {
    let model = open(&repository()).model("worker_ensemble", None).unwrap();
    let (sender, answered) = mpsc::channel();
    let send_next = || {
        let spec = &model.description().inputs[0];
        let mut data = model.lease(480 * 640 * 3);
        data.fill(0);
        let frame = Input {
            name: spec.name.clone(),
            datatype: spec.datatype,
            shape: vec![1, 480, 640, 3],
            data,
        };
        let request = Request {
            timeout: Some(LATE.1),
            ..Request::new(vec![frame])
        };
        let sender = sender.clone();
        model.infer(request, move |_| sender.send(()).unwrap_or_default());
    };
    (0..LATE.0).for_each(|_| send_next());
    for _ in 0..4 * LATE.0 {
        answered.recv_timeout(PATIENCE).expect("a response");
        send_next();
    }
    std::mem::forget(model); // as in a program that ends without closing anything
}

#[test]
#[ignore = "run by a_process_may_exit_while_triton_is_idle_or_executing_requests"]
fn child() {
    let Ok(what) = std::env::var(CHILD) else {
        return;
    };
    if what == "late" {
        return send_late_requests();
    }
    let model = open(&repository()).model("movenet_multipose", None).unwrap();
    let send_many = |timeout| -> Vec<_> {
        let requests = (0..8).map(|_| Request {
            timeout,
            ..Request::new(vec![black_image(&model)])
        });
        requests.map(|request| send(&model, request)).collect()
    };
    match &*what {
        "idle" => drop(infer(&model, black_image(&model)).unwrap()),
        "busy" => {
            let receivers = send_many(None);
            assert!(matches!(receivers[7].try_recv(), Err(TryRecvError::Empty)));
        }
        "released" => {
            let file = Arc::new(File::create(std::env::var_os(RELEASED).expect("a path")).expect("a file"));
            for _ in 0..8 {
                let file = Arc::clone(&file);
                let on_release = OnRelease::new(move || writeln!(&*file, "released").expect("a write"));
                let request = Request {
                    on_release: Some(on_release),
                    ..Request::new(vec![black_image(&model)])
                };
                model.infer(request, |_| {});
            }
        }
        "abandoned" => {
            for receiver in send_many(Some(Duration::from_millis(20))) {
                let _ = receiver.recv_timeout(PATIENCE).expect("a response");
            }
        }
        "closed" => {
            drop(send_many(Some(Duration::from_millis(20))));
            drop(model);
        }
        "callback" => {
            let (_keep, forever) = mpsc::channel::<()>();
            model.infer(Request::new(vec![black_image(&model)]), |_| std::process::exit(STATUS));
            let _ = forever.recv();
        }
        "thread" => {
            thread::spawn(move || {
                loop {
                    drop(send(&model, Request::new(vec![black_image(&model)])));
                    thread::sleep(Duration::from_millis(1));
                }
            });
            thread::sleep(Duration::from_millis(100));
        }
        other => panic!("nothing to do for '{other}'"),
    }
    std::process::exit(STATUS);
}

/// Number of busy threads: twice the number of processors.
fn busy_loops() -> usize {
    2 * thread::available_parallelism().map_or(2, usize::from)
}

/// Runs `work` beside [`busy_loops`] threads that never sleep.
fn while_the_machine_is_busy(work: impl FnOnce() + Send) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..busy_loops() {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    hint::spin_loop();
                }
            });
        }
        let worked = scope.spawn(work).join();
        done.store(true, Ordering::Relaxed);
        worked.expect("work that succeeds");
    });
}
