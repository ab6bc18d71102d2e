//! What counts of what is seen: a change that is there at two looks.

use std::collections::BTreeSet;

use super::{Files, Listing, News};

/// What was seen, and what of it counts.
#[derive(Default)]
pub struct Settle {
    /// None before the first look at a folder that is there.
    in_force: Option<Listing>,
    /// The files of the last look; none if the folder was missing.
    seen: Option<Files>,
    /// Why it was missing at the last look.
    missing: Option<String>,
    is_missing_said: bool,
}

impl Settle {
    /// A look; returns what counts from now on, if that is something else. What a folder has at the first look counts at once.
    pub fn look(&mut self, now: Result<Listing, String>) -> Option<News> {
        match now {
            Ok(listing) => self.look_at(listing),
            Err(why) => self.look_for(why),
        }
    }

    fn look_at(&mut self, now: Listing) -> Option<News> {
        let was_missing = std::mem::take(&mut self.is_missing_said);
        self.missing = None;
        let seen = self.seen.replace(now.files.clone());
        let Some(in_force) = &mut self.in_force else {
            self.in_force = Some(now.clone());
            return Some(News::Files(now));
        };
        let mut is_new = was_missing || in_force.folder != now.folder;
        in_force.folder = now.folder;
        let names: BTreeSet<_> = in_force.files.keys().chain(now.files.keys()).cloned().collect();
        for name in names {
            let file = now.files.get(&name);
            let is_settled = seen.as_ref().is_some_and(|seen| seen.get(&name) == file);
            if in_force.files.get(&name) == file || !is_settled {
                continue;
            }
            is_new = true;
            match file {
                Some(file) => in_force.files.insert(name, file.clone()),
                None => in_force.files.remove(&name),
            };
        }
        is_new.then(|| News::Files(in_force.clone()))
    }

    fn look_for(&mut self, why: String) -> Option<News> {
        self.seen = None;
        let is_settled = self.missing.as_ref() == Some(&why) || self.in_force.is_none();
        self.missing = Some(why.clone());
        let say = is_settled && !std::mem::replace(&mut self.is_missing_said, is_settled);
        say.then_some(News::Missing(why))
    }
}
