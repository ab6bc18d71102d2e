//! Shared memory of several processes, of killed ones, and of systems without room for it. Each client is a process of its
//! own: this test program, started with the name of a role.

use std::ffi::CStr;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;
use std::{env, io};

use crate::common::PATIENCE;
use crate::common::remote::{ask, connect, echo, endpoint, wait_until};
use triton::{Error, LiveTransport, ServerPool, Transfer};

/// Large enough for shared memory.
const LARGE: usize = 100_000;

/// The variable with the role of a client process, and the one with the server's address.
const ROLE: &str = "SHARED_MEMORY_ROLE";
const SERVER: &str = "SHARED_MEMORY_SERVER";

/// A client process in a role of [`client`].
fn command(role: &str, url: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command
        .args(["--exact", "shared_memory_processes::client", "--ignored", "--nocapture"])
        .envs([(ROLE, role), (SERVER, url)])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn finish(child: Child) {
    let Output { status, stdout, stderr } = child.wait_with_output().expect("a child of ours");
    let [stdout, stderr] = [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(
        status.success() && stdout.contains("1 passed"),
        "{status}\n{stdout}\n{stderr}"
    );
}

#[test]
#[ignore = "started by the other tests in a process of its own"]
fn client() {
    let [role, url] = [ROLE, SERVER].map(|name| env::var(name).expect("a variable of the test that started this"));
    match role.as_str() {
        "asks" => asks(&url),
        "is killed" => is_killed(&url),
        "opens and closes" => opens_and_closes(&url),
        "has no room" => has_no_room(),
        "has another /dev/shm" => has_another_dev_shm(&url),
        role => panic!("unknown role '{role}'"),
    }
}

/// Each process sees its own tensors only.
fn asks(url: &str) {
    let server = connect(url).unwrap();
    let model = server.model("m", None).unwrap();
    let mut copied = None;
    for round in 0..200_u32 {
        let tensor: Vec<u8> = (0..LARGE as u32)
            .map(|index| (index ^ round ^ std::process::id()) as u8)
            .collect();
        assert!(ask(&model, &tensor).unwrap() == tensor);
        assert_eq!(*copied.get_or_insert(server.bytes_copied()), server.bytes_copied());
    }
    assert_eq!(server.live_transport(), LiveTransport::SharedMemory);
}

#[test]
fn processes_use_one_server_at_the_same_time() {
    let fake = triton_fake::Server::start([echo("m")]).unwrap();
    let children = [(); 2].map(|()| command("asks", &fake.url()).spawn().unwrap());
    children.into_iter().for_each(finish);
}

/// Stops while the server is asked to register a region.
fn is_killed(url: &str) {
    let model = connect(url).unwrap().model("m", None).unwrap();
    println!("opened");
    io::stdin().read_line(&mut String::new()).unwrap();
    ask(&model, &[1; LARGE]).unwrap();
}

/// The names of shared memory that a process has mapped.
fn names_mapped_by(process: u32) -> Vec<PathBuf> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let mapped: Vec<_> = maps
        .lines()
        .filter(|line| line.contains("/dev/shm/"))
        .filter_map(|line| line.split_whitespace().nth(4)?.parse::<u64>().ok())
        .collect();
    let files = fs::read_dir("/dev/shm").unwrap().flatten();
    let ours = files.filter(|file| file.metadata().is_ok_and(|metadata| mapped.contains(&metadata.ino())));
    ours.map(|file| file.path()).collect()
}

#[test]
fn names_that_a_killed_process_left_are_removed_by_the_next_one() {
    let fake = triton_fake::Server::start([echo("m")]).unwrap();
    let mut child = command("is killed", &fake.url()).stdin(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with("opened")));
    fake.hold_calls();
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    let mut names = Vec::new();
    let end = Instant::now() + PATIENCE;
    while names.is_empty() && Instant::now() < end {
        names = names_mapped_by(child.id());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(names.len(), 1, "the server is asked to open a region");
    drop(ServerPool::default().open(&endpoint(&fake.url())).unwrap());
    assert!(!names[0].exists(), "{}", names[0].display());
}

/// Open files and mappings of shared memory.
fn resources() -> (usize, usize) {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let mapped = maps.lines().filter(|line| line.contains("/dev/shm/"));
    (fs::read_dir("/proc/self/fd").unwrap().count(), mapped.count())
}

fn opens_and_closes(url: &str) {
    let cycle = || {
        let model = connect(url).unwrap().model("m", None).unwrap();
        assert_eq!(ask(&model, &[7; LARGE]).unwrap().len(), LARGE);
        assert_eq!(ask(&model, &[8; LARGE]).unwrap().len(), LARGE);
        assert_eq!(model.server().live_transport(), LiveTransport::SharedMemory);
        assert!(resources().1 > 0);
    };
    cycle();
    let before = resources();
    (0..1000).for_each(|_| cycle());
    // A busy server unregisters some regions a little later.
    wait_until("all regions are unregistered", || {
        connect(url).unwrap().shared_memory_regions().unwrap().is_empty()
    });
    wait_until("files are closed and memory is unmapped", || resources() == before);
}

#[test]
fn a_thousand_connections_leave_no_files_and_no_mappings() {
    let fake = triton_fake::Server::start([echo("m")]).unwrap();
    finish(command("opens and closes", &fake.url()).spawn().unwrap());
}

fn has_no_room() {
    // In this process, so that it has the same /dev/shm.
    let fake = triton_fake::Server::start([echo("m")]).unwrap();
    uses_messages(&fake.url(), "cannot create shared memory", "--shm-size");
}

fn has_another_dev_shm(url: &str) {
    uses_messages(url, "Unable to open shared memory region", "--ipc=host");
}

/// Tensors are sent in messages, and the reason is reported once, with its remedy; if shared memory is demanded it is an
/// error.
fn uses_messages(url: &str, reason: &str, remedy: &str) {
    let server = connect(url).unwrap();
    let model = server.model("m", None).unwrap();
    for seed in 0..3 {
        assert!(ask(&model, &[seed; LARGE]).unwrap() == [seed; LARGE]);
    }
    assert_eq!(server.live_transport(), LiveTransport::Wire);
    assert_eq!(server.bytes_copied(), 6 * LARGE as u64);
    let notice = server.transport_notice().unwrap();
    assert!(notice.contains(reason) && notice.contains(remedy), "{notice}");
    assert_eq!(server.transport_notice(), None);
    let demanding = ServerPool::default()
        .open(&endpoint(url).with_transfer(Transfer::SharedMemory))
        .unwrap();
    let error = demanding.model("m", None).map(drop).unwrap_err();
    assert!(
        matches!(&error, Error::SharedMemory { reason: found, .. } if found.contains(reason) && found.contains(remedy)),
        "{error:?}"
    );
    assert!(error.is_fatal());
}

#[test]
fn a_system_without_room_for_regions_is_reported_and_messages_are_used() {
    let mut command = command("has no room", "");
    // SAFETY: system calls that may follow a fork. A file that would exceed the limit is an error, instead of a signal.
    unsafe {
        command.pre_exec(|| {
            let limit = libc::rlimit {
                rlim_cur: 4 << 10,
                rlim_max: 4 << 10,
            };
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            check(libc::setrlimit(libc::RLIMIT_FSIZE, &limit))
        });
    }
    finish(command.spawn().unwrap());
}

#[test]
fn a_full_file_system_is_reported_and_messages_are_used() {
    in_own_dev_shm(command("has no room", ""), c"size=16k");
}

#[test]
fn a_server_with_another_dev_shm_is_recognised_and_messages_are_used() {
    let fake = triton_fake::Server::start([echo("m")]).unwrap();
    in_own_dev_shm(command("has another /dev/shm", &fake.url()), c"size=64m");
}

/// Runs a client with a file system of its own at /dev/shm, as in a container.
fn in_own_dev_shm(mut command: Command, options: &'static CStr) {
    // SAFETY: system calls that may follow a fork; the strings are static.
    unsafe {
        command.pre_exec(move || {
            let user = if libc::geteuid() == 0 { 0 } else { libc::CLONE_NEWUSER };
            check(libc::unshare(libc::CLONE_NEWNS | user))?;
            let (none, flags) = (std::ptr::null(), libc::MS_REC | libc::MS_PRIVATE);
            check(libc::mount(none, c"/".as_ptr(), none, flags, none.cast()))?;
            let kind = c"tmpfs".as_ptr();
            check(libc::mount(
                kind,
                c"/dev/shm".as_ptr(),
                kind,
                0,
                options.as_ptr().cast(),
            ))
        });
    }
    match command.spawn() {
        Ok(child) => finish(child),
        Err(error) => eprintln!("skipped: this system does not give a test a mount namespace: {error}"),
    }
}

/// The system's error, if a system call has failed.
fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
