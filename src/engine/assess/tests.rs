//! What counts of what the rules find.

use super::*;
use crate::detect::{Aspect, Class, Family, Rule, rules};
use crate::trace::Probability;

static UNPROVEN: Rule = Rule {
    id: "test.unproven",
    class: Class::ExecutionError,
    basis: Basis::External,
    speaks_of: Aspect::Execution,
    summary: "",
    example: "",
    proven: false,
};
static INTERNAL: Rule = Rule { id: "internal.test", basis: Basis::Internal, ..UNPROVEN };
static FOLLOWS: Rule = Rule { id: "test.follows", proven: true, ..UNPROVEN };

/// Finds what it is told to at the end; without that, follows each finding that was made before.
struct Finds(Option<&'static Rule>);

impl Family for Finds {
    fn rules(&self) -> &'static [&'static Rule] {
        &[]
    }

    fn observe(&mut self, seen: &Observation<'_>, _: &Run, found: &mut Vec<Finding>) {
        if !matches!(seen, Observation::End) {
            return;
        }
        let finding = |rule| Finding {
            rule,
            step: StepId(0),
            root: None,
            strength: Probability::new(0.9),
            evidence: Vec::new(),
            sentence: String::new(),
            instruction: String::new(),
            means: Vec::new(),
        };
        match self.0 {
            Some(rule) => found.push(finding(rule)),
            None => found.extend(vec![finding(&FOLLOWS); found.len()]),
        }
    }
}

fn found(experimental_rules: bool) -> Vec<&'static str> {
    let judge = Judge { experimental_rules, ..Judge::embedded() };
    let mut assessor = Assessor::new(RunId::new("r"), *crate::format::ALL.first().unwrap(), judge);
    assessor.watch.families =
        vec![Box::new(Finds(Some(&UNPROVEN))), Box::new(Finds(Some(&INTERNAL))), Box::new(Finds(None))];
    assessor.conclude(true);
    assessor.findings().iter().map(|finding| finding.rule.id).collect()
}

#[test]
fn what_an_unproven_rule_finds_is_dropped_before_another_family_builds_on_it() {
    assert_eq!(found(false), ["internal.test", "test.follows"]);
    assert_eq!(
        found(true),
        ["test.unproven", "internal.test", "test.follows", "test.follows"],
        "where it is asked for, it counts and is built on"
    );
    assert!(rules().iter().any(|rule| !rule.proven), "or there is nothing to drop");
}
