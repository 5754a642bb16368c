//! `[notify]`: how the operator is told outside of the screen, and when not.

use jiff::civil::Time;
use serde::Deserialize;
use toml::Spanned;

use super::check::{self, at_most};
use super::{ConfigError, Layers, Setting, mapped};

/// The section as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    bell: Option<Spanned<bool>>,
    sequence: Option<Spanned<String>>,
    command: Option<Spanned<Vec<String>>>,
    cool_down_seconds: Option<Spanned<u32>>,
    quiet_hours: Option<Spanned<String>>,
}

/// An escape sequence for notifications.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sequence {
    /// None.
    #[default]
    None,
    /// OSC 9.
    Osc9,
    /// OSC 777.
    Osc777,
}

impl Sequence {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Osc9 => "osc9",
            Self::Osc777 => "osc777",
        }
    }
}

/// How the operator is told.
#[derive(Clone, Debug)]
pub struct Notify {
    /// By the terminal's bell.
    pub bell: Setting<bool>,
    /// By an escape sequence.
    pub sequence: Setting<Sequence>,
    /// By a program with its arguments.
    pub command: Setting<Vec<String>>,
    /// For how long the same of the same run is not told again, in seconds.
    pub cool_down_seconds: Setting<u32>,
    /// From when to when nothing is told, as `HH:MM-HH:MM`; empty: never.
    pub quiet_hours: Setting<String>,
}

impl Notify {
    pub(super) fn layered(layers: &Layers<'_>, file: Written) -> Result<Self, ConfigError> {
        Ok(Self {
            bell: layers.file(false, file.bell),
            sequence: layers.words(Sequence::default(), file.sequence, check::sequence)?,
            command: layers.file(Vec::new(), file.command.map(|v| mapped(v, |words| words))),
            cool_down_seconds: layers
                .file(300, file.cool_down_seconds)
                .checked(|s| at_most("cool_down_seconds", *s, 86_400))?,
            quiet_hours: layers
                .file(String::new(), file.quiet_hours)
                .checked(|text| check::hours(text).map(drop))?,
        })
    }

    /// From when to when nothing is told.
    pub fn quiet(&self) -> Option<(Time, Time)> {
        check::hours(&self.quiet_hours).ok().flatten()
    }
}
