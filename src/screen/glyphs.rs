//! Glyphs: one set in Unicode, one in ASCII. Every meaning has one, so that nothing hangs on colour.

use crate::detect::Class;
use crate::score::Band;
use crate::trace::StateWord;

/// A set of glyphs, each one cell wide.
#[derive(Debug)]
pub struct Glyphs {
    /// Whether only ASCII may be drawn.
    pub ascii: bool,
    /// Bands: pass, triage, alarm.
    bands: [&'static str; 3],
    /// Classes, in the order of `Class::ALL`.
    classes: [&'static str; 5],
    /// States: working, waiting, held, stuck, done, failed, unknown.
    states: [&'static str; 7],
    /// Corners ┌ ┐ └ ┘, lines ─ │, joints ├ ┤ ┬ ┴.
    pub frame: [&'static str; 10],
    /// The selected row.
    pub marker: &'static str,
    /// Where a text was cut.
    pub cut: &'static str,
    /// Between facts.
    pub dot: &'static str,
    /// A bar for, and a bar against.
    pub bars: [&'static str; 2],
    /// An agent's lane: its own row, another's.
    pub lane: &'static str,
    /// Playing, paused.
    pub play: [&'static str; 2],
}

/// With Unicode.
pub static UNICODE: Glyphs = Glyphs {
    ascii: false,
    bands: ["●", "◇", "◆"],
    classes: ["≠", "✗", "⇄", "↯", "¤"],
    states: ["▸", "…", "⏸", "∞", "✓", "×", "·"],
    frame: ["┌", "┐", "└", "┘", "─", "│", "├", "┤", "┬", "┴"],
    marker: "▌",
    cut: "…",
    dot: "·",
    bars: ["█", "▒"],
    lane: "│",
    play: ["▶", "⏸"],
};

/// With ASCII alone.
pub static ASCII: Glyphs = Glyphs {
    ascii: true,
    bands: ["o", "?", "!"],
    classes: ["H", "X", "I", "P", "$"],
    states: [">", ".", "=", "8", "v", "x", "-"],
    frame: ["+", "+", "+", "+", "-", "|", "+", "+", "+", "+"],
    marker: ">",
    cut: "~",
    dot: "-",
    bars: ["#", "="],
    lane: "|",
    play: [">", "="],
};

impl Glyphs {
    /// The glyph of a band.
    pub fn band(&self, band: Band) -> &'static str {
        let [pass, triage, alarm] = self.bands;
        match band {
            Band::Pass => pass,
            Band::Triage => triage,
            Band::Alarm => alarm,
        }
    }

    /// The glyph of a class.
    pub fn class(&self, class: Class) -> &'static str {
        let [hallucination, execution, inconsistent, propagation, operational] = self.classes;
        match class {
            Class::Hallucination => hallucination,
            Class::ExecutionError => execution,
            Class::InconsistentReasoning => inconsistent,
            Class::FailurePropagation => propagation,
            Class::Operational => operational,
        }
    }

    /// The glyph of a run's state.
    pub fn state(&self, word: StateWord) -> &'static str {
        let [working, waiting, held, stuck, done, failed, unknown] = self.states;
        match word {
            StateWord::Working => working,
            StateWord::Waiting => waiting,
            StateWord::Held => held,
            StateWord::Stuck => stuck,
            StateWord::Done => done,
            StateWord::Failed => failed,
            StateWord::Unknown => unknown,
        }
    }

    /// A bar one cell high for a reliability of 0–100: eighths of a block, in ASCII a digit.
    pub fn level(&self, reliability: u8) -> &'static str {
        const EIGHTHS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
        const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
        let reliability = usize::from(reliability.min(100));
        let (steps, at) = if self.ascii {
            (&DIGITS[..], reliability / 10)
        } else {
            // The fullest cell stays empty at its top, so that rows do not touch.
            (&EIGHTHS[..7], reliability * 7 / 101)
        };
        steps.get(at.min(steps.len().saturating_sub(1))).copied().unwrap_or(" ")
    }

    /// What stands for a grapheme where only ASCII may be drawn.
    pub fn plain(grapheme: &str) -> &'static str {
        match grapheme {
            "…" => "~",
            "·" | "−" | "–" | "—" | "─" => "-",
            "⏎" => "\\",
            "«" | "‹" => "<",
            "»" | "›" | "→" | "▸" | "▶" => ">",
            "←" => "<",
            "“" | "”" | "„" => "\"",
            "‘" | "’" => "'",
            "≥" => ">",
            "≤" => "<",
            "✓" => "v",
            "×" => "x",
            "│" => "|",
            "•" | "●" => "*",
            _ => "?",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_go_from_empty_to_full() {
        assert_eq!((UNICODE.level(0), UNICODE.level(100)), ("▁", "▇"));
        assert_eq!((ASCII.level(0), ASCII.level(55), ASCII.level(100)), ("0", "5", "9"));
    }

    #[test]
    fn every_glyph_is_one_cell_wide() {
        for set in [&UNICODE, &ASCII] {
            let all = set
                .bands
                .iter()
                .chain(&set.classes)
                .chain(&set.states)
                .chain(&set.frame)
                .chain(&set.bars)
                .chain(&set.play)
                .chain([&set.marker, &set.cut, &set.dot, &set.lane]);
            for glyph in all {
                assert_eq!(unicode_width::UnicodeWidthStr::width(*glyph), 1, "{glyph}");
                assert!(!set.ascii || glyph.is_ascii());
            }
        }
    }
}
