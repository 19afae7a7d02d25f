//! Runs the metrics generator beside ingest: span batches in over a bounded channel, metrics into our own store.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use api::Backend;
use model::{Batch, SpanBatch, Tenant};
use pipeline::{Generator, GeneratorOptions};
use store::{Raw, Write};

/// Batches that wait for the generator; above it they are left out of the metrics and counted.
const QUEUE: usize = 1_024;
/// How often changed series are written.
const EVERY: Duration = Duration::from_secs(5);

type Observed = (Tenant, Arc<SpanBatch>);

/// Starts the generator's thread and hooks it to accepted spans. The thread ends with the last sender.
pub fn start(backend: &Arc<Backend>) {
    let (sender, receiver) = sync_channel(QUEUE);
    hook(backend, sender);
    let weak = Arc::downgrade(backend);
    let spawned = std::thread::Builder::new().name("generator".into()).spawn(move || {
        let mut generators: HashMap<Tenant, Generator> = HashMap::new();
        loop {
            let open = observe_for(&receiver, &weak, &mut generators);
            let Some(backend) = weak.upgrade() else { return };
            for (tenant, g) in &mut generators {
                write(&backend, tenant, g);
            }
            if !open {
                return;
            }
        }
    });
    if let Err(e) = spawned {
        tracing::error!(error = %e, "no metrics are generated from spans");
    }
}

fn hook(backend: &Arc<Backend>, sender: SyncSender<Observed>) {
    let weak = Arc::downgrade(backend);
    backend.ingest.on_spans(Box::new(move |tenant, batch| {
        if sender.try_send((tenant.clone(), batch.clone())).is_err()
            && let Some(backend) = weak.upgrade()
        {
            backend.metrics.generator_skipped(batch.len() as u64);
        }
    }));
}

/// Takes batches for one period; `false` once no more can come.
fn observe_for(receiver: &Receiver<Observed>, backend: &std::sync::Weak<Backend>, generators: &mut HashMap<Tenant, Generator>) -> bool {
    let until = Instant::now() + EVERY;
    loop {
        match receiver.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok((tenant, batch)) => {
                let now = backend.upgrade().map_or(0, |b| b.now_ns());
                generators.entry(tenant).or_insert_with(|| Generator::new(GeneratorOptions::default())).observe(&batch, now);
            }
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}

fn write(backend: &Arc<Backend>, tenant: &Tenant, generator: &mut Generator) {
    let now = backend.now_ns();
    let batch = generator.collect(now);
    if batch.is_empty() {
        return;
    }
    let write = Write { tenant: tenant.clone(), batch: Batch::Metrics(batch), raw: Raw::Native, received_ns: now };
    if let Err(e) = backend.store.append_wait(write) {
        tracing::warn!(error = %e, %tenant, "generated metrics were not stored; their next values will be");
    }
}
