//! The language of `/`: words and simple terms, all of which must hold.
//!
//! `class:hallucination agent:explore state:held tool:Bash p>0.5 "exact words" -not`

use crate::detect::Class;
use crate::trace::Probability;

/// A filter that has been understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq)]
struct Term {
    negated: bool,
    test: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Word(String),
    Class(String),
    Agent(String),
    State(String),
    Tool(String),
    Above(f64),
    Below(f64),
}

/// What a filter looks at: a row of some list.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// Texts in which words are looked for.
    pub texts: &'a [&'a str],
    /// Class.
    pub class: Option<Class>,
    /// Names of agents.
    pub agents: &'a [&'a str],
    /// Words for its state.
    pub state: &'a str,
    /// Names of tools.
    pub tools: &'a [&'a str],
    /// P(wrong), or P(failed).
    pub p: Probability,
}

/// Why a filter was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// A term that does not exist.
    #[error("no term `{0}:`; there are class: agent: state: tool: p> p<")]
    Unknown(String),
    /// A bound that is no number.
    #[error("`{0}` is no number from 0 to 1, as in p>0.5")]
    Number(String),
}

impl Filter {
    /// Reads a filter. An empty text filters nothing.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let mut terms = Vec::new();
        for word in split(text) {
            let (negated, word) = match word.strip_prefix('-') {
                Some(rest) if !rest.is_empty() => (true, rest.to_owned()),
                _ => (false, word),
            };
            terms.push(Term { negated, test: Test::parse(&word)? });
        }
        Ok(Self { terms })
    }

    /// Whether it lets everything through.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether it lets this through.
    pub fn admits(&self, facts: &Facts<'_>) -> bool {
        self.terms.iter().all(|term| term.test.holds(facts) != term.negated)
    }
}

impl Test {
    fn parse(word: &str) -> Result<Self, FilterError> {
        for (sign, above) in [("p>", true), ("p<", false)] {
            if let Some(bound) = word.strip_prefix(sign) {
                let number = bound.trim_start_matches('=');
                let bound = number
                    .parse::<f64>()
                    .ok()
                    .filter(|n| (0.0..=1.0).contains(n))
                    .ok_or_else(|| FilterError::Number(number.to_owned()))?;
                return Ok(if above { Self::Above(bound) } else { Self::Below(bound) });
            }
        }
        if let Some(exact) = word.strip_prefix('"') {
            return Ok(Self::Word(exact.trim_end_matches('"').to_lowercase()));
        }
        if let Some((name, value)) = word.split_once(':')
            && !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphabetic())
            && !value.starts_with('/')
        {
            let value = value.trim_matches('"').to_lowercase();
            return match name {
                "class" => Ok(Self::Class(value)),
                "agent" => Ok(Self::Agent(value)),
                "state" => Ok(Self::State(value)),
                "tool" => Ok(Self::Tool(value)),
                _ => Err(FilterError::Unknown(name.to_owned())),
            };
        }
        Ok(Self::Word(word.to_lowercase()))
    }

    fn holds(&self, facts: &Facts<'_>) -> bool {
        match self {
            Self::Word(word) => facts.texts.iter().any(|t| contains(t, word)),
            Self::Class(word) => facts.class.is_some_and(|c| c.word().starts_with(word.as_str())),
            Self::Agent(word) => facts.agents.iter().any(|a| contains(a, word)),
            Self::State(word) => contains(facts.state, word),
            Self::Tool(word) => facts.tools.iter().any(|t| contains(t, word)),
            Self::Above(bound) => facts.p.get() > *bound,
            Self::Below(bound) => facts.p.get() < *bound,
        }
    }
}

/// Whether `text` holds `word`, which is in lower case.
fn contains(text: &str, word: &str) -> bool {
    if word.is_empty() {
        return true;
    }
    if text.is_ascii() && word.is_ascii() {
        let (text, word) = (text.as_bytes(), word.as_bytes());
        return text.windows(word.len()).any(|stretch| stretch.eq_ignore_ascii_case(word));
    }
    text.to_lowercase().contains(word)
}

/// Words between spaces; a double quote holds spaces together.
fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                word.push(c);
            }
            c if c.is_whitespace() && !quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            c => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(filter: &str) -> bool {
        Filter::parse(filter).unwrap().admits(&Facts {
            texts: &["Fix import speed", "src/import.rs:12"],
            class: Some(Class::Hallucination),
            agents: &["main", "explore-1"],
            state: "held",
            tools: &["Bash"],
            p: Probability::new(0.91),
        })
    }

    #[test]
    fn every_term_must_hold() {
        for yes in [
            "",
            "import",
            "IMPORT speed",
            "\"import speed\"",
            "class:hallu agent:expl state:held tool:bash p>0.5",
            "p<0.95",
            "-billing",
            "import.rs:12",
        ] {
            assert!(admits(yes), "{yes}");
        }
        for no in ["billing", "\"speed import\"", "class:execution", "p>0.95", "-import", "tool:Edit"] {
            assert!(!admits(no), "{no}");
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        assert_eq!(
            Filter::parse("who:me").unwrap_err().to_string(),
            "no term `who:`; there are class: agent: state: tool: p> p<"
        );
        assert!(matches!(Filter::parse("p>many"), Err(FilterError::Number(_))));
        assert!(Filter::parse("https://example.com").is_ok());
    }
}
