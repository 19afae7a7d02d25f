//! Attributes to labels: the slow way, taken once per resource and series; after that the cache knows.

use std::borrow::Cow;

use model::{Labels, METRIC_NAME};

use crate::DecodeError;
use crate::names::metric_label_name;
use crate::options::MetricSettings;
use crate::text;
use crate::value::key_value;
use crate::wire::{self, Reader};

/// What a resource adds to each of its series, and its `target_info`.
#[derive(Debug, Default)]
pub struct ResourceLabels {
    job: Option<String>,
    instance: Option<String>,
    promoted: Vec<(String, String)>,
    pub target_info: Option<Labels>,
    /// attributes that were left out
    pub warnings: Vec<String>,
}

const SERVICE_NAME: &str = "service.name";
const SERVICE_NAMESPACE: &str = "service.namespace";
const SERVICE_INSTANCE: &str = "service.instance.id";

impl ResourceLabels {
    /// Of a Resource message.
    pub fn new(bytes: &[u8], settings: &MetricSettings) -> Result<ResourceLabels, DecodeError> {
        let mut attrs: Vec<(String, String)> = vec![];
        let mut r = Reader::new(bytes);
        while let Some((number, field)) = r.next()? {
            if number == 1 {
                attrs.push(text_pair(field.len("Resource.attributes")?)?);
            }
        }
        let get = |name: &str| attrs.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str());
        let mut out = ResourceLabels {
            job: get(SERVICE_NAME).map(|name| match get(SERVICE_NAMESPACE) {
                Some(namespace) => format!("{namespace}/{name}"),
                None => name.to_owned(),
            }),
            instance: get(SERVICE_INSTANCE).map(str::to_owned),
            ..ResourceLabels::default()
        };
        for (key, value) in attrs.iter().filter(|(k, _)| settings.promote.takes(k)) {
            match metric_label_name(key, settings) {
                // Of two attributes with one label name the first stays.
                Ok(name) if out.promoted.iter().all(|(n, _)| *n != name) => out.promoted.push((name.into_owned(), value.clone())),
                Ok(_) => {}
                Err(reason) => out.warnings.push(format!("resource: {reason}: left out")),
            }
        }
        out.target_info = out.make_target_info(&attrs, settings);
        Ok(out)
    }

    /// Only if the resource says more than who it is, and says who it is.
    fn make_target_info(&mut self, attrs: &[(String, String)], settings: &MetricSettings) -> Option<Labels> {
        let identifying = |k: &str| [SERVICE_NAME, SERVICE_NAMESPACE, SERVICE_INSTANCE].contains(&k);
        if attrs.iter().all(|(k, _)| identifying(k)) {
            return None;
        }
        let mut labels = Merged::default();
        let kept = |k: &str| settings.keep_identifying_resource_attributes || !identifying(k);
        let mut sorted: Vec<&(String, String)> = attrs.iter().filter(|(k, _)| kept(k)).collect();
        sorted.sort();
        for (key, value) in sorted {
            if let Err(reason) = labels.add_attribute(key, value, settings) {
                self.warnings.push(format!("target_info: {reason}: left out"));
            }
        }
        self.identify(&mut labels);
        let known = |name: &str| labels.get(name).is_some_and(|v| !v.is_empty());
        if !known("job") && !known("instance") {
            return None;
        }
        labels.set(METRIC_NAME, "target_info");
        Some(labels.finish(&[]))
    }

    /// Estimated bytes, for the cache.
    pub fn heap_size(&self) -> usize {
        let text: usize = self.promoted.iter().map(|(n, v)| n.len() + v.len() + 48).sum();
        let own: usize = [&self.job, &self.instance].into_iter().flatten().map(String::len).sum();
        text + own + self.target_info.as_ref().map_or(0, Labels::heap_size) + self.warnings.iter().map(String::len).sum::<usize>() + 128
    }

    fn identify(&self, labels: &mut Merged) {
        if let Some(job) = &self.job {
            labels.set("job", job);
        }
        if let Some(instance) = &self.instance {
            labels.set("instance", instance);
        }
    }
}

/// What a scope adds to each of its series, if scopes are promoted.
#[derive(Debug, Default)]
pub struct ScopeLabels {
    pairs: Vec<(String, String)>,
}

impl ScopeLabels {
    /// Of an InstrumentationScope message; nothing if it has no name.
    pub fn new(bytes: &[u8], schema_url: &str, settings: &MetricSettings) -> Result<ScopeLabels, DecodeError> {
        let (mut r, mut pairs, mut name, mut version) = (Reader::new(bytes), vec![], Cow::default(), Cow::default());
        while let Some((number, field)) = r.next()? {
            match number {
                1 => name = field.text("InstrumentationScope.name")?,
                2 => version = field.text("InstrumentationScope.version")?,
                3 => {
                    let (key, value) = text_pair(field.len("InstrumentationScope.attributes")?)?;
                    if let Ok(label) = metric_label_name(&format!("otel_scope_{key}"), settings) {
                        pairs.push((label.into_owned(), value));
                    }
                }
                _ => {}
            }
        }
        if name.is_empty() {
            return Ok(ScopeLabels::default());
        }
        for (label, value) in [("otel_scope_name", name.as_ref()), ("otel_scope_version", &version), ("otel_scope_schema_url", schema_url)]
        {
            pairs.push((label.to_owned(), value.to_owned()));
        }
        Ok(ScopeLabels { pairs })
    }
}

/// Labels in the making: few enough to be searched one by one.
#[derive(Debug, Default)]
pub struct Merged {
    pairs: Vec<(String, String)>,
}

impl Merged {
    /// The labels that all series of a data point share. The inner error says why the point cannot have any.
    pub fn of_point(
        attrs: &[&[u8]],
        resource: &ResourceLabels,
        scope: Option<&ScopeLabels>,
        settings: &MetricSettings,
    ) -> Result<Result<Merged, String>, DecodeError> {
        let mut texts = attrs.iter().map(|a| text_pair(a)).collect::<Result<Vec<_>, _>>()?;
        texts.sort();
        let mut out = Merged::default();
        for (key, value) in &texts {
            if let Err(reason) = out.add_attribute(key, value, settings) {
                return Ok(Err(reason));
            }
        }
        for (name, value) in &resource.promoted {
            if out.get(name).is_none_or(str::is_empty) {
                out.set(name, value);
            }
        }
        for (name, value) in scope.iter().flat_map(|s| &s.pairs) {
            out.set(name, value);
        }
        resource.identify(&mut out);
        Ok(Ok(out))
    }

    /// Attributes whose names fall together share the label; the values are joined in the order of the original names.
    fn add_attribute(&mut self, key: &str, value: &str, settings: &MetricSettings) -> Result<(), String> {
        if key == METRIC_NAME {
            return Ok(());
        }
        let name = metric_label_name(key, settings)?;
        match self.pairs.iter_mut().find(|(n, _)| *n == name) {
            Some((_, old)) if settings.strategy.utf8() || old.is_empty() => *old = value.to_owned(),
            Some((_, old)) => {
                old.push(';');
                old.push_str(value);
            }
            None => self.pairs.push((name.into_owned(), value.to_owned())),
        }
        Ok(())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    fn set(&mut self, name: &str, value: &str) {
        match self.pairs.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => *old = value.to_owned(),
            None => self.pairs.push((name.to_owned(), value.to_owned())),
        }
    }

    /// The label set with `more` on top, without empty values.
    pub fn finish(&self, more: &[(&str, &str)]) -> Labels {
        let own = self.pairs.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        let own = own.filter(|(n, v)| !v.is_empty() && more.iter().all(|(m, _)| m != n));
        Labels::from_pairs(own.chain(more.iter().copied()))
    }
}

/// A KeyValue with its value as text.
pub fn text_pair(bytes: &[u8]) -> Result<(String, String), DecodeError> {
    let (key, val) = key_value(bytes)?;
    let mut out = String::new();
    text::push_value(&mut out, &val)?;
    Ok((wire::text(key).into_owned(), out))
}
