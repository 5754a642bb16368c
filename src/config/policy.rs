//! The keys of the policy beyond its mode: rules, budgets, breaker, quarantine, canary, promotion.

use std::fmt::Write as _;
use std::time::Duration;

use toml::Spanned;

use super::check::{at_least_one, at_most, class, filled, glob, mode, share, shares};
use super::file::{self, PolicyRule as WrittenRule};
use super::{Config, ConfigError, Layers, Origin, Setting};
use crate::recover::policy::{BreakerLimits, FlapLimits, Floor, Limits, Policy, PolicyRule, Shares};

/// The longest time that a key may name, in seconds: a year.
const YEAR: u32 = 366 * 86_400;

/// A rule and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleSetting {
    /// The rule.
    pub rule: PolicyRule,
    /// Where it stands.
    pub origin: Origin,
}

/// What limits the policy.
#[derive(Clone, Debug)]
pub struct Guard {
    /// Modes for some proposals: the first that fits holds.
    pub rules: Setting<Vec<RuleSetting>>,
    /// New plans that may be delivered to one run.
    pub replans_per_run: Setting<u32>,
    /// Other tools that may be proposed to one run by a delivery.
    pub substitutions_per_run: Setting<u32>,
    /// Times that a person may be asked to look at one run instead.
    pub escalations_per_run: Setting<u32>,
    /// What recoveries may add to one run, in seconds.
    pub latency_seconds_per_run: Setting<u64>,
    /// Recoveries of one agent in vain that open its breaker.
    pub not_recovered: Setting<u32>,
    /// Recoveries in vain that open the fleet's breaker.
    pub fleet_not_recovered: Setting<u32>,
    /// Within how many seconds.
    pub breaker_window_seconds: Setting<u32>,
    /// For how many seconds a breaker stays open.
    pub cool_down_seconds: Setting<u32>,
    /// Deliveries after which what comes back is quarantined.
    pub quarantine_deliveries: Setting<u32>,
    /// Within how many seconds.
    pub quarantine_window_seconds: Setting<u32>,
    /// Share of runs that the canary treats.
    pub treated: Setting<f64>,
    /// Share of runs that the canary holds out.
    pub holdout: Setting<f64>,
    /// What is put before a run's id when the canary deals.
    pub salt: Setting<String>,
    /// Known outcomes that `auto` needs.
    pub cases: Setting<u32>,
    /// What the lower bound of the recovered share must reach for `auto`.
    pub recovery: Setting<f64>,
}

/// The keys as the file has them.
pub(super) struct Written {
    pub(super) rules: Option<Vec<Spanned<WrittenRule>>>,
    pub(super) replans_per_run: Option<Spanned<u32>>,
    pub(super) substitutions_per_run: Option<Spanned<u32>>,
    pub(super) escalations_per_run: Option<Spanned<u32>>,
    pub(super) latency_seconds_per_run: Option<Spanned<u64>>,
    pub(super) breaker: file::Breaker,
    pub(super) quarantine: file::Quarantine,
    pub(super) canary: file::Canary,
    pub(super) promotion: file::Promotion,
}

/// Whole seconds of a default.
fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(YEAR)
}

impl Guard {
    pub(super) fn layered(layers: &Layers<'_>, written: Written) -> Result<Self, ConfigError> {
        let Written { rules, breaker, quarantine, canary, promotion, .. } = written;
        let (limits, flap, shares_, floor) =
            (Limits::default(), FlapLimits::default(), Shares::default(), Floor::default());
        let breaks = BreakerLimits::default();
        let count = |key, default: u32, value| layers.file(default, value).checked(|n| at_least_one(key, *n));
        let time = |key, default, value| {
            layers
                .file(seconds(default), value)
                .checked(|s| at_least_one(key, *s))?
                .checked(|s| at_most(key, *s, YEAR))
        };
        let part = |key, default: f64, value| layers.file(default, value).checked(|s| share(key, *s));
        let treated = part("treated", shares_.treated, canary.treated)?;
        let holdout = part("holdout", shares_.holdout, canary.holdout)?;
        // The error stands at a line that the file has.
        let at = if holdout.origin == Origin::Default { &treated.origin } else { &holdout.origin };
        shares(*treated, *holdout).map_err(|refusal| refusal.at(at))?;
        Ok(Self {
            rules: rules_of(layers, rules)?,
            replans_per_run: layers.file(limits.replans_per_run, written.replans_per_run),
            substitutions_per_run: layers.file(limits.substitutions_per_run, written.substitutions_per_run),
            escalations_per_run: layers.file(limits.escalations_per_run, written.escalations_per_run),
            latency_seconds_per_run: layers
                .file(limits.latency_seconds_per_run, written.latency_seconds_per_run),
            not_recovered: count("not_recovered", breaks.not_recovered, breaker.not_recovered)?,
            fleet_not_recovered: count(
                "fleet_not_recovered",
                breaks.fleet_not_recovered,
                breaker.fleet_not_recovered,
            )?,
            breaker_window_seconds: time("window_seconds", breaks.window, breaker.window_seconds)?,
            cool_down_seconds: time("cool_down_seconds", breaks.cool_down, breaker.cool_down_seconds)?,
            quarantine_deliveries: count("deliveries", flap.deliveries, quarantine.deliveries)?,
            quarantine_window_seconds: time("window_seconds", flap.window, quarantine.window_seconds)?,
            treated,
            holdout,
            salt: layers.file(shares_.salt, canary.salt),
            cases: count("cases", floor.cases, promotion.cases)?,
            recovery: part("recovery", floor.recovery, promotion.recovery)?,
        })
    }

    /// The rules as an array of TOML, each with its origin as a comment.
    pub(super) fn rules_as_toml(&self) -> String {
        if self.rules.is_empty() {
            return "[]".to_owned();
        }
        let text = |value: &str| toml::Value::String(value.to_owned()).to_string();
        let mut out = String::from("[\n");
        for RuleSetting { rule, origin } in self.rules.iter() {
            let mut keys = vec![format!("name = {}", text(&rule.name))];
            keys.extend(rule.class.map(|class| format!("class = {}", text(class.word()))));
            keys.extend(rule.agent.as_ref().map(|glob| format!("agent = {}", text(glob.as_str()))));
            keys.extend(rule.workflow.as_ref().map(|glob| format!("workflow = {}", text(glob.as_str()))));
            keys.push(format!("mode = {}", text(rule.mode.word())));
            let line = format!("  {{ {} }},", keys.join(", "));
            let _ = writeln!(out, "{line:<44}  # {origin}");
        }
        out.push(']');
        out
    }
}

fn rules_of(
    layers: &Layers<'_>,
    written: Option<Vec<Spanned<WrittenRule>>>,
) -> Result<Setting<Vec<RuleSetting>>, ConfigError> {
    let mut rules: Vec<RuleSetting> = Vec::new();
    for (at, rule) in written.unwrap_or_default().into_iter().enumerate() {
        let origin = Origin::File(layers.read.path.clone(), layers.read.line(rule.span().start));
        let WrittenRule { name, class: of_class, agent, workflow, mode: in_mode } = rule.into_inner();
        if in_mode.is_none() {
            return Err(ConfigError::Wrong {
                what: "the policy's rule names no mode".to_owned(),
                at: origin.to_string(),
                mend: "add a line such as mode = \"suggest\"".to_owned(),
            });
        }
        let name = layers.file(format!("rule {}", at + 1), name).checked(|name| filled("name", name))?;
        let rule = PolicyRule {
            name: crate::text::excerpt(&name.value, 80),
            class: layers.words(None, of_class, |word| class(word).map(Some))?.value,
            agent: layers.words(None, agent, |text| glob(text).map(Some))?.value,
            workflow: layers.words(None, workflow, |text| glob(text).map(Some))?.value,
            mode: layers.words(crate::recover::Mode::default(), in_mode, mode)?.value,
        };
        if rules.iter().any(|other| other.rule.name == rule.name) {
            return Err(ConfigError::Wrong {
                what: format!("two rules of the policy are called {}", crate::text::quoted(&rule.name, 60)),
                at: origin.to_string(),
                mend: "give each a name of its own".to_owned(),
            });
        }
        rules.push(RuleSetting { rule, origin });
    }
    let origin = rules.first().map_or(Origin::Default, |rule| rule.origin.clone());
    Ok(Setting { value: rules, origin })
}

impl Config {
    /// What becomes of proposals, and what limits that.
    pub fn policy(&self) -> Policy {
        let guard = &self.guard;
        let time = |seconds: &Setting<u32>| Duration::from_secs(u64::from(**seconds));
        Policy {
            mode: *self.mode,
            rules: guard.rules.iter().map(|setting| setting.rule.clone()).collect(),
            limits: Limits {
                retries_per_run: *self.retries_per_run,
                replans_per_run: *guard.replans_per_run,
                substitutions_per_run: *guard.substitutions_per_run,
                escalations_per_run: *guard.escalations_per_run,
                latency_seconds_per_run: *guard.latency_seconds_per_run,
                tokens_per_run: *self.tokens_per_run,
                cost_usd_per_run: *self.cost_usd_per_run,
                ..Limits::default()
            },
            breaker: BreakerLimits {
                not_recovered: *guard.not_recovered,
                fleet_not_recovered: *guard.fleet_not_recovered,
                window: time(&guard.breaker_window_seconds),
                cool_down: time(&guard.cool_down_seconds),
            },
            flap: FlapLimits {
                deliveries: *guard.quarantine_deliveries,
                window: time(&guard.quarantine_window_seconds),
            },
            canary: Shares {
                treated: *guard.treated,
                holdout: *guard.holdout,
                salt: guard.salt.value.clone(),
            },
            promotion: Floor { cases: *guard.cases, recovery: *guard.recovery },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Environment, Flags};
    use super::*;
    use crate::recover::Mode;
    use crate::recover::policy::{Class, Subject};

    fn load(text: &str) -> Result<Config, ConfigError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        let environment = Environment::of([("HOME", "/home/someone"), ("USER", "someone")]);
        Config::load(&Flags { config: Some(path), ..Flags::default() }, &environment)
    }

    fn subject(class: Class, agent: &str, workflow: &str) -> Subject {
        Subject { class, format: "codex".into(), agent: agent.into(), workflow: workflow.into() }
    }

    #[test]
    fn the_first_rule_that_fits_holds_and_all_is_printed_so_that_it_can_be_read_again() {
        let text = "[policy]\nmode = \"observe\"\n\
            [[policy.rule]]\nname = \"pay\"\nworkflow = \"*/billing\"\nmode = \"suggest\"\n\
            [[policy.rule]]\nclass = \"hallucination\"\nagent = \"codex/ma*\"\nmode = \"auto\"\n\
            [[policy.rule]]\nworkflow = \"shop\"\nmode = \"canary\"\n\
            [limits]\nreplans_per_run = 7\n[breaker]\ncool_down_seconds = 9\n\
            [canary]\ntreated = 0.25\nsalt = \"x\\\"\"\n";
        let config = load(text).unwrap();
        let policy = config.policy();
        let mode = |class, agent, workflow| policy.holds_for(&subject(class, agent, workflow)).1;
        assert_eq!(mode(Class::Hallucination, "main", "/srv/billing/"), Mode::Suggest);
        assert_eq!(mode(Class::Hallucination, "main", "/srv/shop"), Mode::Auto);
        assert_eq!(mode(Class::Operational, "main", "/srv/shop"), Mode::Canary);
        assert_eq!(mode(Class::Hallucination, "explore-1", "/srv/web"), Mode::Observe);
        assert_eq!(policy.limits.replans_per_run, 7);
        assert_eq!(policy.canary, Shares { treated: 0.25, holdout: 0.1, salt: "x\"".into() });

        let printed = config.with_origins();
        assert_eq!(load(&printed).unwrap().policy(), policy, "{printed}");
        let line = printed.lines().find(|line| line.contains("\"shop\"")).unwrap();
        assert!(line.ends_with("config.toml:11"), "{line}");
        assert!(printed.contains("cool_down_seconds = 9"), "{printed}");
    }

    #[test]
    fn two_rules_of_one_name_are_refused() {
        let text = "[[policy.rule]]\nname = \"a\"\nmode = \"auto\"\n[[policy.rule]]\nname = \"a\"\nmode = \"observe\"\n";
        let error = load(text).unwrap_err().to_string();
        assert!(error.contains(":4") && error.contains("\"a\""), "{error}");
    }
}
