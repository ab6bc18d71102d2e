//! The models of an experiment: shipped ones, and copies of the repository in which some are changed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use super::cell::Models;
use crate::onnx::{Element, Graph};

/// A choice of models.
pub struct Choice {
    /// Its name as an option.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    models: [&'static str; 3],
    change: fn(&Changed) -> Result<()>,
    /// Whether `bench/article_app`, which knows the models by their names, can take part.
    pub python: bool,
}

/// All choices.
pub const CHOICES: [Choice; 4] = [
    Choice {
        name: DEFAULT,
        about: "the shipped models: YOLOX-nano and MoveNet Lightning in the ensemble person_pose, vest_resnet18",
        models: ["person_pose", "vest_resnet18", "worker_ensemble"],
        change: |_| Ok(()),
        python: true,
    },
    Choice {
        name: "movenet_multipose",
        about: "movenet_multipose, vest_resnet18",
        models: ["movenet_multipose", "vest_resnet18", "worker_ensemble_movenet"],
        change: |_| Ok(()),
        python: false,
    },
    Choice {
        name: SMALL,
        about: "movenet_multipose at 384×288 (recall 0.766, bench/results/remedies.md), vest_pruned_25_int8",
        models: ["movenet_multipose", "vest_resnet18", "worker_ensemble_movenet"],
        change: small,
        python: false,
    },
    Choice {
        name: LIGHT,
        about: "the shipped models with networks, and crops for the pose, that compute nothing: always the same person, without a \
                vest; the other steps are computed",
        models: ["person_pose", "vest_resnet18", "worker_ensemble"],
        change: light,
        python: true,
    },
];

/// The shipped models.
pub const DEFAULT: &str = "person_pose";
/// The smaller ones.
pub const SMALL: &str = "small";
/// Those that compute nothing.
pub const LIGHT: &str = "light";

/// A repository with the chosen models; what was changed is removed when this is dropped.
pub struct Repository {
    /// The models.
    pub models: Models,
    _changed: Changed,
}

impl Choice {
    /// The choice with the name.
    ///
    /// # Errors
    /// With all names, if there is none.
    pub fn named(name: &str) -> Result<&'static Self> {
        let found = CHOICES.iter().find(|choice| choice.name == name);
        let names: Vec<_> = CHOICES.iter().map(|choice| choice.name).collect();
        found.with_context(|| format!("no models {name}; there are {}", names.join(", ")))
    }

    /// Its models, from those of the repository `shipped`; `settings` are further changes, see [`Changed::set`].
    pub fn prepare(&self, shipped: &Path, settings: &[Setting]) -> Result<Repository> {
        let changed = Changed::of(shipped)?;
        (self.change)(&changed)?;
        settings.iter().try_for_each(|setting| changed.set(setting))?;
        let [pose, vest, ensemble] = self.models.map(str::to_owned);
        Ok(Repository {
            models: Models {
                repository: changed.path().to_owned(),
                pose,
                vest,
                ensemble,
            },
            _changed: changed,
        })
    }
}

/// A change of a model's `config.pbtxt`: `MODEL:TEXT=TEXT`, or `MODEL:+TEXT`, which is added at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    model: String,
    old: Option<String>,
    new: String,
}

impl std::str::FromStr for Setting {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (model, change) = text.split_once(':').context("expected MODEL:OLD=>NEW or MODEL:+NEW")?;
        let model = model.to_owned();
        if let Some(new) = change.strip_prefix('+') {
            let new = new.to_owned();
            return Ok(Self { model, old: None, new });
        }
        let (old, new) = change
            .split_once("=>")
            .context("expected MODEL:OLD=>NEW or MODEL:+NEW")?;
        Ok(Self {
            model,
            old: Some(old.to_owned()),
            new: new.to_owned(),
        })
    }
}

/// A repository of links to another one's models, some of which are replaced.
struct Changed(TempDir);

impl Changed {
    fn of(shipped: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("shopfloor-bench-").tempdir()?;
        let shipped = shipped.canonicalize().with_context(|| shipped.display().to_string())?;
        for model in fs::read_dir(&shipped)?.flatten().filter(|entry| entry.path().is_dir()) {
            symlink(model.path(), folder.path().join(model.file_name()))?;
        }
        Ok(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// The folder of a model, made this repository's own: `config.pbtxt` is a copy, the rest are links.
    fn own(&self, model: &str) -> Result<PathBuf> {
        let folder = self.path().join(model);
        if folder
            .symlink_metadata()
            .with_context(|| format!("no model {model}"))?
            .is_symlink()
        {
            let shipped = fs::read_link(&folder)?;
            fs::remove_file(&folder)?;
            fs::create_dir(&folder)?;
            for entry in fs::read_dir(&shipped)?.flatten() {
                symlink(entry.path(), folder.join(entry.file_name()))?;
            }
            let config = folder.join("config.pbtxt");
            let text = fs::read_to_string(&config)?;
            fs::remove_file(&config)?;
            fs::write(config, text)?;
        }
        Ok(folder)
    }

    /// Changes a configuration.
    ///
    /// # Errors
    /// If it has no such text.
    fn set(&self, setting: &Setting) -> Result<()> {
        let config = self.own(&setting.model)?.join("config.pbtxt");
        let text = fs::read_to_string(&config)?;
        let changed = match &setting.old {
            None => format!("{text}\n{}\n", setting.new),
            Some(old) => {
                ensure!(
                    text.contains(old),
                    "the configuration of {} has no {old}",
                    setting.model
                );
                text.replace(old, &setting.new)
            }
        };
        Ok(fs::write(config, changed)?)
    }

    fn replace_text(&self, model: &str, old: &str, new: &str) -> Result<()> {
        self.set(&Setting {
            model: model.to_owned(),
            old: Some(old.to_owned()),
            new: new.to_owned(),
        })
    }

    /// Gives a model another network: a file of version 1.
    fn replace_network(&self, model: &str, network: Network) -> Result<()> {
        let version = self.own(model)?.join("1");
        match version.is_symlink() {
            true => fs::remove_file(&version)?,
            false => bail!("{model} has no version 1"),
        }
        fs::create_dir(&version)?;
        let file = version.join("model.onnx");
        match network {
            Network::Made(graph) => Ok(fs::write(file, graph.model())?),
            Network::Of(other) => {
                let other = self.path().join(other).join("1/model.onnx").canonicalize()?;
                Ok(symlink(other, file)?)
            }
        }
    }
}

enum Network {
    Made(Graph),
    /// That of another model.
    Of(&'static str),
}

fn small(changed: &Changed) -> Result<()> {
    let movenet = "movenet_multipose";
    changed.replace_text(movenet, "640x480", "384x288")?;
    changed.replace_text(movenet, "\"0.20\"", "\"0.15\"")?;
    changed.replace_text("worker_ensemble_movenet", "[ 1, 480, 640, 3 ]", "[ 1, 288, 384, 3 ]")?;
    changed.replace_network("vest_resnet18", Network::Of("vest_pruned_25_int8"))
}

fn light(changed: &Changed) -> Result<()> {
    // left, top, right, bottom in 640×480, score, class
    let person = [280.0, 150.0, 340.0, 330.0, 0.9, 0.0];
    let detector = Graph::new("detector")
        .input("images", Element::Fp32, &[1, 3, -1, -1])
        .floats("output", &[1, 1, 6], &person);
    changed.replace_network("person_detector", Network::Made(detector))?;
    // A configuration's variable size has to be one in the network, too.
    changed.replace_text("person_detector", "[ 1, -1, 6 ]", "[ 1, 1, 6 ]")?;
    let crop = Graph::new("crop")
        .input("image", Element::Fp32, &[1, 3, -1, -1])
        .input("detections", Element::Fp32, &[1, -1, 6])
        .rows("crops", "detections", &[3, 192, 192], &[0.0; 3 * 192 * 192]);
    changed.replace_network("person_crop", Network::Made(crop))?;
    // Down the middle of the crop of 192×192.
    let keypoints: Vec<f32> = (0..17_u8)
        .flat_map(|n| [96.0, 20.0 + 9.0 * f32::from(n), 0.9])
        .collect();
    let pose = Graph::new("pose")
        .input("crops", Element::Fp32, &[-1, 3, 192, 192])
        .rows("keypoints", "crops", &[17, 3], &keypoints);
    changed.replace_network("movenet_lightning", Network::Made(pose))?;
    let vest = Graph::new("vest").input("input", Element::Fp32, &[-1, 3, 64, 64]).rows(
        "logits",
        "input",
        &[8],
        &[4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    );
    changed.replace_network("vest_resnet18", Network::Made(vest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../model_repository")
    }

    fn text(repository: &Repository, file: &str) -> String {
        fs::read_to_string(repository.models.repository.join(file)).unwrap()
    }

    #[test]
    fn every_choice_can_be_prepared_and_leaves_the_shipped_models_alone() {
        let before = fs::read_to_string(shipped().join("vest_resnet18/config.pbtxt")).unwrap();
        for choice in &CHOICES {
            let repository = choice.prepare(&shipped(), &[]).unwrap();
            for model in [&repository.models.pose, &repository.models.ensemble] {
                assert!(text(&repository, &format!("{model}/config.pbtxt")).contains(model.as_str()));
            }
        }
        assert_eq!(
            fs::read_to_string(shipped().join("vest_resnet18/config.pbtxt")).unwrap(),
            before
        );
    }

    #[test]
    fn light_networks_are_small_and_small_ones_are_others() {
        let light = Choice::named(LIGHT).unwrap().prepare(&shipped(), &[]).unwrap();
        let network = light.models.repository.join("vest_resnet18/1/model.onnx");
        assert!(fs::metadata(network).unwrap().len() < 1000);
        let small = Choice::named(SMALL).unwrap().prepare(&shipped(), &[]).unwrap();
        assert!(text(&small, "movenet_multipose/config.pbtxt").contains("384x288"));
        assert!(text(&small, "worker_ensemble_movenet/config.pbtxt").contains("[ 1, 288, 384, 3 ]"));
    }

    #[test]
    fn settings_change_configurations() {
        let settings =
            ["vest_resnet18:count: 1=>count: 2", "person_detector:+# more"].map(|text| text.parse().unwrap());
        let choice = Choice::named(DEFAULT).unwrap();
        let changed = choice.prepare(&shipped(), &settings).unwrap();
        assert!(text(&changed, "vest_resnet18/config.pbtxt").contains("count: 2"));
        assert!(text(&changed, "person_detector/config.pbtxt").ends_with("# more\n"));
        let absent: Setting = "vest_resnet18:count: 7=>count: 2".parse().unwrap();
        assert!(choice.prepare(&shipped(), &[absent]).is_err());
        assert!("vest_resnet18".parse::<Setting>().is_err());
        assert!(Choice::named("other").err().unwrap().to_string().contains(LIGHT));
    }
}
