# The audit trail.

audit-title = Audit trail
audit-lead = Every act, every attempt, every look at sensitive data. Entries can be read, never changed. Reading them is recorded too.
audit-filter = Filter the entries
audit-entries = Entries
audit-logs = Logs
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
filter-any-action = Any action
filter-any-outcome = Any outcome
filter-apply = Apply filters
error-filter-date = Enter the dates as year, month and day, for example 2026-11-21
error-filter-order = The first date comes after the last. Swap them
error-filter-address = Enter a whole address, such as 192.0.2.7
error-filter-unknown = One of the filters is not known here

export-title = Export these entries
export-lead = You get the entries the filter shows, times in UTC. The export is itself an entry.
export-button = Export
field-format = Format
format-csv = CSV (spreadsheet, no evidence)
format-json = JSON lines (the entries as they were hashed)
format-bundle = Proof bundle (whole trail, for countersign-verify)

entry-title = Entry { $shown }
entry-facts = What happened
entry-category = Category
entry-reason = Reason
entry-auth = Signed in by
entry-via = Came by
entry-session = Session
entry-request = Request
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
personal-file-name = File name
personal-reason = Reason
personal-filter = Filters
personal-other = Other

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
action-evidence-delete = Delete evidence
action-evidence-download = Download evidence
action-evidence-list = See evidence
action-evidence-upload = Upload evidence
action-keys-export = Export keys for recovery
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
action-trail-new-origin = Begin a new log
action-trail-read = Read the trail
action-stream-configure = Stream the trail to other receivers
