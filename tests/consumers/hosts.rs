//! The example hosts run, and do what their first lines describe.

use std::path::{Path, PathBuf};

use shopfloor_tests::root;

use crate::{FRAMES, clip, output_of};

fn check(host: &Path, time: &str) {
    let (_folder, clip) = clip();
    let printed = output_of(host, &[&clip, &root().join("pipelines/stations/demo.json")]);
    let frames: Vec<_> = printed.lines().filter(|line| !line.starts_with(['>', '<'])).collect();
    assert_eq!(frames.len(), FRAMES, "{printed}");
    assert!(frames[10].starts_with(time), "{printed}");
    for worker in ["red", "blue", "yellow"] {
        assert!(
            frames[10].contains(&format!("{worker} ")),
            "{worker} is not in `{}`",
            frames[10]
        );
    }
    assert!(
        printed
            .lines()
            .any(|line| line.starts_with(">>> ") && line.ends_with(" works at loading dock")),
        "{printed}"
    );
}

/// Built with the tests, beside their folder.
fn rust_host() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let host = test.parent().and_then(Path::parent).unwrap().join("examples/host");
    assert!(
        host.exists(),
        "`cargo build -p shopfloor-tests --examples` makes it, as `cargo test` does"
    );
    host
}

#[test]
fn the_rust_host_runs() {
    check(&rust_host(), "0:00:01.0");
}

#[test]
fn the_python_host_runs() {
    check(&root().join("examples/host.py"), "1.0 s: ");
}
