//! The page of one person, and a confirm page before each serious act on them.
//! Must stay true: what a page offers is what the policy and the person's state allow; the act itself asks both again.

use axum::extract::Path;
use serde::Serialize;

use super::links::{self, Purpose};
use super::people;
use super::web::{live_sessions, told};
use super::web_people::{RoleBox, maybe_last, named, read_roles, role_boxes, role_names, show_link, state_of};
use super::{Delete, Disable, Enable, EndAll, Error, Grant, List, MaybeLast, Person, ResetPassword, ResetTotp, Unlock};
use crate::core::clock::Micros;
use crate::core::fault::Context as _;
use crate::core::id::PersonId;
use crate::core::text::Paragraph;
use crate::http::ctx::encode;
use crate::http::form::{Fields, FormState, Posted};
use crate::http::{self, Answer, App, Ctx, Routes, Rule, Signed};
use crate::policy::{Act, Need, On, Role};

/// Characters of a reason.
pub(super) const REASON_CHARS_MAX: usize = 500;

pub(super) fn routes() -> Routes {
    let routes = Routes::new()
        .get("/admin/users/{id}", Rule::Act("person.list"), get_person)
        .get("/admin/users/{id}/roles", Rule::Act("person.grant"), get_roles)
        .post("/admin/users/{id}/roles", Rule::Act("person.grant"), post_roles);
    Kind::ALL.into_iter().fold(routes, |routes, kind| {
        let (path, rule) = (kind.path(), Rule::Act(kind.act()));
        routes.get(path, rule, move |signed: Signed, id: Path<String>| get_act(signed, id, kind)).post(
            path,
            rule,
            move |signed: Signed, id: Path<String>, posted: Posted| post_act(signed, id, posted, kind),
        )
    })
}

/// The acts that have a confirm page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Disable,
    Enable,
    Unlock,
    ResetPassword,
    InviteAgain,
    ResetTotp,
    EndSessions,
    Delete,
}

impl Kind {
    /// In the order they are shown.
    const ALL: [Self; 8] =
        [Self::InviteAgain, Self::Unlock, Self::ResetPassword, Self::ResetTotp, Self::EndSessions, Self::Enable, Self::Disable, Self::Delete];

    const fn name(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::Unlock => "unlock",
            Self::ResetPassword => "reset-password",
            Self::InviteAgain => "invite-again",
            Self::ResetTotp => "reset-totp",
            Self::EndSessions => "end-sessions",
            Self::Delete => "delete",
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Disable => "/admin/users/{id}/disable",
            Self::Enable => "/admin/users/{id}/enable",
            Self::Unlock => "/admin/users/{id}/unlock",
            Self::ResetPassword => "/admin/users/{id}/reset-password",
            Self::InviteAgain => "/admin/users/{id}/invite-again",
            Self::ResetTotp => "/admin/users/{id}/reset-totp",
            Self::EndSessions => "/admin/users/{id}/end-sessions",
            Self::Delete => "/admin/users/{id}/delete",
        }
    }

    fn href(self, id: &PersonId) -> String {
        self.path().replace("{id}", id.as_str())
    }

    const fn act(self) -> &'static str {
        match self {
            Self::Disable => Disable::NAME,
            Self::Enable => Enable::NAME,
            Self::Unlock => Unlock::NAME,
            Self::ResetPassword | Self::InviteAgain => ResetPassword::NAME,
            Self::ResetTotp => ResetTotp::NAME,
            Self::EndSessions => EndAll::NAME,
            Self::Delete => Delete::NAME,
        }
    }

    /// How many sentences of its confirm page say what will happen.
    const fn consequences(self) -> usize {
        match self {
            Self::Enable | Self::Unlock | Self::EndSessions | Self::InviteAgain => 1,
            Self::ResetPassword => 2,
            Self::Disable | Self::ResetTotp | Self::Delete => 3,
        }
    }

    /// Does it make sense in this state?
    fn fits(self, state: &str, enrolled: bool) -> bool {
        match self {
            Self::InviteAgain => state == "invited",
            Self::Unlock => state == "locked",
            Self::ResetPassword | Self::EndSessions => matches!(state, "active" | "locked"),
            Self::ResetTotp => enrolled && matches!(state, "active" | "locked"),
            Self::Enable => state == "disabled",
            Self::Disable => matches!(state, "active" | "locked" | "invited"),
            Self::Delete => state != "deleted",
        }
    }
}

/// Why the policy would refuse, in a sentence; fresh authentication can be had, so it is no reason.
fn why_not<A: Act>(ctx: &Ctx, on: &A::On) -> Option<String> {
    ctx.app.policy.permit::<A>(&ctx.actor, on).err().filter(|denied| denied.need != Need::Fresh).map(|denied| denied.need.because())
}

#[derive(Serialize)]
struct Shown {
    id: PersonId,
    username: String,
    display_name: String,
    email: String,
    state: &'static str,
    role_names: Vec<String>,
    created_at: Micros,
    seen_at: Option<Micros>,
    totp_since: Option<Micros>,
    sessions: usize,
    tokens: i64,
    invite_expires_at: Option<Micros>,
}

#[derive(Serialize)]
struct ActRow {
    kind: &'static str,
    href: String,
    because: Option<String>,
}

#[derive(Serialize)]
struct Entry {
    seq: i64,
    at: Micros,
    action: String,
    object: String,
    outcome: &'static str,
}

#[derive(Serialize)]
struct PersonPage {
    person: Shown,
    roles: Vec<RoleBox>,
    may_roles: bool,
    acts: Vec<ActRow>,
    entries: Vec<Entry>,
    entries_href: Option<String>,
    form: FormState,
}

async fn get_person(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let _permit = ctx.permit::<List>(&On::any("person")).await?;
    let person = named(&ctx, &id).await?;
    let page = person_page(&ctx, person, FormState::default()).await?;
    ctx.page("people/show.html", page).await
}

async fn person_page(ctx: &Ctx, person: Person, form: FormState) -> Result<PersonPage, http::Error> {
    let (app, db) = (&ctx.app, &ctx.app.db);
    let listed = people::listed(db, &person.id).await?.ok_or_else(http::Error::not_found)?;
    let state = state_of(app, &listed).await?;
    let roles = listed.roles();
    let tokens: i64 = db.query(super::sql::LIVE_TOKENS).bind(&person.id).bind(ctx.now()).scalar().await.context("count tokens")?;
    let invite: Option<(Micros,)> = db.query(super::sql::OPEN_LINK).bind(&person.id).optional().await.context("find an invitation")?;
    let target = maybe_last(app, person).await?;
    let others = MaybeLast { last: false, ..target.clone() };
    let why_role = |role: Role| why_not::<Grant>(ctx, if role == Role::Admin { &target } else { &others });
    let may_read = app.policy.rules().any(|(act, rule)| act == "trail.read" && ctx.actor.roles.iter().any(|r| rule.allow.iter().any(|a| a == r.name())));
    let entries = people::entries(db, &listed.id).await?.into_iter().map(|left| Entry {
        seq: left.seq,
        at: left.at,
        action: left.action,
        object: left.object_id.unwrap_or(left.object_kind),
        outcome: outcome(&left.outcome),
    });
    let boxes = role_boxes(app, &roles, why_role);
    let entries = entries.collect();
    let acts = Kind::ALL.into_iter().filter(|kind| kind.fits(state, listed.totp_at.is_some()));
    let acts = acts.map(|kind| ActRow { kind: kind.name(), href: kind.href(&listed.id), because: why_not_act(ctx, kind, &target) });
    Ok(PersonPage {
        acts: acts.collect(),
        roles: boxes,
        may_roles: state != "deleted",
        entries,
        entries_href: may_read.then(|| format!("/audit?actor={}", encode(&listed.username))),
        form,
        person: Shown {
            role_names: role_names(app, &roles),
            state,
            sessions: live_sessions(app, &listed.id).await?.len(),
            tokens,
            invite_expires_at: invite.map(|(at,)| at).filter(|_| state == "invited"),
            id: listed.id,
            username: listed.username,
            display_name: listed.display_name,
            email: listed.email.unwrap_or_default(),
            created_at: listed.created_at,
            seen_at: listed.seen_at,
            totp_since: listed.totp_at,
        },
    })
}

/// The word people see for a stored outcome.
fn outcome(held: &str) -> &'static str {
    match held {
        "ok" => "done",
        "denied" => "denied",
        "failed" => "failed",
        "error" => "error",
        _ => "unknown",
    }
}

fn why_not_act(ctx: &Ctx, kind: Kind, target: &MaybeLast) -> Option<String> {
    let person = &target.person;
    match kind {
        Kind::Disable => why_not::<Disable>(ctx, target),
        Kind::Enable => why_not::<Enable>(ctx, person),
        Kind::Unlock => why_not::<Unlock>(ctx, person),
        Kind::ResetPassword | Kind::InviteAgain => why_not::<ResetPassword>(ctx, person),
        Kind::ResetTotp => why_not::<ResetTotp>(ctx, person),
        Kind::EndSessions => why_not::<EndAll>(ctx, person),
        Kind::Delete => why_not::<Delete>(ctx, target),
    }
}

/// Where one comes back to from confirming one's identity: the roles are a form on the person's own page.
async fn get_roles(Signed { ctx, .. }: Signed, Path(id): Path<String>) -> Answer {
    let person = named(&ctx, &id).await?;
    let to = format!("/admin/users/{}", person.id);
    let _permit = ctx.permit::<Grant>(&MaybeLast { person, last: false }).await?;
    Err(http::Error::see_other(to))
}

async fn post_roles(_: Signed, Path(id): Path<String>, Posted { ctx, mut fields }: Posted) -> Answer {
    let app = &ctx.app;
    let person = named(&ctx, &id).await?;
    let wanted = read_roles(&mut fields);
    if let Err(error) = fields.finish() {
        // Who may not see people hears the same of known and unknown ids, odd fields or not.
        let _permit = ctx.permit::<List>(&On::any("person")).await?;
        return Err(error);
    }
    let keeps_admin = wanted.as_ref().is_none_or(|w| w.contains(&Role::Admin));
    let target = MaybeLast { last: !keeps_admin && super::is_last_admin(&app.db, &person.id).await?, person };
    let permit = ctx.permit::<Grant>(&target).await?;
    let Some(wanted) = wanted else {
        let mut form = FormState::default();
        form.wrong("roles", app.text("error-roles-unknown", &[]));
        let page = person_page(&ctx, target.person, form).await?;
        return ctx.again("people/show.html", page).await;
    };
    let to = format!("/admin/users/{}", target.person.id);
    match people::grant(&app.db, permit, &target.person, &wanted).await {
        Ok(()) => Ok(ctx.go(&to, "roles-saved")),
        Err(Error::State) if target.person.deleted_at.is_none() => Ok(ctx.go(&to, "nothing-changed")),
        Err(error) => Err(told(error)),
    }
}

#[derive(Serialize)]
struct Confirm {
    title: String,
    what: String,
    consequences: Vec<String>,
    verb: String,
    action: String,
    danger: bool,
    cancel: String,
    reason: bool,
    typed: Option<String>,
    hidden: [(); 0],
}

#[derive(Serialize)]
struct ConfirmPage {
    confirm: Confirm,
    form: FormState,
}

fn confirm_page(app: &App, kind: Kind, person: &Person, form: FormState) -> ConfirmPage {
    let text = |part: &str| app.text(&format!("confirm-{}-{part}", kind.name()), &[("name", &person.display_name)]);
    let consequences = (1..=kind.consequences()).map(|n| text(&n.to_string())).collect();
    let grave = kind == Kind::Delete;
    let confirm = Confirm {
        title: text("title"),
        what: text("what"),
        consequences,
        verb: text("verb"),
        action: kind.href(&person.id),
        danger: grave,
        cancel: format!("/admin/users/{}", person.id),
        reason: grave,
        typed: grave.then(|| person.username.clone()),
        hidden: [],
    };
    ConfirmPage { confirm, form }
}

/// Is it still the person that the page offered this act for?
async fn check_state(app: &App, kind: Kind, person: &Person) -> Result<(), http::Error> {
    let listed = people::listed(&app.db, &person.id).await?.ok_or_else(http::Error::not_found)?;
    let state = state_of(app, &listed).await?;
    if kind.fits(state, listed.totp_at.is_some()) { Ok(()) } else { Err(http::Error::conflict("state")) }
}

async fn get_act(Signed { ctx, .. }: Signed, Path(id): Path<String>, kind: Kind) -> Answer {
    let person = named(&ctx, &id).await?;
    match kind {
        Kind::Disable => drop(ctx.permit::<Disable>(&maybe_last(&ctx.app, person.clone()).await?).await?),
        Kind::Enable => drop(ctx.permit::<Enable>(&person).await?),
        Kind::Unlock => drop(ctx.permit::<Unlock>(&person).await?),
        Kind::ResetPassword | Kind::InviteAgain => drop(ctx.permit::<ResetPassword>(&person).await?),
        Kind::ResetTotp => drop(ctx.permit::<ResetTotp>(&person).await?),
        Kind::EndSessions => drop(ctx.permit::<EndAll>(&person).await?),
        Kind::Delete => drop(ctx.permit::<Delete>(&maybe_last(&ctx.app, person.clone()).await?).await?),
    }
    check_state(&ctx.app, kind, &person).await?;
    ctx.page("confirm.html", confirm_page(&ctx.app, kind, &person, FormState::default())).await
}

async fn post_act(_: Signed, Path(id): Path<String>, Posted { ctx, fields }: Posted, kind: Kind) -> Answer {
    let person = named(&ctx, &id).await?;
    if kind == Kind::Delete {
        return post_delete(&ctx, person, fields).await;
    }
    if let Err(error) = fields.finish() {
        // Who may not see people hears the same of known and unknown ids, odd fields or not.
        let _permit = ctx.permit::<List>(&On::any("person")).await?;
        return Err(error);
    }
    let (app, db) = (&ctx.app, &ctx.app.db);
    let to = format!("/admin/users/{}", person.id);
    let (done, flash) = match kind {
        Kind::Disable => {
            let target = maybe_last(app, person).await?;
            let permit = ctx.permit::<Disable>(&target).await?;
            (people::disable(db, permit, &target).await, "disabled")
        }
        Kind::Enable => (people::enable(db, ctx.permit::<Enable>(&person).await?, &person).await, "enabled"),
        Kind::Unlock => (people::unlock(db, ctx.permit::<Unlock>(&person).await?, &person).await, "unlocked"),
        Kind::ResetTotp => (people::reset_totp(db, ctx.permit::<ResetTotp>(&person).await?, &person).await, "totp-reset"),
        Kind::EndSessions => (people::end_all(db, ctx.permit::<EndAll>(&person).await?, &person).await, "sessions-ended"),
        Kind::ResetPassword | Kind::InviteAgain => {
            let permit = ctx.permit::<ResetPassword>(&person).await?;
            // The words of the confirm page must still be true of the link that is made.
            let purpose = if kind == Kind::InviteAgain { Purpose::Invite } else { Purpose::Reset };
            if purpose != links::purpose_for(&person) {
                return Err(http::Error::conflict("state"));
            }
            let made = links::make_reset(db, &app.policies.session, permit, &person).await.map_err(told)?;
            return show_link(&ctx, &person.id, &person.display_name, made, None).await;
        }
        Kind::Delete => return Err(http::Error::not_found()),
    };
    done.map_err(told)?;
    Ok(ctx.go(&to, flash))
}

async fn post_delete(ctx: &Ctx, person: Person, mut fields: Fields) -> Answer {
    let app = &ctx.app;
    let target = maybe_last(app, person).await?;
    let permit = ctx.permit::<Delete>(&target).await?;
    let (reason, typed) = (fields.one("reason")?, fields.one("typed")?);
    fields.finish()?;
    let mut form = FormState::default().keep("reason", reason.as_str()).keep("typed", typed.as_str());
    let reason = Paragraph::parse(&reason, REASON_CHARS_MAX).unwrap_or_else(|_| {
        let key = if reason.trim().is_empty() { "error-reason-missing" } else { "error-reason-form" };
        form.wrong("reason", app.text(key, &[("max", &REASON_CHARS_MAX.to_string())]));
        String::new()
    });
    if typed.trim() != target.person.username {
        form.wrong("typed", app.text("error-typed-differ", &[]));
    }
    if !form.is_fine() {
        return ctx.again("confirm.html", confirm_page(app, Kind::Delete, &target.person, form)).await;
    }
    people::delete(&app.db, permit, &target, &reason).await.map_err(told)?;
    Ok(ctx.go(&format!("/admin/users/{}", target.person.id), "deleted"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::texts::Texts;

    #[test]
    fn every_act_with_a_confirm_page_has_its_words() {
        let texts = Texts::english();
        for kind in Kind::ALL {
            let name = kind.name();
            assert!(kind.path().ends_with(&format!("/{name}")));
            let parts = ["title", "what", "verb"].map(str::to_owned).into_iter().chain((1..=kind.consequences()).map(|n| n.to_string()));
            for key in parts.map(|part| format!("confirm-{name}-{part}")).chain([format!("person-{name}"), format!("person-{name}-hint")]) {
                assert!(texts.has(&key), "{key}");
            }
            assert!(!texts.has(&format!("confirm-{name}-{}", kind.consequences() + 1)), "{name}");
        }
    }

    #[test]
    fn only_acts_that_fit_the_state_are_offered() {
        let offered = |state: &str, enrolled| Kind::ALL.into_iter().filter(|k| k.fits(state, enrolled)).map(Kind::name).collect::<Vec<_>>();
        assert_eq!(offered("invited", false), ["invite-again", "disable", "delete"]);
        assert_eq!(offered("active", false), ["reset-password", "end-sessions", "disable", "delete"]);
        assert_eq!(offered("locked", true), ["unlock", "reset-password", "reset-totp", "end-sessions", "disable", "delete"]);
        assert_eq!(offered("disabled", true), ["enable", "delete"]);
        assert!(offered("deleted", true).is_empty());
    }
}
