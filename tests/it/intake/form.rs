//! The form behind a link: single use, short-lived, known to nobody else.

use super::{PHONE, count, newest, say, state, with};
use crate::support::TestApp;

/// The path of the link that a text asked for.
async fn link(app: &TestApp) -> String {
    let said = say(app, "FORM").await;
    let at = said.find("/intake/form/").unwrap_or_else(|| panic!("a link: {said}"));
    assert!(!said.contains(PHONE) && !said.contains("Ruth"), "nothing of anybody is in the text");
    said[at..].chars().take_while(|c| *c != '<' && !c.is_whitespace()).collect()
}

const ANSWERS: [(&str, &str); 6] =
    [("agree", "yes"), ("name", "Ruth Abernathy"), ("birth", "3/27/1984"), ("address", "1 Main St"), ("history", ""), ("medications", "none")];

#[tokio::test]
async fn a_link_is_filled_in_once() {
    with(&[], async |app| {
        let path = link(app).await;
        let id = newest(app).await;
        let patient = app.stranger();
        // Looked up by a messenger, and again: nothing is used up.
        for _ in 0..2 {
            let page = patient.get(&path).await.expect(200).says("Medical history").says("911");
            assert!(page.header("cache-control").contains("no-store"), "{}", page.header("cache-control"));
        }
        let mut wrong = ANSWERS.to_vec();
        wrong[2].1 = "30 February 1984";
        patient.post(&path, &wrong).await.expect(422).says("no such day").says("1 Main St");
        patient.post(&path, &ANSWERS[1..]).await.expect(422).says("Tick this");
        assert_eq!(state(app, &id).await, "open");
        patient.post(&path, &ANSWERS).await.expect(200).says("that is all").lacks("Abernathy");
        assert_eq!(state(app, &id).await, "complete");
        assert_eq!(count(app, "select count(*) from intake_value").await, 5);
        patient.get(&path).await.expect(404);
        patient.post(&path, &ANSWERS).await.expect(404);
        // By text it is deleted again.
        say(app, "delete").await;
        say(app, "yes").await;
        assert_eq!(state(app, &id).await, "deleted");
    })
    .await;
}

#[tokio::test]
async fn a_link_ends_and_a_new_one_takes_its_place() {
    with(&[], async |app| {
        let first = link(app).await;
        let second = link(app).await;
        assert_ne!(first, second);
        let patient = app.stranger();
        patient.get(&first).await.expect(404);
        patient.get(&second).await.expect(200);
        patient.post_bare(&second, &ANSWERS).await.expect(403);
        app.advance(61 * 60);
        patient.get(&second).await.expect(404);
        assert_eq!(count(app, "select count(*) from intake_record where link_ix is not null and state = 'complete'").await, 0);
    })
    .await;
}

#[tokio::test]
async fn two_who_send_at_once_fill_in_one_record() {
    with(&[], async |app| {
        let path = link(app).await;
        let (one, two) = (app.stranger(), app.stranger());
        one.get(&path).await.expect(200);
        two.get(&path).await.expect(200);
        let (a, b) = tokio::join!(one.post(&path, &ANSWERS), two.post(&path, &ANSWERS));
        let mut statuses = [a.status.as_u16(), b.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 404]);
        assert_eq!(count(app, "select count(*) from intake_value").await, 5);
    })
    .await;
}
