//! Counts of the catalogue, golden scores, legality over all 110, and files that are refused.

use std::collections::BTreeMap;

use jiff::civil::date;
use proptest::prelude::*;

use super::oscal::{self, OscalError};
use super::score::{Status, Statuses, parse, ranking, score, what_if};
use super::{Catalog, Eligible, Kind, R2, poam};

fn all(status: Status) -> Statuses {
    Catalog::r2().requirements().map(|r| (r.id.clone(), status)).collect()
}

fn with(mut statuses: Statuses, id: &str, status: Status) -> Statuses {
    statuses.insert(id.to_owned(), status);
    statuses
}

#[test]
fn families_requirements_and_objectives_are_those_of_the_publication() {
    let expected = [
        ("3.1", "AC", 22, 70),
        ("3.2", "AT", 3, 9),
        ("3.3", "AU", 9, 29),
        ("3.4", "CM", 9, 44),
        ("3.5", "IA", 11, 25),
        ("3.6", "IR", 3, 14),
        ("3.7", "MA", 6, 10),
        ("3.8", "MP", 9, 15),
        ("3.9", "PS", 2, 4),
        ("3.10", "PE", 6, 16),
        ("3.11", "RA", 3, 9),
        ("3.12", "CA", 4, 14),
        ("3.13", "SC", 16, 41),
        ("3.14", "SI", 7, 20),
    ];
    let r2 = Catalog::r2();
    let found: Vec<_> = r2
        .families
        .iter()
        .map(|f| (f.id.as_str(), f.code.as_deref().expect("a code"), f.requirements.len(), f.requirements.iter().map(|r| r.objectives.len()).sum::<usize>()))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(r2.counts(), (14, 110, 320));
    let single: Vec<&str> = r2.requirements().filter(|r| r.objectives[0].id == r.id).map(|r| r.id.as_str()).collect();
    assert_eq!(
        single.join(" "),
        "3.4.4 3.5.4 3.5.9 3.5.11 3.6.3 3.7.1 3.7.3 3.7.4 3.7.6 3.8.2 3.8.6 3.8.7 3.8.8 3.8.9 3.9.1 3.10.4 3.12.3 3.13.4 3.13.7 3.13.11 3.13.15 3.13.16 3.14.4"
    );
    assert!(r2.requirements().filter(|r| r.objectives[0].id == r.id).all(|r| r.objectives.len() == 1));
    for family in &r2.families {
        for (n, r) in family.requirements.iter().enumerate() {
            assert_eq!(r.id, format!("{}.{}", family.id, n + 1));
            assert_eq!(r.practice, Some(format!("{}.L2-{}", family.code.as_deref().unwrap_or_default(), r.id)));
            assert!((8..=80).contains(&r.title.len()), "{}", r.title);
        }
    }
    let objectives: std::collections::BTreeSet<&str> = r2.requirements().flat_map(|r| &r.objectives).map(|o| o.id.as_str()).collect();
    assert_eq!(objectives.len(), 320);
    assert!(objectives.contains("3.4.7[o]") && !objectives.contains("3.4.7[p]"));
}

#[test]
fn points_are_those_of_the_regulation() {
    let r2 = Catalog::r2();
    let of = |kind: Kind, points: i64| r2.requirements().filter(|r| r.kind == Some(kind) && r.points == Some(points)).count();
    assert_eq!(r2.requirements().filter(|r| r.kind == Some(Kind::Basic)).count(), 31);
    assert_eq!(r2.requirements().filter(|r| r.kind == Some(Kind::Derived)).count(), 79);
    assert_eq!((of(Kind::Basic, 5), of(Kind::Derived, 5)), (23, 21));
    assert_eq!((of(Kind::Basic, 3), of(Kind::Derived, 3)), (7, 7));
    assert_eq!(of(Kind::Basic, 1) + of(Kind::Derived, 1), 51);
    let none: Vec<&str> = r2.requirements().filter(|r| r.points.is_none()).map(|r| r.id.as_str()).collect();
    assert_eq!(none, ["3.12.4"]);
    assert_eq!(r2.requirements().filter_map(|r| r.points).sum::<i64>(), 313);
    let parts: Vec<_> = r2.requirements().filter_map(|r| r.partial.map(|p| (r.id.as_str(), p))).collect();
    assert_eq!(parts, [("3.5.3", 3), ("3.13.11", 3)]);
}

#[test]
fn golden_scores() {
    let r2 = Catalog::r2();
    assert_eq!(score(r2, &all(Status::Met)).score, Some(110));
    assert!(score(r2, &all(Status::Met)).reasons.is_empty());
    let bottom = score(r2, &with(all(Status::NotMet), "3.12.4", Status::Met));
    assert_eq!((bottom.score, bottom.reasons.len()), (Some(-203), 109));
    for plan in [Status::NotMet, Status::NotApplicable] {
        let none = score(r2, &with(all(Status::Met), "3.12.4", plan));
        assert_eq!((none.score, none.reasons[0].code), (None, "no_ssp"));
    }
    for id in ["3.5.3", "3.13.11"] {
        assert_eq!(score(r2, &with(all(Status::Met), id, Status::Partial)).score, Some(107), "{id}");
        assert_eq!(score(r2, &with(all(Status::Met), id, Status::NotMet)).score, Some(105), "{id}");
    }
    let with_na = with(with(all(Status::Met), "3.1.12", Status::NotApplicable), "3.1.16", Status::NotApplicable);
    assert_eq!(score(r2, &with_na).score, Some(110));
}

#[test]
fn a_score_is_computed_in_a_moment() {
    let (r2, statuses) = (Catalog::r2(), with(all(Status::NotMet), "3.12.4", Status::Met));
    let began = std::time::Instant::now();
    for _ in 0..100 {
        assert_eq!(score(r2, &statuses).score, Some(-203));
    }
    assert!(began.elapsed().as_millis() < 500, "{:?} for a hundred", began.elapsed());
}

#[test]
fn what_nobody_assessed_is_never_met() {
    let r2 = Catalog::r2();
    let nothing = score(r2, &Statuses::new());
    assert_eq!(nothing.score, None);
    assert_eq!(nothing.reasons[0].code, "no_ssp");
    assert!(nothing.reasons[1..].iter().all(|r| r.code == "unassessed") && nothing.reasons.len() == 110);
    let plan_alone = score(r2, &with(Statuses::new(), "3.12.4", Status::Met));
    assert_eq!(plan_alone.score, Some(-203));
    assert_eq!(what_if(r2, &with(Statuses::new(), "3.12.4", Status::Met), &with(Statuses::new(), "3.1.1", Status::Met)).score, Some(-198));
}

#[test]
fn the_ranked_list_begins_with_the_plan_and_the_cheapest_five_points() {
    let r2 = Catalog::r2();
    let open: BTreeMap<String, usize> = r2.requirements().map(|r| (r.id.clone(), r.objectives.len())).collect();
    let ranked = ranking(r2, &all(Status::NotMet), &open);
    assert_eq!(ranked.len(), 110);
    assert!(ranked[0].gate && ranked[0].requirement == "3.12.4");
    assert_eq!((ranked[1].points, ranked[1].open), (5, 1));
    let rates: Vec<_> = ranked[1..].iter().map(|g| g.points as f64 / g.open as f64).collect();
    assert!(rates.is_sorted_by(|a, b| a >= b));
    assert!(ranking(r2, &all(Status::Met), &open).is_empty());
    assert_eq!(ranking(r2, &with(all(Status::Met), "3.5.3", Status::Partial), &open)[0].points, 3);
}

#[test]
fn statuses_are_read_strictly() {
    let r2 = Catalog::r2();
    let wrong = |text: &str| parse(r2, text.as_bytes()).expect_err(text);
    assert!(parse(r2, b"{}").expect("empty is fine").is_empty());
    assert_eq!(parse(r2, b"\xEF\xBB\xBF{\"3.1.1\":\"met\"}").expect("a mark of byte order").len(), 1);
    assert!(wrong("[]").contains("an object"), "{}", wrong("[]"));
    assert!(wrong("{\"3.1.1\":\"met\"").contains("line 1"));
    assert!(wrong("{\"3.1.99\":\"met\"}").contains("`3.1.99`"));
    assert!(wrong("{\"AC.L2-3.1.1\":\"met\"}").contains("write `3.1.1`"));
    assert!(wrong("{\"3.1.1\":\"met\",\"3.1.1\":\"not_met\"}").contains("twice"));
    for word in ["\"Met\"", "\"done\"", "true", "null", "1"] {
        assert!(wrong(&format!("{{\"3.1.1\":{word}}}")).contains("must be one of"));
    }
    assert!(wrong("{\"3.1.1\":\"partial\"}").contains("3.5.3 and 3.13.11"));
}

fn any_status() -> impl Strategy<Value = Option<Status>> {
    prop_oneof![Just(None), Just(Some(Status::Met)), Just(Some(Status::NotMet)), Just(Some(Status::NotApplicable))]
}

proptest! {
    #[test]
    fn the_score_agrees_with_one_that_adds_up_from_below(found in proptest::collection::vec(any_status(), 110), part in any::<(bool, bool)>()) {
        let r2 = Catalog::r2();
        let mut statuses: Statuses = r2.requirements().zip(&found).filter_map(|(r, s)| s.map(|s| (r.id.clone(), s))).collect();
        for (id, is) in [("3.5.3", part.0), ("3.13.11", part.1)] {
            if is {
                statuses.insert(id.into(), Status::Partial);
            }
        }
        // From the bottom up, by lists of its own.
        let fives = "3.1.1 3.1.2 3.2.1 3.2.2 3.3.1 3.4.1 3.4.2 3.5.1 3.5.2 3.6.1 3.6.2 3.7.2 3.8.3 3.9.2 3.10.1 3.10.2 3.12.1 3.12.3 3.13.1 3.13.2 3.14.1 3.14.2 3.14.3 3.1.12 3.1.13 3.1.16 3.1.17 3.1.18 3.3.5 3.4.5 3.4.6 3.4.7 3.4.8 3.5.10 3.7.5 3.8.7 3.11.2 3.13.5 3.13.6 3.13.15 3.14.4 3.14.6 3.5.3 3.13.11";
        let threes = "3.3.2 3.7.1 3.8.1 3.8.2 3.9.1 3.11.1 3.12.2 3.1.5 3.1.19 3.7.4 3.8.8 3.13.8 3.14.5 3.14.7";
        let mut sum = -203;
        for r in r2.requirements().filter(|r| r.id != "3.12.4") {
            let worth = if fives.split(' ').any(|f| f == r.id) { 5 } else if threes.split(' ').any(|t| t == r.id) { 3 } else { 1 };
            sum += match statuses.get(&r.id) {
                Some(Status::Met | Status::NotApplicable) => worth,
                Some(Status::Partial) => 2,
                Some(Status::NotMet) | None => 0,
            };
        }
        let scored = score(r2, &statuses);
        let expected = (statuses.get("3.12.4") == Some(&Status::Met)).then_some(sum);
        prop_assert_eq!(scored.score, expected);
        prop_assert!(scored.score.is_none_or(|s| (-203..=110).contains(&s)));
        let taken: i64 = scored.reasons.iter().map(|r| r.points).sum();
        prop_assert_eq!(110 - taken, sum);
    }
}

#[test]
fn forty_six_may_stand_on_a_plan_and_one_more_in_part() {
    let r2 = Catalog::r2();
    let held = |status: Option<Status>| r2.requirements().filter(|r| poam::may_hold(r, status).is_ok()).map(|r| r.id.as_str()).collect::<Vec<_>>();
    for status in [Some(Status::NotMet), None] {
        assert_eq!(held(status).len(), 46);
        assert!(held(status).iter().all(|id| r2.requirement(id).is_some_and(|r| r.points == Some(1))));
        assert_eq!(r2.requirements().filter(|r| poam::may_hold(r, status).is_err()).count(), 64);
    }
    let in_part = held(Some(Status::Partial));
    assert_eq!(in_part.len(), 47);
    assert!(in_part.contains(&"3.13.11") && !in_part.contains(&"3.5.3"), "170.21 names the one and not the other");
    for (id, status, code, citation) in [
        ("3.5.3", Status::Partial, "value", "32 CFR 170.21(a)(2)(ii)"),
        ("3.13.11", Status::NotMet, "value", "32 CFR 170.21(a)(2)(ii)"),
        ("3.1.1", Status::NotMet, "value", "32 CFR 170.21(a)(2)(ii)"),
        ("3.12.4", Status::NotMet, "named", "32 CFR 170.21(a)(2)(iii)"),
        ("3.1.20", Status::NotMet, "named", "32 CFR 170.21(a)(2)(iii)"),
        ("3.1.3", Status::Met, "needless", "32 CFR 170.24(c)(2)(i)(B)(6)"),
        ("3.1.3", Status::NotApplicable, "needless", "32 CFR 170.24(c)(2)(i)(B)(6)"),
    ] {
        let refusal = poam::may_hold(r2.requirement(id).expect("there"), Some(status)).expect_err(id);
        assert_eq!((refusal.code, refusal.citation), (code, citation), "{id}");
    }
    // What the data file says is what follows from the rule.
    for r in r2.requirements() {
        let named = poam::NEVER.contains(&r.id.as_str());
        let by_rule = match r.points {
            Some(1) if !named => Eligible::Yes,
            _ if r.id == "3.13.11" => Eligible::Partial,
            _ => Eligible::Never,
        };
        assert_eq!(r.poam, by_rule, "{}", r.id);
    }
}

#[test]
fn a_conditional_status_needs_88_and_a_plan_that_may_be() {
    let r2 = Catalog::r2();
    let eligible: Vec<String> = r2.requirements().filter(|r| r.poam == Eligible::Yes).map(|r| r.id.clone()).collect();
    let open = |n: usize| eligible[..n].iter().fold(all(Status::Met), |s, id| with(s, id, Status::NotMet));
    let codes = |statuses: &Statuses| poam::hindrances(r2, statuses, &score(r2, statuses)).iter().map(|h| h.code).collect::<Vec<_>>();
    assert_eq!(score(r2, &open(22)).score, Some(88));
    assert!(codes(&open(22)).is_empty(), "22 points may be open");
    assert_eq!(codes(&open(23)), ["score"]);
    assert_eq!(codes(&with(all(Status::Met), "3.5.3", Status::Partial)), ["value"], "107, and still not");
    assert!(codes(&with(all(Status::Met), "3.13.11", Status::Partial)).is_empty());
    assert_eq!(codes(&with(all(Status::Met), "3.10.4", Status::NotMet)), ["named"]);
    assert_eq!(codes(&with(all(Status::Met), "3.12.4", Status::NotMet)), ["no_score", "named"]);
    assert!(codes(&all(Status::Met)).is_empty());
}

#[test]
fn a_plan_ends_after_180_days() {
    let day = date(2026, 1, 15);
    assert_eq!(poam::last_day(day), date(2026, 7, 14));
    assert_eq!((poam::days_left(day, day), poam::days_left(day, date(2026, 7, 14)), poam::days_left(day, date(2026, 7, 16))), (180, 0, -2));
}

/// A small catalogue of the shapes that published ones have.
const SMALL: &str = r##"{"catalog":{"uuid":"x","metadata":{"title":"Sample Special Publication Revision 9","version":"1.0"},"groups":[
  {"id":"zz","title":"Sample","params":[{"id":"p1","label":"a day"},{"id":"p2","select":{"choice":["daily","every {{ insert: param, p1 }}"]}}],
   "controls":[
    {"id":" zz-1 ","title":"First","parts":[
      {"name":"statement","prose":"Do it","parts":[{"name":"item","props":[{"name":"label","value":"a."}],"prose":"on {{ insert: param, p2 }};"}]},
      {"name":"assessment-objective","parts":[
        {"name":"assessment-objective","props":[{"name":"label","value":" zz-1 [.]"}],"prose":"1[a] it is done."},
        {"name":"assessment-objective","props":[{"name":"label","value":"zz-1[b]","class":"sp800-53a"}],"prose":"it is checked."}]}],
     "controls":[{"id":"zz-1.1","title":"Enhanced"}]},
    {"id":"zz-2","title":"Gone","props":[{"name":"status","value":"Withdrawn"}]},
    {"id":"zz-3","title":"Single","parts":[{"name":"assessment-objective","parts":[
        {"name":"assessment-objective","props":[{"name":"label","value":"zz-3[D]"}],"prose":"ermine if it is so."}]}]}]}]}}"##;

#[test]
fn a_catalogue_is_read_with_its_known_faults_mended() {
    let read = oscal::read(SMALL.as_bytes()).expect("reads");
    assert_eq!((read.catalog.key.as_str(), read.catalog.counts()), ("sample-r9", (1, 3, 4)));
    assert_eq!((read.withdrawn, read.repaired), (1, 3));
    let first = read.catalog.requirement("zz-1").expect("there");
    assert_eq!(first.statement.as_deref(), Some("Do it\na. on [daily; every [a day]];"));
    let objectives: Vec<_> = first.objectives.iter().map(|o| (o.id.as_str(), o.text.as_deref().unwrap_or_default())).collect();
    assert_eq!(objectives, [("zz-1[a]", "it is done."), ("zz-1[b]", "it is checked.")]);
    assert_eq!(read.catalog.requirement("zz-3").expect("there").objectives[0].text.as_deref(), Some("Determine if it is so."));
    assert_eq!(read.catalog.requirement("zz-1.1").expect("there").objectives[0].id, "zz-1.1");
    assert!(!read.catalog.is_scored() && score(&read.catalog, &Statuses::new()).score.is_none());
}

#[test]
fn a_catalogue_of_the_shape_of_r3_is_read() {
    let control = |id: &str, rest: &str| format!("{{\"id\":\"SP_800_171_{id}\",\"title\":\"T\"{rest}}}");
    let parts = ",\"params\":[{\"id\":\"A.03.01.01.ODP.01\",\"label\":\"time period\"}],\"parts\":[{\"name\":\"assessment-objective\",\"parts\":[{\"name\":\"assessment-objective\",\"props\":[{\"name\":\"label\",\"value\":\"A.03.01.01.f.02[01]\",\"class\":\"sp800-171a\"}],\"prose\":\"accounts are disabled after {{ insert: param, A.03.01.01.ODP.01 }}.\"}]}]";
    let withdrawn = ",\"props\":[{\"name\":\"status\",\"value\":\"withdrawn\"}]";
    let controls = [control("03.01.01", parts), control("03.01.13", withdrawn)].join(",");
    let file = format!(
        "{{\"catalog\":{{\"metadata\":{{\"title\":\"r3\"}},\"groups\":[{{\"id\":\"SP_800_171_03.01\",\"title\":\"Access Control\",\"controls\":[{controls}]}}]}}}}"
    );
    let read = oscal::read(file.as_bytes()).expect("reads");
    assert_eq!((read.catalog.key.as_str(), read.catalog.counts(), read.withdrawn), ("nist-800-171-r3", (1, 1, 1), 1));
    let (_, objective) = read.catalog.objective("A.03.01.01.f.02[01]").expect("there");
    assert_eq!(objective.text.as_deref(), Some("accounts are disabled after [time period]."));
}

#[test]
fn what_is_no_catalogue_is_refused_with_what_is_wrong() {
    let told = |text: &str| oscal::read(text.as_bytes()).expect_err("refused").to_string();
    assert!(told("<catalog/>").contains("JSON"));
    assert!(told("{}").contains("no `catalog`"));
    assert!(told("{\"profile\":{}}").contains("an OSCAL profile"));
    assert!(told("{\"catalog\":{\"metadata\":{\"title\":\"t\"}}}").contains("no controls"));
    assert!(told(&SMALL.replace("\"title\":\"Single\"", "\"title\":7")).contains("expected a string at line"));
    assert!(told(&SMALL.replace("\"id\":\"zz-3\"", "\"id\":\"zz-1\"")).contains("`zz-1` is there twice"));
    assert!(told(&SMALL.replace("zz-1[b]", "zz-1[a]")).contains("objective `zz-1[a]` is there twice"));
    assert!(told(&SMALL.replace("\"id\":\"p2\"", "\"id\":\"p1\"")).contains("parameter `p1` is there twice"));
    assert!(told(&SMALL.replace("\"label\":\"a day\"", "\"label\":\"{{ insert: param, p2 }}\"")).contains("in a circle"));
    assert!(told(&SMALL.replace("\"id\":\"zz-3\"", "\"id\":\"../etc\"")).contains("cannot be an id"));
    assert!(told(&SMALL.replace("Do it", &"x".repeat(20_001))).contains("more than 20000 characters"));
    let deep = format!("{{\"catalog\":{}", "{\"groups\":[".repeat(200));
    assert!(told(&deep).contains("recursion limit"));
    let nested = (0..20).rev().fold(String::new(), |inner, n| format!("{{\"id\":\"c{n}\",\"title\":\"t\",\"controls\":[{inner}]}}"));
    assert!(told(&format!("{{\"catalog\":{{\"metadata\":{{\"title\":\"t\"}},\"controls\":[{nested}]}}}}")).contains("nested more than"));
    let large = vec![b' '; usize::try_from(oscal::FILE_BYTES_MAX).expect("fits") + 1];
    assert!(matches!(oscal::read(&large), Err(OscalError::TooLarge)));
    // Ids of r2 that are not all of r2 are not taken for it.
    let half = r#"{"catalog":{"metadata":{"title":"t"},"controls":[{"id":"3.1.1","title":"t"}]}}"#;
    assert!(told(half).contains("not whole"));
}

#[test]
fn what_scripts_read_is_stable() {
    let shown = Catalog::r2().shown();
    assert_eq!(shown["key"], R2);
    let families = shown["families"].as_array().expect("families");
    assert_eq!(families.len(), 14);
    let eligible = families.iter().flat_map(|f| f["requirements"].as_array().expect("requirements")).filter(|r| r["poam"] == true).count();
    assert_eq!(eligible, 46);
    let first = &families[0]["requirements"][0];
    assert_eq!((&first["id"], &first["practice"], &first["points"], &first["poam"]), (&"3.1.1".into(), &"AC.L2-3.1.1".into(), &5.into(), &false.into()));
    assert_eq!(first["objectives"], serde_json::json!(["3.1.1[a]", "3.1.1[b]", "3.1.1[c]", "3.1.1[d]", "3.1.1[e]", "3.1.1[f]"]));
}
