//! Disks that are full or read-only: what the command reports, and what it leaves untouched.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::report::LOG;

/// The lines that a shell script prints in a mount namespace with a disk of 256 kB at `disk`; `$shopfloor` is the command. None where
/// namespaces are not permitted, which is printed.
fn on_a_disk(folder: &Path, script: &str) -> Option<Vec<String>> {
    let has_namespaces = Command::new("unshare").args(["-rm", "true"]).status();
    if !has_namespaces.is_ok_and(|status| status.success()) {
        eprintln!("unshare -rm is not permitted here: nothing was tested");
        return None;
    }
    fs::create_dir(folder.join("disk")).unwrap();
    let script = format!("exec 2>&1; mount -t tmpfs -o size=256k disk disk || exit 1\n{script}");
    let mut unshare = Command::new("unshare");
    unshare.args(["-rm", "sh", "-c", &script]).current_dir(folder);
    unshare.env("shopfloor", env!("CARGO_BIN_EXE_shopfloor"));
    // GStreamer's own elements are enough here.
    unshare.env_remove("GST_PLUGIN_PATH");
    let output = unshare.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}");
    Some(printed.lines().map(str::to_owned).collect())
}

/// Whether a line has all the words.
fn says(lines: &[String], words: &[&str]) -> bool {
    lines.iter().any(|line| words.iter().all(|word| line.contains(word)))
}

#[test]
fn a_report_that_cannot_be_written_leaves_the_old_one() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("log.jsonl"), LOG).unwrap();
    let script = r#"
        report() { "$shopfloor" report log.jsonl -o disk/shift.html --csv disk/shift.csv; echo "$1: $?"; }
        report first
        cp disk/shift.html disk/shift.csv .
        head -c 1M /dev/zero >disk/filler
        report full
        mount -o remount,ro disk
        report read-only
        cmp shift.html disk/shift.html && cmp shift.csv disk/shift.csv && echo untouched
        mount -o remount,rw disk
        rm disk/filler
        report again
        echo $(ls -A disk)
    "#;
    let Some(lines) = on_a_disk(folder.path(), script) else {
        return;
    };
    for expected in [
        "first: 0",
        "full: 1",
        "read-only: 1",
        "untouched",
        "again: 0",
        "shift.csv shift.html",
    ] {
        assert!(lines.iter().any(|line| line == expected), "{expected}: {lines:#?}");
    }
    assert!(says(&lines, &["disk/shift.", "No space left on device"]), "{lines:#?}");
    assert!(says(&lines, &["disk/shift.", "Read-only file system"]), "{lines:#?}");
}

#[test]
fn events_that_cannot_be_written_stop_no_tenant() {
    let folder = TempDir::new().unwrap();
    let launch = "videotestsrc num-buffers=8 ! video/x-raw,width=64,height=48,framerate=30/1 ! fakesink";
    fs::write(folder.path().join("one.launch"), launch).unwrap();
    let script = r#"
        head -c 1M /dev/zero >disk/filler
        mount -o remount,ro disk
        "$shopfloor" play one.launch --events disk/log.jsonl; echo "played: $?"
    "#;
    let Some(lines) = on_a_disk(folder.path(), script) else {
        return;
    };
    assert!(lines.iter().any(|line| line == "played: 0"), "{lines:#?}");
    let warning = [
        "warning: cannot write the events to disk/log.jsonl",
        "Read-only file system",
    ];
    assert!(says(&lines, &warning), "{lines:#?}");
    assert!(says(&lines, &["one: ended after 8 frames"]), "{lines:#?}");
}
