//! Fixed pages of devices, answered as fast as hyper can: what clients are measured against, so that the server is
//! the same small part of every figure. The project `warehouse` has one device (0.3 KB), any other 45 (10 KB).

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;

use crate::{Failure, PATH, announce};

/// Serves on `port` of 127.0.0.1 until it is ended.
pub(crate) async fn run(port: u16) -> Result<(), Failure> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let (small, large) = (page(1), page(45));
    announce(&json!({
        "base_url": format!("http://{}", listener.local_addr()?),
        "bytes": {"warehouse": small.len(), "factory": large.len()},
    }));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (small, large) = (small.clone(), large.clone());
        let answer = service_fn(move |request: Request<Incoming>| {
            let page = if request.uri().path() == PATH { small.clone() } else { large.clone() };
            async move { Ok::<_, Infallible>(respond(page)) }
        });
        tokio::spawn(async move {
            // A client that goes away is no failure of ours.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

fn respond(page: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(page));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

/// One page with `count` devices, which are all there are.
fn page(count: usize) -> Bytes {
    let statuses = ["online", "offline", "maintenance"];
    let device = |number: usize| {
        json!({
            "id": format!("3f2b8c1e-5d47-4a9b-8f10-6c2e9d7a{number:04}"),
            "name": format!("Picker {number}"),
            "serial_number": format!("RBT-EXAMPLE-{number:04}"),
            "status": statuses[number % statuses.len()],
            "tags": ["aisle-3", "picker"],
            "created_at": "2026-01-15T09:30:00Z",
            "updated_at": "2026-01-16T10:45:00Z",
        })
    };
    let items: Vec<_> = (0..count).map(device).collect();
    json!({"items": items, "total": count, "limit": 100, "offset": 0}).to_string().into()
}
