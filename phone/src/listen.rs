//! Where the bridge listens, and the loop that accepts.
//! Must stay true: nothing but this machine and its tailnet is listened to unless somebody asked for it by name.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::sync::watch;

use crate::Error;

/// Connections at once.
const CONNECTIONS_MAX: usize = 32;
/// The head of a request must be there in this time.
const HEAD_MAX: Duration = Duration::from_secs(10);
/// An address that only a tailnet routes; nothing is ever sent there.
const TAILNET: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(100, 100, 100, 100)), 53);

/// The address that was asked for: `HOST:PORT`, or `tailnet:PORT`.
///
/// # Errors
/// When it is none, or wider than `lan` allows.
pub fn address(text: &str, lan: bool) -> Result<SocketAddr, Error> {
    let address = match text.strip_prefix("tailnet:") {
        Some(port) => SocketAddr::new(tailnet()?, port.parse().map_err(|_| Error::Says(format!("`{port}` is no port")))?),
        None => text.parse().map_err(|_| Error::Says(format!("`{text}` is no address with a port, as 127.0.0.1:8622 or tailnet:8622")))?,
    };
    let ip = address.ip();
    if !lan && !ip.is_loopback() && !is_tailnet(ip) {
        return Err(Error::Says(format!("`{ip}` is open to others, and the bridge speaks plain HTTP; say --lan if that is meant")));
    }
    Ok(address)
}

/// This machine's address in its tailnet: the one a packet there would come from.
fn tailnet() -> Result<IpAddr, Error> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| socket.connect(TAILNET).and_then(|()| socket.local_addr()));
    let ip = socket.map_err(|e| Error::of("look for the tailnet", e))?.ip();
    if is_tailnet(ip) { Ok(ip) } else { Err(Error::Says("this machine is in no tailnet".into())) }
}

fn is_tailnet(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.octets()[0] == 100 && v4.octets()[1] & 0b1100_0000 == 64,
        IpAddr::V6(v6) => v6.segments()[..3] == [0xfd7a, 0x115c, 0xa1e0],
    }
}

/// Serves until `stop` says true.
///
/// # Errors
/// When connections cannot be accepted.
pub async fn serve(listener: TcpListener, router: Router, mut stop: watch::Receiver<bool>) -> Result<(), Error> {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place.map_err(|e| Error::of("accept", e))?,
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        };
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => {
                    // Too many open files, or a connection that went: others may come.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        };
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let _place = place;
            let connection =
                http1::Builder::new().timer(TokioTimer::new()).header_read_timeout(HEAD_MAX).keep_alive(true).serve_connection(TokioIo::new(stream), service);
            let _ = connection.await;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_and_its_tailnet_without_asking() {
        for (text, lan, taken) in [
            ("127.0.0.1:1", false, true),
            ("[::1]:1", false, true),
            ("100.64.0.1:1", false, true),
            ("100.127.255.1:1", false, true),
            ("[fd7a:115c:a1e0::1]:1", false, true),
            ("100.128.0.1:1", false, false),
            ("0.0.0.0:1", false, false),
            ("192.168.1.2:1", false, false),
            ("192.168.1.2:1", true, true),
            ("127.0.0.1", false, false),
            ("localhost:1", false, false),
            ("tailnet:x", false, false),
        ] {
            assert_eq!(address(text, lan).is_ok(), taken, "{text}");
        }
    }
}
