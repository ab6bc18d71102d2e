//! The models of a repository: their names, and those whose files are missing.
//!
//! Triton ends if one of the models that it is to load cannot be loaded. A repository may have models whose weights may not
//! be passed on; until a user has put them there, these models and the ensembles that need them are left out.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The models of a repository, by their names.
#[derive(Debug)]
pub struct Models(BTreeMap<String, Option<Missing>>);

/// Why a model cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Missing {
    /// None of its version folders has this file.
    File { file: PathBuf, readme: Option<PathBuf> },
    /// A step of this ensemble cannot be loaded.
    Step(String),
}

impl Models {
    /// Reads a repository.
    ///
    /// # Errors
    /// The folder cannot be read, or has no models.
    pub fn read(repository: &Path) -> Result<Self> {
        let shown = repository.display();
        let folder = fs::read_dir(repository).with_context(|| {
            format!("cannot read the model repository {shown}; name another with --model-repository")
        })?;
        let folders = folder.flatten().map(|entry| entry.path()).filter(|path| path.is_dir());
        let configurations: BTreeMap<_, _> = folders
            .filter_map(|folder| {
                let name = folder.file_name()?.to_string_lossy().into_owned();
                let text = fs::read_to_string(folder.join("config.pbtxt")).unwrap_or_default();
                Some((name, (folder, without_comments(&text))))
            })
            .collect();
        if configurations.is_empty() {
            bail!("{shown} has no models; name another folder with --model-repository");
        }
        let files = configurations
            .iter()
            .map(|(name, (folder, text))| (name.clone(), missing_file(folder, text)));
        let mut models: BTreeMap<_, _> = files.collect();
        // An ensemble may be a step of another: once for each level.
        while let Some((ensemble, step)) = configurations.iter().find_map(|(name, (_, text))| {
            let step = strings(text, "model_name").find(|step| matches!(models.get(*step), Some(Some(_))))?;
            models[name].is_none().then(|| (name.clone(), step.to_owned()))
        }) {
            models.insert(ensemble, Some(Missing::Step(step)));
        }
        Ok(Self(models))
    }

    /// Checks that a model is there with its files.
    ///
    /// # Errors
    /// It is not there, with the names of those that are; or why it cannot be loaded.
    pub fn check(&self, name: &str, repository: &Path) -> Result<()> {
        match self.0.get(name) {
            Some(None) => Ok(()),
            Some(Some(_)) => bail!("--model {name}: {}", self.reason(name)),
            None => bail!(
                "--model {name}: {} has no such model; it has {}",
                repository.display(),
                self.0.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
            ),
        }
    }

    /// The models that can be loaded.
    pub fn complete(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(|(_, missing)| missing.is_none())
            .map(|(name, _)| name.as_str())
    }

    /// The others, each with the reason.
    pub fn incomplete(&self) -> impl Iterator<Item = (&str, String)> {
        let names = self.0.iter().filter(|(_, missing)| missing.is_some());
        names.map(|(name, _)| (name.as_str(), self.reason(name)))
    }

    /// Why a model cannot be loaded; an ensemble's reason is that of its step.
    fn reason(&self, name: &str) -> String {
        match self.0.get(name) {
            Some(Some(Missing::File { file, readme })) => {
                let remedy = match readme {
                    Some(readme) => format!("{} says how to get it", readme.display()),
                    None => "put the model's file there".to_owned(),
                };
                format!("there is no {}; {remedy}", file.display())
            }
            Some(Some(Missing::Step(step))) => format!("it needs {step}: {}", self.reason(step)),
            _ => String::new(),
        }
    }
}

/// The file that an `onnxruntime` model lacks. What models of other backends need is theirs to say.
fn missing_file(folder: &Path, text: &str) -> Option<Missing> {
    if strings(text, "backend").next() != Some("onnxruntime") {
        return None;
    }
    let name = strings(text, "default_model_filename").next().unwrap_or("model.onnx");
    let versions = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    if versions.map(|version| version.join(name)).any(|file| file.exists()) {
        return None;
    }
    let readme = folder.join("README.md");
    Some(Missing::File {
        file: folder.join("1").join(name),
        readme: readme.is_file().then_some(readme),
    })
}

fn without_comments(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| line.split_once('#').map_or(line, |(before, _)| before));
    lines.collect::<Vec<_>>().join("\n")
}

/// The values of a field with a text, such as `key: "value"`.
fn strings<'a>(text: &'a str, key: &str) -> impl Iterator<Item = &'a str> {
    let places = text.match_indices(key).collect::<Vec<_>>();
    places.into_iter().filter_map(move |(at, key)| {
        let is_whole = !text[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
        let rest = text[at + key.len()..].trim_start().strip_prefix(':')?.trim_start();
        let value = rest.strip_prefix('"')?.split('"').next()?;
        is_whole.then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn repository(models: &[(&str, &str, &str)]) -> TempDir {
        let repository = TempDir::new().unwrap();
        for (name, config, file) in models {
            let folder = repository.path().join(name);
            fs::create_dir_all(folder.join("1")).unwrap();
            fs::write(folder.join("config.pbtxt"), config).unwrap();
            if !file.is_empty() {
                fs::write(folder.join(file), "").unwrap();
            }
        }
        repository
    }

    const ONNX: &str = "backend: \"onnxruntime\"";

    #[test]
    fn models_without_files_and_ensembles_that_need_them_are_incomplete() {
        let ensemble = |step| format!("platform: \"ensemble\" step [ {{ model_name: \"{step}\" }} ]");
        let named = format!("# default_model_filename: \"x.onnx\"\n{ONNX} default_model_filename : \"net.onnx\"");
        let repository = repository(&[
            ("a", ONNX, "1/model.onnx"),
            ("b", ONNX, "README.md"),
            ("later", ONNX, "1/weights"),
            ("named", &named, "1/net.onnx"),
            ("script", "backend: \"python\"", ""),
            ("whole", &ensemble("a"), ""),
            ("outer", &ensemble("part"), ""),
            ("part", &ensemble("b"), ""),
            ("stranger", &ensemble("elsewhere"), ""),
            ("bare", "", ""),
        ]);
        let models = Models::read(repository.path()).unwrap();
        let complete: Vec<_> = models.complete().collect();
        assert_eq!(complete, ["a", "bare", "named", "script", "stranger", "whole"]);
        let reasons: BTreeMap<_, _> = models.incomplete().collect();
        assert_eq!(reasons.keys().collect::<Vec<_>>(), [&"b", &"later", &"outer", &"part"]);
        assert!(reasons["b"].contains("b/1/model.onnx; ") && reasons["b"].contains("b/README.md says how"));
        assert!(reasons["later"].contains("put the model's file there"), "{reasons:?}");
        assert!(
            reasons["outer"].starts_with("it needs part: it needs b: there is no "),
            "{reasons:?}"
        );
        assert!(models.check("a", repository.path()).is_ok());
        let text = models.check("part", repository.path()).unwrap_err().to_string();
        assert!(text.starts_with("--model part: it needs b: "), "{text}");
        let text = models.check("c", repository.path()).unwrap_err().to_string();
        assert!(text.contains("has no such model; it has a, b, bare, "), "{text}");
    }

    #[test]
    fn a_later_version_is_enough() {
        let repository = repository(&[("a", ONNX, "")]);
        fs::create_dir(repository.path().join("a/3")).unwrap();
        fs::write(repository.path().join("a/3/model.onnx"), "").unwrap();
        assert_eq!(Models::read(repository.path()).unwrap().incomplete().count(), 0);
    }
}
