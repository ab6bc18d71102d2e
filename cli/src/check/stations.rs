//! Station files, and the vests in them and in `vesttrack vests=`, compared with the labels of the models.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use people::station_file::Stations;
use people::{VestName, names};

use super::access::Access;
use super::finding::Finding;
use super::needs::{Needs, StationSource};
use super::within;

/// Checks a tenant's stations and vests; `labels` are those of its models, if they are known.
pub fn check(tenant: &str, needs: &Needs, labels: &Option<Vec<VestName>>, limit: Duration) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &needs.stations {
        let read = read(source, limit);
        if let (Source::File(path), true) = (Source::of(source), source.draw) {
            findings.extend(saved(tenant, &path, limit));
        }
        match read {
            Ok(stations) => {
                let vests = stations
                    .iter()
                    .filter_map(|station| Some((station.name.as_ref(), station.vest.as_deref()?)));
                let vests: Vec<_> = vests
                    .map(|(station, vest)| (format!("station '{station}' has the vest "), vest))
                    .collect();
                let what = format!("{}: {}", source.element, count(stations.len()));
                let remedy = format!("correct \"vest\" in {}", Source::of(source).describe());
                findings.push(compared(tenant, &what, &vests, labels, &remedy));
            }
            Err(finding) => findings.push(finding.of(tenant)),
        }
    }
    for vests in &needs.vests {
        let names: Vec<_> = vests.names.iter().map(|name| (String::new(), name.as_str())).collect();
        let what = format!("{}: {} in vests=", vests.element, vests.names.join(", "));
        findings.push(compared(tenant, &what, &names, labels, "correct vests="));
    }
    findings
}

fn count(stations: usize) -> String {
    match stations {
        0 => "no station is watched".to_owned(),
        1 => "1 station".to_owned(),
        several => format!("{several} stations"),
    }
}

/// What was found of a source, before it is known of which tenant.
#[derive(Debug)]
struct Problem {
    is_warning: bool,
    text: String,
    remedy: String,
}

impl Problem {
    fn new(text: String, remedy: &str) -> Self {
        Self {
            is_warning: false,
            text,
            remedy: remedy.to_owned(),
        }
    }

    fn of(self, tenant: &str) -> Finding {
        match self.is_warning {
            true => Finding::warning(tenant, self.text, self.remedy),
            false => Finding::failed(tenant, self.text, self.remedy),
        }
    }
}

/// Where stations are.
enum Source {
    Inline,
    File(PathBuf),
}

impl Source {
    fn of(source: &StationSource) -> Self {
        match source.text.trim_start().starts_with(['{', '[']) {
            true => Self::Inline,
            false => Self::File(source.text.clone().into()),
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Inline => "stations=".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

fn read(source: &StationSource, limit: Duration) -> Result<Stations, Problem> {
    if source.text.is_empty() {
        return Err(Problem::new(
            format!(
                "{}: inference-region=people-at-stations, but no stations",
                source.element
            ),
            "set stations= to the file that activityzone has, too",
        ));
    }
    let Source::File(path) = Source::of(source) else {
        let parsed = Stations::parse(&source.text);
        return parsed
            .map_err(|error| Problem::new(format!("{}: stations=: {error}", source.element), "correct the JSON"));
    };
    let shown = path.display();
    let Some(content) = within::limit(limit, {
        let path = path.clone();
        move || content(&path)
    }) else {
        return Err(Problem::new(
            format!("the station file {shown}: {}", within::SLOW_DISK),
            "look after the disk or the network it is on",
        ));
    };
    match content {
        Ok(Some(bytes)) => {
            let text = files::text::decode(&bytes).map_err(|error| error.to_string());
            let parsed = text.and_then(|text| Stations::parse(&text).map_err(|error| error.to_string()));
            parsed.map_err(|error| Problem::new(format!("station file {shown}: {error}"), "correct the file"))
        }
        Ok(None) => Err(Problem {
            is_warning: true,
            text: format!("the station file {shown} is a pipe, which is read only once: by activityzone"),
            remedy: "name a file to have it checked".to_owned(),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound && source.draw => Ok(Stations::default()),
        Err(error) => Err(Problem::new(
            format!("cannot read the station file {shown}: {error}"),
            "name an existing JSON file, or set draw=true to begin a new one",
        )),
    }
}

/// A file's content; none of a pipe or a device.
fn content(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let metadata = std::fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    metadata.is_file().then(|| std::fs::read(path)).transpose()
}

/// With `draw=true` a new file takes the place of the old one, so its folder is written into, too.
fn saved(tenant: &str, path: &Path, limit: Duration) -> Vec<Finding> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let files = [
        Access::write(path, "stations drawn with the mouse"),
        Access::write_into(folder, "where drawn stations are saved"),
    ];
    super::access::check(files.map(|file| (tenant, file)).into(), limit)
}

/// Compares vests with the labels. `what` is what has them.
fn compared(
    tenant: &str,
    what: &str,
    vests: &[(String, &str)],
    labels: &Option<Vec<VestName>>,
    remedy: &str,
) -> Finding {
    if vests.is_empty() {
        return Finding::ok(tenant, what);
    }
    let Some(labels) = labels else {
        let text = format!("{what}: the vests are not compared, since the model's labels are not known");
        return Finding::warning(
            tenant,
            text,
            "correct what has failed with the server and the models first",
        );
    };
    if labels.is_empty() {
        let text = format!("{what}, and no model of the pipeline has labels of vests");
        let remedy = "use a model that classifies vests, such as worker_ensemble, or omit the vests";
        return Finding::failed(tenant, text, remedy);
    }
    let unknown = vests.iter().filter_map(|(of, vest)| {
        let unknown = names::resolve(vest, labels).err()?;
        Some(format!("{of}{unknown}"))
    });
    let unknown: Vec<String> = unknown.collect();
    if unknown.is_empty() {
        return Finding::ok(tenant, format!("{what}, whose vests the model knows"));
    }
    let text = format!(
        "{what}: the vest model has no such label: {}. Its labels are {}",
        names::list(&unknown),
        labels.join(", ")
    );
    Finding::failed(tenant, text, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::needs::Vests;
    use expect_test::{Expect, expect};

    const LIMIT: Duration = Duration::from_secs(60);

    fn station(name: &str, vest: &str) -> String {
        let vest = if vest.is_empty() {
            String::new()
        } else {
            format!("\"vest\": \"{vest}\", ")
        };
        format!("{{\"name\": \"{name}\", {vest}\"polygon\": [[0, 0], [1, 0], [1, 1]]}}")
    }

    fn source(text: &str, draw: bool) -> Needs {
        let source = StationSource {
            element: "zones".to_owned(),
            text: text.to_owned(),
            draw,
        };
        Needs {
            stations: vec![source],
            ..Needs::default()
        }
    }

    fn stations(stations: &[(&str, &str)]) -> Needs {
        let stations: Vec<_> = stations.iter().map(|(name, vest)| station(name, vest)).collect();
        source(&format!("{{\"stations\": [{}]}}", stations.join(",")), false)
    }

    fn labels() -> Option<Vec<VestName>> {
        Some(["none", "red", "Blue"].map(Into::into).into())
    }

    #[track_caller]
    fn check_text(needs: &Needs, labels: &Option<Vec<VestName>>, expected: Expect) {
        let findings = check("hall", needs, labels, LIMIT);
        let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
        expected.assert_eq(&lines.join("\n"));
    }

    #[test]
    fn vests_are_labels_or_the_nearest_one_is_named() {
        check_text(
            &stations(&[("till", "RED"), ("bench", "blue"), ("sink", "")]),
            &labels(),
            expect!["✓ hall: zones: 3 stations, whose vests the model knows"],
        );
        check_text(
            &stations(&[("till", "bleu"), ("bench", "rouge")]),
            &labels(),
            expect![[r#"
            ✗ hall: zones: 2 stations: the vest model has no such label: station 'till' has the vest 'bleu' (did you mean 'Blue'?), station 'bench' has the vest 'rouge'. Its labels are none, red, Blue
              → correct "vest" in stations="#]],
        );
        check_text(
            &stations(&[("till", "red")]),
            &Some(Vec::new()),
            expect![[r#"
            ✗ hall: zones: 1 station, and no model of the pipeline has labels of vests
              → use a model that classifies vests, such as worker_ensemble, or omit the vests"#]],
        );
        check_text(
            &stations(&[("till", "red")]),
            &None,
            expect![[r#"
            ! hall: zones: 1 station: the vests are not compared, since the model's labels are not known
              → correct what has failed with the server and the models first"#]],
        );
        check_text(&stations(&[("till", "")]), &None, expect!["✓ hall: zones: 1 station"]);
        check_text(
            &stations(&[]),
            &labels(),
            expect!["✓ hall: zones: no station is watched"],
        );
        let listed = Needs {
            vests: vec![Vests {
                element: "track".to_owned(),
                names: vec!["red".to_owned(), "none".to_owned()],
            }],
            ..Needs::default()
        };
        check_text(
            &listed,
            &labels(),
            expect![[r#"
            ✗ hall: track: red, none in vests=: the vest model has no such label: 'none' (no vest). Its labels are none, red, Blue
              → correct vests="#]],
        );
    }

    #[test]
    fn station_files_are_read_as_activityzone_reads_them() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let check_all = |needs: &Needs| {
            let findings = check("hall", needs, &labels(), LIMIT);
            let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
            lines.join("\n")
        };
        let check = |name: &str, draw: bool, parts: &[&str]| {
            let text = check_all(&source(&path(name), draw));
            assert!(parts.iter().all(|part| text.contains(part)), "{name}: {text}");
        };
        std::fs::write(
            path("good"),
            format!("\u{feff}{{\"stations\": [{}]}}", station("till", "red")),
        )
        .unwrap();
        std::fs::write(path("bad"), "{\"stations\": [{}]}").unwrap();
        std::fs::write(path("latin"), b"{\"stations\": [], \"\xFC\": 1}").unwrap();
        check("good", false, &["✓ hall: zones: 1 station, whose vests"]);
        check("bad", false, &["✗ hall", "line 1, column 15", "no name", "→"]);
        check("latin", false, &["✗ hall", "0xFC", "save it as UTF-8"]);
        let unset = check_all(&source("", false));
        assert!(
            unset.starts_with("✗ hall: zones: inference-region=people-at-stations, but no stations"),
            "{unset}"
        );
        check("nowhere", false, &["✗ hall: cannot read the station file", "draw=true"]);
        check("nowhere", true, &["✓ hall: zones: no station", "can be written"]);
        check(".", false, &["✗ hall: cannot read", "→"]);
        check("no/nowhere", true, &["✗", "create the folder"]);
        let made = std::process::Command::new("mkfifo").arg(path("pipe")).status().unwrap();
        assert!(made.success());
        check("pipe", false, &["! hall", "is a pipe"]);
        assert!(!Path::new(&path("nowhere")).exists());
    }
}
