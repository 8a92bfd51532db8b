//! What the home page says waits, and the page that lists it: for those who may decide, and not for those whose own it is.

use countersign::policy::Role;

use crate::artifacts::{decide, upload};
use crate::assess::{begin, confirm};
use crate::campaigns;
use crate::support::check;

#[tokio::test]
async fn what_is_put_up_for_a_decision_waits_for_others_until_it_is_made() {
    check(async |app| {
        let (owner, officer) = (app.person(&[Role::Contributor, Role::Compliance]).await, app.person(&[Role::Compliance]).await);
        officer.get("/waiting").await.expect(200).says("Nothing waits");
        officer.get("/").await.expect(200).lacks("waits for approval");
        let file = upload(&owner, "rules.txt").await;
        officer.get("/").await.expect(200).lacks("waits for approval");
        owner.post(&format!("/evidence/{file}/submit"), &[]).await.expect(303);
        officer.get("/").await.expect(200).says("One file waits for approval").says("/waiting#approve");
        officer.get("/waiting").await.expect(200).says("Files to approve").says("rules.txt").says(&format!("/evidence/{file}"));
        // One's own does not wait for oneself.
        owner.get("/").await.expect(200).lacks("One file waits");
        owner.get("/waiting").await.expect(200).lacks("rules.txt");
        officer.post(&format!("/evidence/{file}/reject"), &[("because", "The date is missing.")]).await.expect(303);
        officer.get("/waiting").await.expect(200).says("Nothing waits");
        owner.get("/").await.expect(200).says("One of your files was given back");
        owner.get("/waiting").await.expect(200).says("rules.txt").lacks("Files to approve");
        owner.post(&format!("/evidence/{file}/submit"), &[]).await.expect(303);
        owner.get("/waiting").await.expect(200).says("Nothing waits");
        decide(&officer, &file).await.expect(303);
        officer.get("/waiting").await.expect(200).says("Nothing waits");
    })
    .await;
}

#[tokio::test]
async fn interviews_wait_for_a_second_person_and_objectives_for_their_owner() {
    check(async |app| {
        let (owner, officer) = (app.person(&[Role::Contributor]).await, app.person(&[Role::Compliance]).await);
        let desk = begin(&owner).await;
        let page = format!("{desk}/objectives/3.1.1%5Ba%5D");
        let record = [("method", "interview"), ("with", "The administrator"), ("said", "Accounts are reviewed."), ("held_on", "2026-01-15")];
        owner.post(&format!("{page}/record"), &record).await.expect(303);
        officer.get("/").await.expect(200).says("One interview or test waits for a second person");
        officer.get("/waiting").await.expect(200).says("3.1.1[a]: The administrator").says(&format!("{page}#evidence"));
        let id = officer.get(&page).await.expect(200).field("record").expect("a record");
        confirm(app, &page, &id).await;
        officer.get("/waiting").await.expect(200).says("Nothing waits");
        let keep = |stage: &'static str, due: &'static str, version: &'static str| {
            let me = owner.id.as_ref().expect("an id").to_string();
            let page = page.clone();
            let owner = &owner;
            async move {
                let fields =
                    [("stage", stage), ("finding", "met"), ("because", ""), ("notes", ""), ("owner", me.as_str()), ("due_on", due), ("version", version)];
                owner.post(&page, &fields).await.expect(303);
            }
        };
        keep("in_progress", "2026-02-28", "0").await;
        owner.get("/").await.expect(200).lacks("due within a week");
        keep("in_progress", "2026-01-17", "1").await;
        owner.get("/").await.expect(200).says("One of your objectives is due within a week");
        owner.get("/waiting").await.expect(200).says("due on 2026-01-17").says(&page);
        officer.get("/waiting").await.expect(200).lacks("2026-01-17");
        keep("complete", "2026-01-17", "2").await;
        owner.get("/waiting").await.expect(200).says("Nothing waits");
    })
    .await;
}

#[tokio::test]
async fn a_campaign_waits_for_everybody_who_may_approve_it_but_its_author() {
    check(async |app| {
        let (author, other) = (app.person(&[Role::Messaging]).await, app.person(&[Role::Messaging]).await);
        let list = campaigns::list(&author, "Friends", "Europe/London", 0, 2).await;
        let template = campaigns::text(&author, "Call", "Come on Friday.").await;
        let page = campaigns::draft(&author, &template, &[&list], "sandbox").await;
        other.get("/waiting").await.expect(200).says("Nothing waits");
        campaigns::reviewed(app, &author, &page).await;
        for person in [&other, &app.person(&[Role::Compliance]).await] {
            person.get("/").await.expect(200).says("One campaign waits for approval");
            person.get("/waiting").await.expect(200).says("Campaigns to approve").says(&page);
        }
        author.get("/waiting").await.expect(200).says("Nothing waits");
        app.person(&[Role::Contributor]).await.get("/waiting").await.expect(200).says("Nothing waits");
    })
    .await;
}
