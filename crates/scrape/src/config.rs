//! `global` and `scrape_configs` as Prometheus writes them, checked and with their defaults.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use exposition::Format;
use serde_yaml_ng::Value;

use crate::client::HttpSettings;
use crate::discover::Source;
use crate::relabel::{self, Rule};
use crate::section::{ConfigError, Section};

/// Everything that is scraped.
#[derive(Debug, Clone, Default)]
pub struct Config {
    pub jobs: Vec<Job>,
}

/// One entry of `scrape_configs`, with what `global` says filled in.
#[derive(Debug, Clone)]
pub struct Job {
    pub name: String,
    pub interval: Duration,
    pub timeout: Duration,
    pub scheme: String,
    pub metrics_path: String,
    /// name and values, in the order of the file
    pub params: Vec<(String, Vec<String>)>,
    pub accept: String,
    pub fallback: Option<Format>,
    pub honor_labels: bool,
    pub honor_timestamps: bool,
    pub track_timestamps_staleness: bool,
    pub compression: bool,
    pub native_histograms: bool,
    pub extra_metrics: bool,
    pub limits: ScrapeLimits,
    pub http: HttpSettings,
    pub sources: Vec<Source>,
    pub relabel: Vec<Rule>,
    pub metric_relabel: Vec<Rule>,
    /// the job as YAML, secrets replaced
    pub yaml: String,
}

/// 0 means without a limit, everywhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScrapeLimits {
    pub body_bytes: u64,
    pub samples: u64,
    pub targets: u64,
    pub labels: u64,
    pub label_name_bytes: u64,
    pub label_value_bytes: u64,
    pub keep_dropped_targets: u64,
}

/// Keys that `global` and a job share.
const SHARED: [&str; 16] = [
    "scrape_interval",
    "scrape_timeout",
    "scrape_protocols",
    "body_size_limit",
    "sample_limit",
    "target_limit",
    "label_limit",
    "label_name_length_limit",
    "label_value_length_limit",
    "keep_dropped_targets",
    "metric_name_validation_scheme",
    "metric_name_escaping_scheme",
    "scrape_native_histograms",
    "extra_scrape_metrics",
    "always_scrape_classic_histograms",
    "convert_classic_histograms_to_nhcb",
];
/// Keys of `global` that others evaluate (rules, remote systems) or that are refused below.
const GLOBAL: [&str; 5] = ["evaluation_interval", "rule_query_offset", "external_labels", "query_log_file", "scrape_failure_log_file"];
const JOB: [&str; 17] = [
    "job_name",
    "fallback_scrape_protocol",
    "honor_labels",
    "honor_timestamps",
    "track_timestamps_staleness",
    "params",
    "metrics_path",
    "scheme",
    "enable_compression",
    "relabel_configs",
    "metric_relabel_configs",
    "static_configs",
    "file_sd_configs",
    "http_sd_configs",
    "dns_sd_configs",
    "native_histogram_bucket_limit",
    "native_histogram_min_bucket_factor",
];
const JOB_UNSUPPORTED: [&str; 32] = [
    "scrape_failure_log_file",
    "oauth2",
    "tls_config",
    "proxy_url",
    "no_proxy",
    "proxy_from_environment",
    "proxy_connect_header",
    "http_headers",
    "azure_sd_configs",
    "aws_sd_configs",
    "consul_sd_configs",
    "digitalocean_sd_configs",
    "docker_sd_configs",
    "dockerswarm_sd_configs",
    "ec2_sd_configs",
    "eureka_sd_configs",
    "gce_sd_configs",
    "hetzner_sd_configs",
    "ionos_sd_configs",
    "kubernetes_sd_configs",
    "kuma_sd_configs",
    "lightsail_sd_configs",
    "linode_sd_configs",
    "marathon_sd_configs",
    "nerve_sd_configs",
    "nomad_sd_configs",
    "openstack_sd_configs",
    "ovhcloud_sd_configs",
    "puppetdb_sd_configs",
    "scaleway_sd_configs",
    "serverset_sd_configs",
    "vultr_sd_configs",
];

impl Config {
    /// Reads both sections; relative paths of files start at `base`.
    pub fn parse(global: Option<&Value>, scrape_configs: &Value, base: &Path) -> Result<Config, ConfigError> {
        let known: Vec<&str> = SHARED.iter().chain(&GLOBAL).copied().collect();
        let g = Section::new(global.unwrap_or(&Value::Null), "global", &known, &["runtime"])?;
        if g.get("scrape_failure_log_file").is_some() {
            return Err(g.error("scrape_failure_log_file", "is not supported by this version; remove it"));
        }
        let defaults = Shared::read(&g, &Shared::default())?;
        let list = match scrape_configs {
            Value::Null => &[][..],
            Value::Sequence(items) => items,
            _ => return Err(ConfigError("scrape_configs: must be a list".into())),
        };
        let mut names = HashSet::new();
        let mut jobs = vec![];
        for (i, value) in list.iter().enumerate() {
            let job = job(value, i, &defaults, base)?;
            if !names.insert(job.name.clone()) {
                return Err(ConfigError(format!("found multiple scrape configs with job name {:?}", job.name)));
            }
            jobs.push(job);
        }
        Ok(Config { jobs })
    }
}

/// What `global` sets for every job.
#[derive(Clone)]
struct Shared {
    interval: Duration,
    timeout: Duration,
    protocols: Option<Vec<String>>,
    limits: ScrapeLimits,
    escaping: String,
    native: bool,
    extra: bool,
}

impl Default for Shared {
    fn default() -> Self {
        Shared {
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(10),
            protocols: None,
            limits: ScrapeLimits::default(),
            escaping: "allow-utf-8".into(),
            native: false,
            extra: false,
        }
    }
}

impl Shared {
    fn read(s: &Section<'_>, above: &Shared) -> Result<Shared, ConfigError> {
        for key in ["always_scrape_classic_histograms", "convert_classic_histograms_to_nhcb"] {
            if s.flag(key, false)? {
                return Err(s.error(key, "is not supported by this version; remove it"));
            }
        }
        if let Some(scheme) = s.text("metric_name_validation_scheme")?.filter(|v| v != "utf8") {
            return Err(s.error("metric_name_validation_scheme", format_args!("{scheme:?} is not supported; only utf8 is")));
        }
        let escaping = s.text("metric_name_escaping_scheme")?.unwrap_or_else(|| above.escaping.clone());
        if !["allow-utf-8", "underscores", "dots", "values"].contains(&escaping.as_str()) {
            return Err(
                s.error("metric_name_escaping_scheme", format_args!("{escaping:?} is not one of allow-utf-8, underscores, dots, values"))
            );
        }
        let interval = s.duration("scrape_interval", above.interval)?;
        if interval.is_zero() {
            return Err(s.error("scrape_interval", "must be above 0"));
        }
        // A timeout that was not asked for gives way to a short interval.
        let timeout = s.duration("scrape_timeout", above.timeout.min(interval))?;
        if timeout > interval || timeout.is_zero() {
            return Err(s.error("scrape_timeout", "must be above 0 and not above scrape_interval"));
        }
        let l = above.limits;
        let limits = ScrapeLimits {
            body_bytes: s.bytes("body_size_limit", l.body_bytes)?,
            samples: s.number("sample_limit", l.samples)?,
            targets: s.number("target_limit", l.targets)?,
            labels: s.number("label_limit", l.labels)?,
            label_name_bytes: s.number("label_name_length_limit", l.label_name_bytes)?,
            label_value_bytes: s.number("label_value_length_limit", l.label_value_bytes)?,
            keep_dropped_targets: s.number("keep_dropped_targets", l.keep_dropped_targets)?,
        };
        let protocols = if s.get("scrape_protocols").is_some() { Some(s.texts("scrape_protocols")?) } else { above.protocols.clone() };
        let native = s.flag("scrape_native_histograms", above.native)?;
        Ok(Shared { interval, timeout, protocols, limits, escaping, native, extra: s.flag("extra_scrape_metrics", above.extra)? })
    }
}

fn job(value: &Value, index: usize, defaults: &Shared, base: &Path) -> Result<Job, ConfigError> {
    let named = value.get("job_name").and_then(Value::as_str);
    let place = named.map_or_else(|| format!("scrape_configs[{index}]"), |n| format!("scrape_configs: job {n:?}"));
    let known: Vec<&str> = SHARED.iter().chain(&JOB).chain(&HttpSettings::KEYS).copied().collect();
    let s = Section::new(value, place, &known, &JOB_UNSUPPORTED)?;
    let name = s.text("job_name")?.filter(|n| !n.is_empty()).ok_or_else(|| ConfigError(format!("{}: job_name is empty", s.place)))?;
    for key in ["native_histogram_bucket_limit", "native_histogram_min_bucket_factor"] {
        if s.get(key).is_some_and(|v| v.as_f64() != Some(0.0)) {
            return Err(s.error(key, "is not supported by this version; remove it"));
        }
    }
    let shared = Shared::read(&s, defaults)?;
    let scheme = s.text("scheme")?.unwrap_or_else(|| "http".into());
    if scheme != "http" {
        return Err(s.error("scheme", format_args!("{scheme:?} is not supported by this version; only http is")));
    }
    let fallback = s.text("fallback_scrape_protocol")?.map(|p| {
        Format::parse(&p).ok_or_else(|| {
            s.error("fallback_scrape_protocol", format_args!("{p:?} is unknown; one of {}", PROTOCOLS.map(|p| p.0).join(", ")))
        })
    });
    let at = |key: &str| format!("{}: {key}", s.place);
    Ok(Job {
        interval: shared.interval,
        timeout: shared.timeout,
        accept: accept(&s, &shared)?,
        fallback: fallback.transpose()?,
        honor_labels: s.flag("honor_labels", false)?,
        honor_timestamps: s.flag("honor_timestamps", true)?,
        track_timestamps_staleness: s.flag("track_timestamps_staleness", false)?,
        compression: s.flag("enable_compression", true)?,
        native_histograms: shared.native,
        extra_metrics: shared.extra,
        limits: shared.limits,
        metrics_path: s.text("metrics_path")?.unwrap_or_else(|| "/metrics".into()),
        params: params(&s)?,
        http: HttpSettings::read(&s, base)?,
        sources: Source::read(&s, base)?,
        relabel: relabel::parse(s.list("relabel_configs")?, &at("relabel_configs"))?,
        metric_relabel: relabel::parse(s.list("metric_relabel_configs")?, &at("metric_relabel_configs"))?,
        yaml: masked(value),
        name,
        scheme,
    })
}

fn params(s: &Section<'_>) -> Result<Vec<(String, Vec<String>)>, ConfigError> {
    let Some(value) = s.get("params") else { return Ok(vec![]) };
    let map = value.as_mapping().ok_or_else(|| s.error("params", "must be a mapping of names to lists"))?;
    let names: Vec<&str> = map.keys().filter_map(Value::as_str).collect();
    let inner = Section::new(value, format!("{}: params", s.place), &names, &[])?;
    names.iter().map(|n| Ok(((*n).to_owned(), inner.texts(n)?))).collect()
}

/// Protocol names with what stands for them in `Accept`.
const PROTOCOLS: [(&str, &str); 5] = [
    ("PrometheusProto", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"),
    ("OpenMetricsText1.0.0", "application/openmetrics-text;version=1.0.0"),
    ("OpenMetricsText0.0.1", "application/openmetrics-text;version=0.0.1"),
    ("PrometheusText1.0.0", "text/plain;version=1.0.0"),
    ("PrometheusText0.0.4", "text/plain;version=0.0.4"),
];

/// Wishes in the order of the configuration, weights falling from 0.6.
fn accept(s: &Section<'_>, shared: &Shared) -> Result<String, ConfigError> {
    let defaults = || PROTOCOLS.iter().skip(usize::from(!shared.native)).map(|(n, _)| (*n).to_owned()).collect();
    let wanted: Vec<String> = shared.protocols.clone().unwrap_or_else(defaults);
    let mut out = String::new();
    let mut weight = PROTOCOLS.len() + 1;
    for (i, name) in wanted.iter().enumerate() {
        let known = PROTOCOLS.iter().find(|(n, _)| n == name);
        let (_, media) = known.ok_or_else(|| {
            s.error("scrape_protocols", format_args!("{name:?} is unknown; one of {}", PROTOCOLS.map(|p| p.0).join(", ")))
        })?;
        if wanted[..i].contains(name) {
            return Err(s.error("scrape_protocols", format_args!("{name:?} stands there twice")));
        }
        if name == "PrometheusProto" && !shared.native {
            return Err(s.error("scrape_protocols", "PrometheusProto needs scrape_native_histograms: true in this version"));
        }
        let escaping = if name.ends_with("1.0.0") { format!(";escaping={}", shared.escaping) } else { String::new() };
        out.push_str(&format!("{media}{escaping};q=0.{weight},"));
        weight = weight.saturating_sub(1).max(1);
    }
    Ok(format!("{out}*/*;q=0.{weight}"))
}

/// The job's own YAML for the status page, passwords and tokens replaced.
fn masked(value: &Value) -> String {
    fn walk(value: &Value) -> Value {
        match value {
            Value::Mapping(m) => Value::Mapping(
                m.iter()
                    .map(|(k, v)| match k.as_str() {
                        Some("password" | "credentials" | "bearer_token") => (k.clone(), Value::String("<secret>".into())),
                        _ => (k.clone(), walk(v)),
                    })
                    .collect(),
            ),
            Value::Sequence(items) => Value::Sequence(items.iter().map(walk).collect()),
            other => other.clone(),
        }
    }
    serde_yaml_ng::to_string(&walk(value)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(global: &str, jobs: &str) -> Result<Config, ConfigError> {
        let yaml = |t: &str| serde_yaml_ng::from_str::<Value>(t).unwrap();
        Config::parse(Some(&yaml(global)), &yaml(jobs), Path::new("/etc"))
    }

    #[track_caller]
    fn refused(jobs: &str, part: &str) {
        let e = config("", jobs).unwrap_err().to_string();
        assert!(e.contains(part), "{e}");
    }

    #[test]
    fn defaults_and_what_global_changes() {
        let c = config(
            "{scrape_interval: 15s, sample_limit: 7, external_labels: {a: b}}",
            "[{job_name: a}, {job_name: b, scrape_interval: 5s}]",
        )
        .unwrap();
        let [a, b] = &c.jobs[..] else { panic!() };
        assert_eq!((a.interval.as_secs(), a.timeout.as_secs(), b.interval.as_secs(), b.timeout.as_secs()), (15, 10, 5, 5));
        assert_eq!((a.limits.samples, a.metrics_path.as_str(), a.honor_timestamps, a.honor_labels), (7, "/metrics", true, false));
        assert_eq!(
            a.accept,
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
        );
        let c = config("", "[{job_name: a, scrape_native_histograms: true, scrape_protocols: [PrometheusProto, PrometheusText0.0.4]}]")
            .unwrap();
        assert!(c.jobs[0].accept.ends_with("encoding=delimited;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.4"), "{}", c.jobs[0].accept);
    }

    #[test]
    fn mistakes_are_named() {
        refused("[{job_name: a, metric_path: /x}]", "job \"a\": field metric_path is unknown; did you mean metrics_path?");
        refused("[{job_name: a}, {job_name: a}]", "multiple scrape configs with job name \"a\"");
        refused("[{}]", "job_name is empty");
        refused("[{job_name: a, scheme: https}]", "scheme \"https\" is not supported");
        refused("[{job_name: a, kubernetes_sd_configs: [{role: pod}]}]", "kubernetes_sd_configs is not supported");
        refused("[{job_name: a, tls_config: {insecure_skip_verify: true}}]", "tls_config is not supported");
        refused("[{job_name: a, scrape_interval: 5s, scrape_timeout: 6s}]", "not above scrape_interval");
        refused("[{job_name: a, dns_sd_configs: [{names: [x]}]}]", "SRV");
        refused("[{job_name: a, always_scrape_classic_histograms: true}]", "not supported");
        refused("[{job_name: a, basic_auth: {user: x}}]", "field user is unknown");
        refused("[{job_name: a, basic_auth: {username: x}, bearer_token: y}]", "at most one of");
        refused("[{job_name: a, static_configs: [{target: [x]}]}]", "did you mean targets?");
    }

    #[test]
    fn secrets_do_not_show() {
        let c = config("", "[{job_name: a, basic_auth: {username: u, password: hidden}}]").unwrap();
        assert!(c.jobs[0].yaml.contains("<secret>") && !c.jobs[0].yaml.contains("hidden"), "{}", c.jobs[0].yaml);
    }
}
