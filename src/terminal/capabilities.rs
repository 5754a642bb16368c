//! What the terminal can show, told by the environment and the flags.

use crate::screen::Depth;

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Colours.
    pub depth: Depth,
    /// Whether only ASCII may be drawn.
    pub ascii: bool,
}

impl Capabilities {
    /// Reads them from the environment. `no_color` and `ascii` are flags and win.
    ///
    /// NO_COLOR (any value but an empty one) and CLICOLOR=0 take colours away, see
    /// <https://no-color.org> and <https://bixense.com/clicolors>; COLORTERM says 24 bits; TERM says
    /// 256 or 16 or `dumb`; LC_ALL, LC_CTYPE and LANG say whether the locale is UTF-8.
    pub fn read(env: &dyn Fn(&str) -> Option<String>, no_color: bool, ascii: bool) -> Self {
        let set = |name: &str| env(name).filter(|value| !value.is_empty());
        let term = set("TERM").unwrap_or_default();
        let plain = no_color
            || set("NO_COLOR").is_some()
            || set("CLICOLOR").as_deref() == Some("0")
            || term == "dumb";
        let colours = set("COLORTERM").unwrap_or_default().to_lowercase();
        let depth = if plain {
            Depth::None
        } else if colours.contains("truecolor") || colours.contains("24bit") || term.ends_with("-direct") {
            Depth::Truecolor
        } else if term.contains("256color") || ["xterm-kitty", "alacritty", "foot"].contains(&term.as_str()) {
            Depth::Indexed
        } else {
            Depth::Sixteen
        };
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| set(name));
        // No locale at all is the `C` locale, but most containers that set none show UTF-8 well; a
        // locale that names another set does not.
        let other = locale.is_some_and(|l| {
            let l = l.to_lowercase();
            !l.contains("utf-8") && !l.contains("utf8") && !l.starts_with("c.utf")
        });
        Self { depth, ascii: ascii || other || term == "linux" && depth == Depth::None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(env: &[(&str, &str)]) -> Capabilities {
        Capabilities::read(
            &|name| env.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()),
            false,
            false,
        )
    }

    #[test]
    fn colours_are_told_by_the_environment() {
        assert_eq!(read(&[("TERM", "xterm-256color")]).depth, Depth::Indexed);
        assert_eq!(read(&[("TERM", "xterm"), ("COLORTERM", "truecolor")]).depth, Depth::Truecolor);
        assert_eq!(read(&[("TERM", "xterm")]).depth, Depth::Sixteen);
        assert_eq!(read(&[("COLORTERM", "truecolor"), ("NO_COLOR", "1")]).depth, Depth::None);
        assert_eq!(read(&[("COLORTERM", "truecolor"), ("NO_COLOR", "")]).depth, Depth::Truecolor);
        assert_eq!(read(&[("COLORTERM", "truecolor"), ("CLICOLOR", "0")]).depth, Depth::None);
        assert_eq!(read(&[("TERM", "dumb")]).depth, Depth::None);
    }

    #[test]
    fn a_locale_of_another_set_means_ascii() {
        assert!(!read(&[("LANG", "en_GB.UTF-8")]).ascii);
        assert!(read(&[("LANG", "en_GB.ISO-8859-1")]).ascii);
        assert!(read(&[("LANG", "en_GB.UTF-8"), ("LC_ALL", "C")]).ascii);
        assert!(!read(&[]).ascii);
    }
}
