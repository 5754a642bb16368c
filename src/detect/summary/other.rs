//! What a build, a linter, a type checker or a deployment prints at its end.

use super::{HINT, LINE, Says, Summary, number};
use crate::detect::pattern::patterns;
use crate::detect::runner::CheckKind;

patterns! {
    // What no line does without that one of the patterns below finds.
    MAY_TELL = r"(?i-u)error|fail|warn|finish|built|build|compil|succe|problem|format|unchanged|passed|issue|offense|prettier|violation|remaining|\*\*\*|err!";
    COMPILE_FAILED = r"(?i)^(?:error: could not compile|error: aborting due to|.*: error: .*|make(?:\[\d+\])?: \*\*\* .*(?:Error|Stop)|.*BUILD FAILED|.*BUILD FAILURE|FAILURE: Build failed|Build FAILED\.?|Failed to compile|ERROR: failed to (?:solve|build)|npm (?:ERR!|error) code|error during build|.*compiled with \d+ errors?|.*COMPILATION ERROR|collect2: error|ninja: build stopped|# \S+$)";
    BUILT = r"(?i)^(?:\s*Finished .*(?:dev|release|test|profile)|.*BUILD SUCCESS(?:FUL)?|Build succeeded|.*compiled successfully|.*Compiled successfully|✓ built in|.*built in [\d.]+m?s|Successfully (?:built|tagged)|Build completed)";
    PROBLEMS = r"(?i)(?:✖ (\d+) problems? \((\d+) errors?|^Found (\d+) errors?\b|^(\d+) errors?, \d+ warnings?|found (\d+) (?:errors?|issues?|violations?)|^(\d+) files? would be reformatted|(\d+) files? need formatting|could not compile `[^`]+`.* due to (\d+) previous errors?|Found (\d+) errors? in)";
    WARNINGS = r"(?i)\b(\d+) warnings?\b";
    GENERATED = r"\bgenerated \d+ warnings?\b";
    FIXED_ALL = r"(?i)\b0 remaining\b|\bno fixes needed\b";
    CONTENT = r"(?i)(?:^All checks passed|^Success: no issues found|\b0 errors\b|no (?:issues|problems|errors|offenses|warnings) (?:were )?(?:found|detected)|All matched files use Prettier|no offenses detected|files? would be left unchanged|files? already formatted)";
    TSC_ERROR = r"(?:\(\d+,\d+\)|:\d+:\d+ -): error TS\d+";
}

/// What a build, a linter, a type checker or a deployment says at its end.
pub(crate) fn other(kind: CheckKind, text: &str) -> Option<Summary> {
    let mut found: Option<Summary> = None;
    if !MAY_TELL.is_in(text) {
        return None;
    }
    let (mut at, mut warnings) = (0usize, 0u32);
    for line in text.split_inclusive('\n') {
        at += line.len();
        let line = line.trim_end_matches(['\n', '\r']);
        if line.len() > 600 || !HINT.is_in(line) || !MAY_TELL.is_in(line) {
            continue;
        }
        warnings =
            warnings.saturating_add(number(WARNINGS.captures(line).and_then(|c| c.get(1))).unwrap_or(0));
        let mut put = |says: Says, failed: u32| put_in(&mut found, says, failed, line, at);
        let looks = matches!(kind, CheckKind::Lint | CheckKind::Types);
        if looks && let Some(c) = PROBLEMS.captures(line) {
            // "2 errors" of "5 problems (2 errors)": the second group wins.
            let n = number(c.get(2)).or_else(|| (1..=9).find_map(|i| number(c.get(i)))).unwrap_or(0);
            let n = if FIXED_ALL.is_in(line) { 0 } else { n };
            put(if n > 0 { Says::Fail } else { Says::Pass }, n);
        } else if looks && CONTENT.is_in(line) {
            put(Says::Pass, 0);
        } else if kind == CheckKind::Types && TSC_ERROR.is_in(line) {
            put(Says::Fail, 1);
        } else if kind != CheckKind::Types && COMPILE_FAILED.is_in(line) && !line.starts_with('#') {
            put(Says::Fail, 0);
        } else if kind == CheckKind::Build && BUILT.is_in(line) {
            put(Says::Pass, 0);
        }
    }
    let generated = found.is_none() && warnings > 0 && kind == CheckKind::Lint;
    if generated && let Some(line) = text.lines().rev().find(|line| GENERATED.is_in(line)) {
        put_in(&mut found, Says::Pass, 0, line, text.len());
    }
    if let Some(found) = &mut found {
        found.warnings = warnings;
    }
    found
}

fn put_in(found: &mut Option<Summary>, says: Says, failed: u32, line: &str, end: usize) {
    *found = Some(Summary {
        says,
        passed: None,
        failed,
        skipped: 0,
        total: None,
        warnings: 0,
        line: crate::text::clip(line.trim(), LINE).to_owned(),
        end,
        own_form: true,
        failing: Vec::new(),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_compile() {
        assert_eq!(patterns_that_do_not_compile(), [""; 0]);
    }
}
