//! Launch files: a pipeline in gst-launch syntax over several lines, with comments and parameters.
//!
//! A line whose first character is `#` is a comment. `${NAME}` is replaced by the parameter NAME, and
//! `${NAME:-DEFAULT}` needs none. A value may stand between double quotes: quotes and backslashes in it are
//! escaped as gst-launch wants them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Parameters by name.
pub type Parameters = BTreeMap<String, String>;

/// One launch file, ready to be parsed by GStreamer.
#[derive(Debug, PartialEq)]
pub struct Launch {
    /// The file's name without folder and extension: the tenant's name.
    pub name: String,
    /// gst-launch syntax, without comments and placeholders.
    pub description: String,
    /// The parameters that the file names.
    pub names: BTreeSet<String>,
}

/// Reads a launch file and fills its parameters in; further parameters are no error here.
///
/// # Errors
/// A file that cannot be read, that [`expand`] refuses, or that holds nothing but comments.
pub fn read(path: &Path, parameters: &Parameters) -> Result<Launch> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the launch file {shown}"))?;
    let name = path
        .file_stem()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned();
    let (description, names) = expand(&text, parameters).with_context(|| format!("in the launch file {shown}"))?;
    if description.trim().is_empty() {
        bail!("the launch file {shown} holds no pipeline");
    }
    Ok(Launch {
        name,
        description,
        names,
    })
}

/// Drops comments and fills parameters in; also says which parameters the text names.
///
/// # Errors
/// A placeholder that is none, or that has neither value nor default.
pub fn expand(text: &str, parameters: &Parameters) -> Result<(String, BTreeSet<String>)> {
    let code: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect();
    let code = code.join("\n");
    let mut description = String::new();
    let mut names = BTreeSet::new();
    let mut missing = BTreeSet::new();
    let mut rest = code.as_str();
    while let Some((before, after)) = rest.split_once("${") {
        let Some((placeholder, tail)) = after.split_once('}') else {
            bail!(
                "`${{` without a closing `}}`, before: {}",
                after.lines().next().unwrap_or_default()
            );
        };
        description.push_str(before);
        let (name, default) = match placeholder.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (placeholder, None),
        };
        if !is_name(name) {
            bail!("`${{{placeholder}}}`: a parameter's name is letters, digits, `-` and `_`");
        }
        if default.is_some_and(|default| default.contains("${")) {
            bail!("`${{{placeholder}}}`: a default is taken as it stands, it cannot hold another `${{`");
        }
        names.insert(name.to_owned());
        match (parameters.get(name), default) {
            (Some(value), _) => description.push_str(&value.replace('\\', r"\\").replace('"', "\\\"")),
            (None, Some(default)) => description.push_str(default),
            (None, None) => drop(missing.insert(name.to_owned())),
        }
        rest = tail;
    }
    description.push_str(rest);
    if !missing.is_empty() {
        let settings: Vec<_> = missing.iter().map(|name| format!("--set {name}=VALUE")).collect();
        bail!("parameters without a value; add {}", settings.join(" "));
    }
    Ok((description, names))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// Reads `NAME=VALUE`, as the option `--set` takes it.
///
/// # Errors
/// What is wrong, in words for the command line.
pub fn parse_parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if is_name(name) => Ok((name.to_owned(), value.to_owned())),
        Some((name, _)) => Err(format!("`{name}` is no name: use letters, digits, `-` and `_`")),
        None => Err("expected NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, parameters: &[(&str, &str)], expected: &str) {
        let parameters = parameters
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        let got = match expand(text, &parameters) {
            Ok((description, _)) => description,
            Err(error) => format!("error: {error}"),
        };
        assert_eq!(got, expected);
    }

    #[test]
    fn comments_are_whole_lines() {
        check(
            "# why\nvideotestsrc !\n  # and how\n  fakesink",
            &[],
            "videotestsrc !\n  fakesink",
        );
        check(
            "videotestsrc foreground-color=#ff ! fakesink",
            &[],
            "videotestsrc foreground-color=#ff ! fakesink",
        );
        check("# location=${input}\nfakesrc", &[], "fakesrc");
    }

    #[test]
    fn parameters_are_filled_in() {
        check(
            "a location=\"${input}\" ! b",
            &[("input", "x y.mp4")],
            "a location=\"x y.mp4\" ! b",
        );
        check("${a}${b}${a}", &[("a", "1"), ("b", "${a}")], "1${a}1");
        check("b=\"${json}\"", &[("json", r#"{"a":"\"}"#)], r#"b="{\"a\":\"\\\"}""#);
    }

    #[test]
    fn defaults_stand_in() {
        check("${sink:-autovideosink} ${more:-}", &[], "autovideosink ");
        check("${sink:-autovideosink}", &[("sink", "fakesink")], "fakesink");
    }

    #[test]
    fn mistakes_name_the_remedy() {
        check(
            "${b} ${a}",
            &[],
            "error: parameters without a value; add --set a=VALUE --set b=VALUE",
        );
        check(
            "x ${in put}",
            &[],
            "error: `${in put}`: a parameter's name is letters, digits, `-` and `_`",
        );
        check(
            "x ${input ! y",
            &[],
            "error: `${` without a closing `}`, before: input ! y",
        );
        check(
            "location=${a:-${b}}",
            &[("b", "x")],
            "error: `${a:-${b}`: a default is taken as it stands, it cannot hold another `${`",
        );
    }

    #[test]
    fn settings_are_name_and_value() {
        assert_eq!(parse_parameter("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(parse_parameter("a="), Ok(("a".into(), String::new())));
        assert!(parse_parameter("a").is_err());
        assert!(parse_parameter("a b=c").is_err());
    }
}
