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

policy-group-identity = Signing in and the own account
policy-group-people = People
policy-group-evidence = Evidence
policy-group-messages = Messages
policy-group-audit = Audit trail
policy-group-operation = Operation
policy-group-api = API

condition-not-self = Not on one's own account.
condition-not-author = Not on what one made oneself.
condition-owner = Only on one's own.
condition-last-admin = Never on the last administrator.
condition-window = Only within the time given to the assessor.

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
check-trail-bad = { $part } does not agree with the last checkpoint.
check-trail-remedy = Keep this server as it is. Verify an export and the last backup with countersign-verify, then follow “When the trail does not hold together” in SECURITY.md.
check-checkpoint = Checkpoints
check-checkpoint-ok = The last one is recent.
check-checkpoint-late = The last one is older than it should be.
check-checkpoint-remedy = Look at the log for errors of the signer.
check-keys = Keys
check-keys-ok = Present, readable by this server only.
check-keys-export = Never exported to a recovery recipient. If this disk is lost, sealed values are lost.
check-keys-export-remedy = Export them and keep the result elsewhere.
check-mail = Mail
check-mail-ok = The mail server answers.
check-mail-none = Not set up. Links have to be handed over, and notices are shown at the next sign-in.
check-mail-none-remedy = Set the smtp settings.
check-mail-bad = The mail server does not answer.
check-mail-bad-remedy = Check the smtp settings and the network.
check-disk = Disk
check-disk-ok = { $free } free.
check-disk-low = Only { $free } free.
check-disk-remedy = Make room before uploads and the trail have to stop.
check-backup = Backup
check-backup-ok = The last one was verified.
check-backup-none = No backup was made here yet.
check-backup-remedy = Run countersign backup create, and keep the result elsewhere.
check-proxy = Address
check-proxy-ok = Requests arrive at the address set.
check-proxy-bad = This page was asked for at another address than the one set.
check-proxy-remedy = Let the proxy pass Host and the scheme on, and list it in trusted_proxies.
check-clock = Clock
check-clock-ok = Did not jump since the start.
check-clock-bad = Jumped since the start.
check-clock-remedy = Check the time service of this machine.
check-gateway = Message gateway
check-gateway-sandbox = The sandbox is in use; nothing leaves this server.
check-gateway-sandbox-remedy = Set a real gateway before you rely on it.
