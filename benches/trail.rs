//! Fills the trail of a demonstration's folder with as many entries as asked for, through the same door as every act, and
//! says what an entry cost in the beginning and at the end. `run.py` then asks the server for pages over them.
//!
//! `trail DATA ENTRIES [URL_FILE KEYS_URL_FILE]`: a folder that `countersign demo --data DATA` made and that no server holds;
//! two files with the addresses of its databases when they are not in the folder.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign::app::{Installation, Migrate};
use countersign::config::{Config, Inputs};
use countersign::core::clock::Clock;
use countersign::core::folder::DataFolder;
use countersign::core::id::{PersonId, RequestId, SessionId};
use countersign::core::rng::Rng;
use countersign::db::{DbError, Detail};
use countersign::http::App;
use countersign::policy::{Act, Actor, Auth, On, Origin, Role, Who};
use countersign::{evidence, operate, trail};

/// Acts under way at once.
const CLIENTS: u64 = 256;
/// Entries over which the cost is taken at either end.
const WINDOW: u64 = 10_000;
/// People who act.
const PEOPLE: usize = 200;

type Broken = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Broken> {
    // `cargo bench` adds a word of its own.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let [data, entries, urls @ ..] = words.as_slice() else { return Err("say which folder and how many entries".into()) };
    let entries: u64 = entries.parse()?;
    if entries < 4 * WINDOW {
        return Err(format!("at least {} entries", 4 * WINDOW).into());
    }
    let mut flags: Vec<(String, String)> =
        [("data", data.as_str()), ("public_url", "http://127.0.0.1:8080"), ("name", "demo.countersign.example"), ("log.level", "error")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .to_vec();
    for (key, file) in ["database.url", "database.keys_url"].into_iter().zip(urls) {
        flags.push((key.into(), std::fs::read_to_string(file)?.trim().to_owned()));
    }
    let config = Config::load(&Inputs { flags, serving: true, ..Inputs::default() }).map_err(|e| format!("{e:?}"))?;
    let folder = DataFolder::open(Path::new(data), false)?;
    let installation = Installation::open(config, &folder, Clock::system(), Rng::system(), Migrate::IfEmpty, true).await?;
    installation.start().await?;
    let app = installation.app.clone();
    // What the small log cost is measured when the program and the database are warm, but nothing has grown yet.
    let (mut first, mut done) = (Duration::ZERO, 0);
    for window in 0..entries / WINDOW {
        let took = fill(&app, done, WINDOW).await?;
        done += WINDOW;
        if window == 1 {
            first = took;
        }
        if window == entries / WINDOW - 1 {
            let cost = |took: Duration| took.as_secs_f64() * 1e6 / 1e4;
            #[expect(clippy::print_stdout, reason = "this is what the program is for")]
            {
                println!("{{\"entries\":{done},\"first_us\":{:.1},\"last_us\":{:.1}}}", cost(first), cost(took));
            }
        }
    }
    installation.close().await;
    Ok(())
}

/// Records `count` acts, and waits until the sequencer has placed them.
async fn fill(app: &App, from: u64, count: u64) -> Result<Duration, Broken> {
    let people: Arc<Vec<PersonId>> = Arc::new((0..PEOPLE).map(|_| PersonId::new(app.db.clock(), app.db.rng())).collect());
    let began = Instant::now();
    let tasks: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (app, people) = (app.clone(), people.clone());
            tokio::spawn(async move {
                for n in (client..count).step_by(usize::try_from(CLIENTS).unwrap_or(1)) {
                    one(&app, &people, from + n).await?;
                }
                Ok::<_, Broken>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    app.db.settle().await?;
    Ok(began.elapsed())
}

/// One act; most are common, one in a thousand is rare, as in life.
async fn one(app: &App, people: &[PersonId], n: u64) -> Result<(), Broken> {
    let who = usize::try_from(n * 7 % PEOPLE as u64)?;
    let actor = Actor {
        who: Who::Person { id: people[who].clone(), name: format!("person.{who}"), auth: Auth::Session(SessionId::new(app.db.clock(), app.db.rng())) },
        roles: Role::ALL.to_vec(),
        scopes: None,
        fresh: true,
        origin: Origin {
            address: Some(IpAddr::V4(Ipv4Addr::new(198, 51, 100, u8::try_from(n % 200)?))),
            agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".into()),
            request: Some(RequestId::new(app.db.clock(), app.db.rng())),
        },
    };
    match n % 1000 {
        0 => record::<operate::ReadPolicy>(app, &actor, On::any("policy"), Detail::failed("measured")).await?,
        1..=299 => record::<evidence::List>(app, &actor, On::any("evidence"), Detail::ok()).await?,
        _ => record::<trail::Read>(app, &actor, On::any("trail"), Detail::ok().with("n", i64::try_from(n)?).personal("filter", "outcome=failed")).await?,
    }
    Ok(())
}

async fn record<A: Act<On = On>>(app: &App, actor: &Actor, on: On, detail: Detail) -> Result<(), Broken> {
    let permit = app.policy.permit::<A>(actor, &on)?;
    app.db.record(permit, detail).await.map(drop).map_err(|e: DbError| e.into())
}
