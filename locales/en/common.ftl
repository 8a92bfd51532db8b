# Words used on every page. Counts come twice: as a number that picks the plural, and as `shown`, the same number with thin spaces.

brand = Countersign
dir = ltr
skip = Skip to content
menu = Menu
cancel = Cancel
copy = Copy
copied = Copied
search = Search
optional = (optional)
never = Never
erased = Erased
none-shown = None
clear-filters = Clear the search
error-prefix = Error:
summary-title = There is a problem
counter = { $n } of { $max } characters
newest-first = Newest first.
times-in = Times in { $zone }.
entry-link = Entry { $shown }
reveal-show = Show
reveal-hide = Hide
printed-from = Printed from
bare-recorded = Every sign-in, good or bad, is recorded.

flash-good = Done:
flash-warn = Note:
flash-bad = Problem:

banner-clock = The clock of this server stands before the audit trail. Until this is settled, only signing in, reading and exporting work.
banner-link = See the status
banner-room = The disk of this server is almost full. Until there is room, only signing in, reading and exporting work.
banner-fault = The audit trail does not hold together. Until this is settled, only signing in, reading and exporting work.

pager-label = Pages
pager-newer = Newer
pager-older = Older

chips-label = Filters in use
chips-remove = Remove filter:
chips-clear = Clear all filters

## Navigation

nav-section-work = Work
nav-section-proof = Proof
nav-section-administration = Administration
nav-home = Home
nav-evidence = Evidence
nav-assess = Assessments
nav-contacts = Contacts
nav-messages = Messages
nav-inbox = Inbox
nav-campaigns = Campaigns
nav-intake = Intake
nav-audit = Audit trail
nav-policies = Policies
nav-people = People
nav-status = Status
nav-config = Settings
nav-account = Account
nav-sign-out = Sign out
nav-waiting = waiting

## The seal

seal-whole = The trail is whole
seal-broken = The trail does not hold together
seal-size = { $count ->
    [one] { $shown } entry.
   *[other] { $shown } entries.
}
seal-verified = The first { $shown } are verified.
seal-checkpoint = Last signed checkpoint:
seal-witnessed = Countersigned by { $by } of { $of } witnesses: the first { $shown } entries, confirmed
seal-unwitnessed = No quorum of witnesses has countersigned it yet.
badge-signed = Trail signed to { $shown }
badge-witnessed = witnessed by { $by } of { $of },
badge-stamped = time-stamped
seal-stamped = Time-stamped: the first { $shown } entries existed
seal-unstamped = No authority has time-stamped it yet.
seal-stale = That is too long ago: see the status page.
seal-limit = This proves nothing was changed before the last checkpoint someone else holds. What came after could still be rewritten by whoever holds both this server and its key.
seal-broken-remedy = Do not restart or restore anything yet. The status page says which part disagrees and how to go on.
seal-open = Open the trail

## Columns

col-acts = Actions
col-action = Action
col-actor = Who
col-address = Address
col-after = After
col-agent = Browser
col-author = Sent by
col-before = Before
col-entry = Entry
col-expires = Expires
col-field = Field
col-id = Identifier
col-last-sign-in = Last sign-in
col-last-use = Last use
col-meaning = What it does
col-name = Name
col-object = Object
col-outcome = Outcome
col-owner = Owner
col-roles = Roles
col-scopes = Scopes
col-seen = Last seen
col-setting = Setting
col-sha256 = SHA-256
col-size = Size
col-source = Set by
col-started = Started
col-state = State
col-to = To
col-type = Type
col-uploaded = Uploaded
col-value = Value
col-when = When

## States

state-active = active
state-invited = invited
state-locked = locked
state-disabled = disabled
state-deleted = deleted
state-current = current
state-expiring = expires soon
state-expired = expired
state-revoked = revoked
state-used = used
state-cancelled = cancelled
state-kept = kept
state-done = done
state-ok = fine
state-warn = look at this
state-bad = wrong
state-intent = intent
state-queued = queued
state-held = held
state-sending = sending
state-accepted = accepted
state-delivered = delivered
state-failed = failed
state-rejected = rejected
state-unknown = unknown

outcome-done = done
outcome-denied = denied
outcome-failed = failed
outcome-error = error
outcome-intent = intent
outcome-unknown = unknown
outcome-throttled = throttled

## Roles

role-admin = administrator
role-compliance = compliance officer
role-contributor = contributor
role-messaging = messenger
role-intake = intake staff
role-assessor = assessor
role-console = console
role-system = system
role-admin-may = Invites and manages people, grants roles, sees settings and sessions. Reads no patient data.
role-compliance-may = Reads, searches, verifies and exports the audit trail, and sees the policies in force.
role-contributor-may = Uploads evidence and looks after what they uploaded.
role-messaging-may = Sends messages and sees what became of them.
role-intake-may = Reads and exports patient records.
role-assessor-may = Reads one sealed assessment, and the trail that belongs to it, for a limited time.

## Relative size words for the server's own helpers

bytes-b = { $n } B
bytes-kb = { $n } KB
bytes-mb = { $n } MB
bytes-gb = { $n } GB
