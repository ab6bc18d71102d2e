//! The command prints errors of the elements as text for users.

use std::process::Command;

use shopfloor_tests::root;
use tempfile::TempDir;

#[test]
fn errors_have_no_debug_text() {
    let folder = TempDir::new().unwrap();
    let launch = folder.path().join("bad.launch");
    std::fs::write(
        &launch,
        "videotestsrc num-buffers=1 ! tritoninfer model=nope ! fakesink",
    )
    .unwrap();
    let registry = tempfile::NamedTempFile::new().unwrap();
    let output = Command::new("sh")
        .args(["-c", ". scripts/env && exec timeout 120 shopfloor play \"$1\"", "sh"])
        .arg(&launch)
        .current_dir(root())
        .env("GST_REGISTRY", registry.path())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    // one line: the message, without the debug details of the element
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(
        errors.contains("no model 'nope'") && !errors.contains("Error {"),
        "{errors}"
    );
}
