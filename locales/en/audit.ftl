# The audit trail.

audit-title = Audit trail
audit-lead = Every act, every attempt, every look at sensitive data. Entries can be read, never changed. Reading them is recorded too.
audit-filter = Filter the entries
audit-entries = Entries
audit-logs = Logs
audit-alarm = Altered
actor-stranger = Someone not signed in
audit-none-title = No entries yet
audit-none = The first entry is written when the server starts.
audit-no-match-title = No entry fits
audit-no-match = Widen the dates or remove a filter.

filter-actor = Who
filter-action = Action
filter-object = Object
filter-outcome = Outcome
filter-address = Address
filter-from = From
filter-to = To
filter-log = Log
filter-request = Request
filter-first = From entry
filter-last = To entry
filter-any-action = Any action
filter-any-outcome = Any outcome
filter-apply = Apply filters
error-filter-date = Enter the dates as year, month and day, for example 2026-11-21
error-filter-order = The first date comes after the last. Swap them
error-filter-address = Enter a whole address, such as 192.0.2.7
error-filter-place = Enter the first and the last entry as whole numbers, the smaller one first
error-filter-unknown = One of the filters is not known here

export-title = Export these entries
export-lead = You get the entries the filter shows, times in UTC. The export is itself an entry.
export-button = Export
field-format = Format
format-csv = CSV (spreadsheet, no evidence)
format-json = JSON lines (the entries as they were hashed)
format-bundle = Proof bundle (whole trail, for countersign-verify)
format-evidence = Evidence bundle (ZIP: whole trail, its key, and personal values opened or withheld)
field-open = Open the personal values of these entries in an evidence bundle
field-open-hint = Without this they are withheld, and the bundle still verifies. Opening them asks for your password and code again, and is an entry of its own.
field-purpose = Purpose
field-purpose-hint = Why they are opened, for whom. It stays sealed beside the entry.
error-open-format = Only an evidence bundle opens values
error-open-purpose = Say for what purpose they are opened, in 1 to 500 characters
error-open-many = More than 10,000 entries would be opened. Narrow the filter
evidence-readme-title = Evidence bundle of the audit trail { $origin }
evidence-readme-what = It holds the first { $size } entries of the trail, exported from { $site }.
evidence-readme-log = the entries and their hashes, in the layout of C2SP tlog-tiles; retained.jsonl beside them once old entries were pruned
evidence-readme-key = the key that signed them, as the server names it
evidence-readme-tokens = time-stamps of an authority, when there are any: which entries existed when
evidence-readme-payloads = personal values, one a line: { $opened } opened, all others withheld
evidence-readme-verify = To verify, in this folder:
evidence-readme-own-key = Take the key from somewhere else than this bundle: a log cannot vouch for its own key.
evidence-readme-commitment = Both check each opened value, and that every value that is gone was erased by an entry. An opened value is what the entry committed to when, with its key and its name, this is the value that the entry seq holds under that name:
evidence-readme-withheld = A withheld value takes nothing away from the proof: the entry holds its commitment and never the value itself.

entry-title = Entry { $shown }
entry-facts = What happened
entry-category = Category
entry-reason = Reason
entry-auth = Signed in by
entry-via = Came by
entry-session = Session
entry-request = Request
entry-of-request = All entries of this request
entry-id = Entry identifier
entry-download = Download the proof
entry-personal = Personal values
entry-personal-hint = These lie sealed beside the trail. The entry holds a commitment to each, so that they can be erased and the chain still holds. Opening them is recorded.
entry-personal-none = This entry has none.
personal-actor-name = Name of the person
personal-address = Address
personal-agent = Browser
personal-label = Name of the object
personal-username = Username
personal-email = E-mail address
personal-phone = Phone number
personal-text = Text
personal-sha256 = SHA-256 of the file
personal-file-name = File name
personal-reason = Reason
personal-filter = Filters
personal-comment = Comment
personal-other = Other

value-wrong = Does not fit the entry

alarm-title = Something about this entry was altered in the database
alarm-leaf = Its bytes do not have the hash that the log has here. What this page shows is not what was recorded.
alarm-column = The column { $column } says something else than the entry. This page shows what the entry says; searches by that column mislead.
alarm-sealed = What lies sealed for it is not what it committed to. Such a value is not shown.

changes-title = Changes
changes-hidden = Changed. The values are not kept.
changes-erased = Changed. The values were erased.
added = Added:
removed = Removed:

proof-title = Proof
proof-lead = With these bytes, and a checkpoint from someone you trust, you can check this entry without this server.
proof-leaf = Leaf, as stored and hashed
proof-leaf-hash = Leaf hash
proof-prev-hash = Previous leaf hash
proof-root = Root at { $shown }
proof-copy-leaf = Copy the leaf
proof-path = { $count ->
    [0] Inclusion proof: this leaf is the whole tree
    [one] Inclusion proof: one hash, from the leaf up
   *[other] Inclusion proof: { $count } hashes, from the leaf up
}
proof-leaf-download = Download the leaf
explain-title = How to check this entry yourself
explain-leaf = Download the leaf and hash it. The result is the leaf hash above:
explain-command = (printf '\0'; cat { $file }) | openssl dgst -sha256 -binary | base64
explain-prev = The leaf names the hash of the one before as _prev, so each entry vouches for all before it.
explain-proof = Download the proof. With the leaf hash and the inclusion proof, any C2SP tlog-proof program computes the root and compares it with the signed checkpoint in the same file.
explain-checkpoint = Check the signature with the verifier key you were given by another way than this server, and compare the checkpoint with one kept elsewhere.
explain-values = A personal value fits when HMAC-SHA-256 under its own key gives the commitment in the leaf. This page has checked every value it shows. Section 3 of audit/README.md says how.
proof-pending = No signed checkpoint covers this entry yet. One follows within a second or so; reload the page.
proof-checkpoint = Signed checkpoint

## Acts, by name

action-account-codes = Make recovery codes
action-account-email = Change own e-mail address
action-account-forgot = Ask for a reset link
action-account-password = Change own password
action-account-reset = Set a password by a link
action-account-settings = Change own settings
action-account-totp = Change own authenticator
action-backup-create = Create a backup
action-config-read = See the settings and the status
action-catalog-import = Import a catalogue
action-assess-read = See assessments
action-system-create = Describe a system
action-system-edit = Change a system
action-assessment-create = Begin an assessment
action-assessment-bulk = Change many objectives
action-assessment-export = Export statuses
action-objective-assess = Assess an objective
action-objective-link = Link evidence
action-objective-unlink = Unlink evidence
action-objective-record = Record an interview or test
action-objective-confirm = Confirm a recorded interview or test
action-objective-withdraw = Withdraw a record
action-objective-comment = Comment on an objective
action-requirement-assign = Assign a requirement
action-requirement-partial = Say that a requirement is met in part
action-evidence-delete = Delete evidence
action-evidence-download = Download evidence
action-evidence-list = See evidence
action-evidence-upload = Upload evidence
action-keys-export = Export keys for recovery
action-keys-rotate = Rotate the key-encryption key
action-keys-retire = Remove an old key-encryption key
action-message-attempt = Attempt a message
action-message-list = See messages
action-message-result = Result of a message
action-message-send = Send a message
action-person-create = Create an account
action-person-delete = Close an account
action-person-disable = Disable an account
action-person-enable = Enable an account
action-person-grant = Change roles
action-person-invite = Invite a person
action-person-join = Take up an invitation
action-person-list = See people
action-person-reset-password = Make a reset link
action-person-reset-totp = Reset a person's authenticator
action-person-unlock = Unlock an account
action-policy-read = See the policies
action-server-start = Server start
action-server-heartbeat = Sign of life
action-epoch-rotate = Epoch of the trail ended
action-session-confirm = Confirm identity again
action-session-demo = Sign in to the demonstration
action-session-end-all = End a person's sessions
action-session-enrol = Set up an authenticator
action-session-login = Check a password
action-session-logout = Sign out
action-session-revoke = End own sessions
action-session-totp = Sign in
action-setup-link = Make the set-up link
action-throttle-refuse = Refuse for too many attempts
action-token-create = Create an API token
action-token-read = Read by API token
action-token-revoke = Revoke an API token
action-trail-export = Export the trail
action-trail-clock = Go on after the clock was set back
action-trail-new-origin = Begin a new log
action-trail-remind = Remind of a review
action-trail-review = Sign off entries
action-trail-read = Read the trail
action-trail-open = Open personal values in an export
action-retention-read = See retention, holds and erasures
action-retention-propose = Propose another retention
action-retention-approve = Approve a shorter retention
action-hold-place = Place a legal hold
action-hold-release = Release a legal hold
action-subject-erased = Erase somebody
action-log-pruned = Prune old entries
action-stream-configure = Stream the trail to other receivers
action-view-delete = Delete a saved view
action-view-save = Save a view

## Saved views

views-title = Saved views
views-manage = Delete saved views
view-delete = Delete
view-name = Save these filters as
view-save = Save
error-view-empty = Choose a filter first; a view without one is the whole trail

## Insights

insights-title = Insights
insights-lead = When how much was recorded, and what may deserve a look. Nothing here is a verdict.
insights-found = { $days ->
    [one] Worth a look, last day
   *[other] Worth a look, last { $days } days
}
insights-none = Nothing stands out.
insights-open = See the entries
insights-days = Entries a day, last 30 days
insights-hours = Entries by weekday and hour, last four weeks
insights-hours-hint = From Monday above to Sunday below, from midnight on the left. The fuller the colour, the more entries.
insight-failures = { $count } failed sign-ins soon after each other
insight-exports = An export outside 06:00 to 20:00 by
insight-addresses = An administrator signed in from a new address:
insight-roles = Roles were changed of
insight-denials = { $count } refusals soon after each other to
col-day = Day
weekday-1 = Monday
weekday-2 = Tuesday
weekday-3 = Wednesday
weekday-4 = Thursday
weekday-5 = Friday
weekday-6 = Saturday
weekday-7 = Sunday
