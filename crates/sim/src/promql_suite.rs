//! Prometheus' own language suite over the store's metrics head, with the variants that the upstream runner derives.

use std::sync::Arc;

use model::{Batch, HistogramSample, MetricBatch, Sample, Temporality, Tenant};
use promql::SampleValue;
use promql::script::{Loaded, Storage, run};
use query::MetricSource;
use store::Store;

use crate::{Outcome, empty_store, scripts, shared, write};

struct StoreStorage(Arc<Store>);

impl Storage for StoreStorage {
    fn clear(&mut self) {
        self.0 = empty_store();
    }

    fn load(&mut self, series: Vec<Loaded>) -> Result<(), String> {
        let mut batch = MetricBatch::default();
        for one in series {
            let series = batch.series.len() as u32;
            batch.series.push(one.labels);
            for s in one.samples {
                let (t, st, temporality) = (s.t, s.st, Temporality::AsIs);
                match s.value {
                    SampleValue::Float(v) => batch.samples.push(Sample { series, t, v, st, temporality }),
                    SampleValue::Histogram(h) => batch.histograms.push(HistogramSample { series, t, st, h, temporality }),
                }
            }
        }
        write(&self.0, Batch::Metrics(batch));
        Ok(())
    }

    fn source(&self) -> Arc<dyn MetricSource> {
        Arc::new(self.0.snapshot(&[Tenant::anonymous()]))
    }
}

/// Evaluations as written and the variants derived from them, counted apart.
pub fn run_all() -> Result<Option<(Outcome, Outcome)>, String> {
    let Some(dir) = shared("promqltest") else { return Ok(None) };
    let (mut evals, mut variants) = (Outcome::default(), Outcome::default());
    for (name, text) in scripts(&dir, "test")? {
        let report = run(&text, &mut StoreStorage(empty_store())).map_err(|e| format!("{name}: {e}"))?;
        evals.passed += report.counts(false).0;
        variants.passed += report.counts(true).0;
        for f in report.failures() {
            let why = f.result.as_ref().err().map_or("", String::as_str);
            let into = if f.variant { &mut variants } else { &mut evals };
            into.failures.push(format!("{name}:{}: {}\n    {why}", f.line, f.query));
        }
    }
    Ok(Some((evals, variants)))
}
