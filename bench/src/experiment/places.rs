//! Where things are, in a checkout or in an installation, and what every measurement needs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, bail, ensure};
use signal_hook::consts::{SIGINT, SIGTERM};
use tempfile::TempDir;

use super::cell::{Cell, Models, Pace, Work};
use super::contender::{self, Contenders};
use super::mode::Mode;
use super::models::Choice;

/// Where things are, in a checkout or in an installation.
pub struct Places {
    /// The folder with `model_repository` and `pipelines`.
    pub home: PathBuf,
    /// The shipped models.
    pub repository: PathBuf,
    triton: PathBuf,
}

impl Places {
    fn find() -> Result<Self> {
        let program = [std::env::current_exe()?];
        let repository = triton::locate::model_repository(&program);
        let repository = repository.context("no model repository was found; set SHOPFLOOR_MODEL_REPOSITORY")?;
        let triton = triton::locate::triton_install_dir(&program);
        Ok(Self {
            home: repository.parent().unwrap_or(&repository).to_owned(),
            triton: triton.context("no Triton was found; setup-triton installs one, or set SHOPFLOOR_TRITON")?,
            repository,
        })
    }

    /// A file that was given, or one below the folder.
    fn file(&self, given: Option<&PathBuf>, name: &str, option: &str) -> Result<PathBuf> {
        if let Some(given) = given {
            let is_address = given.to_string_lossy().contains("://");
            let found = if is_address {
                Ok(given.clone())
            } else {
                given.canonicalize()
            };
            return found.with_context(|| format!("{option} {}", given.display()));
        }
        let file = self.home.join(name);
        ensure!(file.is_file(), "there is no {}: give {option} FILE", file.display());
        Ok(file)
    }

    /// A cell of one application, as fast as it goes; of the given video and stations, or those of the demo.
    pub fn cell(&self, models: &Models, input: Option<&PathBuf>, stations: Option<&PathBuf>) -> Result<Cell> {
        Ok(Cell {
            work: Work::Application(Mode::Runner),
            tenants: 1,
            seconds: 0.0,
            warm_up: 0.0,
            input: self.file(input, "media/vests.mp4", "--input")?,
            stations: self.file(stations, "pipelines/stations/demo.json", "--stations")?,
            models: models.clone(),
            server: None,
            window: false,
            pace: Pace::Fastest,
            interval: 1,
            priority: 0,
        })
    }

    /// The folder for results: the given one, that of a checkout, or one in the current folder.
    pub fn output(&self, given: Option<&PathBuf>) -> PathBuf {
        let results = self.home.join("bench/results");
        match given {
            Some(given) => given.clone(),
            None if results.is_dir() => results,
            None => "shopfloor-bench".into(),
        }
    }
}

/// What every measurement needs.
pub struct Setup {
    /// Where things are.
    pub places: Places,
    /// What runs the cells.
    pub contenders: Contenders,
    /// Removed when this is dropped.
    _scratch: TempDir,
}

impl Setup {
    /// Finds everything, and listens for Ctrl-C. `python`: the interpreter, empty for the installed one; `None` without Python.
    pub fn find(python: Option<&Path>, model: &str) -> Result<Self> {
        gst::init()?;
        let places = Places::find()?;
        let scratch = tempfile::tempdir()?;
        let interrupted = Arc::<AtomicBool>::default();
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&interrupted)).context("cannot listen for Ctrl-C")?;
        }
        let choice = Choice::named(model)?;
        let contenders = Contenders {
            python: python.map(|path| self::python(path, &places, choice)).transpose()?,
            triton: places.triton.clone(),
            scratch: scratch.path().to_owned(),
            interrupted,
        };
        Ok(Self {
            places,
            contenders,
            _scratch: scratch,
        })
    }
}

fn python(given: &Path, places: &Places, choice: &Choice) -> Result<contender::Python> {
    if !choice.python {
        bail!(
            "--python knows the models of person_pose and light only, not {}",
            choice.name
        );
    }
    let installed = places.home.join(".tools/bench/bin/python");
    let interpreter = if given.as_os_str().is_empty() {
        &installed
    } else {
        given
    };
    contender::python(interpreter, &places.home)
}
