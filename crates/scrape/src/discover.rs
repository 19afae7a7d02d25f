//! Where targets come from: lists in the configuration, files, HTTP, DNS addresses.

use std::path::{Path, PathBuf};
use std::time::Duration;

use model::{Labels, LabelsBuilder};
use serde_yaml_ng::Value;

use crate::client::{Client, FetchError, Get, HttpSettings};
use crate::limits::{FILE_LOOK_SECONDS, MAX_DISCOVERY_BYTES};
use crate::section::{ConfigError, Section};

/// One discovery of a job.
#[derive(Debug, Clone)]
pub enum Source {
    /// never changes
    Static(Vec<Labels>),
    /// patterns with at most one `*`, in the last part of the path
    Files {
        patterns: Vec<PathBuf>,
        every: Duration,
    },
    Http {
        url: String,
        every: Duration,
        settings: HttpSettings,
    },
    /// A and AAAA records
    Dns {
        names: Vec<String>,
        port: u16,
        family: Family,
        every: Duration,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

const FILE_ENDINGS: [&str; 3] = [".json", ".yml", ".yaml"];

impl Source {
    /// Reads the discovery keys of a job.
    pub fn read(job: &Section<'_>, base: &Path) -> Result<Vec<Source>, ConfigError> {
        let mut out = vec![];
        for (i, v) in job.list("static_configs")?.iter().enumerate() {
            out.push(Source::Static(group(v, &format!("{}: static_configs[{i}]", job.place))?));
        }
        for (i, v) in job.list("file_sd_configs")?.iter().enumerate() {
            out.push(files(v, format!("{}: file_sd_configs[{i}]", job.place), base)?);
        }
        for (i, v) in job.list("http_sd_configs")?.iter().enumerate() {
            out.push(http_lists(v, format!("{}: http_sd_configs[{i}]", job.place), base)?);
        }
        for (i, v) in job.list("dns_sd_configs")?.iter().enumerate() {
            out.push(dns(v, format!("{}: dns_sd_configs[{i}]", job.place))?);
        }
        Ok(out)
    }

    /// How long an answer stands; `None`: for ever.
    pub fn every(&self) -> Option<Duration> {
        match self {
            Source::Static(_) => None,
            Source::Files { every, .. } => Some((*every).min(Duration::from_secs(FILE_LOOK_SECONDS))),
            Source::Http { every, .. } | Source::Dns { every, .. } => Some(*every),
        }
    }

    /// Asks for the targets as they are now. After an error the answer before it stays valid.
    pub async fn targets(&self, client: &Client) -> Result<Vec<Labels>, String> {
        match self {
            Source::Static(targets) => Ok(targets.clone()),
            Source::Files { patterns, .. } => {
                let patterns = patterns.clone();
                tokio::task::spawn_blocking(move || read_files(&patterns)).await.map_err(|e| e.to_string())?
            }
            Source::Http { url, every, settings } => fetch_list(client, url, *every, settings).await,
            Source::Dns { names, port, family, .. } => resolve(names, *port, *family).await,
        }
    }
}

/// `{targets: [...], labels: {...}}` as one label set per target.
fn group(value: &Value, place: &str) -> Result<Vec<Labels>, ConfigError> {
    let s = Section::new(value, place, &["targets", "labels"], &[])?;
    let labels = s.pairs("labels")?;
    let base = Labels::from_pairs(labels.iter().filter(|(_, v)| !v.is_empty()).map(|(n, v)| (n, v)));
    let with = |address: String| {
        let mut b = LabelsBuilder::new(&base);
        b.set("__address__", &address);
        b.build()
    };
    let targets = s.texts("targets")?;
    match targets.iter().find(|t| t.contains('/')) {
        Some(bad) => Err(s.error("targets", format_args!("{bad:?} is not a valid hostname: write host:port without a scheme and a path"))),
        None => Ok(targets.into_iter().map(with).collect()),
    }
}

fn groups(value: &Value, place: &str) -> Result<Vec<Labels>, ConfigError> {
    match value {
        Value::Null => Ok(vec![]),
        Value::Sequence(items) => {
            let each = items.iter().enumerate().map(|(i, v)| group(v, &format!("{place}[{i}]"))).collect::<Result<Vec<_>, _>>()?;
            Ok(each.into_iter().flatten().collect())
        }
        _ => Err(ConfigError(format!("{place}: must be a list of groups of targets"))),
    }
}

/// Adds one label to every target.
fn tagged(targets: Vec<Labels>, name: &str, value: &str) -> impl Iterator<Item = Labels> {
    targets.into_iter().map(move |t| {
        let mut b = LabelsBuilder::new(&t);
        b.set(name, value);
        b.build()
    })
}

fn files(value: &Value, place: String, base: &Path) -> Result<Source, ConfigError> {
    let s = Section::new(value, place, &["files", "refresh_interval"], &[])?;
    let names = s.texts("files")?;
    if names.is_empty() {
        return Err(s.error("files", "must name at least one path"));
    }
    for name in &names {
        let (dir, file) = name.rsplit_once('/').unwrap_or(("", name));
        if !FILE_ENDINGS.iter().any(|e| file.ends_with(e)) || dir.contains('*') || file.matches('*').count() > 1 {
            return Err(s.error(
                "files",
                format_args!(
                    "path name {name:?} is not valid: it must end in .json, .yml or .yaml, with at most one * and that in its last part"
                ),
            ));
        }
    }
    let every = positive(&s, "refresh_interval", 300)?;
    Ok(Source::Files { patterns: names.iter().map(|n| base.join(n)).collect(), every })
}

fn read_files(patterns: &[PathBuf]) -> Result<Vec<Labels>, String> {
    let mut out = vec![];
    for path in patterns.iter().flat_map(|p| matching(p)) {
        let place = path.display().to_string();
        let size = std::fs::metadata(&path).map_err(|e| format!("{place}: {e}"))?.len();
        if size > MAX_DISCOVERY_BYTES as u64 {
            return Err(format!("{place}: larger than {MAX_DISCOVERY_BYTES} bytes"));
        }
        let text = std::fs::read(&path).map_err(|e| format!("{place}: {e}"))?;
        let value: Value = if place.ends_with(".json") {
            serde_json::from_slice(&text).map_err(|e| format!("{place}: {e}"))?
        } else {
            serde_yaml_ng::from_slice(&text).map_err(|e| format!("{place}: {e}"))?
        };
        out.extend(tagged(groups(&value, &place).map_err(|e| e.0)?, "__meta_filepath", &place));
    }
    Ok(out)
}

/// The files that a pattern names, sorted; a missing one is none (it may come later).
fn matching(pattern: &Path) -> Vec<PathBuf> {
    let name = pattern.file_name().and_then(|n| n.to_str()).unwrap_or("");
    let Some((head, tail)) = name.split_once('*') else {
        return if pattern.exists() { vec![pattern.to_owned()] } else { vec![] };
    };
    let dir = pattern.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let fits = |n: &str| n.len() >= head.len() + tail.len() && n.starts_with(head) && n.ends_with(tail);
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        entries.filter(|e| e.file_name().to_str().is_some_and(fits)).map(|e| pattern.with_file_name(e.file_name())).collect();
    found.sort();
    found
}

fn http_lists(value: &Value, place: String, base: &Path) -> Result<Source, ConfigError> {
    let known: Vec<&str> = ["url", "refresh_interval"].into_iter().chain(HttpSettings::KEYS).collect();
    let unsupported = ["oauth2", "tls_config", "proxy_url", "no_proxy", "proxy_from_environment", "proxy_connect_header", "http_headers"];
    let s = Section::new(value, place, &known, &unsupported)?;
    let url = s.text("url")?.unwrap_or_default();
    if !url.starts_with("http://") {
        return Err(s.error("url", format_args!("is {url:?}; this version fetches http:// only")));
    }
    Ok(Source::Http { url, every: positive(&s, "refresh_interval", 60)?, settings: HttpSettings::read(&s, base)? })
}

async fn fetch_list(client: &Client, url: &str, every: Duration, settings: &HttpSettings) -> Result<Vec<Labels>, String> {
    let headers = [("accept", "application/json".to_owned()), ("x-prometheus-refresh-interval-seconds", every.as_secs_f64().to_string())];
    let get = Get { url, headers: &headers, settings, compression: true, max_bytes: MAX_DISCOVERY_BYTES };
    let fetched = match tokio::time::timeout(every, client.get(get)).await {
        Err(_) => return Err(format!("{url}: no answer within {} s", every.as_secs_f64())),
        Ok(Err(FetchError::TooLarge)) => return Err(format!("{url}: the answer is larger than {MAX_DISCOVERY_BYTES} bytes")),
        Ok(Err(FetchError::Other(e))) => return Err(e),
        Ok(Ok(f)) => f,
    };
    if !fetched.content_type.to_ascii_lowercase().trim_start().starts_with("application/json") {
        return Err(format!("{url}: unsupported content type {:?}", fetched.content_type));
    }
    let value: Value = serde_json::from_slice(&fetched.body).map_err(|e| format!("{url}: {e}"))?;
    Ok(tagged(groups(&value, url).map_err(|e| e.0)?, "__meta_url", url).collect())
}

fn dns(value: &Value, place: String) -> Result<Source, ConfigError> {
    let s = Section::new(value, place, &["names", "type", "port", "refresh_interval"], &[])?;
    let kind = s.text("type")?.unwrap_or_else(|| "SRV".into()).to_ascii_uppercase();
    let family = match kind.as_str() {
        "A" => Family::V4,
        "AAAA" => Family::V6,
        _ => {
            return Err(
                s.error("type", format_args!("{kind} (the default is SRV) is not supported by this version; use A or AAAA with a port"))
            );
        }
    };
    let names = s.texts("names")?;
    if names.is_empty() {
        return Err(s.error("names", "must name at least one record"));
    }
    let port = u16::try_from(s.number("port", 0)?).ok().filter(|p| *p > 0);
    let port = port.ok_or_else(|| s.error("port", "is required in 1..65535 for A and AAAA"))?;
    Ok(Source::Dns { names, port, family, every: positive(&s, "refresh_interval", 30)? })
}

async fn resolve(names: &[String], port: u16, family: Family) -> Result<Vec<Labels>, String> {
    let mut out = vec![];
    for name in names {
        let found = tokio::net::lookup_host((name.as_str(), port)).await.map_err(|e| format!("{name}: {e}"))?;
        let mut addresses: Vec<String> = found.filter(|a| a.is_ipv4() == (family == Family::V4)).map(|a| a.to_string()).collect();
        addresses.sort();
        addresses.dedup();
        out.extend(addresses.iter().map(|a| Labels::from_pairs([("__address__", a.as_str()), ("__meta_dns_name", name)])));
    }
    Ok(out)
}

fn positive(s: &Section<'_>, key: &str, default_s: u64) -> Result<Duration, ConfigError> {
    let d = s.duration(key, Duration::from_secs(default_s))?;
    if d.is_zero() { Err(s.error(key, "must be above 0")) } else { Ok(d) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_by_pattern() {
        let dir = std::env::temp_dir().join(format!("trefoil-file-sd-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("a.json"), r#"[{"targets":["h:1","h:2"],"labels":{"dc":"x"}}]"#).unwrap();
        std::fs::write(dir.join("b.yml"), "- targets: ['h:3']\n  labels: {port: 80}\n").unwrap();
        let got = read_files(&[dir.join("*.json"), dir.join("b.yml"), dir.join("missing.yml")]).unwrap();
        let got: Vec<String> = got.iter().map(|l| l.filter(|n, _| n != "__meta_filepath").to_string()).collect();
        assert_eq!(got, [r#"{__address__="h:1", dc="x"}"#, r#"{__address__="h:2", dc="x"}"#, r#"{__address__="h:3", port="80"}"#]);
        std::fs::write(dir.join("a.json"), "[{").unwrap();
        assert!(read_files(&[dir.join("a.json")]).unwrap_err().contains("a.json"));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
