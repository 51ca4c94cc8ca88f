//! Where the results of a task go: to other tasks, or into a sink.

use std::sync::Arc;

use millstream_core::Result;
use millstream_core::connector::Prepared;
use millstream_core::id::NodeId;
use millstream_core::message::{Barrier, Message};
use millstream_core::time::EventTime;

use super::chain::{Chain, Outgoing};
use super::sink::Sink;
use crate::exchange::Edge;
use crate::exchange::inbox::Readers;
use crate::spawn::let_others_run;

/// The outputs of one task.
pub(crate) struct Outputs {
    main: Main,
    /// Edges of each side output.
    sides: Vec<Vec<Edge>>,
    /// Who reads the main output; `None` if it does not go to other tasks.
    readers: Option<Arc<Readers>>,
    buffer: Vec<Outgoing>,
}

/// Where the main output goes.
pub(crate) enum Main {
    /// To every one of these readers; nowhere if there are none.
    Edges(Vec<Edge>),
    /// Into a sink.
    Sink(Box<Sink>),
}

impl Outputs {
    /// Outputs that send to `main` and `sides`.
    pub(crate) fn new(main: Main, sides: Vec<Vec<Edge>>, readers: Option<Arc<Readers>>) -> Self {
        Outputs {
            main,
            sides,
            readers,
            buffer: Vec::new(),
        }
    }

    /// True once nobody reads the main output any more.
    pub(crate) fn nobody_reads(&self) -> bool {
        self.readers.as_ref().is_some_and(|r| r.are_gone())
    }

    /// Waits until nobody reads the main output; borrows nothing.
    pub(crate) fn gone(&self) -> impl Future<Output = ()> + Send + use<> {
        let readers = self.readers.as_ref().map(Arc::clone);
        async move {
            match readers {
                Some(readers) => readers.gone().await,
                None => std::future::pending().await,
            }
        }
    }

    /// Sends everything the chain has put out, in order.
    pub(crate) async fn send_all(&mut self, chain: &mut Chain) -> Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        chain.swap_outgoing(&mut buffer);
        let mut woke = false;
        for outgoing in buffer.drain(..) {
            woke |= match outgoing {
                Outgoing::Main(message) => self.send(message).await?,
                Outgoing::Side(output, rows) => {
                    send_to(&mut self.sides[output], Message::Rows(rows)).await?
                }
            };
        }
        self.buffer = buffer;
        if woke {
            let_others_run().await;
        }
        Ok(())
    }

    /// Nobody reads the main output: ends the side outputs, which have had all they will get.
    pub(crate) async fn abandon(&mut self) -> Result<()> {
        self.end_sides().await?;
        Ok(())
    }

    /// Sends the barrier to everybody behind, and has the sink make its rows safe.
    pub(crate) async fn barrier(&mut self, barrier: Barrier) -> Result<Option<(NodeId, Prepared)>> {
        for edges in &mut self.sides {
            send_to(edges, Message::Barrier(barrier)).await?;
        }
        match &mut self.main {
            Main::Sink(sink) => sink.prepare(barrier).await,
            Main::Edges(edges) => {
                send_to(edges, Message::Barrier(barrier)).await?;
                Ok(None)
            }
        }
    }

    async fn send(&mut self, message: Message) -> Result<bool> {
        let mut woke = false;
        if matches!(message, Message::End) {
            woke |= self.end_sides().await?;
        }
        match &mut self.main {
            Main::Sink(sink) => sink.message(message).await?,
            Main::Edges(edges) => woke |= send_to(edges, message).await?,
        }
        Ok(woke)
    }

    async fn end_sides(&mut self) -> Result<bool> {
        let mut woke = false;
        for edges in &mut self.sides {
            woke |= send_to(edges, Message::Watermark(EventTime::MAX)).await?;
            woke |= send_to(edges, Message::End).await?;
        }
        Ok(woke)
    }
}

async fn send_to(edges: &mut [Edge], message: Message) -> Result<bool> {
    let Some((last, others)) = edges.split_last_mut() else {
        return Ok(false);
    };
    let mut woke = false;
    for edge in others {
        woke |= edge.send(message.clone()).await?;
    }
    woke |= last.send(message).await?;
    Ok(woke)
}
