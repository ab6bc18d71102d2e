//! The system's fonts, for names in scripts that the bundled typeface lacks.
//!
//! Font files are looked up and read by a thread of their own, which begins with the first such name of a stream and ends
//! with the stream.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use draw::{Face, FontBytes, Fonts, Shaped, shape};
use fontdb::{Database, FaceInfo, ID, Source};
use unicode_script::{Script, UnicodeScript};

/// Names on their way to glyphs.
#[derive(Default)]
pub struct NameShaper {
    /// `None` until the first name.
    thread: Option<ShapingThread>,
    /// Number of names that were sent and have not come back.
    open: usize,
}

struct ShapingThread {
    names: Sender<String>,
    shaped: Receiver<(String, Shaped)>,
}

impl NameShaper {
    /// Sends names to be shaped.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn send(&mut self, names: Vec<String>) -> std::io::Result<()> {
        let thread = match &self.thread {
            Some(thread) => thread,
            None => self.thread.insert(ShapingThread::start()?),
        };
        // it ends with this side of the channel only
        self.open += names
            .into_iter()
            .filter_map(|name| thread.names.send(name).ok())
            .count();
        Ok(())
    }

    /// The names that have been shaped; waits up to `wait` for those that are open.
    pub fn receive(&mut self, wait: Duration) -> Vec<(String, Shaped)> {
        let Some(thread) = &self.thread else {
            return Vec::new();
        };
        let end = Instant::now() + wait;
        let mut all = Vec::new();
        while self.open > all.len() {
            match thread
                .shaped
                .recv_timeout(end.saturating_duration_since(Instant::now()))
            {
                Ok(shaped) => all.push(shaped),
                Err(_) => break,
            }
        }
        self.open -= all.len();
        all
    }
}

impl ShapingThread {
    fn start() -> std::io::Result<Self> {
        let (names, requests) = channel::<String>();
        let (results, shaped) = channel();
        thread::Builder::new().name("overlay-fonts".into()).spawn(move || {
            let mut fonts = SystemFonts::default();
            while let Ok(name) = requests.recv() {
                for name in std::iter::once(name).chain(requests.try_iter()) {
                    let glyphs = shape(&name, &mut fonts);
                    if results.send((name, glyphs)).is_err() {
                        return;
                    }
                }
                // the files of a script have 20 MB, the glyphs of a name a few kB
                fonts.close();
            }
        })?;
        Ok(Self { names, shaped })
    }
}

/// The fonts in the folders of fontconfig's configuration; looked up at the first use.
#[derive(Default)]
struct SystemFonts {
    installed: Option<Installed>,
    /// The faces whose files are in memory.
    open: Vec<Face>,
}

struct Installed {
    database: Database,
    /// Best first.
    faces: Vec<ID>,
}

impl Installed {
    fn new() -> Self {
        let mut database = Database::new();
        database.load_system_fonts();
        Self::of(database)
    }

    fn of(database: Database) -> Self {
        let mut faces: Vec<&FaceInfo> = database.faces().collect();
        faces.sort_by_cached_key(|face| preference(face));
        let faces = faces.into_iter().map(|face| face.id).collect();
        Self { database, faces }
    }

    /// The best face that draws all of a text.
    fn find(&self, text: &str) -> Option<Face> {
        let draws = |id: &&ID| {
            let draws = |bytes: &[u8], index| draw::draws(bytes, index, text);
            self.database.with_face_data(**id, draws).unwrap_or(false)
        };
        let (source, index) = self.database.face_source(*self.faces.iter().find(draws)?)?;
        let bytes: FontBytes = match source {
            Source::Binary(bytes) | Source::SharedFile(_, bytes) => bytes,
            Source::File(path) => Arc::new(std::fs::read(path).ok()?),
        };
        Face::new(bytes, index)
    }
}

impl SystemFonts {
    /// Frees the files.
    fn close(&mut self) {
        self.open.clear();
    }
}

impl Fonts for SystemFonts {
    fn face_for(&mut self, cluster: &str) -> Option<Face> {
        if let Some(face) = self.open.iter().find(|face| face.draws(cluster)) {
            return Some(face.clone());
        }
        let face = self.installed.get_or_insert_with(Installed::new).find(cluster)?;
        self.open.push(face.clone());
        Some(face)
    }
}

/// Sorts upright before slanted, proportional before monospaced, Noto Sans (Chinese: simplified) before other fonts
/// without serifs before others, by how far the weight is from Roboto Medium's, then by name.
fn preference(face: &FaceInfo) -> impl Ord + use<> {
    let family = face.families.first().map_or("", |(name, _)| name);
    let rank = match family {
        "Noto Sans CJK SC" => 0,
        family if family.starts_with("Noto Sans") => 1,
        family if family.contains("Sans") => 2,
        _ => 3,
    };
    let is_slanted = face.style != fontdb::Style::Normal;
    let is_other_width = face.stretch != fontdb::Stretch::Normal;
    let weight = face.weight.0.abs_diff(fontdb::Weight::MEDIUM.0);
    (
        is_slanted,
        face.monospaced,
        rank,
        is_other_width,
        weight,
        family.to_owned(),
        face.index,
    )
}

/// Reports characters that cannot be read, each script once.
#[derive(Default)]
pub struct UnreadableScripts(HashSet<Script>);

impl UnreadableScripts {
    /// The warnings about a name with these characters.
    pub fn warnings(&mut self, name: &str, unreadable: &[char]) -> Vec<String> {
        let new = unreadable
            .iter()
            .map(|c| c.script())
            .filter(|script| self.0.insert(*script));
        new.map(|script| warning(name, script)).collect()
    }
}

fn warning(name: &str, script: Script) -> String {
    let what = match script {
        Script::Common | Script::Inherited => "symbols or emoji",
        Script::Unknown => "private or unassigned characters",
        script => script.full_name(),
    };
    let remedy = match package(script) {
        Some(package) => format!("Install one (Debian: {package}) and restart"),
        None => "Rename it, or install a font for them and restart".into(),
    };
    format!(
        "The name '{name}' cannot be read: no installed font has outlines of its characters ({what}), so their codes are \
         drawn. {remedy}"
    )
}

/// Debian's package with a font for a script.
fn package(script: Script) -> Option<&'static str> {
    match script {
        Script::Unknown => None,
        Script::Han | Script::Hiragana | Script::Katakana | Script::Hangul | Script::Bopomofo => Some("fonts-noto-cjk"),
        Script::Common | Script::Inherited => Some("fonts-symbola"),
        _ => Some("fonts-noto-core"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fonts of draw's tests.
    fn fonts() -> SystemFonts {
        let mut database = Database::new();
        database.load_fonts_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../draw/tests/fonts"));
        SystemFonts {
            installed: Some(Installed::of(database)),
            open: Vec::new(),
        }
    }

    #[test]
    fn each_script_has_its_font_and_others_none() {
        let mut fonts = fonts();
        for text in ["切菜板", "مخزن الأدوات", "עברית", "ไทย", "देवनागरी", "Küche – Стол №2"]
        {
            assert_eq!(shape(text, &mut fonts).unreadable(), [], "{text}");
        }
        assert_eq!(fonts.open.len(), 5, "one file for each script");
        for text in ["漢", "🔧", "ქ"] {
            assert_eq!(shape(text, &mut fonts).unreadable().len(), 1, "{text}");
        }
    }

    #[test]
    fn names_come_back_shaped() {
        let mut shaper = NameShaper::default();
        assert!(shaper.receive(Duration::from_secs(60)).is_empty(), "none is open");
        let names = ["\u{e000}", "Ω\u{301}"].map(String::from).to_vec();
        shaper.send(names.clone()).unwrap();
        let shaped = shaper.receive(Duration::from_secs(60));
        let back: Vec<_> = shaped.iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(back, names);
        assert_eq!(shaped[0].1.unreadable(), ['\u{e000}']);
    }

    #[test]
    fn each_script_is_reported_once_with_a_package() {
        let mut scripts = UnreadableScripts::default();
        for (name, count, expected) in [
            ("切菜板", 1, "fonts-noto-cjk"),
            ("工作台", 0, ""),
            ("مخزن", 1, "fonts-noto-core"),
            ("🔧", 1, "fonts-symbola"),
            ("\u{e000}", 1, "Rename"),
            ("カメラ 工 مخزن", 1, "fonts-noto-cjk"),
        ] {
            let unreadable: Vec<char> = name.chars().filter(|c| !c.is_ascii()).collect();
            let warnings = scripts.warnings(name, &unreadable);
            assert_eq!(warnings.len(), count, "{name}: {warnings:?}");
            assert!(
                warnings
                    .iter()
                    .all(|warning| warning.contains(expected) && warning.contains(name))
            );
        }
    }
}
