//! What the writer does between groups: drop a tenant, write a checkpoint.

use model::Tenant;

use crate::record;
use crate::write::AppendError;
use crate::writer::{Writer, refusal};

impl Writer {
    pub(crate) fn drop_tenant(&mut self, tenant: Tenant) -> Result<(), AppendError> {
        let sequence = self.sequence + 1;
        if self.log.is_some() {
            self.append_log(&[record::of_drop(&tenant, sequence)]).map_err(refusal)?;
        }
        self.sequence = sequence;
        self.heads.drop_tenant(&tenant);
        if let Some(log) = &mut self.log
            && let Err(e) = log.commit()
        {
            self.fail(&e);
            return Err(refusal(e));
        }
        self.publish();
        Ok(())
    }

    pub(crate) fn checkpoint(&mut self) -> Result<(), String> {
        Ok(())
    }
}
