//! Where the stations come from: a JSON file that is read again when it changes, or JSON in the property itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use people::station_file::Stations;

/// How often a file's time of change is looked at.
const PERIOD: Duration = Duration::from_secs(1);

/// A source of stations; see the module's text.
#[derive(Debug)]
pub struct Source {
    file: Option<(PathBuf, Option<SystemTime>)>,
    looked: Instant,
}

impl Source {
    /// Reads `stations`, a path or, beginning with a bracket, JSON.
    pub fn open(stations: &str, now: Instant) -> Result<(Self, Stations), String> {
        if stations.trim_start().starts_with(['{', '[']) {
            let parsed = Stations::parse(stations).map_err(|error| format!("stations: {error}"))?;
            return Ok((
                Self {
                    file: None,
                    looked: now,
                },
                parsed,
            ));
        }
        let path = PathBuf::from(stations);
        let changed = changed(&path);
        let parsed = read(&path)?;
        Ok((
            Self {
                file: Some((path, changed)),
                looked: now,
            },
            parsed,
        ))
    }

    /// The stations again, if their file has changed. A file that went away leaves things as they are.
    pub fn changed(&mut self, now: Instant) -> Option<Result<Stations, String>> {
        let (path, known) = self.file.as_mut()?;
        if now.saturating_duration_since(self.looked) < PERIOD {
            return None;
        }
        self.looked = now;
        let current = changed(path).filter(|current| Some(*current) != *known)?;
        *known = Some(current);
        Some(read(path))
    }

    /// Writes the stations into their file, if they are from one; that is no change to read again.
    pub fn save(&mut self, text: &str) -> Result<(), String> {
        let Some((path, known)) = self.file.as_mut() else {
            return Ok(());
        };
        fs::write(&path, text).map_err(|error| {
            format!(
                "cannot write the station file {}: {error}; what was drawn is in force, and in the message shopfloor-stations",
                path.display()
            )
        })?;
        *known = changed(path);
        Ok(())
    }
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

fn read(path: &Path) -> Result<Stations, String> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| {
        format!("cannot read the station file {shown}: {error}; name an existing JSON file, or write JSON")
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
        assert!(source.changed(at(2, start)).is_none(), "looked at a moment ago");
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
}
