//! Which programs are checks, by their names and arguments; which only show something, and which write
//! files. To add a runner: an arm in [`classify`].

use super::{CheckKind, Ground, hash};

/// A program's name without its directory.
pub(super) fn base(word: &str) -> &str {
    let name = word.rsplit(['/', '\\']).next().unwrap_or(word);
    name.strip_suffix(".exe").unwrap_or(name)
}

/// The words without what only wraps a command: settings, `timeout 60`, `uv run`, `npx`.
pub(super) fn unwrapped(words: &[String]) -> &[String] {
    let mut rest = words;
    for _ in 0..8 {
        let Some((first, tail)) = rest.split_first() else {
            return rest;
        };
        let second = tail.first().map_or("", String::as_str);
        let skip = match base(first) {
            name if name.contains('=') && !name.starts_with('-') => 1,
            "env" | "sudo" | "nice" | "stdbuf" | "xvfb-run" | "ionice" | "unbuffer" | "npx" | "bunx"
            | "pnpx" | "time" | "dotenv" | "cross-env" | "strace" => 1 + options(tail),
            "command" | "exec" | "nohup" | "eval" | "chronic" => 1,
            "timeout" | "gtimeout" => 2 + options(tail),
            "xargs" => 1 + options(tail),
            "uv" | "poetry" | "pipenv" | "hatch" | "pdm" | "rye" | "mise" | "direnv" | "op"
                if matches!(second, "run" | "exec") =>
            {
                2 + options(tail.get(1..).unwrap_or_default())
            }
            "bundle" if second == "exec" => 2,
            "pnpm" | "yarn" | "npm" | "bun" if matches!(second, "exec" | "dlx" | "x") => {
                2 + options(tail.get(1..).unwrap_or_default())
            }
            "conda" | "mamba" | "micromamba" if second == "run" => {
                2 + options(tail.get(1..).unwrap_or_default())
            }
            _ => return rest,
        };
        rest = rest.get(skip..).unwrap_or_default();
    }
    rest
}

/// How many words at the front are options, with the values of those that take one apart.
fn options(words: &[String]) -> usize {
    let mut count = 0;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if !word.starts_with('-') {
            break;
        }
        count += 1;
        if matches!(
            word.as_str(),
            "-s" | "-k"
                | "-n"
                | "-u"
                | "--with"
                | "--extra"
                | "--group"
                | "--python"
                | "-p"
                | "--package"
                | "-I"
                | "--signal"
        ) && words.next().is_some()
        {
            count += 1;
        }
    }
    count
}

/// The check that a program with its arguments is, and how many arguments name it.
pub(super) fn classify(program: &str, arguments: &[String]) -> Option<(CheckKind, Ground, usize)> {
    use CheckKind::{Build, Deploy, Lint, Test, Types};
    let at = |i: usize| arguments.get(i).map_or("", String::as_str);
    let has = |word: &str| arguments.iter().any(|a| a == word);
    let first_plain = arguments.iter().position(|a| !a.starts_with('-') && !a.starts_with('+'));
    let verb = first_plain.map_or("", at);
    let after = first_plain.map_or(0, |i| i + 1);
    if arguments.iter().any(|a| matches!(a.as_str(), "--version" | "--help" | "-V")) {
        return None;
    }
    let program = program.strip_suffix(".py").unwrap_or(program);
    Some(match program {
        "cargo" => match verb {
            "test" | "t" | "nextest" => {
                if has("--no-run") {
                    return Some((Build, Ground::Rust, after));
                }
                (Test, Ground::Rust, after + usize::from(verb == "nextest"))
            }
            "build" | "b" | "check" | "c" | "doc" | "rustc" => (Build, Ground::Rust, after),
            "clippy" => (Lint, Ground::Rust, after),
            // A task of the project's own.
            "xtask" | "make" => {
                let task = arguments.iter().skip(after).find(|a| !a.starts_with('-'))?;
                (script_kind(task)?, Ground::Any, arguments.len())
            }
            "fmt" if has("--check") => (Lint, Ground::Rust, after),
            "publish" if !has("--dry-run") => (Deploy, Ground::Rust, after),
            _ => return None,
        },
        "rustc" => (Build, Ground::Rust, 0),
        "pytest" | "py.test" | "nosetests" | "nose2" | "trial" | "behave" => (Test, Ground::Python, 0),
        "tox" | "nox" => (Test, Ground::Python, 0),
        "manage" if verb == "test" => (Test, Ground::Python, after),
        p if p == "python"
            || p.starts_with("python3")
            || p == "python2"
            || p == "py"
            || p == "pypy3"
            || p == "coverage" =>
        {
            let module = if p == "coverage" {
                arguments.iter().position(|a| a == "-m").or(None)
            } else {
                arguments.iter().position(|a| a == "-m" || a == "-mpytest" || a == "-munittest")
            };
            match module {
                Some(i) if at(i) == "-m" => {
                    let name = at(i + 1);
                    return classify(name, arguments.get(i + 2..).unwrap_or_default())
                        .map(|(kind, ground, rest)| (kind, ground, i + 2 + rest));
                }
                Some(i) => (Test, Ground::Python, i + 1),
                None if base(verb) == "manage.py" && arguments.iter().any(|a| a == "test") => {
                    (Test, Ground::Python, after + 1)
                }
                None if matches!(base(verb), "runtests.py" | "run_tests.py" | "runtest.py") => {
                    (Test, Ground::Any, after)
                }
                _ => return None,
            }
        }
        "unittest" => (Test, Ground::Python, 0),
        "doctest" => (Test, Ground::Python, 0),
        "compileall" | "py_compile" => (Build, Ground::Python, 0),
        "build" if has("--wheel") || has("--sdist") => (Build, Ground::Python, 0),
        "ruff" => match verb {
            "check" => (Lint, Ground::Python, after),
            "format" if has("--check") => (Lint, Ground::Python, after),
            _ => return None,
        },
        "flake8" | "pylint" | "pyflakes" | "pycodestyle" | "pydocstyle" | "bandit" => {
            (Lint, Ground::Python, 0)
        }
        "black" | "isort" if has("--check") || has("--check-only") || has("--diff") => {
            (Lint, Ground::Python, 0)
        }
        "mypy" | "pyright" | "basedpyright" | "pyre" | "pytype" | "ty" | "dmypy" => {
            (Types, Ground::Python, 0)
        }
        "twine" if verb == "upload" => (Deploy, Ground::Python, after),
        "pre-commit" | "prek" if verb == "run" => (Lint, Ground::Any, after),
        "npm" | "pnpm" | "yarn" | "bun" => return script(program, arguments),
        "jest" | "vitest" | "mocha" | "ava" | "jasmine" | "karma" | "tap" | "wtr" => {
            (Test, Ground::Script, 0)
        }
        "playwright" if verb == "test" => (Test, Ground::Script, after),
        "cypress" if verb == "run" => (Test, Ground::Script, after),
        "ng" | "nx" | "turbo" | "lerna" | "vp" | "react-scripts" | "vue-cli-service" => {
            let i = arguments.iter().position(|a| script_kind(a).is_some())?;
            (script_kind(at(i))?, Ground::Script, i + 1)
        }
        "node" if has("--test") => (Test, Ground::Script, 0),
        "deno" => match verb {
            "test" => (Test, Ground::Script, after),
            "lint" => (Lint, Ground::Script, after),
            "check" => (Types, Ground::Script, after),
            "fmt" if has("--check") => (Lint, Ground::Script, after),
            _ => return None,
        },
        "tsc" | "vue-tsc" | "svelte-check" => (Types, Ground::Script, 0),
        "eslint" | "biome" | "oxlint" | "xo" | "standard" | "stylelint" | "tslint" => {
            (Lint, Ground::Script, 0)
        }
        "prettier" if has("--check") || has("-c") || has("-l") => (Lint, Ground::Script, 0),
        "vite" | "next" | "astro" | "nuxt" | "gatsby" | "parcel" | "remix" if verb == "build" => {
            (Build, Ground::Script, after)
        }
        "webpack" | "rollup" | "esbuild" | "tsup" => (Build, Ground::Script, 0),
        "go" => match verb {
            "test" => (Test, Ground::Go, after),
            "build" | "install" => (Build, Ground::Go, after),
            "vet" => (Lint, Ground::Go, after),
            _ => return None,
        },
        "gotestsum" | "ginkgo" => (Test, Ground::Go, 0),
        "golangci-lint" | "staticcheck" => (Lint, Ground::Go, 0),
        "mvn" | "mvnw" | "gradle" | "gradlew" | "sbt" | "mill" | "bazel" | "ant" | "lein" => {
            let word = |w: &str| w.rsplit(':').next().unwrap_or("").to_ascii_lowercase();
            let any = |list: &[&str]| arguments.iter().any(|a| list.contains(&word(a).as_str()));
            let skips =
                arguments.iter().any(|a| a.starts_with("-DskipTests") || a.starts_with("-Dmaven.test.skip"));
            if any(&["deploy", "publish"]) {
                (Deploy, Ground::Jvm, 0)
            } else if !skips && any(&["test", "verify", "check", "integrationtest", "connectedcheck"])
                || arguments.iter().any(|a| word(a).starts_with("test") || word(a).ends_with("test"))
            {
                let i = arguments
                    .iter()
                    .position(|a| word(a).contains("test") || word(a) == "verify" || word(a) == "check");
                (Test, Ground::Jvm, i.map_or(0, |i| i + 1))
            } else if any(&[
                "build",
                "package",
                "compile",
                "install",
                "assemble",
                "jar",
                "bootjar",
                "compilejava",
                "compilekotlin",
                "classes",
                "assembledebug",
            ]) {
                (Build, Ground::Jvm, arguments.len())
            } else if any(&["lint", "checkstyle", "spotlesscheck", "ktlintcheck", "detekt"]) {
                (Lint, Ground::Jvm, arguments.len())
            } else {
                return None;
            }
        }
        "javac" | "kotlinc" | "scalac" => (Build, Ground::Jvm, 0),
        "dotnet" => match verb {
            "test" => (Test, Ground::DotNet, after),
            "build" | "publish" | "msbuild" => (Build, Ground::DotNet, after),
            "format" if has("--verify-no-changes") => (Lint, Ground::DotNet, after),
            _ => return None,
        },
        "phpunit" | "pest" | "codecept" => (Test, Ground::Php, 0),
        "artisan" if verb == "test" => (Test, Ground::Php, after),
        "php" if base(verb) == "phpunit" || base(verb) == "artisan" && has("test") => {
            (Test, Ground::Php, after)
        }
        "phpstan" | "psalm" => (Types, Ground::Php, 0),
        "phpcs" => (Lint, Ground::Php, 0),
        "composer" if matches!(verb, "test" | "run-script" | "run") && (verb == "test" || has("test")) => {
            (Test, Ground::Php, after)
        }
        "rspec" | "minitest" | "cucumber" => (Test, Ground::Ruby, 0),
        "rake" | "rails"
            if verb.starts_with("test")
                || verb.starts_with("spec")
                || verb.is_empty() && program == "rake" =>
        {
            (Test, Ground::Ruby, after)
        }
        "rubocop" => (Lint, Ground::Ruby, 0),
        "mix" if verb == "test" => (Test, Ground::Any, after),
        "swift" if verb == "test" => (Test, Ground::Native, after),
        "swift" | "zig" if verb == "build" => (Build, Ground::Native, after),
        "zig" if verb == "test" => (Test, Ground::Native, after),
        "flutter" | "dart" if verb == "test" => (Test, Ground::Any, after),
        "flutter" | "dart" if verb == "analyze" => (Lint, Ground::Any, after),
        "stack" | "cabal" if verb == "test" => (Test, Ground::Any, after),
        "stack" | "cabal" if verb == "build" => (Build, Ground::Any, after),
        "meson" if verb == "test" => (Test, Ground::Native, after),
        "meson" if verb == "compile" => (Build, Ground::Native, after),
        "buck2" | "earthly" | "pixi" | "poe" | "moon" | "dagger" => {
            let i = arguments.iter().position(|a| script_kind(a.trim_start_matches(['+', ':'])).is_some())?;
            (script_kind(at(i).trim_start_matches(['+', ':']))?, Ground::Any, arguments.len())
        }
        "ctest" => (Test, Ground::Native, 0),
        "bats" | "shunit2" | "busted" | "prove" => (Test, Ground::Any, 0),
        "cmake" if has("--build") => {
            if arguments.iter().any(|a| a == "test" || a == "check") {
                (Test, Ground::Native, arguments.len())
            } else {
                (Build, Ground::Native, arguments.len())
            }
        }
        "gcc" | "g++" | "clang" | "clang++" | "cc" | "c++" | "ninja" => {
            if program == "ninja" && has("test") {
                (Test, Ground::Native, arguments.len())
            } else {
                (Build, Ground::Native, arguments.len())
            }
        }
        "make" | "gmake" | "just" | "task" | "invoke" | "inv" => {
            let target = arguments
                .iter()
                .filter(|a| !a.starts_with('-') && !a.contains('='))
                .find_map(|a| script_kind(a));
            match target {
                Some(kind) => (kind, Ground::Any, arguments.len()),
                None if matches!(program, "make" | "gmake")
                    && !arguments.iter().any(|a| {
                        matches!(
                            a.as_str(),
                            "clean"
                                | "install"
                                | "help"
                                | "run"
                                | "distclean"
                                | "-n"
                                | "format"
                                | "fmt"
                                | "dev"
                                | "docs"
                                | "setup"
                        )
                    }) =>
                {
                    (Build, Ground::Any, arguments.len())
                }
                None => return None,
            }
        }
        "shellcheck" | "hadolint" | "markdownlint" | "yamllint" | "actionlint" => (Lint, Ground::Any, 0),
        "docker" | "podman" => match verb {
            "build" | "buildx" => (Build, Ground::Any, arguments.len()),
            "compose" if has("build") => (Build, Ground::Any, arguments.len()),
            "push" => (Deploy, Ground::Any, arguments.len()),
            "run" | "exec" | "compose" => {
                // A runner inside a container.
                let (i, found) = arguments.iter().enumerate().skip(after).find_map(|(i, a)| {
                    classify(base(a), arguments.get(i + 1..).unwrap_or_default()).map(|f| (i, f))
                })?;
                (found.0, found.1, i + 1 + found.2)
            }
            _ => return None,
        },
        "kubectl" if matches!(verb, "apply" | "rollout" | "set") => (Deploy, Ground::Any, arguments.len()),
        "helm" if matches!(verb, "upgrade" | "install") => (Deploy, Ground::Any, arguments.len()),
        "terraform" | "tofu" | "pulumi" if matches!(verb, "apply" | "up") => {
            (Deploy, Ground::Any, arguments.len())
        }
        "vercel" | "ansible-playbook" | "cap" => (Deploy, Ground::Any, arguments.len()),
        "fly" | "flyctl" | "netlify" | "firebase" | "wrangler" | "serverless" | "sls" | "gcloud" | "sam"
        | "cdk" | "eb" | "railway"
            if has("deploy") || has("up") =>
        {
            (Deploy, Ground::Any, arguments.len())
        }
        "git"
            if verb == "push"
                && arguments.iter().any(|a| a.contains("heroku") || a.contains("production")) =>
        {
            (Deploy, Ground::Any, arguments.len())
        }
        name => {
            // Scripts whose name says it: run_tests.sh, test.sh, ./build, check-types.
            let stem = name.split('.').next().unwrap_or(name);
            let ending = name.rsplit('.').next().unwrap_or("");
            if !matches!(ending, "sh" | "bash" | "cmd" | "bat" | "ps1") && ending != stem {
                return None;
            }
            let kind = match stem {
                "test" if ending != "sh" => return None,
                "test" | "tests" | "run_tests" | "run-tests" | "runtests" | "run_test" | "run-test"
                | "test-all" | "test_all" | "ci" | "run_all_tests" => Test,
                "build" | "compile" => Build,
                "lint" => Lint,
                "typecheck" | "check-types" => Types,
                "deploy" => Deploy,
                _ => return None,
            };
            (kind, Ground::Any, 0)
        }
    })
}

/// `npm test`, `pnpm run lint`, `yarn build`.
fn script(program: &str, arguments: &[String]) -> Option<(CheckKind, Ground, usize)> {
    let mut i = 0;
    while let Some(word) = arguments.get(i) {
        match word.as_str() {
            "run" | "run-script" | "workspaces" | "-r" | "-s" => i += 1,
            "--filter" | "--prefix" | "-w" | "--workspace" | "-C" | "--cwd" | "-F" | "workspace" => i += 2,
            word if word.starts_with('-') => i += 1,
            "t" | "tst" => return Some((CheckKind::Test, Ground::Script, i + 1)),
            "publish" => return Some((CheckKind::Deploy, Ground::Script, i + 1)),
            "install" | "add" | "ci" | "i" | "audit" => return None,
            word => {
                let kind = script_kind(word).or_else(|| {
                    // yarn and pnpm run a program's name as it is.
                    (program != "npm").then(|| classify(word, &[]).map(|(kind, ..)| kind)).flatten()
                })?;
                return Some((kind, Ground::Script, i + 1));
            }
        }
    }
    None
}

/// The kind that a script's or a make target's name speaks of: `test:unit`, `build-prod`, `lint`.
fn script_kind(name: &str) -> Option<CheckKind> {
    let lower = name.to_ascii_lowercase();
    let mut words = lower.split([':', '-', '_', '.']);
    let first = words.next()?;
    if words.any(|w| matches!(w, "fix" | "watch" | "write" | "clean" | "setup" | "update" | "data")) {
        return None;
    }
    Some(match first {
        "test" | "tests" | "spec" | "specs" | "e2e" | "unittest" | "unit" | "integration" | "check"
        | "verify" | "validate" | "qa" | "smoke" | "ci" | "coverage" => {
            if lower.contains("type") {
                CheckKind::Types
            } else if lower.contains("lint")
                || lower.contains("format")
                || lower.contains("fmt")
                || lower.contains("style")
            {
                CheckKind::Lint
            } else {
                CheckKind::Test
            }
        }
        "build" | "compile" | "all" | "dist" => CheckKind::Build,
        "lint" | "eslint" | "clippy" => CheckKind::Lint,
        "typecheck" | "tsc" | "types" | "type" | "mypy" => CheckKind::Types,
        "deploy" | "release" => CheckKind::Deploy,
        _ => return None,
    })
}

/// Hash of what a check was narrowed to: paths, names, filters; 0 when it runs everything.
pub(super) fn narrowed(kind: CheckKind, arguments: &[String]) -> u64 {
    if kind != CheckKind::Test {
        return 0;
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut words = arguments.iter().map(String::as_str).peekable();
    while let Some(word) = words.next() {
        match word {
            "discover" | "run" | "." | "./" | "./..." | "tests" | "tests/" | "test" | "test/" | "all"
            | "--" => {}
            "-k" | "-t" | "-m" | "--grep" | "-g" | "--filter" | "-run" | "--run" | "--testNamePattern"
            | "--tests" | "-R" | "-E" | "-p" | "--package" | "--test" | "--lib" | "--bin" | "--doc"
            | "-e" | "--only" | "-n"
                if word == "--lib" || word == "--doc" =>
            {
                kept.push(word)
            }
            "-k" | "-t" | "-m" | "--grep" | "-g" | "--filter" | "-run" | "--run" | "--testNamePattern"
            | "--tests" | "-R" | "-E" | "-p" | "--package" | "--test" | "--bin" | "--only" => {
                kept.push(word);
                if let Some(value) = words.next_if(|v| !v.starts_with('-')) {
                    kept.push(value);
                }
            }
            // Options with a value of their own that narrows nothing.
            "-s" | "-c" | "-C" | "--config" | "-j" | "--jobs" | "--rootdir" | "--reporter" | "-R=dot"
            | "--features" | "-w" | "--maxfail" | "--tb" | "--timeout" | "--manifest-path" | "--profile"
            | "-o" | "--color" | "--test-dir" | "--test-threads" | "-v" | "-count" => {
                if !matches!(word, "-s" | "-v" | "-w") {
                    words.next_if(|v| !v.starts_with('-'));
                }
            }
            word if word.starts_with('-') => {
                if [
                    "-Dtest=",
                    "--filter=",
                    "-run=",
                    "--grep=",
                    "-k=",
                    "--tests=",
                    "--testNamePattern=",
                    "--test=",
                ]
                .iter()
                .any(|p| word.starts_with(p))
                    || word == "--lf"
                    || word == "--last-failed"
                    || word == "--onlyChanged"
                {
                    kept.push(word);
                }
            }
            word => kept.push(word),
        }
    }
    if kept.is_empty() { 0 } else { hash(&kept) }
}

/// Whether a program only shows what is there, or keeps the workplace in order.
pub(super) fn shows(program: &str, arguments: &[String]) -> bool {
    match program {
        "cat" | "head" | "tail" | "less" | "more" | "grep" | "egrep" | "fgrep" | "rg" | "ag" | "find"
        | "fd" | "ls" | "tree" | "wc" | "file" | "stat" | "diff" | "which" | "type" | "whereis" | "pwd"
        | "echo" | "printf" | "true" | "false" | ":" | "exit" | "date" | "env" | "export" | "unset"
        | "whoami" | "id" | "uname" | "hostname" | "df" | "du" | "free" | "ps" | "top" | "sort" | "uniq"
        | "cut" | "tr" | "awk" | "jq" | "yq" | "nl" | "bat" | "test" | "[" | "[[" | "sleep" | "wait"
        | "kill" | "jobs" | "history" | "man" | "help" | "md5sum" | "sha256sum" | "xxd" | "hexdump"
        | "od" | "strings" | "basename" | "dirname" | "realpath" | "readlink" | "column" | "source" | "."
        | "alias" | "ulimit" | "umask" | "trap" | "local" | "read" | "shift" | "set" | "mkdir" | "touch"
        | "chmod" | "chown" | "ln" | "curl" | "wget" | "pip" | "pip3" | "apt" | "apt-get" | "brew"
        | "gem" | "gh" | "cp" | "mv" | "rm" | "rmdir" | "tee" => true,
        "sed" => !arguments.iter().any(|a| a.starts_with("-i") || a == "--in-place"),
        "git" => true,
        "npm" | "pnpm" | "yarn" | "bun" | "uv" | "poetry" | "cargo" | "go" | "composer" | "bundle" => {
            !arguments.iter().any(|a| a == "run" || a == "exec" || a == "start")
        }
        p if p.starts_with("python") || p == "node" => {
            arguments.iter().any(|a| a == "--version" || a == "-V")
        }
        _ => false,
    }
}

/// Whether the name of a program, or of the script that an interpreter runs, speaks of testing.
pub(super) fn hints_at_check(program: &str, arguments: &[String]) -> bool {
    let mut plain = arguments.iter().filter(|a| !a.starts_with('-') && !a.contains('='));
    let name = match program {
        "python" | "python2" | "python3" | "node" | "ruby" | "perl" | "php" | "bash" | "sh" | "zsh"
        | "tsx" | "ts-node" | "julia" | "Rscript" | "lua" | "just" | "task" | "invoke" | "inv" | "mise"
        | "composer" | "rake" | "source" | "." => plain.next().map_or("", |a| base(a)),
        "npm" | "pnpm" | "yarn" | "bun" | "deno" => {
            plain.find(|a| a.as_str() != "run").map_or("", String::as_str)
        }
        "java" => plain.last().map_or("", String::as_str),
        "test" | "type" => "",
        _ => program,
    };
    let lower = name.to_ascii_lowercase();
    lower.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| {
        matches!(
            word,
            "verify"
                | "verification"
                | "validate"
                | "validation"
                | "spec"
                | "specs"
                | "qa"
                | "ci"
                | "smoke"
                | "e2e"
                | "regression"
                | "checks"
                | "check"
        ) || word.starts_with("test")
            || word.ends_with("test")
            || word.ends_with("tests")
    })
}

/// Whether a program runs something that may be a check without being known as one.
pub(super) fn runs_unknown(program: &str, _arguments: &[String]) -> bool {
    !matches!(
        program,
        "sed" | "apply_patch" | "for" | "case" | "esac" | "function" | "select" | "patch" | "dos2unix"
    )
}

/// Adds the files that a program writes by its arguments.
pub(super) fn writes_of(program: &str, arguments: &[String], writes: &mut Vec<String>) {
    let plain = || arguments.iter().filter(|a| !a.starts_with('-'));
    match program {
        "sed" | "perl"
            if arguments.iter().any(|a| a.starts_with("-i") || a == "--in-place" || a == "-pi") =>
        {
            writes.extend(plain().skip(1).cloned());
        }
        "tee" => writes.extend(plain().filter(|a| !a.starts_with("/dev/")).cloned()),
        "cp" | "mv" | "install" => writes.extend(arguments.iter().rfind(|a| !a.starts_with('-')).cloned()),
        "rm" | "touch" => writes.extend(plain().cloned()),
        "git" => {
            let verb = plain().next().map_or("", String::as_str);
            if matches!(
                verb,
                "checkout"
                    | "restore"
                    | "reset"
                    | "apply"
                    | "stash"
                    | "revert"
                    | "merge"
                    | "rebase"
                    | "pull"
                    | "cherry-pick"
            ) {
                // A switch of branches or files: what exactly changed, the command does not say.
                writes.extend(plain().skip(1).filter(|a| a.contains('.') && a.as_str() != ".").cloned());
            }
        }
        _ => {}
    }
}
