//! Recognises checks: commands that run tests, build, lint, check types or deploy. Says which ones a
//! shell command runs, and whether its exit code can be taken for theirs.
//!
//! To add a runner: a line in `names.rs`, and in `summary.rs` what it prints at its end, unless the
//! words there already cover it.

mod names;

use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;
use serde::Serialize;

use names::{base, classify, hints_at_check, narrowed, runs_unknown, shows, unwrapped, writes_of};

use super::pattern::patterns;
use super::shell::{self, Joint, Piece};

/// What a check looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// Tests.
    Test,
    /// A build.
    Build,
    /// A linter or a formatter's check.
    Lint,
    /// A type check.
    Types,
    /// A deployment or a publication.
    Deploy,
}

impl CheckKind {
    /// The words for it in a sentence.
    pub fn word(self) -> &'static str {
        match self {
            Self::Test => "tests",
            Self::Build => "build",
            Self::Lint => "lint",
            Self::Types => "type check",
            Self::Deploy => "deployment",
        }
    }
}

/// The language a check belongs to: one of another language does not replace it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ground {
    Rust,
    Python,
    Script,
    Go,
    Jvm,
    DotNet,
    Php,
    Ruby,
    Native,
    /// Not known, or all of them: `make test`, a script.
    Any,
}

impl Ground {
    /// Whether a check of the other ground may stand for one of this.
    pub(crate) fn meets(self, other: Self) -> bool {
        self == other || self == Self::Any || other == Self::Any
    }
}

/// What the whole command's exit code says of one check in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It is the check's own.
    Own,
    /// Zero means that the check succeeded; anything else may come from another part.
    OnlyZero,
    /// Nothing.
    Hidden,
}

/// A check that a command runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Called {
    /// What it looks at.
    pub(crate) kind: CheckKind,
    /// The language.
    pub(crate) ground: Ground,
    /// The part of the command that runs it.
    pub(crate) command: String,
    /// Hash of what it was narrowed to; 0: everything.
    pub(crate) narrowed: u64,
    /// Hash of the directory it was run in, as far as the command says; 0: not said.
    pub(crate) place: u64,
    /// Whose exit code comes out.
    pub(crate) exit: Exit,
    /// What hides its outcome: `|| true`, `| tail`.
    pub(crate) mask: Option<String>,
    /// Whether nothing waits for it.
    pub(crate) background: bool,
    /// Hashes of the names of files that its output goes to.
    pub(crate) outputs: Vec<u64>,
}

/// What a command does, as far as claims about checks go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The checks it runs, in order.
    pub(crate) checks: Vec<Called>,
    /// Programs that are not known as checks, while their names speak of testing: `./verify.sh`.
    pub(crate) hinted: Vec<Called>,
    /// Runs a program that nothing is known of.
    pub(crate) unknown: bool,
    /// Hashes of the names of files that it shows.
    pub(crate) shown: Vec<u64>,
    /// Only shows what is there: its output is no check's, whatever it looks like.
    pub(crate) only_shows: bool,
    /// Files that it writes, as far as the command says.
    pub(crate) writes: Vec<String>,
    /// What it does to the work at hand: `Some(true)` lays it aside, `Some(false)` takes it up again.
    pub(crate) lays_aside: Option<bool>,
    /// The work was laid aside at some time in it: its checks speak of another state.
    pub(crate) aside: bool,
}

patterns! {
    CODE_MODE = r#"(?s)exec_command\(\s*\{.*?["']?cmd["']?\s*:\s*"((?:[^"\\]|\\.)*)""#;
    CODE_PATCH = r"\*\*\* (?:Update|Add|Delete) File: ([^\n\\]+)";
    TOOL_NAME = r"(?i)^(?:.*[_./-])?(?:run[_-]?)?(tests?|specs?|build|compile|lint|typecheck|type_check|deploy)(?:[_-]?(?:run|runner|suite|all|project))?$";
}

/// Reads a shell command, or code that runs shell commands by `exec_command`.
pub(crate) fn read(command: &str) -> Reading {
    let mut reading = Reading { only_shows: true, ..Reading::default() };
    if command.contains("exec_command") || command.contains("await tools.") {
        for found in CODE_MODE.all(command) {
            let raw = found.get(1).map_or("", |m| m.as_str());
            let text: String = serde_json::from_str(&format!("\"{raw}\"")).unwrap_or_else(|_| raw.to_owned());
            read_shell(&text, &mut reading);
        }
        // Several commands print one after the other; whose exit code the call has, nobody says.
        for check in &mut reading.checks {
            check.exit = Exit::Hidden;
        }
    } else {
        read_shell(command, &mut reading);
    }
    if command.contains("*** ") {
        for found in CODE_PATCH.all(command) {
            if let Some(path) = found.get(1) {
                reading.writes.push(path.as_str().trim().to_owned());
            }
        }
    }
    reading
}

/// The kind of check that a tool's name speaks of: `run_tests`, `mcp__ci__build`.
pub(crate) fn by_tool_name(tool: &str) -> Option<CheckKind> {
    let word = TOOL_NAME.captures(tool)?.get(1)?.as_str().to_ascii_lowercase();
    Some(match word.as_str() {
        "build" | "compile" => CheckKind::Build,
        "lint" => CheckKind::Lint,
        "typecheck" | "type_check" => CheckKind::Types,
        "deploy" => CheckKind::Deploy,
        _ => CheckKind::Test,
    })
}

fn read_shell(command: &str, reading: &mut Reading) {
    let pieces = shell::pieces(command);
    let mut place = 0;
    let mut directory: Option<&str> = None;
    let (mut pipefail, mut stops) = (false, false);
    for (i, piece) in pieces.iter().enumerate() {
        reading.writes.extend(
            piece.writes.iter().filter(|w| !w.starts_with("/dev/") && !w.starts_with("/tmp/")).cloned(),
        );
        let words = unwrapped(&piece.words);
        let program = words.first().map_or("", |w| base(w));
        let arguments = words.get(1..).unwrap_or_default();
        match program {
            "" => continue,
            "cd" | "pushd" => {
                directory = arguments.first().map(String::as_str);
                place = arguments.first().map_or(0, |to| hash(&to.trim_end_matches('/')));
                continue;
            }
            "set" => {
                let text = arguments.join(" ");
                pipefail |= text.contains("pipefail");
                let flag = |sign: char| {
                    arguments.iter().any(|a| {
                        a.strip_prefix(sign).is_some_and(|rest| {
                            rest.starts_with('e') || rest.ends_with('e') && rest.len() <= 4
                        })
                    })
                };
                if flag('-') {
                    stops = true;
                }
                if flag('+') {
                    stops = false;
                }
                continue;
            }
            _ => {}
        }
        let classified = classify(program, arguments);
        let hinted = classified.is_none() && hints_at_check(program, arguments);
        if let Some((kind, ground, rest)) =
            classified.or(hinted.then_some((CheckKind::Test, Ground::Any, arguments.len())))
        {
            reading.only_shows = false;
            reading.unknown |= hinted;
            let (exit, mask, background) = exit_of(&pieces, i, pipefail, stops);
            let called = Called {
                kind,
                ground,
                command: match directory {
                    Some(directory) => format!("cd {} && {}", quoted(directory), spelt(&piece.words)),
                    None => spelt(&piece.words),
                },
                narrowed: narrowed(kind, arguments.get(rest..).unwrap_or_default()),
                place,
                exit,
                mask,
                background,
                outputs: outputs(&pieces, i),
            };
            if hinted { &mut reading.hinted } else { &mut reading.checks }.push(called);
            continue;
        }
        if program == "git" && arguments.first().is_some_and(|a| a == "stash") {
            let verb = arguments.get(1).map(String::as_str);
            let back = matches!(verb, Some("pop" | "apply" | "drop" | "clear"));
            let shows = matches!(verb, Some("list" | "show"));
            if !shows {
                reading.lays_aside = Some(!back);
                reading.aside = true;
            }
        }
        writes_of(program, arguments, &mut reading.writes);
        if !shows(program, arguments) {
            reading.only_shows = false;
            reading.unknown |= runs_unknown(program, arguments);
        } else {
            // What a forge's own program shows of a pipeline is news of a check.
            reading.unknown |= matches!(program, "gh" | "glab") && arguments.len() > 1;
            let files = arguments.iter().filter(|a| !a.starts_with('-') && a.contains(['.', '/']));
            reading.shown.extend(files.take(16).map(|a| hash(base(a))));
        }
    }
    if pieces.iter().any(|p| !p.writes.is_empty()) {
        reading.only_shows = false;
    }
}

/// What comes out of a piece's exit code at the end, what hides it, and whether it is waited for.
fn exit_of(pieces: &[Piece], at: usize, pipefail: bool, stops: bool) -> (Exit, Option<String>, bool) {
    let mut exit = Exit::Own;
    let mut i = at;
    loop {
        let Some(piece) = pieces.get(i) else {
            return (exit, None, false);
        };
        let next = pieces.get(i + 1);
        let next_words = next.map(|n| unwrapped(&n.words)).unwrap_or_default();
        let next_program = next_words.first().map_or("", |w| base(w));
        match piece.joint {
            Joint::End => return (exit, None, false),
            Joint::Background => return (Exit::Hidden, None, true),
            Joint::And => exit = Exit::OnlyZero,
            Joint::Pipe if pipefail => {}
            Joint::Pipe => {
                return (Exit::Hidden, Some(format!("| {next_program}")), false);
            }
            Joint::Or => {
                if matches!(next_program, "exit" | "false" | "return")
                    && next_words.get(1).is_none_or(|code| code != "0")
                {
                    // It still fails. What follows the handler decides as before.
                    i += 1;
                    if pieces.get(i).is_none_or(|p| p.joint == Joint::End) {
                        return (exit, None, false);
                    }
                    continue;
                }
                let rest = next_words.first().map_or(next_program, String::as_str);
                return (Exit::Hidden, Some(format!("|| {rest}")), false);
            }
            Joint::Then => {
                if stops {
                    exit = Exit::OnlyZero;
                } else if next.is_none() {
                    return (exit, None, false);
                } else {
                    let text = next.map(|n| n.words.join(" ")).unwrap_or_default();
                    let tells = text.contains("$?") || text.contains("PIPESTATUS") || next_program == "wait";
                    let mask = (!tells).then(|| format!("; {next_program}"));
                    return (Exit::Hidden, mask, false);
                }
            }
        }
        i += 1;
    }
}

/// Hashes of the names of files that a piece's output goes to, by redirection or by `tee`.
fn outputs(pieces: &[Piece], at: usize) -> Vec<u64> {
    let mut outputs = Vec::new();
    for piece in pieces.iter().skip(at) {
        outputs.extend(piece.writes.iter().filter(|w| !w.starts_with("/dev/")).map(|w| hash(base(w))));
        if piece.words.first().is_some_and(|w| w == "tee") {
            let files = piece.words.iter().skip(1).filter(|w| !w.starts_with('-'));
            outputs.extend(files.map(|w| hash(base(w))));
        }
        if piece.joint != Joint::Pipe {
            break;
        }
    }
    outputs
}

/// Words as a shell would read them back.
fn spelt(words: &[String]) -> String {
    words.iter().map(|w| quoted(w)).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain =
        |w: &str| !w.is_empty() && w.chars().all(|c| c.is_alphanumeric() || "_-./:=,@%+~^$*{}".contains(c));
    if plain(word) {
        return word.to_owned();
    }
    match word.split_once('=').filter(|(name, _)| plain(name)) {
        Some((name, value)) => format!("{name}='{}'", value.replace('\'', r"'\''")),
        None => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// A hash that is the same in every process.
pub(crate) fn hash<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = FxHasher::default();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use CheckKind::{Build, Deploy, Lint, Test, Types};

    fn kinds(command: &str) -> Vec<CheckKind> {
        read(command).checks.iter().map(|c| c.kind).collect()
    }

    #[test]
    fn patterns_compile() {
        assert!(patterns_that_do_not_compile().is_empty());
    }

    #[test]
    fn runners_are_known_by_their_commands() {
        for (command, kind) in [
            ("pytest -q", Test),
            ("python3 -m unittest -q", Test),
            ("python -m pytest tests/test_a.py -k name", Test),
            ("uv run pytest", Test),
            ("uv run --with hypothesis pytest -x", Test),
            ("timeout 60 cargo test", Test),
            ("timeout -k 5 60 cargo nextest run", Test),
            ("CI=1 npm test", Test),
            ("npm run test:unit -- --watch=false", Test),
            ("npx jest --ci", Test),
            ("npx vitest run", Test),
            ("pnpm --filter web test", Test),
            ("yarn mocha", Test),
            ("go test ./...", Test),
            ("./gradlew test", Test),
            ("mvn -q verify", Test),
            ("ctest --output-on-failure", Test),
            ("vendor/bin/phpunit", Test),
            ("bundle exec rspec", Test),
            ("dotnet test", Test),
            ("make check", Test),
            ("make test", Test),
            ("tox -e py311", Test),
            ("bash -lc 'cd /w && python3 -m pytest'", Test),
            ("./run_tests.sh", Test),
            ("docker compose run --rm app pytest -q", Test),
            ("npx tsc --noEmit", Types),
            ("mypy src", Types),
            ("npm run typecheck", Types),
            ("eslint .", Lint),
            ("ruff check .", Lint),
            ("cargo clippy -- -D warnings", Lint),
            ("go vet ./...", Lint),
            ("cargo build --release", Build),
            ("cargo check", Build),
            ("go build ./...", Build),
            ("gcc -Wall a.c -o a", Build),
            ("make -j4", Build),
            ("./gradlew build", Build),
            ("docker build -t x .", Build),
            ("npm run build", Build),
            ("kubectl apply -f x.yaml", Deploy),
            ("vercel --prod", Deploy),
        ] {
            assert_eq!(kinds(command), [kind], "{command}");
        }
    }

    #[test]
    fn what_is_no_check_is_not_taken_for_one() {
        for command in [
            "ls tests",
            "cat test.log",
            "pip install pytest",
            "git commit -m 'run cargo test'",
            "which pytest",
            "pytest --version",
            "cat > t.sh <<E\npytest\nE",
            "grep -rn 'cargo test' .",
            "npm install jest",
            "echo pytest",
            "python app.py",
            "cargo fmt",
            "cargo run",
            "make clean",
            "test -f a.txt",
            "vim test.sh",
        ] {
            assert_eq!(kinds(command), [], "{command}");
        }
    }

    #[test]
    fn whose_exit_code_comes_out() {
        let exit = |command: &str| {
            let reading = read(command);
            let check = reading.checks.last().unwrap().clone();
            (check.exit, check.mask, check.background)
        };
        assert_eq!(exit("cd a && pytest"), (Exit::Own, None, false));
        assert_eq!(exit("pytest && git push"), (Exit::OnlyZero, None, false));
        assert_eq!(exit("pytest || true"), (Exit::Hidden, Some("|| true".into()), false));
        assert_eq!(exit("pytest | tail -1"), (Exit::Hidden, Some("| tail".into()), false));
        assert_eq!(exit("set -o pipefail; pytest | tail -1"), (Exit::Own, None, false));
        assert_eq!(exit("pytest; true"), (Exit::Hidden, Some("; true".into()), false));
        assert_eq!(exit("pytest; echo exit=$?"), (Exit::Hidden, None, false));
        assert_eq!(exit("set -e\npytest\necho done"), (Exit::OnlyZero, None, false));
        assert_eq!(exit("pytest || exit 1"), (Exit::Own, None, false));
        assert_eq!(exit("pytest &"), (Exit::Hidden, None, true));
    }

    #[test]
    fn code_that_runs_commands_is_read() {
        let code = r#"{ const r = await tools.exec_command({"cmd": "python3 -m unittest -q"}); text(r.output + "\nexit " + r.exit_code); }"#;
        let reading = read(code);
        assert_eq!(reading.checks.len(), 1);
        assert_eq!(reading.checks[0].command, "python3 -m unittest -q");
        let patch =
            r#"text(await tools.apply_patch("*** Begin Patch\n*** Update File: /w/app/prices.py\n@@"));"#;
        assert_eq!(read(patch).writes, ["/w/app/prices.py"]);
    }

    #[test]
    fn a_narrow_run_is_told_from_a_whole_one() {
        let narrow = |command: &str| read(command).checks[0].narrowed != 0;
        assert!(!narrow("pytest -q --tb=short"));
        assert!(!narrow("cargo test --workspace"));
        assert!(!narrow("go test ./..."));
        assert!(narrow("pytest tests/test_a.py"));
        assert!(narrow("pytest -k discount"));
        assert!(narrow("cargo test parser"));
        assert!(narrow("go test ./pkg/a -run TestX"));
    }

    #[test]
    fn unknown_programs_may_be_checks_by_their_names() {
        assert!(!read("./verify.sh").hinted.is_empty());
        assert!(!read("python3 test_prices.py").hinted.is_empty());
        assert!(read("python3 demo.py").unknown && read("python3 demo.py").hinted.is_empty());
        assert!(!read("git status && ls").unknown);
    }
}
