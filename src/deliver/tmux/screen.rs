//! What a pane shows: the agent's prompt box, open and empty, or anything else.
//!
//! Read from `capture-pane -p -e`, whose escapes tell a placeholder (dim) and the drawn cursor
//! (inverse) from what somebody has typed. What is not known to be an empty prompt box is none: text
//! that is typed into a dialog answers it. Seen with Claude Code 2.1.330 and Codex 0.169.0; Gemini CLI
//! as its sources have it. Pure.

/// What a pane shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Showing {
    /// The prompt box, empty.
    Prompt,
    /// A prompt box in which something stands.
    Typed,
    /// Something that asks for an answer.
    Dialog,
    /// Nothing that is known.
    Other,
}

/// How an agent's prompt box looks.
struct Box {
    format: &'static str,
    /// What stands before what is typed.
    markers: &'static [char],
    /// Whether lines are drawn above and below.
    framed: bool,
}

const BOXES: &[Box] = &[
    Box { format: "claude-code", markers: &['❯', '>'], framed: true },
    Box { format: "codex", markers: &['›', '▌'], framed: false },
    Box { format: "gemini", markers: &['>'], framed: true },
];

/// Words of dialogs, lower case.
const ASKS: &[&str] = &[
    "do you want",
    "would you like",
    "esc to cancel",
    "enter to confirm",
    "enter to select",
    "enter to continue",
    "press enter",
    "waiting for user confirmation",
    "(y/n)",
    "[y/n]",
    "yes, and don't ask again",
    "allow once",
    "apply this change",
    "allow execution",
];

/// Whether the prompt box of runs of this format is known.
pub fn knows(format: &str) -> bool {
    BOXES.iter().any(|one| one.format == format)
}

/// One character with how it is drawn.
#[derive(Clone, Copy)]
struct Cell {
    c: char,
    dim: bool,
    inverse: bool,
}

/// What the screen shows of an agent of this format. `ours` is what was pasted there just now: its own
/// words are nobody's question.
pub fn showing(format: &str, screen: &str, ours: &str) -> Showing {
    let Some(known) = BOXES.iter().find(|one| one.format == format) else { return Showing::Other };
    let lines: Vec<Vec<Cell>> = lines(screen);
    let plain: Vec<String> = lines.iter().map(|line| line.iter().map(|cell| cell.c).collect()).collect();
    let ours = words(ours);
    let others = |line: &&String| {
        let line = words(bare(line));
        !line.is_empty() && (ours.is_empty() || !ours.contains(&line))
    };
    // A list to choose from stands in the lower part of the screen, in place of the prompt box or above it.
    if plain
        .iter()
        .rev()
        .filter(|line| !line.trim().is_empty())
        .take(15)
        .filter(others)
        .any(|line| offers(line))
    {
        return Showing::Dialog;
    }
    let ruled = |at: Option<usize>| at.and_then(|at| plain.get(at)).is_some_and(|line| rule(line));
    let at = (0..lines.len()).rev().find(|at| {
        let Some(line) = lines.get(*at) else { return false };
        // A line of what is typed may begin like a prompt; it stands further in, or below the frame's top.
        let first = if known.framed { inside(line).first().copied() } else { line.first().copied() };
        first.is_some_and(|cell| marks(known, cell)) && (!known.framed || ruled(at.checked_sub(1)))
    });
    let below = plain.get(at.map_or(0, |at| at + 1)..).unwrap_or_default();
    // Above an open prompt box stands what was said, which may ask as well.
    if below.iter().filter(others).any(|line| asks(line)) {
        return Showing::Dialog;
    }
    let Some(at) = at else { return Showing::Other };
    if known.framed && !below.iter().any(|line| rule(line)) {
        return Showing::Other;
    }
    let line = lines.get(at).map(|line| inside(line)).unwrap_or_default();
    let typed = line.iter().skip(1).enumerate().any(|(index, cell)| {
        // The cursor is drawn over the first letter of a placeholder.
        let cursor = cell.inverse && line.get(index + 2).is_none_or(|next| next.dim);
        !blank(cell.c) && !cell.dim && !cursor
    });
    if typed {
        return Showing::Typed;
    }
    // An empty box is one line high, and nothing but a line or two of hints stands below it.
    let more = below.iter().filter(|line| !line.trim().is_empty() && !rule(line)).count();
    if (known.framed && !ruled(at.checked_add(1))) || more > 4 {
        return Showing::Other;
    }
    Showing::Prompt
}

/// A text without its blanks: a screen breaks lines where it likes.
fn words(text: &str) -> String {
    text.chars().filter(|c| !blank(*c)).collect()
}

/// A line without the sides of a frame and the mark of a prompt.
fn bare(line: &str) -> &str {
    let side = |c: char| blank(c) || c == '│' || c == '┃';
    let line = line.trim_matches(side);
    line.strip_prefix(['❯', '›', '>', '▌']).unwrap_or(line)
}

fn asks(line: &str) -> bool {
    let lower = line.to_lowercase();
    ASKS.iter().any(|words| lower.contains(words))
}

/// A list to choose from: a mark before a number.
fn offers(line: &str) -> bool {
    let inside = line.trim_matches(|c: char| blank(c) || c == '│' || c == '┃');
    let rest = inside.strip_prefix(['❯', '›', '●', '>', '▶']).map(|rest| rest.trim_matches(blank));
    rest.is_some_and(|rest| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        (1..=2).contains(&digits) && rest.get(digits..).is_some_and(|r| r.starts_with(['.', ')']))
    })
}

fn marks(known: &Box, cell: Cell) -> bool {
    // What was said before stands dim behind the same mark.
    known.markers.contains(&cell.c) && !cell.dim
}

/// The line without the frame's sides and without blanks at its ends.
fn inside(line: &[Cell]) -> Vec<Cell> {
    let side = |cell: &Cell| (blank(cell.c) && !cell.inverse) || matches!(cell.c, '│' | '┃' | '|');
    let from = line.iter().position(|cell| !side(cell)).unwrap_or(line.len());
    let to = line.iter().rposition(|cell| !side(cell)).map_or(from, |at| at + 1);
    line.get(from..to).unwrap_or_default().to_vec()
}

fn blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{a0}'
}

fn rule(line: &str) -> bool {
    let drawn = line.trim().chars().filter(|c| matches!(c, '─' | '━' | '▀' | '▄' | '═')).count();
    drawn >= 10 && drawn * 2 > line.trim().chars().count()
}

/// The screen in cells: escapes that set colours and styles are taken out and dim and inverse kept.
fn lines(screen: &str) -> Vec<Vec<Cell>> {
    let (mut dim, mut inverse) = (false, false);
    let mut all = Vec::new();
    for text in screen.split('\n') {
        let mut line = Vec::new();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            if c != '\u{1b}' {
                line.push(Cell { c, dim, inverse });
                continue;
            }
            let mut ahead = rest.clone();
            if ahead.next() != Some('[') {
                continue;
            }
            let mut parameters = String::new();
            let mut last = None;
            for c in ahead.by_ref() {
                if c.is_ascii_digit() || matches!(c, ';' | ':') {
                    parameters.push(c);
                } else {
                    last = Some(c);
                    break;
                }
            }
            rest = ahead;
            if last == Some('m') {
                style(&parameters, &mut dim, &mut inverse);
            }
        }
        all.push(line);
    }
    all
}

fn style(parameters: &str, dim: &mut bool, inverse: &mut bool) {
    let mut numbers = parameters.split(';').map(|one| one.parse().unwrap_or(0u16));
    while let Some(number) = numbers.next() {
        match number {
            0 => (*dim, *inverse) = (false, false),
            2 => *dim = true,
            22 => *dim = false,
            7 => *inverse = true,
            27 => *inverse = false,
            // A colour has its own numbers behind it.
            38 | 48 | 58 => match numbers.next() {
                Some(5) => drop(numbers.next()),
                Some(2) => drop(numbers.nth(2)),
                _ => {}
            },
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULE: &str = "\u{1b}[38;5;244m────────────────────────────────────────";

    fn claude(line: &str) -> String {
        format!("● All done.\n{RULE}\n\u{1b}[39m{line}\n\u{1b}[0m{RULE}\n  ? for shortcuts\n")
    }

    #[test]
    fn an_empty_prompt_box_is_one() {
        for line in [
            "❯\u{a0}\u{1b}[7m",
            "❯\u{a0}\u{1b}[7m \u{1b}[0m",
            "❯ \u{1b}[7mT\u{1b}[0;2mry \"fix it\"\u{1b}[0m",
            ">",
        ] {
            assert_eq!(showing("claude-code", &claude(line), ""), Showing::Prompt, "{line:?}");
        }
        let codex =
            "• Done.\n\n\u{1b}[1m›\u{1b}[0m \u{1b}[2mAsk Codex to do anything\u{1b}[0m\n\n  gpt · /w/app\n";
        assert_eq!(showing("codex", codex, ""), Showing::Prompt);
        let gemini = "╭────────────────────╮\n│ > \u{1b}[7m \u{1b}[27m\u{1b}[2m Type your message\u{1b}[22m │\n╰────────────────────╯\n";
        assert_eq!(showing("gemini", gemini, ""), Showing::Prompt);
    }

    #[test]
    fn what_the_agent_said_above_an_open_box_is_no_dialog() {
        let said = claude("❯ ").replace("All done.", "Would you like me to go on? (y/n)");
        assert_eq!(showing("claude-code", &said, ""), Showing::Prompt);
    }

    #[test]
    fn a_pasted_text_is_seen_over_several_lines_whatever_it_says() {
        let ours = "Operator: Do you want it? First\n> 1. run it,\n2. press enter. [medbay 123456789abc]";
        let box_ = "❯ Operator: Do you want it? First\n  > 1. run it,\n  2. press enter. [medbay\n  123456789abc]\u{1b}[7m ";
        assert_eq!(showing("claude-code", &claude(box_), ours), Showing::Typed);
        let over = format!("{}❯ 1. Yes\n", claude(box_));
        assert_eq!(showing("claude-code", &over, ours), Showing::Dialog);
        let codex = "\u{1b}[1m›\u{1b}[0m Operator: First\n  press enter.\n  and more\n  of it\n\n  gpt\n  ? for shortcuts\n";
        assert_eq!(showing("codex", codex, "Operator: First press enter. and more of it"), Showing::Typed);
    }

    #[test]
    fn what_somebody_has_typed_is_left_alone() {
        assert_eq!(showing("claude-code", &claude("❯ half a thou\u{1b}[7m "), ""), Showing::Typed);
        let codex = "\u{1b}[1m›\u{1b}[0m fix the\n  gpt\n";
        assert_eq!(showing("codex", codex, ""), Showing::Typed);
    }

    #[test]
    fn a_dialog_is_never_taken_for_a_prompt_box() {
        let list = format!(
            "{RULE}\n Bash command\n   rm -rf build\n Do you want to proceed?\n ❯ 1. Yes\n   2. No\n\n Esc to cancel\n"
        );
        assert_eq!(showing("claude-code", &list, ""), Showing::Dialog);
        let both = format!("Allow execution?\n❯ 1. Yes\n{}", claude("❯ "));
        assert_eq!(showing("claude-code", &both, ""), Showing::Dialog);
        assert_eq!(
            showing("codex", "\u{1b}[1m›\u{1b}[0m 1. Yes, proceed (y)\n  2. No\n", ""),
            Showing::Dialog
        );
        assert_eq!(showing("gemini", "Apply this change?\n ● 1. Yes, allow once\n", ""), Showing::Dialog);
    }

    #[test]
    fn what_is_not_known_is_nothing() {
        assert_eq!(showing("claude-code", "$ \n", ""), Showing::Other);
        assert_eq!(showing("claude-code", "❯ \n", ""), Showing::Other, "a shell's prompt has no frame");
        assert_eq!(showing("codex", "\u{1b}[1;2m› \u{1b}[0mDo it.\n", ""), Showing::Other, "said before");
        assert_eq!(showing("aider", &claude("❯ "), ""), Showing::Other);
        let long = format!("{}{}", claude("❯ "), "more\n".repeat(8));
        assert_eq!(showing("claude-code", &long, ""), Showing::Other);
    }

    proptest! {
        #[test]
        fn no_screen_harms(screen in "(\\PC|\u{1b}\\[[0-9;]{0,6}m|\n|❯|›|─){0,120}") {
            for known in BOXES {
                let _ = showing(known.format, &screen, "");
            }
        }
    }
}
