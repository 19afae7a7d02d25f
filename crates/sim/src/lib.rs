//! Never shipped: runs the upstream language suites over the real store, as a user's data would lie in it.

pub mod logql_suite;
pub mod promql_suite;
pub mod traceql_suite;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Batch, Tenant};
use store::{NativeOnly, Raw, Store, StoreOptions, Write};

/// How a suite went; `failures` say where and why.
#[derive(Debug, Default)]
pub struct Outcome {
    pub passed: usize,
    pub failures: Vec<String>,
}

/// The folder of the shared conformance data; `None` where it is missing.
pub fn shared(part: &str) -> Option<PathBuf> {
    let root = std::env::var_os("TREFOIL_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")), PathBuf::from);
    let dir = root.join("conformance").join(part);
    dir.exists().then_some(dir)
}

/// The files of a folder with this ending, sorted by name.
fn scripts(dir: &Path, ending: &str) -> Result<Vec<(String, String)>, String> {
    let entries = std::fs::read_dir(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|x| x == ending)).collect();
    paths.sort();
    let read = |p: PathBuf| {
        let name = p.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        std::fs::read_to_string(&p).map(|text| (name, text)).map_err(|e| format!("{}: {e}", p.display()))
    };
    paths.into_iter().map(read).collect()
}

/// An empty store in memory.
fn empty_store() -> Arc<Store> {
    let options = StoreOptions { memory_limit: 0, ..StoreOptions::memory() };
    Arc::new(Store::open(options, Arc::new(NativeOnly)).expect("a store in memory opens"))
}

/// Writes a batch as a scrape or push would.
fn write(store: &Store, batch: Batch) {
    let write = Write { tenant: Tenant::anonymous(), batch, raw: Raw::Native, received_ns: 0 };
    store.append_wait(write).expect("a write in memory is taken");
}
