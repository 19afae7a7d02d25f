//! Relabelling: Prometheus' eleven actions over label sets, for targets, scraped series, alerts and whoever else needs them.

use model::re2::Anchored;
use model::{Labels, LabelsBuilder};
use serde_yaml_ng::Value;

use crate::md5::low64;
use crate::section::{ConfigError, Section};

/// One rule, compiled.
#[derive(Debug, Clone)]
pub struct Rule {
    source: Vec<String>,
    separator: String,
    regex: Anchored,
    modulus: u64,
    target: String,
    replacement: String,
    action: Action,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Replace,
    Keep,
    Drop,
    KeepEqual,
    DropEqual,
    HashMod,
    LabelMap,
    LabelDrop,
    LabelKeep,
    Lowercase,
    Uppercase,
}

const ACTIONS: [(&str, Action); 11] = [
    ("replace", Action::Replace),
    ("keep", Action::Keep),
    ("drop", Action::Drop),
    ("keepequal", Action::KeepEqual),
    ("dropequal", Action::DropEqual),
    ("hashmod", Action::HashMod),
    ("labelmap", Action::LabelMap),
    ("labeldrop", Action::LabelDrop),
    ("labelkeep", Action::LabelKeep),
    ("lowercase", Action::Lowercase),
    ("uppercase", Action::Uppercase),
];

/// Applies the rules in order. `None`: a rule dropped the set.
pub fn apply(labels: &Labels, rules: &[Rule]) -> Option<Labels> {
    let mut now = labels.clone();
    for rule in rules {
        now = rule.apply(&now)?;
    }
    Some(now)
}

/// Reads a list of rules (`relabel_configs` and its kin); `place` names it in errors.
pub fn parse(list: &[Value], place: &str) -> Result<Vec<Rule>, ConfigError> {
    list.iter().enumerate().map(|(i, v)| Rule::parse(v, format!("{place}[{i}]"))).collect()
}

const KEYS: [&str; 7] = ["source_labels", "separator", "regex", "modulus", "target_label", "replacement", "action"];

impl Rule {
    fn parse(value: &Value, place: String) -> Result<Rule, ConfigError> {
        let s = Section::new(value, place, &KEYS, &[])?;
        let word = s.text("action")?.unwrap_or_else(|| "replace".into()).to_ascii_lowercase();
        let action = ACTIONS.iter().find(|(n, _)| *n == word).map(|(_, a)| *a);
        let action = action.ok_or_else(|| s.error("action", format_args!("{word:?} is unknown")))?;
        let pattern = s.text("regex")?;
        let regex = Anchored::new(pattern.as_deref().unwrap_or("(.*)")).map_err(|e| s.error("regex", e))?;
        let rule = Rule {
            source: s.texts("source_labels")?,
            separator: s.text("separator")?.unwrap_or_else(|| ";".into()),
            regex,
            modulus: s.number("modulus", 0)?,
            target: s.text("target_label")?.unwrap_or_default(),
            replacement: s.text("replacement")?.unwrap_or_else(|| "$1".into()),
            action,
        };
        rule.check(&s, &word)?;
        Ok(rule)
    }

    /// What Prometheus refuses: missing targets, keys that the action does not use.
    fn check(&self, s: &Section<'_>, word: &str) -> Result<(), ConfigError> {
        use Action::*;
        let refuse = |what: &str| Err(ConfigError(format!("{}: relabel configuration for {word} action {what}", s.place)));
        if matches!(self.action, Replace | HashMod | Lowercase | Uppercase | KeepEqual | DropEqual) && self.target.is_empty() {
            return refuse("requires 'target_label' value");
        }
        if self.action == HashMod && self.modulus == 0 {
            return refuse("requires non-zero modulus");
        }
        if matches!(self.action, HashMod | KeepEqual | DropEqual | Lowercase | Uppercase) && self.target.contains('$') {
            return refuse("has an invalid 'target_label': it cannot refer to groups");
        }
        if matches!(self.action, Lowercase | Uppercase | KeepEqual | DropEqual) && s.get("replacement").is_some() {
            return refuse("can not use 'replacement'");
        }
        let others = |allowed: &[&str]| KEYS.iter().any(|k| *k != "action" && !allowed.contains(k) && s.get(k).is_some());
        match self.action {
            LabelDrop | LabelKeep if others(&["regex"]) => refuse("uses only 'regex', and no other fields"),
            KeepEqual | DropEqual if others(&["source_labels", "target_label"]) => {
                refuse("uses only 'source_labels' and 'target_label', and no other fields")
            }
            _ => Ok(()),
        }
    }

    fn apply(&self, labels: &Labels) -> Option<Labels> {
        let value = match &self.source[..] {
            [] => String::new(),
            [one] => labels.value(one).to_owned(),
            many => many.iter().map(|n| labels.value(n)).collect::<Vec<_>>().join(&self.separator),
        };
        let set = |name: &str, value: &str| {
            let mut b = LabelsBuilder::new(labels);
            b.set(name, value);
            Some(b.build())
        };
        let only_if = |keep: bool| keep.then(|| labels.clone());
        match self.action {
            Action::Keep => only_if(self.regex.is_match(&value)),
            Action::Drop => only_if(!self.regex.is_match(&value)),
            Action::KeepEqual => only_if(labels.value(&self.target) == value),
            Action::DropEqual => only_if(labels.value(&self.target) != value),
            Action::Replace => self.replace(labels, &value),
            Action::Lowercase => set(&self.target, &value.to_lowercase()),
            Action::Uppercase => set(&self.target, &value.to_uppercase()),
            Action::HashMod => set(&self.target, &low64(value.as_bytes()).checked_rem(self.modulus).unwrap_or(0).to_string()),
            Action::LabelMap => {
                let mut b = LabelsBuilder::new(labels);
                for (name, value) in labels.iter() {
                    if let Some(to) = self.expand(&self.replacement, name) {
                        b.set(&to, value);
                    }
                }
                Some(b.build())
            }
            Action::LabelDrop => Some(labels.filter(|n, _| !self.regex.is_match(n))),
            Action::LabelKeep => Some(labels.filter(|n, _| self.regex.is_match(n))),
        }
    }

    fn replace(&self, labels: &Labels, value: &str) -> Option<Labels> {
        let Some(target) = self.expand(&self.target, value) else { return Some(labels.clone()) };
        let mut b = LabelsBuilder::new(labels);
        // A target that is no label name changes nothing.
        if !target.is_empty() {
            b.set(&target, &self.expand(&self.replacement, value).unwrap_or_default());
        }
        Some(b.build())
    }

    /// The template with `$1`, `${1}`, `$name`, `${name}` and `$$` filled in; `None` where the expression does not match.
    fn expand(&self, template: &str, value: &str) -> Option<String> {
        let captures = self.regex.regex().captures(value)?;
        let mut out = String::new();
        let mut rest = template;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('$') {
                out.push('$');
                rest = after;
                continue;
            }
            let Some((name, after)) = reference(rest) else {
                out.push('$');
                continue;
            };
            let found = match name.parse::<usize>() {
                Ok(i) => captures.get(i),
                Err(_) => captures.name(name),
            };
            out.push_str(found.map_or("", |m| m.as_str()));
            rest = after;
        }
        out.push_str(rest);
        Some(out)
    }
}

/// The name that follows a `$`, and what follows the name. As in Go, the longest run of word characters.
fn reference(rest: &str) -> Option<(&str, &str)> {
    let (braced, inner) = rest.strip_prefix('{').map_or((false, rest), |r| (true, r));
    let end = inner.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(inner.len());
    let (name, after) = inner.split_at(end);
    if name.is_empty() {
        return None;
    }
    if braced { after.strip_prefix('}').map(|a| (name, a)) } else { Some((name, after)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules as YAML flow text, labels as `a=1 b=2`; the outcome likewise, or `dropped`, or the error.
    #[track_caller]
    fn check(rule: &str, labels: &str, expected: &str) {
        let value: Value = serde_yaml_ng::from_str(&format!("[{rule}]")).unwrap();
        let got = match parse(value.as_sequence().unwrap(), "r") {
            Err(e) => e.to_string(),
            Ok(rules) => match apply(&Labels::from_pairs(labels.split(' ').filter_map(|p| p.split_once('='))), &rules) {
                None => "dropped".into(),
                Some(l) => l.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join(" "),
            },
        };
        assert_eq!(got, expected, "{rule}");
    }

    #[test]
    fn replace() {
        check("{source_labels: [a], target_label: d, regex: 'f(.*)', replacement: 'ch${1}-ch${1}'}", "a=foo", "a=foo d=choo-choo");
        check("{source_labels: [a, b], target_label: d, regex: '(.*);(.*)', replacement: '$2$1'}", "a=x b=y", "a=x b=y d=yx");
        check("{source_labels: [a], target_label: d, regex: nope, replacement: z}", "a=foo", "a=foo");
        check("{source_labels: [a], target_label: a, replacement: ''}", "a=foo b=1", "b=1");
        check("{target_label: d, replacement: v}", "a=1", "a=1 d=v");
        check("{source_labels: [a], regex: '([^-]+)-(?P<what>.+)', target_label: '${1}_x', replacement: '$what'}", "a=k-v", "a=k-v k_x=v");
        check("{source_labels: [a], target_label: b, replacement: '$1_x'}", "a=foo", "a=foo");
        check("{source_labels: [a], target_label: b, replacement: '$$1 $'}", "a=foo", "a=foo b=$1 $");
    }

    #[test]
    fn keep_and_drop() {
        check("{source_labels: [a], regex: 'f.o', action: keep}", "a=foo", "a=foo");
        check("{source_labels: [a], regex: 'f', action: keep}", "a=foo", "dropped");
        check("{source_labels: [a], regex: '.*o.*', action: Drop}", "a=foo", "dropped");
        check("{source_labels: [z], regex: '', action: drop}", "a=foo", "dropped");
        check("{source_labels: [a], target_label: b, action: keepequal}", "a=1 b=1", "a=1 b=1");
        check("{source_labels: [a], target_label: b, action: keepequal}", "a=1 b=2", "dropped");
        check("{source_labels: [a], target_label: b, action: dropequal}", "a=1 b=1", "dropped");
    }

    #[test]
    fn names() {
        check("{regex: '__meta_(.*)', action: labelmap}", "__meta_x=1 y=2", "__meta_x=1 x=1 y=2");
        check("{regex: '(b.*)', replacement: 'bar_${1}', action: labelmap}", "a=1 b1=2 b2=3", "a=1 b1=2 b2=3 bar_b1=2 bar_b2=3");
        check("{regex: 'b.*', action: labeldrop}", "a=1 b1=2 b2=3", "a=1");
        check("{regex: 'b.*', action: labelkeep}", "a=1 b1=2 b2=3", "b1=2 b2=3");
        check("{source_labels: [a], target_label: l, action: lowercase}", "a=FoO", "a=FoO l=foo");
        check("{source_labels: [a], target_label: l, action: uppercase}", "a=bAr123", "a=bAr123 l=BAR123");
    }

    #[test]
    fn hash() {
        check("{source_labels: [c], target_label: d, action: hashmod, modulus: 1000}", "a=foo b=bar c=baz", "a=foo b=bar c=baz d=976");
        check("{source_labels: [a], target_label: d, action: hashmod, modulus: 1000}", "a=foo\nbar", "a=foo\nbar d=734");
    }

    #[test]
    fn refusals() {
        check("{action: replace}", "", "r[0]: relabel configuration for replace action requires 'target_label' value");
        check("{action: hashmod, target_label: x}", "", "r[0]: relabel configuration for hashmod action requires non-zero modulus");
        check(
            "{action: labeldrop, regex: x, target_label: y}",
            "",
            "r[0]: relabel configuration for labeldrop action uses only 'regex', and no other fields",
        );
        check("{action: kepp}", "", "r[0]: action \"kepp\" is unknown");
        check("{sorce_labels: [a]}", "", "r[0]: field sorce_labels is unknown; did you mean source_labels?");
        check("{regex: '(', target_label: x}", "", "r[0]: regex error parsing regexp: missing closing ): `(`");
    }

    proptest::proptest! {
        #[test]
        fn no_rule_panics(regex in "[a-c(){}$.*|\\[\\]]{0,12}", to in "[a$1{}_ü]{0,10}", value in "[a-cü\n]{0,8}", action in 0..ACTIONS.len()) {
            let rule = format!("[{{source_labels: [a], regex: '{regex}', target_label: b, replacement: '{to}', action: {}}}]", ACTIONS[action].0);
            let value_of = Labels::from_pairs([("a", &value), ("bc", &value)]);
            if let Ok(Value::Sequence(list)) = serde_yaml_ng::from_str(&rule) {
                let _ = parse(&list, "r").map(|rules| apply(&value_of, &rules));
            }
        }
    }
}
