//! The globs of policy rules.

use regex::{Regex, RegexBuilder};

/// Longest glob, in bytes.
const LONGEST: usize = 400;

/// A pattern of which `*` stands for any characters and `?` for one; all of a name must fit.
#[derive(Clone, Debug)]
pub struct Glob {
    text: String,
    pattern: Regex,
}

impl Glob {
    /// Reads a glob; `None`: it is empty or too long.
    pub fn read(text: &str) -> Option<Self> {
        if text.is_empty() || text.len() > LONGEST {
            return None;
        }
        let pattern = regex::escape(text).replace(r"\*", ".*").replace(r"\?", ".");
        let pattern =
            RegexBuilder::new(&format!("^(?:{pattern})$")).dot_matches_new_line(true).build().ok()?;
        Some(Self { text: text.to_owned(), pattern })
    }

    /// The glob as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a name fits.
    pub fn fits(&self, name: &str) -> bool {
        self.pattern.is_match(name)
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_are_all_that_is_special() {
        for (glob, name, fits) in [
            ("*", "", true),
            ("*", "/any/thing\nat all", true),
            ("main", "main", true),
            ("main", "maintenance", false),
            ("explore-?", "explore-7", true),
            ("explore-?", "explore-17", false),
            ("/srv/*/billing", "/srv/a/b/billing", true),
            ("a.c", "abc", false),
            ("[ab]", "a", false),
        ] {
            assert_eq!(Glob::read(glob).unwrap().fits(name), fits, "{glob} {name}");
        }
        assert_eq!(Glob::read(""), None);
        assert_eq!(Glob::read(&"*".repeat(401)), None);
    }
}
