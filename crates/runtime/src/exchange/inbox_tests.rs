//! What a lane promises: bounded bytes, order, turns, and a close that everybody notices.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use millstream_core::id::CheckpointId;
use millstream_core::message::{Barrier, Keep};
use millstream_core::rows::ChangeBatch;
use millstream_core::time::EventTime;

use super::*;

fn rows(count: i64) -> Message {
    let schema = Schema::new(vec![Field::new("a", DataType::Int64, false)]);
    let column = Arc::new(Int64Array::from_iter_values(0..count));
    let batch = RecordBatch::try_new(Arc::new(schema), vec![column]).unwrap();
    Message::Rows(ChangeBatch::inserts(batch))
}

/// Polls once, without a runtime.
fn once<T>(future: impl Future<Output = T>) -> Poll<T> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn word(message: &Message) -> String {
    match message {
        Message::Rows(batch) => format!("rows {}", batch.num_rows()),
        Message::Watermark(time) => format!("mark {}", time.0),
        Message::Idle => "idle".into(),
        Message::Barrier(barrier) => format!("barrier {}", barrier.checkpoint.0),
        Message::End => "end".into(),
    }
}

fn drain(inbox: &Inbox) -> Vec<String> {
    std::iter::from_fn(|| inbox.try_recv())
        .map(|(lane, message)| format!("{lane}: {}", word(&message)))
        .collect()
}

#[test]
fn a_full_lane_makes_its_sender_wait_but_not_the_others() {
    let inbox = Inbox::new(1000);
    let (a, b) = (inbox.sender(None), inbox.sender(None));
    assert_eq!(once(a.send(rows(100))), Poll::Ready(Ok(Sent::Queued)));
    assert_eq!(once(a.send(rows(100))), Poll::Pending);
    assert!(once(b.send(rows(100))).is_ready());
    assert!(inbox.bytes() <= 2 * 1000);
    assert_eq!(drain(&inbox), ["0: rows 100", "1: rows 100"]);
    assert!(once(a.send(rows(100))).is_ready());
}

#[test]
fn a_batch_above_the_limit_passes_alone() {
    let inbox = Inbox::new(10);
    let sender = inbox.sender(None);
    assert!(once(sender.send(rows(1000))).is_ready());
    assert_eq!(once(sender.send(rows(1))), Poll::Pending);
    assert_eq!(drain(&inbox), ["0: rows 1000"]);
    assert!(once(sender.send(rows(1))).is_ready());
}

#[test]
fn control_messages_pass_a_full_lane_and_do_not_pile_up() {
    let inbox = Inbox::new(1);
    let sender = inbox.sender(None);
    assert!(once(sender.send(rows(1))).is_ready());
    for time in 0..1000 {
        assert!(once(sender.send(Message::Watermark(EventTime(time)))).is_ready());
        assert!(once(sender.send(Message::Idle)).is_ready());
        assert!(once(sender.send(Message::Idle)).is_ready());
    }
    assert_eq!(drain(&inbox), ["0: rows 1", "0: mark 999", "0: idle"]);
}

#[test]
fn lanes_with_messages_take_turns() {
    let inbox = Inbox::new(1 << 20);
    let senders = [inbox.sender(None), inbox.sender(None)];
    for count in 1..=2 {
        assert!(once(senders[0].send(rows(count))).is_ready());
    }
    assert!(once(senders[1].send(rows(3))).is_ready());
    assert_eq!(drain(&inbox), ["0: rows 1", "1: rows 3", "0: rows 2"]);
}

#[test]
fn senders_and_their_task_learn_that_nobody_reads() {
    let (first, second) = (Inbox::new(1), Inbox::new(1));
    let readers = Arc::new(Readers::default());
    let senders = [first.sender(Some(&readers)), second.sender(Some(&readers))];
    drop(first);
    assert!(!readers.are_gone());
    assert_eq!(once(senders[0].send(rows(1))), Poll::Ready(Err(Closed)));
    assert!(once(senders[1].send(rows(1))).is_ready());
    drop(second);
    assert!(once(readers.gone()).is_ready());
}

#[test]
fn an_inbox_without_senders_says_so_only_after_its_last_message() {
    let inbox = Inbox::new(1);
    let sender = inbox.sender(None);
    assert!(once(sender.send(Message::End)).is_ready());
    drop(sender);
    assert!(matches!(
        once(inbox.recv()),
        Poll::Ready(Some((0, Message::End)))
    ));
    assert!(matches!(once(inbox.recv()), Poll::Ready(None)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_arrives_in_order_when_both_sides_wait_for_each_other() {
    let inbox = Inbox::new(200);
    let sender = inbox.sender(None);
    let send = async move {
        for count in 1..=2000 {
            sender.send(rows(count % 40 + 1)).await.unwrap();
        }
        sender.send(Message::End).await.unwrap();
    };
    let recv = async move {
        let mut seen = Vec::new();
        while let Some((_, Message::Rows(batch))) = inbox.recv().await {
            seen.push(batch.num_rows() as i64);
        }
        seen
    };
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(send);
    let seen = recv.await;
    assert_eq!(seen, (1..=2000).map(|c| c % 40 + 1).collect::<Vec<i64>>());
    tasks.join_next().await.unwrap().unwrap();
}

fn barrier(number: u64) -> Message {
    Message::Barrier(Barrier {
        checkpoint: CheckpointId(number),
        keep: Keep::Nothing,
        last: false,
    })
}

#[tokio::test]
async fn a_lane_that_has_delivered_a_barrier_waits_until_it_is_released() {
    let inbox = Inbox::new(1000);
    let (one, two) = (inbox.sender(None), inbox.sender(None));
    one.send(barrier(1)).await.unwrap();
    one.send(Message::End).await.unwrap();
    two.send(Message::Idle).await.unwrap();
    assert!(matches!(inbox.try_recv(), Some((0, Message::Barrier(_)))));
    assert!(matches!(inbox.try_recv(), Some((1, Message::Idle))));
    assert!(inbox.try_recv().is_none(), "lane 0 is held");
    two.send(barrier(1)).await.unwrap();
    assert!(matches!(inbox.try_recv(), Some((1, Message::Barrier(_)))));
    assert!(inbox.try_recv().is_none());
    inbox.release();
    assert!(matches!(inbox.try_recv(), Some((0, Message::End))));
}

#[tokio::test]
async fn an_inbox_that_refuses_rows_still_passes_barriers() {
    let inbox = Inbox::new(1000);
    let readers = Arc::new(Readers::default());
    let sender = inbox.sender(Some(&readers));
    sender.send(rows(1)).await.unwrap();
    sender.send(barrier(1)).await.unwrap();
    inbox.refuse_rows();
    assert!(readers.are_gone());
    assert_eq!(sender.send(rows(2)).await, Err(Closed));
    sender.send(barrier(2)).await.unwrap();
    assert!(matches!(inbox.try_recv(), Some((0, Message::Barrier(b))) if b.checkpoint.0 == 1));
    inbox.release();
    assert!(matches!(inbox.try_recv(), Some((0, Message::Barrier(b))) if b.checkpoint.0 == 2));
}
