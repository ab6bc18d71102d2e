//! What happens to log files on a shop floor, each case with what is promised.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use tempfile::TempDir;

use super::*;
use crate::mounts;

/// Long enough for a loaded machine; nothing waits that long if it works.
const LONG: Duration = Duration::from_secs(60);

struct Case {
    folder: TempDir,
    notices: Receiver<Notice>,
    notify: Notify,
}

impl Case {
    fn new() -> Self {
        let (sender, notices) = channel();
        let sender = Mutex::new(sender);
        Self {
            folder: TempDir::new().unwrap(),
            notices,
            notify: Arc::new(move |_, notice| {
                let _ = sender.lock().unwrap().send(notice);
            }),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("line/log.jsonl")
    }

    fn options(&self, path: &Path) -> Options {
        Options {
            path: path.to_owned(),
            content: "the events",
            truncate: false,
        }
    }

    fn open(&self) -> LineLog {
        fs::create_dir_all(self.path().parent().unwrap()).unwrap();
        self.open_at(&self.path())
    }

    fn open_at(&self, path: &Path) -> LineLog {
        LineLog::open(self.options(path), self.notify.clone()).unwrap()
    }

    fn notice(&self) -> Notice {
        self.notices.recv_timeout(LONG).expect("there is no notice")
    }

    #[track_caller]
    fn check_silent(&self) {
        if let Ok(notice) = self.notices.try_recv() {
            panic!("{notice:?}");
        }
    }
}

fn write(log: &LineLog, lines: &[&str]) {
    for line in lines {
        log.write(line);
    }
    assert!(log.flush(LONG), "the lines are not written");
}

#[track_caller]
fn check(path: &Path, expected: &[&str]) {
    let text = fs::read_to_string(path).unwrap();
    assert_eq!(text.lines().collect::<Vec<_>>(), expected, "{}", path.display());
    assert!(text.ends_with('\n') || expected.is_empty());
}

fn make_fifo(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, path, Mode::RUSR | Mode::WUSR).unwrap();
}

/// Reads what is in the pipe now, without waiting for a writer.
fn reader(path: &Path) -> File {
    File::options()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(path)
        .unwrap()
}

/// Reads from the pipe until `enough`.
fn read_until(pipe: &mut File, enough: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    let mut buffer = [0; 65536];
    while !enough(&text) {
        match pipe.read(&mut buffer) {
            Ok(count) if count > 0 => text.push_str(std::str::from_utf8(&buffer[..count]).unwrap()),
            _ => thread::yield_now(),
        }
    }
    text
}

#[test]
fn lines_are_appended_by_each_start() {
    let case = Case::new();
    write(&case.open(), &["a", "b"]);
    write(&case.open(), &["c"]);
    check(&case.path(), &["a", "b", "c"]);
    let options = Options {
        truncate: true,
        ..case.options(&case.path())
    };
    write(&LineLog::open(options, case.notify.clone()).unwrap(), &["d"]);
    check(&case.path(), &["d"]);
    case.check_silent();
}

#[test]
fn a_torn_last_line_is_left_and_the_next_one_begins_anew() {
    let case = Case::new();
    for (before, expected) in [
        ("{\"torn", vec!["{\"torn", "next"]),
        ("whole\n", vec!["whole", "next"]),
        ("", vec!["next"]),
    ] {
        fs::create_dir_all(case.path().parent().unwrap()).unwrap();
        fs::write(case.path(), before).unwrap();
        write(&case.open(), &["next"]);
        check(&case.path(), &expected);
    }
    // also while the log is open
    let log = case.open();
    write(&log, &["mine"]);
    fs::write(case.path(), "cut off by").unwrap();
    write(&log, &["mine"]);
    check(&case.path(), &["cut off by", "mine"]);
}

#[test]
fn several_writers_of_one_path_keep_all_lines() {
    const WRITERS: usize = 4;
    const LINES: usize = 500;
    let case = Case::new();
    let logs: Vec<_> = (0..WRITERS).map(|_| case.open()).collect();
    thread::scope(|scope| {
        for (writer, log) in logs.iter().enumerate() {
            scope.spawn(move || {
                for line in 0..LINES {
                    log.write(&format!("{writer} {line} {}", "x".repeat(line)));
                }
                assert!(log.flush(LONG));
            });
        }
    });
    let text = fs::read_to_string(case.path()).unwrap();
    let mut lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    lines.sort_unstable();
    let expected =
        (0..WRITERS).flat_map(|writer| (0..LINES).map(move |line| format!("{writer} {line} {}", "x".repeat(line))));
    let mut expected: Vec<_> = expected.collect();
    expected.sort_unstable();
    assert_eq!(lines, expected);
}

#[test]
fn a_path_that_leads_elsewhere_is_followed() {
    let case = Case::new();
    let (path, moved) = (case.path(), case.folder.path().join("line/log.jsonl.1"));
    let log = case.open();
    write(&log, &["a"]);
    // logrotate
    fs::rename(&path, &moved).unwrap();
    write(&log, &["b"]);
    check(&moved, &["a"]);
    check(&path, &["b"]);
    // logrotate with `create`
    fs::rename(&path, &moved).unwrap();
    fs::write(&path, "").unwrap();
    write(&log, &["c"]);
    check(&path, &["c"]);
    // deleted
    fs::remove_file(&path).unwrap();
    write(&log, &["d"]);
    check(&path, &["d"]);
    // logrotate with `copytruncate`
    File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    write(&log, &["e"]);
    check(&path, &["e"]);
    // a link that leads to today's file
    let day = |name: &str| case.folder.path().join(name);
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(day("monday"), &path).unwrap();
    write(&log, &["f"]);
    std::os::unix::fs::symlink(day("tuesday"), day("next")).unwrap();
    fs::rename(day("next"), &path).unwrap();
    write(&log, &["g"]);
    check(&day("monday"), &["f"]);
    check(&day("tuesday"), &["g"]);
    case.check_silent();
}

#[test]
fn a_folder_that_is_moved_keeps_the_lines_until_it_is_made_again() {
    let case = Case::new();
    let folder = case.path().parent().unwrap().to_owned();
    let moved = case.folder.path().join("line.old");
    let log = case.open();
    write(&log, &["a"]);
    fs::rename(&folder, &moved).unwrap();
    write(&log, &["b", "c"]);
    assert!(matches!(case.notice(), Notice::Elsewhere(_)));
    check(&moved.join("log.jsonl"), &["a", "b", "c"]);
    fs::create_dir(&folder).unwrap();
    write(&log, &["d"]);
    check(&case.path(), &["d"]);
    assert!(matches!(case.notice(), Notice::Resumed { dropped: 0 }));
    case.check_silent();
}

#[test]
fn a_folder_that_is_deleted_keeps_the_lines_until_it_is_made_again() {
    let case = Case::new();
    let folder = case.path().parent().unwrap().to_owned();
    let log = case.open();
    write(&log, &["a"]);
    fs::remove_dir_all(&folder).unwrap();
    log.write("b");
    assert!(matches!(case.notice(), Notice::NotWritten(_)));
    log.write("c");
    fs::create_dir(&folder).unwrap();
    assert!(matches!(case.notice(), Notice::Resumed { dropped: 0 }));
    assert!(log.flush(LONG));
    check(&case.path(), &["b", "c"]);
    case.check_silent();
}

#[test]
fn a_full_disk_is_said_once_and_its_end_with_what_is_missing() {
    let case = Case::new();
    let path = case.path();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    // Room for three lines.
    let queue = Queue::new(3 * 6, LONG);
    let log = LineLog::open_with(case.options(&path), case.notify.clone(), queue).unwrap();
    log.write("line 0");
    assert!(matches!(case.notice(), Notice::NotWritten(_)));
    for n in 1..=9 {
        log.write(&format!("line {n}"));
    }
    assert!(matches!(case.notice(), Notice::Dropping));
    case.check_silent();
    // There is room again: as far as the log is concerned, the path leads to another file.
    fs::remove_file(&path).unwrap();
    assert!(log.flush(LONG));
    check(&path, &["line 0", "line 8", "line 9"]);
    assert!(matches!(case.notice(), Notice::Resumed { dropped: 7 }));
    write(&log, &["line 10"]);
    case.check_silent();
    assert_eq!(log.close(), 7);
}

#[test]
fn a_log_that_is_closed_says_how_many_lines_are_lost() {
    let case = Case::new();
    let log = case.open_at(Path::new("/dev/full"));
    log.write("a");
    log.write("b");
    assert_eq!(log.close(), 2);
    assert!(matches!(case.notice(), Notice::NotWritten(_)));
    case.check_silent();
}

#[test]
fn mistakes_are_errors_at_once() {
    let case = Case::new();
    let socket = case.folder.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let file = case.folder.path().join("file");
    fs::write(&file, "").unwrap();
    for (path, fact) in [
        (Path::new("/no/such/folder/log"), "/no/such/folder/log"),
        (case.folder.path(), "directory"),
        (&socket, "socket"),
        (&file.join("log"), "irectory"),
    ] {
        let opened = LineLog::open(case.options(path), case.notify.clone());
        let error = opened.err().expect("it was opened").to_string();
        assert!(error.contains(fact) && error.contains("the events"), "{error}");
    }
    case.check_silent();
}

#[test]
fn a_pipe_without_a_reader_is_said_and_its_reader_gets_the_lines() {
    let case = Case::new();
    make_fifo(&case.path());
    let log = case.open();
    assert!(matches!(case.notice(), Notice::NoReader));
    log.write("a");
    log.write("b");
    let mut pipe = reader(&case.path());
    assert_eq!(read_until(&mut pipe, |text| text.ends_with("b\n")), "a\nb\n");
    assert!(matches!(case.notice(), Notice::Resumed { dropped: 0 }));
    // The reader leaves, and the next one gets whole lines.
    drop(pipe);
    log.write("c");
    assert!(matches!(case.notice(), Notice::NoReader));
    let mut pipe = reader(&case.path());
    assert_eq!(read_until(&mut pipe, |text| text.ends_with("c\n")), "c\n");
    assert!(matches!(case.notice(), Notice::Resumed { dropped: 0 }));
    case.check_silent();
}

#[test]
fn a_reader_that_does_not_read_costs_old_lines_only() {
    let case = Case::new();
    make_fifo(&case.path());
    let mut pipe = reader(&case.path());
    let queue = Queue::new(100_000, LONG);
    let log = LineLog::open_with(case.options(&case.path()), case.notify.clone(), queue).unwrap();
    let line = |n: usize| format!("{n} {}", "x".repeat(9_000));
    for n in 0..100 {
        log.write(&line(n));
    }
    assert!(matches!(case.notice(), Notice::Dropping));
    let text = read_until(&mut pipe, |text| text.contains("\n99 ") && text.ends_with('\n'));
    let numbers = text.lines().map(|read| {
        let n = read.split_once(' ').unwrap().0.parse().unwrap();
        assert_eq!(read, line(n), "a line is not whole");
        n
    });
    let numbers: Vec<usize> = numbers.collect();
    assert!(numbers.is_sorted() && numbers.len() < 100, "{numbers:?}");
    assert_eq!(log.close(), 100 - numbers.len() as u64);
}

#[test]
fn a_file_that_takes_nothing_for_long_is_said_once() {
    let case = Case::new();
    make_fifo(&case.path());
    let mut pipe = File::options()
        .read(true)
        .write(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(case.path())
        .unwrap();
    while pipe.write(&[b'\n'; 512]).is_ok() {}
    let queue = Queue::new(100_000, Duration::ZERO);
    let log = LineLog::open_with(case.options(&case.path()), case.notify.clone(), queue).unwrap();
    let notice = loop {
        log.write("a");
        if let Ok(notice) = case.notices.try_recv() {
            break notice;
        }
    };
    assert!(matches!(notice, Notice::NoAnswer { .. }), "{notice:?}");
    for _ in 0..10 {
        log.write("a");
    }
    case.check_silent();
    read_until(&mut pipe, |text| text.ends_with("a\n"));
    assert!(matches!(case.notice(), Notice::Resumed { dropped: 0 }));
}

/// The signals that this thread blocks, a bit each.
fn blocked_signals() -> u64 {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap()
}

/// SIGPIPE would end programs that do not ignore it, as Rust's do: gst-launch-1.0.
#[test]
fn only_the_thread_of_the_log_blocks_signals() {
    let case = Case::new();
    make_fifo(&case.path());
    let (sender, masks) = channel();
    let sender = Mutex::new(sender);
    let notify: Notify = Arc::new(move |_, _| {
        let _ = sender.lock().unwrap().send(blocked_signals());
    });
    let _log = LineLog::open(case.options(&case.path()), notify).unwrap();
    let signals = [13, 25].map(|signal| 1 << (signal - 1)); // SIGPIPE and SIGXFSZ, signal(7)
    let mask = masks.recv_timeout(LONG).unwrap();
    assert!(signals.iter().all(|signal| mask & signal != 0), "{mask:x}");
    assert!(signals.iter().all(|signal| blocked_signals() & signal == 0));
}

/// Programs that exceed a limit of file sizes end by SIGXFSZ. This one runs in a process of its own, with such a limit and a
/// pipe whose reader leaves.
#[test]
fn a_quota_and_a_reader_that_leaves_do_not_end_the_process() {
    let case = Case::new();
    make_fifo(&case.path());
    let quota = case.folder.path().join("quota");
    let name = "log::tests::process_with_a_quota";
    let program = std::env::current_exe().unwrap();
    // ulimit counts in blocks of 1 kB
    let script = format!(
        "ulimit -f 1 && trap - PIPE XFSZ && exec {} --exact --ignored --nocapture {name}",
        program.display()
    );
    let mut shell = Command::new("bash");
    shell
        .args(["-c", &script])
        .env("PIPE", case.path())
        .env("QUOTA", &quota);
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = fs::read_to_string(quota).unwrap();
    let lines: Vec<_> = text.lines().collect();
    // 1024 bytes: four whole lines, a torn one, and no room to begin another
    assert_eq!((lines.len(), text.len()), (5, 1024), "{text}");
    assert!(lines[..4].iter().all(|line| line.len() == 239), "{text}");
}

#[test]
#[ignore = "run by a_quota_and_a_reader_that_leaves_do_not_end_the_process"]
fn process_with_a_quota() {
    let Some(pipe) = std::env::var_os("PIPE") else {
        return;
    };
    let case = Case::new();
    let mut left = reader(Path::new(&pipe));
    let log = case.open_at(Path::new(&pipe));
    log.write("a");
    read_until(&mut left, |text| text == "a\n");
    drop(left);
    log.write("b");
    assert!(matches!(case.notice(), Notice::NoReader));
    let quota = case.open_at(Path::new(&std::env::var_os("QUOTA").unwrap()));
    for _ in 0..5 {
        quota.write(&"x".repeat(239));
    }
    assert!(matches!(case.notice(), Notice::NotWritten(_)));
    assert_eq!(quota.close(), 1);
}

#[test]
fn a_killed_process_leaves_whole_lines() {
    let case = Case::new();
    fs::create_dir_all(case.path().parent().unwrap()).unwrap();
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.args([
        "--exact",
        "--ignored",
        "--nocapture",
        "log::tests::process_to_be_killed",
    ]);
    let mut child = program.env("LOG", case.path()).spawn().unwrap();
    while fs::metadata(case.path()).map_or(0, |file| file.len()) < 10_000 {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let text = fs::read_to_string(case.path()).unwrap();
    assert!(text.ends_with('\n'));
    for (n, line) in text.lines().enumerate() {
        assert_eq!(line, format!("line {n}"));
    }
    write(&case.open(), &["the next start"]);
    assert_eq!(fs::read_to_string(case.path()).unwrap(), text + "the next start\n");
}

#[test]
#[ignore = "run by a_killed_process_leaves_whole_lines"]
fn process_to_be_killed() {
    let Some(path) = std::env::var_os("LOG") else {
        return;
    };
    let log = Case::new().open_at(Path::new(&path));
    for n in 0.. {
        write(&log, &[&format!("line {n}")]);
    }
}

/// Real disks, in a mount namespace of their own.
#[test]
fn lines_outlast_what_happens_to_their_disk() {
    let folder = TempDir::new().unwrap();
    mounts::run_in_namespace("log::tests::process_with_disks", folder.path());
}

#[test]
#[ignore = "run by lines_outlast_what_happens_to_their_disk"]
fn process_with_disks() {
    let Some(folder) = mounts::folder() else {
        return;
    };
    mounts::disk(&folder.join("disk"), 64);
    fills_up(&folder.join("disk"));
    is_read_only_at_first(&folder.join("disk"));
    is_covered(&folder);
}

/// Whole lines of a file, in order, without what a full disk has torn.
fn whole_lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .filter(|line| line.ends_with('.'))
        .map(str::to_owned)
        .collect()
}

fn fills_up(disk: &Path) {
    let case = Case::new();
    let path = disk.join("full.jsonl");
    let log = case.open_at(&path);
    write(&log, &["first."]);
    let filler = mounts::fill(disk);
    // What is left of the file's last page has room for some, and a part of one.
    let lines: Vec<String> = (0..40).map(|n| format!("{n:0239}.")).collect();
    for line in &lines {
        log.write(line);
    }
    assert!(matches!(case.notice(), Notice::NotWritten(error) if error.kind() == io::ErrorKind::StorageFull));
    fs::remove_file(filler).unwrap();
    assert!(log.flush(LONG));
    assert!(matches!(case.notice(), Notice::Resumed { dropped: 0 }));
    case.check_silent();
    let expected: Vec<String> = ["first.".to_owned()].into_iter().chain(lines).collect();
    assert_eq!(whole_lines(&path), expected);
    assert!(
        fs::read_to_string(&path).unwrap().lines().count() <= expected.len() + 1,
        "one line is torn at most"
    );
    assert_eq!(log.close(), 0);
}

fn is_read_only_at_first(disk: &Path) {
    let case = Case::new();
    let path = disk.join("read-only.jsonl");
    mounts::remount(disk, "ro");
    let log = case.open_at(&path);
    assert!(matches!(case.notice(), Notice::NotWritten(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem));
    log.write("a");
    mounts::remount(disk, "rw");
    assert!(log.flush(LONG));
    assert!(matches!(case.notice(), Notice::Resumed { dropped: 0 }));
    check(&path, &["a"]);
    case.check_silent();
}

/// Other disks are mounted over the log's folder, and taken away.
fn is_covered(folder: &Path) {
    let case = Case::new();
    let (line, below) = (folder.join("line"), folder.join("below"));
    for made in [&line, &below] {
        fs::create_dir(made).unwrap();
    }
    let path = line.join("log.jsonl");
    let log = case.open_at(&path);
    write(&log, &["a"]);
    mounts::bind(&line, &below);
    // one with room: the path leads there
    mounts::disk(&line, 64);
    write(&log, &["b"]);
    check(&path, &["b"]);
    mounts::unmount(&line);
    write(&log, &["c"]);
    check(&path, &["a", "c"]);
    case.check_silent();
    // one that may not be written: the old file has the lines
    mounts::disk(&line, 64);
    mounts::remount(&line, "ro");
    write(&log, &["d"]);
    assert!(matches!(case.notice(), Notice::Elsewhere(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem));
    write(&log, &["e"]);
    case.check_silent();
    check(&below.join("log.jsonl"), &["a", "c", "d", "e"]);
    mounts::unmount(&line);
    write(&log, &["f"]);
    assert!(matches!(case.notice(), Notice::Resumed { dropped: 0 }));
    check(&path, &["a", "c", "d", "e", "f"]);
    // the same folder, read-only: the open file is the same
    mounts::bind(&line, &line);
    mounts::remount(&line, "bind,ro");
    write(&log, &["g"]);
    mounts::unmount(&line);
    check(&path, &["a", "c", "d", "e", "f", "g"]);
    case.check_silent();
    assert_eq!(log.close(), 0);
}
