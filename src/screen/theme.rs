//! Colours by role. A theme is a TOML file that names only what differs from the dark one.
//!
//! To add a bundled theme: a file in `themes/` and a line in [`BUNDLED`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

use crate::detect::Class;
use crate::score::Band;

use super::glyphs::{ASCII, Glyphs, UNICODE};

/// Themes that come with the program: name and text.
pub static BUNDLED: &[(&str, &str)] =
    &[("dark", include_str!("../../themes/dark.toml")), ("light", include_str!("../../themes/light.toml"))];

/// What a colour is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Role {
    Text,
    Dim,
    Strong,
    Border,
    Title,
    Accent,
    Key,
    Selection,
    Pass,
    Triage,
    Alarm,
    Hallucination,
    ExecutionError,
    InconsistentReasoning,
    FailurePropagation,
    Operational,
    #[serde(rename = "agent-1")]
    Agent1,
    #[serde(rename = "agent-2")]
    Agent2,
    #[serde(rename = "agent-3")]
    Agent3,
    #[serde(rename = "agent-4")]
    Agent4,
    #[serde(rename = "agent-5")]
    Agent5,
    #[serde(rename = "agent-6")]
    Agent6,
    Claim,
    Against,
    Added,
    Removed,
    Live,
    Replay,
    Paused,
    ReadOnly,
    Notice,
    Warning,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 32] = [
        Self::Text,
        Self::Dim,
        Self::Strong,
        Self::Border,
        Self::Title,
        Self::Accent,
        Self::Key,
        Self::Selection,
        Self::Pass,
        Self::Triage,
        Self::Alarm,
        Self::Hallucination,
        Self::ExecutionError,
        Self::InconsistentReasoning,
        Self::FailurePropagation,
        Self::Operational,
        Self::Agent1,
        Self::Agent2,
        Self::Agent3,
        Self::Agent4,
        Self::Agent5,
        Self::Agent6,
        Self::Claim,
        Self::Against,
        Self::Added,
        Self::Removed,
        Self::Live,
        Self::Replay,
        Self::Paused,
        Self::ReadOnly,
        Self::Notice,
        Self::Warning,
    ];

    /// The role of a band.
    pub fn of_band(band: Band) -> Self {
        match band {
            Band::Pass => Self::Pass,
            Band::Triage => Self::Triage,
            Band::Alarm => Self::Alarm,
        }
    }

    /// The role of a class.
    pub fn of_class(class: Class) -> Self {
        match class {
            Class::Hallucination => Self::Hallucination,
            Class::ExecutionError => Self::ExecutionError,
            Class::InconsistentReasoning => Self::InconsistentReasoning,
            Class::FailurePropagation => Self::FailurePropagation,
            Class::Operational => Self::Operational,
        }
    }

    /// The role of an agent's lane.
    pub fn of_agent(agent: u16) -> Self {
        match agent % 6 {
            0 => Self::Agent1,
            1 => Self::Agent2,
            2 => Self::Agent3,
            3 => Self::Agent4,
            4 => Self::Agent5,
            _ => Self::Agent6,
        }
    }
}

/// How many colours a terminal has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// 24 bits.
    #[default]
    Truecolor,
    /// 256.
    Indexed,
    /// 16.
    Sixteen,
    /// None: bold, underline and reverse remain.
    None,
}

/// Colours by role, fit for a terminal.
#[derive(Clone, Debug)]
pub struct Theme {
    styles: BTreeMap<Role, Style>,
    /// Glyphs.
    pub glyphs: &'static Glyphs,
}

/// Why a theme cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ThemeError {
    /// No theme has this name.
    #[error("there is no theme `{name}`; there are {known}, and files in {folder}")]
    Unknown {
        /// The name.
        name: String,
        /// Names that exist.
        known: String,
        /// Where the operator's own are looked for.
        folder: String,
    },
    /// Its file is not in order.
    #[error("theme {}, line {line}: {message}", .path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The theme that this one differs from.
    base: Option<String>,
    #[serde(default)]
    roles: BTreeMap<Role, Patch>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    fg: Option<Paint>,
    bg: Option<Paint>,
    ansi: Option<Paint>,
    ansi_bg: Option<Paint>,
    bold: Option<bool>,
    dim: Option<bool>,
    italic: Option<bool>,
    underline: Option<bool>,
    reverse: Option<bool>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
enum Paint {
    Default,
    Named(u8),
    Rgb(u8, u8, u8),
}

/// The 16 colours: name and what it looks like on most terminals.
const SIXTEEN: [(&str, (u8, u8, u8)); 16] = [
    ("black", (0, 0, 0)),
    ("red", (170, 0, 0)),
    ("green", (0, 170, 0)),
    ("yellow", (170, 120, 0)),
    ("blue", (0, 0, 170)),
    ("magenta", (170, 0, 170)),
    ("cyan", (0, 170, 170)),
    ("white", (190, 190, 190)),
    ("bright-black", (110, 110, 110)),
    ("bright-red", (255, 85, 85)),
    ("bright-green", (85, 255, 85)),
    ("bright-yellow", (255, 255, 85)),
    ("bright-blue", (85, 85, 255)),
    ("bright-magenta", (255, 85, 255)),
    ("bright-cyan", (85, 255, 255)),
    ("bright-white", (255, 255, 255)),
];

impl TryFrom<String> for Paint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "default" {
            return Ok(Self::Default);
        }
        if let Some(at) = SIXTEEN.iter().position(|(name, _)| *name == text) {
            return Ok(Self::Named(at as u8));
        }
        let wrong = || {
            format!("`{text}` is no colour: write \"#rrggbb\", \"default\" or a name such as \"bright-red\"")
        };
        let hex = text
            .strip_prefix('#')
            .filter(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
            .ok_or_else(wrong)?;
        let number = u32::from_str_radix(hex, 16).map_err(|_| wrong())?;
        let [_, r, g, b] = number.to_be_bytes();
        Ok(Self::Rgb(r, g, b))
    }
}

impl Paint {
    fn color(self, depth: Depth) -> Option<Color> {
        match (self, depth) {
            (_, Depth::None) | (Self::Default, _) => None,
            (Self::Named(n), _) => Some(named(n)),
            (Self::Rgb(r, g, b), Depth::Truecolor) => Some(Color::Rgb(r, g, b)),
            (Self::Rgb(r, g, b), Depth::Indexed) => Some(Color::Indexed(indexed(r, g, b))),
            (Self::Rgb(r, g, b), Depth::Sixteen) => {
                let near = SIXTEEN
                    .iter()
                    .enumerate()
                    .min_by_key(|(_, (_, c))| distance(*c, (r, g, b)))
                    .map_or(7, |(at, _)| at);
                Some(named(near as u8))
            }
        }
    }
}

fn named(number: u8) -> Color {
    match number {
        0 => Color::Black,
        1 => Color::Red,
        2 => Color::Green,
        3 => Color::Yellow,
        4 => Color::Blue,
        5 => Color::Magenta,
        6 => Color::Cyan,
        7 => Color::Gray,
        8 => Color::DarkGray,
        9 => Color::LightRed,
        10 => Color::LightGreen,
        11 => Color::LightYellow,
        12 => Color::LightBlue,
        13 => Color::LightMagenta,
        14 => Color::LightCyan,
        _ => Color::White,
    }
}

fn distance(a: (u8, u8, u8), b: (u8, u8, u8)) -> u32 {
    let square = |x: u8, y: u8| u32::from(x.abs_diff(y)).pow(2);
    // Eyes are surest in green.
    2 * square(a.0, b.0) + 4 * square(a.1, b.1) + 3 * square(a.2, b.2)
}

/// The nearest of the 6×6×6 cube and the 24 greys.
fn indexed(r: u8, g: u8, b: u8) -> u8 {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let level = |v: u8| {
        LEVELS.iter().enumerate().min_by_key(|(_, l)| l.abs_diff(v)).map_or((0, 0), |(at, l)| (at as u8, *l))
    };
    let ((ri, rl), (gi, gl), (bi, bl)) = (level(r), level(g), level(b));
    let grey = ((u16::from(r) + u16::from(g) + u16::from(b)) / 3).saturating_sub(3) / 10;
    let grey = grey.min(23) as u8;
    let grey_level = 8 + 10 * grey;
    let cube = distance((rl, gl, bl), (r, g, b));
    if distance((grey_level, grey_level, grey_level), (r, g, b)) < cube {
        232 + grey
    } else {
        16 + 36 * ri + 6 * gi + bi
    }
}

impl Patch {
    fn over(self, base: Self) -> Self {
        // A new colour makes the base's colour for 16 colours wrong, unless it brings its own.
        let ansi = self.ansi.or(if self.fg.is_some() { None } else { base.ansi });
        let ansi_bg = self.ansi_bg.or(if self.bg.is_some() { None } else { base.ansi_bg });
        Self {
            fg: self.fg.or(base.fg),
            bg: self.bg.or(base.bg),
            ansi,
            ansi_bg,
            bold: self.bold.or(base.bold),
            dim: self.dim.or(base.dim),
            italic: self.italic.or(base.italic),
            underline: self.underline.or(base.underline),
            reverse: self.reverse.or(base.reverse),
        }
    }

    fn style(self, role: Role, depth: Depth) -> Style {
        let (fg, bg) = match depth {
            Depth::Sixteen => (self.ansi.or(self.fg), self.ansi_bg.or(self.bg)),
            _ => (self.fg, self.bg),
        };
        let mut style = Style::new();
        if let Some(color) = fg.and_then(|p| p.color(depth)) {
            style = style.fg(color);
        }
        if let Some(color) = bg.and_then(|p| p.color(depth)) {
            style = style.bg(color);
        }
        // Without colours what stands out by its background stands out reversed.
        let reverse = self.reverse.unwrap_or(false) || (depth == Depth::None && self.bg.is_some());
        for (set, modifier) in [
            (self.bold.unwrap_or(false), Modifier::BOLD),
            (self.dim.unwrap_or(false), Modifier::DIM),
            (self.italic.unwrap_or(false), Modifier::ITALIC),
            (self.underline.unwrap_or(false), Modifier::UNDERLINED),
            (reverse && role != Role::Live, Modifier::REVERSED),
        ] {
            if set {
                style = style.add_modifier(modifier);
            }
        }
        style
    }
}

impl Theme {
    /// A bundled theme, or the operator's own: `NAME.toml` in `folder`. `read` reads a file.
    pub fn named(
        name: &str,
        folder: &Path,
        read: &dyn Fn(&Path) -> Option<String>,
        depth: Depth,
        ascii: bool,
    ) -> Result<Self, ThemeError> {
        let roles = roles_of(name, folder, read, 0)?;
        Ok(Self::of(&roles, depth, ascii))
    }

    /// The operator's own theme in a file of any name.
    pub fn from_file(
        path: &Path,
        read: &dyn Fn(&Path) -> Option<String>,
        depth: Depth,
        ascii: bool,
    ) -> Result<Self, ThemeError> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let name = path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
        Self::named(&name, folder, read, depth, ascii)
    }

    /// The bundled dark theme.
    pub fn dark(depth: Depth, ascii: bool) -> Self {
        // A test holds that the bundled themes are in order.
        Self::named("dark", Path::new(""), &|_| None, depth, ascii)
            .unwrap_or_else(|_| Self::of(&BTreeMap::new(), depth, ascii))
    }

    fn of(roles: &BTreeMap<Role, Patch>, depth: Depth, ascii: bool) -> Self {
        Self {
            styles: roles.iter().map(|(role, patch)| (*role, patch.style(*role, depth))).collect(),
            glyphs: if ascii { &ASCII } else { &UNICODE },
        }
    }

    /// The style of a role.
    pub fn style(&self, role: Role) -> Style {
        self.styles.get(&role).copied().unwrap_or_default()
    }
}

fn roles_of(
    name: &str,
    folder: &Path,
    read: &dyn Fn(&Path) -> Option<String>,
    depth: u8,
) -> Result<BTreeMap<Role, Patch>, ThemeError> {
    let path = folder.join(format!("{name}.toml"));
    let plain = !name.is_empty() && !name.contains(['/', '\\']) && !name.starts_with('.');
    let own = if plain { read(&path) } else { None };
    let bundled = BUNDLED.iter().find(|(known, _)| *known == name);
    let (text, path) = match (own, bundled) {
        (Some(text), _) => (text, path),
        (None, Some((_, text))) => ((*text).to_owned(), PathBuf::from(format!("{name}.toml"))),
        (None, None) => {
            let known: Vec<&str> = BUNDLED.iter().map(|(name, _)| *name).collect();
            return Err(ThemeError::Unknown {
                name: crate::text::excerpt(name, 60),
                known: known.join(", "),
                folder: folder.display().to_string(),
            });
        }
    };
    let file: File = toml::from_str(&text).map_err(|error| ThemeError::Wrong {
        path: path.clone(),
        line: error
            .span()
            .and_then(|span| text.get(..span.start))
            .map_or(1, |before| before.matches('\n').count() + 1),
        message: error.message().trim().replace('\n', "; "),
    })?;
    // The dark theme stands under all others, its own changed copy included.
    let base = match file.base.as_deref() {
        _ if bundled.is_some_and(|(known, own)| *known == "dark" && *own == text) => None,
        Some(base) if base != name && depth < 4 => Some(roles_of(base, folder, read, depth + 1)?),
        _ => Some(roles_of("dark", Path::new(""), &|_| None, depth + 1)?),
    };
    let mut roles = base.unwrap_or_default();
    for (role, patch) in file.roles {
        let under = roles.get(&role).copied().unwrap_or_default();
        roles.insert(role, patch.over(under));
    }
    Ok(roles)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_themes_are_in_order_and_dark_names_every_role() {
        for (name, _) in BUNDLED {
            Theme::named(name, Path::new(""), &|_| None, Depth::Truecolor, false).unwrap();
        }
        let roles = roles_of("dark", Path::new(""), &|_| None, 0).unwrap();
        for role in Role::ALL {
            assert!(roles.contains_key(&role), "{role:?}");
        }
    }

    fn own(text: &str) -> Result<Theme, ThemeError> {
        let text = text.to_owned();
        Theme::named(
            "mine",
            Path::new("/themes"),
            &move |path| (path == Path::new("/themes/mine.toml")).then(|| text.clone()),
            Depth::Truecolor,
            false,
        )
    }

    #[test]
    fn a_theme_is_a_patch_over_its_base() {
        let theme = own("base = \"light\"\n[roles]\nalarm = { fg = \"#010203\" }\n").unwrap();
        let alarm = theme.style(Role::Alarm);
        assert_eq!(alarm.fg, Some(Color::Rgb(1, 2, 3)));
        assert!(alarm.add_modifier.contains(Modifier::BOLD));
        assert_eq!(theme.style(Role::Pass).fg, Some(Color::Rgb(0x1a, 0x7f, 0x37)));
    }

    #[test]
    fn mistakes_are_said_with_file_and_line() {
        let said = |text: &str| own(text).unwrap_err().to_string();
        let unknown = said("[roles]\n\nalrm = { fg = \"#010203\" }\n");
        assert!(unknown.starts_with("theme /themes/mine.toml, line 3: unknown variant `alrm`"), "{unknown}");
        let field = said("[roles]\nalarm = { fgg = \"#010203\" }\n");
        assert!(field.contains("line 2: unknown field `fgg`"), "{field}");
        let colour = said("[roles]\nalarm = { fg = \"#01020\" }\n");
        assert!(colour.contains("line 2: `#01020` is no colour"), "{colour}");
        let top = said("rolls = 1\n");
        assert!(top.contains("line 1: unknown field `rolls`"), "{top}");
    }

    #[test]
    fn an_unknown_theme_names_those_that_exist() {
        let error = Theme::named("drak", Path::new("/t"), &|_| None, Depth::None, false).unwrap_err();
        assert_eq!(error.to_string(), "there is no theme `drak`; there are dark, light, and files in /t");
    }

    #[test]
    fn without_colours_no_role_has_one() {
        let theme = Theme::dark(Depth::None, false);
        for role in Role::ALL {
            let style = theme.style(role);
            assert_eq!((style.fg, style.bg), (None, None), "{role:?}");
        }
        assert!(theme.style(Role::Selection).add_modifier.contains(Modifier::REVERSED));
    }

    #[test]
    fn fewer_colours_are_near_ones() {
        assert_eq!(indexed(255, 0, 0), 196);
        assert_eq!(indexed(0x44, 0x44, 0x44), 238);
        assert_eq!(Paint::Rgb(250, 80, 80).color(Depth::Sixteen), Some(Color::LightRed));
    }
}
