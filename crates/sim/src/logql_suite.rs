//! Loki's own metric-query suite over the store's log head.

use std::sync::Arc;

use logql::script::{Backend, Line, batch, run};
use model::{Batch, Tenant};
use query::LogSource;
use store::Store;

use crate::{Outcome, empty_store, scripts, shared, write};

/// Lines are written in small pushes, so that queries read many batches and merged ones.
const LINES_PER_WRITE: usize = 7;

struct StoreBackend(Arc<Store>);

impl Backend for StoreBackend {
    fn clear(&mut self) {
        self.0 = empty_store();
    }

    fn load(&mut self, lines: &[Line]) {
        for some in lines.chunks(LINES_PER_WRITE) {
            write(&self.0, Batch::Logs(batch(some).into()));
        }
    }

    fn source(&self) -> Box<dyn LogSource + '_> {
        Box::new(self.0.snapshot(&[Tenant::anonymous()]))
    }
}

pub fn run_all() -> Result<Option<Outcome>, String> {
    let Some(dir) = shared("logqltest") else { return Ok(None) };
    let mut out = Outcome::default();
    for (name, text) in scripts(&dir, "logqltest")? {
        let report = run(&name, &text, &mut StoreBackend(empty_store()));
        out.passed += report.passed;
        out.failures.extend(report.failures);
    }
    Ok(Some(out))
}
