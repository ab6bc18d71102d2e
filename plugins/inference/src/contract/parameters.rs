//! The `shopfloor.*` parameters of a model's configuration, parsed on access.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::ContractError;

/// All known keys. An unknown key is an error, since it is usually mistyped.
const KEYS: [&str; 12] = [
    "shopfloor.input.color",
    "shopfloor.input.fit",
    "shopfloor.input.margin",
    "shopfloor.input.mean",
    "shopfloor.input.pad",
    "shopfloor.input.scale",
    "shopfloor.input.size",
    "shopfloor.input.std",
    "shopfloor.labels",
    "shopfloor.output.layout",
    "shopfloor.score-threshold",
    "shopfloor.task",
];

/// Valid sides of an image in pixels, so that its size in bytes does not overflow.
pub(super) const SIDES: RangeInclusive<u32> = 1..=16_384;

/// A model's parameters.
#[derive(Debug)]
pub(super) struct Parameters {
    model: String,
    all: BTreeMap<String, String>,
}

impl Parameters {
    pub(super) fn new(model: &str, all: &BTreeMap<String, String>) -> Result<Self, ContractError> {
        if let Some(key) = all
            .keys()
            .find(|key| key.starts_with("shopfloor.") && !KEYS.contains(&key.as_str()))
        {
            let expected = format!("one of {}", KEYS.join(", "));
            return Err(ContractError::new(model, expected, key).key(key));
        }
        Ok(Self {
            model: model.to_owned(),
            all: all.clone(),
        })
    }

    pub(super) fn model(&self) -> &str {
        &self.model
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.all.get(key).map(|value| value.trim())
    }

    /// The error for a value that is not `expected`.
    pub(super) fn wrong(&self, key: &str, expected: impl Display, found: impl Display) -> ContractError {
        ContractError::new(&self.model, expected, found).key(key)
    }

    /// One of the named choices, ignoring case.
    pub(super) fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Result<Option<T>, ContractError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let chosen = choices
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(value))
            .map(|(_, choice)| *choice);
        let names = || choices.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" or ");
        chosen.map(Some).ok_or_else(|| self.wrong(key, names(), value))
    }

    /// A number, or a fraction of two such as `1/255`.
    pub(super) fn number(&self, key: &str) -> Result<Option<f32>, ContractError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        number(value)
            .map(Some)
            .ok_or_else(|| self.wrong(key, "a number such as 0.5 or 1/255", value))
    }

    /// Three numbers, for the channels R, G and B, or one for all of them.
    pub(super) fn channels(&self, key: &str) -> Result<Option<[f32; 3]>, ContractError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let numbers: Option<Vec<f32>> = value.split(',').map(|part| number(part.trim())).collect();
        match numbers.as_deref() {
            Some(&[all]) => Ok(Some([all; 3])),
            Some(&[r, g, b]) => Ok(Some([r, g, b])),
            _ => Err(self.wrong(key, "one number or three, for R,G,B", value)),
        }
    }

    /// A whole number from 0 to 255.
    pub(super) fn byte(&self, key: &str) -> Result<Option<u8>, ContractError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        value
            .parse()
            .map(Some)
            .map_err(|_| self.wrong(key, "a whole number from 0 to 255", value))
    }

    /// `WIDTHxHEIGHT`, in pixels.
    pub(super) fn size(&self, key: &str) -> Result<Option<(u32, u32)>, ContractError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let side = |text: &str| u32::from_str(text.trim()).ok().filter(|pixels| SIDES.contains(pixels));
        let sides = value
            .split_once('x')
            .and_then(|(width, height)| Some((side(width)?, side(height)?)));
        sides
            .map(Some)
            .ok_or_else(|| self.wrong(key, "WIDTHxHEIGHT in pixels, such as 640x480", value))
    }

    /// A list of distinct words, separated by commas; it must be present.
    pub(super) fn words(&self, key: &str) -> Result<Vec<String>, ContractError> {
        let expected = "distinct words separated by commas";
        let value = self.get(key).ok_or_else(|| self.wrong(key, expected, "nothing"))?;
        let words: Vec<String> = value.split(',').map(|word| word.trim().to_owned()).collect();
        let wrong = words
            .iter()
            .enumerate()
            .any(|(index, word)| word.is_empty() || words[..index].contains(word));
        if wrong {
            Err(self.wrong(key, expected, value))
        } else {
            Ok(words)
        }
    }
}

fn number(text: &str) -> Option<f32> {
    let finite = |text: &str| text.trim().parse::<f32>().ok().filter(|number| number.is_finite());
    let value = match text.split_once('/') {
        Some((top, bottom)) => finite(top)? / finite(bottom)?,
        None => finite(text)?,
    };
    Some(value).filter(|number| number.is_finite())
}
