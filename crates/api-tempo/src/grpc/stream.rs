//! One answer as a stream: progress while the query runs, then the final result in packets.
//!
//! Grafana keeps the first copy of a trace that it sees and never a later one, so nothing is sent before it is final.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, stream};
use query::Budget;

use crate::error::ApiError;
use crate::limits::PROGRESS_INTERVAL_MS;

/// A message that can say how far a query is.
pub trait Progress {
    /// An answer without entries: so many bytes read, nothing finished.
    fn progress(bytes_read: u64) -> Self;
}

/// The messages of one streamed answer.
pub type Messages<T> = Pin<Box<dyn Stream<Item = Result<T, tonic::Status>> + Send>>;

/// A query under way, which yields the packets of its final result.
pub type Work<T> = Pin<Box<dyn Future<Output = Result<Vec<T>, ApiError>> + Send>>;

enum Phase<T> {
    Working(Work<T>),
    Sending(std::vec::IntoIter<T>),
    Done,
}

/// Polls `work`; dropping the stream (the client went away) drops it too, which cancels the query.
pub fn of<T: Progress + Send + 'static>(budget: Budget, work: Work<T>) -> Messages<T> {
    Box::pin(stream::unfold(Phase::Working(work), move |phase| step(phase, budget.clone())))
}

async fn step<T: Progress>(phase: Phase<T>, budget: Budget) -> Option<(Result<T, tonic::Status>, Phase<T>)> {
    let mut packets = match phase {
        Phase::Done => return None,
        Phase::Sending(packets) => packets,
        Phase::Working(mut work) => match tokio::time::timeout(Duration::from_millis(PROGRESS_INTERVAL_MS), &mut work).await {
            Err(_) => return Some((Ok(T::progress(budget.bytes_read())), Phase::Working(work))),
            Ok(Err(e)) => return Some((Err(e.grpc()), Phase::Done)),
            Ok(Ok(packets)) => packets.into_iter(),
        },
    };
    packets.next().map(|p| (Ok(p), Phase::Sending(packets)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;

    #[derive(Debug, PartialEq)]
    enum Said {
        Progress,
        Packet(u8),
    }

    impl Progress for Said {
        fn progress(_: u64) -> Self {
            Said::Progress
        }
    }

    #[tokio::test(start_paused = true)]
    async fn progress_then_packets() {
        let work = async {
            tokio::time::sleep(Duration::from_millis(1_200)).await;
            Ok(vec![Said::Packet(1), Said::Packet(2)])
        };
        let all: Vec<Said> = of(Budget::unlimited(), Box::pin(work)).map(|m| m.unwrap()).collect().await;
        assert_eq!(all, [Said::Progress, Said::Progress, Said::Packet(1), Said::Packet(2)]);
    }

    #[tokio::test]
    async fn an_error_ends_the_stream() {
        let all: Vec<_> = of::<Said>(Budget::unlimited(), Box::pin(async { Err(ApiError::bad("no")) })).collect().await;
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].as_ref().unwrap_err().code(), tonic::Code::InvalidArgument);
    }
}
