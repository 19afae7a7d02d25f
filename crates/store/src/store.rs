//! The store's handle: open, append, snapshot.

use std::io;
use std::sync::Arc;

use model::Tenant;

use crate::{AppendError, Appended, Decode, Reply, Snapshot, StoreOptions, Write};

/// Owns all data. Share it as `Arc<Store>`; dropping it stops the writer.
pub struct Store {
    _options: StoreOptions,
    _decode: Arc<dyn Decode>,
}

impl Store {
    /// Opens the folder of the options, replays what it holds and starts the writer.
    pub fn open(options: StoreOptions, decode: Arc<dyn Decode>) -> io::Result<Store> {
        Ok(Store { _options: options, _decode: decode })
    }

    /// Never waits: a full queue or memory budget is answered at once. The reply comes on the writer's thread or on this one.
    pub fn append(&self, _write: Write, reply: Reply) {
        reply(Err(AppendError::Failed("the writer is being built".into())));
    }

    /// `append` for callers that may block.
    pub fn append_wait(&self, write: Write) -> Result<Appended, AppendError> {
        let (send, receive) = std::sync::mpsc::sync_channel(1);
        self.append(write, Box::new(move |r| drop(send.send(r))));
        receive.recv().unwrap_or(Err(AppendError::Closed))
    }

    /// A view of everything acknowledged so far; it does not change. Several tenants are merged.
    pub fn snapshot(&self, tenants: &[Tenant]) -> Snapshot {
        Snapshot { _tenants: tenants.to_vec() }
    }
}
