//! Measures intakes on an installation of its own: the export of many records against opening and writing alone, the memory it
//! takes, a step of a conversation at a steady pace, and the rotation of every record's key while steps go on.
//!
//! `intake FOLDER RECORDS`: an empty folder, and how many records; prints one line of JSON.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign::app::{Installation, Migrate};
use countersign::config::{Config, Inputs};
use countersign::core::clock::{Clock, DAY};
use countersign::core::folder::DataFolder;
use countersign::core::id::PersonId;
use countersign::core::number::Number;
use countersign::core::rng::Rng;
use countersign::core::sheet::{Profile, push_row};
use countersign::http::App;
use countersign::identity::people;
use countersign::identity::{Person, links::NewPerson};
use countersign::intake::export::{Format, Wanted, begin};
use countersign::intake::hear::{Heard, Incoming, hear};
use countersign::intake::{Export, Step, Submit, form};
use countersign::policy::{Actor, Auth, On, Origin, Resource as _, Role, Who};
use countersign::vault::{DataKey, KeyRing, Place};
use futures_util::StreamExt as _;

/// Records being made at once.
const CLIENTS: usize = 64;
/// Steps of the paced conversation, and their pace.
const STEPS: u64 = 400;
const PACE: Duration = Duration::from_millis(10);
const FIELDS: [&str; 5] = ["name", "birth", "address", "history", "medications"];

type Broken = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Broken> {
    // `cargo bench` adds a word of its own.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let [folder, records] = words.as_slice() else { return Err("say which folder and how many records".into()) };
    let records: usize = records.parse()?;
    let path = Path::new(folder).join("data");
    let flags: Vec<(String, String)> =
        [("data", path.to_str().ok_or("a plain path")?), ("public_url", "http://127.0.0.1:8080"), ("name", "bench.example"), ("log.level", "error")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .to_vec();
    let data = DataFolder::open(&path, true)?;
    KeyRing::generate(&data.keys(), &Rng::system())?;
    let config = Config::load(&Inputs { flags, serving: true, ..Inputs::default() }).map_err(|e| format!("{e:?}"))?;
    let installation = Installation::open(config, &data, Clock::system(), Rng::system(), Migrate::IfEmpty, true).await?;
    installation.start().await?;
    let app = installation.app.clone();
    let began = Instant::now();
    make(&app, records).await?;
    let made = began.elapsed();
    let (rows, bytes, export, memory) = export(&app).await?;
    if rows != records {
        return Err(format!("{rows} of {records} records left").into());
    }
    let alone = alone(records);
    let idle = steps(&app, 0).await?;
    app.db.vault().make_next_kek()?;
    let beside = {
        let app = app.clone();
        tokio::spawn(async move { steps(&app, STEPS).await })
    };
    let began = Instant::now();
    let rotated = app.db.vault().rewrap().await?;
    let rotation = began.elapsed();
    let busy = beside.await??;
    #[expect(clippy::print_stdout, reason = "this is what the program is for")]
    {
        println!(
            "{{\"records\":{records},\"made_s\":{:.1},\"export_s\":{:.3},\"export_bytes\":{bytes},\"memory_mb\":{memory:.1},\"alone_s\":{:.3},\"step_p99_ms\":{:.1},\"keys\":{},\"rotation_s\":{:.2},\"step_p99_rotating_ms\":{:.1}}}",
            made.as_secs_f64(),
            export.as_secs_f64(),
            alone.as_secs_f64(),
            idle.as_secs_f64() * 1e3,
            rotated.keys,
            rotation.as_secs_f64(),
            busy.as_secs_f64() * 1e3,
        );
    }
    installation.close().await;
    Ok(())
}

fn number(n: usize) -> Result<Number, Broken> {
    const AREAS: [usize; 10] = [201, 202, 212, 303, 312, 404, 415, 503, 602, 702];
    Ok(Number::parse(&format!("+1{}{}{:04}", AREAS[n % 10], 200 + n / 10 / 10_000, n / 10 % 10_000), None)?)
}

/// One act of a conversation, as the hook does it but for the event's own row.
async fn say(app: &App, number: &Number, text: &str) -> Result<String, Broken> {
    let heard = hear(&app.db, &app.policy, &app.policies.flows, &Incoming { number, channel: "sms", text }, app.config.url()).await?;
    let Heard::Step(prepared) = heard else { return Err("no step".into()) };
    let permit = app.policy.permit::<Step>(&Actor::system(), &prepared.on())?;
    let mut tx = app.db.begin(&permit).await?;
    let (id, detail) = prepared.write(&mut tx).await?;
    tx.commit(permit.naming(&id), detail).await?;
    Ok(prepared.answer().to_owned())
}

/// Makes records by links that are filled in.
async fn make(app: &App, records: usize) -> Result<(), Broken> {
    let tasks: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let app = app.clone();
            tokio::spawn(async move {
                let flow = app.policies.flows.get("default").ok_or("a flow")?.clone();
                for n in (client..records).step_by(CLIENTS) {
                    let said = say(&app, &number(n)?, "form").await?;
                    let token = said.rsplit('/').next().unwrap_or_default().trim().to_owned();
                    let record = form::find(&app.db, &token).await?.ok_or("the link works")?;
                    let given = FIELDS.map(str::to_owned).into_iter().zip(answers(n)).collect();
                    let answers = form::answers(&app.db, &flow, "en", &given).map_err(|e| format!("{e:?}"))?;
                    let permit = app.policy.permit::<Submit>(&Actor::stranger(Origin::default()), &record.on())?;
                    form::submit(&app.db, permit, &flow, &record, &answers).await?;
                }
                Ok::<_, Broken>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(())
}

fn answers(n: usize) -> [String; 5] {
    let letters: String = n.to_string().bytes().map(|b| char::from(b - b'0' + b'a')).collect();
    [
        format!("Person Number{letters}"),
        "3/27/1984".into(),
        format!("{n} Rowan Street, Springfield"),
        "Asthma since 2001, penicillin allergy".into(),
        "Salbutamol, 100 micrograms, when needed".into(),
    ]
}

/// Bytes of memory this process holds, and held at most.
fn memory(line: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kb = status.lines().find(|l| l.starts_with(line)).and_then(|l| l.split_whitespace().nth(1)).and_then(|n| n.parse::<f64>().ok());
    kb.unwrap_or(0.0) / 1024.0
}

/// Exports all fields, and gives rows, bytes, the time, and the memory it took.
async fn export(app: &App) -> Result<(usize, usize, Duration, f64), Broken> {
    let person = staff(app).await?;
    let who =
        Who::Person { id: person.clone(), name: "bench".into(), auth: Auth::Session(countersign::core::id::SessionId::new(app.db.clock(), app.db.rng())) };
    let actor = Actor { who, roles: vec![Role::Intake], scopes: None, fresh: true, origin: Origin::default() };
    let now = app.db.clock().now();
    // The peak so far is forgotten.
    std::fs::write("/proc/self/clear_refs", "5")?;
    let before = memory("VmRSS:");
    let began = Instant::now();
    let permit = app.policy.permit::<Export>(&actor, &On::any("intake_export"))?;
    let wanted = Wanted {
        flow: "default".into(),
        from: now - DAY,
        to: now + DAY,
        fields: FIELDS.map(str::to_owned).to_vec(),
        purpose: "operations",
        note: String::new(),
        format: Format::Csv,
    };
    let mut body = begin(app, permit, &person, wanted).await?.into_body().into_data_stream();
    let (mut lines, mut bytes) = (0, 0);
    while let Some(chunk) = body.next().await {
        let chunk = chunk?;
        bytes += chunk.len();
        lines += chunk.iter().filter(|b| **b == b'\n').count();
    }
    Ok((lines - 1, bytes, began.elapsed(), memory("VmHWM:") - before))
}

async fn staff(app: &App) -> Result<PersonId, Broken> {
    let new = NewPerson { username: "bench".into(), display_name: "Bench".into(), email: None, time_zone: "UTC".into() };
    let nobody = Person::nobody(PersonId::new(app.db.clock(), app.db.rng()));
    let permit = app.policy.permit(&Actor::console(), &nobody)?;
    Ok(people::create(&app.db, permit, &new, &[Role::Intake], None).await?)
}

/// The same values opened and written by one thread, with nothing else: one key for each record, wrapped.
fn alone(records: usize) -> Duration {
    let rng = Rng::system();
    let kek = DataKey::new("kek-1", &[7; 32]).expect("32 bytes");
    let id = "key_0192f0c1a2b37c4d8e5f60718293a4b5";
    let wrapping = Place { table: "data_key", row: id, column: "wrapped" };
    let wrapped = kek.seal(&wrapping, &[9; 32], &rng);
    let key = DataKey::new(id, &[9; 32]).expect("32 bytes");
    let places: Vec<String> = FIELDS.iter().map(|f| format!("itk_0192f0c1a2b37c4d8e5f60718293a4b5/{f}/2")).collect();
    let place = |row: &'static str| Place { table: "intake_value", row, column: "sealed" };
    let rows: Vec<&'static str> = places.into_iter().map(|p| &*Box::leak(p.into_boxed_str())).collect();
    let sealed: Vec<Vec<u8>> = answers(12_345)
        .iter()
        .zip(&rows)
        .map(|(text, row)| {
            let mut padded = text.clone().into_bytes();
            padded.push(0x80);
            padded.resize(
                if padded.len() > 64 {
                    256
                } else if padded.len() > 16 {
                    64
                } else {
                    16
                },
                0,
            );
            key.seal(&place(row), &padded, &rng)
        })
        .collect();
    let began = Instant::now();
    let (mut out, mut written) = (String::new(), 0);
    for _ in 0..records {
        let plain = kek.open(&wrapping, &wrapped).expect("opens");
        let key = Arc::new(DataKey::new(id, &plain).expect("32 bytes"));
        let cells: Vec<_> = sealed.iter().zip(&rows).map(|(sealed, row)| key.open_padded(&place(row), sealed).expect("opens")).collect();
        let mut line = vec!["itk_0192f0c1a2b37c4d8e5f60718293a4b5", "2026-11-22T12:00:00Z"];
        line.extend(cells.iter().map(|cell| cell.as_str()));
        push_row(&mut out, &line, Profile::Spreadsheet);
        if out.len() > 65_536 {
            written += std::hint::black_box(&out).len();
            out.clear();
        }
    }
    std::hint::black_box(written);
    began.elapsed()
}

/// A hundred steps a second, each from its own number; gives the 99th of a hundred.
async fn steps(app: &App, from: u64) -> Result<Duration, Broken> {
    let mut pace = tokio::time::interval(PACE);
    let mut tasks = Vec::new();
    for n in 0..STEPS {
        pace.tick().await;
        let app = app.clone();
        tasks.push(tokio::spawn(async move {
            // Numbers that no record has.
            let number = number(usize::try_from(3_000_000 + from + n)?)?;
            let began = Instant::now();
            say(&app, &number, "intake").await?;
            Ok::<_, Broken>(began.elapsed())
        }));
    }
    let mut took = Vec::with_capacity(tasks.len());
    for task in tasks {
        took.push(task.await??);
    }
    took.sort_unstable();
    Ok(took[took.len() * 99 / 100])
}
