//! Names that people write, compared with the labels of a model.
//!
//! A name is a label if it is equal to it, or else if their [keys](key) are equal and no other label has that key. So `Red`
//! and ` red ` are the label `red`, and `Küche` is the same however its `ü` is composed. Case folding is Unicode's default one,
//! which is the same in every language: `STRASSE` is `straße`, but the Turkish `KIRMIZI` is not `kırmızı`, since `I` folds to `i`.
//! Such a name is not found, and the nearest label is named.

use std::fmt;

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

use crate::{VestName, VestScores};

/// Least Jaro-Winkler similarity, 0..1, of a label that is proposed for an unknown name; clap, cargo and rustc propose at
/// similar values. `bleu`, `blau` and `blu` are nearer to `blue`, `rouge` is not to `red`.
const LEAST_SIMILARITY: f64 = 0.7;

/// The label that `wanted` means, in the model's spelling. The label `none` is not a vest and is never meant.
///
/// # Errors
/// No label or several are meant.
pub fn resolve(wanted: &str, labels: &[VestName]) -> Result<VestName, UnknownName> {
    let vests = || labels.iter().filter(|label| ***label != *VestScores::NONE);
    if let Some(exact) = vests().find(|label| ***label == *wanted) {
        return Ok(exact.clone());
    }
    let wanted_key = key(wanted);
    let unknown = |reason| UnknownName {
        name: wanted.to_owned(),
        reason,
    };
    if wanted_key.is_empty() {
        return Err(unknown(Reason::Empty));
    }
    if wanted_key == VestScores::NONE {
        return Err(unknown(Reason::None));
    }
    let mut folded: Vec<&VestName> = vests().filter(|label| key(label) == wanted_key).collect();
    folded.dedup();
    match &*folded {
        [label] => Ok((*label).clone()),
        [] => Err(unknown(Reason::NoLabel {
            nearest: nearest(&wanted_key, vests()),
        })),
        several => Err(unknown(Reason::Ambiguous {
            labels: several.iter().map(|label| (*label).clone()).collect(),
        })),
    }
}

/// Whether two names are the same but for what people do not distinguish.
pub fn is_same(one: &str, other: &str) -> bool {
    one == other || key(one) == key(other)
}

/// A name without what people do not distinguish: case, the composition of accents, and white space at the ends and its amount.
fn key(name: &str) -> String {
    let folded: String = name.nfd().default_case_fold().nfd().collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The label most similar to a key, if one is similar enough.
fn nearest<'a>(wanted_key: &str, labels: impl Iterator<Item = &'a VestName>) -> Option<VestName> {
    let similarity = |label: &'a VestName| (strsim::jaro_winkler(wanted_key, &key(label)), label);
    let best = labels.map(similarity).max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(similarity, _)| *similarity >= LEAST_SIMILARITY)
        .map(|(_, label)| label.clone())
}

/// The first ten names of a list, for a message, and the number of the others.
pub fn list(names: &[String]) -> String {
    const MOST: usize = 10;
    let shown = names[..names.len().min(MOST)].join(", ");
    match names.len().saturating_sub(MOST) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// A name that is not a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownName {
    /// The name as written.
    pub name: String,
    /// Why.
    pub reason: Reason,
}

/// Why a name is not a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is empty.
    Empty,
    /// It is the label of people without a vest.
    None,
    /// Several labels differ from it, and from each other, only in case or composition.
    Ambiguous {
        /// Those labels, in the model's order.
        labels: Vec<VestName>,
    },
    /// No label is equal to it.
    NoLabel {
        /// A similar label.
        nearest: Option<VestName>,
    },
}

impl fmt::Display for UnknownName {
    /// The name in quotes, and the reason or a proposal in parentheses: `'bleu' (did you mean 'blue'?)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.name)?;
        match &self.reason {
            Reason::Empty => write!(f, " (empty)"),
            Reason::None => write!(f, " (no vest)"),
            Reason::Ambiguous { labels } => write!(f, " (could be '{}')", labels.join("' or '")),
            Reason::NoLabel { nearest: Some(label) } => write!(f, " (did you mean '{label}'?)"),
            Reason::NoLabel { nearest: None } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLOURS: &[&str] = &["none", "red", "blue"];

    /// What `wanted` means: the label, or the name and the reason why it is none.
    fn meaning(wanted: &str, labels: &[&str]) -> String {
        let labels: Vec<VestName> = labels.iter().map(|label| VestName::from(*label)).collect();
        match resolve(wanted, &labels) {
            Ok(label) => label.to_string(),
            Err(unknown) => unknown.to_string(),
        }
    }

    #[test]
    fn long_lists_are_shortened() {
        let names = |count: usize| (1..=count).map(|n| n.to_string()).collect::<Vec<_>>();
        assert_eq!(list(&names(0)), "");
        assert_eq!(list(&names(2)), "1, 2");
        assert_eq!(list(&names(10)), "1, 2, 3, 4, 5, 6, 7, 8, 9, 10");
        assert_eq!(list(&names(12)), "1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more");
    }

    #[test]
    fn names_are_labels_exactly_or_by_unique_folding() {
        for (what, wanted, labels, label) in [
            ("equal", "red", COLOURS, "red"),
            ("case", "RED", COLOURS, "red"),
            ("the model's case", "red", &["Red"], "Red"),
            ("spaces at the ends", " red\t", COLOURS, "red"),
            ("spaces inside", "light  blue", &["Light Blue"], "Light Blue"),
            ("ß and SS", "WEISS", &["weiß"], "weiß"),
            ("capital ẞ", "WEIẞ", &["weiß"], "weiß"),
            ("final sigma", "ΚΌΚΚΙΝΟΣ", &["κόκκινος"], "κόκκινος"),
            ("Cyrillic", "КРАСНЫЙ", &["красный"], "красный"),
            ("a script without case", "红", &["红", "蓝"], "红"),
            ("composed by the model", "gru\u{308}n", &["gr\u{fc}n"], "gr\u{fc}n"),
            ("decomposed by the model", "GR\u{dc}N", &["gru\u{308}n"], "gru\u{308}n"),
            (
                "accents in another order",
                "a\u{323}\u{302}",
                &["a\u{302}\u{323}"],
                "a\u{302}\u{323}",
            ),
            ("Turkish dotted I, equal", "SİYAH", &["SİYAH"], "SİYAH"),
            ("exact before folded", "red", &["Red", "red"], "red"),
            ("equal labels", "RED", &["red", "red"], "red"),
        ] {
            assert_eq!(meaning(wanted, labels), label, "{what}");
        }
    }

    #[test]
    fn other_names_are_unknown_and_the_nearest_label_is_named() {
        for (what, wanted, labels, unknown) in [
            ("misspelt", "bleu", COLOURS, "'bleu' (did you mean 'blue'?)"),
            ("misspelt in capitals", "BLEU", COLOURS, "'BLEU' (did you mean 'blue'?)"),
            ("a near language", "blau", COLOURS, "'blau' (did you mean 'blue'?)"),
            ("another language", "rouge", COLOURS, "'rouge'"),
            ("unlike all", "purpel", COLOURS, "'purpel'"),
            (
                "no space",
                "lightblue",
                &["Light Blue"],
                "'lightblue' (did you mean 'Light Blue'?)",
            ),
            ("no accent", "grun", &["grün"], "'grun' (did you mean 'grün'?)"),
            (
                "Turkish dotless I",
                "KIRMIZI",
                &["kırmızı", "mavi"],
                "'KIRMIZI' (did you mean 'kırmızı'?)",
            ),
            (
                "Turkish dotted I",
                "MAVİ",
                &["kırmızı", "mavi"],
                "'MAVİ' (did you mean 'mavi'?)",
            ),
            ("ambiguous", "RED", &["Red", "red"], "'RED' (could be 'Red' or 'red')"),
            ("empty", "", COLOURS, "'' (empty)"),
            ("nothing but space", " ", COLOURS, "' ' (empty)"),
            ("no vest", "none", COLOURS, "'none' (no vest)"),
            ("no vest in capitals", "None", COLOURS, "'None' (no vest)"),
            ("no labels", "red", &[], "'red'"),
            ("none is not proposed", "nune", &["none"], "'nune'"),
        ] {
            assert_eq!(meaning(wanted, labels), unknown, "{what}");
        }
    }
}
