//! Runs engines off the IO threads: bounded concurrency, cancellation when the caller goes away, a panic ends one query only.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use query::{Budget, QueryError};
use tokio::sync::Semaphore;

use crate::limits::{MAX_CONCURRENT_QUERIES, MAX_WAITING_QUERIES};

/// Places for queries. Cheap to clone.
#[derive(Clone)]
pub struct QueryPool {
    places: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

impl Default for QueryPool {
    fn default() -> Self {
        QueryPool { places: Arc::new(Semaphore::new(MAX_CONCURRENT_QUERIES)), waiting: Arc::default() }
    }
}

/// Cancels the query when the future that waits for it is dropped (the client disconnected).
struct CancelOnDrop(Budget);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

struct Waiting(Arc<AtomicUsize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl QueryPool {
    /// Runs `f` on a blocking thread once a place is free.
    pub async fn run<T: Send + 'static>(
        &self,
        budget: &Budget,
        f: impl FnOnce(&Budget) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, QueryError> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= MAX_WAITING_QUERIES {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(QueryError::TooMuch("too many queries are waiting; try again later".into()));
        }
        let waiting = Waiting(self.waiting.clone());
        let place = self.places.clone().acquire_owned().await.map_err(|_| QueryError::Canceled)?;
        drop(waiting);
        let on_drop = CancelOnDrop(budget.clone());
        let inner = budget.clone();
        let answer = tokio::task::spawn_blocking(move || {
            let _place = place;
            inner.check()?;
            f(&inner)
        })
        .await;
        // Answered: nothing is left to cancel, and marking it would be harmless.
        drop(on_drop);
        answer.unwrap_or_else(|e| {
            tracing::error!(error = %e, "a query failed unexpectedly");
            Err(QueryError::Storage("the query failed unexpectedly; the server's log names the place".into()))
        })
    }

    /// Queries running now.
    pub fn running(&self) -> usize {
        MAX_CONCURRENT_QUERIES - self.places.available_permits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_one_query_only() {
        let pool = QueryPool::default();
        let bad: Result<(), _> = pool.run(&Budget::unlimited(), |_| panic!("a bug")).await;
        assert!(matches!(bad, Err(QueryError::Storage(_))));
        assert_eq!(pool.run(&Budget::unlimited(), |_| Ok(1)).await, Ok(1));
    }

    #[tokio::test]
    async fn a_dropped_caller_cancels() {
        let (pool, budget) = (QueryPool::default(), Budget::unlimited());
        let run = pool.run(&budget, |b| {
            while b.check().is_ok() {
                std::thread::yield_now();
            }
            Ok(())
        });
        assert!(tokio::time::timeout(std::time::Duration::from_millis(20), run).await.is_err());
        assert_eq!(budget.check(), Err(QueryError::Canceled));
    }
}
