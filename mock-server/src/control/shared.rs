//! The control plane on the server's own port, below a path that no API has: for where one port is all there is.

use bitting_spec::Document;

use super::Control;
use crate::StartError;
use crate::exchange::{Answer, Delivery, Outcome, Request};
use crate::fault::Gates;
use crate::front::{Service, Stream, Unread};

/// Where it is on the server's own port.
pub(crate) const PREFIX: &str = "/__bitting";

/// Whether no path of the document is in the way.
pub(crate) fn is_free(document: &Document) -> Result<(), StartError> {
    let taken = document.operations.iter().find(|operation| below(&operation.path).is_some());
    taken.map_or(Ok(()), |operation| {
        let bitting_spec::Place { file, line } = document.place(&operation.pointer);
        Err(StartError::Taken { file: file.to_owned(), line, path: operation.path.clone() })
    })
}

/// What stands behind the prefix.
fn below(target: &str) -> Option<&str> {
    target.strip_prefix(PREFIX).filter(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
}

/// The server and its control plane behind one port.
pub(crate) struct Both(pub(crate) Control);

/// A request below the prefix as the control plane knows it.
fn controls(request: &Request) -> Option<Request> {
    let rest = below(&request.target)?;
    let target = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
    Some(Request { target, ..request.clone() })
}

impl Service for Both {
    fn answer(&self, request: Request) -> Outcome {
        // The addresses in the console begin where its own ends.
        if request.target == PREFIX {
            let console = Answer::empty(308).with("location", &format!("{PREFIX}/"));
            return console.outcome(Delivery::default());
        }
        match controls(&request) {
            Some(request) => self.0.answer(request),
            None => self.0.core.handle(&request),
        }
    }

    fn refuse(&self, unread: &Unread) -> Outcome {
        match below(&unread.target) {
            Some(_) => self.0.refuse(unread),
            None => self.0.core.refuse(unread),
        }
    }

    fn gates(&self) -> &Gates {
        self.0.core.gates()
    }

    fn stream(&self, request: &Request) -> Option<Stream> {
        self.0.stream(&controls(request)?)
    }
}
