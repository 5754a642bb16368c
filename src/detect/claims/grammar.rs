//! What an agent's words claim about checks: that tests pass, that a build is clean, how many passed.
//! English, a sentence at a time, by patterns over lower-case words. Whatever is a question, a wish, a
//! plan, a condition, a quotation, a denial or about another time is no claim; when in doubt there is
//! none.
//!
//! To add a way of saying it: a pattern here, and cases in `tests/claims_table.rs` on both sides.

use std::ops::Range;

use super::sentences::{Sentence, Sentences};
use crate::detect::pattern::patterns;
use crate::detect::runner::{CheckKind, Ground};
use crate::detect::summary::name_hash;

/// What a claim is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// One kind of check.
    Kind(CheckKind),
    /// "All checks".
    Checks,
}

/// How much of it a claim covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All of it, as it says or leaves to be understood.
    Whole,
    /// "All", "the full suite".
    Stressed,
    /// A part: the new tests, one named test.
    Part,
}

/// Numbers in a claim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// How many are said to pass.
    pub(crate) passed: Option<u32>,
    /// Out of how many.
    pub(crate) total: Option<u32>,
    /// How many are said to fail.
    pub(crate) failed: Option<u32>,
}

/// A claim that a check came out well (or with the counts it gives).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Claim {
    /// What it is about.
    pub(crate) about: About,
    /// How much of it.
    pub(crate) reach: Reach,
    /// The numbers it gives.
    pub(crate) counts: Counts,
    /// It says that the check was run.
    pub(crate) ran: bool,
    /// The language or runner that it names.
    pub(crate) ground: Ground,
    /// Hashes of test names in it.
    pub(crate) names: Vec<u64>,
    /// The sentence, in bytes of the text.
    pub(crate) span: Range<usize>,
    /// In a few words what it says: "42 of 42 passed", "all tests pass".
    pub(crate) said: String,
}

/// What a text says about checks.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Said {
    /// Its claims of success, in order.
    pub(crate) claims: Vec<Claim>,
    /// Kinds of which it admits that they fail or were not run.
    pub(crate) admitted: Vec<CheckKind>,
    /// It admits some failure, or that something was not run or not verified.
    pub(crate) admits: bool,
    /// Says that the work is done, fixed, working: the sentence.
    pub(crate) done: Option<Range<usize>>,
    /// Says that something works or is fixed: the sentence.
    pub(crate) works: Option<Range<usize>>,
}

impl Said {
    /// Whether it admits a failure of this kind, or that it was not run.
    pub(crate) fn admits(&self, about: About) -> bool {
        match about {
            About::Kind(kind) => self.admitted.contains(&kind),
            About::Checks => !self.admitted.is_empty(),
        }
    }
}

/// How much of a text is read, in bytes.
const LOOKED_AT: usize = 24 * 1024;

patterns! {
    // Subjects and predicates.
    TESTS_PASS = r"\b(?:test_\w+|tests?|specs?|(?:test[- ]?)?suites?|test cases|assertions|pytest|unittest|jest|vitest|mocha|rspec|phpunit|ctest|nextest|doctests?)\b(?P<mid>[^.!?]{0,56}?)(?P<p>\b(?:pass|passes|passed|passing|succeed|succeeds|succeeded|green|successful|successfully)\b|okmark)";
    PASSES_TESTS = r"\b(?P<p>passes|passed|pass|passing)\s+(?P<q>(?:(?:all|every|the|its|both|full|entire|existing|unit|integration|of|whole|complete|our|\d+|\d+/\d+|new|e2e|regression)\s+){0,5})(?:tests?|specs?|(?:test )?suite)\b";
    OKMARK_TESTS = r"^\s*(?P<p>okmark)\s+(?P<mid>[^.!?]{0,30})\b(?:tests?|specs?|suite)\b(?P<end>[^.!?]{0,40})$";
    RATIO = r"\b(\d+(?:,\d{3})*)\s*(?:/|of|out of)\s*(?:the )?(?:all )?(\d+(?:,\d{3})*)\b";
    N_PASSED = r"\b(\d+(?:,\d{3})*)\s+(?:(?:of them|unit|integration|existing|new|total|tests?|specs?|test cases|assertions|checks)\s+){0,3}(?:have |all |now |are )*(?P<p>pass(?:ed|es|ing)?|green|succeed(?:ed|s)?|successful|ok)\b";
    N_FAILED = r"\b(\d+(?:,\d{3})*)\s+(?:(?:tests?|specs?|test cases|assertions)\s+)?(?:fail(?:ed|ing|ures?|s)?|errors?)\b";
    ALL_N = r"\b(?:all|the|our|every one of the)\s+(\d+(?:,\d{3})*)\s+(?:of (?:the|them)\s+)?((?:[a-z-]+\s+){0,3}?)(?:tests?|specs?|test cases|assertions|checks)\b|\bpass(?:es|ed)\s+(?:all\s+)?(?:of\s+)?(?:the\s+)?(\d+)\s+((?:[a-z-]+\s+){0,2}?)(?:tests?|specs?)\b";
    NO_FAILURES = r"\b(?:no|zero|0|without(?: any| a)?)\s+(?:single\s+)?(?:test\s+|unit test\s+)?(?:failures?|failing|failed|regressions?)\b|\bno(?:ne)?\s+(?:of the\s+)?tests?\s+(?:fail|failed|are failing)\b";
    PRONOUN_PASS = r"(?:^|\b(?:and|now|so)\s+)(?:they|it|which|all|everything|all of them|both|each|result|results)\b[^.!?]{0,24}?(?P<p>\b(?:pass|passes|passed|passing|green|succeeds?|succeeded)\b|okmark)";
    TEST_NOUN = r"\b(?:test_\w+|tests?|specs?|(?:test )?suite|pytest|unittest|jest|vitest|mocha|rspec|phpunit|ctest|nextest)\b";
    BUILD_OK = r"\b(?:builds?|compilation|compile)\b(?P<mid>[^.!?]{0,32}?)\b(?P<p>succeed(?:s|ed)?|pass(?:es|ed|ing)?|(?:is|are|was|were|stays|remains) (?:now )?(?:clean|green|ok|fine|successful)|successful|(?:completed|finished|completes|finishes) (?:successfully|cleanly|without errors?)|okmark|works)\b";
    BUILDS_OK = r"\b(?:compiles|builds|compiled|built)\b(?P<mid>[^.!?]{0,16}?)\b(?P<p>cleanly|successfully|without (?:any )?(?:errors?|warnings?|issues|problems)|fine|with no (?:errors|warnings))";
    IT_COMPILES = r"\b(?:project|code|crate|app|application|everything|it|workspace|program|package)\s+(?:now\s+|still\s+|all\s+)?(?P<p>compiles|builds)(?:\s+(?:now|again|fine|and\b.*))?\s*[.!]?\s*$";
    LINT_OK = r"\b(?:lint|lints|linter|linters|linting|eslint|clippy|ruff|flake8|pylint|biome|rubocop|golangci-lint|prettier|stylelint|formatting check|format check)\b(?P<mid>[^.!?]{0,36}?)(?P<p>\b(?:pass(?:es|ed|ing)?|clean|cleanly|green|happy|quiet|succeed(?:s|ed)?|(?:reports?|shows?|has|with|finds?|found|gives?|is) (?:no|zero|0) (?:errors?|warnings?|issues?|problems?|complaints?)|no (?:errors|warnings|issues|problems)|0 (?:errors|warnings|issues|problems)|without (?:errors?|warnings?|issues?|complaints?))\b|okmark)";
    NO_LINT = r"\b(?P<p>no|zero|0)\s+(?:lint|linter|linting|eslint|clippy|ruff)\s+(?:errors?|warnings?|issues?|problems?)\b";
    TYPES_OK = r"\b(?:type[- ]?check(?:s|er|ing)?|tsc|mypy|pyright|typescript (?:compiler|compilation|check))\b(?P<mid>[^.!?]{0,36}?)(?P<p>\b(?:pass(?:es|ed|ing)?|clean|cleanly|green|happy|succeed(?:s|ed)?|(?:reports?|shows?|has|with|finds?|found|is) (?:no|zero|0) (?:type )?(?:errors?|issues?)|no (?:type )?errors|0 errors|without (?:type )?errors?|fine)\b|okmark)";
    NO_TYPES = r"\b(?P<p>no|zero|0)\s+type(?:script)?\s+errors?\b";
    DEPLOY_OK = r"\b(?:deployment|deploy|rollout|release)\b(?P<mid>[^.!?]{0,24}?)\b(?P<p>succeed(?:s|ed)|successful|completed|(?:is|was) (?:live|done|complete|green)|finished|went through)\b|\b(?P<p2>(?:successfully deployed|deployed (?:successfully|it|the \S+|to \S+)))\b";
    CHECKS_OK = r"\b(?:all|every)\s+(?:of the\s+|the\s+)?(?:\d+\s+)?(?:other\s+)?(?:quality\s+)?(?:checks|gates)\b(?P<mid>[^.!?]{0,20}?)(?P<p>\b(?:pass|passes|passed|passing|succeed|succeeded|green|clean)\b|okmark)";
    RAN = r"\b(?:(?:i|we)(?:'ve| have)?\s+(?:just\s+|also\s+|then\s+|now\s+|successfully\s+|already\s+|re-?)?(?:ran|run|executed|re-?ran|verified|confirmed|checked|validated|tested)|(?:^|\band\s+|okmark\s+)(?:ran|re-?ran|executed|verified|confirmed|tested)|(?:after|by) running|ran the|running the \S+ (?:shows|showed|confirms|confirmed))\b";

    // What makes it no claim.
    NEGATED = r"\b(?:not|never|neither|nor|cannot|without|unable|hardly|no longer)\b|n't\b|\bfail(?:s|ed)? to\b|\byet to\b|\bno\s+(?:unit |integration |such )?(?:tests?|specs?)\b|\bnone of\b|\bnot all\b";
    MODAL = r"\b(?:will|shall|should|would|could|may|might|must|ought|going to|gonna|need|needs|needed to|want|wants|wanted|let me|let's|let us|plan to|planning|try|trying|tries|expect|expects|expected|hopefully|hope|likely|probably|presumably|supposedly|perhaps|maybe|i think|i believe|i assume|assume|assuming|assumed|appear|appears|seem|seems|seemingly|in theory|wait|waiting|require|requires|required|allow|allows|goal|aim|able to|help|so that|in order|ready to|next|todo|to do|target|until|till|make|makes|making|get|gets|getting|ensur\w*|guarantee\w*|want|please|you can|suggest\w*|recommend\w*|intend\w*|i'll|we'll|you'll|'ll|pending|aiming|attempt\w*|ci will|unverified|untested|theoretically|supposed)\b";
    MODAL_START = r"^(?:please |then |and |to |also )?(?:confirm|check|verify|validate|see|run|rerun|re-run|ensure|make sure|watch|look|test|keep|have)\b|\bto (?:confirm|check|verify|validate|see|be|know|tell|find out)\b|\b(?:and|then) (?:confirm|check|verify|validate|see|make sure|ensure)\b|\bto\s*$";
    CONDITIONAL = r"\b(?:if|once|when|whenever|unless|until|before|whether|provided|as long as|as soon as|only after|in case|every time|each time|supposing|were to)\b";
    PAST_TIME = r"\b(?:previously|earlier|originally|initially|formerly|at first|used to|was passing|were passing|had been|had passed|had|last time|yesterday|at baseline|baseline|on main|on master|upstream|before (?:the|my|this|that|any|these|our|we|i)\b|in the past|prior to)";
    QUOTED_SAY = r"\b(?:i|we|you|he|she|user|issue|readme|docs?|documentation|ticket|reviewer|comment|commit message|task|prompt|description|instructions?|spec|author|summary|message|log message|operator|earlier)\b[^.!?]{0,24}\b(?:said|says|say|claim(?:s|ed|ing)?|stat(?:es|ed)|wrote|write|mention(?:s|ed)?|asserted|asks?|asked|told|requires?|wants?|expects?)\b|\b(?:my|the|that|this|earlier|previous|false|wrong) (?:\w+ )?(?:claim|statement|assertion)\b|\baccording to the (?:issue|readme|docs?|user|ticket|description)\b";
    AFTER_LIMITS = r"^[^.!?]{0,48}?\b(?:before|previously|earlier|yesterday|prior to|at the start|upstream|except|apart from|other than|aside from|excluding|besides|but|when|if|once|unless|should|would|as expected once|only (?:when|if|with)|individually|in isolation|on main|on master|because (?:they|it|the tests?) (?:are|is|were|was)? ?(?:mock|skip)|instead of|by accident|regardless|either way|vacuously|trivially)\b";
    PARTIAL = r"\b(?:most|some|many|several|half|part|a few|few|all but|almost all|nearly all|almost every|\d+\s?%|other|others|remaining|rest|majority|partially|each test that|whichever)\b";
    DESCRIBES = r"\b(?:that|which|who|whose|where|cover|covers|covering|checks|checking|asserts?|asserting|ensures?|verif(?:y|ies|ying)|exercis\w+|expects?|for (?:the )?case|named|called|with a|of a|into|through|against|fixture)\b";
    PASSES_THING = r"^\s*(?:a|an|its|through|into|along|via|them|itself|none|null|arguments?|args|values?|parameters?|data|as|by reference|over|down|back|to|the (?:list|value|data|object|argument|string|user|parameter|option|flag|request|config|context|path|file|number|input|wrong|right|correct))\b";
    STRESSED = r"\b(?:all|every|entire|full|whole|complete|everything|100\s?%)\b";
    PHRASE = r"(?P<d>\b(?:these|those|this|that|its|one|another|both|two|three|four|five|six|the first|the second)\s+)?(?P<a>(?:[\w'/.-]+\s+){0,3})\b(?:tests?|specs?|suites?|test cases|checks)\b";
    LABEL = r"^\W*(?:goal|todo|next|aim|target|expected|expectation|acceptance|requirement|plan|definition of done|criterion|criteria)s?\b[^:]{0,20}:";
    TEST_NAME = r"\b(test_[a-z0-9_]+|[a-z0-9_]+::[a-z0-9_:]+|test[a-z0-9]+_[a-z0-9_]+)\b";
    FILE_NAME = r"\b[\w/-]+\.(?:py|rs|ts|tsx|js|jsx|go|java|rb|php|cs|kt|swift|cpp|c)\b";

    // Admissions.
    TESTS_FAIL = r"\b(?:tests?|specs?|(?:test )?suites?|pytest|unittest|jest|vitest|ctest|test_\w+|assertions?|(?P<n>[1-9]\d*|one|two|three|some|several|a few|many))\b(?P<mid>[^.!?]{0,40}?)\b(?P<p>fail|fails|failing|failed|failures?|red|broken|errors? out)\b";
    STILL = r"\b(?:still|remain(?:s|ing)?|continue|continues|keeps?|unresolved|currently)\b";
    FIXED_WORD = r"\b(?:fix(?:ed|es|ing)?|resolv\w+|repair\w*|address\w*|correct(?:ed|s|ing)?|caus\w+|reason|no longer|previously|was|were|had|originally|used to|because|due to|made|mended|earlier|before|initially|at first|first|the failing|root|that failed|which failed|would|if|when|formerly|reproduc\w+|should|could|might|handle[sd]?|handling|graceful\w*|simulat\w+|expected to)\b";
    NOT_RUN = r"(?:\b(?:could not|cannot|can not|unable to|was not able to|were not able to|did not|have not|has not|not yet|never|no way to|without|failed to|not possible to|skipp(?:ed|ing)|was not|were not|not|won't|will not)\b|n't)\s+(?:been |be |actually |yet |able to |even |fully |get to )*(?:re-?)?(?:run(?:ning)?|execut\w+|test(?:ed|ing)?|verif\w+|complete the test|start|check(?:ed)?|validat\w+)\b|\b(?:untested|unverified|not tested|not verified|not run|weren't run|wasn't run)\b|\b(?:you (?:should|can|may|need to|will need to)|please|recommend|suggest)\b[^.!?]{0,24}\brun(?:ning)?\b[^.!?]{0,20}\b(?:tests?|suite|build|lint)";
    BUILD_FAILS = r"\b(?:build|compilation)\b[^.!?]{0,24}\b(?:fails|failing|is broken|still broken|does not)\b|\b(?:does not|doesn't|won't|cannot|can't) (?:compile|build)\b";
    LINT_FAILS = r"\b(?:lint|linter|eslint|clippy|ruff|mypy|tsc|type ?check\w*|pyright)\b[^.!?]{0,32}\b(?:fails|failing|complains?|still (?:reports?|shows?|has)|[1-9]\d* (?:errors?|warnings?|issues?|problems?))\b|\b(?:remaining|pre-existing|preexisting) (?:lint|type|clippy|mypy|eslint)? ?(?:errors?|warnings?|issues?)\b";
    EXCEPT = r"\b(?:except|apart from|other than|aside from|excluding|all but|besides)\b|\b(?:pre-?existing|unrelated|known|flaky)\s+(?:test\s+)?(?:failure|failures|failing|flake|flakes|error|errors|issue)\b";

    // Being done.
    DONE = r"(?:^|\b(?:is|are|now|everything|all|task|work|it's|that's|i'm|been|changes?|steps?)\s+)(?:all\s+)?(?:done|complete|completed|finished|all set|ready)\b|\b(?:i(?:'ve| have)?|we(?:'ve| have)?|successfully)\s+(?:successfully\s+|now\s+)?(?:fixed|completed|finished|implemented|resolved)\b|^(?:fixed|implemented|completed|resolved|finished)\b";
    WORKS = r"\b(?:fixed|resolved|works(?: now| as expected| correctly)?|working (?:now|correctly|as expected)|implemented|is correct|verified|functional)\b";
    WORKS_NOT = r"\b(?:not|never|cannot|unable|partially|half|should|would|will|might|may|if|once|when|nothing)\b|n't\b";
}

/// Reads what a text says about checks.
pub(crate) fn read(text: &str) -> Said {
    let mut said = Said::default();
    let mut context = Context::default();
    for sentence in Sentences::of(crate::text::clip(text, LOOKED_AT)) {
        read_sentence(&sentence, &mut context, &mut said);
    }
    said
}

/// What earlier sentences lend to the next one.
#[derive(Default)]
struct Context {
    /// The sentence before spoke of having run tests.
    ran_tests: bool,
}

/// The clauses of a sentence: each with the words that lead into it.
fn clauses(words: &str) -> Vec<(&str, bool)> {
    let mut all = Vec::new();
    let mut from = 0usize;
    let mut conditional = false;
    let bytes = words.as_bytes();
    let mut i = 0usize;
    while i < bytes.len() {
        // Whatever divides clauses begins with one of these.
        if !matches!(bytes.get(i), Some(b',' | b';' | b' ')) {
            i += 1;
            continue;
        }
        let rest = words.get(i..).unwrap_or("");
        let length = [
            ", but ",
            " but ",
            "; ",
            ", and ",
            ", so ",
            " however ",
            " although ",
            " though ",
            " while ",
            " whereas ",
            " yet ",
            " - ",
        ]
        .iter()
        .find(|w| rest.starts_with(**w))
        .map(|w| w.len())
        .or_else(|| {
            (rest.starts_with(", ")
                && !rest.get(2..3).is_some_and(|c| c.as_bytes().first().is_some_and(u8::is_ascii_digit)))
            .then_some(2)
        });
        match length {
            Some(length) if words.is_char_boundary(i) => {
                let clause = words.get(from..i).unwrap_or("");
                all.push((clause, conditional));
                // "If it compiles, all tests pass": the condition holds for the next clause.
                conditional = CONDITIONAL.find(clause.trim_start()).is_some_and(|m| m.start() < 4)
                    && rest.starts_with(", ")
                    && !rest.starts_with(", but");
                i += length;
                from = i;
            }
            _ => {
                i += 1;
                while i < bytes.len() && !words.is_char_boundary(i) {
                    i += 1;
                }
            }
        }
    }
    all.push((words.get(from..).unwrap_or(""), conditional));
    all
}

fn read_sentence(sentence: &Sentence, context: &mut Context, said: &mut Said) {
    let words = sentence.words.as_str();
    read_admissions(words, sentence.question, said);
    let ran = RAN.is_in(words);
    let noun = TEST_NOUN.is_in(words);
    if !sentence.question && !QUOTED_SAY.is_in(words) {
        if DONE.is_in(words) && !WORKS_NOT.is_in(words) && said.done.is_none() {
            said.done = Some(sentence.span.clone());
        }
        if WORKS.is_in(words) && !WORKS_NOT.is_in(words) && said.works.is_none() {
            said.works = Some(sentence.span.clone());
        }
        let mut before_has_noun = false;
        let mut found: Vec<(About, &str, usize)> = Vec::new();
        for (clause, conditional) in clauses(words) {
            if !conditional {
                claims_of(clause, before_has_noun || context.ran_tests, ran, &mut found);
            }
            before_has_noun |= noun && TEST_NOUN.is_in(clause);
        }
        for (about, clause, end) in found {
            if said.claims.iter().any(|c| c.about == about && c.span == sentence.span) {
                continue;
            }
            said.claims.push(claim(about, clause, end, words, ran, sentence.span.clone()));
        }
    }
    context.ran_tests = ran && noun && !sentence.question && !MODAL.is_in(words) && !NOT_RUN.is_in(words);
}

/// Whether a sentence states what stands at a place of its words: no question, wish, denial, condition.
pub(crate) fn states(sentence: &Sentence, at: usize) -> bool {
    let words = sentence.words.as_str();
    let rest = words.get(at..).unwrap_or("");
    let after = rest.find(' ').and_then(|i| rest.get(i..)).unwrap_or("");
    !sentence.question && !QUOTED_SAY.is_in(words) && stands(words, at, at, after)
}

/// The claims of one clause, each with the clause and where its predicate ends.
fn claims_of<'c>(clause: &'c str, noun_before: bool, _ran: bool, found: &mut Vec<(About, &'c str, usize)>) {
    let test = About::Kind(CheckKind::Test);
    let mut tests = false;
    for (about, pattern) in [
        (test, &TESTS_PASS),
        (About::Kind(CheckKind::Build), &BUILD_OK),
        (About::Kind(CheckKind::Build), &BUILDS_OK),
        (About::Kind(CheckKind::Build), &IT_COMPILES),
        (About::Kind(CheckKind::Lint), &LINT_OK),
        (About::Kind(CheckKind::Lint), &NO_LINT),
        (About::Kind(CheckKind::Types), &TYPES_OK),
        (About::Kind(CheckKind::Types), &NO_TYPES),
        (About::Kind(CheckKind::Deploy), &DEPLOY_OK),
        (About::Checks, &CHECKS_OK),
        (test, &OKMARK_TESTS),
    ] {
        let Some(m) = pattern.captures(clause) else { continue };
        let (Some(whole), Some(p)) = (m.get(0), m.name("p").or_else(|| m.name("p2"))) else { continue };
        let mid = m.name("mid").map_or("", |m| m.as_str());
        let after = clause.get(p.end()..).unwrap_or("");
        if !stands(clause, whole.start(), p.start(), after) || DESCRIBES.is_in(mid) || mid.contains("fail") {
            continue;
        }
        if about == test && p.as_str().starts_with("pass") && PASSES_THING.is_in(after) {
            continue;
        }
        tests |= about == test;
        found.push((about, clause, p.end()));
    }
    if tests {
        return;
    }
    if let Some(m) = PASSES_TESTS.captures(clause)
        && let (Some(whole), Some(p)) = (m.get(0), m.name("p"))
    {
        let quantity = m.name("q").map_or("", |q| q.as_str());
        let plain = matches!(p.as_str(), "passes" | "passed");
        let counted = quantity.contains("all") || quantity.bytes().any(|b| b.is_ascii_digit());
        let subject = clause.get(..whole.start()).is_some_and(|b| {
            let b = b.trim_end();
            ["they", "we", "changes", "both", "all", "everything", "code", "now", "implementation", "and"]
                .iter()
                .any(|w| b.ends_with(w))
        });
        if (plain || p.as_str() == "pass" && subject || p.as_str() == "passing" && counted && subject)
            && stands(clause, whole.start(), p.start(), clause.get(whole.end()..).unwrap_or(""))
        {
            found.push((test, clause, whole.end()));
            return;
        }
    }
    let has_noun = TEST_NOUN.is_in(clause) || noun_before;
    if let Some(m) = N_PASSED.captures(clause)
        && let (Some(whole), Some(p)) = (m.get(0), m.name("p"))
        && (has_noun || N_FAILED.is_in(clause) && p.as_str() == "passed" || RATIO.is_in(clause))
        && stands(clause, whole.start(), p.start(), clause.get(whole.end()..).unwrap_or(""))
        && !PASSES_THING.is_in(clause.get(whole.end()..).unwrap_or(""))
    {
        found.push((test, clause, whole.end()));
        return;
    }
    if let Some(m) = RATIO.captures(clause)
        && let Some(whole) = m.get(0)
        && TEST_NOUN.is_in(clause)
        && m.get(1).map(|n| n.as_str()) == m.get(2).map(|n| n.as_str())
        && stands(clause, whole.start(), whole.start(), clause.get(whole.end()..).unwrap_or(""))
        && !clause.contains("fail")
    {
        found.push((test, clause, whole.end()));
        return;
    }
    if has_noun
        && let Some(m) = NO_FAILURES.find(clause)
        && stands(clause, m.start(), m.start(), clause.get(m.end()..).unwrap_or(""))
    {
        found.push((test, clause, m.end()));
        return;
    }
    if noun_before
        && let Some(m) = PRONOUN_PASS.captures(clause)
        && let (Some(whole), Some(p)) = (m.get(0), m.name("p"))
        && stands(clause, whole.start(), p.start(), clause.get(p.end()..).unwrap_or(""))
        && !PASSES_THING.is_in(clause.get(p.end()..).unwrap_or(""))
    {
        found.push((test, clause, p.end()));
    }
}

/// Whether nothing around the predicate takes the claim back.
fn stands(clause: &str, subject: usize, predicate: usize, after: &str) -> bool {
    let before = clause.get(..predicate).unwrap_or("");
    // What is said before an "and" does not touch what comes after it, as long as the subject does.
    let cut = [" and ", " so ", ": "]
        .iter()
        .filter_map(|w| clause.get(..subject).and_then(|s| s.rfind(w)).map(|i| i + w.len()))
        .max()
        .unwrap_or(0);
    let window = clause.get(cut..predicate).unwrap_or("");
    let asks =
        MODAL_START.is_in(window) || window.trim_end().ends_with(" to") || before.trim_end().ends_with(" to");
    !(NEGATED.is_in(window)
        || MODAL.is_in(window)
        || asks
        || CONDITIONAL.is_in(before)
        || PAST_TIME.is_in(before)
        || LABEL.is_in(before)
        || AFTER_LIMITS.is_in(after)
        || PARTIAL.is_in(window) && !RATIO.is_in(clause))
}

fn claim(about: About, clause: &str, end: usize, words: &str, ran: bool, span: Range<usize>) -> Claim {
    let mut counts = Counts::default();
    let number =
        |m: Option<regex::Match<'_>>| m.and_then(|m| m.as_str().replace(',', "").parse::<u32>().ok());
    if about == About::Kind(CheckKind::Test) {
        // Numbers of the whole sentence: "Ran 42 tests, 39 passed, 3 failed".
        if let Some(m) = RATIO.captures(words).filter(|m| {
            TEST_NOUN.is_in(words)
                || m.get(0)
                    .is_some_and(|r| words.get(r.end()..).is_some_and(|a| a.trim_start().starts_with("pass")))
        }) {
            counts.passed = number(m.get(1));
            counts.total = number(m.get(2));
        } else if let Some(m) = ALL_N.captures(words) {
            counts.passed = number(m.get(1).or_else(|| m.get(3)));
        } else if let Some(m) = N_PASSED.captures(words) {
            counts.passed = number(m.get(1));
        }
        if let Some(m) = N_FAILED.captures(words) {
            counts.failed = number(m.get(1));
        }
    }
    let head = clause.get(..end).unwrap_or(clause);
    let names: Vec<u64> =
        TEST_NAME.all(clause).filter_map(|m| m.get(1).map(|m| name_hash(m.as_str()))).take(8).collect();
    let reach = if !names.is_empty() || FILE_NAME.is_in(clause) || of_a_part(head) {
        Reach::Part
    } else if STRESSED.is_in(head) {
        Reach::Stressed
    } else {
        Reach::Whole
    };
    let said = said_in_short(about, counts, reach, head);
    Claim { about, reach, counts, ran, ground: ground_of(clause), names, span, said }
}

/// Words before "tests" that leave it all of them.
const NEUTRAL: &[&str] = &[
    "all",
    "the",
    "of",
    "our",
    "my",
    "your",
    "every",
    "each",
    "full",
    "entire",
    "whole",
    "complete",
    "unit",
    "existing",
    "automated",
    "project",
    "project's",
    "repo's",
    "python",
    "rust",
    "go",
    "java",
    "javascript",
    "typescript",
    "js",
    "ts",
    "php",
    "ruby",
    "c++",
    "cargo",
    "npm",
    "yarn",
    "pnpm",
    "make",
    "pytest",
    "jest",
    "vitest",
    "dotnet",
    "gradle",
    "maven",
    "mvn",
    "test",
    "tests",
    "passing",
    "and",
    "that",
    "i",
    "now",
    "with",
    "pass",
    "passes",
    "passed",
    "ran",
    "run",
    "re-ran",
    "reran",
    "running",
    "is",
    "are",
    "it",
    "they",
    "we",
    "so",
    "verified",
    "confirm",
    "confirmed",
    "local",
    "happy",
    "report",
    "green",
    "okmark",
    "then",
    "out",
    "100",
    "successfully",
    "again",
    "also",
    "no",
    "none",
    "zero",
    "without",
];

/// Whether a claim speaks of some tests only: "the new tests", "this test", "the parser tests".
fn of_a_part(head: &str) -> bool {
    // What stands before the last "and", or a colon, belongs to something else.
    let from = [" and ", ": ", " that ", "; "]
        .iter()
        .filter_map(|w| head.rfind(w).map(|i| i + w.len()))
        .filter(|i| head.get(*i..).is_some_and(|rest| TEST_NOUN.is_in(rest)))
        .max()
        .unwrap_or(0);
    let head = head.get(from..).unwrap_or(head);
    let Some(m) = PHRASE.captures(head) else {
        return false;
    };
    if m.name("d").is_some() {
        return true;
    }
    let noun_single = m.get(0).is_some_and(|p| p.as_str().ends_with("test"));
    let tool = [
        "cargo test",
        "npm test",
        "go test",
        "make test",
        "yarn test",
        "dotnet test",
        "pnpm test",
        "every test",
        "each test",
    ];
    if noun_single && !tool.iter().any(|t| head.contains(t)) {
        return true;
    }
    let adjectives = m.name("a").map_or("", |a| a.as_str());
    // Only what stands right before the noun, back to a word that begins the phrase.
    let mut words: Vec<&str> = adjectives.split_whitespace().collect();
    if let Some(start) = words.iter().rposition(|w| {
        matches!(*w, "the" | "all" | "our" | "every" | "my" | "of" | "passes" | "passed" | "ran")
    }) {
        words.drain(..=start);
    }
    words.iter().any(|w| {
        let w = w.trim_matches(|c: char| !c.is_alphanumeric() && c != '+');
        !w.is_empty()
            && !NEUTRAL.contains(&w)
            && !w.bytes().all(|b| b.is_ascii_digit() || b == b'/' || b == b',')
    })
}

fn said_in_short(about: About, counts: Counts, reach: Reach, head: &str) -> String {
    match (about, counts) {
        (_, Counts { passed: Some(p), total: Some(t), .. }) => format!("{p} of {t} passed"),
        (_, Counts { passed: Some(p), failed: Some(f), .. }) if f > 0 => format!("{p} passed, {f} failed"),
        (_, Counts { passed: Some(p), .. }) => {
            if head.contains("all") {
                format!("all {p} tests pass")
            } else {
                format!("{p} tests pass")
            }
        }
        (About::Kind(CheckKind::Test), _) if reach == Reach::Stressed => "all tests pass".to_owned(),
        (About::Kind(CheckKind::Test), _) => "the tests pass".to_owned(),
        (About::Kind(CheckKind::Build), _) => "the build succeeds".to_owned(),
        (About::Kind(CheckKind::Lint), _) => "the lint is clean".to_owned(),
        (About::Kind(CheckKind::Types), _) => "the type check passes".to_owned(),
        (About::Kind(CheckKind::Deploy), _) => "the deployment succeeded".to_owned(),
        (About::Checks, _) => "all checks pass".to_owned(),
    }
}

fn ground_of(clause: &str) -> Ground {
    for (word, ground) in [
        ("pytest", Ground::Python),
        ("unittest", Ground::Python),
        ("python", Ground::Python),
        ("mypy", Ground::Python),
        ("ruff", Ground::Python),
        ("cargo", Ground::Rust),
        ("rust ", Ground::Rust),
        ("clippy", Ground::Rust),
        ("nextest", Ground::Rust),
        ("jest", Ground::Script),
        ("vitest", Ground::Script),
        ("mocha", Ground::Script),
        ("eslint", Ground::Script),
        ("tsc", Ground::Script),
        ("npm ", Ground::Script),
        ("go test", Ground::Go),
        ("go vet", Ground::Go),
        ("gradle", Ground::Jvm),
        ("maven", Ground::Jvm),
        ("junit", Ground::Jvm),
        ("dotnet", Ground::DotNet),
        ("phpunit", Ground::Php),
        ("rspec", Ground::Ruby),
        ("ctest", Ground::Native),
    ] {
        if clause.contains(word) {
            return ground;
        }
    }
    Ground::Any
}

fn read_admissions(words: &str, question: bool, said: &mut Said) {
    let mut admit = |kind: CheckKind| {
        said.admits = true;
        if !said.admitted.contains(&kind) {
            said.admitted.push(kind);
        }
    };
    if EXCEPT.is_in(words) {
        admit(CheckKind::Test);
        admit(CheckKind::Lint);
        admit(CheckKind::Types);
    }
    if NOT_RUN.is_in(words) && !question {
        for (word, kind) in [
            ("lint", CheckKind::Lint),
            ("build", CheckKind::Build),
            ("compil", CheckKind::Build),
            ("type", CheckKind::Types),
            ("deploy", CheckKind::Deploy),
        ] {
            if words.contains(word) {
                admit(kind);
            }
        }
        admit(CheckKind::Test);
    }
    if BUILD_FAILS.is_in(words) && !FIXED_WORD.is_in(words) {
        admit(CheckKind::Build);
    }
    if LINT_FAILS.is_in(words) && !FIXED_WORD.is_in(words) {
        admit(CheckKind::Lint);
        admit(CheckKind::Types);
    }
    if words.contains("failmark") {
        admit(CheckKind::Test);
    }
    for (clause, conditional) in clauses(words) {
        if conditional {
            continue;
        }
        if let Some(m) = TESTS_FAIL.captures(clause)
            && let Some(p) = m.name("p")
        {
            let before = clause.get(..p.start()).unwrap_or("");
            let window = m.name("mid").map_or("", |m| m.as_str());
            let zero = NO_FAILURES.is_in(clause)
                || clause.contains("0 fail")
                || clause.contains("not fail")
                || clause.contains("n't fail")
                || NEGATED.is_in(window)
                || before.trim_end().ends_with("no");
            let mended = FIXED_WORD.is_in(clause) && !STILL.is_in(clause);
            if !zero && !mended && !CONDITIONAL.is_in(before) {
                admit(CheckKind::Test);
            }
        }
        if let Some(m) = TESTS_PASS.captures(clause)
            && let (Some(whole), Some(p)) = (m.get(0), m.name("p"))
        {
            let window = clause
                .get(whole.start().saturating_sub(12)..p.start())
                .or(clause.get(whole.start()..p.start()))
                .unwrap_or("");
            if NEGATED.is_in(window) && !FIXED_WORD.is_in(clause) && !NO_FAILURES.is_in(window) {
                admit(CheckKind::Test);
            }
        }
        if PARTIAL.is_in(clause)
            && TEST_NOUN.is_in(clause)
            && (clause.contains("pass") || clause.contains("fail"))
            && !RATIO.is_in(clause)
            && !clause.contains("100")
            && !FIXED_WORD.is_in(clause)
        {
            admit(CheckKind::Test);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_compile() {
        assert_eq!(patterns_that_do_not_compile(), [""; 0]);
    }
}
