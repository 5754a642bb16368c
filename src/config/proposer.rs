//! `[proposer]`: an OpenAI-compatible endpoint that writes drafts, off unless its address is given.

use serde::Deserialize;
use toml::Spanned;

use super::check::{self, at_most, filled, not_negative};
use super::{ConfigError, Layers, Setting};

/// The section as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    base_url: Option<Spanned<String>>,
    model: Option<Spanned<String>>,
    api_key_env: Option<Spanned<String>>,
    seconds: Option<Spanned<u32>>,
    tokens: Option<Spanned<u32>>,
    usd_per_thousand_tokens: Option<Spanned<f64>>,
}

/// Who writes in place of templates.
#[derive(Clone, Debug)]
pub struct Proposer {
    /// The part of the address before `/chat/completions`; empty: nobody.
    pub base_url: Setting<String>,
    /// The model's name there.
    pub model: Setting<String>,
    /// The name of the variable of the environment that holds the key; empty: no key.
    pub api_key_env: Setting<String>,
    /// How long an answer may take, in seconds.
    pub seconds: Setting<u32>,
    /// How many tokens an answer may have.
    pub tokens: Setting<u32>,
    /// What a thousand tokens cost there, in US dollars.
    pub usd_per_thousand_tokens: Setting<f64>,
}

impl Proposer {
    pub(super) fn layered(layers: &Layers<'_>, file: Written) -> Result<Self, ConfigError> {
        Ok(Self {
            base_url: layers.file(String::new(), file.base_url).checked(|url| check::address(url))?,
            model: layers.file("default".to_owned(), file.model).checked(|name| filled("model", name))?,
            api_key_env: layers
                .file(String::new(), file.api_key_env)
                .checked(|name| check::variable("api_key_env", name))?,
            seconds: layers.file(20, file.seconds).checked(|s| at_most("seconds", *s, 600))?,
            tokens: layers.file(300, file.tokens).checked(|n| at_most("tokens", *n, 4_000))?,
            usd_per_thousand_tokens: layers
                .file(0.0, file.usd_per_thousand_tokens)
                .checked(|price| not_negative("usd_per_thousand_tokens", *price))?,
        })
    }
}
