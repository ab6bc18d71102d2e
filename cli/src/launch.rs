//! Launch files: a pipeline in gst-launch syntax over several lines, with comments and parameters.
//!
//! A line whose first character is `#` is a comment. `${NAME}` is replaced by the parameter NAME, and
//! `${NAME:-DEFAULT}` needs none. A value may be placed between double quotes: quotes and backslashes in it are
//! escaped for gst-launch.
//!
//! Files may come from any editor: with a byte order mark, in UTF-16, with lines that end in CR, CR LF or, as in a shell, `\`.
//! Other encodings, and characters that word processors put in place of `"` and `-`, are named with the remedy.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Whether a property of an element, by its name, holds the path of a file or folder.
pub fn is_path_property(name: &str) -> bool {
    matches!(name, "location" | "stations" | "model-repository")
        || ["-location", "-file", "-path"]
            .iter()
            .any(|ending| name.ends_with(ending))
}

/// Whether the value of a path property is a relative path, not a URI or the JSON of stations.
pub fn is_relative_path(value: &str) -> bool {
    let is_json = value.trim_start().starts_with(['{', '[']);
    !value.is_empty() && !is_json && !value.contains("://") && Path::new(value).is_relative()
}

/// Parameters by name.
pub type Parameters = BTreeMap<String, String>;

/// One launch file, ready to be parsed by GStreamer.
#[derive(Clone, Debug, PartialEq)]
pub struct Launch {
    /// The file's name without folder and extension: the tenant's name.
    pub name: String,
    /// The folder that the file is in, absolute: where its relative paths begin.
    pub folder: PathBuf,
    /// gst-launch syntax, without comments and placeholders.
    pub description: String,
    /// The parameters that the file names.
    pub names: BTreeSet<String>,
}

/// Reads a launch file and fills in its parameters; parameters that it does not name are ignored here. A relative path
/// given as a parameter for a [path property](is_path_property) is relative to the current folder.
///
/// # Errors
/// A file that cannot be read, or that [`parse`] refuses.
pub fn read(path: &Path, parameters: &Parameters) -> Result<Launch> {
    let shown = path.display();
    let bytes = std::fs::read(path).with_context(|| format!("cannot read the launch file {shown}"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = std::fs::canonicalize(folder.unwrap_or(Path::new(".")))
        .with_context(|| format!("cannot find the folder of the launch file {shown}"))?;
    parse(path, &folder, &bytes, parameters)
}

/// The launch file `path`, in `folder`, that has this content.
///
/// # Errors
/// A content that is not text, that [`expand`] refuses, or that holds nothing but comments.
pub fn parse(path: &Path, folder: &Path, content: &[u8], parameters: &Parameters) -> Result<Launch> {
    let shown = path.display();
    let text = files::text::decode(content).with_context(|| format!("cannot read the launch file {shown}"))?;
    let name = path
        .file_stem()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned();
    let value = |name: &str, before: &str| {
        let value = parameters.get(name)?;
        let path = if begins_path(before) && is_relative_path(value) {
            std::path::absolute(value).ok()
        } else {
            None
        };
        Some(path.map_or_else(|| value.clone(), |path| path.to_string_lossy().into_owned()))
    };
    let (description, names) = substitute(&text, value).with_context(|| format!("in the launch file {shown}"))?;
    if description.trim().is_empty() {
        bail!("the launch file {shown} has no pipeline; write one in gst-launch-1.0's syntax");
    }
    if description.trim_end().ends_with('!') {
        bail!("the launch file {shown} ends with `!`: write an element behind it, or remove it");
    }
    Ok(Launch {
        name,
        folder: folder.to_owned(),
        description,
        names,
    })
}

/// Drops comments and fills in parameters; also returns the names of the text's parameters.
///
/// # Errors
/// A malformed placeholder, or one that has neither value nor default.
pub fn expand(text: &str, parameters: &Parameters) -> Result<(String, BTreeSet<String>)> {
    substitute(text, |name, _| parameters.get(name).cloned())
}

/// Whether the text ends where the value of a [path property](is_path_property) begins.
fn begins_path(before: &str) -> bool {
    let before = before.strip_suffix('"').unwrap_or(before).trim_end();
    let assigned = before.strip_suffix('=').map(str::trim_end);
    let name = assigned.and_then(|before| before.rsplit(|c: char| c.is_whitespace() || c == '!').next());
    name.is_some_and(is_path_property)
}

/// The lines of the pipeline, without comments and continuations. A comment may stand between continued lines.
///
/// # Errors
/// A character that a word processor has put in place of one of gst-launch's.
fn code(text: &str) -> Result<String> {
    let unix = text.replace("\r\n", "\n").replace('\r', "\n");
    let numbered = unix.lines().enumerate();
    let mut lines = Vec::new();
    for (index, line) in numbered.filter(|(_, line)| !line.trim_start().starts_with('#')) {
        if let Some((wrong, right)) = substituted(line) {
            bail!(
                "line {}: write {right} in place of {wrong}, which a word processor has put there",
                index + 1
            );
        }
        lines.push(without_continuation(line));
    }
    Ok(lines.join("\n"))
}

/// The line without a `\` at its end, as in a shell; an even number of them escape each other.
fn without_continuation(line: &str) -> &str {
    let trimmed = line.trim_end();
    let backslashes = trimmed.len() - trimmed.trim_end_matches('\\').len();
    if backslashes % 2 == 1 {
        &trimmed[..trimmed.len() - 1]
    } else {
        line
    }
}

/// A typographic quote, dash, exclamation mark or space where gst-launch's syntax has a plain one, and that one. Inside plain quotes
/// they are text.
fn substituted(line: &str) -> Option<(char, &'static str)> {
    let mut quoted = false;
    let mut escaped = false;
    for c in line.chars() {
        let plain = match c {
            '"' if !escaped => {
                quoted = !quoted;
                None
            }
            '“' | '”' | '„' | '«' | '»' | '″' => Some("\""),
            '‘' | '’' | '‚' => Some("'"),
            '–' | '—' | '−' => Some("-"),
            '！' => Some("!"),
            '\u{a0}' | '\u{202f}' | '\u{3000}' => Some("a space"),
            _ => None,
        };
        escaped = c == '\\' && !escaped;
        if let Some(plain) = plain.filter(|_| !quoted) {
            return Some((c, plain));
        }
    }
    None
}

/// [`expand`] with a function of a parameter's name and the text before it.
fn substitute(text: &str, value: impl Fn(&str, &str) -> Option<String>) -> Result<(String, BTreeSet<String>)> {
    let code = code(text)?;
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
            bail!("`${{{placeholder}}}`: a default is used unchanged and cannot contain another `${{`");
        }
        names.insert(name.to_owned());
        match (value(name, &description), default) {
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

/// Reads `NAME=VALUE`, the argument of `--set`.
///
/// # Errors
/// The mistake and the expected form, for the command line.
pub fn parse_parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if is_name(name) => Ok((name.to_owned(), value.to_owned())),
        Some((name, _)) => Err(format!(
            "`{name}` is not a parameter name: use letters, digits, `-` and `_`"
        )),
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
    fn lines_end_as_editors_write_them() {
        for (what, text) in [
            ("LF", "a !\n# why\nb\n"),
            ("CR LF", "a !\r\n# why\r\nb\r\n"),
            ("CR", "a !\r# why\rb\r"),
        ] {
            assert_eq!(expand(text, &Parameters::new()).unwrap().0, "a !\nb", "{what}");
        }
        for (what, text, expected) in [
            ("shell", "a \\\n! b \\\n! c", "a \n! b \n! c"),
            ("with spaces behind it", "a \\ \t\n! b", "a \n! b"),
            ("CR LF", "a \\\r\n! b", "a \n! b"),
            (
                "behind caps",
                "a ! video/x-raw,width=64 \\\n! b",
                "a ! video/x-raw,width=64 \n! b",
            ),
            ("a comment between", "a \\\n# why \\\n! b", "a \n! b"),
            ("at the very end", "a ! b \\", "a ! b "),
            ("escaped", "a location=x\\\\\n! b", "a location=x\\\\\n! b"),
            ("inside a line", "a location=x\\ y ! b", "a location=x\\ y ! b"),
        ] {
            assert_eq!(expand(text, &Parameters::new()).unwrap().0, expected, "{what}");
        }
    }

    #[test]
    fn typographic_characters_are_named_with_the_remedy() {
        for (text, facts) in [
            ("a ! b location=“x y”", ["line 1", "“", "\""]),
            ("a\n! b location=„x”", ["line 2", "„", "\""]),
            ("a name=‘x’", ["line 1", "‘", "'"]),
            ("a ! b max–lateness=1", ["line 1", "–", "-"]),
            ("a ！ b", ["line 1", "！", "!"]),
            ("a\u{a0}! b", ["line 1", "\u{a0}", "a space"]),
        ] {
            let error = expand(text, &Parameters::new()).unwrap_err().to_string();
            assert!(facts.iter().all(|fact| error.contains(fact)), "{text}: {error}");
        }
        for text in [
            "a text=\"“Küche” – 1\" ! b",
            "a text=\"x \\\" – y\" ! b",
            "a location=Küche.mp4 ! b",
        ] {
            check(text, &[], text);
        }
        check("# “why” – comments\na", &[], "a");
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
    fn defaults_replace_missing_parameters() {
        check("${sink:-autovideosink} ${more:-}", &[], "autovideosink ");
        check("${sink:-autovideosink}", &[("sink", "fakesink")], "fakesink");
    }

    #[test]
    fn errors_name_the_remedy() {
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
            "error: `${a:-${b}`: a default is used unchanged and cannot contain another `${`",
        );
    }

    #[test]
    fn path_properties_are_recognised() {
        for before in [
            "filesrc location=",
            "a !zone stations=\"",
            "x\nlocation = \"",
            "tritoninfer model-repository=",
            "tritoninfer token-file=",
            "zone events-location=",
            "hlssink2 playlist-location=\"",
            "shmsrc socket-path=",
        ] {
            assert!(begins_path(before), "{before}");
        }
        for before in ["", "location=\"a", "locations=", "caps=", "location \""] {
            assert!(!begins_path(before), "{before}");
        }
    }

    #[test]
    fn uris_and_json_are_not_relative_paths() {
        for path in ["vests.mp4", "../a b.json", "./x"] {
            assert!(is_relative_path(path), "{path}");
        }
        for other in ["", "/srv/a.mp4", "rtsp://cam/1", " {\"stations\": []}", "[]"] {
            assert!(!is_relative_path(other), "{other}");
        }
    }

    #[test]
    fn settings_are_name_and_value() {
        assert_eq!(parse_parameter("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(parse_parameter("a="), Ok(("a".into(), String::new())));
        assert!(parse_parameter("a").is_err());
        assert!(parse_parameter("a b=c").is_err());
    }
}
