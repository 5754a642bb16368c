//! The page of rules is made from the registry and the figures beside it; neither needs the corpus.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::Path;

use medbay::detect::rules;
use medbay::lab::detectors::{FIGURES, PAGE, RuleFigures, markdown};

#[test]
fn the_page_of_rules_is_the_registry_with_its_figures() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let figures = RuleFigures::parse(&fs::read_to_string(docs.join(FIGURES)).unwrap()).unwrap();
    let wanted = markdown(&rules(), &figures);
    if fs::read_to_string(docs.join(PAGE)).unwrap_or_default() != wanted {
        let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join(PAGE);
        fs::write(&made, wanted).unwrap();
        panic!("docs/{PAGE} is not what the registry says: copy {} over it", made.display());
    }
}

#[test]
fn figures_are_of_rules_that_there_are() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let figures = RuleFigures::parse(&fs::read_to_string(docs.join(FIGURES)).unwrap()).unwrap();
    for id in figures.rules.keys() {
        assert!(rules().iter().any(|rule| rule.id == id), "{id} is no rule: `medbay eval --write-docs docs`");
    }
}

#[test]
fn every_rule_says_what_it_would_say() {
    for rule in rules() {
        assert!(!rule.example.is_empty(), "{} has no example", rule.id);
        assert!(!rule.summary.is_empty(), "{} has no summary", rule.id);
    }
}
