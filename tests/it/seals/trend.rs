//! Scores over time: what was sealed, and nothing else.

use countersign::policy::Role;

use super::{assessed, sealed};
use crate::plans::found;
use crate::support::check;

#[tokio::test]
async fn scores_over_time_are_those_of_the_seals() {
    check(async |app| {
        let officer = app.person(&[Role::Compliance, Role::Contributor]).await;
        let (desk, _) = assessed(&officer).await;
        officer.get(&format!("{desk}/trend")).await.expect(200).says("Nothing sealed yet");
        let first = sealed(&officer, &desk).await;
        app.advance(60);
        found(&officer, &desk, &[("3.1.1", "not_met")]).await;
        let second = sealed(&officer, &desk).await;
        let page = officer.get(&format!("{desk}/trend")).await.expect(200).says(&first).says(&second);
        let text = page.text();
        let row = |seal: &str| text.split("<tr>").find(|row| row.contains(seal)).expect("a row").to_owned();
        assert!(row(&first).contains("no score") && row(&second).contains("<td class=\"n\">105</td>"), "{text}");
        // What is changed afterwards changes no point.
        found(&officer, &desk, &[("3.1.1", "not_met"), ("3.1.2", "not_met")]).await;
        let again = officer.get(&format!("{desk}/trend")).await.expect(200).text();
        assert!(again.contains("<td class=\"n\">105</td>") && !again.contains("<td class=\"n\">100</td>"), "{again}");
        officer.get(&format!("{desk}/score")).await.expect(200).says("/trend");
        app.person(&[Role::Intake]).await.get(&format!("{desk}/trend")).await.expect(403);
    })
    .await;
}
