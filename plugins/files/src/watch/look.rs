//! One look at a file: whether it has changed, and what it has then.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{OpenError, SaveError};
use crate::replace::{ReplaceError, replace};
use crate::stamp::Stamp;

/// What is known about a file.
pub struct Look {
    path: PathBuf,
    /// At the last look; `None` if the file is to be read in any case.
    stamp: Option<Stamp>,
    /// The content that was understood last.
    in_force: Vec<u8>,
    /// What was wrong at the last look. It is said if it is still wrong at the next one, since a file that is being written
    /// is wrong for a moment.
    wrong: Option<String>,
    /// What was said last.
    said: Option<String>,
}

/// What a look finds.
enum Found<T> {
    /// The file is as at the last look.
    Unchanged,
    /// It has what is in force.
    InForce,
    /// It has something else.
    New(T),
}

impl Look {
    /// A file that was not looked at.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            stamp: None,
            in_force: Vec::new(),
            wrong: None,
            said: None,
        }
    }

    /// Creates the file with the content `initial`, if there is one and no file; returns whether it did.
    ///
    /// # Errors
    /// A file that cannot be created.
    pub fn create(&self, initial: Option<&[u8]>) -> Result<bool, ReplaceError> {
        let Some(initial) = initial else {
            return Ok(false);
        };
        let is_missing = fs::metadata(&self.path).is_err_and(|error| error.kind() == ErrorKind::NotFound);
        if is_missing {
            replace(&self.path, initial)?;
        }
        Ok(is_missing)
    }

    /// What the file has, the first time.
    ///
    /// # Errors
    /// A file that cannot be read or understood.
    pub fn open<T>(&mut self, read: impl Read, parse: impl Fn(&[u8]) -> Result<T, String>) -> Result<T, OpenError> {
        let stamp = Stamp::of(&self.path).map_err(OpenError::Read)?;
        let content = read(&self.path).map_err(OpenError::Read)?;
        let value = parse(&content).map_err(OpenError::Content)?;
        self.keep_stamp(stamp);
        self.in_force = content;
        Ok(value)
    }

    /// Replaces the content, which is in force then.
    ///
    /// # Errors
    /// The file is as it was.
    pub fn save(&mut self, content: Vec<u8>) -> Result<(), SaveError> {
        let is_file = fs::metadata(&self.path).is_ok_and(|file| file.is_file());
        // What cannot be read, or does not exist, has no change that would be lost.
        if is_file && fs::read(&self.path).is_ok_and(|now| now != self.in_force) {
            return Err(SaveError::Changed);
        }
        replace(&self.path, &content)?;
        self.in_force = content;
        self.is_right();
        match Stamp::of(&self.path) {
            Ok(stamp) => self.keep_stamp(stamp),
            Err(_) => self.stamp = None,
        }
        Ok(())
    }

    /// What the file has, if that has changed since the last look; or what is wrong with it, once.
    pub fn news<T>(
        &mut self,
        read: impl Read,
        parse: impl Fn(&[u8]) -> Result<T, String>,
    ) -> Option<Result<T, String>> {
        match self.find(read, parse) {
            Ok(Found::Unchanged) => self.wrong.clone().and_then(|why| self.is_wrong(why)),
            Ok(Found::InForce) => {
                self.is_right();
                None
            }
            Ok(Found::New(value)) => {
                self.is_right();
                Some(Ok(value))
            }
            Err(why) => self.is_wrong(why),
        }
    }

    fn find<T>(&mut self, read: impl Read, parse: impl Fn(&[u8]) -> Result<T, String>) -> Result<Found<T>, String> {
        let stamp = Stamp::of(&self.path).map_err(|error| error.to_string())?;
        if self.stamp == Some(stamp) {
            return Ok(Found::Unchanged);
        }
        let content = read(&self.path);
        // What cannot be read is not read again before it changes.
        self.keep_stamp(stamp);
        let content = content.map_err(|error| error.to_string())?;
        if content == self.in_force {
            return Ok(Found::InForce);
        }
        let value = parse(&content)?;
        self.in_force = content;
        Ok(Found::New(value))
    }

    fn keep_stamp(&mut self, stamp: Stamp) {
        self.stamp = (!stamp.is_recent(SystemTime::now())).then_some(stamp);
    }

    fn is_right(&mut self) {
        (self.wrong, self.said) = (None, None);
    }

    fn is_wrong<T>(&mut self, why: String) -> Option<Result<T, String>> {
        let is_settled = self.wrong.as_ref() == Some(&why);
        let say = is_settled && self.said.as_ref() != Some(&why);
        if say {
            self.said = Some(why.clone());
        }
        self.wrong = Some(why.clone());
        say.then_some(Err(why))
    }
}

/// Reads a whole file.
pub trait Read: FnOnce(&Path) -> io::Result<Vec<u8>> {}

impl<F: FnOnce(&Path) -> io::Result<Vec<u8>>> Read for F {}
