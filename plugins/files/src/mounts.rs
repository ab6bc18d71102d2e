//! Disks and mounts for tests, in a mount namespace of their own, where the system lets users make one.

use std::path::Path;
use std::process::Command;

/// Runs an ignored test of this program in a mount namespace, with the path of a folder in `FOLDER`. Where namespaces are not
/// permitted it is said, and nothing is tested.
pub fn run_in_namespace(test: &str, folder: &Path) {
    let has_namespaces = Command::new("unshare").args(["-rm", "true"]).status();
    if !has_namespaces.is_ok_and(|status| status.success()) {
        eprintln!("unshare -rm is not permitted here: nothing was tested");
        return;
    }
    let program = std::env::current_exe().unwrap();
    let mut unshare = Command::new("unshare");
    unshare.arg("-rm").arg(program);
    unshare.args(["--exact", "--ignored", "--nocapture", test]);
    let output = unshare.env("FOLDER", folder).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("1 passed"), "there is no test {test}: {text}");
}

/// The folder in which a test runs; none outside of a namespace.
pub fn folder() -> Option<std::path::PathBuf> {
    std::env::var_os("FOLDER").map(Into::into)
}

/// An empty disk of that many kilobytes.
pub fn disk(at: &Path, kilobytes: u32) {
    std::fs::create_dir_all(at).unwrap();
    let size = format!("size={kilobytes}k");
    system("mount", &["-t", "tmpfs", "-o", &size, "disk"], &[at]);
}

/// Makes one path lead where another one does.
pub fn bind(from: &Path, at: &Path) {
    system("mount", &["--bind"], &[from, at]);
}

/// Mounts a disk anew: `ro` or `rw`.
pub fn remount(at: &Path, mode: &str) {
    system("mount", &["-o", &format!("remount,{mode}")], &[at]);
}

/// Takes a mount away, also while files of it are open.
pub fn unmount(at: &Path) {
    system("umount", &["-l"], &[at]);
}

/// Fills a disk to its last byte; removing the file that is returned makes room.
pub fn fill(disk: &Path) -> std::path::PathBuf {
    let filler = disk.join("filler");
    let error = std::fs::write(&filler, vec![0; 1 << 20]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull, "{error}");
    filler
}

fn system(program: &str, options: &[&str], paths: &[&Path]) {
    let output = Command::new(program).args(options).args(paths).output().unwrap();
    assert!(output.status.success(), "{program} {options:?} {paths:?}: {output:?}");
}
