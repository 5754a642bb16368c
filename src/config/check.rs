//! What a value may be: each check refuses with what is wrong and the mend.

use jiff::civil::Time;

use super::{ConfigError, Mode, OnHoldTimeout, Origin, Sequence};
use crate::recover::policy::{Class, Glob};

/// Why a value is refused: what, and the mend.
type Wrong = (String, String);

/// A value that is refused, before it is known where it stands.
pub(super) struct Refusal(Wrong);

impl Refusal {
    pub(super) fn at(self, origin: &Origin) -> ConfigError {
        let (what, mend) = self.0;
        ConfigError::Wrong { what, at: origin.to_string(), mend }
    }
}

fn refuse<T>(what: String, mend: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal((what, mend.into())))
}

fn quoted(text: &str) -> String {
    crate::text::quoted(text, 60)
}

pub(super) fn mode(word: &str) -> Result<Mode, Refusal> {
    match Mode::of_word(word) {
        Some(mode) => Ok(mode),
        None => refuse(
            format!("no policy mode is called {}", quoted(word)),
            "use \"observe\", \"suggest\", \"canary\" or \"auto\"",
        ),
    }
}

pub(super) fn on_hold_timeout(word: &str) -> Result<OnHoldTimeout, Refusal> {
    match word {
        "go-on" => Ok(OnHoldTimeout::GoOn),
        "deny" => Ok(OnHoldTimeout::Deny),
        "ask" => Ok(OnHoldTimeout::Ask),
        _ => refuse(
            format!("on_hold_timeout cannot be {}", quoted(word)),
            "use \"go-on\", \"deny\" or \"ask\"",
        ),
    }
}

pub(super) fn sequence(word: &str) -> Result<Sequence, Refusal> {
    match word {
        "none" => Ok(Sequence::None),
        "osc9" => Ok(Sequence::Osc9),
        "osc777" => Ok(Sequence::Osc777),
        _ => refuse(
            format!("no notification sequence is called {}", quoted(word)),
            "use \"osc9\", \"osc777\" or \"none\"",
        ),
    }
}

/// Two times of day, `HH:MM-HH:MM`; none where the text is empty.
pub(super) fn hours(text: &str) -> Result<Option<(Time, Time)>, Refusal> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let time = |text: &str| Time::strptime("%H:%M", text.trim()).ok();
    let both = text.split_once('-').and_then(|(from, to)| Some((time(from)?, time(to)?)));
    match both {
        Some(both) => Ok(Some(both)),
        None => {
            refuse(format!("quiet_hours cannot be {}", quoted(text)), "use two times such as \"22:00-07:00\"")
        }
    }
}

pub(super) fn address(url: &str) -> Result<(), Refusal> {
    let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    if url.is_empty() || host.is_some_and(|host| !host.is_empty() && !url.contains(char::is_whitespace)) {
        return Ok(());
    }
    refuse(
        format!("base_url cannot be {}", quoted(url)),
        "use an address such as \"http://127.0.0.1:11434/v1\"",
    )
}

pub(super) fn variable(key: &str, name: &str) -> Result<(), Refusal> {
    if name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Ok(());
    }
    // What is not a name may be the key itself: it is not shown.
    refuse(
        format!("{key} is no name of a variable"),
        "give the name of the variable that holds the key, never the key",
    )
}

/// The address of a server: plain HTTP, for there is no encryption on board, or empty.
pub(super) fn local_http(address: &str) -> Result<(), Refusal> {
    let host = address.strip_prefix("http://");
    if address.is_empty() || host.is_some_and(|host| !host.trim_end_matches('/').contains(['/', '@', ' '])) {
        return Ok(());
    }
    refuse(
        format!("{} is no address of a server", quoted(address)),
        "write it as \"http://127.0.0.1:4096\"; a password goes into MEDBAY_OPENCODE_PASSWORD",
    )
}

pub(super) fn truth(text: &str) -> Result<bool, Refusal> {
    match text {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => refuse(format!("{} is neither true nor false", quoted(text)), "use true or false"),
    }
}

pub(super) fn seconds(text: &str) -> Result<u32, Refusal> {
    text.parse().or_else(|_| {
        refuse(format!("{} is no number of seconds", quoted(text)), "use a whole number such as 30")
    })
}

pub(super) fn at_most(key: &str, value: u32, limit: u32) -> Result<(), Refusal> {
    if value > limit {
        return refuse(format!("{key} = {value} is too long"), format!("use at most {limit}"));
    }
    Ok(())
}

pub(super) fn at_least_one(key: &str, value: u32) -> Result<(), Refusal> {
    if value == 0 {
        return refuse(format!("{key} = 0 would never let anything through"), "use 1 or more");
    }
    Ok(())
}

pub(super) fn share(key: &str, value: f64) -> Result<(), Refusal> {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    refuse(format!("the share {key} = {value} is not between 0 and 1"), "use a number such as 0.1")
}

pub(super) fn shares(treated: f64, holdout: f64) -> Result<(), Refusal> {
    if treated + holdout <= 1.0 {
        return Ok(());
    }
    refuse(
        format!("the canary's shares {treated} and {holdout} are more than all runs"),
        "let treated and holdout add up to 1 or less",
    )
}

pub(super) fn class(word: &str) -> Result<Class, Refusal> {
    match Class::ALL.into_iter().find(|class| class.word() == word) {
        Some(class) => Ok(class),
        None => {
            let words: Vec<&str> = Class::ALL.into_iter().map(Class::word).collect();
            refuse(format!("no class is called {}", quoted(word)), format!("use {}", words.join(", ")))
        }
    }
}

pub(super) fn glob(text: &str) -> Result<Glob, Refusal> {
    match Glob::read(text) {
        Some(glob) => Ok(glob),
        None => refuse(
            format!("{} is no glob", quoted(text)),
            "give at most 400 characters, with * for any and ? for one, or take the line out",
        ),
    }
}

pub(super) fn positive(key: &str, value: f64) -> Result<(), Refusal> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    refuse(format!("the cost {key} = {value} is not above zero"), "use a number such as 1.0")
}

pub(super) fn not_negative(key: &str, value: f64) -> Result<(), Refusal> {
    if value >= 0.0 && value.is_finite() {
        return Ok(());
    }
    refuse(format!("the limit {key} = {value} is below zero"), "use 0 or more")
}

pub(super) fn filled(key: &str, value: &str) -> Result<(), Refusal> {
    if value.trim().is_empty() {
        return refuse(format!("{key} is empty"), "give a name, or take the line out");
    }
    Ok(())
}
