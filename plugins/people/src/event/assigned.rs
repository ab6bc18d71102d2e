//! Whom a station is assigned to, as the lines of a log state it.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::VestName;

/// The worker that a station is assigned to, as far as a line states it. In JSON: a vest, null, or no field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Assigned {
    /// The line was written before it had this field.
    #[default]
    Unstated,
    /// Everybody counts at the station.
    Anyone,
    /// Only the worker in this vest counts.
    To(VestName),
}

impl Assigned {
    /// Whether the line has no such field.
    pub fn is_unstated(&self) -> bool {
        *self == Self::Unstated
    }

    /// The worker.
    pub fn worker(&self) -> Option<&VestName> {
        match self {
            Self::To(worker) => Some(worker),
            Self::Anyone | Self::Unstated => None,
        }
    }
}

impl From<Option<VestName>> for Assigned {
    /// The assignment of a station with that vest in the station file, or with none.
    fn from(worker: Option<VestName>) -> Self {
        worker.map_or(Self::Anyone, Self::To)
    }
}

impl Serialize for Assigned {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.worker().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Assigned {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::<VestName>::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
impl schemars::JsonSchema for Assigned {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "assigned".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": ["string", "null"]})
    }
}
