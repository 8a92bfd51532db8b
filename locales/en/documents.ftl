# Documents of an assessment: the system security plan, what a seal carries, scores over time.

ssp-title = System security plan
ssp-of = System security plan of { $system }.
ssp-system = The system
ssp-requirements = How each requirement is implemented
ssp-implementation = Implementation
ssp-implementation-hint = What does it, where, and by which settings or procedures, so that an assessor knows what to look for.
ssp-status = Status by the findings
ssp-responsible = Responsible
ssp-responsible-hint = A role or a team, as in “Network team”. Leave out names of people: sealed plans keep this for six years.
ssp-text = What the plan says
ssp-unwritten = Not written yet.
ssp-write = Write
ssp-docx = As a text document
ssp-objective = Objective
ssp-finding = Finding
ssp-because = Why
ssp-missing = { $count ->
    [one] The implementation of { $count } requirement is not written yet.
   *[other] The implementation of { $count } requirements is not written yet.
}
ssp-draft-of = Draft of { $day }, not sealed. The audit trail then had { $size } signed entries, root { $root }.
ssp-sealed-of = Of seal { $id }. SHA-256 of seal.json: { $digest }
ssp-section-environment = Environment of operation
ssp-section-environment-hint = Where and how the system runs: sites, networks, cloud services, kinds of users, and where controlled information is kept.
ssp-section-connections = Connections to other systems
ssp-section-connections-hint = What it is connected to, for what, who operates the other side, and what is agreed with them.
ssp-section-responsibilities = Responsibilities
ssp-section-responsibilities-hint = Which roles own, operate and secure the system, and what an external service provider does.
ssp-section-upkeep = Upkeep of this plan
ssp-section-upkeep-hint = How often it is looked at, by which role, and what change makes it be looked at earlier.

flash-text-section-kept = Kept.
action-ssp-write = Write a section of the security plan

documents-kept = Made with the seal
documents-kept-hint = The entry of the seal holds the hash over these, so that they stand for what was sealed. They are in the archive, too.
document-oscal-assessment-results-json = Assessment results (OSCAL)
document-oscal-poam-json = Plan of action and milestones (OSCAL)
document-oscal-ssp-json = System security plan (OSCAL)
document-oscal-component-definition-json = The system as a component (OSCAL)
document-system-security-plan-docx = System security plan (text document)
document-assessment-report-docx = Assessment report (text document)
document-plan-of-action-csv = Plan of action (CSV)
document-plan-of-action-xlsx = Plan of action (workbook)
report-findings = Findings
sealed-expired = Its evidence had expired
seal-readme-documents = security plan, report, plan of action, OSCAL; the hash over documents/SHA256SUMS stands in the audit trail

trend-title = Scores over time
trend-lead = The scores as they were sealed, at most the newest { $max }. Nothing is reckoned anew.
trend-chart = Sealed scores over time; the table has them as numbers
trend-legend = Filled with a line: verified. Hollow with a dashed line: by the findings. A gap is a seal without a score.
trend-none-title = Nothing sealed yet
trend-none = Each seal of an assessment of this system adds a point.

why-scope-changed = Found not to apply, before what the system is was changed; say again whether it applies
mail-scope-changed-subject = Look again at what does not apply
mail-scope-changed-text = The scope or the boundary of { $system } was changed. What was found not to apply to it may apply now: look at these objectives again and keep their findings anew. A requirement that has become applicable asks for a new assessment.
notice-scope-changed = The scope of a system was changed; look again at what does not apply

account-text = Size of text
account-text-lead = On every page, wherever you sign in.
field-text-size = Size
text-size-normal = Normal
text-size-large = Large
text-size-larger = Larger
account-text-button = Keep this size
flash-text-text-saved = Pages are now shown in the size you chose.
error-text-size = Choose one of the sizes.

plan-xlsx = As a workbook
