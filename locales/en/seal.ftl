# Sealed assessments, their archives, and whom they are shown to.

nav-seals = Seals

seals-title = Seals
seals-lead = Assessments as they were at one time, with every file they rested on, to be handed to an assessor.
seals-none-title = Nothing sealed
seals-none = A seal keeps an assessment and its files as they are on one day. Whatever is changed later, the seal stays.
seal-make = Seal this assessment
seal-do = Seal it
seal-assessment = Assessment
seal-status-date = CMMC status date
seal-status-date-hint = The day of the status that this assessment is for, not after today. Its files are kept for six years from this day on.
seal-score = Score
seal-files = Files
seal-made = Sealed
seal-retain = Kept until
seal-of = Seal of { $name }
seal-by = Sealed by { $who }
seal-download = Download the archive
seal-locked = What this seal names cannot be deleted until { $day } is over.
seal-facts = What was sealed
seal-digest = SHA-256 of seal.json
seal-id = Seal
seal-emass = For eMASS
seal-hashed-list = Hashed Data List
seal-hashed-list-name = CMMCAssessmentArtifacts.log
seal-hash-value = Hash Value
seal-algorithm = Algorithm
seal-algorithm-name = SHA256
seal-artifacts = Artifacts
seal-file = File
seal-what = What sealing does
seal-what-copy = Findings, scores and every file that the assessment rests on now are kept as they are, under one digest that is an entry of the audit trail.
seal-what-keep = Nobody can delete these files for { $years } years from the status date on.
seal-what-live = The assessment itself can be worked on. The seal does not change with it.

seal-views-title = Shown to
seal-views-lead = An assessor sees this seal and its archive until the day you name, and nothing else.
view-give = Show it to an assessor
view-assessor = Assessor
view-last-day = Last day
view-last-day-hint = To the end of this day, UTC.
view-do = Show it
view-nobody = Nobody holds the role of an assessor. An administrator invites one first.
seal-views-given = Shown so far
view-until = until { $day }
view-end = End
view-end-of = End the view of { $who }

error-status-date = Name a day that is not after today and not more than a year ago.
error-view-day = Name a day from today on, within a year.
error-assessor = Choose somebody who holds the role of an assessor.
error-seal-changed = Somebody changed the assessment while it was read. Nothing was sealed; seal it again.
error-seal-nothing = This assessment rests on no file. Link evidence first.
error-seal-many = This assessment rests on more than 10,000 files, which is more than one seal holds.
error-seal-damaged = The file of evidence { $item } is not as it was uploaded. Nothing was sealed; have it restored from a backup first.
error-sealed = The seal { $seal } keeps this file. It can be deleted from { $day } on.
error-409-sealed-title = A seal keeps it
error-code-sealed = A seal keeps it until its date is over.

flash-text-seal-made = Sealed. Download the archive, or show the seal to an assessor.
flash-text-view-given = The assessor sees this seal now.
flash-text-view-ended = Ended. The seal is not shown to them any more.

action-assessment-seal = Seal an assessment
action-seal-read = See a seal
action-seal-download = Download a seal
action-seal-grant = Show a seal to an assessor
action-seal-revoke = End an assessor's view

seal-readme-title = { $name }, { $system }: a sealed assessment
seal-readme-what = Seal { $id } for the CMMC status date { $day }. { $site } keeps these files until { $retain }.
seal-readme-artifacts = every file that the assessment rested on
seal-readme-log = their SHA-256 in the layout of the DoD's hashing tool; eMASS: Hashed Data List
seal-readme-hash = the SHA-256 of that log; eMASS: Hash Value
seal-readme-json = findings, scores and artifacts; its SHA-256 stands in the audit trail
seal-readme-trail = entry { $seq } of the audit trail, and the proof that it is there
seal-readme-receipt = one page to print and sign
seal-readme-sums = the SHA-256 of every file here
seal-readme-stock = With tools that every system has:
seal-readme-verify = Offline, with the verifier and the key that the operator gave you in person or on paper:
seal-readme-pruned = The entry itself is not here: it was pruned from the trail after its time.
seal-readme-own-key = trail/vkey is the key as the server says it is. It proves nothing by itself: compare it with your own copy.

receipt-title = Receipt of seal { $id }
receipt-heading = Receipt of a sealed assessment
receipt-what = { $name }, { $system }
receipt-entry = Entry of the audit trail
receipt-check = Check it offline: sha256sum -c SHA256SUMS, and countersign-verify --seal FOLDER --key KEY with the key you were given by another way.
receipt-sign = Handed over by, date: ______________________________    Received by, date: ______________________________

affirm-title = Affirmation
affirm-lead = The affirming official affirms a status after the assessment, after the close-out of a plan of action, and every year. The affirmation in SPRS itself stays to be made there.
affirm-what = Affirm the status: { $status }
affirm-final = Final
affirm-conditional = Conditional
affirm-statement = I am the affirming official of this organization. I affirm that the system assessed here has implemented, and will maintain, the security requirements of the status stated here, as this seal shows them. I know that a false statement to the government is punishable, among others by 18 U.S.C. 1001.
affirm-official = Affirming official
affirm-role = Title
affirm-role-hint = As in “Chief Operating Officer”.
affirm-do = Affirm it
affirm-made = Affirmed so far
affirm-next = Next by { $day }.
affirm-triennial = New assessment by { $day }.
affirm-erased = somebody whose name was erased

error-seal-no-status = No status can be affirmed: the sealed score is below 88 or there is none (32 CFR 170.21(a)(2)(i)), or something is open that may not wait, stands on no plan, or has waited its 180 days (32 CFR 170.21(a)(2) and (b)).
error-affirm-day = The three years of this assessment are over. Assess and seal anew, then affirm that.
flash-text-affirmed = Affirmed.
action-affirmation-sign = Affirm a status
action-affirmation-remind = Remind of an affirmation

mail-affirmation-due-subject = A yearly affirmation is due
mail-affirmation-due-text = The yearly affirmation of a CMMC status is due by { $day }. Look at the seals, affirm the status there, and in SPRS.
notice-affirmation-due = A yearly affirmation is due within thirty days.

documents-title = Documents
document-of = Of seal { $id }. SHA-256 of seal.json: { $digest }
report-title = Assessment report
report-evidence = Evidence
report-uploaded = Uploaded as
report-serves = Shows
sprs-title = Sheet for SPRS
sprs-entry = What SPRS asks for
sprs-date = Assessment date
sprs-score = Score
sprs-status = CMMC status
sprs-no-status = No CMMC status
sprs-standard = Standard
sprs-scope = Assessing scope
sprs-planned = Planned date of 110
sprs-none = none
sprs-employees = Employees
sprs-missing = to be filled in
sprs-official = SPRS hands the entry to the affirming official. Only 110 (final) and 88 to 109 (conditional) can be affirmed.
sprs-each = Status of each requirement
sprs-practice = Practice
