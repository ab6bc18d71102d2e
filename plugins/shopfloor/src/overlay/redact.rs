//! The property `redact` and its relation to [`Redaction`].

use draw::Redaction;
use gst::glib;

/// What of the video is obscured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstShopfloorRedaction")]
pub enum Redact {
    #[default]
    #[enum_value(name = "Nothing", nick = "none")]
    None,
    #[enum_value(
        name = "Faces; the whole frame where it is not known where people are",
        nick = "faces"
    )]
    Faces,
    #[enum_value(
        name = "People as a whole; the whole frame where it is not known where they are",
        nick = "people"
    )]
    People,
    #[enum_value(name = "The whole frame", nick = "frame")]
    Frame,
    #[enum_value(name = "As none, from when the property was a boolean", nick = "false")]
    False,
    #[enum_value(name = "As faces, from when the property was a boolean", nick = "true")]
    True,
}

impl From<Redact> for Redaction {
    fn from(redact: Redact) -> Self {
        match redact {
            Redact::None | Redact::False => Self::None,
            Redact::Faces | Redact::True => Self::Faces,
            Redact::People => Self::People,
            Redact::Frame => Self::Frame,
        }
    }
}

impl From<Redaction> for Redact {
    fn from(redaction: Redaction) -> Self {
        match redaction {
            Redaction::None => Self::None,
            Redaction::Faces => Self::Faces,
            Redaction::People => Self::People,
            Redaction::Frame => Self::Frame,
        }
    }
}
