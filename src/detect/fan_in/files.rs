//! Files that several agents write: whoever writes a whole file over has read it since the other wrote it.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Aspect, Basis, Class, Evidence, Finding, Part, Rule, speech};
use crate::trace::entity::scan;
use crate::trace::{AgentId, ClosedStep, Probability, RecordRef, Run, StepId, ToolKind};

/// Two writers, one file.
pub(super) static OVERWRITTEN: Rule = Rule {
    id: "agents.overwritten-file",
    class: Class::FailurePropagation,
    basis: Basis::External,
    speaks_of: Aspect::Consistency,
    summary: "An agent writes a whole file that another agent has written since it last read it.",
    example: "writes docs/plan.md, which writer-1 wrote at step 8; it has not read it since",
    proven: false,
};

/// How many files are followed.
const MOST_FILES: usize = 4096;

/// Who wrote a file last, and who has read it since.
#[derive(Clone, Debug)]
struct Written {
    by: AgentId,
    step: StepId,
    record: RecordRef,
    read: FxHashSet<AgentId>,
}

/// The files of a run.
#[derive(Debug, Default)]
pub(super) struct Files {
    files: FxHashMap<u64, Written>,
    /// When an agent last looked at changes or files in a way that names none.
    looked: FxHashMap<AgentId, StepId>,
}

impl Files {
    /// Rule 47.
    pub(super) fn closed(&mut self, step: &ClosedStep<'_>, run: &Run, found: &mut Vec<Finding>) {
        let agent = step.step.agent;
        if run.agents.len() < 2 || step.step.failed() {
            return;
        }
        let Some(request) = step.request else { return };
        if step.step.tool_kind() != Some(ToolKind::Write) {
            let command = request.command.as_deref().unwrap_or_default();
            if speech::has_any(command, &["git diff", "git show", "git log -p", "cat ", "head ", "tail "]) {
                self.looked.insert(agent, step.step.id);
            }
            for text in request.paths.iter().map(String::as_str).chain([command]) {
                scan(text, |mention| {
                    if let Some(written) = self.files.get_mut(&mention.hash) {
                        written.read.insert(agent);
                    }
                });
            }
            return;
        }
        for path in &request.paths {
            let mut key = None;
            scan(path, |mention| key = key.or(Some(mention.hash)));
            let Some(key) = key else { continue };
            if let Some(known) = self.files.get(&key)
                && known.by != agent
                && !known.read.contains(&agent)
                && self.looked.get(&agent).is_none_or(|looked| *looked < known.step)
            {
                found.push(overwritten(step, path, known, run));
            }
            if self.files.len() < MOST_FILES || self.files.contains_key(&key) {
                self.files.insert(
                    key,
                    Written {
                        by: agent,
                        step: step.step.id,
                        record: step.input.record,
                        read: FxHashSet::default(),
                    },
                );
            }
        }
    }
}

fn overwritten(step: &ClosedStep<'_>, path: &str, known: &Written, run: &Run) -> Finding {
    let name = crate::text::excerpt(run.agent_name(known.by), 40);
    let shown = crate::text::quoted(path, 80);
    Finding {
        rule: &OVERWRITTEN,
        step: step.step.id,
        root: None,
        strength: Probability::new(0.5),
        evidence: vec![
            Evidence::new(step.input.record, Part::Claim, path),
            Evidence::new(known.record, Part::Against, path),
        ],
        sentence: format!(
            "writes {shown}, which {name} wrote at step {}; it has not read it since",
            known.step.0
        ),
        instruction: format!(
            "Read what {name} wrote to {shown} (step {}), and put both contributions together.",
            known.step.0
        ),
        means: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::FanIn;
    use super::*;
    use crate::detect::scene::Scene;
    use crate::trace::Status;
    use serde_json::json;

    fn write(scene: &mut Scene) -> StepId {
        scene.call("Write", &json!({"file_path": "docs/plan.md", "content": "x"}), Status::Ok, "written")
    }

    #[test]
    fn a_file_that_another_agent_wrote_is_written_over_unread() {
        let mut scene = Scene::of(FanIn::default());
        scene.acts("writer-1");
        write(&mut scene);
        write(&mut scene);
        scene.acts("writer-2");
        let step = write(&mut scene);
        let found = scene.found("agents.overwritten-file");
        assert_eq!(found.iter().map(|f| f.step).collect::<Vec<_>>(), [step]);
    }

    #[test]
    fn who_read_it_first_may_write_it() {
        let mut scene = Scene::of(FanIn::default());
        scene.acts("writer-1");
        write(&mut scene);
        scene.acts("writer-2");
        scene.call("Read", &json!({"file_path": "docs/plan.md"}), Status::Ok, "x");
        write(&mut scene);
        scene.acts("writer-3");
        scene.call("Bash", &json!({"command": "git diff"}), Status::Ok, "+x");
        write(&mut scene);
        assert!(scene.found("agents.overwritten-file").is_empty());
    }
}
