//! Where the stations come from: a JSON file that is read again when it changes, or JSON in the property itself.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use files::text;
use files::watch::{OpenError, Opened, Watched};
use people::station_file::Stations;

/// How long a save waits for the disk.
const SAVE_WAIT: Duration = Duration::from_secs(1);

/// A warning for `draw=true` without a file to save to.
pub const NOT_SAVED: &str = "Drawn stations are not saved: stations= is not a file. Set stations= to the path of a JSON \
                             file, which is created if it does not exist; or take them from the message \
                             shopfloor-stations";

/// Where the stations come from, between start and stop.
#[derive(Default)]
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
    pub fn open(&mut self, stations: Option<&str>, draw: bool) -> Result<(Stations, Notices), String> {
        let Some(stations) = stations else {
            self.source = None;
            return Ok(Default::default());
        };
        let (source, stations, created) = Source::open(stations, draw)?;
        self.source = Some(source);
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

    /// The stations again, if their file has changed, or what is wrong with it. Does not wait for the disk.
    pub fn changed(&mut self) -> Option<Result<Stations, String>> {
        self.source.as_mut()?.changed()
    }

    /// Writes the stations into their file, if they are from one. Returns the text of the file, and whether it was written.
    pub fn save(&mut self, stations: &Stations) -> (String, Result<(), String>) {
        match &mut self.source {
            Some(source) => source.save(stations),
            None => (stations.to_json(), Ok(())),
        }
    }
}

/// A file of stations, or stations in a text.
struct Source {
    /// The JSON that the stations were read from, or written as, last.
    text: String,
    file: Option<File>,
}

struct File {
    path: PathBuf,
    watched: Watched<Written>,
}

/// Stations and their JSON.
struct Written {
    stations: Stations,
    text: String,
}

impl Source {
    /// Reads `stations`, a path or, beginning with a bracket, JSON. With `draw`, a file that does not exist is created,
    /// without stations; then its path is returned, too.
    ///
    /// # Errors
    /// A file that cannot be read or created, or wrong JSON: what is wrong, where, and what to do.
    fn open(stations: &str, draw: bool) -> Result<(Self, Stations, Option<PathBuf>), String> {
        if stations.trim_start().starts_with(['{', '[']) {
            let parsed = Stations::parse(stations).map_err(|error| format!("stations: {error}"))?;
            let inline = Self {
                text: stations.to_owned(),
                file: None,
            };
            return Ok((inline, parsed, None));
        }
        let path = PathBuf::from(stations);
        let initial = draw.then(|| Stations::default().to_json().into_bytes());
        let opened = Watched::open(&path, initial, Box::new(parse)).map_err(|error| describe(&path, &error))?;
        let Opened { file, value, created } = opened;
        let source = Self {
            text: value.text,
            file: Some(File {
                path: path.clone(),
                watched: file,
            }),
        };
        Ok((source, value.stations, created.then_some(path)))
    }

    /// Whether [`save`](Self::save) writes a file.
    fn is_file(&self) -> bool {
        self.file.is_some()
    }

    fn changed(&mut self) -> Option<Result<Stations, String>> {
        let File { path, watched } = self.file.as_ref()?;
        let news = watched.news()?;
        Some(match news {
            Ok(Written { stations, text }) => {
                self.text = text;
                Ok(stations)
            }
            Err(why) => Err(format!("station file {}: {why}", path.display())),
        })
    }

    fn save(&mut self, stations: &Stations) -> (String, Result<(), String>) {
        let text = stations.to_json_over(&self.text);
        self.text.clone_from(&text);
        let Some(File { path, watched }) = &self.file else {
            return (text, Ok(()));
        };
        let saved = watched.save(text.clone().into_bytes(), SAVE_WAIT).map_err(|error| {
            format!(
                "cannot write the station file {}: {error}; the drawn stations are used until the element stops, and are \
                 in the message shopfloor-stations",
                path.display()
            )
        });
        (text, saved)
    }
}

fn parse(content: &[u8]) -> Result<Written, String> {
    let text = text::decode(content).map_err(|error| error.to_string())?;
    let stations = Stations::parse(&text).map_err(|error| error.to_string())?;
    Ok(Written { stations, text })
}

fn describe(path: &Path, error: &OpenError) -> String {
    let shown = path.display();
    match error {
        OpenError::Content(why) => format!("station file {shown}: {why}"),
        OpenError::Create(error) => format!(
            "cannot create the station file {shown}: {error}; set stations= to a file in a folder that exists and is writable"
        ),
        OpenError::Read(error) => {
            let draw = if error.kind() == ErrorKind::NotFound {
                ", or set draw=true to begin a new one"
            } else {
                ""
            };
            format!("cannot read the station file {shown}: {error}; name an existing JSON file, or write JSON{draw}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const ONE: &str = r#"{"stations": [{"name": "bench", "polygon": [[0, 0], [1, 0], [1, 1]]}]}"#;

    /// Whether it has a file, and the number of stations.
    fn open(stations: &str, draw: bool) -> Result<(bool, usize, Option<PathBuf>), String> {
        let (source, stations, created) = Source::open(stations, draw)?;
        Ok((source.is_file(), stations.len(), created))
    }

    #[test]
    fn a_missing_file_is_named_or_created() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kitchen.json");
        let stations = path.to_str().unwrap();
        let error = open(stations, false).unwrap_err();
        assert!(error.contains(stations) && error.contains("draw=true"), "{error}");
        assert_eq!(open(stations, true), Ok((true, 0, Some(path.clone()))));
        assert_eq!(open(stations, true), Ok((true, 0, None)));
        let error = open("/no/such/kitchen.json", true).unwrap_err();
        assert!(
            error.contains("/no/such/kitchen.json") && error.contains("folder"),
            "{error}"
        );
    }

    #[test]
    fn existing_stations_and_inline_json_are_opened_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kitchen.json");
        fs::write(&path, ONE).unwrap();
        for draw in [false, true] {
            assert_eq!(open(path.to_str().unwrap(), draw), Ok((true, 1, None)));
            assert_eq!(open(ONE, draw), Ok((false, 1, None)));
        }
    }

    #[test]
    fn encodings_of_editors_are_read_or_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kitchen.json");
        let named = ONE.replace("bench", "Küche");
        let utf16: Vec<u8> = named.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let latin1: Vec<u8> = named.chars().map(|c| c as u8).collect();
        for (bytes, expected) in [
            ([b"\xFF\xFE".as_slice(), &utf16].concat(), Ok(())),
            ([b"\xEF\xBB\xBF", named.as_bytes()].concat(), Ok(())),
            (latin1, Err("UTF-8")),
        ] {
            fs::write(&path, bytes).unwrap();
            match (Source::open(path.to_str().unwrap(), false), expected) {
                (Ok((_, stations, _)), Ok(())) => assert_eq!(&*stations[0].name, "Küche"),
                (Err(error), Err(fact)) => assert!(error.contains(fact) && error.contains("kitchen"), "{error}"),
                (opened, _) => panic!("{expected:?}: {:?}", opened.map(|_| ()).err()),
            }
        }
    }
}
