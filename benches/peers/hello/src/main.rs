//! A bare axum "hello" on the address given as the only argument, `127.0.0.1:0` when there is none.
//! It prints `{"url":"http://127.0.0.1:PORT"}` once it listens, as `countersign demo --json` does.

use axum::{Router, routing::get};
use std::io::Write;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    let local = listener.local_addr()?;
    if !local.ip().is_loopback() {
        return Err(format!("`{local}` is not a loopback address").into());
    }
    writeln!(std::io::stdout(), "{{\"url\":\"http://{local}\"}}")?;
    std::io::stdout().flush()?;
    let router = Router::new().route("/", get(|| async { "hello" }));
    axum::serve(listener, router).await?;
    Ok(())
}
