//! Regular expressions that are compiled once. One that does not compile never matches; each file that
//! has some lists them in a test that fails then.

use std::sync::LazyLock;

use regex::{Captures, Match, Regex};

/// A regular expression, compiled at its first use.
pub(crate) struct Pattern(LazyLock<Option<Regex>>);

impl Pattern {
    /// Takes the function that compiles it.
    pub(crate) const fn new(compile: fn() -> Option<Regex>) -> Self {
        Self(LazyLock::new(compile))
    }

    /// Whether it occurs in the text.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        self.0.as_ref().is_some_and(|r| r.is_match(text))
    }

    /// Its first occurrence.
    pub(crate) fn find<'t>(&self, text: &'t str) -> Option<Match<'t>> {
        self.0.as_ref()?.find(text)
    }

    /// Its first occurrence, with groups.
    pub(crate) fn captures<'t>(&self, text: &'t str) -> Option<Captures<'t>> {
        // Most texts do not match: only one that does is worth the room for its groups.
        self.0.as_ref()?.is_match(text).then(|| self.0.as_ref()?.captures(text))?
    }

    /// All occurrences, with groups.
    pub(crate) fn all<'r, 't>(&'r self, text: &'t str) -> impl Iterator<Item = Captures<'t>> + use<'r, 't> {
        self.0.iter().flat_map(move |r| r.captures_iter(text))
    }

    /// The text with every occurrence replaced.
    pub(crate) fn replace<'t>(&self, text: &'t str, by: &str) -> std::borrow::Cow<'t, str> {
        match self.0.as_ref() {
            Some(r) => r.replace_all(text, by),
            None => text.into(),
        }
    }

    /// Whether it compiled.
    #[cfg(test)]
    pub(crate) fn compiles(&self) -> bool {
        self.0.is_some()
    }
}

/// Declares patterns, and a function that says whether all of them compile.
macro_rules! patterns {
    ($($vis:vis $name:ident = $text:expr;)*) => {
        $($vis static $name: $crate::detect::pattern::Pattern =
            $crate::detect::pattern::Pattern::new(|| regex::Regex::new($text).ok());)*
        #[cfg(test)]
        fn patterns_that_do_not_compile() -> Vec<&'static str> {
            [$((stringify!($name), $name.compiles())),*]
                .into_iter().filter(|(_, good)| !good).map(|(name, _)| name).collect()
        }
    };
}
pub(crate) use patterns;
