//! Views of a seal that are given to an assessor, and their end.

use countersign::policy::Role;

use super::{assessed, newest, sealed, unpacked};
use crate::support::check;

#[tokio::test]
async fn an_assessor_sees_the_seal_they_were_given_and_only_until_its_end() {
    check(async |app| {
        let (officer, assessor) = (app.person(&[Role::Compliance, Role::Contributor]).await, app.person(&[Role::Assessor]).await);
        let (desk, files) = assessed(&officer).await;
        let (given, other) = (sealed(&officer, &desk).await, sealed(&officer, &desk).await);
        assessor.get("/seals").await.expect(200).says("Nothing sealed");
        for page in [&given, &other] {
            assessor.get(page).await.expect(403).says("ask the compliance officer");
            assessor.get(&format!("{page}/archive")).await.expect(403);
        }
        let who = assessor.id.as_ref().expect("a person").to_string();
        let views = format!("{given}/views");
        officer.get(&views).await.expect(200).says(&assessor.username);
        for (assessor, day) in
            [(who.as_str(), "2026-01-14"), (&who, "2027-02-01"), (&who, "x"), (officer.id.as_ref().expect("an id").as_str(), "2026-01-20"), ("x", "2026-01-20")]
        {
            officer.post(&views, &[("assessor", assessor), ("ends_on", day)]).await.expect(422);
        }
        officer.post(&views, &[("assessor", &who), ("ends_on", "2026-01-20")]).await.expect(303);
        let entry = newest(app, "seal.grant").await;
        assert_eq!((&entry["data"]["assessor"], &entry["data"]["last_day"]), (&who.as_str().into(), &"2026-01-20".into()));
        assessor.get("/seals").await.expect(200).says(&given).lacks(&other);
        assessor.get(&given).await.expect(200).says("artifacts/").lacks("/views");
        let to = tempfile::tempdir().expect("a folder");
        unpacked(&assessor, &given, to.path()).await;
        assert_eq!(newest(app, "seal.download").await["actor"]["id"], who);
        // Nothing else.
        assessor.get(&other).await.expect(403);
        for path in
            [desk.clone(), format!("/evidence/{}", files[0]), "/evidence".into(), "/assess".into(), "/audit".into(), views.clone(), format!("{desk}/seal")]
        {
            assessor.get(&path).await.expect(403);
        }
        // The last day is whole, and over with its end.
        app.advance(5 * 86_400 + 11 * 3600);
        assessor.open_session().await;
        assessor.get(&given).await.expect(200);
        app.advance(3600);
        assessor.open_session().await;
        assessor.get(&given).await.expect(403);
        assessor.get(&format!("{given}/archive")).await.expect(403);
        assessor.get("/seals").await.expect(200).lacks(&given);
    })
    .await;
}

#[tokio::test]
async fn a_view_is_ended_at_once() {
    check(async |app| {
        let (officer, assessor) = (app.person(&[Role::Compliance, Role::Contributor]).await, app.person(&[Role::Assessor]).await);
        let (desk, _) = assessed(&officer).await;
        let page = sealed(&officer, &desk).await;
        let who = assessor.id.as_ref().expect("a person").to_string();
        officer.post(&format!("{page}/views"), &[("assessor", &who), ("ends_on", "2026-02-01")]).await.expect(303);
        let token = assessor.token(&[Role::Assessor], &["seal.read", "seal.download"]).await;
        let api = page.replace("/seals/", "/api/v1/seals/");
        token.get(&api).await.expect(200);
        assessor.get(&page).await.expect(200);
        let view = officer.get(&format!("{page}/views")).await.expect(200).field("view").expect("a view");
        officer.post(&format!("{page}/views/end"), &[("view", &view)]).await.expect(303);
        assessor.get(&page).await.expect(403);
        token.get(&api).await.expect(403);
        token.get(&format!("{api}/archive")).await.expect(403);
        assert_eq!(token.get("/api/v1/seals").await.expect(200).json().as_array().map(Vec::len), Some(0));
        officer.post(&format!("{page}/views/end"), &[("view", &view)]).await.expect(409);
    })
    .await;
}
