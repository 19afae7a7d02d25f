//! What the writer does between groups: drop a tenant, delete series, write a checkpoint.

use std::sync::atomic::Ordering;

use model::Tenant;
use wal::Record;

use crate::checkpoint;
use crate::record::{self, Deletion};
use crate::write::AppendError;
use crate::writer::{Writer, refusal};

impl Writer {
    pub(crate) fn drop_tenant(&mut self, tenant: &Tenant) -> Result<(), AppendError> {
        self.logged(|sequence| record::of_drop(tenant, sequence))?;
        self.heads.drop_tenant(tenant);
        self.publish();
        Ok(())
    }

    pub(crate) fn delete_metrics(&mut self, tenant: &Tenant, d: &Deletion) -> Result<(), AppendError> {
        self.logged(|sequence| record::of_deletion(tenant, d, sequence))?;
        self.heads.delete_metrics(tenant, d);
        self.publish();
        Ok(())
    }

    /// Makes a control record durable before it takes effect: what it takes away cannot be hidden until then.
    fn logged(&mut self, record: impl Fn(u64) -> Record) -> Result<(), AppendError> {
        if let Some(why) = self.shared.broken.get() {
            return Err(AppendError::Failed(why.clone()));
        }
        let sequence = self.sequence + 1;
        if self.log.is_some() {
            self.append_log(&[record(sequence)]).map_err(refusal)?;
        }
        self.sequence = sequence;
        if let Some(log) = &mut self.log
            && let Err(e) = log.commit()
        {
            self.fail(&e);
            return Err(refusal(e));
        }
        Ok(())
    }

    /// Writes all heads to a file and trims the log behind it. Without a log there is nothing to do.
    pub(crate) fn checkpoint(&mut self) -> Result<(), String> {
        let (Some(log), Some(dir)) = (&mut self.log, &self.shared.options.dir) else { return Ok(()) };
        if let Some(why) = self.shared.broken.get() {
            return Err(why.clone());
        }
        let started = self.shared.options.clock.elapsed();
        let salt = self.shared.options.random.next_u64() as u32;
        checkpoint::write(self.shared.options.disk.as_ref(), dir, &self.heads, self.sequence, salt).map_err(|e| e.to_string())?;
        let truncated = log.truncate(self.sequence);
        self.shared.counters.checkpoints.fetch_add(1, Ordering::Relaxed);
        let took = self.shared.options.clock.elapsed().saturating_sub(started);
        tracing::info!(sequence = self.sequence, took_ms = took.as_millis() as u64, "checkpoint written");
        truncated.map_err(|e| {
            self.fail(&e);
            e.to_string()
        })
    }
}
