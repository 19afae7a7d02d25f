//! From what discovery found to what is scraped: defaults, relabelling, the URL.

use std::time::Duration;

use model::{Labels, LabelsBuilder};

use crate::config::Job;
use crate::duration;
use crate::relabel;

/// A target after relabelling.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// before relabelling, with the job's defaults
    pub discovered: Labels,
    /// what every series of the target carries
    pub labels: Labels,
    pub url: String,
    pub interval: Duration,
    pub timeout: Duration,
}

/// What became of a discovered label set.
#[derive(Debug, Clone, PartialEq)]
pub enum Made {
    Target(Box<Target>),
    /// relabelling dropped it; the labels before
    Dropped(Labels),
    /// it cannot be scraped
    Bad(String),
}

/// Applies the job's defaults and rules.
pub fn make(job: &Job, found: &Labels) -> Made {
    let discovered = discovered(job, found);
    match relabel::apply(&discovered, &job.relabel) {
        None => Made::Dropped(discovered),
        Some(labels) if labels.is_empty() => Made::Dropped(discovered),
        Some(labels) => build(job, discovered, &labels).map_or_else(Made::Bad, |t| Made::Target(Box::new(t))),
    }
}

fn discovered(job: &Job, found: &Labels) -> Labels {
    let mut b = LabelsBuilder::new(found);
    let mut default = |name: &str, value: &str| {
        if b.get(name).is_none() {
            b.set(name, value);
        }
    };
    default("job", &job.name);
    default("__scrape_interval__", &duration::format(job.interval));
    default("__scrape_timeout__", &duration::format(job.timeout));
    default("__metrics_path__", &job.metrics_path);
    default("__scheme__", &job.scheme);
    for (name, values) in &job.params {
        if let Some(first) = values.first() {
            default(&format!("__param_{name}"), first);
        }
    }
    b.build()
}

fn build(job: &Job, discovered: Labels, labels: &Labels) -> Result<Target, String> {
    let address = labels.value("__address__");
    if address.is_empty() {
        return Err("no address".into());
    }
    if address.contains(['/', ' ', '?', '#', '@']) {
        return Err(format!("{address:?} is not a valid hostname"));
    }
    let scheme = labels.value("__scheme__");
    if scheme != "http" {
        return Err(format!("__scheme__ {scheme:?} of {address} is not supported by this version; only http is"));
    }
    if labels.get("__unix_socket__").is_some() {
        return Err(format!("__unix_socket__ of {address} is not supported by this version"));
    }
    let time = |name: &str| match duration::parse(labels.value(name)) {
        Some(d) if !d.is_zero() => Ok(d),
        _ => Err(format!("error parsing {name} {:?} of {address}: must be a duration above 0", labels.value(name))),
    };
    let (interval, timeout) = (time("__scrape_interval__")?, time("__scrape_timeout__")?);
    if timeout > interval {
        return Err(format!(
            "scrape timeout cannot be greater than scrape interval ({} > {})",
            duration::format(timeout),
            duration::format(interval)
        ));
    }
    let mut b = LabelsBuilder::new(&labels.filter(|n, _| !n.starts_with("__")));
    if b.get("instance").is_none() {
        b.set("instance", address);
    }
    let url = format!("{scheme}://{address}{}{}", path(labels.value("__metrics_path__")), query(job, labels));
    Ok(Target { discovered, labels: b.build(), url, interval, timeout })
}

fn path(path: &str) -> String {
    let lead = if path.starts_with('/') { "" } else { "/" };
    format!("{lead}{}", escape(path, "-_.~/:@!$&'()*+,;=%", "%20"))
}

/// The job's parameters with the first value of each as relabelling left it, sorted by name.
fn query(job: &Job, labels: &Labels) -> String {
    let mut params = job.params.clone();
    for (name, value) in labels.iter().filter_map(|(n, v)| Some((n.strip_prefix("__param_")?, v))) {
        match params.iter_mut().find(|(n, _)| n == name) {
            None => params.push((name.to_owned(), vec![value.to_owned()])),
            Some((_, values)) => match values.first_mut() {
                Some(first) => *first = value.to_owned(),
                None => values.push(value.to_owned()),
            },
        }
    }
    params.sort();
    let part = |text: &str| escape(text, "-_.~", "+");
    let pairs: Vec<String> = params.iter().flat_map(|(n, vs)| vs.iter().map(move |v| format!("{}={}", part(n), part(v)))).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

fn escape(text: &str, also_plain: &str, blank: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for b in text.bytes() {
        match b {
            b' ' => out.push_str(blank),
            b if b.is_ascii_alphanumeric() || also_plain.as_bytes().contains(&b) => out.push(char::from(b)),
            _ => out.push_str(&format!("%{b:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[track_caller]
    fn check(job: &str, expected: &str) {
        let yaml = serde_yaml_ng::from_str(&format!("[{job}]")).unwrap();
        let job = &Config::parse(None, &yaml, std::path::Path::new("")).unwrap().jobs[0];
        let crate::discover::Source::Static(found) = &job.sources[0] else { panic!() };
        let got = match make(job, &found[0]) {
            Made::Target(t) => format!("{} {}", t.url, t.labels),
            Made::Dropped(_) => "dropped".into(),
            Made::Bad(e) => e,
        };
        assert_eq!(got, expected);
    }

    #[test]
    fn targets() {
        let with = |more: &str| format!("{{job_name: j, static_configs: [{{targets: ['h:1'], labels: {{a: b, __x: y}}}}]{more}}}");
        check(&with(""), r#"http://h:1/metrics {a="b", instance="h:1", job="j"}"#);
        check(&with(", params: {m: ['a b', c], k: [ü]}"), r#"http://h:1/metrics?k=%C3%BC&m=a+b&m=c {a="b", instance="h:1", job="j"}"#);
        check(
            &with(
                ", relabel_configs: [{source_labels: [__address__], target_label: __param_t}, {target_label: __address__, replacement: 'p:2'}]",
            ),
            r#"http://p:2/metrics?t=h%3A1 {a="b", instance="p:2", job="j"}"#,
        );
        check(&with(", relabel_configs: [{action: drop, source_labels: [a], regex: b}]"), "dropped");
        check(&with(", relabel_configs: [{target_label: __address__, replacement: ''}]"), "no address");
        check(
            &with(", relabel_configs: [{target_label: __scheme__, replacement: https}]"),
            "__scheme__ \"https\" of h:1 is not supported by this version; only http is",
        );
        check(
            &with(", relabel_configs: [{target_label: __scrape_timeout__, replacement: 2m}]"),
            "scrape timeout cannot be greater than scrape interval (2m > 1m)",
        );
    }
}
