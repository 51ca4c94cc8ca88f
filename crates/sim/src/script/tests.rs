use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};

use millstream_core::operator::Output;
use millstream_core::state::{StateReader, StateWriter};

use super::*;

/// Passes rows on, wakes up every 2 s, and says when it was woken.
struct Echo;

impl Operator for Echo {
    fn on_rows(&mut self, _port: Port, rows: ChangeBatch, out: &mut Output) -> Result<()> {
        out.watermark(EventTime(rows.num_rows() as i64));
        out.rows(rows);
        out.wake_at(out.now_ms() + 2000);
        Ok(())
    }

    fn on_timer(&mut self, out: &mut Output) -> Result<()> {
        out.watermark(EventTime(out.now_ms()));
        out.wake_at(out.now_ms() + 2000);
        Ok(())
    }

    fn snapshot(&mut self, _state: &mut dyn StateWriter) -> Result<()> {
        Ok(())
    }

    fn restore(&mut self, _state: &mut dyn StateReader) -> Result<()> {
        Ok(())
    }
}

fn schema() -> SchemaRef {
    let time = DataType::Timestamp(TimeUnit::Millisecond, None);
    Arc::new(Schema::new(vec![
        Field::new("name", DataType::Utf8, true),
        Field::new("price", DataType::Int32, true),
        Field::new("ts", time, true),
    ]))
}

#[test]
fn rows_come_out_as_they_went_in() {
    let text = "row ann 3 @ 3s\n-U 'b c' null @ 1500ms\n";
    let shown = Script::new(schema()).run(&mut Echo, text);
    assert_eq!(shown, "mark 2ms\n+I ann 3 3s\n-U 'b c' null 1500ms\n");
}

#[test]
fn batches_are_cut_to_the_wanted_size() {
    let script = Script::new(schema()).batch_rows(1);
    let shown = script.run(&mut Echo, "row a 1 0s\nrow b 2 0s");
    assert_eq!(shown, "mark 1ms\n+I a 1 0s\nmark 1ms\n+I b 2 0s\n");
}

#[test]
fn timers_go_off_in_order_while_time_passes() {
    let shown = Script::new(schema()).run(&mut Echo, "time 1s\nrow a 1 0s\ntime 7s\nend");
    assert_eq!(
        shown,
        "mark 1ms\n+I a 1 0s\nmark 3s\nmark 5s\nmark 7s\nmark end\n"
    );
}

#[test]
#[should_panic(expected = "'now' is not a line of a script")]
fn a_wrong_line_is_named() {
    Script::new(schema()).run(&mut Echo, "now");
}
