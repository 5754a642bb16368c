//! Entities: paths, URLs, ids, numbers and the like, kept as hashes with the step that first brought
//! them and from where. A rule asks: where does this come from?

use std::hash::Hasher as _;
use std::ops::Range;

use rustc_hash::{FxHashMap, FxHasher};
use serde::Serialize;

use super::identity::StepId;

/// What sort of entity it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EntityKind {
    /// A file's path: begins with `/`, `./`, `../` or `~/`, has two slashes or more, or ends in a
    /// known extension.
    Path,
    /// A URL.
    Url,
    /// An e-mail address.
    Email,
    /// A hash, a ticket, an order number, a code: letters and digits mixed, or `#` with digits.
    Id,
    /// A number of two digits or more, or with a fraction; canonical (no thousands separators).
    Number,
}

/// Where an entity has come from so far. Several may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// A prompt or the instructions named it.
    pub prompt: bool,
    /// A call's outcome held it.
    pub observed: bool,
    /// The agent wrote it successfully (a file it made).
    pub own_write: bool,
    /// The agent said it, or passed it to a tool.
    pub own_words: bool,
}

impl Origin {
    /// Whether anything but the agent's own words vouches for it.
    pub fn is_grounded(self) -> bool {
        self.prompt || self.observed || self.own_write
    }
}

/// An entity as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entity {
    /// The step during which it first appeared; `None` before the first step.
    pub first: Option<StepId>,
    /// The step whose outcome first held it.
    pub first_observed: Option<StepId>,
    /// From where it has come.
    pub origin: Origin,
}

/// How an entity comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brought {
    /// By a prompt or by the instructions.
    Prompt,
    /// By the outcome of a call.
    Outcome,
    /// By a successful write of the agent.
    OwnWrite,
    /// By the agent's words, or by an argument of its call.
    OwnWords,
}

/// No more entities than this are kept; past it [`Entities::is_full`] says so and rules that ask
/// "from nowhere?" must abstain.
pub const MOST_ENTITIES: usize = 1 << 18;

/// All entities of a run.
#[derive(Clone, Debug, Default)]
pub struct Entities {
    known: FxHashMap<u64, Entity>,
    full: bool,
}

impl Entities {
    /// What is known of an entity.
    pub fn get(&self, hash: u64) -> Option<&Entity> {
        self.known.get(&hash)
    }

    /// Whether some entities had to be left out.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Takes in all entities of a text, and the file names at the end of its paths.
    pub fn note(&mut self, text: &str, brought: Brought, step: Option<StepId>) {
        self.note_each(text, brought, step, |_| {});
    }

    /// Does the same, and hands each mention on.
    pub fn note_each(
        &mut self,
        text: &str,
        brought: Brought,
        step: Option<StepId>,
        mut found: impl FnMut(Mention),
    ) {
        scan(text, |mention| {
            self.note_one(mention.hash, brought, step);
            if let Some(name) = mention.file_name {
                self.note_one(name, brought, step);
            }
            found(mention);
        });
    }

    fn note_one(&mut self, hash: u64, brought: Brought, step: Option<StepId>) {
        let new = || Entity { first: step, first_observed: None, origin: Origin::default() };
        let entity = if self.known.len() < MOST_ENTITIES {
            self.known.entry(hash).or_insert_with(new)
        } else if let Some(entity) = self.known.get_mut(&hash) {
            entity
        } else {
            self.full = true;
            return;
        };
        match brought {
            Brought::Prompt => entity.origin.prompt = true,
            Brought::OwnWrite => entity.origin.own_write = true,
            Brought::OwnWords => entity.origin.own_words = true,
            Brought::Outcome => {
                entity.origin.observed = true;
                if entity.first_observed.is_none() {
                    entity.first_observed = step;
                }
            }
        }
    }
}

/// One entity found in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// Its sort.
    pub kind: EntityKind,
    /// Its hash, equal for spellings that mean the same.
    pub hash: u64,
    /// Of a path with directories: the hash of its last part alone.
    pub file_name: Option<u64>,
    /// Where it stands in the text, in bytes.
    pub span: Range<usize>,
}

/// Finds the entities of a text, in order. Linear in the text.
pub fn scan(text: &str, mut found: impl FnMut(Mention)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(skipped) = bytes.get(at..).and_then(|b| b.iter().position(|b| class(*b) & BEGINS != 0)) {
        at += skipped;
        let rest = bytes.get(at..).unwrap_or_default();
        let mut seen = 0;
        let mut length = 0;
        for byte in rest {
            let class = class(*byte);
            if class & CONTINUES == 0 {
                break;
            }
            seen |= class;
            length += 1;
        }
        let end = at + length;
        // Most words are plain: no entity is without one of these.
        if seen & TELLS != 0
            && let Some(mention) = text.get(at..end).and_then(|token| classify(token, at, seen))
        {
            found(mention);
        }
        at = end.max(at + 1);
    }
}

/// A byte that an entity may begin with.
const BEGINS: u8 = 1;
/// A byte that may stand in an entity.
const CONTINUES: u8 = 2;
/// A digit.
const DIGIT: u8 = 4;
/// A slash.
const SLASH: u8 = 8;
/// An `@`.
const AT: u8 = 16;
/// A dot.
const DOT: u8 = 32;
/// Every entity holds at least one byte of these.
const TELLS: u8 = DIGIT | SLASH | AT | DOT;

/// What each byte may be in an entity.
#[expect(clippy::indexing_slicing, reason = "a constant: a place that is not there does not compile")]
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = class_of(byte as u8);
        byte += 1;
    }
    classes
};

const fn class_of(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => BEGINS | CONTINUES | DIGIT,
        b'/' => BEGINS | CONTINUES | SLASH,
        b'.' => BEGINS | CONTINUES | DOT,
        b'@' => CONTINUES | AT,
        b'a'..=b'z' | b'A'..=b'Z' | b'~' | b'#' | b'_' | b'$' => BEGINS | CONTINUES,
        b'-' | b':' | b'+' | b'%' | b'?' | b'=' | b'&' | b',' => CONTINUES,
        _ => 0,
    }
}

fn class(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(0)
}

/// What a token is. `seen`: the classes of its bytes together.
fn classify(token: &str, at: usize, seen: u8) -> Option<Mention> {
    let trailing = |b: &u8| matches!(b, b'.' | b',' | b':' | b'?' | b'-' | b'/' | b'=' | b'&' | b'+');
    let kept = token.bytes().rposition(|b| !trailing(&b)).map_or(0, |last| last + 1);
    let token = token.get(..kept).unwrap_or_default();
    let holds = |class: u8, byte: u8| seen & class != 0 && memchr::memchr(byte, token.as_bytes()).is_some();
    // A word at the end of a sentence is what most tokens are.
    if seen & (DIGIT | SLASH | AT) == 0 && !holds(DOT, b'.') {
        return None;
    }
    let digits = if seen & DIGIT == 0 { 0 } else { token.bytes().filter(u8::is_ascii_digit).count() };
    let mention = |kind, hash, file_name| Some(Mention { kind, hash, file_name, span: at..at + token.len() });
    if token.len() < 2 || token.len() > 400 {
        return None;
    }
    let (slash, at_sign) = (holds(SLASH, b'/'), holds(AT, b'@'));
    if slash && let Some(scheme) = token.find("://") {
        if scheme == 0 || token.len() < scheme + 5 {
            return None;
        }
        return mention(EntityKind::Url, hash_lower(token), None);
    }
    if at_sign && let Some((name, host)) = token.split_once('@') {
        if !name.is_empty() && host.contains('.') && !host.contains('/') {
            return mention(EntityKind::Email, hash_lower(token), None);
        }
        return None;
    }
    if digits > 0
        && let Some(number) = number(token)
    {
        return mention(EntityKind::Number, number, None);
    }
    // `file.rs:12:3` and `key:value` name their first part.
    let first = token.bytes().position(|b| matches!(b, b':' | b',' | b'=' | b'&' | b'?'));
    let token = first.and_then(|first| token.get(..first)).unwrap_or(token);
    let mention = |kind, hash, file_name| Some(Mention { kind, hash, file_name, span: at..at + token.len() });
    if is_path(token) {
        let path = token.trim_start_matches("./");
        let name = path.rsplit('/').next().unwrap_or(path);
        let file_name = (name.len() < path.len() && !name.is_empty()).then(|| hash_lower(name));
        return mention(EntityKind::Path, hash_lower(path), file_name);
    }
    if token.contains('/') || token.contains('$') {
        return None;
    }
    if is_id(token, digits) {
        return mention(EntityKind::Id, hash_lower(token.trim_start_matches('#')), None);
    }
    None
}

/// The hash of a number in canonical form: `1,234.50`, `1234.5` and `$1234.50` are one.
fn number(token: &str) -> Option<u64> {
    let bare = token.trim_start_matches(['$', '#']).trim_end_matches('%');
    if token.starts_with('#') && bare.len() > 2
        || !bare.as_bytes().first().is_some_and(|b| b.is_ascii_digit() || *b == b',')
    {
        return None;
    }
    let (whole, fraction) = bare.split_once('.').unwrap_or((bare, ""));
    let digits = || whole.bytes().filter(|b| *b != b',');
    let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let count = digits().count();
    if count == 0 || !digits().all(|b| b.is_ascii_digit()) || !plain(fraction) {
        return None;
    }
    if count < 2 && fraction.is_empty() {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let whole = || digits().skip_while(|b| *b == b'0');
    let canonical = || std::iter::once(b'n').chain(whole()).chain([b'.']).chain(fraction.bytes());
    Some(hash_bytes(canonical(), 2 + whole().count() + fraction.len()))
}

fn is_path(token: &str) -> bool {
    let slashes = token.bytes().filter(|b| *b == b'/').count();
    if !token.bytes().any(|b| b.is_ascii_alphabetic()) || token.starts_with("//") {
        return false;
    }
    if slashes == 0 {
        return token.len() > 3 && has_known_extension(token) && !token.starts_with('.');
    }
    let rooted = ["/", "./", "../", "~/"].iter().any(|root| token.starts_with(root));
    (rooted && token.len() > 3) || has_known_extension(token) || slashes >= 2
}

/// Extensions that make a word a file's name.
const EXTENSIONS: &[&str] = &[
    "bash",
    "bat",
    "bin",
    "c",
    "cc",
    "cfg",
    "conf",
    "cpp",
    "cs",
    "css",
    "csv",
    "db",
    "diff",
    "dockerfile",
    "docx",
    "env",
    "gif",
    "go",
    "gradle",
    "h",
    "hpp",
    "html",
    "ini",
    "ipynb",
    "java",
    "jpeg",
    "jpg",
    "js",
    "json",
    "jsonl",
    "jsx",
    "kt",
    "lock",
    "log",
    "lua",
    "m",
    "md",
    "mjs",
    "parquet",
    "patch",
    "pdf",
    "php",
    "pl",
    "png",
    "proto",
    "ps1",
    "py",
    "r",
    "rb",
    "rs",
    "rst",
    "scala",
    "sh",
    "sql",
    "sqlite",
    "svg",
    "swift",
    "tar",
    "tex",
    "tf",
    "toml",
    "ts",
    "tsv",
    "tsx",
    "txt",
    "vue",
    "wasm",
    "xlsx",
    "xml",
    "yaml",
    "yml",
    "zig",
    "zip",
];

fn has_known_extension(token: &str) -> bool {
    let Some((stem, extension)) = token.rsplit_once('.') else {
        return false;
    };
    let begins = extension.as_bytes().first().map(u8::to_ascii_lowercase);
    let from = EXTENSIONS.partition_point(|known| known.as_bytes().first().copied() < begins);
    let mut alike =
        EXTENSIONS.iter().skip(from).take_while(|known| known.as_bytes().first().copied() == begins);
    begins.is_some()
        && stem.bytes().any(|b| b.is_ascii_alphanumeric())
        && alike.any(|known| known.eq_ignore_ascii_case(extension))
}

fn is_id(token: &str, digits: usize) -> bool {
    if let Some(rest) = token.strip_prefix('#') {
        return rest.len() >= 2 && digits >= 2;
    }
    let letters = token.bytes().filter(u8::is_ascii_alphabetic).count();
    let hex = token.bytes().all(|b| b.is_ascii_hexdigit());
    if letters == 0 || digits == 0 || token.contains('.') {
        return false;
    }
    (hex && token.len() >= 7) || (digits >= 3 && token.len() >= 5) || (digits >= 2 && token.len() >= 10)
}

/// The hash of a word, letter case ignored.
pub fn hash_lower(word: &str) -> u64 {
    hash_bytes(word.bytes(), word.len())
}

fn hash_bytes(bytes: impl Iterator<Item = u8>, length: usize) -> u64 {
    let mut hasher = FxHasher::default();
    for byte in bytes {
        hasher.write_u8(byte.to_ascii_lowercase());
    }
    hasher.write_usize(length);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(EntityKind, &str)> {
        let mut all = Vec::new();
        scan(text, |m| all.push((m.kind, &text[m.span])));
        all
    }

    #[test]
    fn the_extensions_are_sorted() {
        assert!(EXTENSIONS.is_sorted());
    }

    #[test]
    fn entities_of_each_kind_are_found() {
        use EntityKind::*;
        assert_eq!(
            found("See src/import.rs:12 and /w/app/prices.py, or prices.py."),
            [(Path, "src/import.rs"), (Path, "/w/app/prices.py"), (Path, "prices.py")]
        );
        assert_eq!(found("at https://example.com/a?b=1."), [(Url, "https://example.com/a?b=1")]);
        assert_eq!(found("mail ann@example.com now"), [(Email, "ann@example.com")]);
        assert_eq!(
            found("order #W6390527 by mei_kovacs_8020 at 1a2b3c4d"),
            [(Id, "#W6390527"), (Id, "mei_kovacs_8020"), (Id, "1a2b3c4d")]
        );
        assert_eq!(
            found("4,966 of 4966 cost $12.50"),
            [(Number, "4,966"), (Number, "4966"), (Number, "$12.50")]
        );
    }

    #[test]
    fn spellings_of_one_thing_have_one_hash() {
        let hash = |text: &str| {
            let mut all = Vec::new();
            scan(text, |m| all.push(m.hash));
            all[0]
        };
        assert_eq!(hash("4,966"), hash("4966.0"));
        assert_eq!(hash("$12.50"), hash("12.5"));
        assert_eq!(hash("./src/a.rs"), hash("src/a.rs"));
        assert_eq!(hash("#W6390527"), hash("w6390527"));
    }

    #[test]
    fn ordinary_words_are_no_entities() {
        assert_eq!(found("and/or, e.g. v2 python3 pass/fail 7 times (12:30) gpt-4o it's ... -- 3/4"), []);
    }

    #[test]
    fn where_a_thing_comes_from_is_kept() {
        let mut entities = Entities::default();
        entities.note("fix src/a.rs", Brought::Prompt, None);
        entities.note("see /tmp/made/up.txt", Brought::OwnWords, Some(StepId(3)));
        let get = |e: &Entities, text: &str| {
            let mut known = None;
            scan(text, |m| known = e.get(m.hash).copied());
            known.unwrap()
        };
        assert!(get(&entities, "src/a.rs").origin.prompt);
        assert!(get(&entities, "a.rs").origin.prompt);
        assert!(!get(&entities, "/tmp/made/up.txt").origin.is_grounded());
        entities.note("cat: /tmp/made/up.txt", Brought::Outcome, Some(StepId(5)));
        let known = get(&entities, "/tmp/made/up.txt");
        assert_eq!((known.first, known.first_observed), (Some(StepId(3)), Some(StepId(5))));
    }
}
