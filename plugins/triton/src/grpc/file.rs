//! Reading of small files that the user names: certificates, keys, headers, tokens.

use std::fs;
use std::path::Path;

use crate::Error;

/// Largest file: certificate bundles of whole systems have 0.2 MB.
const MAX_SIZE: u64 = 1 << 20;

/// Longest name without a `/` that an error shows, if there is no such file: a longer one may be a pasted token.
const LONGEST_NAME: usize = 20;

/// The content of the file that `option` names. Takes as long as its file system takes.
///
/// # Errors
/// [`Error::SecurityFile`]. A pipe is refused, since it would be waited for, and could not be read again.
pub(super) fn read(option: &'static str, path: &Path) -> Result<Vec<u8>, Error> {
    let wrong = |reason: String| wrong(option, path, reason, "name a file that this user can read");
    let metadata = fs::metadata(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    if !metadata.is_file() {
        return Err(wrong("is not a regular file".into()));
    }
    if metadata.len() > MAX_SIZE {
        return Err(wrong(format!(
            "has {} bytes, expected at most {MAX_SIZE}",
            metadata.len()
        )));
    }
    fs::read(path).map_err(|error| wrong(format!("cannot be read: {error}")))
}

/// An error about the file that `option` names.
pub(super) fn wrong(option: &'static str, path: &Path, reason: impl Into<String>, remedy: impl Into<String>) -> Error {
    let file = if may_be_secret(path) {
        "… (not shown: it may be a secret)".into()
    } else {
        path.to_owned()
    };
    Error::SecurityFile {
        option,
        file,
        reason: reason.into(),
        remedy: remedy.into(),
    }
}

/// Whether a user may have given a token or a header in the place of a file's name.
fn may_be_secret(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let is_name = !text.contains([' ', ':', '=']) && (text.contains('/') || text.len() <= LONGEST_NAME);
    !is_name && !path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_and_everything_else_is_refused() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("good"), "content").unwrap();
        fs::write(path("large"), vec![b'x'; MAX_SIZE as usize + 1]).unwrap();
        assert_eq!(read("an-option", &path("good")).unwrap(), b"content");
        for (name, reason) in [
            ("missing", "No such file"),
            ("", "not a regular file"),
            ("large", "1048577 bytes"),
        ] {
            let error = read("an-option", &path(name)).unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains(reason) && text.contains("an-option '") && text.contains(folder.path().to_str().unwrap()),
                "{text}"
            );
            assert!(error.is_fatal());
        }
        let error = read("an-option", Path::new("/dev/null")).unwrap_err();
        assert!(error.to_string().contains("not a regular file"), "{error}");
    }

    #[test]
    fn a_token_in_the_place_of_a_file_is_not_shown() {
        for token in [
            "Bearer hunter2",
            "authorization: hunter2",
            "eyJhbGciOiJIUzI1NiJ9.hunter2",
            "token=hunter2",
        ] {
            let text = format!("{:?}", read("token-file", Path::new(token)).unwrap_err());
            assert!(!text.contains("hunter2") && text.contains("not shown"), "{text}");
        }
        let text = read("token-file", Path::new("missing.txt")).unwrap_err().to_string();
        assert!(text.contains("'missing.txt'"), "{text}");
    }
}
