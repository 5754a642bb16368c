//! Cuts what an agent says into sentences, and leaves out what it does not say itself: code blocks,
//! quotations, lists of what is still to be done.

use std::ops::Range;

use crate::detect::pattern::patterns;
use crate::detect::runner::{self, CheckKind, Ground};
use crate::detect::summary::{self, Says};

patterns! {
    INTENT_HEAD = r"(?i)^\W*(?:next steps?|to[- ]?dos?|plan|acceptance(?: criteria)?|criteria|requirements?|how to (?:test|verify|run).*|instructions?|goals?|verification steps|test plan|recommendations?|follow[- ]?ups?|remaining(?: work| steps)?|still to do|what(?:'s| is) left|suggested.*|before|previously|steps to (?:test|verify|reproduce).*)\W*$";
    QUOTES = "\"[^\"\n]{1,300}\"|“[^”\n]{1,300}”|«[^»\n]{1,300}»|(?:^|[\\s(])'[^'\n]{6,200}'(?:$|[\\s).,;:])";
    ASIDE = r",\s+(?:including|even|also|as well as|both|with|plus)\b[^,.;!?]{0,60},";
    MAKE_TEST = r"\bmake (?:test|check)\b";
    MAKE_OTHER = r"\bmake (lint|build)\b";
    TEST_IDENT = r"\b(?:Test[A-Z]\w*|\w*[a-z0-9](?:Test|Tests|Spec)\b(?:\.\w+)?|test[A-Z]\w*|\w+_test)\b";
    SHOWS_OUTPUT = r"(?i)\b(?:output|results?|prints?|printed|shows?|showed|ran|says|gives|summary)\b[^\n]*:\W*$";
    SAYS_OUTPUT = r"(?i)\b(?:outputs?|prints?|printed|reports?|reported|shows?|showed|returns?|returned|ends? with|ended with)\b[^\n]{0,24}$";
    NO_OUTPUT = r"(?i)\b(?:should|expect\w*|example|e\.g|sample|would|will|like|before|previously|was failing|old)\b";
    UNCHECKED = r"^\s*(?:[-*+]|\d+[.)])\s+\[ \]";
}

/// A sentence: where it stands, and its words in lower case without marks.
pub(crate) struct Sentence {
    /// In bytes of the text.
    pub(crate) span: Range<usize>,
    /// Its words.
    pub(crate) words: String,
    /// It ends with a question mark.
    pub(crate) question: bool,
}

/// The sentences of a text, without code blocks, quotations and lists of what is still to be done.
pub(crate) struct Sentences {
    all: std::vec::IntoIter<Sentence>,
}

impl Iterator for Sentences {
    type Item = Sentence;

    fn next(&mut self) -> Option<Sentence> {
        self.all.next()
    }
}

impl Sentences {
    /// Cuts a text.
    pub(crate) fn of(text: &str) -> Self {
        let mut all = Vec::new();
        let (mut at, mut fence, mut intent) = (0usize, false, false);
        // The line before, and where a block begins that shows what a program printed.
        let (mut before, mut shown) = ("", None);
        for line in text.split_inclusive('\n') {
            let start = at;
            at += line.len();
            let trimmed = line.trim();
            if trimmed.starts_with("```") || trimmed.starts_with("~~~") {
                fence = !fence;
                if fence {
                    shown = (!intent && SHOWS_OUTPUT.is_in(before) && !NO_OUTPUT.is_in(before)).then_some(at);
                } else if let Some(from) = shown.take() {
                    all.extend(text.get(from..start).and_then(|block| printed(block, from)));
                }
                continue;
            }
            if !trimmed.is_empty() && !fence {
                before = trimmed;
            }
            if fence || trimmed.is_empty() || trimmed.starts_with('>') || trimmed.starts_with("    ") {
                continue;
            }
            let heading = trimmed.starts_with('#')
                || trimmed.starts_with("**") && trimmed.trim_end_matches(':').ends_with("**")
                || trimmed.ends_with(':');
            if heading {
                intent = INTENT_HEAD.is_in(trimmed.trim_matches(['#', '*', ' ', ':']));
            }
            if intent || UNCHECKED.is_in(line) {
                continue;
            }
            cut(line, start, &mut all);
        }
        Self { all: all.into_iter() }
    }
}

/// What a block says that a test run printed, as a sentence.
fn printed(block: &str, from: usize) -> Option<Sentence> {
    let words = summary_words(block)?;
    Some(Sentence { span: from..from + block.trim_end().len(), words, question: false })
}

/// The words for a summary of a test run that went well; no text is kept of one that did not.
fn summary_words(text: &str) -> Option<String> {
    let digits = text.bytes().any(|b| b.is_ascii_digit());
    let summary = summary::tests(text).filter(|s| digits && s.says == Says::Pass)?;
    Some(format!(" testrun okmark, {} passed ", summary.passed?))
}

/// Cuts a line into sentences.
fn cut(line: &str, start: usize, all: &mut Vec<Sentence>) {
    let mut from = 0usize;
    let (mut code, mut ticks) = (false, line.bytes().filter(|b| *b == b'`').count());
    let mut chars = line.char_indices().peekable();
    while let Some((i, c)) = chars.next() {
        let next = chars.peek().map(|(_, c)| *c);
        if c == '`' {
            ticks = ticks.saturating_sub(1);
            code = !code && ticks > 0;
        }
        // A stop inside a code span ends nothing.
        if code && c != '\n' {
            continue;
        }
        let ends = match c {
            '!' | '?' | ';' => next.is_none_or(|n| n.is_whitespace() || n == ')' || n == '"'),
            '.' => {
                next.is_none_or(|n| n.is_whitespace() || n == ')' || n == '"' || n == '*')
                    && !line.get(from..i).is_some_and(|s| {
                        let lower = s.rsplit(' ').next().unwrap_or("").to_ascii_lowercase();
                        matches!(lower.as_str(), "e.g" | "i.e" | "etc" | "vs" | "approx" | "cf")
                            || lower.ends_with("/..")
                            || !lower.is_empty()
                                && lower.bytes().all(|b| b.is_ascii_digit())
                                && s.trim().len() == lower.len()
                    })
            }
            '\n' => true,
            _ => false,
        };
        if ends {
            let end = i + c.len_utf8();
            push(line, from..end, start, c == '?', all);
            from = end;
        }
    }
    push(line, from..line.len(), start, false, all);
}

fn push(line: &str, part: Range<usize>, start: usize, question: bool, all: &mut Vec<Sentence>) {
    let Some(raw) = line.get(part.clone()) else {
        return;
    };
    if raw.trim().is_empty() {
        return;
    }
    let lead = raw.len() - raw.trim_start().len();
    let span = start + part.start + lead..start + part.start + lead + raw.trim().len();
    all.push(Sentence { span, words: folded(raw.trim()), question });
}

/// Lower case, without emphasis, quotations blanked, check marks as words, commands that are checks and
/// names of tests as words that the grammar knows.
fn folded(raw: &str) -> String {
    let unquoted = unquote(raw);
    let mut out = String::with_capacity(unquoted.len() + 16);
    let spans = unquoted.bytes().filter(|b| *b == b'`').count() / 2;
    for (i, part) in unquoted.split('`').enumerate() {
        let word = if i % 2 == 1 && i < 2 * spans { command_word(part) } else { None };
        match word {
            Some(word) => out.push_str(&word),
            None => fold_into(part, &mut out),
        }
    }
    let mut text = out;
    if text.contains("[x]") {
        text = text.replace("[x]", "okmark");
    }
    if text.contains("ontinue") || text.contains("make ") {
        text = text.replace("continue to ", "still ").replace("continues to ", "still ");
        text = MAKE_TEST.replace(&text, "testrun").into_owned();
        text = MAKE_OTHER.replace(&text, "${1}run").into_owned();
    }
    let text = text.trim_start_matches(['-', '+', '•', ' ', '\t']);
    if !text.contains(',') {
        return text.to_owned();
    }
    ASIDE.replace(text, "").into_owned()
}

/// The text with its quotations blanked, but for a summary that is given as what a run printed.
fn unquote(raw: &str) -> std::borrow::Cow<'_, str> {
    if !raw.contains(['"', '“', '«', '\'']) {
        return raw.into();
    }
    let mut out = String::with_capacity(raw.len());
    let mut from = 0;
    for m in QUOTES.all(raw).filter_map(|c| c.get(0)) {
        let before = raw.get(from..m.start()).unwrap_or_default();
        out.push_str(before);
        let told = SAYS_OUTPUT.is_in(before);
        let inner = m.as_str().trim_matches(|c: char| !c.is_alphanumeric() && c != ')');
        out.push_str(&told.then(|| summary_words(inner)).flatten().unwrap_or_else(|| " quoted ".to_owned()));
        from = m.end();
    }
    out.push_str(raw.get(from..).unwrap_or_default());
    out.into()
}

fn fold_into(part: &str, out: &mut String) {
    let names = part.contains("est") || part.contains("Spec");
    let part = if names { TEST_IDENT.replace(part, "test_$0") } else { part.into() };
    for c in part.chars() {
        match c {
            '*' | '`' | '#' => {}
            '|' => out.push(' '),
            '’' | '‘' => out.push('\''),
            '—' | '–' => out.push_str(" - "),
            '→' | '⇒' => out.push_str(": "),
            '✅' | '✓' | '✔' | '☑' | '🟢' => out.push_str(" okmark "),
            '❌' | '✗' | '✘' | '⚠' | '🔴' => out.push_str(" failmark "),
            '\u{fe0f}' => {}
            c if c.is_ascii() => out.push(c.to_ascii_lowercase()),
            c => out.extend(c.to_lowercase()),
        }
    }
}

/// The word by which the grammar knows a command that is a check: `testrun@rust`, `lintrun@python`. A
/// command that runs a part of the tests keeps the files that it names.
fn command_word(span: &str) -> Option<String> {
    let span = span.trim();
    let script = span.starts_with("./") || span.ends_with(".sh");
    if span.len() > 120 || !(span.contains(' ') || script) || !span.is_ascii() {
        return None;
    }
    if let Some(words) = summary_words(span) {
        return Some(words);
    }
    let reading = runner::read(span);
    let check = reading.checks.last().or(reading.hinted.last())?;
    let mut word = match check.kind {
        CheckKind::Test => "testrun",
        CheckKind::Build => "buildrun",
        CheckKind::Lint => "lintrun",
        CheckKind::Types => "typesrun",
        CheckKind::Deploy => return None,
    }
    .to_owned();
    word.push_str(match check.ground {
        Ground::Rust => "@rust",
        Ground::Python => "@python",
        Ground::Script => "@script",
        Ground::Go => "@go",
        Ground::Jvm => "@jvm",
        Ground::DotNet => "@dotnet",
        Ground::Php => "@php",
        Ground::Ruby => "@ruby",
        Ground::Native => "@native",
        Ground::Any => "@any",
    });
    if check.narrowed != 0 {
        word.push_str("/part");
        for file in span.split_whitespace().filter(|w| w.contains('.') && !w.starts_with(['-', '.'])) {
            word.push(' ');
            word.push_str(&file.to_ascii_lowercase());
        }
    }
    Some(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_compile() {
        assert_eq!(patterns_that_do_not_compile(), [""; 0]);
    }

    fn words(text: &str) -> Vec<String> {
        Sentences::of(text).map(|s| s.words.trim().to_owned()).collect()
    }

    #[test]
    fn what_is_not_said_is_left_out() {
        assert_eq!(words("One. Two in 3.5s!\n- Three"), ["one.", "two in 3.5s!", "three"]);
        assert_eq!(words("```\ncode\n```\n> quoted\n- [ ] open\nsaid"), ["said"]);
        assert_eq!(words("## Next steps\n- do it\n## Summary\ndone"), ["summary", "done"]);
        assert_eq!(words("You said \"all good\"."), ["you said  quoted ."]);
    }

    proptest! {
        #[test]
        fn any_text_is_cut_at_its_characters(text in "\\PC{0,200}|[ -~\n]{0,200}") {
            for sentence in Sentences::of(&text) {
                prop_assert!(text.get(sentence.span.clone()).is_some_and(|s| !s.trim().is_empty()));
            }
            let said = super::super::grammar::read(&text);
            prop_assert!(said.claims.iter().all(|c| text.get(c.span.clone()).is_some()));
            let _ = crate::detect::summary::tests(&text);
            let _ = crate::detect::runner::read(&text);
        }
    }
}
