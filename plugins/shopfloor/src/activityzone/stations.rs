//! Where the stations come from: a JSON file that is read again when it changes, or JSON in the property itself.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use people::station_file::Stations;

/// How often the file's modification time is checked.
const PERIOD: Duration = Duration::from_secs(1);

/// A warning for `draw=true` without a file to save to.
pub const NOT_SAVED: &str = "Drawn stations are not saved: stations= is not a file. Set stations= to the path of a JSON \
                             file, which is created if it does not exist; or take them from the message \
                             shopfloor-stations";

/// Where the stations come from, between start and stop.
#[derive(Debug, Default)]
pub struct StationSource {
    started: bool,
    source: Option<Source>,
    /// Whether [`NOT_SAVED`] was posted.
    warned: bool,
}

/// What to post once no lock is held.
#[derive(Debug, Default)]
pub struct Notices {
    /// The station file that was created.
    pub created: Option<PathBuf>,
    /// [`NOT_SAVED`].
    pub not_saved: bool,
}

impl StationSource {
    /// Opens what the property `stations` names. With `draw`, a file that does not exist is created.
    ///
    /// # Errors
    /// As `Source::open`; the stations stay those from before.
    pub fn open(&mut self, stations: Option<&str>, draw: bool, now: Instant) -> Result<(Stations, Notices), String> {
        let (source, stations, created) = match stations {
            None => (None, Stations::default(), None),
            Some(stations) if draw => {
                let (source, stations, created) = Source::open_or_create(stations, now)?;
                (Some(source), stations, created)
            }
            Some(stations) => {
                let (source, stations) = Source::open(stations, now)?;
                (Some(source), stations, None)
            }
        };
        self.source = source;
        let notices = Notices {
            created,
            ..Notices::default()
        };
        Ok((stations, notices))
    }

    /// Whether to post [`NOT_SAVED`], where stations are drawn: once, if there is no file to save to.
    pub fn warn_not_saved(&mut self) -> bool {
        let is_saved = self.source.as_ref().is_some_and(Source::is_file);
        self.started && !is_saved && !std::mem::replace(&mut self.warned, true)
    }

    /// From now on changes of properties act at once.
    pub fn start(&mut self) {
        self.started = true;
    }

    /// Whether the element has started.
    pub fn is_started(&self) -> bool {
        self.started
    }

    /// `Source::changed` of the present source.
    pub fn changed(&mut self, now: Instant) -> Option<Result<Stations, String>> {
        self.source.as_mut()?.changed(now)
    }

    /// `Source::save` of the present source; without one there is nothing to write.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&mut self, json: &str) -> Result<(), String> {
        self.source.as_mut().map_or(Ok(()), |source| source.save(json))
    }
}

/// A file of stations, or stations in a text.
#[derive(Debug)]
struct Source {
    file: Option<(PathBuf, Option<SystemTime>)>,
    checked: Instant,
}

impl Source {
    /// Reads `stations`, a path or, beginning with a bracket, JSON.
    ///
    /// # Errors
    /// A file that cannot be read, or wrong JSON: what is wrong, where, and what to do.
    fn open(stations: &str, now: Instant) -> Result<(Self, Stations), String> {
        if stations.trim_start().starts_with(['{', '[']) {
            let parsed = Stations::parse(stations).map_err(|error| format!("stations: {error}"))?;
            let inline = Self {
                file: None,
                checked: now,
            };
            return Ok((inline, parsed));
        }
        let path = PathBuf::from(stations);
        let modified = modified(&path);
        let parsed = read(&path)?;
        let file = Self {
            file: Some((path, modified)),
            checked: now,
        };
        Ok((file, parsed))
    }

    /// As [`open`](Self::open), but a file that does not exist is created, without stations. Also returns the path of
    /// the new file, if there is one.
    ///
    /// # Errors
    /// As [`open`](Self::open); or a file that cannot be created.
    fn open_or_create(stations: &str, now: Instant) -> Result<(Self, Stations, Option<PathBuf>), String> {
        let path = PathBuf::from(stations);
        let is_json = stations.trim_start().starts_with(['{', '[']);
        let created = !is_json && create(&path)?;
        let (source, stations) = Self::open(stations, now)?;
        Ok((source, stations, created.then_some(path)))
    }

    /// Whether [`save`](Self::save) writes a file.
    fn is_file(&self) -> bool {
        self.file.is_some()
    }

    /// The stations again, if their file has changed. If the file was removed, nothing changes.
    fn changed(&mut self, now: Instant) -> Option<Result<Stations, String>> {
        let (path, known) = self.file.as_mut()?;
        if now.saturating_duration_since(self.checked) < PERIOD {
            return None;
        }
        self.checked = now;
        let current = modified(path).filter(|current| Some(*current) != *known)?;
        *known = Some(current);
        Some(read(path))
    }

    /// Writes the stations into their file, if they are from one; it is not read again because of this.
    ///
    /// # Errors
    /// A file that cannot be written.
    fn save(&mut self, text: &str) -> Result<(), String> {
        let Some((path, known)) = self.file.as_mut() else {
            return Ok(());
        };
        fs::write(&path, text).map_err(|error| {
            format!(
                "cannot write the station file {}: {error}; the drawn stations are used until the element stops, and are \
                 in the message shopfloor-stations",
                path.display()
            )
        })?;
        *known = modified(path);
        Ok(())
    }
}

/// Creates a station file without stations; `false` if the file exists.
fn create(path: &Path) -> Result<bool, String> {
    let created = fs::File::create_new(path).and_then(|_| fs::write(path, Stations::default().to_json()));
    match created {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(format!(
            "cannot create the station file {}: {error}; set stations= to a file in a folder that exists and is writable",
            path.display()
        )),
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

fn read(path: &Path) -> Result<Stations, String> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| {
        let draw = if error.kind() == ErrorKind::NotFound {
            ", or set draw=true to begin a new one"
        } else {
            ""
        };
        format!("cannot read the station file {shown}: {error}; name an existing JSON file, or write JSON{draw}")
    })?;
    Stations::parse(&text).map_err(|error| format!("station file {shown}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"stations": [{"name": "bench", "polygon": [[0, 0], [1, 0], [1, 1]]}]}"#;
    const NONE: &str = r#"{"stations": []}"#;

    fn at(seconds: u64, start: Instant) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn inline_json_never_changes() {
        let start = Instant::now();
        let (mut source, stations) = Source::open(ONE, start).unwrap();
        assert_eq!(stations.iter().count(), 1);
        assert!(source.changed(at(10, start)).is_none());
    }

    #[test]
    fn a_file_is_read_again_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stations.json");
        let write = |text: &str, age: u64| {
            fs::write(&path, text).unwrap();
            let file = fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(age))
                .unwrap();
        };
        let start = Instant::now();
        write(ONE, 1);
        let (mut source, stations) = Source::open(path.to_str().unwrap(), start).unwrap();
        assert_eq!(stations.iter().count(), 1);
        assert!(source.changed(at(2, start)).is_none());
        write(NONE, 2);
        assert!(source.changed(at(2, start)).is_none(), "checked a moment ago");
        assert_eq!(source.changed(at(4, start)).unwrap().unwrap().iter().count(), 0);
        write("{", 3);
        let error = source.changed(at(6, start)).unwrap().unwrap_err();
        assert!(error.contains("stations.json") && error.contains("line 1"), "{error}");
        fs::remove_file(&path).unwrap();
        assert!(source.changed(at(8, start)).is_none());
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Source::open("/no/such/kitchen.json", Instant::now()).unwrap_err();
        assert!(error.contains("/no/such/kitchen.json"), "{error}");
    }

    #[test]
    fn a_missing_file_is_created_without_stations() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kitchen.json");
        let open = || Source::open_or_create(path.to_str().unwrap(), Instant::now()).unwrap();
        let (source, stations, created) = open();
        assert!(source.is_file() && stations.is_empty());
        assert_eq!(created, Some(path.clone()));
        assert!(Source::open(path.to_str().unwrap(), Instant::now()).is_ok());
        let (_, _, created) = open();
        assert_eq!(created, None);
    }

    #[test]
    fn existing_stations_and_inline_json_are_opened_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kitchen.json");
        fs::write(&path, ONE).unwrap();
        for (stations, is_file) in [(path.to_str().unwrap(), true), (ONE, false)] {
            let (source, stations, created) = Source::open_or_create(stations, Instant::now()).unwrap();
            assert_eq!((source.is_file(), stations.len(), created), (is_file, 1, None));
        }
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        let error = Source::open_or_create("/no/such/kitchen.json", Instant::now()).unwrap_err();
        assert!(
            error.contains("/no/such/kitchen.json") && error.contains("folder"),
            "{error}"
        );
    }
}
