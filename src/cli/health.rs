//! `countersign healthcheck`: one request to `/readyz` of the server at the configured address, for containers without curl.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Failure;
use crate::config::{Config, Inputs};

pub(super) async fn run(inputs: &Inputs) -> Result<(), Failure> {
    let config = Config::load(inputs).map_err(Failure::cannot)?;
    let mut address = config.listen;
    // "Every address" is no address to connect to.
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    let answer = tokio::time::timeout(Duration::from_secs(3), ask(address)).await;
    match answer {
        Ok(Ok(status)) if status.starts_with("HTTP/1.1 200") => Ok(()),
        Ok(Ok(status)) => Err(Failure::Finding(format!("the server is not ready: {status}"))),
        Ok(Err(error)) => Err(Failure::Finding(format!("no answer at {address}: {error}"))),
        Err(_) => Err(Failure::Finding(format!("no answer at {address} within three seconds"))),
    }
}

async fn ask(address: std::net::SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").as_bytes()).await?;
    let mut head = vec![0; 64];
    let n = stream.read(&mut head).await?;
    Ok(String::from_utf8_lossy(&head[..n]).lines().next().unwrap_or_default().to_owned())
}
