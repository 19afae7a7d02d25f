//! Deep recursion on a thread that has the stack for it.

use crate::limits::{OWN_STACK_HEIGHT, STACK_PER_LEVEL};

/// Runs `work`, which recurses `height` levels deep: here, or on a thread of its own where that is too deep. `None` if it panicked or
/// no thread could be had.
pub fn with_stack<T: Send>(height: usize, work: impl FnOnce() -> T + Send) -> Option<T> {
    if height <= OWN_STACK_HEIGHT {
        return Some(work());
    }
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size((height + 64) * STACK_PER_LEVEL).spawn_scoped(scope, work);
        thread.ok()?.join().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_recursion_has_room() {
        fn down(n: usize) -> usize {
            let room = std::hint::black_box([n; 512]);
            if n == 0 { room[0] } else { 1 + down(n - 1) }
        }
        assert_eq!(with_stack(1_000, || down(1_000)), Some(1_000));
        assert_eq!(with_stack(1, || 5), Some(5));
    }
}
