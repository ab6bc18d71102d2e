//! The scripts' surface: what they say before they do anything, and what `scripts/env` sets.

use std::path::Path;
use std::process::{Command, Output};

fn run(script: &str, arguments: &[&str]) -> Output {
    Command::new(shopfloor_tests::root().join(script))
        .args(arguments)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .expect("a script can be run")
}

fn check(script: &str, arguments: &[&str], status: i32, says: &str) {
    let output = run(script, arguments);
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(status), "{script} {arguments:?}: {text}");
    assert!(
        text.contains(says),
        "{script} {arguments:?} does not say `{says}`: {text}"
    );
}

#[test]
fn help_says_what_is_left_behind() {
    check("scripts/demo", &["--help"], 0, "activity.jsonl");
    check("scripts/demo", &["-h"], 0, "--window");
    check("scripts/demo", &["-h"], 0, "utilisation.html");
    check("scripts/bench", &["--help"], 0, "bench/results");
    check("scripts/experiment", &["--help"], 0, "article.md");
    check("scripts/knobs", &["--help"], 0, "knobs.md");
    check("scripts/soak", &["--help"], 0, "bench/results/soak.md");
    check("scripts/fuzz", &["--help"], 0, "fuzz/corpus");
    check("scripts/test", &["--help"], 0, "clippy");
    check("scripts/test", &["--help"], 0, "--fast");
    check("scripts/demo", &["--help"], 0, "11 minutes");
    check("scripts/setup", &["--help"], 0, "usage: scripts/setup");
    check("scripts/make-ensemble", &["--help"], 0, "model_repository/worker_*");
    check("scripts/gpu-configs", &["--help"], 0, "tensorrt-int8");
    check("scripts/make-yolov7", &["--help"], 0, "yolov7_pose/1/model.onnx");
    check("scripts/train-vest", &["--help"], 0, "model_repository/vest_resnet18");
    check("scripts/remedies", &["--help"], 0, "bench/results/remedies.md");
    check("scripts/setup-triton", &["--help"], 0, "usage: setup-triton");
    check("scripts/install-test", &["--help"], 0, "DESTDIR");
    check("scripts/check-installed", &["--help"], 0, "gst-inspect-1.0");
    check("scripts/package", &["--help"], 0, "Debian package");
    check("scripts/debian13", &["--help"], 0, "out/gstreamer-1.26.md");
    check("scripts/check-deploy", &["--help"], 0, ".tools/deploy");
}

#[test]
fn an_unknown_option_is_refused() {
    check("scripts/demo", &["--windows"], 2, "unknown option: --windows");
    check("scripts/demo", &["--window", "now"], 2, "unknown option: now");
    check("scripts/test", &["--quick"], 2, "unknown option: --quick");
    check("scripts/make-ensemble", &["--chekc"], 2, "unknown option: --chekc");
    check(
        "scripts/make-yolov7",
        &["--sise", "640x640"],
        2,
        "unknown option: --sise",
    );
    check("scripts/train-vest", &["--wirte"], 2, "unknown option: --wirte");
    check("scripts/remedies", &["--quick"], 2, "unknown option: --quick");
    check("scripts/fuzz", &["10m"], 2, "not a number of seconds: 10m");
    check("scripts/bench", &["--quick"], 2, "unknown option: --quick");
    check("scripts/knobs", &["--quick"], 2, "unknown option: --quick");
    check("scripts/soak", &["--quick"], 2, "unknown option: --quick");
    check("scripts/setup", &["--fast"], 2, "unknown option: --fast");
    check("scripts/setup-triton", &["--fast"], 2, "unknown option: --fast");
    check("scripts/install-test", &["--fast"], 2, "unknown option: --fast");
    check("scripts/package", &["--fast"], 2, "unknown option: --fast");
    check("scripts/debian13", &["--fast"], 2, "unknown option: --fast");
    check("scripts/check-deploy", &["--fast"], 2, "unknown option: --fast");
}

/// Parameters and operations are counted from the layers that the network is made of, without making it.
#[test]
fn the_made_network_has_the_cost_of_yolov7_w6_pose() {
    check_cost(&[], "80.2 M parameters, 101.6 GFLOPs, 25500 candidates");
    check_cost(
        &["--size", "960x960"],
        "80.2 M parameters, 228.5 GFLOPs, 57375 candidates",
    );
    check_cost(&["--size=640x384"], "80.2 M parameters, 60.9 GFLOPs, 15300 candidates");
    check_cost(&["--divide", "8"], "1.3 M parameters, 1.9 GFLOPs, 25500 candidates");
    for size in ["640", "640x0", "0x640", "640x650", "640x-64", "x"] {
        let expected = format!("{size}: expected WIDTHxHEIGHT, both multiples of 64");
        check(
            "scripts/make-yolov7",
            &["--count", &format!("--size={size}")],
            2,
            &expected,
        );
    }
}

fn check_cost(arguments: &[&str], expected: &str) {
    check("scripts/make-yolov7", &[&["--count"], arguments].concat(), 0, expected);
}

#[test]
fn a_server_has_an_address() {
    check("scripts/demo", &["--ensemble", "--server"], 1, "grpc://127.0.0.1:8001");
}

#[test]
fn a_window_needs_a_display() {
    check("scripts/demo", &["--window"], 1, "DISPLAY");
}

#[test]
fn every_shell_can_source_env_from_anywhere() {
    let root = shopfloor_tests::root();
    let root = root.to_str().expect("the checkout's path is UTF-8");
    let line = format!(
        ". '{root}/scripts/env'; . '{root}/scripts/env'; \
         printf '%s|%s|%s|%s' \"$GST_PLUGIN_PATH\" \"$SHOPFLOOR_MODEL_REPOSITORY\" \"$SHOPFLOOR_TRITON\" \"$PATH\""
    );
    // dash and bash are on every Debian; zsh where somebody uses it.
    let zsh = Path::new("/usr/bin/zsh").exists().then_some("zsh");
    for shell in ["bash", "dash"].into_iter().chain(zsh) {
        let output = Command::new(shell)
            .args(["-euc", &line])
            .env("PATH", "/usr/bin:/bin")
            .env("GST_PLUGIN_PATH", "/elsewhere")
            .current_dir("/")
            .output()
            .expect("the shell runs");
        let built = format!("{root}/target/release");
        let expected = format!("{built}:/elsewhere|{root}/model_repository|{root}/.triton|{built}:/usr/bin:/bin");
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{shell}");
    }
}

#[test]
fn scripts_are_plain_sh_and_executable() {
    for script in [
        "bench",
        "check-installed",
        "debian13",
        "demo",
        "fuzz",
        "gpu-configs",
        "install-test",
        "make-ensemble",
        "make-yolov7",
        "package",
        "setup",
        "setup-triton",
        "soak",
        "test",
    ] {
        check_sh(&format!("scripts/{script}"));
        check(&format!("scripts/{script}"), &["--help"], 0, "usage");
    }
    check_sh("scripts/env");
    check_sh("scripts/steps.sh");
}

/// dash understands little that is not POSIX.
fn check_sh(script: &str) {
    let output = Command::new("dash")
        .arg("-n")
        .arg(shopfloor_tests::root().join(script))
        .output()
        .expect("dash runs");
    assert!(
        output.status.success(),
        "{script}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
