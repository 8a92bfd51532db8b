# The policies in force, the settings, the status page.

policies-title = Policies
policies-lead = The rules this server follows now. They are read when it starts, and cannot be changed from a browser.
policies-force = In force
policies-source = Read from
policies-source-embedded = Built in
policies-source-folder = The folder { $folder }
policies-hash = SHA-256
policies-hash-hint = The same hash is in the first entry of every start, so one can tell which rules held at any time.
policies-on-page = On this page
policies-words = Who may do what
policies-default = What is not listed here is refused.
policies-nobody = Nobody
policies-fresh = asks for password and code again
policies-matrix = Roles and actions
policies-matrix-hint = “On condition” is explained under Who may do what.
cell-yes = Allowed
cell-if = On condition
cell-no = Not allowed
policy-access = Access
policy-password = Passwords
policy-session = Sessions
policy-throttle = Attempts and limits
policy-uploads = Uploads
policy-headers = Response headers
policy-retention = Retention
policy-review = Reviews

policy-group-sign-in = Signing in
policy-group-account = The own account
policy-group-identity = Guarding the door
policy-group-people = People
policy-group-evidence = Evidence
policy-group-assessment = Assessments
policy-group-contacts = Contacts
policy-group-messages = Messages
policy-group-trail = Audit trail
policy-group-system = Operation

circle-anyone = anyone, signed in or not
circle-person = everyone who is signed in

config-title = Settings
config-lead = What this server runs with, read-only. To change a setting, change the configuration and start the server again.
config-caption = Flags win over the environment, the environment over the file, the file over the default.
config-secret = Secret, not shown:
source-default = default
source-file = file
source-environment = environment
source-flag = flag
source-credential = credential
source-key-folder = key folder

status-title = Status
status-ok = Everything checked is fine.
status-warn = { $count ->
    [one] One thing to look at.
   *[other] { $count } things to look at.
}
status-bad = { $count ->
    [one] One thing is wrong.
   *[other] { $count } things are wrong.
}
status-checked = Checked
status-checks = Checks
status-facts = This server
fact-version = Version
fact-build = Build
fact-size = Entries in the trail
fact-database = Database
fact-origin = Log origin
fact-started = Started
fact-verifier-key = Verifier key
fact-public-url = Address

check-database = Database
check-database-ok = Answers, with every migration applied.
check-database-slow = Answers slowly.
check-database-slow-remedy = Look at the disk and at other programs on this machine.
check-trail = Audit trail
check-trail-ok = Head, entries and last checkpoint agree.
check-trail-bad = Its parts do not agree. Only signing in, reading and exporting work.
check-trail-remedy = Keep this server as it is. Run countersign check, which says which part disagrees. Verify an export and the last backup with countersign-verify, then follow “When the trail does not hold together” in SECURITY.md.
check-checkpoint = Checkpoints
check-checkpoint-ok = The last one is recent.
check-checkpoint-none = No checkpoint was signed yet.
check-checkpoint-late = The last one is older than it should be.
check-checkpoint-stalled = The signer has not signed for { $secs } seconds ({ $why }). Acts go on; their checkpoints wait.
check-checkpoint-stalled-remedy = Look whether countersign signer serve runs, and at its own log; it signs what waits by itself.
check-checkpoint-remedy = Look at the log for errors of the signer.
check-role = Database role
check-role-owner = The server's role may change or remove what the trail holds.
check-role-owner-remedy = Let the server use a role of its own, and run countersign migrate --grant ROLE as the owner of the tables.
check-witness = Witnesses
check-witness-ok = A quorum confirmed the trail a short while ago.
check-witness-none = Nobody outside countersigns the trail: that it was rolled back would show only against a checkpoint that somebody kept.
check-witness-none-remedy = Name witnesses in a file and set witness.policy; countersign witness makes one.
check-witness-trouble = Not every witness countersigns:
check-witness-trouble-remedy = Ask the operator of that witness; the log says more.
check-witness-stale = No quorum has confirmed the trail for longer than allowed:
check-witness-stale-remedy = See that the witnesses can be reached from here, and that they watch this log with its present key.
check-unwitnessed = Not confirmed yet
check-unwitnessed-ok = { $entries } entries wait for a quorum of witnesses, the oldest for { $secs } seconds.
check-unwitnessed-ok-remedy = See what is said of the witnesses.
check-timestamp = Time-stamps
check-timestamp-ok = The first { $shown } entries existed { $ago } seconds ago, says { $tsa }. The oldest beyond them has waited { $secs } seconds.
check-timestamp-none = No authority says when the trail existed: its times are those of this server's clock and of its witnesses.
check-timestamp-none-remedy = Set timestamp.url and timestamp.roots.
check-timestamp-never = There is no time-stamp yet; entries have waited { $secs } seconds. The last answer: { $why }.
check-timestamp-never-remedy = See that the authority can be reached from here and that timestamp.roots vouch for it; the log says more.
check-timestamp-trouble = The first { $shown } entries existed { $ago } seconds ago, says { $tsa }. The last answer was no time-stamp: { $why }.
check-timestamp-trouble-remedy = It is asked again. Look at the authority and at the way to it when this lasts.
check-timestamp-stale = Entries have waited { $secs } seconds for a time-stamp, longer than allowed. The last answer: { $why }.
check-timestamp-stale-remedy = See that the authority can be reached from here and that timestamp.roots vouch for it; the log says more.
check-keys = Keys
check-keys-ok = Exported to a recovery recipient.
check-keys-export = Never exported to a recovery recipient. If this disk is lost, sealed values are lost.
check-keys-export-remedy = Export them and keep the result elsewhere.
check-mail = Mail
check-mail-ok = Set up.
check-mail-none = Not set up. Links have to be handed over, and notices are shown at the next sign-in.
check-mail-none-remedy = Set the smtp settings.
check-alerts = Alerts
check-alerts-ok = Somebody outside hears of it when the trail comes into doubt.
check-alerts-none = Nobody outside hears of it when the trail comes into doubt; administrators see it on their page.
check-alerts-none-remedy = Set alerts.mail_to, or alerts.webhook_url with its secret.
check-room = Room on the disk
check-room-ok = { $free } free; { $kept } are kept for the audit trail.
check-room-short = { $free } free, where { $kept } are kept: nothing new is begun. Signing in, reading and exporting work.
check-room-short-remedy = Make room on the disk of the data folder, or give it a larger one. The rest works again by itself.
check-room-unread = The disk does not say how much room it has.
check-room-unread-remedy = Look at the disk and at the log.
check-stream = Stream of the trail
check-stream-ok = { $sink } has everything but { $entries } entries of the last moments.
check-stream-failed = { $sink } does not have { $entries } entries; the oldest has waited { $secs } seconds. The last try failed: { $why }.
check-stream-late = { $sink } is behind: it does not have { $entries } entries, and the oldest has waited { $secs } seconds. The last try: { $why }.
check-stream-failed-remedy = It is tried again and again. Look at the receiver and at the way to it when this lasts.
check-stream-late-remedy = Look at the receiver and at the way to it. Nothing is lost: the stream goes on from where the receiver has it.
check-notices = Notices
check-notices-ok = None is stuck.
check-notices-stuck = { $count ->
    [one] One could not be delivered.
   *[other] { $count } could not be delivered.
}
check-notices-stuck-remedy = Check the mail and alert settings and the log, then tell the people concerned another way.
check-folder = Data folder
check-folder-ok = Readable by this server only.
check-folder-wide = { $count ->
    [one] One file or folder can be reached by others.
   *[other] { $count } files or folders can be reached by others.
}
check-folder-wide-remedy = Run chmod -R go= on the data folder.
check-folder-unread = Its rights could not be looked at.
check-folder-unread-remedy = Check the owner of the data folder.
check-database-bad = Does not answer.
check-database-bad-remedy = Look at the database and at the log.
check-clock = Clock
check-clock-ok = Agrees with the last checkpoint; { $by } keeps it right.
check-clock-unknown = Agrees with the last checkpoint; no service that keeps it right is seen from here.
check-clock-bad = Stands before the last checkpoint: it was set back.
check-clock-bad-remedy = Check the time service of this machine.
check-clock-back = Stands, or stood, before the newest entry: it was set back, or entries were written by a clock that was ahead. It is { $secs } seconds behind them. Only signing in, reading and exporting work.
check-clock-back-remedy = Set the clock of this machine right. Then run countersign audit clock --reason …, which is an entry of its own, and everything goes on.
check-gateway = Message gateway
check-gateway-sandbox = The sandbox is in use; nothing leaves this server.
check-gateway-sandbox-remedy = Set a real gateway before you rely on it.

## Waiting on the home page

wait-locked-accounts = { $count ->
    [one] One account is closed after too many wrong attempts
   *[other] { $count } accounts are closed after too many wrong attempts
}
notice-password-changed = Your password was changed
notice-totp-changed = Your authenticator was changed or reset
notice-email-changed = Your e-mail address was changed
notice-codes-changed = Your recovery codes were made anew
notice-mention = You were mentioned in a comment on an objective
notice-new-sign-in = Your account was used on a new device
notice-alert-unwitnessed = An alert was raised: no quorum of witnesses confirms the audit trail
notice-alert-unsigned = An alert was raised: checkpoints of the audit trail wait for their signature
notice-alert-untimed = An alert was raised: no time-stamp covers the audit trail
notice-alert-keys-back = An alert was raised: keys of erased people came back
notice-alert-no-room = An alert was raised: the disk is almost full
notice-alert-stream-late = An alert was raised: a receiver of the audit trail is behind
notice-alert-stream-file = An alert was raised: the file of the audit trail was changed from outside
notice-alert-integrity-fault = An alert was raised: the audit trail came into doubt
notice-review-due = Entries of the audit trail wait for a review
notice-other = Something about your account changed
