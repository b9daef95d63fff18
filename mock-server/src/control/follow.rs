//! The journal as a stream of server-sent events (HTML, 9.2): each entry as it is written, until one of the two ends.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};

use crate::core::Core;
use crate::journal::{Entry, Wanted};

/// The media type of server-sent events.
pub(super) const MEDIA: &str = "text/event-stream";
/// How long nothing is said at most, so that whoever stands between does not end the connection.
const SILENCE: Duration = Duration::from_secs(15);
/// How many events wait for a client that reads slowly; then the journal waits for none of them.
const WAITING: usize = 64;

/// An entry as an event; its id is what `Last-Event-ID` of a later connection names.
pub(super) fn event(entry: &Entry) -> Bytes {
    let data = serde_json::to_string(entry).unwrap_or_default();
    Bytes::from(format!("id: {}\ndata: {data}\n\n", entry.sequence))
}

/// The entries after `since`, and those that come, until `stop` is true or nobody reads any more.
pub(super) fn start(core: Arc<Core>, since: u64, stop: watch::Receiver<bool>) -> mpsc::Receiver<Bytes> {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(tell(core, since, sender, stop));
    receiver
}

async fn tell(core: Arc<Core>, mut since: u64, sender: mpsc::Sender<Bytes>, mut stop: watch::Receiver<bool>) {
    let mut news = core.journal().follow();
    loop {
        news.mark_unchanged();
        for entry in core.journal().entries(&Wanted { since, ..Wanted::default() }) {
            since = entry.sequence;
            if sender.send(event(&entry)).await.is_err() {
                return;
            }
        }
        let is_silent = tokio::select! {
            changed = news.changed() => match changed {
                Ok(()) => false,
                Err(_) => return,
            },
            () = tokio::time::sleep(SILENCE) => true,
            _ = stop.wait_for(|stop| *stop) => return,
            () = sender.closed() => return,
        };
        if is_silent && sender.send(Bytes::from_static(b": still here\n\n")).await.is_err() {
            return;
        }
    }
}
