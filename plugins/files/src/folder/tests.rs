//! Folders as editors, people and Kubernetes change them. A look is taken when the test says so.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::mpsc::channel;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// A folder `tenants` in one of its own.
struct Case {
    top: TempDir,
    reader: Reader,
    settle: Settle,
}

impl Case {
    fn new(files: &[(&str, &str)]) -> Self {
        let top = TempDir::new().unwrap();
        fs::create_dir(top.path().join("tenants")).unwrap();
        let case = Self {
            top,
            reader: Reader::default(),
            settle: Settle::default(),
        };
        for (name, content) in files {
            fs::write(case.at(name), content).unwrap();
        }
        case
    }

    fn at(&self, name: &str) -> PathBuf {
        self.top.path().join("tenants").join(name)
    }

    /// What changes at the next look, in one line: the files, a letter of each content, or `!` where it cannot be read.
    fn look(&mut self) -> String {
        let seen = self.reader.look(&self.top.path().join("tenants"), OsStr::new("launch"));
        match self.settle.look(seen) {
            None => "nothing".to_owned(),
            Some(News::Missing(_)) => "missing".to_owned(),
            Some(News::Files(listing)) => {
                let show = |(name, content): (&OsString, &Result<Vec<u8>, String>)| {
                    let content = content
                        .as_ref()
                        .map_or("!".into(), |content| String::from_utf8_lossy(content));
                    format!("{}={content} ", name.to_string_lossy().trim_end_matches(".launch"))
                };
                listing.files.iter().map(show).collect::<String>().trim_end().to_owned()
            }
        }
    }

    /// A change is no news at the next look, and this at the one after it.
    #[track_caller]
    fn check(&mut self, expected: &str) {
        assert_eq!(self.look(), "nothing", "it may be in the middle of a change");
        assert_eq!(self.look(), expected);
        assert_eq!(self.look(), "nothing", "it is said again");
    }
}

#[test]
fn files_come_change_and_go() {
    let mut case = Case::new(&[("a.launch", "1")]);
    assert_eq!(case.look(), "a=1");
    assert_eq!(case.look(), "nothing");
    fs::write(case.at("b.launch"), "2").unwrap();
    case.check("a=1 b=2");
    fs::write(case.at("a.launch"), "3").unwrap();
    case.check("a=3 b=2");
    fs::rename(case.at("a.launch"), case.at("c.launch")).unwrap();
    case.check("b=2 c=3");
    fs::remove_file(case.at("b.launch")).unwrap();
    fs::remove_file(case.at("c.launch")).unwrap();
    case.check("");
    assert_eq!(Case::new(&[]).look(), "", "an empty folder is news, too");
}

#[test]
fn other_files_do_not_count() {
    let mut case = Case::new(&[("a.launch", "1")]);
    assert_eq!(case.look(), "a=1");
    for name in [
        "b.launch~",
        ".b.launch.swp",
        ".b.launch",
        "#b.launch#",
        "README",
        "launch",
    ] {
        fs::write(case.at(name), "2").unwrap();
    }
    // Of an Emacs that has unsaved changes.
    symlink("user@host.1:2", case.at(".#a.launch")).unwrap();
    fs::create_dir(case.at("old")).unwrap();
    assert_eq!([case.look(), case.look()], ["nothing", "nothing"]);
}

#[test]
fn a_file_that_is_being_written_does_not_count() {
    let mut case = Case::new(&[("a.launch", "1"), ("b.launch", "1")]);
    assert_eq!(case.look(), "a=1 b=1");
    for content in ["2", "23", "234"] {
        fs::write(case.at("a.launch"), content).unwrap();
        assert_eq!(case.look(), "nothing");
    }
    // Another file does not wait for it.
    fs::write(case.at("b.launch"), "9").unwrap();
    assert_eq!(case.look(), "a=234 b=1");
    assert_eq!(case.look(), "a=234 b=9");
}

#[test]
fn editors_replace_files() {
    let mut case = Case::new(&[("a.launch", "1")]);
    assert_eq!(case.look(), "a=1");
    // Vim moves the old one away and writes a new one.
    fs::rename(case.at("a.launch"), case.at("a.launch~")).unwrap();
    assert_eq!(case.look(), "nothing");
    fs::write(case.at("a.launch"), "2").unwrap();
    case.check("a=2");
    // Others write a new one beside it, and rename that; also with the same size and time.
    fs::write(case.at("new"), "3").unwrap();
    let time = fs::metadata(case.at("a.launch")).unwrap().modified().unwrap();
    fs::File::open(case.at("new")).unwrap().set_modified(time).unwrap();
    fs::rename(case.at("new"), case.at("a.launch")).unwrap();
    case.check("a=3");
    // The same content again.
    fs::write(case.at("a.launch"), "3").unwrap();
    assert_eq!([case.look(), case.look()], ["nothing", "nothing"]);
}

/// Each file is a link into `..data`, which is a link to a folder; a new one replaces it by a rename.
#[test]
fn a_config_map_changes_all_files_at_once() {
    let mut case = Case::new(&[]);
    let version = |case: &Case, name: &str, files: &[(&str, &str)]| {
        fs::create_dir(case.at(name)).unwrap();
        for (file, content) in files {
            fs::write(case.at(name).join(file), content).unwrap();
        }
        symlink(name, case.at("..data_tmp")).unwrap();
        fs::rename(case.at("..data_tmp"), case.at("..data")).unwrap();
    };
    version(&case, "..1", &[("a.launch", "1"), ("b.launch", "1")]);
    for name in ["a.launch", "b.launch"] {
        symlink(Path::new("..data").join(name), case.at(name)).unwrap();
    }
    assert_eq!(case.look(), "a=1 b=1");
    version(&case, "..2", &[("a.launch", "2"), ("c.launch", "2")]);
    // Kubernetes makes and removes links after that.
    assert_eq!(case.look(), "nothing");
    fs::remove_file(case.at("b.launch")).unwrap();
    symlink("..data/c.launch", case.at("c.launch")).unwrap();
    assert_eq!(case.look(), "a=2 b=1");
    assert_eq!(case.look(), "a=2 c=2");
}

#[test]
fn what_cannot_be_read_is_told_apart() {
    let mut case = Case::new(&[("a.launch", "1")]);
    symlink("nowhere", case.at("b.launch")).unwrap();
    symlink("c.launch", case.at("c.launch")).unwrap();
    fs::create_dir(case.at("d.launch")).unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(case.at("e.launch")).status();
    assert!(pipe.unwrap().success());
    assert_eq!(case.look(), "a=1 b=! c=! d=! e=!");
    fs::write(case.at("nowhere"), "2").unwrap();
    case.check("a=1 b=2 c=! d=! e=!");
    fs::set_permissions(case.at("nowhere"), fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(case.at("nowhere")).is_err() {
        // Not for root.
        case.check("a=1 b=! c=! d=! e=!");
    }
}

/// What its files were stays in force.
#[test]
fn a_folder_goes_and_comes_back() {
    let mut case = Case::new(&[("a.launch", "1"), ("b.launch", "1")]);
    assert_eq!(case.look(), "a=1 b=1");
    let away = case.top.path().join("away");
    fs::rename(case.at(""), &away).unwrap();
    case.check("missing");
    fs::rename(&away, case.at("")).unwrap();
    assert_eq!(case.look(), "a=1 b=1");
    assert_eq!(case.look(), "nothing");

    fs::remove_dir_all(case.at("")).unwrap();
    case.check("missing");
    fs::create_dir(case.at("")).unwrap();
    fs::write(case.at("b.launch"), "2").unwrap();
    assert_eq!(case.look(), "a=1 b=1", "that it is back");
    assert_eq!(case.look(), "b=2");
    assert_eq!(case.look(), "nothing");

    // For a moment.
    fs::rename(case.at(""), &away).unwrap();
    assert_eq!(case.look(), "nothing");
    fs::rename(&away, case.at("")).unwrap();
    assert_eq!([case.look(), case.look()], ["nothing", "nothing"]);
}

#[test]
fn a_folder_that_is_missing_from_the_beginning_is_said_once() {
    let mut case = Case::new(&[]);
    fs::remove_dir(case.at("")).unwrap();
    assert_eq!([case.look(), case.look()], ["missing", "nothing"]);
    fs::create_dir(case.at("")).unwrap();
    assert_eq!([case.look(), case.look()], ["", "nothing"]);
}

/// The same by the thread.
#[test]
fn the_thread_reports_what_changes() {
    let case = Case::new(&[("a.launch", "1")]);
    let (sender, news) = channel();
    let folder = Folder::follow(&case.at(""), "launch", move |news| drop(sender.send(news))).unwrap();
    let next = || match news.recv_timeout(Duration::from_secs(60)).unwrap() {
        News::Files(listing) => listing.files.into_values().map(Result::unwrap).collect::<Vec<_>>(),
        News::Missing(why) => panic!("{why}"),
    };
    assert_eq!(next(), [b"1"]);
    fs::write(case.at("a.launch"), "2").unwrap();
    folder.hurry();
    assert_eq!(next(), [b"2"]);
    drop(folder);
    assert!(
        news.recv_timeout(Duration::from_secs(60)).is_err(),
        "the thread has ended"
    );
}

proptest! {
    /// Whatever happens to a folder, what counts is what it has once two looks have seen that; and nothing is said twice.
    #[test]
    fn in_the_end_what_is_there_counts(looks in prop::collection::vec(prop::option::of(prop::collection::btree_map(0..4u8, 0..3u8, 0..4)), 1..20)) {
        let listing = |files: &BTreeMap<u8, u8>| Listing {
            folder: "/".into(),
            files: files.iter().map(|(name, content)| (name.to_string().into(), Ok(vec![*content]))).collect(),
        };
        let mut settle = Settle::default();
        let mut last = None;
        let mut look = |now: &Option<BTreeMap<u8, u8>>| {
            let news = settle.look(now.as_ref().map(listing).ok_or_else(|| "gone".to_owned()));
            let is_new = news.is_none() || news != last;
            last = news.clone().or(last.take());
            (news, is_new)
        };
        for now in &looks {
            prop_assert!(look(now).1);
        }
        let end = looks.last().unwrap();
        look(end);
        prop_assert_eq!(look(end).0, None);
        match (end, last) {
            (Some(files), Some(News::Files(counts))) => prop_assert_eq!(counts, listing(files)),
            (None, Some(News::Missing(_))) => {}
            (end, last) => prop_assert!(false, "{end:?} {last:?}"),
        }
    }
}
