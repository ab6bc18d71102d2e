//! The station file: JSON in, [`Stations`] out, or an error that names line, column, field and remedy.
//!
//! ```json
//! {"stations": [{"name": "cutting board", "vest": "red", "polygon": [[0.1, 0.2], [0.3, 0.2], [0.2, 0.4]]}]}
//! ```
//!
//! Coordinates are normalised to the frame: (0, 0) is its top left corner, (1, 1) its bottom right one. Without `vest`
//! the station is unassigned: anyone may use it. A polygon is at least three points in order, its edges not crossing.

use std::collections::HashMap;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::station::{PolygonError, check_polygon};
use crate::{Station, VestName, VestScores};
use vision::Point;

/// The stations of a file, in its order; their names are unique.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stations(Vec<Arc<Station>>);

impl Stations {
    /// Reads a station file's text.
    ///
    /// # Errors
    /// The first error; syntax errors anywhere in the text come before others.
    pub fn parse(text: &str) -> Result<Self, StationFileError> {
        let written = Reader { text }.stations()?;
        Ok(Self(
            written.into_iter().map(|(station, _)| Arc::new(station)).collect(),
        ))
    }

    /// The text of a station file that [`parse`](Self::parse) reads back as these stations, a station a line.
    pub fn to_json(&self) -> String {
        self.to_json_over("")
    }

    /// As [`to_json`](Self::to_json), where `written` is the text of the file until now: stations that it has, too, stay as
    /// they are written there, with every decimal and space.
    pub fn to_json_over(&self, written: &str) -> String {
        let reader = Reader { text: written };
        let written: HashMap<_, _> = reader
            .stations()
            .unwrap_or_default()
            .into_iter()
            .map(|(station, json)| (station.name.clone(), (station, json)))
            .collect();
        let line = |station: &Station| match written.get(&station.name) {
            Some((same, json)) if same == station => (*json).to_owned(),
            _ => station_to_json(station),
        };
        let lines: Vec<_> = self.iter().map(|station| format!("    {}", line(station))).collect();
        format!("{{\n  \"stations\": [\n{}\n  ]\n}}\n", lines.join(",\n"))
    }
}

impl FromIterator<Arc<Station>> for Stations {
    /// Stations whose names are unique and whose polygons were checked.
    fn from_iter<I: IntoIterator<Item = Arc<Station>>>(stations: I) -> Self {
        Self(stations.into_iter().collect())
    }
}

impl FromStr for Stations {
    type Err = StationFileError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl Deref for Stations {
    type Target = [Arc<Station>];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// An error in a station file, and its place.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("line {line}, column {column}{}: {problem}", if field.is_empty() { String::new() } else { format!(", {field}") })]
pub struct StationFileError {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1; for a syntax error, where the parser stopped.
    pub column: usize,
    /// The path of the field, e.g. `stations[2].polygon[1]`; empty where the text is not JSON at all.
    pub field: String,
    /// The problem and its remedy.
    pub problem: Problem,
}

/// A problem in a station file.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    /// The text is not JSON.
    #[error("not valid JSON: {0}")]
    Syntax(String),
    /// The JSON has an unknown or missing field.
    #[error("{0}")]
    Field(String),
    /// A value has another type.
    #[error("expected {expected}, found `{found}`")]
    Kind {
        /// The expected value.
        expected: &'static str,
        /// The JSON found, shortened.
        found: String,
    },
    /// A station without a name.
    #[error("the station has no name; add \"name\", unique in the file")]
    MissingName,
    /// Two stations with the same name.
    #[error("the name \"{name}\" is taken by stations[{first}]; give each station its own")]
    DuplicateName {
        /// The name.
        name: String,
        /// The index of the first station with that name.
        first: usize,
    },
    /// A station without a polygon.
    #[error("the station has no polygon; add \"polygon\", a list of at least three points [x, y]")]
    MissingPolygon,
    /// The vest is "none", which does not identify a worker.
    #[error("\"none\" is not a vest; omit \"vest\" if anyone may use the station")]
    VestNone,
    /// A coordinate that is not 0..1.
    #[error(
        "expected 0 to 1, found {found}: coordinates are parts of the frame, so divide pixels by its width or height"
    )]
    OutsideFrame {
        /// The JSON number.
        found: String,
    },
    /// The points are not a valid polygon.
    #[error(transparent)]
    Polygon(#[from] PolygonError),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileJson<'a> {
    #[serde(borrow)]
    stations: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StationJson<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    vest: Option<&'a RawValue>,
    #[serde(borrow)]
    polygon: Option<&'a RawValue>,
}

/// A station as JSON. A coordinate has as many decimals as it takes to read the same one.
fn station_to_json(station: &Station) -> String {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let points = station
        .polygon
        .iter()
        .map(|point| format!("[{}, {}]", point.x, point.y));
    let polygon = points.collect::<Vec<_>>().join(", ");
    let vest = station
        .vest
        .as_deref()
        .map(|vest| format!("\"vest\": {}, ", text(vest)));
    let vest = vest.unwrap_or_default();
    format!("{{\"name\": {}, {vest}\"polygon\": [{polygon}]}}", text(&station.name))
}

/// Reads fragments of one text. Fragments are borrowed from it, so that their offset is the place of an error.
struct Reader<'a> {
    text: &'a str,
}

impl<'a> Reader<'a> {
    /// The stations, each with its JSON.
    fn stations(&self) -> Result<Vec<(Station, &'a str)>, StationFileError> {
        // Some editors begin a file with a byte order mark.
        let root: FileJson = self.object(self.text.trim_start_matches('\u{feff}').trim_start(), "")?;
        let list = self.list(root.stations.get(), "stations", "a list of stations")?;
        let mut names = HashMap::new();
        let mut stations = Vec::with_capacity(list.len());
        for (index, raw) in list.into_iter().enumerate() {
            let field = format!("stations[{index}]");
            let json: StationJson = self.object(raw.get(), &field)?;
            let Some(raw_name) = json.name else {
                return Err(self.error(raw.get(), &field, Problem::MissingName));
            };
            let name_field = format!("{field}.name");
            let name = self.word(raw_name.get(), &name_field)?;
            if let Some(first) = names.insert(name.clone(), index) {
                return Err(self.error(raw_name.get(), &name_field, Problem::DuplicateName { name, first }));
            }
            let Some(raw_polygon) = json.polygon else {
                return Err(self.error(raw.get(), &field, Problem::MissingPolygon));
            };
            let polygon = self.polygon(raw_polygon.get(), &format!("{field}.polygon"))?;
            let vest = json
                .vest
                .map(|raw| self.vest(raw.get(), &format!("{field}.vest")))
                .transpose()?;
            let station = Station {
                name: name.into(),
                polygon,
                vest,
            };
            stations.push((station, raw.get()));
        }
        Ok(stations)
    }

    fn object<T: Deserialize<'a>>(&self, json: &'a str, field: &str) -> Result<T, StationFileError> {
        // serde would also accept a list of the fields in order
        if json.starts_with('{') || json.is_empty() {
            self.json(json, field)
        } else {
            let expected = if field.is_empty() {
                "{\"stations\": [...]}"
            } else {
                "{\"name\": ..., \"polygon\": ...}"
            };
            Err(self.wrong_kind(json, field, expected))
        }
    }

    fn polygon(&self, json: &'a str, field: &str) -> Result<Vec<Point>, StationFileError> {
        let points = self.list(json, field, "a list of points [x, y]")?;
        let points = points
            .into_iter()
            .enumerate()
            .map(|(i, raw)| self.point(raw.get(), &format!("{field}[{i}]")));
        let polygon = points.collect::<Result<Vec<_>, _>>()?;
        check_polygon(&polygon).map_err(|error| self.error(json, field, error.into()))?;
        Ok(polygon)
    }

    fn point(&self, json: &'a str, field: &str) -> Result<Point, StationFileError> {
        const EXPECTED: &str = "a point [x, y]";
        match self.list(json, field, EXPECTED)?[..] {
            [x, y] => Ok(Point::new(
                self.coordinate(x.get(), &format!("{field}[0]"))?,
                self.coordinate(y.get(), &format!("{field}[1]"))?,
            )),
            _ => Err(self.wrong_kind(json, field, EXPECTED)),
        }
    }

    fn coordinate(&self, json: &'a str, field: &str) -> Result<f32, StationFileError> {
        let number: f64 = serde_json::from_str(json).map_err(|_| self.wrong_kind(json, field, "a number"))?;
        if (0.0..=1.0).contains(&number) {
            Ok(number as f32)
        } else {
            Err(self.error(json, field, Problem::OutsideFrame { found: shortened(json) }))
        }
    }

    fn vest(&self, json: &'a str, field: &str) -> Result<VestName, StationFileError> {
        let vest = self.word(json, field)?;
        if vest == VestScores::NONE {
            return Err(self.error(json, field, Problem::VestNone));
        }
        Ok(vest.into())
    }

    /// A string that is not blank.
    fn word(&self, json: &'a str, field: &str) -> Result<String, StationFileError> {
        let word: Option<String> = serde_json::from_str(json).ok();
        word.filter(|word| !word.trim().is_empty())
            .ok_or_else(|| self.wrong_kind(json, field, "a string that is not empty"))
    }

    fn list(&self, json: &'a str, field: &str, expected: &'static str) -> Result<Vec<&'a RawValue>, StationFileError> {
        if json.starts_with('[') {
            self.json(json, field)
        } else {
            Err(self.wrong_kind(json, field, expected))
        }
    }

    fn json<T: Deserialize<'a>>(&self, json: &'a str, field: &str) -> Result<T, StationFileError> {
        serde_json::from_str(json).map_err(|error| {
            let message = error.to_string();
            let place = format!(" at line {} column {}", error.line(), error.column());
            let message = message.strip_suffix(&place).unwrap_or(&message).to_owned();
            let lines: usize = json
                .split_inclusive('\n')
                .take(error.line().saturating_sub(1))
                .map(str::len)
                .sum();
            let offset = lines + error.column().saturating_sub(1);
            let problem = match error.classify() {
                Category::Data => Problem::Field(message),
                Category::Syntax | Category::Eof | Category::Io => Problem::Syntax(message),
            };
            self.error_at(self.offset(json) + offset, field, problem)
        })
    }

    fn wrong_kind(&self, json: &str, field: &str, expected: &'static str) -> StationFileError {
        self.error(
            json,
            field,
            Problem::Kind {
                expected,
                found: shortened(json),
            },
        )
    }

    fn error(&self, json: &str, field: &str, problem: Problem) -> StationFileError {
        self.error_at(self.offset(json), field, problem)
    }

    fn error_at(&self, offset: usize, field: &str, problem: Problem) -> StationFileError {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        let line_start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |newline| newline + 1);
        StationFileError {
            line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
            column: 1 + String::from_utf8_lossy(&before[line_start..]).chars().count(),
            field: field.to_owned(),
            problem,
        }
    }

    /// Offset of a fragment, in bytes.
    fn offset(&self, json: &str) -> usize {
        (json.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize)
    }
}

/// The beginning of a value, for messages.
fn shortened(json: &str) -> String {
    const LONGEST: usize = 40;
    match json.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &json[..end]),
        None => json.to_owned(),
    }
}
