//! Takes a shell command apart, far enough to tell which programs it runs and whose exit code comes
//! out at its end. No expansion, no evaluation; a text that is not shell gives harmless words.

/// How a piece is joined to the one after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joint {
    /// `&&`: the next runs if this succeeds.
    And,
    /// `||`: the next runs if this fails.
    Or,
    /// `;` or a line end: the next runs whatever comes of this.
    Then,
    /// `|`: the next reads what this prints.
    Pipe,
    /// `&`: the next does not wait for this.
    Background,
    /// Nothing comes after.
    End,
}

/// One simple command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Its words, without quotes.
    pub(crate) words: Vec<String>,
    /// How it is joined to the next.
    pub(crate) joint: Joint,
    /// The files that it writes by redirection.
    pub(crate) writes: Vec<String>,
}

/// How much of a command is looked at, in bytes.
const LOOKED_AT: usize = 32 * 1024;

/// The simple commands of a text, in order. `bash -lc '…'` and its like are taken apart too.
pub(crate) fn pieces(command: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    split(crate::text::clip(command, LOOKED_AT), 0, Joint::End, &mut found);
    found
}

fn split(command: &str, depth: u8, last: Joint, found: &mut Vec<Piece>) {
    let mut cut = Cut::default();
    cut.read(command);
    let mut pieces = cut.done;
    if let Some(end) = pieces.last_mut()
        && end.joint == Joint::Then
    {
        end.joint = Joint::End;
    }
    if let Some(end) = pieces.last_mut()
        && end.joint == Joint::End
    {
        end.joint = last;
    }
    for piece in pieces {
        match inner(&piece.words) {
            Some(text) if depth < 3 => split(&text, depth + 1, piece.joint, found),
            _ => found.push(piece),
        }
    }
}

/// The script of `bash -c SCRIPT` and its like.
fn inner(words: &[String]) -> Option<String> {
    let mut rest = words.iter().skip_while(|w| {
        w.contains('=') && !w.starts_with('-')
            || matches!(w.as_str(), "sudo" | "exec" | "env" | "time" | "nohup")
    });
    let mut shell = rest.next()?;
    if shell == "timeout" {
        shell = rest.find(|w| is_shell(w))?;
    }
    if !is_shell(shell) {
        return None;
    }
    while let Some(word) = rest.next() {
        if word.starts_with('-') && !word.starts_with("--") && word.contains('c') {
            return rest.next().cloned();
        }
        if !word.starts_with('-') {
            return None;
        }
    }
    None
}

fn is_shell(word: &str) -> bool {
    matches!(word.rsplit('/').next().unwrap_or(word), "bash" | "sh" | "zsh" | "dash" | "ksh")
}

#[derive(Default)]
struct Cut {
    done: Vec<Piece>,
    words: Vec<String>,
    writes: Vec<String>,
    word: String,
    in_word: bool,
    redirects: bool,
    heredocs: Vec<String>,
}

impl Cut {
    fn end_word(&mut self) {
        if !self.in_word {
            return;
        }
        let word = std::mem::take(&mut self.word);
        self.in_word = false;
        if std::mem::take(&mut self.redirects) {
            self.writes.push(word);
        } else {
            self.words.push(word);
        }
    }

    fn end_piece(&mut self, joint: Joint) {
        self.end_word();
        self.redirects = false;
        while self.words.first().is_some_and(|w| {
            matches!(
                w.as_str(),
                "if" | "then"
                    | "else"
                    | "elif"
                    | "do"
                    | "while"
                    | "until"
                    | "!"
                    | "{"
                    | "}"
                    | "fi"
                    | "done"
                    | "time"
            )
        }) {
            self.words.remove(0);
        }
        if self.words.is_empty() && self.writes.is_empty() {
            // `( … ) || true`: the joint belongs to what the bracket closed.
            if joint != Joint::Then
                && let Some(previous) = self.done.last_mut()
                && previous.joint == Joint::Then
            {
                previous.joint = joint;
            }
            return;
        }
        self.done.push(Piece {
            words: std::mem::take(&mut self.words),
            joint,
            writes: std::mem::take(&mut self.writes),
        });
    }

    fn read(&mut self, command: &str) {
        let mut chars = command.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\'' => {
                    self.in_word = true;
                    self.word.extend(chars.by_ref().take_while(|c| *c != '\''));
                }
                '"' => {
                    self.in_word = true;
                    while let Some(c) = chars.next() {
                        match c {
                            '"' => break,
                            '\\' => match chars.next() {
                                Some('\n') | None => {}
                                Some(c @ ('"' | '\\' | '$' | '`')) => self.word.push(c),
                                Some(c) => {
                                    self.word.push('\\');
                                    self.word.push(c);
                                }
                            },
                            c => self.word.push(c),
                        }
                    }
                }
                '\\' => match chars.next() {
                    Some('\n') | None => {}
                    Some(c) => {
                        self.in_word = true;
                        self.word.push(c);
                    }
                },
                '$' if chars.peek() == Some(&'(') => {
                    self.in_word = true;
                    self.word.push('$');
                    let mut depth = 0u32;
                    for c in chars.by_ref() {
                        self.word.push(c);
                        match c {
                            '(' => depth += 1,
                            ')' if depth <= 1 => break,
                            ')' => depth -= 1,
                            _ => {}
                        }
                    }
                }
                '#' if !self.in_word => {
                    while chars.peek().is_some_and(|c| *c != '\n') {
                        chars.next();
                    }
                }
                ' ' | '\t' | '\r' => self.end_word(),
                '\n' => {
                    self.end_piece(Joint::Then);
                    self.skip_heredocs(&mut chars);
                }
                ';' => self.end_piece(Joint::Then),
                '(' | ')' => {
                    if c == ')' {
                        self.end_piece(Joint::Then);
                    } else {
                        self.end_word();
                    }
                }
                '&' => match chars.peek() {
                    Some('&') => {
                        chars.next();
                        self.end_piece(Joint::And);
                    }
                    Some('>') => {
                        self.end_word();
                        while chars.peek() == Some(&'>') {
                            chars.next();
                        }
                        self.redirects = true;
                    }
                    _ => self.end_piece(Joint::Background),
                },
                '|' => {
                    if chars.peek() == Some(&'|') {
                        chars.next();
                        self.end_piece(Joint::Or);
                    } else {
                        if chars.peek() == Some(&'&') {
                            chars.next();
                        }
                        self.end_piece(Joint::Pipe);
                    }
                }
                '>' => {
                    let errors = self.in_word && self.word == "2";
                    if self.in_word && self.word.chars().all(|c| c.is_ascii_digit()) {
                        self.word.clear();
                        self.in_word = false;
                    } else {
                        self.end_word();
                    }
                    while matches!(chars.peek(), Some('>' | '|')) {
                        chars.next();
                    }
                    if chars.peek() == Some(&'&') {
                        chars.next();
                        while chars.peek().is_some_and(|c| c.is_ascii_digit() || *c == '-') {
                            chars.next();
                        }
                    } else if errors {
                        // Where the errors go does not matter: drop the word.
                        while chars.peek().is_some_and(|c| *c == ' ') {
                            chars.next();
                        }
                        while chars.peek().is_some_and(|c| !c.is_whitespace() && !";|&)".contains(*c)) {
                            chars.next();
                        }
                    } else {
                        self.redirects = true;
                    }
                }
                '<' if chars.peek() == Some(&'<') => {
                    chars.next();
                    self.end_word();
                    if chars.peek() == Some(&'<') {
                        chars.next();
                        continue;
                    }
                    while matches!(chars.peek(), Some('-' | ' ' | '"' | '\'' | '\\')) {
                        chars.next();
                    }
                    let mut end = String::new();
                    while let Some(c) = chars.peek().filter(|c| c.is_alphanumeric() || **c == '_') {
                        end.push(*c);
                        chars.next();
                    }
                    while matches!(chars.peek(), Some('"' | '\'')) {
                        chars.next();
                    }
                    if !end.is_empty() {
                        self.heredocs.push(end);
                    }
                }
                '<' => self.end_word(),
                c => {
                    self.in_word = true;
                    self.word.push(c);
                }
            }
        }
        self.end_piece(Joint::End);
    }

    fn skip_heredocs(&mut self, chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
        for end in std::mem::take(&mut self.heredocs) {
            while chars.peek().is_some() {
                let line: String = chars.by_ref().take_while(|c| *c != '\n').collect();
                if line.trim() == end {
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: &str) -> Vec<(String, Joint)> {
        pieces(command).into_iter().map(|p| (p.words.join(" "), p.joint)).collect()
    }

    #[test]
    fn joints_are_told_apart() {
        assert_eq!(
            words("cd a && FOO=1 make -j2 | tail -3 || true; ls & wait"),
            [
                ("cd a".into(), Joint::And),
                ("FOO=1 make -j2".into(), Joint::Pipe),
                ("tail -3".into(), Joint::Or),
                ("true".into(), Joint::Then),
                ("ls".into(), Joint::Background),
                ("wait".into(), Joint::End),
            ]
        );
    }

    #[test]
    fn a_shell_in_a_shell_is_opened() {
        assert_eq!(
            words("bash -lc 'cd x && pytest -q' && echo ok"),
            [("cd x".into(), Joint::And), ("pytest -q".into(), Joint::And), ("echo ok".into(), Joint::End),]
        );
    }

    #[test]
    fn a_here_document_is_no_command() {
        let found = pieces("cat > run.sh <<'EOF'\npytest || true\nEOF\nchmod +x run.sh");
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].writes, ["run.sh"]);
        assert_eq!(found[1].words, ["chmod", "+x", "run.sh"]);
    }

    #[test]
    fn brackets_and_redirections_do_not_confuse() {
        assert_eq!(
            words("(cd a; pytest 2>&1 2>/dev/null) || true"),
            [("cd a".into(), Joint::Then), ("pytest".into(), Joint::Or), ("true".into(), Joint::End),]
        );
        assert_eq!(pieces("pytest > out.txt")[0].writes, ["out.txt"]);
        assert_eq!(words("echo 'a && b' # rest | x").len(), 1);
    }
}
