//! The tenants of a folder: which launch files have come, changed and gone.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, mem};

use files::folder::{Folder, Listing, News};
use shopfloor::launch::{self, Launch, Parameters};

/// Time without a response of the folder's disk after which that is said.
const SILENCE: Duration = Duration::from_secs(10);

/// A folder's launch files by their names; or what is wrong with one.
pub type Launches = BTreeMap<OsString, Result<Launch, Arc<str>>>;

/// What has happened to a launch file.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// It was not there before.
    Added(Result<Launch, Arc<str>>),
    /// It has another pipeline, another folder, or another mistake.
    Changed(Result<Launch, Arc<str>>),
    /// It is gone.
    Removed,
}

/// A folder whose launch files are played.
pub struct Tenants {
    path: PathBuf,
    parameters: Arc<Parameters>,
    folder: Folder,
    /// None before the first news.
    launches: Option<Launches>,
    is_missing: bool,
    is_silent: bool,
}

impl Tenants {
    /// Follows the folder; its news are to be handed to [`changes`](Self::changes).
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn follow(
        path: PathBuf,
        parameters: Arc<Parameters>,
        notify: impl FnMut(News) + Send + 'static,
    ) -> io::Result<Self> {
        let folder = Folder::follow(&path, "launch", notify)?;
        Ok(Self {
            path,
            parameters,
            folder,
            launches: None,
            is_missing: false,
            is_silent: false,
        })
    }

    /// Looks at the folder at once.
    pub fn hurry(&self) {
        self.folder.hurry();
    }

    /// Whether it was read, or cannot be.
    pub fn was_read(&self) -> bool {
        self.launches.is_some() || self.is_missing
    }

    /// What has happened to its launch files, by their names. What is to be said goes to `lines`.
    pub fn changes(&mut self, news: News, lines: &mut Vec<String>) -> Vec<(OsString, Change)> {
        let path = self.path.display();
        let listing = match news {
            News::Files(listing) => listing,
            News::Missing(why) => {
                self.is_missing = true;
                lines.push(format!(
                    "warning: cannot read the folder {path}: {why}; its tenants play on, and it is waited for"
                ));
                return Vec::new();
            }
        };
        if mem::take(&mut self.is_missing) {
            lines.push(format!("note: the folder {path} is back"));
        }
        let now = read(&self.path, &listing, &self.parameters);
        let is_first = self.launches.is_none();
        let before = self.launches.replace(now.clone()).unwrap_or_default();
        if now.is_empty() && (is_first || !before.is_empty()) {
            lines.push(format!("{path} has no launch file; waiting for one (NAME.launch)"));
        }
        changes(&before, &now)
    }

    /// Says once that the disk does not respond.
    pub fn tick(&mut self, now: Instant, lines: &mut Vec<String>) {
        let busy = self.folder.busy_since();
        let is_silent = busy.is_some_and(|since| now.saturating_duration_since(since) >= SILENCE);
        if is_silent && !self.is_silent {
            let seconds = SILENCE.as_secs();
            lines.push(format!(
                "warning: the disk of {} has not responded for {seconds} s",
                self.path.display()
            ));
        }
        self.is_silent = is_silent;
    }
}

/// Reads the launch files of `path`, whose content is known.
pub fn read(path: &Path, listing: &Listing, parameters: &Parameters) -> Launches {
    let read = |(name, content): (&OsString, &Result<Vec<u8>, String>)| {
        let path = path.join(name);
        let launch = match content {
            Ok(content) => {
                launch::parse(&path, &listing.folder, content, parameters).map_err(|error| format!("{error:#}"))
            }
            Err(error) => Err(format!("cannot read the launch file {}: {error}", path.display())),
        };
        (name.clone(), launch.map_err(Arc::from))
    };
    listing.files.iter().map(read).collect()
}

/// What has happened from `before` to `now`. Comments, and an equal content in another file, are no change.
pub fn changes(before: &Launches, now: &Launches) -> Vec<(OsString, Change)> {
    let names: BTreeSet<_> = before.keys().chain(now.keys()).collect();
    let change = |name: &OsString| match (before.get(name), now.get(name)) {
        (None, Some(launch)) => Some(Change::Added(launch.clone())),
        (Some(before), Some(launch)) if before != launch => Some(Change::Changed(launch.clone())),
        (Some(_), None) => Some(Change::Removed),
        _ => None,
    };
    let changes = names.into_iter().filter_map(|name| Some((name.clone(), change(name)?)));
    changes.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Files by their names, in the order of the alphabet: a pipeline, or a mistake that begins with `!`.
    fn launches(files: &[(&str, &str)]) -> Launches {
        let launch = |(name, text): &(&str, &str)| {
            let launch = match text.strip_prefix('!') {
                Some(mistake) => Err(mistake.into()),
                None => Ok(Launch {
                    name: (*name).to_owned(),
                    folder: "/".into(),
                    description: (*text).to_owned(),
                    names: Default::default(),
                }),
            };
            (OsString::from(name), launch)
        };
        files.iter().map(launch).collect()
    }

    /// `+` added, `~` changed, `-` removed, and `!` for a mistake.
    #[track_caller]
    fn check(before: &[(&str, &str)], now: &[(&str, &str)], expected: &str) {
        let show = |(name, change): (OsString, Change)| {
            let (sign, launch) = match &change {
                Change::Added(launch) => ("+", Some(launch)),
                Change::Changed(launch) => ("~", Some(launch)),
                Change::Removed => ("-", None),
            };
            let mistake = if launch.is_some_and(Result::is_err) { "!" } else { "" };
            format!("{sign}{}{mistake}", name.display())
        };
        let got: Vec<_> = changes(&launches(before), &launches(now))
            .into_iter()
            .map(show)
            .collect();
        assert_eq!(got.join(" "), expected, "{before:?} to {now:?}");
    }

    #[test]
    fn files_are_added_changed_and_removed() {
        check(&[], &[], "");
        check(&[], &[("a", "x"), ("b", "y")], "+a +b");
        check(&[("a", "x"), ("b", "y")], &[("a", "x"), ("b", "z")], "~b");
        check(&[("a", "x"), ("b", "y")], &[("b", "y")], "-a");
        check(&[("a", "x")], &[("b", "x")], "-a +b");
        check(&[("a", "x"), ("b", "y")], &[("a", "y"), ("c", "x")], "~a -b +c");
        check(&[], &[("a", "!no pipeline")], "+a!");
        check(&[("a", "x")], &[("a", "!no pipeline")], "~a!");
        check(&[("a", "!no pipeline")], &[("a", "!no pipeline")], "");
        check(&[("a", "!no pipeline")], &[("a", "!another")], "~a!");
        check(&[("a", "!no pipeline")], &[("a", "x")], "~a");
    }

    #[test]
    fn files_are_read_with_their_mistakes() {
        let file = |name: &str, content: Result<&str, &str>| {
            let content = content
                .map(|content| content.as_bytes().to_vec())
                .map_err(str::to_owned);
            (OsString::from(name), content)
        };
        let listing = Listing {
            folder: "/real".into(),
            files: [
                file("a.launch", Ok("# why\nfakesrc ! ${sink} # ")),
                file("b.launch", Ok("fakesrc ! ${what}")),
                file("c.launch", Err("Permission denied")),
            ]
            .into(),
        };
        let parameters = [("sink".to_owned(), "fakesink".to_owned())].into();
        let launches = read(Path::new("yard"), &listing, &parameters);
        let launch = launches[&OsString::from("a.launch")].as_ref().unwrap();
        assert_eq!((&*launch.name, &*launch.folder), ("a", Path::new("/real")));
        assert_eq!(launch.description, "fakesrc ! fakesink # ");
        for (name, facts) in [
            ("b.launch", ["yard/b.launch", "--set what=VALUE"]),
            ("c.launch", ["yard/c.launch", "Permission denied"]),
        ] {
            let mistake = launches[&OsString::from(name)].as_ref().unwrap_err();
            assert!(facts.iter().all(|fact| mistake.contains(fact)), "{mistake}");
        }
    }

    fn any_launches() -> impl Strategy<Value = Launches> {
        let text = prop::sample::select(vec!["x", "y", "!a", "!b"]);
        let name = prop::sample::select(vec!["a", "b", "c", "d"]);
        let files = prop::collection::btree_map(name, text, 0..5);
        files.prop_map(|files| launches(&files.into_iter().collect::<Vec<_>>()))
    }

    proptest! {
        /// The changes, made to what was before, give what is now; each file has one at most.
        #[test]
        fn changes_lead_from_one_to_the_other(before in any_launches(), now in any_launches()) {
            let mut made = before.clone();
            for (name, change) in changes(&before, &now) {
                match change {
                    Change::Added(launch) => prop_assert!(made.insert(name, launch).is_none()),
                    Change::Changed(launch) => {
                        let was = made.insert(name, launch.clone());
                        prop_assert!(was.is_some_and(|was| was != launch));
                    }
                    Change::Removed => prop_assert!(made.remove(&name).is_some()),
                }
            }
            prop_assert_eq!(made, now);
        }
    }
}
