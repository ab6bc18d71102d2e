//! What `deploy/` says, as far as it can be checked without a cluster: `scripts/check-deploy`.

use std::process::Command;

/// The script's status where its packages cannot be installed.
const SKIPPED: i32 = 77;

#[test]
fn what_is_deployed_is_whole() {
    let script = shopfloor_tests::root().join("scripts/check-deploy");
    let output = Command::new(script).output().expect("a script can be run");
    let text = [&output.stdout, &output.stderr]
        .map(|text| String::from_utf8_lossy(text))
        .concat();
    if output.status.code() == Some(SKIPPED) {
        println!("{text}");
        return;
    }
    assert!(output.status.success(), "{text}");
}
