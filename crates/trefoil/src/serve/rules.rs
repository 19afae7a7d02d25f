//! Recording and alerting rules: reads the files that the configuration names, runs each group in its slots, sends its alerts.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::rules::{AlertState, Alerting, Context, Group, GroupState, Health, Host, Kind, RuleState, slot_offset};
use api::{AlertView, AlertingView, Backend, RuleGroupView, RuleView, RulesView};
use model::{Batch, Labels, MetricBatch, Tenant};
use query::{Budget, MetricSource};
use serde_yaml_ng::Value;
use store::{Raw, Write};
use tokio_util::sync::CancellationToken;

use super::StartError;
use super::notify::Notifier;
use crate::config::{Config, ConfigError, parse_duration};

/// What the configuration says of rules, read and checked.
pub struct Loaded {
    groups: Vec<Group>,
    alerting: Alerting,
    context: Context,
}

/// Reads the rule files; `None` if there are none.
pub fn load(config: &Config) -> Result<Option<Loaded>, ConfigError> {
    let alerting = match &config.prometheus.alerting {
        Some(section) => Alerting::parse(section).map_err(ConfigError)?,
        None => Alerting::default(),
    };
    let Some(patterns) = &config.prometheus.rule_files else { return Ok(None) };
    let patterns: Option<Vec<String>> = serde_yaml_ng::from_value(patterns.clone()).map_err(|e| ConfigError(format!("rule_files: {e}")))?;
    let context = context(config)?;
    let mut groups = vec![];
    for file in files(&config.base, &patterns.unwrap_or_default())? {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(&file).map_err(|e| ConfigError(format!("{name}: {e}")))?;
        groups.extend(::rules::parse(&text, &name, &context.promql.features).map_err(|e| ConfigError(e.to_string()))?);
    }
    Ok((!groups.is_empty()).then_some(Loaded { groups, alerting, context }))
}

fn context(config: &Config) -> Result<Context, ConfigError> {
    let features = promql::Features::from_flags(&config.features);
    let mut context = Context { promql: promql::Options { features, ..promql::Options::default() }, ..Context::default() };
    let Some(Value::Mapping(global)) = &config.prometheus.global else { return Ok(context) };
    let duration = |key: &str, default: i64| match global.get(key) {
        None => Ok(default),
        Some(Value::String(s)) => parse_duration(key, s).map(|d| d.as_millis() as i64),
        Some(Value::Number(n)) if n.as_u64() == Some(0) => Ok(0),
        Some(_) => Err(ConfigError(format!("global: {key} is no duration; write for example 30s or 1m"))),
    };
    context.interval_ms = duration("evaluation_interval", context.interval_ms)?;
    if context.interval_ms <= 0 {
        return Err(ConfigError("global: evaluation_interval must be greater than 0".into()));
    }
    context.query_offset_ms = duration("rule_query_offset", context.query_offset_ms)?;
    if let Some(labels) = global.get("external_labels") {
        let map: std::collections::BTreeMap<String, Value> =
            serde_yaml_ng::from_value(labels.clone()).map_err(|e| ConfigError(format!("global: external_labels: {e}")))?;
        let mut pairs = vec![];
        for (name, value) in map {
            match value {
                Value::String(s) => pairs.push((name, expand_environment(&s))),
                Value::Number(n) => pairs.push((name, n.to_string())),
                Value::Bool(b) => pairs.push((name, b.to_string())),
                _ => return Err(ConfigError(format!("global: external_labels: {name}: a text is wanted"))),
            }
        }
        context.external_labels = Labels::from_pairs(pairs);
    }
    Ok(context)
}

/// `${NAME}` and `$NAME` become the environment's value (empty where unset), `$$` a dollar.
fn expand_environment(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(r) = rest.strip_prefix('$') {
            out.push('$');
            rest = r;
            continue;
        }
        let (name, after) = match rest.strip_prefix('{').and_then(|r| r.split_once('}')) {
            Some(found) => found,
            None => rest.split_at(rest.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(rest.len())),
        };
        out.push_str(&std::env::var(name).unwrap_or_default());
        rest = after;
    }
    out + rest
}

/// The files that the patterns mean, relative to `base`: `*` stands for any characters of a file's name. A plain path must exist.
pub fn files(base: &Path, patterns: &[String]) -> Result<Vec<PathBuf>, ConfigError> {
    let mut out = vec![];
    for pattern in patterns {
        let path = base.join(pattern);
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let folder = path.parent().unwrap_or(Path::new(""));
        if folder.to_string_lossy().contains(['*', '?', '[']) || name.contains(['?', '[']) {
            return Err(ConfigError(format!("rule_files: {pattern:?}: only * in the file's name is understood")));
        }
        if !name.contains('*') {
            out.push(path);
            continue;
        }
        let listed = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let entries = std::fs::read_dir(listed).map_err(|e| ConfigError(format!("rule_files: {}: {e}", folder.display())))?;
        let names = entries.flatten().map(|e| e.file_name());
        let mut found: Vec<PathBuf> = names.filter(|n| fits(&name, &n.to_string_lossy())).map(|n| folder.join(n)).collect();
        found.sort();
        out.extend(found);
    }
    Ok(out)
}

/// Whether a name fits a pattern in which `*` stands for anything.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// A group with what the API shows of it, brought up to date after each evaluation.
struct Running {
    view: Mutex<RuleGroupView>,
}

struct View {
    groups: Vec<Arc<Running>>,
    alertmanagers: Vec<String>,
}

impl RulesView for View {
    fn groups(&self) -> Vec<RuleGroupView> {
        self.groups.iter().map(|g| g.view.lock().unwrap_or_else(PoisonError::into_inner).clone()).collect()
    }

    fn alertmanagers(&self) -> Vec<String> {
        self.alertmanagers.clone()
    }
}

/// Starts a task for each group and one for each Alertmanager; they end with `stop`. Does nothing without rule files.
pub fn start(config: &Config, backend: &Arc<Backend>, stop: &CancellationToken) -> Result<(), StartError> {
    let Some(mut loaded) = load(config).map_err(|e| StartError(e.to_string()))? else { return Ok(()) };
    loaded.context.external_url = backend.settings.external_url.clone();
    let context = Arc::new(loaded.context);
    let alertmanagers = loaded.alerting.endpoints.iter().map(|e| e.url.clone()).collect();
    let notifier = Notifier::start(loaded.alerting, context.external_labels.clone(), stop);
    let mut groups = vec![];
    for group in loaded.groups {
        let state = GroupState::new(group, true);
        let running = Arc::new(Running { view: Mutex::new(view(&state, &context)) });
        groups.push(running.clone());
        tokio::spawn(run(state, running, backend.clone(), context.clone(), notifier.clone(), stop.clone()));
    }
    // Set once: a process starts its rules once.
    let _ = backend.rules.set(Arc::new(View { groups, alertmanagers }));
    Ok(())
}

/// Evaluates a group at each of its slots; slots that were missed are left out and told.
async fn run(
    mut state: GroupState,
    running: Arc<Running>,
    backend: Arc<Backend>,
    context: Arc<Context>,
    notifier: Notifier,
    stop: CancellationToken,
) {
    let interval = state.interval_ms(&context);
    let offset = slot_offset(&state.group, interval);
    let mut slot = next_slot(backend.now_ms(), interval, offset);
    loop {
        let wait = Duration::from_millis(u64::try_from(slot - backend.now_ms()).unwrap_or(0));
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
        let mut host = StoreHost(backend.clone());
        let (at, shared) = (slot, context.clone());
        // The state travels to the worker and back. Its rules have budgets of their own; this one only takes a place in the pool.
        let moved = Arc::new(Mutex::new(Some(state)));
        let inner = moved.clone();
        let answer = backend
            .queries
            .run(&Budget::unlimited(), move |_| {
                let mut place = inner.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(place.as_mut().map(|s| s.evaluate(at, &mut host, &shared)).unwrap_or_default())
            })
            .await;
        let Some(back) = moved.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        state = back;
        match answer {
            Ok(alerts) => notifier.send(&alerts),
            Err(e) => tracing::warn!(group = state.group.name, error = %e, "rules were not evaluated"),
        }
        *running.view.lock().unwrap_or_else(PoisonError::into_inner) = view(&state, &context);
        let next = next_slot(backend.now_ms().max(slot), interval, offset);
        if next > slot + interval {
            tracing::warn!(group = state.group.name, missed = (next - slot) / interval - 1, "evaluations missed; the group takes too long");
        }
        slot = next;
    }
}

/// The first slot after `now`.
fn next_slot(now: i64, interval: i64, offset: i64) -> i64 {
    now - (now - offset).rem_euclid(interval) + interval
}

/// The store as rules see it.
struct StoreHost(Arc<Backend>);

impl Host for StoreHost {
    fn source(&self) -> Arc<dyn MetricSource> {
        Arc::new(self.0.snapshot(&[Tenant::anonymous()]))
    }

    fn budget(&self) -> Budget {
        self.0.budget(None)
    }

    fn write(&mut self, batch: MetricBatch) -> Result<(), String> {
        let begun = Instant::now();
        let write = Write { tenant: Tenant::anonymous(), batch: Batch::Metrics(batch), raw: Raw::Native, received_ns: self.0.now_ns() };
        let appended = self.0.store.append_wait(write).map_err(|e| e.to_string())?;
        tracing::debug!(took = ?begun.elapsed(), "rule results written");
        // What the store refuses it names by reason: out of order, duplicate.
        match appended.rejected.first() {
            Some(r) => Err(format!("{} samples were not stored: {:?}", appended.rejected_total(), r.reason)),
            None => Ok(()),
        }
    }
}

fn view(state: &GroupState, context: &Context) -> RuleGroupView {
    RuleGroupView {
        name: state.group.name.clone(),
        file: state.group.file.clone(),
        interval: Duration::from_millis(state.interval_ms(context).unsigned_abs()),
        limit: state.group.limit,
        evaluation_time: state.took,
        last_evaluation_ms: state.evaluated_at,
        rules: state.group.rules.iter().zip(&state.rules).map(|(r, s)| rule_view(r, s)).collect(),
    }
}

fn rule_view(rule: &::rules::Rule, state: &RuleState) -> RuleView {
    let ms = |ms: i64| Duration::from_millis(ms.unsigned_abs());
    let labels = |pairs: &[(String, String)]| Labels::from_pairs(pairs.iter().map(|(n, v)| (n, v)));
    let alerting = match &rule.kind {
        Kind::Recording => None,
        Kind::Alerting { for_ms, keep_firing_for_ms, annotations } => Some(AlertingView {
            state: if state.evaluated_at.is_none() { "unknown" } else { state.alerts.state().as_str() },
            hold: ms(*for_ms),
            keep_firing_for: ms(*keep_firing_for_ms),
            annotations: labels(annotations),
            alerts: state.alerts.active.values().filter(|a| a.state != AlertState::Inactive).map(alert_view).collect(),
        }),
    };
    RuleView {
        name: rule.name.clone(),
        query: rule.query.clone(),
        labels: labels(&rule.labels),
        health: state.health.as_str(),
        last_error: if let Health::Bad(e) = &state.health { e.clone() } else { String::new() },
        evaluation_time: state.took,
        last_evaluation_ms: state.evaluated_at,
        alerting,
    }
}

fn alert_view(a: &::rules::Alert) -> AlertView {
    AlertView {
        labels: a.labels.clone(),
        annotations: a.annotations.clone(),
        state: a.state.as_str(),
        active_at_ms: a.active_at,
        keep_firing_since_ms: a.keep_firing_since,
        value: a.value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_names() {
        for (pattern, name, expected) in [
            ("*.yml", "a.yml", true),
            ("*.yml", "a.yaml", false),
            ("a*b*c", "axbyc", true),
            ("a*b", "ab", true),
            ("a*a", "a", false),
            ("*", "x", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn slots_stand_still() {
        assert_eq!((next_slot(100, 60, 7), next_slot(127, 60, 7), next_slot(126, 60, 7)), (127, 187, 127));
    }

    #[test]
    fn environment_stands_in_labels() {
        assert_eq!(expand_environment("a$$b-${TREFOIL_NO_SUCH}-$TREFOIL_NO_SUCH."), "a$b--.");
    }
}
