//! The ways of saying it: every pattern of the grammar, over lower-case words of one sentence.

use crate::detect::pattern::patterns;

/// Subjects: what tests go by.
macro_rules! tests {
    () => {
        r"(?:test_\w+|testrun\S*|\w*tests?\.sh|tests?|specs?|(?:test[- ]?)?suites?|test cases|assertions|(?:all|\d+) examples|pytest|unittest|jest|vitest|mocha|rspec|phpunit|ctest|nextest|tox|nox|doctests?|junit)"
    };
}
/// How many, in figures or in words.
macro_rules! number {
    () => {
        r"(\d+(?:,\d{3})*|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty)"
    };
}
/// What every kind of check may be said to be.
macro_rules! fine {
    () => {
        r"okmark|\b(?:is|are|was|were|stays?|stayed|comes?|came|runs?|ran|remains?|be)\s+(?:back |out |through |all |now |both |fully |still |completely |also )*(?:clean|cleanly|happy|ok|fine|all good)\b|\b(?:reports?|says|prints?|printed|reported)\s+ok\b|:\s*ok\s*$|\bexit(?:s|ed)? (?:with )?(?:an? )?(?:exit )?(?:code |status )?(?:of )?(?:0|zero)\b|\bexit (?:code|status):? (?:0|zero)\b|\b(?:complet(?:es|ed)|finish(?:es|ed)|runs?|ran|executed) (?:\w+ )?(?:without|with (?:no|zero|0)) (?:\w+ )?(?:errors?|failures?|issues?|problems?)\b"
    };
}

patterns! {
    // Subjects and predicates.
    pub(super) TESTS_PASS = concat!(r"\b", tests!(), r"\b(?P<mid>[^!?]{0,56}?)(?P<p>\b(?:pass|passes|passed|passing|succeed|succeeds|succeeded|green|successful|successfully|go through|went through|check out)\b|", fine!(), ")");
    pub(super) PASSES_TESTS = r"\b(?P<p>passes|passed|pass|passing)\s+(?P<q>(?:(?:all|every|the|its|both|full|entire|existing|unit|integration|of|whole|complete|our|\d+|\d+/\d+|new|e2e|regression)\s+){0,5})(?:tests?|specs?|(?:test )?suite)\b";
    pub(super) OKMARK_TESTS = r"^\s*(?P<p>okmark)\s+(?P<mid>[^!?]{0,30})\b(?:tests?|testrun\S*|specs?|suite)\b(?P<end>[^!?]{0,40})$";
    pub(super) RATIO = concat!(r"\b", number!(), r"\s*(?:/|of|out of)\s*(?:the )?(?:all )?", number!(), r"\b");
    pub(super) ONLY_RATIO = r"^\W*(?P<n>\d+)\s*/\s*(?P<m>\d+)\s*(?:okmark|green|passed|passing|pass)?\W*$";
    pub(super) N_PASSED = concat!(r"\b", number!(), r"\s+(?:(?:of them|unit|integration|existing|new|total|tests?|specs?|examples|test cases|assertions|checks)\s+){0,3}(?:have |all |now |are )*(?P<p>pass(?:ed|es|ing)?|green|succeed(?:ed|s)?|successful|ok)\b");
    pub(super) N_FAILED = r"\b(\d+(?:,\d{3})*)\s+(?:(?:tests?|specs?|test cases|assertions)\s+)?(?:fail(?:ed|ing|ures?|s)?|errors?)\b";
    pub(super) ALL_N = concat!(r"\b(?:all|the|our|every one of the)\s+", number!(), r"\s+(?:of (?:the|them)\s+)?((?:[a-z-]+\s+){0,3}?)(?:tests?|specs?|examples|test cases|assertions|checks)\b|\bpass(?:es|ed)\s+(?:all\s+)?(?:of\s+)?(?:the\s+)?(\d+)\s+((?:[a-z-]+\s+){0,2}?)(?:tests?|specs?)\b|\(", number!(), r" (?:tests|specs|examples)\b");
    pub(super) NO_FAILURES = r"\b(?:no|zero|0|without(?: any| a)?)\s+(?:single\s+)?(?:test\s+|unit test\s+)?(?:failures?|failing|failed|regressions?)\b|\bno(?:ne)?\s+(?:of the\s+)?tests?\s+(?:fail|failed|are failing)\b|\bnothing (?:fails|failed|broke|is failing)\b";
    pub(super) PRONOUN_PASS = r"(?:^|\b(?:and|now|so|that|confirms|confirmed|reports|reported)\s+)(?:they|it|which|all|everything|all of them|both|each|result|results)\b[^!?]{0,24}?(?P<p>\b(?:pass|passes|passed|passing|green|succeeds?|succeeded)\b|okmark)";
    pub(super) EVERYTHING_PASSES = r"(?:^|\b(?:and|now|so|that|confirms|confirmed)\s+)(?:everything|all|it all)\s+(?:now |still |is |are |of it )*(?P<p>pass|passes|passed|passing|green)\b";
    pub(super) TEST_NOUN = concat!(r"\b", tests!(), r"\b");
    pub(super) BUILD_NOUN = r"\b(?:builds?|buildrun\S*|compiler?|compiled)\b";
    pub(super) LINT_NOUN = r"\b(?:lint|lintrun\S*|linters?|linting|eslint|clippy|ruff|flake8|pylint|rubocop|prettier|black)\b";
    pub(super) TYPES_NOUN = r"\b(?:type[- ]?check\w*|typesrun\S*|tsc|mypy|pyright)\b";
    pub(super) BARE_FINE = r"^\W*(?:(?:it|they|all|everything|the result|result|that)\s+(?:is |are |was |were |came back |all |now )*)?(?:all )?(?P<p>clean|green|good|fine|ok|okmark|passed|passes|no (?:issues|errors|warnings|failures|problems|complaints)|(?:0|zero) (?:issues|errors|warnings|failures|problems))(?: found| reported)?\W*$";
    pub(super) BUILD_OK = concat!(r"\b(?:builds?|buildrun\S*|compilation|compile)\b(?P<mid>[^!?]{0,32}?)(?P<p>\b(?:succeed(?:s|ed)?|pass(?:es|ed|ing)?|(?:is|are|was|were|stays|remains) (?:now )?(?:green|fine|successful)|successful|(?:completed|finished|completes|finishes) (?:successfully|cleanly)|works)\b|", fine!(), ")");
    pub(super) BUILDS_OK = r"\b(?:compiles|builds|compiled|built)\b(?P<mid>[^!?]{0,16}?)\b(?P<p>clean|cleanly|successfully|without (?:any )?(?:errors?|warnings?|issues|problems)|fine|with no (?:errors|warnings))";
    pub(super) IT_COMPILES = r"\b(?:project|code|crate|app|application|everything|it|workspace|program|package)\s+(?:now\s+|still\s+|all\s+)?(?P<p>compiles|builds)(?:\s+(?:now|again|fine|and\b.*))?\s*[.!]?\s*$";
    pub(super) LINT_OK = concat!(r"\b(?:lint|lintrun\S*|lints|linter|linters|linting|eslint|clippy|ruff|flake8|pylint|biome|rubocop|golangci-lint|prettier|stylelint|(?:pre-commit|git)(?: hooks)?|black|isort|rustfmt|gofmt|formatting|formatter|formatting check|format check)\b(?P<mid>[^!?]{0,36}?)(?P<p>\b(?:pass(?:es|ed|ing)?|clean|cleanly|green|happy|quiet|succeed(?:s|ed)?|(?:reports?|shows?|has|with|finds?|found|gives?|is) (?:no|zero|0) (?:errors?|warnings?|issues?|problems?|complaints?)|no (?:errors|warnings|issues|problems)|0 (?:errors|warnings|issues|problems)|nothing to (?:complain|report|fix)|without (?:errors?|warnings?|issues?|complaints?))\b|", fine!(), ")");
    pub(super) NO_LINT = r"\b(?P<p>no|zero|0)\s+(?:lint|linter|linting|eslint|clippy|ruff)\s+(?:errors?|warnings?|issues?|problems?)\b";
    pub(super) TYPES_OK = concat!(r"\b(?:type[- ]?check(?:s|er|ing)?|typesrun\S*|tsc|mypy|pyright|typescript (?:compiler|compilation|check))\b(?P<mid>[^!?]{0,36}?)(?P<p>\b(?:pass(?:es|ed|ing)?|clean|cleanly|green|happy|succeed(?:s|ed)?|(?:reports?|shows?|has|with|finds?|found|is) (?:no|zero|0) (?:type )?(?:errors?|issues?)|no (?:type )?errors|0 errors|without (?:type )?errors?|fine)\b|", fine!(), ")");
    pub(super) NO_TYPES = r"\b(?P<p>no|zero|0)\s+type(?:script)?\s+errors?\b";
    pub(super) NO_WARNINGS = r"\b(?:no|zero|0|without|or|any)\s+(?:\w+ )?warnings?\b|\bclean(?:ly)?\b";
    pub(super) DEPLOY_OK = r"\b(?:deployment|deploy|rollout|release)\b(?P<mid>[^!?]{0,24}?)\b(?P<p>succeed(?:s|ed)|successful|completed|(?:is|was) (?:live|done|complete|green)|finished|went through)\b|\b(?P<p2>(?:successfully deployed|deployed (?:successfully|it|the \S+|to \S+)))\b";
    pub(super) CHECKS_OK = r"\b(?:all|every)\s+(?:of the\s+|the\s+)?(?:\d+\s+)?(?:other\s+)?(?:quality\s+)?(?:checks|gates)\b(?P<mid>[^!?]{0,20}?)(?P<p>\b(?:pass|passes|passed|passing|succeed|succeeded|green|clean)\b|okmark)";
    pub(super) COVERAGE = r"\b(?:(?:test|line|code|branch|statement)s? )?coverage\b(?P<mid>[^%!?]{0,32}?)\b(?P<n>\d{1,3}(?:\.\d+)?)\s?(?:%|percent\b)|\b(?P<n2>\d{1,3}(?:\.\d+)?)\s?(?:%|percent)\s+(?:\w+\s+){0,2}coverage\b";
    pub(super) COVERAGE_NOT = r"\b(?:at least|minimum|threshold|above|below|over|under|more than|less than|goal|target|from|about|around|roughly|approximately|limit|gate|fail_under|aim)\b";
    pub(super) LIST_ITEM = r"^\W*(?:(?:the|all|both)\s+)?(?:(?P<test>(?:unit |integration )?tests?|testrun\S*|test suite|pytest|jest|vitest)|(?P<build>build|compilation)|(?P<lint>lint|linter|linting|eslint|clippy|ruff|formatting)|(?P<types>type[- ]?check(?:s|ing)?|types|mypy|tsc))\s*$";
    pub(super) ACTED = r"\b(?:i|we)(?:'ve| have)? (?:just |also |now |then |successfully )*(?:updated|fixed|changed|implemented|edited|created|refactored|removed|rewrote|modified|ran|executed|wrote)\b";
    pub(super) RAN = r"\b(?:(?:i|we)(?:'ve| have)?\s+(?:just\s+|also\s+|then\s+|now\s+|successfully\s+|already\s+|re-?)?(?:ran|run|executed|re-?ran|verified|confirmed|checked|validated|tested)|(?:^|\band\s+|okmark\s+)(?:ran|re-?ran|executed|verified|confirmed|tested)|(?:after|by) running|ran the|running the \S+ (?:shows|showed|confirms|confirmed))\b";

    // What makes it no claim.
    pub(super) NEGATED = r"\b(?:not|never|neither|nor|cannot|without|unable|hardly|no longer)\b|n't\b|\bfail(?:s|ed)? to\b|\byet to\b|\bno\s+(?:unit |integration |such )?(?:tests?|specs?)\b|\bnone of\b|\bnot all\b";
    pub(super) MODAL = r"\b(?:will|shall|should|would|could|may [a-z]+|might|must|ought|going to|gonna|need|needs|needed to|want|wants|wanted|let me|let's|let us|plan to|planning|try|trying|tries|expect|expects|expected|hopefully|hope|likely|probably|presumably|ideally|supposedly|perhaps|maybe|i think|i believe|i assume|assume|assuming|assumed|appear|appears|seem|seems|seemingly|in theory|wait|waiting|require|requires|required|allow|allows|goal|aim|able to|help|so that|in order|ready to|next|todo|to do|target|until|till|make|makes|making|get|gets|getting|ensur\w*|guarantee\w*|want|please|you can|suggest\w*|recommend\w*|intend\w*|i'll|we'll|you'll|'ll|pending|aiming|attempt\w*|ci will|unverified|untested|theoretically|supposed)\b";
    pub(super) MODAL_START = r"^(?:please |then |and |to |also )?(?:confirm|check|verify|validate|see|run|rerun|re-run|ensure|make sure|watch|look|test|keep|have)\b|\bto (?:confirm|check|verify|validate|see|be|know|tell|find out)\b|\b(?:and|then) (?:confirm|check|verify|validate|see|make sure|ensure)\b|\bto\s*$";
    pub(super) CONDITIONAL = r"\b(?:if|once|when|whenever|unless|until|before|whether|provided|as long as|as soon as|only after|in case|every time|each time|supposing|were to)\b";
    pub(super) PAST_TIME = r"\b(?:previously|earlier|originally|initially|formerly|at first|used to|was passing|were passing|had been|had passed|had|last time|yesterday|at baseline|baseline|on main|on master|upstream|before (?:the|my|this|that|any|these|our|we|i)\b|in the past|prior to)";
    pub(super) QUOTED_SAY = r"\b(?:i|we|you|he|she|user|issue|readme|docs?|documentation|ticket|reviewer|comment|commit message|task|prompt|description|instructions?|spec|author|summary|message|log message|operator|earlier)\b[^!?]{0,24}\b(?:said|says|say|claim(?:s|ed|ing)?|stat(?:es|ed)|wrote|write|mention(?:s|ed)?|asserted|asks?|asked|told|requires?|wants?|expects?)\b|\b(?:my|the|that|this|earlier|previous|false|wrong) (?:\w+ )?(?:claim|statement|assertion)\b|\baccording to the (?:issue|readme|docs?|user|ticket|description)\b";
    pub(super) AFTER_LIMITS = r"^[^!?]{0,48}?\b(?:before|previously|earlier|yesterday|prior to|at the start|upstream|except|apart from|other than|aside from|excluding|besides|but|when|if|once|unless|should|would|as expected once|only (?:when|if|with)|individually|in isolation|on main|on master|because (?:they|it|the tests?) (?:are|is|were|was)? ?(?:mock|skip)|instead of|by accident|regardless|either way|vacuously|trivially)\b";
    pub(super) PARTIAL = r"\b(?:most|some|many|several|half (?:of|the)|part|a few|few|all but|almost all|nearly all|almost every|\d+\s?%|other|others|remaining|rest|majority|partially|each test that|whichever)\b";
    pub(super) DESCRIBES = r"\b(?:that|which|who|whose|where|cover|covers|covering|checks|checking|asserts?|asserting|ensures?|verif(?:y|ies|ying)|exercis\w+|expects?|for (?:the )?case|named|called|with a|of a|into|through|against|fixture)\b";
    pub(super) PASSES_THING = r"^\s*--?[a-z]|^\s*(?:a|an|its|through|into|along|via|them|itself|none|null|arguments?|args|values?|parameters?|data|as|by reference|over|down|back|to|the (?:list|value|data|object|argument|string|user|parameter|option|flag|request|config|context|path|file|number|input|wrong|right|correct))\b";
    pub(super) CLEAN_THING = r"^\s*(?:and |, )?(?:as|to|for|with|up|readable|simple|concise|code|separation|focused|well|short|isolated|minimal|easy|tidy|enough)\b";
    pub(super) STRESSED = r"\b(?:all|every|entire|full|whole|complete|everything|100\s?%)\b";
    pub(super) PHRASE = r"(?P<d>\b(?:these|those|this|that|its|one|another|both|two|three|four|five|six|the first|the second)\s+)?(?P<a>(?:[\w'/.-]+\s+){0,3})\b(?:tests?|specs?|suites?|test cases|checks|examples)\b";
    pub(super) FULL = r"\b(?:full|entire|whole|complete)\s+(?:\w+\s+){0,2}(?:suite|tests?)\b|\bthe (?:full|entire|whole) (?:project|workspace|repository|codebase)\b";
    pub(super) LABEL = r"^\W*(?:goal|todo|next|aim|target|expected|expectation|acceptance|requirement|plan|definition of done|criterion|criteria)s?\b[^:]{0,20}:";
    pub(super) TEST_NAME = r"\b(test_[a-z0-9_]+|[a-z0-9_]+::[a-z0-9_:]+|test[a-z0-9]+_[a-z0-9_]+)\b";
    pub(super) FILE_NAME = r"\b[\w./-]*[\w-]\.(?:py|rs|ts|tsx|js|jsx|go|java|rb|php|cs|kt|swift|cpp|c|sh)\b";

    // Admissions.
    pub(super) TESTS_FAIL = r"\b(?:tests?|specs?|(?:test )?suites?|pytest|unittest|jest|vitest|ctest|test_\w+|assertions?|(?P<n>[1-9]\d*|one|two|three|some|several|a few|many))\b(?P<mid>[^!?]{0,40}?)\b(?P<p>fail|fails|failing|failed|failures?|red|broken|errors? out)\b";
    pub(super) STILL = r"\b(?:still|remain(?:s|ing)?|continue|continues|keeps?|unresolved|currently)\b";
    pub(super) FIXED_WORD = r"\b(?:fix(?:ed|es|ing)?|resolv\w+|repair\w*|address\w*|correct(?:ed|s|ing)?|caus\w+|reason|no longer|previously|was|were|had|originally|used to|because|due to|made|mended|earlier|before|initially|at first|first|the failing|root|that failed|which failed|would|if|when|formerly|reproduc\w+|should|could|might|handle[sd]?|handling|graceful\w*|simulat\w+|expected to)\b";
    pub(super) NOT_RUN = r"(?:\b(?:could not|cannot|can not|unable to|was not able to|were not able to|did not|have not|has not|not yet|never|no way to|without|failed to|not possible to|skipp(?:ed|ing)|was not|were not|not|won't|will not)\b|n't)\s+(?:been |be |actually |yet |able to |even |fully |get to )*(?:re-?)?(?:run(?:ning)?|execut\w+|test(?:ed|ing)?|verif\w+|complete the test|start|check(?:ed)?|validat\w+)\b|\b(?:untested|unverified|not tested|not verified|not run|weren't run|wasn't run)\b|\b(?:you (?:should|can|may|need to|will need to)|please|recommend|suggest)\b[^!?]{0,24}\brun(?:ning)?\b[^!?]{0,20}\b(?:tests?|suite|build|lint)";
    pub(super) BUILD_FAILS = r"\b(?:build|compilation)\b[^!?]{0,24}\b(?:fails|failing|is broken|still broken|does not)\b|\b(?:does not|doesn't|won't|cannot|can't) (?:compile|build)\b";
    pub(super) LINT_FAILS = r"\b(?:lint|linter|eslint|clippy|ruff|mypy|tsc|type ?check\w*|pyright)\b[^!?]{0,32}\b(?:fails|failing|complains?|still (?:reports?|shows?|has)|[1-9]\d* (?:errors?|warnings?|issues?|problems?))\b|\b(?:remaining|pre-existing|preexisting) (?:lint|type|clippy|mypy|eslint)? ?(?:errors?|warnings?|issues?)\b";
    pub(super) EXCEPT = r"\b(?:except|apart from|other than|aside from|excluding|all but|besides)\b|\b(?:pre-?existing|unrelated|known|flaky)\s+(?:test\s+)?(?:failure|failures|failing|flake|flakes|error|errors|issue)\b";

    // Being done.
    pub(super) DONE = r"(?:^|\b(?:is|are|now|everything|all|task|work|it's|that's|i'm|been|changes?|steps?)\s+)(?:all\s+)?(?:done|complete|completed|finished|all set|ready)\b|\b(?:i(?:'ve| have)?|we(?:'ve| have)?|successfully)\s+(?:successfully\s+|now\s+)?(?:fixed|completed|finished|implemented|resolved)\b|^(?:fixed|implemented|completed|resolved|finished)\b";
    pub(super) WORKS = r"\b(?:fixed|resolved|works(?: now| as expected| correctly)?|working (?:now|correctly|as expected)|implemented|is correct|verified|functional)\b";
    pub(super) WORKS_NOT = r"\b(?:not|never|cannot|unable|partially|half|should|would|will|might|may|if|once|when|nothing)\b|n't\b";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_compile() {
        assert_eq!(patterns_that_do_not_compile(), [""; 0]);
    }
}
