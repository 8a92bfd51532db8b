//! What is done with one conversation: written back, noted, given to somebody, read, closed, opened.
//! Must stay true: each form carries when the last word came that its reader saw.

use axum::extract::Path;

use super::web::{again, allowed};
use super::{
    Assign, Close, Draft, Error, MarkRead, NOTE_CHARS_MAX, Reopen, Reply, WriteNote, assign, close, filled, gateway_for, named, note, read, reopen, reply,
};
use crate::core::clock::Micros;
use crate::core::id::PersonId;
use crate::core::text::Paragraph;
use crate::http::form::{Fields, FormState};
use crate::http::{self, Answer, Ctx, Posted, Routes, Rule, Signed};
use crate::messages::TEXT_CHARS_MAX;
use crate::messages::thread::Thread;

pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/inbox/{id}/reply", Rule::Act("thread.reply"), post_reply)
        .post("/inbox/{id}/note", Rule::Act("thread.note"), post_note)
        .post("/inbox/{id}/assign", Rule::Act("thread.assign"), post_assign)
        .post("/inbox/{id}/read", Rule::Act("thread.read"), post_read)
        .post("/inbox/{id}/close", Rule::Act("thread.close"), post_close)
        .post("/inbox/{id}/open", Rule::Act("thread.open"), post_open)
}

/// When the last word was said that the reader saw.
pub(super) fn seen(fields: &mut Fields) -> Result<Micros, http::Error> {
    fields.one("seen")?.parse().map_err(|_| http::Error::field("seen", "is not a time in microseconds"))
}

fn to(thread: &Thread) -> String {
    format!("/inbox/{}", thread.id)
}

async fn post_reply(Signed { person, .. }: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let (thread, permit) = allowed::<Reply>(&ctx, &id).await?;
    let (typed, seen) = (fields.one("text")?, seen(&mut fields)?);
    let (put_in, counted, ready) = (fields.optional("put")?.is_some(), fields.optional("count")?.is_some(), fields.optional("canned")?.unwrap_or_default());
    fields.finish()?;
    let app = &ctx.app;
    if put_in {
        return put(&ctx, &person, &thread, &typed, &ready).await;
    }
    let mut form = FormState::default().keep("text", typed.as_str());
    if counted {
        return again(&ctx, &person, &thread, form).await;
    }
    let Ok(text) = Paragraph::parse(&typed, TEXT_CHARS_MAX) else {
        form.wrong("text", app.text("error-reply-text", &[("max", &TEXT_CHARS_MAX.to_string())]));
        return again(&ctx, &person, &thread, form).await;
    };
    let draft = Draft { author: &person, text: &text, gateway: gateway_for(&app.config, &thread), seen, repeat: None };
    match reply(&app.db, permit, &thread, draft).await {
        Ok(sent) => {
            app.work.notify_one();
            Ok(ctx.go(&to(&thread), if sent.answer.is_queued() { "message-queued" } else { "message-held" }))
        }
        // What was typed is not lost.
        Err(error @ (Error::Stopped | Error::Window | Error::Erased)) => {
            let key = match error {
                Error::Stopped => "error-number-stopped",
                Error::Window => "error-reply-window",
                _ => "error-reply-erased",
            };
            form.wrong("text", app.text(key, &[]));
            again(&ctx, &person, &thread, form).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Puts a canned reply behind what was typed.
async fn put(ctx: &Ctx, person: &PersonId, thread: &Thread, typed: &str, ready: &str) -> Answer {
    let id = ready.parse().map_err(|_| http::Error::field("canned", "is no canned reply"))?;
    let found = named(&ctx.app.db, &id).await?.ok_or_else(|| http::Error::field("canned", "is gone; choose another"))?;
    let mut form = FormState::default().keep("canned", ready);
    let text = match filled(&ctx.app.db, thread, &found).await? {
        Ok(text) => text,
        Err(name) => {
            form.wrong("text", ctx.app.text("error-canned-missing", &[("name", &name)]));
            found.text
        }
    };
    let both = if typed.trim().is_empty() { text } else { format!("{}\n{text}", typed.trim_end()) };
    again(ctx, person, thread, form.keep("text", both)).await
}

async fn post_note(Signed { person, .. }: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let (thread, permit) = allowed::<WriteNote>(&ctx, &id).await?;
    let typed = fields.one("note")?;
    fields.finish()?;
    let Ok(text) = Paragraph::parse(&typed, NOTE_CHARS_MAX) else {
        let mut form = FormState::default().keep("note", typed);
        form.wrong("note", ctx.app.text("error-thread-note", &[("max", &NOTE_CHARS_MAX.to_string())]));
        return again(&ctx, &person, &thread, form).await;
    };
    note(&ctx.app.db, permit, &thread, &person, &text).await?;
    Ok(ctx.go(&to(&thread), "thread-noted"))
}

async fn post_assign(Signed { .. }: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let (thread, permit) = allowed::<Assign>(&ctx, &id).await?;
    let (person, was) = (fields.one("person")?, fields.one("was")?);
    fields.finish()?;
    let person: Option<PersonId> = match person.as_str() {
        "" => None,
        id => Some(id.parse().map_err(|_| Error::NotStaff)?),
    };
    if was != thread.assigned_to.as_ref().map_or("", PersonId::as_str) {
        return Err(Error::State.into());
    }
    assign(&ctx.app.db, permit, &thread, person.as_ref()).await?;
    Ok(ctx.go(&to(&thread), "thread-assigned"))
}

async fn post_read(Signed { person, .. }: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let (thread, permit) = allowed::<MarkRead>(&ctx, &id).await?;
    let seen = seen(&mut fields)?;
    fields.finish()?;
    read(&ctx.app.db, permit, &thread, &person, seen).await?;
    Ok(ctx.go(&to(&thread), "thread-read"))
}

async fn post_close(Signed { person, .. }: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let (thread, permit) = allowed::<Close>(&ctx, &id).await?;
    let seen = seen(&mut fields)?;
    fields.finish()?;
    close(&ctx.app.db, permit, &thread, &person, seen).await?;
    Ok(ctx.go(&to(&thread), "thread-closed"))
}

async fn post_open(Signed { .. }: Signed, Path(id): Path<String>, Posted { ctx, fields }: Posted) -> Answer {
    let (thread, permit) = allowed::<Reopen>(&ctx, &id).await?;
    fields.finish()?;
    reopen(&ctx.app.db, permit, &thread).await?;
    Ok(ctx.go(&to(&thread), "thread-opened"))
}
