# Home, people and their administration, confirm pages.

home-title = Home
home-greeting-morning = Good morning, { $name }
home-greeting-afternoon = Good afternoon, { $name }
home-greeting-evening = Good evening, { $name }
home-waiting = { $count ->
    [0] Nothing waits for you.
    [one] One thing waits for you.
   *[other] { $count } things wait for you.
}
home-last = You last signed in
home-last-from = from { $address }.
home-waits = Waits for you
home-nothing = You are up to date.
home-open = Open
home-sign-ins = Your last sign-ins
home-sign-ins-hint = If you do not recognise one, sign out everywhere and change your password.
home-sign-ins-none = This is your first sign-in.

wait-tag-people = people
wait-tag-message = message
wait-tag-account = account
wait-tag-assess = Assessments
wait-tag-trail = trail
wait-invited = { $count ->
    [one] One invitation has not been used yet
   *[other] { $count } invitations have not been used yet
}
wait-locked = { $name } is locked out
wait-unknown = { $count ->
    [one] One message has an unknown result
   *[other] { $count } messages have an unknown result
}
wait-held = { $count ->
    [one] One message is held
   *[other] { $count } messages are held
}
wait-codes = { $count ->
    [0] You have no recovery codes left
    [one] You have one recovery code left
   *[other] You have { $count } recovery codes left
}
wait-token-expiring = The token { $name } expires soon
wait-keys = The keys have not been exported to a recovery recipient
wait-clock = The clock of this server stands before the audit trail
wait-trail = The audit trail does not hold together
wait-tag-evidence = evidence
wait-tag-campaign = campaign
wait-given-back = { $count ->
    [one] One of your files was given back
   *[other] { $count } of your files were given back
}
wait-due = { $count ->
    [one] One of your objectives is due within a week
   *[other] { $count } of your objectives are due within a week
}
wait-approve = { $count ->
    [one] One file waits for approval
   *[other] { $count } files wait for approval
}
wait-confirm = { $count ->
    [one] One interview or test waits for a second person
   *[other] { $count } interviews and tests wait for a second person
}
wait-campaigns = { $count ->
    [one] One campaign waits for approval
   *[other] { $count } campaigns wait for approval
}
waiting-title = What waits for you
waiting-lead = The oldest first. Each leaves this page when it is decided.
waiting-approve = Files to approve
waiting-confirm = Interviews and tests to confirm
waiting-campaigns = Campaigns to approve
waiting-given-back = Your files that were given back
waiting-due = Your objectives that are due within a week
waiting-due-on = due on { $day }
waiting-by = by { $who }
waiting-more = There are more; they move up as these are decided.
waiting-none-title = Nothing waits
waiting-none = You are up to date.
wait-open = Open
wait-see = See them
wait-unlock = Unlock
wait-make = Make new ones

card-people = People
card-people-unit = { $count ->
    [one] active account
   *[other] active accounts
}
card-people-note = { $count ->
    [0] No invitation is open.
    [one] One invitation is open.
   *[other] { $count } invitations are open.
}
card-sessions = Signed in now
card-sessions-unit = { $count ->
    [one] session
   *[other] sessions
}
card-evidence = Evidence
card-evidence-unit = { $count ->
    [one] file
   *[other] files
}
card-evidence-note = { $size } of { $max } used.
card-messages = Messages today
card-messages-unit = accepted
card-messages-note = { $count ->
    [0] None has an unknown result.
    [one] One has an unknown result.
   *[other] { $count } have an unknown result.
}
card-denied = Denied today
card-denied-unit = { $count ->
    [one] attempt
   *[other] attempts
}
card-denied-note = Acts that the policy refused, and sign-ins that failed.

people-title = People
people-lead = Who may come in, and what each may do. Nobody is ever erased from the audit trail.
people-invite = Invite someone
people-search = Name or username
people-caption = The latest first.
people-none-title = Nobody found
people-none = No account fits this search.
filter-any-state = Any state

invite-title = Invite someone
invite-lead = They get a link that works once. With it they choose a password and set up an authenticator.
invite-email-hint = The link is also mailed here when this server can send mail
invite-button = Make the invitation
field-roles = Roles
field-roles-hint = A person may hold several
error-roles-missing = Choose at least one role
error-roles-unknown = One of the roles is not known here
invited-invite-title = { $name } is invited
invited-invite-lead = Hand this link to { $name } in a way you trust. Whoever opens it first gets the account.
invited-reset-title = A reset link for { $name }
invited-reset-lead = Hand this link to { $name } in a way you trust. You never see or choose the password.
invited-mailed = The link was also mailed to { $address }.
invited-once = The link is shown only now.
invited-hand = Do not put it in a chat that others read.
invited-copy = Copy the link
invited-expires = Works once, until
invited-person = Open { $name }

person-facts = Account
person-sessions = Open sessions
person-invite-expires = Invitation expires
person-roles-hint = A change takes effect at once and ends the person's open sessions.
person-roles-button = Save roles
person-acts = Actions
person-disable = Disable the account
person-disable-hint = Keeps everything, ends every session, token and open link
person-enable = Enable the account
person-enable-hint = Lets the person sign in again
person-unlock = Unlock
person-unlock-hint = Lifts the lock after too many wrong passwords or codes
person-reset-password = Reset the password
person-reset-password-hint = Makes a single-use link
person-reset-totp = Reset the authenticator
person-reset-totp-hint = The person sets up a new one at the next sign-in
person-end-sessions = End all sessions
person-end-sessions-hint = Signs the person out on every device
person-delete = Delete the account
person-delete-hint = Closes it for good and keeps its history
person-invite-again = Make a new invitation
person-invite-again-hint = The earlier link stops working
person-entries = Recent entries
person-entries-none = No entries yet.
person-entries-all = All entries of this person

## Why not

because-self-disable = You cannot disable your own account.
because-self-delete = You cannot delete your own account.
because-self-admin = You cannot take the administrator role from yourself.
because-last-admin = This is the last administrator. Make another one first.
because-deleted = The account is deleted.
because-not-yours = Only its owner may do this.
because-own-act = Nobody approves what they did themselves.

## Confirm pages

confirm-then = What happens then
confirm-cancel = Cancel, change nothing
field-reason = Reason
field-reason-hint = It is kept in the audit trail. Do not put patient data in it.
error-reason-missing = Enter a reason
error-reason-form = The reason may have { $max } characters at most, all of them visible
field-typed = Type { $typed } to confirm
field-typed-hint = Exactly as it is written
error-typed-differ = What you typed is not the same. Check it and try again

confirm-disable-title = Disable { $name }?
confirm-disable-what = The account stays, with everything in it. You can enable it again.
confirm-disable-1 = Every open session of { $name } ends now.
confirm-disable-2 = Every API token of the account and every open link to it stops working for good.
confirm-disable-3 = { $name } cannot sign in until someone enables the account.
confirm-disable-verb = Disable the account
confirm-enable-title = Enable { $name }?
confirm-enable-what = { $name } can sign in again with the same password and authenticator.
confirm-enable-1 = The roles of the account apply again at once.
confirm-enable-verb = Enable the account
confirm-unlock-title = Unlock { $name }?
confirm-unlock-what = The account is locked after too many wrong passwords or codes. Speak to { $name } first: someone else may have tried.
confirm-unlock-1 = The counters of failed attempts start at zero.
confirm-unlock-verb = Unlock the account
confirm-reset-password-title = Reset the password of { $name }?
confirm-reset-password-what = You get a single-use link to hand over. You never see or choose the password.
confirm-reset-password-1 = Until the link is used, the password so far still works and open sessions go on. End them or disable the account if you must not wait.
confirm-reset-password-2 = When { $name } sets the new password, every open session ends. The authenticator stays as it is.
confirm-reset-password-verb = Make the reset link
confirm-reset-totp-title = Reset the authenticator of { $name }?
confirm-reset-totp-what = Do this only when you are sure who is asking. Until a new one is set up, the password alone protects the account.
confirm-reset-totp-1 = The authenticator and all recovery codes stop working now.
confirm-reset-totp-2 = Every open session of { $name } ends now.
confirm-reset-totp-3 = { $name } sets up a new authenticator at the next sign-in.
confirm-reset-totp-verb = Reset the authenticator
confirm-end-sessions-title = End all sessions of { $name }?
confirm-end-sessions-what = { $name } has to sign in again on every device.
confirm-end-sessions-1 = Work that was not saved is lost.
confirm-end-sessions-verb = End all sessions
confirm-delete-title = Delete { $name }?
confirm-delete-what = The account is closed for good. This cannot be undone.
confirm-delete-1 = { $name } can never sign in again, and every API token stops working.
confirm-delete-2 = The username cannot be used again.
confirm-delete-3 = Evidence, messages and every entry in the audit trail stay.
confirm-delete-verb = Delete the account
confirm-invite-again-title = Make a new invitation for { $name }?
confirm-invite-again-what = You get a new single-use link to hand over.
confirm-invite-again-1 = The earlier link stops working now.
confirm-invite-again-verb = Make the link
