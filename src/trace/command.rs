//! Shell commands, taken apart far enough to see which programs run, what their exit status can hide
//! and where output goes. Not a shell: substitutions and control structures stay as they are.

/// How a simple command is joined to the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joint {
    /// It is the first.
    Start,
    /// `;` or a line end.
    Then,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `|` or `|&`
    Pipe,
    /// It follows a command that runs in the background (`&`).
    Background,
}

/// One program with its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simple {
    /// How it is joined to the one before.
    pub joint: Joint,
    /// The program and its arguments, quotes removed; leading `NAME=value` assignments are left out.
    pub words: Vec<String>,
    /// Files that output is written to by `>`, `>>`, `&>`, `2>`; with the operator.
    pub writes: Vec<(String, String)>,
    /// It is followed by `&`: nobody waits for it.
    pub background: bool,
}

impl Simple {
    /// The program's name without its directory; empty where there is none.
    pub fn program(&self) -> &str {
        self.words.first().map_or("", |word| word.rsplit('/').next().unwrap_or(word))
    }

    /// The arguments.
    pub fn arguments(&self) -> impl Iterator<Item = &str> {
        self.words.iter().skip(1).map(String::as_str)
    }
}

/// Takes a command line apart. `bash -lc '…'` and its like are opened; wrappers that only start
/// another program (`sudo`, `env`, `time`, `nice`, `nohup`, `timeout N`, `exec`) are taken off.
pub fn split(command: &str) -> Vec<Simple> {
    let mut all = Vec::new();
    split_into(command, &mut all, 0);
    all
}

fn split_into(command: &str, all: &mut Vec<Simple>, depth: usize) {
    let first = all.len();
    for mut simple in Splitter::new(command).run() {
        unwrap_words(&mut simple.words);
        if let Some(script) = shell_script(&simple.words).map(str::to_owned)
            && depth < 3
        {
            let start = all.len();
            split_into(&script, all, depth + 1);
            if let Some(inner) = all.get_mut(start) {
                inner.joint = simple.joint;
            }
            continue;
        }
        if !simple.words.is_empty() || !simple.writes.is_empty() {
            all.push(simple);
        }
    }
    if let Some(start) = all.get_mut(first)
        && depth == 0
    {
        start.joint = Joint::Start;
    }
}

fn shell_script(words: &[String]) -> Option<&str> {
    let program = words.first()?.rsplit('/').next()?;
    if !matches!(program, "bash" | "sh" | "zsh" | "dash" | "ksh") {
        return None;
    }
    let flag = words.iter().position(|w| w.starts_with('-') && !w.starts_with("--") && w.contains('c'))?;
    words.get(flag + 1).map(String::as_str)
}

fn unwrap_words(words: &mut Vec<String>) {
    loop {
        let assignment = words.first().is_some_and(|w| {
            w.split_once('=').is_some_and(|(name, _)| {
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            })
        });
        let program = words.first().map_or("", |w| w.rsplit('/').next().unwrap_or(w));
        let skip = match program {
            _ if assignment => 1,
            "sudo" | "env" | "time" | "nice" | "nohup" | "exec" | "command" | "builtin" | "xvfb-run"
            | "then" | "do" | "else" | "(" | "{" | "!" => {
                1 + words.iter().skip(1).take_while(|w| w.starts_with('-')).count()
            }
            "timeout" => {
                let flags = words.iter().skip(1).take_while(|w| w.starts_with('-')).count();
                2 + flags
            }
            _ => return,
        };
        words.drain(..skip.min(words.len()));
        if words.is_empty() {
            return;
        }
    }
}

struct Splitter<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    all: Vec<Simple>,
    now: Simple,
    word: Option<String>,
    heredocs: Vec<String>,
    redirect: Option<String>,
}

impl<'a> Splitter<'a> {
    fn new(command: &'a str) -> Self {
        Self {
            rest: command.chars().peekable(),
            all: Vec::new(),
            now: empty(Joint::Start),
            word: None,
            heredocs: Vec::new(),
            redirect: None,
        }
    }

    fn run(mut self) -> Vec<Simple> {
        while let Some(c) = self.rest.next() {
            match c {
                '\'' => self.quoted('\''),
                '"' => self.quoted('"'),
                '\\' => {
                    if let Some(next) = self.rest.next()
                        && next != '\n'
                    {
                        self.push(next);
                    }
                }
                '$' if self.rest.peek() == Some(&'(') => self.substitution(),
                '`' => self.quoted('`'),
                '#' if self.word.is_none() => while self.rest.next_if(|c| *c != '\n').is_some() {},
                ' ' | '\t' => self.end_word(),
                '\n' => {
                    self.end_simple(Joint::Then);
                    self.skip_heredocs();
                }
                ';' => self.end_simple(Joint::Then),
                '|' => {
                    let joint = if self.eat('|') { Joint::Or } else { Joint::Pipe };
                    self.eat('&');
                    self.end_simple(joint);
                }
                '&' => self.ampersand(),
                '>' => self.redirection('>'),
                '<' => self.input(),
                '(' | ')' if self.word.is_none() => self.end_word(),
                c => self.push(c),
            }
        }
        self.end_simple(Joint::Then);
        self.all
    }

    fn push(&mut self, c: char) {
        self.word.get_or_insert_default().push(c);
    }

    fn eat(&mut self, c: char) -> bool {
        self.rest.next_if_eq(&c).is_some()
    }

    fn quoted(&mut self, quote: char) {
        let mut text = String::new();
        while let Some(c) = self.rest.next() {
            if c == quote {
                break;
            }
            if c == '\\' && quote == '"' {
                match self.rest.next() {
                    Some(next @ ('"' | '\\' | '$' | '`')) => text.push(next),
                    Some('\n') => {}
                    Some(next) => text.extend(['\\', next]),
                    None => {}
                }
                continue;
            }
            text.push(c);
        }
        self.word.get_or_insert_default().push_str(&text);
    }

    fn substitution(&mut self) {
        let mut depth = 0;
        self.push('$');
        while let Some(c) = self.rest.next() {
            self.push(c);
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn ampersand(&mut self) {
        if self.eat('&') {
            self.end_simple(Joint::And);
        } else if self.rest.peek() == Some(&'>') {
            self.rest.next();
            self.redirection('&');
        } else {
            self.now.background = true;
            self.end_simple(Joint::Background);
        }
    }

    fn redirection(&mut self, first: char) {
        let mut operator = String::new();
        if let Some(word) = self.word.take_if(|w| w.bytes().all(|b| b.is_ascii_digit())) {
            operator.push_str(&word);
        }
        self.end_word();
        if first == '&' {
            operator.push('&');
        }
        operator.push('>');
        if self.eat('>') {
            operator.push('>');
        }
        if self.eat('&') {
            operator.push('&');
        }
        self.redirect = Some(operator);
    }

    fn input(&mut self) {
        self.end_word();
        if self.eat('<') {
            if self.eat('<') {
                return;
            }
            self.eat('-');
            while self.rest.next_if(|c| *c == ' ').is_some() {}
            let mut mark = String::new();
            while let Some(c) =
                self.rest.next_if(|c| !c.is_whitespace() && !matches!(c, ';' | '|' | '&' | '>'))
            {
                if !matches!(c, '\'' | '"' | '\\') {
                    mark.push(c);
                }
            }
            self.heredocs.push(mark);
        } else {
            self.redirect = Some("<".to_owned());
        }
    }

    fn skip_heredocs(&mut self) {
        for mark in std::mem::take(&mut self.heredocs) {
            loop {
                let line: String = std::iter::from_fn(|| self.rest.next_if(|c| *c != '\n')).collect();
                let more = self.rest.next().is_some();
                if line.trim() == mark || !more {
                    break;
                }
            }
        }
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        match self.redirect.take() {
            Some(operator) if operator.ends_with('&') || operator == "<" => {}
            Some(operator) => self.now.writes.push((operator, word)),
            None => self.now.words.push(word),
        }
    }

    fn end_simple(&mut self, next: Joint) {
        self.end_word();
        self.redirect = None;
        let done = std::mem::replace(&mut self.now, empty(next));
        if done.words.is_empty() && done.writes.is_empty() {
            // An empty command hands its joint on: `a;\nb` joins b by `;`.
            self.now.joint = if done.joint == Joint::Start { Joint::Start } else { next };
            return;
        }
        self.all.push(done);
    }
}

fn empty(joint: Joint) -> Simple {
    Simple { joint, words: Vec::new(), writes: Vec::new(), background: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn programs(command: &str) -> Vec<(Joint, String)> {
        split(command).into_iter().map(|s| (s.joint, s.words.join(" "))).collect()
    }

    #[test]
    fn joints_and_words() {
        use Joint::*;
        assert_eq!(
            programs("cd /w && RUST_LOG=x cargo test -q 2>&1 | tail -1 || true; echo 'a b'"),
            [
                (Start, "cd /w".into()),
                (And, "cargo test -q".into()),
                (Pipe, "tail -1".into()),
                (Or, "true".into()),
                (Then, "echo a b".into())
            ]
        );
    }

    #[test]
    fn wrappers_are_taken_off() {
        assert_eq!(programs("timeout 60 sudo -n pytest -q"), [(Joint::Start, "pytest -q".into())]);
        assert_eq!(
            programs("/bin/bash -lc 'python3 -m unittest -q'"),
            [(Joint::Start, "python3 -m unittest -q".into())]
        );
    }

    #[test]
    fn writes_and_heredocs() {
        let all = split("cat > a.txt <<'EOF'\nrm -rf /\nEOF\nls 2>/dev/null >> b.log &");
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].writes, [(">".to_owned(), "a.txt".to_owned())]);
        assert_eq!(
            all[1].writes,
            [("2>".to_owned(), "/dev/null".to_owned()), (">>".to_owned(), "b.log".to_owned())]
        );
        assert!(all[1].background);
    }

    #[test]
    fn substitutions_stay_whole() {
        assert_eq!(programs("echo $(cat a; cat b) c"), [(Joint::Start, "echo $(cat a; cat b) c".into())]);
    }

    proptest! {
        #[test]
        fn any_text_is_taken_apart_without_harm(command in "\\PC{0,200}|[ -~\n]{0,200}") {
            for simple in split(&command) {
                prop_assert!(!simple.words.is_empty() || !simple.writes.is_empty());
            }
        }
    }
}
