//! The command line: parsed by hand, every number bounded, every address on loopback.

use std::net::{IpAddr, SocketAddr};

pub const USAGE: &str = "\
usage: countersign-bench-load closed --clients N --seconds S --url URL [options]
       countersign-bench-load open --rate R --seconds S --url URL [options]

closed   each of N clients sends its next request when the last is answered
open     R requests a second are due whatever the answers; latency counts from the time each was due

  --url URL        http://127.0.0.1:PORT/PATH; other than loopback addresses are refused
  --clients N      connections (1 to 512; 1 in closed mode, 64 in open mode unless given)
  --seconds S      length of the measured part (1 to 60)
  --warmup S       time before it that is not counted (0 to 10; 0 unless given)
  --rate R         requests a second (1 to 50000)
  --method M       GET unless given; POST when there is a body
  --header 'N: V'  may be repeated
  --body TEXT      {n} in body, headers and path becomes a counter, {n%K} the counter modulo K
  --start N        first value of the counter (0)
  --threads N      threads of the generator (1 to 8; 1)
  --json           one line of JSON
exit status: 0 measured, 1 not one request was answered, 2 wrong usage";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Closed,
    Open { rate: u32 },
}

#[derive(Debug)]
pub struct Args {
    pub mode: Mode,
    pub clients: usize,
    pub seconds: u64,
    pub warmup: u64,
    pub threads: usize,
    pub start: u64,
    pub json: bool,
    pub address: SocketAddr,
    pub request: Request,
}

/// The parts of a request, before placeholders are filled in.
#[derive(Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub host: String,
    pub headers: Vec<String>,
    pub body: Option<String>,
}

pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Args, String> {
    let open = match words.next().as_deref() {
        Some("closed") => false,
        Some("open") => true,
        _ => return Err("the first word is `closed` or `open`".into()),
    };
    let (mut clients, mut seconds, mut rate, mut url) = (None, None, None, None);
    let (mut warmup, mut threads, mut start, mut json) = (0, 1, 0, false);
    let (mut method, mut headers, mut body) = (None, Vec::new(), None);
    while let Some(flag) = words.next() {
        if flag == "--json" {
            json = true;
            continue;
        }
        let value = words
            .next()
            .ok_or_else(|| format!("`{flag}` needs a value"))?;
        match flag.as_str() {
            "--url" => url = Some(value),
            "--clients" => clients = Some(number(&flag, &value, 1, 512)?),
            "--seconds" => seconds = Some(number(&flag, &value, 1, 60)?),
            "--warmup" => warmup = number(&flag, &value, 0, 10)?,
            "--rate" => rate = Some(number(&flag, &value, 1, 50_000)?),
            "--threads" => threads = number(&flag, &value, 1, 8)?,
            "--start" => start = number(&flag, &value, 0, u64::MAX / 2)?,
            "--method" => method = Some(one_line(&flag, value)?),
            "--header" => headers.push(one_line(&flag, value)?),
            "--body" => body = Some(value),
            _ => return Err(format!("unknown option `{flag}`")),
        }
    }
    let mode = match (open, rate) {
        (true, Some(rate)) => Mode::Open { rate: rate as u32 },
        (true, None) => return Err("`open` needs `--rate`".into()),
        (false, None) => Mode::Closed,
        (false, Some(_)) => return Err("`--rate` is for `open`".into()),
    };
    let (address, host, path) = target(&url.ok_or("`--url` is missing")?)?;
    let method = method.unwrap_or_else(|| {
        if body.is_some() {
            "POST".into()
        } else {
            "GET".into()
        }
    });
    Ok(Args {
        mode,
        clients: clients.unwrap_or(if open { 64 } else { 1 }) as usize,
        seconds: seconds.ok_or("`--seconds` is missing")?,
        warmup,
        threads: threads as usize,
        start,
        json,
        address,
        request: Request {
            method,
            path,
            host,
            headers,
            body,
        },
    })
}

fn number(flag: &str, text: &str, least: u64, most: u64) -> Result<u64, String> {
    match text.parse() {
        Ok(value) if (least..=most).contains(&value) => Ok(value),
        _ => Err(format!(
            "`{flag}` takes a number from {least} to {most}, not `{text}`"
        )),
    }
}

fn one_line(flag: &str, text: String) -> Result<String, String> {
    if text.is_empty() || text.contains(['\r', '\n', '\0']) {
        return Err(format!("`{flag}` takes one line"));
    }
    Ok(text)
}

fn target(url: &str) -> Result<(SocketAddr, String, String), String> {
    let rest = url
        .strip_prefix("http://")
        .ok_or_else(|| format!("`{url}` does not start with `http://`"))?;
    let (host, path) = match rest.find('/') {
        Some(at) => (&rest[..at], &rest[at..]),
        None => (rest, "/"),
    };
    if path.contains(|c: char| c.is_ascii_control() || c == ' ' || !c.is_ascii()) {
        return Err("the path must be printable ASCII without spaces".into());
    }
    let named = host.replacen("localhost", "127.0.0.1", 1);
    let with_port = if named.parse::<IpAddr>().is_ok() {
        format!("{named}:80")
    } else {
        named
    };
    let address: SocketAddr = with_port
        .parse()
        .map_err(|_| format!("`{host}` is not ADDRESS:PORT"))?;
    if !address.ip().is_loopback() {
        return Err(format!(
            "`{host}` is not a loopback address; load goes to this machine only"
        ));
    }
    Ok((address, host.to_owned(), path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Result<Args, String> {
        parse(line.split(' ').map(str::to_owned))
    }

    #[test]
    fn only_loopback_addresses_are_taken() {
        for good in [
            "127.0.0.1:8080",
            "127.8.8.8:1",
            "localhost:8080",
            "[::1]:8080",
            "127.0.0.1",
        ] {
            assert!(
                args(&format!("closed --seconds 1 --url http://{good}/x")).is_ok(),
                "{good}"
            );
        }
        for bad in [
            "192.0.2.1:80",
            "0.0.0.0:80",
            "example.org:80",
            "localhost.example.org:80",
            "[2001:db8::1]:80",
            "127.0.0.1:80@192.0.2.1:80",
        ] {
            assert!(
                args(&format!("closed --seconds 1 --url http://{bad}/")).is_err(),
                "{bad}"
            );
        }
        assert!(args("closed --seconds 1 --url https://127.0.0.1/").is_err());
    }

    #[test]
    fn numbers_are_bounded() {
        let url = "--url http://127.0.0.1:1/";
        assert!(args(&format!("closed --seconds 61 {url}")).is_err());
        assert!(args(&format!("closed --seconds 1 --clients 513 {url}")).is_err());
        assert!(args(&format!("open --seconds 1 --rate 50001 {url}")).is_err());
        assert!(args(&format!("open --seconds 1 {url}")).is_err());
        assert!(args(&format!("closed --seconds 1 --rate 5 {url}")).is_err());
        assert!(args(&format!("closed --seconds 1 --wat 5 {url}")).is_err());
    }

    #[test]
    fn a_header_is_one_line() {
        let words = [
            "closed",
            "--seconds",
            "1",
            "--url",
            "http://127.0.0.1:1/",
            "--header",
            "A: b\r\nC: d",
        ];
        assert!(parse(words.iter().map(|word| (*word).to_owned())).is_err());
    }

    #[test]
    fn a_body_makes_a_post() {
        let args = args("closed --seconds 1 --url http://127.0.0.1:1 --body {n}").unwrap();
        assert_eq!(
            (args.request.method.as_str(), args.request.path.as_str()),
            ("POST", "/")
        );
    }
}
