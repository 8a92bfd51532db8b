//! What follows from what is known: of each objective why it is not met, of each requirement its result, of the whole its score.
//! Pure. Must stay true: what nobody assessed is never met; what rests on nothing is claimed, never verified; a requirement is
//! met only if all its applicable objectives are (32 CFR 170.24(b)).

use std::collections::{BTreeMap, HashMap};

use super::proof::{Linked, Recorded};
use super::state::State;
use super::{Finding, Method, Stage};
use crate::catalog::score::{Gain, Scored, Status, Statuses, ranking, score};
use crate::catalog::{Catalog, Family, Objective, Requirement};
use crate::core::clock::{DAY, Micros};
use crate::evidence::Flaw;

/// Evidence older than this is stale.
pub const STALE_AFTER: Micros = 365 * DAY;

/// Why an objective is not verified to be met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nobody has found anything.
    Unassessed,
    /// It was found not to be met.
    NotMet,
    /// It was found to be met, and rests on nothing.
    NoEvidence,
    /// What it rested on was deleted.
    EvidenceDeleted,
    /// It was found not to apply, and what the system is was changed since.
    ScopeChanged,
    /// What it rests on holds nothing today.
    Flawed(Flaw),
}

impl Why {
    /// The stable code; the text is `why-<code>`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unassessed => "unassessed",
            Self::NotMet => "not_met",
            Self::NoEvidence => "no_evidence",
            Self::EvidenceDeleted => "evidence_deleted",
            Self::ScopeChanged => "scope_changed",
            Self::Flawed(flaw) => flaw.code(),
        }
    }

    /// The part of the objective's page that mends it.
    #[must_use]
    pub const fn mends(self) -> &'static str {
        match self {
            Self::Unassessed | Self::NotMet | Self::ScopeChanged => "finding",
            Self::NoEvidence | Self::EvidenceDeleted | Self::Flawed(_) => "evidence",
        }
    }

    /// How many days ago the evidence expired; 0 where that is not the reason.
    #[must_use]
    pub const fn days(self) -> i64 {
        if let Self::Flawed(flaw) = self { flaw.days() } else { 0 }
    }
}

/// What an objective rests on, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rests {
    /// Links to evidence that is there.
    pub links: usize,
    /// Those of them, and of the records, that hold.
    pub sound: usize,
    /// Links to evidence that was deleted.
    pub deleted: usize,
    /// Records.
    pub records: usize,
    /// What is wrong with those that do not hold: the first of it.
    pub flaw: Option<Flaw>,
    /// Some of it has expired.
    pub has_expired: bool,
    /// Examined, interviewed, tested?
    pub methods: [bool; 3],
    /// When the newest of it was made.
    pub newest: Micros,
}

impl Rests {
    fn on(&mut self, method: &str, at: Micros, flaw: Option<Flaw>) {
        if let Some(flaw) = flaw {
            self.flaw = Some(self.flaw.map_or(flaw, |f| f.min(flaw)));
            self.has_expired |= matches!(flaw, Flaw::Expired { .. });
            return;
        }
        self.sound += 1;
        if let Ok(method) = method.parse::<Method>() {
            self.methods[method as usize] = true;
        }
        self.newest = self.newest.max(at);
    }

    /// Is there anything that holds?
    #[must_use]
    pub const fn is_proven(&self) -> bool {
        self.sound > 0
    }
}

/// One objective with everything that is known of it.
#[derive(Clone, Debug)]
pub struct ObjectiveView<'a> {
    /// The objective.
    pub objective: &'a Objective,
    /// What somebody made of it.
    pub state: Option<&'a State>,
    /// What it rests on.
    pub rests: Rests,
    /// Why it is not verified; none when it is.
    pub why: Option<Why>,
}

impl ObjectiveView<'_> {
    /// How far the work is.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.state.map(State::stage).unwrap_or_default()
    }

    /// What was found.
    #[must_use]
    pub fn finding(&self) -> Option<Finding> {
        self.state.and_then(State::finding)
    }

    /// Is everything it rests on old, or has some of it expired?
    #[must_use]
    pub fn is_stale(&self, now: Micros) -> bool {
        self.rests.has_expired || (self.rests.is_proven() && now - self.rests.newest > STALE_AFTER)
    }
}

/// One requirement with its objectives and what follows.
#[derive(Clone, Debug)]
pub struct RequirementView<'a> {
    /// The requirement.
    pub requirement: &'a Requirement,
    /// In their order.
    pub objectives: Vec<ObjectiveView<'a>>,
    /// What the findings say; none while an objective is not assessed.
    pub claimed: Option<Status>,
    /// The same of what is verified.
    pub verified: Option<Status>,
}

/// One family.
#[derive(Clone, Debug)]
pub struct FamilyView<'a> {
    /// The family.
    pub family: &'a Family,
    /// In their order.
    pub requirements: Vec<RequirementView<'a>>,
}

/// A whole assessment.
#[derive(Clone, Debug)]
pub struct Whole<'a> {
    /// In their order.
    pub families: Vec<FamilyView<'a>>,
    catalog: &'a Catalog,
}

fn rests(links: &[Linked], records: &[Recorded]) -> HashMap<String, Rests> {
    let mut out: HashMap<String, Rests> = HashMap::new();
    for link in links {
        let rests = out.entry(link.objective.clone()).or_default();
        if link.deleted_at.is_some() {
            rests.deleted += 1;
        } else {
            rests.links += 1;
            rests.on(&link.method, link.uploaded_at, link.flaw);
        }
    }
    for record in records {
        let rests = out.entry(record.objective.clone()).or_default();
        rests.records += 1;
        rests.on(&record.method, record.made_at, record.flaw);
    }
    out
}

/// The reasons in their order: the first that holds.
fn why(state: Option<&State>, rests: &Rests) -> Option<Why> {
    match state.and_then(State::finding) {
        None => Some(Why::Unassessed),
        Some(Finding::NotMet) => Some(Why::NotMet),
        // What the reason spoke of is another system now (FAQ C-Q12 of the programme): somebody has to look again.
        Some(Finding::NotApplicable) if state.is_some_and(|s| s.outdated_at.is_some()) => Some(Why::ScopeChanged),
        // These rest on the reason that was given.
        Some(Finding::NotApplicable | Finding::EnduringException | Finding::OperationalPlan) => None,
        Some(Finding::Met) if rests.is_proven() => None,
        Some(Finding::Met) if rests.flaw.is_some() => rests.flaw.map(Why::Flawed),
        Some(Finding::Met) if rests.deleted > 0 => Some(Why::EvidenceDeleted),
        Some(Finding::Met) => Some(Why::NoEvidence),
    }
}

/// The result of a requirement from those of its objectives; `holds` says which findings count.
fn result(objectives: &[ObjectiveView<'_>], is_partial: bool, holds: impl Fn(&ObjectiveView<'_>) -> bool) -> Option<Status> {
    let found = |finding: Finding| move |o: &ObjectiveView<'_>| o.finding() == Some(finding);
    if objectives.iter().any(found(Finding::NotMet)) {
        return Some(if is_partial { Status::Partial } else { Status::NotMet });
    }
    if !objectives.iter().all(holds) {
        return None;
    }
    Some(if objectives.iter().all(found(Finding::NotApplicable)) { Status::NotApplicable } else { Status::Met })
}

/// Puts everything together.
#[must_use]
pub fn whole<'a>(catalog: &'a Catalog, states: &'a [State], parts: &[(String, String)], links: &[Linked], records: &[Recorded]) -> Whole<'a> {
    let rests = rests(links, records);
    let states: HashMap<&str, &State> = states.iter().map(|s| (s.objective.as_str(), s)).collect();
    let objective = |o: &'a Objective| {
        let (state, rests) = (states.get(o.id.as_str()).copied(), rests.get(&o.id).copied().unwrap_or_default());
        ObjectiveView { objective: o, state, rests, why: why(state, &rests) }
    };
    let requirement = |r: &'a Requirement| {
        let objectives: Vec<_> = r.objectives.iter().map(objective).collect();
        let is_partial = r.partial.is_some() && parts.iter().any(|(id, _)| *id == r.id);
        let claimed = result(&objectives, is_partial, |o| o.finding().is_some());
        // A part that is said to be there must rest on something, too.
        let is_shown = is_partial && objectives.iter().any(|o| o.rests.is_proven());
        let verified = result(&objectives, is_shown, |o| o.why.is_none());
        RequirementView { requirement: r, objectives, claimed, verified }
    };
    let family = |f: &'a Family| FamilyView { family: f, requirements: f.requirements.iter().map(requirement).collect() };
    Whole { families: catalog.families.iter().map(family).collect(), catalog }
}

impl<'a> Whole<'a> {
    /// Every requirement.
    pub fn requirements(&self) -> impl Iterator<Item = &RequirementView<'a>> {
        self.families.iter().flat_map(|f| &f.requirements)
    }

    /// Every objective.
    pub fn objectives(&self) -> impl Iterator<Item = &ObjectiveView<'a>> {
        self.requirements().flat_map(|r| &r.objectives)
    }

    /// What is verified, by requirement.
    #[must_use]
    pub fn verified(&self) -> Statuses {
        self.requirements().filter_map(|r| r.verified.map(|s| (r.requirement.id.clone(), s))).collect()
    }

    /// What is claimed, by requirement.
    #[must_use]
    pub fn claimed(&self) -> Statuses {
        self.requirements().filter_map(|r| r.claimed.map(|s| (r.requirement.id.clone(), s))).collect()
    }

    /// The score of what is verified, and the one there would be if all that is claimed were.
    #[must_use]
    pub fn scores(&self) -> (Scored, Scored) {
        (score(self.catalog, &self.verified()), score(self.catalog, &self.claimed()))
    }

    /// Objectives that are not verified, by requirement.
    #[must_use]
    pub fn open(&self) -> BTreeMap<String, usize> {
        self.requirements().map(|r| (r.requirement.id.clone(), r.objectives.iter().filter(|o| o.why.is_some()).count())).collect()
    }

    /// What closes the gap fastest.
    #[must_use]
    pub fn ranking(&self) -> Vec<Gain> {
        ranking(self.catalog, &self.verified(), &self.open())
    }

    /// Objectives that were examined, asked for and tested.
    #[must_use]
    pub fn coverage(&self) -> [usize; 3] {
        let of = |n: usize| self.objectives().filter(|o| o.rests.methods[n]).count();
        [of(0), of(1), of(2)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(objective: &str, finding: Finding) -> State {
        State {
            objective: objective.into(),
            stage: "in_progress".into(),
            finding: Some(finding.name().into()),
            because: "because".into(),
            notes: String::new(),
            owner_id: None,
            owner: None,
            due_on: None,
            version: 1,
            changed_by: "Ada".into(),
            changed_at: 0,
            outdated_at: None,
        }
    }

    fn record(objective: &str, method: Method) -> Recorded {
        Recorded {
            id: "rec_0192f0c1a2b37c4d8e5f60718293a4b5".parse().expect("an id"),
            objective: objective.into(),
            method: method.name().into(),
            with_whom: "the operator".into(),
            said: "it is so".into(),
            held_on: "2026-01-15".into(),
            maker: "usr_0192f0c1a2b37c4d8e5f60718293a4b5".parse().expect("an id"),
            made_by: "Ada".into(),
            made_at: 5,
            confirmed: Some(("Ben".into(), 6)),
            flaw: None,
        }
    }

    fn link(objective: &str, deleted_at: Option<i64>) -> Linked {
        Linked {
            objective: objective.into(),
            evidence_id: "evd_0192f0c1a2b37c4d8e5f60718293a4b5".parse().expect("an id"),
            version_id: "evd_0192f0c1a2b37c4d8e5f60718293a4b5".parse().expect("an id"),
            number: 1,
            versions: 1,
            state: crate::evidence::State::Approved,
            tags: Vec::new(),
            flaw: deleted_at.map(|_| Flaw::Deleted),
            name: "a.pdf".into(),
            sha256: "00".into(),
            method: "examine".into(),
            made_by: "Ada".into(),
            made_at: 9,
            uploaded_at: 7,
            deleted_at,
        }
    }

    fn of<'a>(whole: &'a Whole<'_>, id: &str) -> &'a RequirementView<'a> {
        whole.requirements().find(|r| r.requirement.id == id).expect("there")
    }

    #[test]
    fn every_reason_comes_in_its_order() {
        let rests = |links, deleted, records| Rests { links, sound: links + records, deleted, records, ..Rests::default() };
        assert_eq!(why(None, &rests(1, 0, 1)), Some(Why::Unassessed));
        assert_eq!(why(Some(&state("x", Finding::NotMet)), &rests(1, 0, 1)), Some(Why::NotMet));
        assert_eq!(why(Some(&state("x", Finding::Met)), &rests(0, 0, 0)), Some(Why::NoEvidence));
        assert_eq!(why(Some(&state("x", Finding::Met)), &rests(0, 2, 0)), Some(Why::EvidenceDeleted));
        for proven in [rests(1, 1, 0), rests(0, 0, 1)] {
            assert_eq!(why(Some(&state("x", Finding::Met)), &proven), None);
        }
        for finding in [Finding::NotApplicable, Finding::EnduringException, Finding::OperationalPlan] {
            assert_eq!(why(Some(&state("x", finding)), &rests(0, 0, 0)), None);
        }
        let outdated = |finding| State { outdated_at: Some(7), ..state("x", finding) };
        assert_eq!(why(Some(&outdated(Finding::NotApplicable)), &rests(1, 0, 1)), Some(Why::ScopeChanged), "whatever it rests on");
        assert_eq!(why(Some(&outdated(Finding::Met)), &rests(1, 0, 0)), None);
        for flaw in Flaw::ALL {
            let flawed = Rests { links: 1, flaw: Some(flaw), ..Rests::default() };
            assert_eq!(why(Some(&state("x", Finding::Met)), &flawed), Some(Why::Flawed(flaw)));
            assert_eq!(why(Some(&state("x", Finding::Met)), &Rests { sound: 1, ..flawed }), None, "something else holds");
        }
    }

    #[test]
    fn what_does_not_hold_verifies_nothing_and_the_first_flaw_is_the_reason() {
        let r2 = Catalog::r2();
        let states: Vec<State> = r2.requirements().flat_map(|r| &r.objectives).map(|o| state(&o.id, Finding::Met)).collect();
        let with = |flaw: Option<Flaw>| states.iter().map(|s| Linked { flaw, ..link(&s.objective, None) }).collect::<Vec<_>>();
        assert_eq!(whole(r2, &states, &[], &with(None), &[]).scores().0.score, Some(110));
        for flaw in [Flaw::Draft, Flaw::InReview, Flaw::Expired { days: 3 }, Flaw::WrongPeriod, Flaw::SelfApproved, Flaw::Altered, Flaw::Superseded] {
            let links = with(Some(flaw));
            let whole = whole(r2, &states, &[], &links, &[]);
            let (verified, claimed) = whole.scores();
            assert_eq!((verified.score, claimed.score), (None, Some(110)), "{flaw:?}");
            assert!(whole.objectives().all(|o| o.why == Some(Why::Flawed(flaw))) && whole.coverage() == [0, 0, 0], "{flaw:?}");
        }
        let two = [Linked { flaw: Some(Flaw::Draft), ..link("3.4.4", None) }, Linked { flaw: Some(Flaw::Expired { days: 3 }), ..link("3.4.4", None) }];
        let both = whole(r2, &states, &[], &two, &[]);
        assert_eq!(of(&both, "3.4.4").objectives[0].why, Some(Why::Flawed(Flaw::Expired { days: 3 })));
        assert!(of(&both, "3.4.4").objectives[0].is_stale(0));
    }

    #[test]
    fn a_requirement_is_met_only_if_all_its_objectives_are() {
        let r2 = Catalog::r2();
        let states = vec![state("3.1.2[a]", Finding::Met), state("3.3.2[a]", Finding::Met), state("3.3.2[b]", Finding::NotMet), state("3.4.4", Finding::Met)];
        let (links, records) = (vec![link("3.4.4", None)], vec![record("3.1.2[a]", Method::Test)]);
        let whole = whole(r2, &states, &[], &links, &records);
        assert_eq!((of(&whole, "3.1.2").claimed, of(&whole, "3.1.2").verified), (None, None), "one objective is not assessed");
        assert_eq!(of(&whole, "3.3.2").claimed, Some(Status::NotMet));
        assert_eq!((of(&whole, "3.4.4").claimed, of(&whole, "3.4.4").verified), (Some(Status::Met), Some(Status::Met)));
        assert_eq!(whole.coverage(), [1, 0, 1]);
    }

    #[test]
    fn what_rests_on_nothing_is_claimed_and_not_verified() {
        let r2 = Catalog::r2();
        let states: Vec<State> = r2.requirements().flat_map(|r| &r.objectives).map(|o| state(&o.id, Finding::Met)).collect();
        let bare = whole(r2, &states, &[], &[], &[]);
        let (verified, claimed) = bare.scores();
        assert_eq!((verified.score, claimed.score), (None, Some(110)));
        let records: Vec<Recorded> = states.iter().map(|s| record(&s.objective, Method::Interview)).collect();
        assert_eq!(whole(r2, &states, &[], &[], &records).scores().0.score, Some(110));
        let links: Vec<Linked> = states.iter().map(|s| link(&s.objective, Some(1))).collect();
        let deleted = whole(r2, &states, &[], &links, &[]);
        assert!(deleted.objectives().all(|o| o.why == Some(Why::EvidenceDeleted)));
    }

    #[test]
    fn exceptions_plans_and_what_does_not_apply_count_as_met() {
        let r2 = Catalog::r2();
        let kinds = [Finding::NotApplicable, Finding::EnduringException, Finding::OperationalPlan];
        let all = r2.requirements().flat_map(|r| &r.objectives);
        let states: Vec<State> = all.enumerate().map(|(n, o)| state(&o.id, if o.id.starts_with("3.12.4") { Finding::Met } else { kinds[n % 3] })).collect();
        let records: Vec<Recorded> = states.iter().filter(|s| s.objective.starts_with("3.12.4")).map(|s| record(&s.objective, Method::Examine)).collect();
        assert_eq!(whole(r2, &states, &[], &[], &records).scores().0.score, Some(110));
        let none = vec![state("3.4.4", Finding::NotApplicable)];
        assert_eq!(of(&whole(r2, &none, &[], &[], &[]), "3.4.4").verified, Some(Status::NotApplicable));
    }

    #[test]
    fn a_part_counts_only_where_something_is_not_met() {
        let r2 = Catalog::r2();
        let parts = vec![("3.13.11".to_owned(), "not validated".to_owned()), ("3.4.4".to_owned(), "no part there".to_owned())];
        let states = vec![state("3.13.11", Finding::NotMet), state("3.4.4", Finding::NotMet)];
        let with = whole(r2, &states, &parts, &[], &[]);
        assert_eq!((of(&with, "3.13.11").claimed, of(&with, "3.4.4").claimed), (Some(Status::Partial), Some(Status::NotMet)));
        assert_eq!(of(&with, "3.13.11").verified, Some(Status::NotMet), "it rests on nothing");
        let records = vec![record("3.13.11", Method::Test)];
        assert_eq!(of(&whole(r2, &states, &parts, &[], &records), "3.13.11").verified, Some(Status::Partial));
        let met = vec![state("3.13.11", Finding::Met)];
        assert_eq!(of(&whole(r2, &met, &parts, &[], &[]), "3.13.11").claimed, Some(Status::Met));
        assert_eq!(of(&whole(r2, &[], &parts, &[], &[]), "3.13.11").claimed, None, "a part alone is no assessment");
    }

    #[test]
    fn old_evidence_is_stale() {
        let r2 = Catalog::r2();
        let (states, links) = (vec![state("3.4.4", Finding::Met)], vec![link("3.4.4", None)]);
        let whole = whole(r2, &states, &[], &links, &[]);
        let objective = &of(&whole, "3.4.4").objectives[0];
        assert!(!objective.is_stale(STALE_AFTER + 7) && objective.is_stale(STALE_AFTER + 8));
    }
}
