//! A queue of matches by the row they begin with, the earliest first.
//!
//! Several ways through a pattern may begin with the same row and be complete at the same row. Which one
//! is *the* match then depends on their order in the queue, so the queue is the one Flink has: a binary
//! heap with the steps of `java.util.PriorityQueue`, whose order among equals those steps decide.

/// What is ordered by the row it begins with.
pub(super) trait Begins {
    /// The number of that row.
    fn start(&self) -> u64;
}

/// A heap of matches; the earliest is the first.
#[derive(Clone, Debug)]
pub(super) struct Queue<T> {
    items: Vec<T>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Queue { items: Vec::new() }
    }
}

impl<T: Begins> Queue<T> {
    /// The items in the order of the heap.
    pub(super) fn items(&self) -> &[T] {
        &self.items
    }

    /// The earliest.
    pub(super) fn peek(&self) -> Option<&T> {
        self.items.first()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Takes everything out, in the order of the heap.
    pub(super) fn drain(&mut self) -> std::vec::Drain<'_, T> {
        self.items.drain(..)
    }

    /// Adds an item behind those that begin with the same row, or before; see above.
    pub(super) fn push(&mut self, item: T) {
        let mut at = self.items.len();
        let start = item.start();
        self.items.push(item);
        while at > 0 {
            let parent = (at - 1) / 2;
            if start >= self.items[parent].start() {
                break;
            }
            self.items.swap(at, parent);
            at = parent;
        }
    }

    /// Takes the earliest.
    pub(super) fn pop(&mut self) -> Option<T> {
        if self.items.is_empty() {
            return None;
        }
        let first = self.items.swap_remove(0);
        self.sift_down(0);
        Some(first)
    }

    /// Keeps some items.
    pub(super) fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        let before = self.items.len();
        self.items.retain(keep);
        if self.items.len() < before {
            for at in (0..self.items.len() / 2).rev() {
                self.sift_down(at);
            }
        }
    }

    /// Keeps some items, adding them one by one to a new heap.
    pub(super) fn refill(&mut self, mut keep: impl FnMut(&T) -> bool) {
        if self.items.iter().all(&mut keep) {
            return;
        }
        for item in std::mem::take(&mut self.items) {
            if keep(&item) {
                self.push(item);
            }
        }
    }

    fn sift_down(&mut self, mut at: usize) {
        let length = self.items.len();
        while at < length / 2 {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            let is_right = right < length && self.items[left].start() > self.items[right].start();
            let child = if is_right { right } else { left };
            if self.items[at].start() <= self.items[child].start() {
                break;
            }
            self.items.swap(at, child);
            at = child;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Begins for (u64, char) {
        fn start(&self) -> u64 {
            self.0
        }
    }

    fn queue(items: &str) -> Queue<(u64, char)> {
        let mut queue = Queue::default();
        for (name, start) in items.char_indices() {
            let start = start.to_digit(10).unwrap();
            queue.push((u64::from(start), (b'a' + name as u8) as char));
        }
        queue
    }

    fn order(mut queue: Queue<(u64, char)>) -> String {
        std::iter::from_fn(|| queue.pop())
            .map(|item| item.1)
            .collect()
    }

    // The wanted orders are those of java.util.PriorityQueue for the same calls.
    #[test]
    fn equal_items_leave_in_the_order_of_javas_heap() {
        assert_eq!(order(queue("321")), "cba");
        assert_eq!(order(queue("111")), "acb");
        assert_eq!(order(queue("11112")), "abdce");
        assert_eq!(order(queue("2112")), "bcda");
    }

    #[test]
    fn what_is_kept_stays_a_heap() {
        let mut kept = queue("314159265");
        kept.retain(|item| item.0 != 1);
        let items: Vec<u64> = std::iter::from_fn(|| kept.pop()).map(|i| i.0).collect();
        assert_eq!(items, [2, 3, 4, 5, 5, 6, 9]);
        let mut kept = queue("314159265");
        kept.refill(|item| item.0 > 3);
        let items: Vec<u64> = std::iter::from_fn(|| kept.pop()).map(|i| i.0).collect();
        assert_eq!(items, [4, 5, 5, 6, 9]);
    }
}
