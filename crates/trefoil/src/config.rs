//! Settings: the YAML file, the command line over it, the defaults under both.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::cli::{ProfileArg, ServeArgs};

/// What the process runs with, after file, flags and defaults were merged.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `None`: memory only
    pub data: Option<PathBuf>,
    pub bind: IpAddr,
    pub ports: Ports,
    pub sync: Sync,
    pub profile: ProfileArg,
    /// zero: for ever
    pub retention: Duration,
    /// bytes
    pub memory_limit: u64,
    pub features: Vec<String>,
    pub enable_admin_api: bool,
    pub self_scrape: bool,
    pub otlp: Otlp,
    pub prometheus: PrometheusSections,
    /// the file as read, for status pages
    pub text: String,
    /// where relative paths of the file start
    pub base: PathBuf,
}

/// The sections that take Prometheus' own syntax, as YAML; the crates that evaluate them check their keys.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PrometheusSections {
    pub global: Option<serde_yaml_ng::Value>,
    pub scrape_configs: Option<serde_yaml_ng::Value>,
    pub rule_files: Option<serde_yaml_ng::Value>,
    pub alerting: Option<serde_yaml_ng::Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ports {
    /// the well-known ports plus this
    WellKnown { offset: u16 },
    /// everything on one; 0 = any free one
    One(u16),
}

/// When an acknowledged write is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    Always,
    Interval(Duration),
    Os,
}

/// The file. Unknown keys are errors; sections of the real systems that we do not evaluate are named as such.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    listen: Listen,
    storage: Storage,
    otlp: Otlp,
    profile: Option<ProfileArg>,
    features: Vec<String>,
    enable_admin_api: Option<bool>,
    self_scrape: Option<bool>,
    global: Option<serde_yaml_ng::Value>,
    scrape_configs: Option<serde_yaml_ng::Value>,
    rule_files: Option<serde_yaml_ng::Value>,
    alerting: Option<serde_yaml_ng::Value>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Listen {
    bind: Option<IpAddr>,
    port: Option<u16>,
    port_offset: Option<u16>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Storage {
    data: Option<PathBuf>,
    memory: Option<bool>,
    sync: Option<String>,
    retention: Option<String>,
    memory_limit: Option<String>,
}

/// Prometheus' `otlp:` section. An absent key leaves the profile's choice.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Otlp {
    pub promote_resource_attributes: Option<Vec<String>>,
    pub promote_all_resource_attributes: Option<bool>,
    pub ignore_resource_attributes: Option<Vec<String>>,
    pub translation_strategy: Option<String>,
    pub keep_identifying_resource_attributes: Option<bool>,
    pub convert_histograms_to_nhcb: Option<bool>,
    pub promote_scope_metadata: Option<bool>,
}

/// Sections that exist in the systems we stand for and that we do not evaluate: refused by name rather than ignored.
const NOT_EVALUATED: &[&str] = &[
    "exporters",
    "extensions",
    "limits",
    "processors",
    "receivers",
    "remote_read",
    "remote_write",
    "scrape_config_files",
    "service",
    "storage_config",
    "tracing",
];

/// What is wrong with a setting, where, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads the file that the flags name, then lays the flags over it.
    pub fn load(args: &ServeArgs) -> Result<Config, ConfigError> {
        let text = match &args.config {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path).map_err(|e| ConfigError(format!("{}: {e}", path.display())))?,
        };
        let name = args.config.as_deref().unwrap_or(Path::new("configuration"));
        Config::merge(args, text, &name.display().to_string())
    }

    fn merge(args: &ServeArgs, text: String, name: &str) -> Result<Config, ConfigError> {
        let file = parse(&text).map_err(|e| ConfigError(format!("{name}: {e}")))?;
        let memory = args.memory || (args.data.is_none() && file.storage.memory.unwrap_or(false));
        let data = args.data.clone().or(file.storage.data).unwrap_or_else(|| "trefoil-data".into());
        let ports = match (
            args.port.or(if args.port_offset.is_some() { None } else { file.listen.port }),
            args.port_offset.or(file.listen.port_offset),
        ) {
            (Some(port), _) => Ports::One(port),
            (None, offset) => Ports::WellKnown { offset: offset.unwrap_or(0) },
        };
        let text_or =
            |flag: &Option<String>, file: Option<String>, default: &str| flag.clone().or(file).unwrap_or_else(|| default.to_owned());
        let mut features = file.features;
        features.extend(args.enable_feature.iter().filter(|f| !f.is_empty()).cloned());
        Ok(Config {
            data: (!memory).then_some(data),
            bind: args.bind.or(file.listen.bind).unwrap_or(IpAddr::from([127, 0, 0, 1])),
            ports,
            sync: parse_sync(&text_or(&args.sync, file.storage.sync, "always"))?,
            profile: args.profile.or(file.profile).unwrap_or(ProfileArg::Default),
            retention: parse_duration("retention", &text_or(&args.retention, file.storage.retention, "0"))?,
            memory_limit: parse_bytes("memory_limit", &text_or(&args.memory_limit, file.storage.memory_limit, "1GiB"))?,
            features,
            enable_admin_api: args.enable_admin_api || file.enable_admin_api.unwrap_or(false),
            self_scrape: !args.no_self_scrape && file.self_scrape.unwrap_or(true),
            otlp: file.otlp,
            prometheus: PrometheusSections {
                global: file.global,
                scrape_configs: file.scrape_configs,
                rule_files: file.rule_files,
                alerting: file.alerting,
            },
            text,
            base: args.config.as_deref().and_then(Path::parent).map_or_else(PathBuf::new, Path::to_path_buf),
        })
    }
}

fn parse(text: &str) -> Result<File, ConfigError> {
    if text.trim().is_empty() {
        return Ok(File::default());
    }
    serde_yaml_ng::from_str(text).map_err(|e| ConfigError(explain(&e.to_string())))
}

/// Adds to an unknown-key error what was probably meant.
fn explain(error: &str) -> String {
    let mut ticked = error.split('`').skip(1).step_by(2);
    let (Some(unknown), true) = (ticked.next(), error.contains("unknown field")) else { return error.to_owned() };
    if NOT_EVALUATED.contains(&unknown) {
        return format!(
            "{error}\nhint: `{unknown}` is a section of the systems Trefoil stands for, but this version does not evaluate it; remove it to start without it"
        );
    }
    match ticked.map(|known| (scrape::distance(unknown, known), known)).min() {
        Some((d, known)) if d <= 3 => format!("{error}\nhint: did you mean `{known}`?"),
        _ => error.to_owned(),
    }
}

pub fn parse_sync(text: &str) -> Result<Sync, ConfigError> {
    match text.split_once('=') {
        None if text == "always" => Ok(Sync::Always),
        None if text == "os" => Ok(Sync::Os),
        Some(("interval", d)) => Ok(Sync::Interval(parse_duration("sync interval", d)?)),
        _ => Err(ConfigError(format!("sync {text:?} is not one of always, interval=100ms, os"))),
    }
}

/// `0`, or Prometheus' units: ms s m h d w y, combined as in `1d12h`.
pub fn parse_duration(what: &str, text: &str) -> Result<Duration, ConfigError> {
    let bad = || ConfigError(format!("{what} {text:?} is no duration; write 0 or for example 100ms, 12h, 15d, 1y"));
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let (mut total, mut rest) = (0u64, text);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().map_err(|_| bad())?;
        let unit_len = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let ms = match &rest[digits..digits + unit_len] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 7 * 86_400_000,
            "y" => 365 * 86_400_000,
            _ => return Err(bad()),
        };
        total = number.checked_mul(ms).and_then(|n| n.checked_add(total)).ok_or_else(bad)?;
        rest = &rest[digits + unit_len..];
    }
    if text.is_empty() { Err(bad()) } else { Ok(Duration::from_millis(total)) }
}

/// A number of bytes with an optional unit: B, KB, MB, GB, KiB, MiB, GiB, TiB.
pub fn parse_bytes(what: &str, text: &str) -> Result<u64, ConfigError> {
    let bad = || ConfigError(format!("{what} {text:?} is no size; write for example 512MiB, 2GiB or 1000000000"));
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().map_err(|_| bad())?;
    let unit: u64 = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        _ => return Err(bad()),
    };
    number.checked_mul(unit).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        serve: ServeArgs,
    }

    fn merged(yaml: &str, flags: &[&str]) -> Result<Config, ConfigError> {
        let args = Flags::parse_from(std::iter::once(&"x").chain(flags)).serve;
        Config::merge(&args, yaml.to_owned(), "t.yaml")
    }

    #[test]
    fn flags_lie_over_the_file() {
        let yaml = "listen: {bind: 0.0.0.0, port_offset: 7}\nstorage: {data: /d, sync: os, retention: 15d, memory_limit: 512MiB}\nfeatures: [a]\nprofile: stock\n";
        let c = merged(yaml, &[]).unwrap();
        assert_eq!((c.data.clone(), c.ports, c.sync), (Some("/d".into()), Ports::WellKnown { offset: 7 }, Sync::Os));
        assert_eq!((c.retention, c.memory_limit, c.profile), (Duration::from_secs(15 * 86400), 512 << 20, ProfileArg::Stock));
        let c = merged(yaml, &["--memory", "--port", "0", "--sync", "interval=100ms", "--enable-feature", "b"]).unwrap();
        assert_eq!((c.data, c.ports, c.sync), (None, Ports::One(0), Sync::Interval(Duration::from_millis(100))));
        assert_eq!(c.features, ["a", "b"]);
    }

    #[track_caller]
    fn refused(yaml: &str, flags: &[&str], part: &str) {
        let e = merged(yaml, flags).unwrap_err().to_string();
        assert!(e.contains(part), "{e}");
    }

    #[test]
    fn mistakes_are_named_with_the_way_out() {
        refused("storage: {retenion: 1d}", &[], "did you mean `retention`?");
        refused("remote_write: []", &[], "does not evaluate it");
        refused("", &["--retention", "soon"], "is no duration");
        refused("", &["--sync", "never"], "is not one of always");
        refused("", &["--memory-limit", "lots"], "is no size");
        refused("storage: [1]", &[], "t.yaml");
    }
}
