//! A small load generator for `make bench`: HTTP/1.1 over keep-alive connections to loopback addresses.
//! Closed loop for throughput; open loop for latency, measured from the time a request was due, so
//! that a server that stalls cannot slow its own examination down.

mod args;
mod http;
mod tally;

use args::{Args, Mode, Request};
use http::Connection;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tally::{Summary, Tally};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

const REQUESTS_MAX: u64 = 5_000_000;
/// After the last request was due or the time is over, how long an answer may still take.
const GRACE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let args = match args::parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "error: {why}\n\n{}", args::USAGE);
            return ExitCode::from(2);
        }
    };
    let runtime = if args.threads == 1 {
        tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
    } else {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(args.threads)
            .enable_io()
            .enable_time()
            .build()
    };
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "error: no runtime: {why}");
            return ExitCode::from(2);
        }
    };
    let json = args.json;
    let summary = runtime.block_on(run(args));
    let said = if json {
        format!("{}\n", summary.json())
    } else {
        summary.text()
    };
    let _ = std::io::stdout().write_all(said.as_bytes());
    if summary.tally.statuses.is_empty() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

async fn run(args: Args) -> Summary {
    match args.mode {
        Mode::Closed => closed(Arc::new(args)).await,
        Mode::Open { rate } => open(Arc::new(args), rate).await,
    }
}

async fn closed(args: Arc<Args>) -> Summary {
    let counter = Arc::new(AtomicU64::new(0));
    let begin = Instant::now() + Duration::from_secs(args.warmup);
    let end = begin + Duration::from_secs(args.seconds);
    let mut workers = JoinSet::new();
    for _ in 0..args.clients {
        let (args, counter) = (Arc::clone(&args), Arc::clone(&counter));
        workers.spawn(async move {
            let mut client = Client::new(&args);
            let mut tally = Tally::default();
            loop {
                let n = counter.fetch_add(1, Ordering::Relaxed);
                let sent = Instant::now();
                if sent >= end || n >= REQUESTS_MAX {
                    return tally;
                }
                let answer = client
                    .ask(args.start + n, end + GRACE, &mut tally.reconnects)
                    .await;
                let now = Instant::now();
                match answer {
                    Some(answer) if now >= begin && now <= end => {
                        tally.answered(answer.status, answer.body_bytes, now - sent);
                    }
                    Some(_) => {}
                    None => {
                        tally.failed(now - sent);
                        // A server that is down must not be asked in a tight loop.
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                }
            }
        });
    }
    let tally = join(workers).await;
    let measured = end.min(Instant::now()).saturating_duration_since(begin);
    Summary::new(
        "closed",
        args.clients,
        None,
        measured.as_secs_f64().max(0.001),
        tally,
    )
}

async fn open(args: Arc<Args>, rate: u32) -> Summary {
    let total = (u64::from(rate) * (args.seconds + args.warmup)).min(REQUESTS_MAX);
    let uncounted = u64::from(rate) * args.warmup;
    let start = Instant::now() + Duration::from_millis(20);
    let due = move |n: u64| start + Duration::from_secs_f64(n as f64 / f64::from(rate));
    let deadline = due(total) + GRACE;

    // A thread of its own keeps the time: the runtime's timer only knows whole milliseconds.
    let (tickets, line) = mpsc::unbounded_channel();
    let clock = std::thread::spawn(move || {
        for n in 0..total {
            std::thread::sleep(due(n).saturating_duration_since(Instant::now()));
            if tickets.send(n).is_err() {
                return;
            }
        }
    });

    let line = Arc::new(Mutex::new(line));
    let mut workers = JoinSet::new();
    for _ in 0..args.clients {
        let (args, line) = (Arc::clone(&args), Arc::clone(&line));
        workers.spawn(async move {
            let mut client = Client::new(&args);
            let mut tally = Tally::default();
            loop {
                let ticket = line.lock().await.recv().await;
                let Some(n) = ticket else { return tally };
                let answer = client
                    .ask(args.start + n, deadline, &mut tally.reconnects)
                    .await;
                let latency = Instant::now().saturating_duration_since(due(n));
                match answer {
                    _ if n < uncounted => {}
                    Some(answer) => tally.answered(answer.status, answer.body_bytes, latency),
                    None => tally.failed(latency),
                }
            }
        });
    }
    let tally = join(workers).await;
    let _ = clock.join();
    let measured = (total - uncounted) as f64 / f64::from(rate);
    // Answers that came late stretch the time they are divided by.
    let measured = measured.max(
        Instant::now()
            .saturating_duration_since(due(uncounted))
            .as_secs_f64(),
    );
    Summary::new("open", args.clients, Some(rate), measured.max(0.001), tally)
}

async fn join(mut workers: JoinSet<Tally>) -> Tally {
    let mut sum = Tally::default();
    while let Some(worker) = workers.join_next().await {
        match worker {
            Ok(tally) => sum.add(tally),
            Err(_) => sum.errors += 1,
        }
    }
    sum
}

/// One simulated client: its connection and the request it repeats.
struct Client<'a> {
    request: &'a Request,
    connection: Connection,
    fixed: Option<Vec<u8>>,
    idempotent: bool,
}

impl<'a> Client<'a> {
    fn new(args: &'a Args) -> Self {
        let request = &args.request;
        let counted = |text: &String| text.contains("{n}") || text.contains("{n%");
        let varies = counted(&request.path)
            || request.headers.iter().any(counted)
            || request.body.iter().any(counted);
        Self {
            request,
            connection: Connection::new(args.address, request.method == "HEAD"),
            fixed: (!varies).then(|| compose(request, 0)),
            idempotent: matches!(
                request.method.as_str(),
                "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE"
            ),
        }
    }

    /// None: no answer in time, or the connection broke. A kept-alive connection that the server
    /// had closed is opened again once, for requests that may be repeated.
    async fn ask(
        &mut self,
        n: u64,
        deadline: Instant,
        reconnects: &mut u64,
    ) -> Option<http::Answer> {
        let composed;
        let bytes = match &self.fixed {
            Some(bytes) => bytes,
            None => {
                composed = compose(self.request, n);
                &composed
            }
        };
        let reused = self.connection.is_open();
        let left = deadline.saturating_duration_since(Instant::now());
        let first = tokio::time::timeout(left, self.connection.exchange(bytes)).await;
        match first {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(failed)) if failed.untouched && reused && self.idempotent => *reconnects += 1,
            Ok(Err(_)) => return None,
            Err(_) => {
                self.connection.close();
                return None;
            }
        }
        let left = deadline.saturating_duration_since(Instant::now());
        tokio::time::timeout(left, self.connection.exchange(bytes))
            .await
            .ok()?
            .ok()
    }
}

fn compose(request: &Request, n: u64) -> Vec<u8> {
    let body = request.body.as_deref().map(|body| fill(body, n));
    let mut text = format!("{} {} HTTP/1.1\r\n", request.method, fill(&request.path, n));
    let named = |name: &str| {
        request.headers.iter().any(|line| {
            line.split(':')
                .next()
                .is_some_and(|n| n.eq_ignore_ascii_case(name))
        })
    };
    if !named("host") {
        text += &format!("Host: {}\r\n", request.host);
    }
    for header in &request.headers {
        text += &fill(header, n);
        text += "\r\n";
    }
    let body = body.unwrap_or_default();
    if request.body.is_some() || matches!(request.method.as_str(), "POST" | "PUT" | "PATCH") {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    text += "\r\n";
    text += &body;
    text.into_bytes()
}

/// Replaces `{n}` by the counter and `{n%K}` by the counter modulo K; everything else stays, braces too.
fn fill(text: &str, n: u64) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(at) = rest.find("{n") {
        out += &rest[..at];
        let tail = &rest[at + 2..];
        let modulus = tail.strip_prefix('%').and_then(|tail| tail.split_once('}'));
        match (
            tail.strip_prefix('}'),
            modulus.map(|(digits, after)| (digits.parse::<u64>(), after)),
        ) {
            (Some(after), _) => {
                out += &n.to_string();
                rest = after;
            }
            (None, Some((Ok(modulus @ 1..), after))) => {
                out += &(n % modulus).to_string();
                rest = after;
            }
            _ => {
                out += "{n";
                rest = tail;
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_other_braces_kept() {
        assert_eq!(
            fill(r#"{"to":"+4915112{n}","x":{"n":1},"k":"{n%50}"}"#, 107),
            r#"{"to":"+4915112107","x":{"n":1},"k":"7"}"#
        );
        assert_eq!(fill("{n%0}{n%x}{n{n}", 3), "{n%0}{n%x}{n3");
    }

    #[test]
    fn a_request_has_its_length_and_one_host() {
        let request = Request {
            method: "POST".into(),
            path: "/a?{n}".into(),
            host: "127.0.0.1:1".into(),
            headers: vec![
                "host: example.org".into(),
                "X-Forwarded-For: 203.0.113.{n%50}".into(),
            ],
            body: Some("n={n}".into()),
        };
        let text = String::from_utf8(compose(&request, 51)).unwrap();
        assert_eq!(
            text,
            "POST /a?51 HTTP/1.1\r\nhost: example.org\r\nX-Forwarded-For: 203.0.113.1\r\nContent-Length: 4\r\n\r\nn=51"
        );
    }
}
