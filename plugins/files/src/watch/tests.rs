//! What happens to files of settings, each case with what is promised. A look is taken when the test says so.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::mpsc::channel;
use std::time::SystemTime;

use rustix::fs::Mode;
use tempfile::TempDir;

use super::*;
use crate::mounts;

/// A file whose content is a number, in a folder of its own.
struct Case {
    folder: TempDir,
    path: PathBuf,
    look: Look,
}

fn parse(content: &[u8]) -> Result<u32, String> {
    let text = String::from_utf8_lossy(content);
    text.trim()
        .parse()
        .map_err(|_| format!("expected a number, got '{text}'"))
}

impl Case {
    /// The file has 1, and was changed long ago.
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("setting");
        fs::write(&path, "1").unwrap();
        Self::of(folder, path)
    }

    fn of(folder: TempDir, path: PathBuf) -> Self {
        let mut look = Look::new(&path);
        assert_eq!(look.open(read_now, parse).unwrap(), 1);
        Self { folder, path, look }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn news(&mut self) -> Option<Result<u32, String>> {
        self.look.news(read_now, parse)
    }

    /// What is wrong is said at the second look, and not again.
    #[track_caller]
    fn check_wrong(&mut self, fact: &str) {
        assert_eq!(self.news(), None, "it may be in the middle of a change");
        let said = self.news().expect("nothing is said").unwrap_err();
        assert!(said.contains(fact), "{said}");
        for _ in 0..3 {
            assert_eq!(self.news(), None, "it is said again");
        }
    }

    #[track_caller]
    fn check_news(&mut self, expected: u32) {
        assert_eq!(self.news(), Some(Ok(expected)));
        assert_eq!(self.news(), None, "the same is news again");
    }
}

fn read_now(path: &Path) -> io::Result<Vec<u8>> {
    read(path, Duration::ZERO, || true)
}

fn set_time(path: &Path) {
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    fs::File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_modified(long_ago)
        .unwrap();
}

#[test]
fn any_other_content_behind_the_path_is_news() {
    let mut case = Case::new();
    assert_eq!(case.news(), None);
    // in place
    fs::write(&case.path, "2").unwrap();
    case.check_news(2);
    // in place, within the step of the clock, of the same size
    fs::write(&case.path, "3").unwrap();
    case.check_news(3);
    // by another file of the same time and size, as `cp -p` or `rsync -t` leave it
    set_time(&case.path);
    assert_eq!(case.news(), None, "the content is the same");
    fs::write(case.at("new"), "4").unwrap();
    set_time(&case.at("new"));
    fs::rename(case.at("new"), &case.path).unwrap();
    case.check_news(4);
    // deleted and made again between two looks
    fs::remove_file(&case.path).unwrap();
    fs::write(&case.path, "5").unwrap();
    case.check_news(5);
    // a link instead, and then to another file of the same time (OSTree, Nix)
    for (name, content) in [("a", "6"), ("b", "7")] {
        fs::write(case.at(name), content).unwrap();
        set_time(&case.at(name));
    }
    fs::remove_file(&case.path).unwrap();
    symlink("a", &case.path).unwrap();
    case.check_news(6);
    symlink("b", case.at("new")).unwrap();
    fs::rename(case.at("new"), &case.path).unwrap();
    case.check_news(7);
}

#[test]
fn a_config_map_is_followed() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (version, content) in [("..1", "1"), ("..2", "2")] {
        fs::create_dir(at(version)).unwrap();
        fs::write(at(version).join("setting"), content).unwrap();
        set_time(&at(version).join("setting"));
    }
    symlink("..1", at("..data")).unwrap();
    symlink("..data/setting", at("setting")).unwrap();
    symlink("..2", at("..data_tmp")).unwrap();
    let path = at("setting");
    let mut case = Case::of(folder, path);
    fs::rename(case.at("..data_tmp"), case.at("..data")).unwrap();
    case.check_news(2);
}

#[test]
fn what_is_wrong_is_said_once_and_the_old_stays() {
    let mut case = Case::new();
    // a moment only, as of an editor that writes in place
    fs::write(&case.path, "").unwrap();
    assert_eq!(case.news(), None);
    fs::write(&case.path, "2").unwrap();
    case.check_news(2);

    fs::write(&case.path, "two").unwrap();
    case.check_wrong("'two'");
    // another mistake is said, too
    fs::write(&case.path, "three").unwrap();
    case.check_wrong("'three'");
    // deleted
    fs::remove_file(&case.path).unwrap();
    case.check_wrong("No such file");
    // what was in force all the time
    fs::write(&case.path, "2").unwrap();
    assert_eq!(case.news(), None);
    // a folder
    fs::remove_file(&case.path).unwrap();
    fs::create_dir(&case.path).unwrap();
    case.check_wrong("directory");
    fs::remove_dir(&case.path).unwrap();
    // a link to nowhere
    symlink("nowhere", &case.path).unwrap();
    case.check_wrong("No such file");
    // without end
    fs::remove_file(&case.path).unwrap();
    symlink("/dev/zero", &case.path).unwrap();
    case.check_wrong("64 MiB");
    fs::remove_file(&case.path).unwrap();
    fs::write(&case.path, "3").unwrap();
    case.check_news(3);
}

#[test]
fn a_pipe_that_nobody_writes_into_is_said_and_left() {
    let mut case = Case::new();
    fs::remove_file(&case.path).unwrap();
    make_fifo(&case.path);
    case.check_wrong("nothing was written into it");
    fs::remove_file(&case.path).unwrap();
    fs::write(&case.path, "2").unwrap();
    case.check_news(2);
}

fn make_fifo(path: &Path) {
    rustix::fs::mkfifoat(rustix::fs::CWD, path, Mode::RUSR | Mode::WUSR).unwrap();
}

/// `stations=<(…)`, `/dev/stdin`.
#[test]
fn a_pipe_is_read_once_also_from_a_late_writer() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("pipe");
    make_fifo(&path);
    let mut writer = Command::new("sh");
    writer.arg("-c").arg("sleep 0.3; echo 1 > \"$0\"").arg(&path);
    let mut writer = writer.spawn().unwrap();
    let opened = Watched::open(&path, None, Box::new(parse)).unwrap();
    assert_eq!((opened.value, opened.created), (1, false));
    assert!(writer.wait().unwrap().success());
    assert!(opened.file.news().is_none());
}

#[test]
fn a_missing_file_is_created_and_others_are_named() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("setting");
    let open = |path: &Path, initial: Option<&str>| {
        let opened = Watched::open(path, initial.map(Into::into), Box::new(parse));
        opened.map(|opened| (opened.value, opened.created))
    };
    assert!(matches!(open(&path, None), Err(OpenError::Read(_))));
    assert_eq!(open(&path, Some("7")).unwrap(), (7, true));
    assert_eq!(open(&path, Some("8")).unwrap(), (7, false));
    assert!(matches!(
        open(&path.join("no"), Some("8")),
        Err(OpenError::Read(_) | OpenError::Create(_))
    ));
    fs::write(&path, "seven").unwrap();
    assert!(matches!(open(&path, None), Err(OpenError::Content(_))));
}

#[test]
fn saved_content_is_in_the_file_and_no_news() {
    let case = Case::new();
    let Opened { file, .. } = Watched::open(&case.path, None, Box::new(parse)).unwrap();
    for n in 2..20 {
        file.save(n.to_string().into(), LIMIT).unwrap();
        assert_eq!(fs::read_to_string(&case.path).unwrap(), n.to_string());
    }
    fs::write(&case.path, "99").unwrap();
    let news = loop {
        if let Some(news) = file.news() {
            break news;
        }
        thread::yield_now();
    };
    assert_eq!(news, Ok(99), "what we saved is no news, what others wrote is");
}

#[test]
fn a_change_of_somebody_else_is_not_overwritten() {
    let mut case = Case::new();
    case.look.save(b"2".into()).unwrap();
    for theirs in ["3", "half wri"] {
        fs::write(&case.path, theirs).unwrap();
        let error = case.look.save(b"4".into()).unwrap_err();
        assert!(matches!(error, SaveError::Changed), "{error}");
        assert_eq!(fs::read_to_string(&case.path).unwrap(), theirs);
    }
    fs::write(&case.path, "3").unwrap();
    case.check_news(3);
    case.look.save(b"4".into()).unwrap();
    // A file that was deleted is made again.
    fs::remove_file(&case.path).unwrap();
    case.look.save(b"5".into()).unwrap();
    assert_eq!(fs::read_to_string(&case.path).unwrap(), "5");
    assert_eq!(case.news(), None);
}

/// A disk that hangs: here, reading does not end before the test lets it.
#[test]
fn a_disk_that_hangs_holds_neither_news_nor_save_nor_the_end() {
    let case = Case::new();
    let (enter, entered) = channel();
    let (release, released) = channel::<()>();
    let hang = move |content: &[u8]| {
        if content != b"1" {
            enter.send(()).unwrap();
            // until the test has ended
            let _ = released.recv();
        }
        parse(content)
    };
    let Opened { file, .. } = Watched::open(&case.path, None, Box::new(hang)).unwrap();
    fs::write(&case.path, "2").unwrap();
    entered.recv().unwrap();
    assert_eq!(file.news(), None);
    let error = file.save(b"3".into(), Duration::from_millis(10)).unwrap_err();
    assert!(matches!(error, SaveError::NoAnswer(_)), "{error}");
    file.shared.state().busy = Instant::now().checked_sub(2 * LIMIT);
    let said = file.news().expect("nothing is said").unwrap_err();
    assert!(said.contains("not responded"), "{said}");
    assert_eq!(file.news(), None, "it is said again");
    drop(file);
    assert_eq!(fs::read_to_string(&case.path).unwrap(), "2");
    drop(release);
}

/// A file or its folder is covered by a mount, as a container's volume that is mounted late, and uncovered again.
#[test]
fn mounts_are_followed() {
    let folder = TempDir::new().unwrap();
    mounts::run_in_namespace("watch::tests::process_with_mounts", folder.path());
}

#[test]
#[ignore = "run by mounts_are_followed"]
fn process_with_mounts() {
    let Some(folder) = mounts::folder() else {
        return;
    };
    let mut case = Case::new();
    fs::write(folder.join("other"), "2").unwrap();
    mounts::bind(&folder.join("other"), &case.path);
    case.check_news(2);
    fs::write(folder.join("other"), "3").unwrap();
    case.check_news(3);
    mounts::unmount(&case.path);
    case.check_news(1);
    // an empty disk over the folder
    mounts::disk(case.folder.path(), 64);
    case.check_wrong("No such file");
    fs::write(&case.path, "4").unwrap();
    mounts::remount(case.folder.path(), "ro");
    case.check_news(4);
    mounts::unmount(case.folder.path());
    case.check_news(1);
}
