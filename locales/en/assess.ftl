# Systems, assessments, objectives and the score.

assess-title = Assessments
assess-lead = Systems, what is found of each objective, what that rests on, and the score that follows.
assess-assessments = Assessments
assess-systems = Systems
assess-system = System
assess-framework = Framework
assess-frameworks = Frameworks
assess-frameworks-hint = The official wording, and other frameworks, come from OSCAL files with `countersign catalog import`.
assess-begun = Begun
assess-begun-by = Begun by { $who }
assess-keep = Keep
assess-none-title = No system yet
assess-none = Describe the system that is assessed: what belongs to it and where it ends. Then begin an assessment of it.

system-new = Describe a system
system-name = Name
system-scope = Scope
system-scope-hint = What belongs to it: people, places, programs, devices.
system-boundary = Boundary
system-cage = CAGE codes
system-cage-hint = Five letters or digits each, with spaces between.
system-make = Describe this system
system-edit = What is said of it
system-changed = Changed

assessment-new = Begin an assessment
assessment-name = Name
assessment-name-hint = As people will look for it, such as “Self-assessment 2026”.
assessment-make = Begin

points = { $count ->
    [one] { $count } point
   *[other] { $count } points
}

desk-proven = Verified
desk-complete = { $count ->
    [one] { $count } objective complete
   *[other] { $count } objectives complete
}
desk-methods = Covered by
desk-search = Id, words, family or practice
desk-show = Show
desk-shown = { $count ->
    [0] No objective fits.
    [one] { $count } objective.
   *[other] { $count } objectives.
}
desk-csv = Statuses as CSV
desk-family = { $met } of { $total } requirements met
desk-requirement = Open the requirement
desk-rests = { $count ->
    [one] { $count } proof
   *[other] { $count } proofs
}
desk-comments = { $count ->
    [one] { $count } comment
   *[other] { $count } comments
}
desk-none-title = Nothing fits
desk-none = No objective of this assessment fits what you search for.

show-all = Everything
show-mine = Mine
show-due = Due within two weeks
show-stale = Resting on old evidence
show-not-met = Found not met
show-open = Not verified

stage-not-started = Not started
stage-in-progress = In progress
stage-evidence-collected = Evidence collected
stage-reviewed = Reviewed
stage-complete = Complete

finding-none-yet = No finding yet
finding-met = Met
finding-not-met = Not met
finding-not-applicable = Not applicable
finding-enduring-exception = Enduring exception
finding-operational-plan = Operational plan of action

method-examine = Examined
method-interview = Interviewed
method-test = Tested

status-met = Met
status-not-met = Not met
status-partial = Met in part
status-not-applicable = Not applicable
status-unassessed = Not assessed

why-unassessed = Not assessed yet
why-not-met = Found not to be met
why-no-evidence = Rests on nothing
why-evidence-deleted = Its evidence was deleted

fact-stage = Work
fact-finding = Finding
fact-because = Reason
fact-notes = Notes
fact-owner = Owner
fact-due-on = Due
fact-method = How
fact-evidence = Evidence
fact-record = Record
fact-held-on = Day
fact-partial = In part

owner-nobody = Nobody
requirement-wording = Official wording
requirement-result = Result
requirement-claimed = By the findings
requirement-verified = Verified
requirement-plan = On a plan of action
requirement-plan-may = May stand on it while it is not met.
requirement-assign = Give to somebody
requirement-assign-hint = All objectives of this requirement change hands.
requirement-assign-do = Give
requirement-part = Met in part
requirement-part-because = What is there, and what is missing
requirement-part-hint = Counts while an objective is found not met: { $points } points are lost instead of all. Empty takes it back.

objective-before = Previous
objective-after = Next
objective-why = Not verified:
objective-verified = Verified: found to be met, and it rests on something.
objective-finding = Finding and work
objective-stage-hint = Complete needs evidence, or a recorded interview, test or examination.
objective-because-hint = Needed for every finding but “Met”.
objective-owner = Owner
objective-due = Due
objective-changed = Changed by { $who }
objective-comments = Comments
objective-comment = Comment
objective-comment-hint = A user name after @ tells that person.
objective-comment-do = Say it
objective-evidence = What it rests on
objective-evidence-none = Nothing yet.
objective-unlink = Unlink
objective-withdraw = Withdraw
objective-confirm = Confirm
objective-confirmed = confirmed by { $who }
objective-link = Link evidence
objective-file = File
objective-file-hint = The newest hundred that fit the search.
objective-file-none = No file to link.
objective-link-do = Link
objective-record = Record without a file
objective-with = Who was asked, or what was tried
objective-with-hint = A role is enough.
objective-said = What came of it
objective-record-do = Record
objective-history = History
objective-history-none = Nothing happened yet.

changed-meanwhile = Somebody else changed this while you had it open.
changed-meanwhile-hint = Nothing of yours is lost: it stands in the form. Compare, then keep it to put it over theirs.
changed-both = Both versions
changed-field = Field
changed-yours = Yours
changed-theirs = Theirs

score-title = Score
score-lead = By the DoD Assessment Methodology: 110 less what is not met. What nobody assessed counts as not met; a plan of action never counts as met.
score-open = What makes it up
score-verified = verified
score-projected = projected
score-none = No score: without a system security plan that is found to be met (3.12.4) an assessment is not complete.
score-none-short = no score
score-unscored-title = This framework has no score
score-unscored = Only NIST SP 800-171 r2 has a score by the DoD methodology.
score-back = Back to the assessment
score-gauge = From -203 to 110
score-gauge-label = Verified { $verified }, projected { $projected }, on a scale from -203 to 110
score-unassessed = { $count ->
    [one] { $count } objective is not assessed.
   *[other] { $count } objectives are not assessed.
}
score-conditional = Conditional status
score-conditional-may = By the findings nothing stands against a conditional or final status: at least { $min }, and all that is open may stand on a plan of action, to be closed within { $days } days.
score-conditional-not = A conditional status needs at least { $min }, and all that is open must be such as may stand on a plan of action for { $days } days. By the findings this stands against it:
score-families = Points by family
score-family = Family
score-requirements-met = Met
score-points = Points
score-fastest = What closes the gap fastest
score-hindrances = { $count ->
    [one] { $count } reason, with its citation
   *[other] { $count } reasons, each with its citation
}
score-more = { $count ->
    [one] { $count } more requirement
   *[other] { $count } more requirements
}
score-rest = The other requirements
score-ranked = Requirements by what they bring
score-fastest-hint = Most points for each open objective first. Choose some to see what the score would be.
score-fastest-none = Nothing is open.
score-what-if = If these were met, the score would be:
score-what-if-do = What if
score-if = If met
score-requirement = Requirement
score-open-objectives = Open objectives
score-gate = no score without it
score-reason-no-ssp = no system security plan
score-reason-not-met = not met
score-reason-partial = met in part
score-reason-unassessed = not assessed

poam-needless = { $id } is met; it needs no plan of action.
poam-named = { $id } may never stand on a plan of action: the regulation names it.
poam-value = { $id } takes { $value } points; a plan of action may hold what takes one, and 3.13.11 when it is met in part.
poam-no-score = There is no score, so there is no conditional status.
poam-score = The score is { $value }; a conditional status needs { $min }.

uses-title = Where it serves
uses-none-title = Nowhere yet
uses-none = Link this file to an objective of an assessment.

bulk-title = Change many
bulk-lead = One line for each objective, at most { $max }. All are changed, or none.
bulk-bad = Lines that cannot be taken; nothing was changed
bulk-line = Line
bulk-objective = Objective
bulk-what = What is wrong
bulk-lines = Lines
bulk-columns = Columns
bulk-csv = CSV
bulk-csv-hint = The first line names the columns, in any order. An empty cell leaves what is there.
bulk-do = Change them

error-cage-codes = A CAGE code has five letters or digits; at most 50, with spaces between.
error-framework = This framework is not here; choose one of the list.
error-because-missing = Say why; only “Met” needs no reason.
error-finding-missing = What is complete needs a finding.
error-no-part = The regulation knows no part of this requirement.
error-day-to-come = This day is still to come.
error-day = This is not a day such as 2026-03-31.
error-too-large = This catalogue is too large to keep.
error-unproven = Nothing is complete without evidence, or a recorded interview, test or examination. Add one first.
error-last-proof = This is the last thing a complete objective rests on. Set its work back first.
error-objective-unknown = There is no such objective.
error-objective-twice = This objective is there twice.
error-changed-meanwhile = This objective was changed meanwhile; look at it again.
error-text = A text is too long, or has a character that may not be in it.
error-stage-unknown = This is none of the five stages.
error-finding-unknown = This is no finding.
error-method-unknown = This is no method.
error-owner-unknown = Nobody of this name may be given work.
error-version-unknown = The version must be a number.
error-evidence-unknown = There is no such file, or it was deleted.
error-linked-already = This file is linked already, or there are too many.
error-requirement-unknown = { $id } is no requirement of this framework.
error-system-unknown = There is no such system.
error-show = This is nothing the page can be narrowed to.
error-csv-header = The first line must name the columns, `objective` among them.
error-csv-column = The column “{ $column }” is not known here, or is there twice.
error-csv-line = Line { $line } has other cells than the first line, an open quotation mark, or a version that is no number.
error-csv-count = There must be 1 to { $max } lines.
error-lines = { $count ->
    [one] { $count } line cannot be taken. Nothing was changed.
   *[other] { $count } lines cannot be taken. Nothing was changed.
}
