# One's own account.

account-title = Your account
account-lead = What Countersign knows about you, where you are signed in, and what may act for you.
account-profile = Profile
account-password = Password
account-totp = Authenticator
account-codes = Recovery codes
account-created = Account created
account-changed = Changed
account-since = In use since
account-totp-none = Not set up
account-agent-unknown = Unknown browser
account-codes-left = { $count ->
    [0] None left. Make new ones.
    [one] { $count } unused code left
   *[other] { $count } unused codes left
}
account-change-email = Change e-mail address
account-change-password = Change password
account-change-totp = Move to a new authenticator
account-change-codes = Make new recovery codes
account-zone = Time zone
account-zone-button = Save time zone
field-zone = Show times in
field-zone-hint = Exports and proofs always use UTC
error-zone-unknown = This time zone is not known here. Choose one of the list

sessions-title = Where you are signed in
sessions-hint = End any session you do not recognise, then change your password.
sessions-current = this one
sessions-end = End session
sessions-end-all = Sign out everywhere

tokens-title = API tokens
tokens-hint = A token acts for you, within its scopes, without your code. Revoke those no longer in use.
tokens-none = You have no API tokens.
tokens-new = Make a token
tokens-revoke = Revoke

password-title = Change your password
password-lead = Your other sessions end when you save it.
password-button = Save the password

email-title = Change your e-mail address
email-lead = Notices about this account go to the new address. The old one is told.
email-current = Now
email-button = Save the address
field-new-email = New e-mail address
error-email-same = This is the address you have now. Enter another

new-totp-title = Move to a new authenticator
new-totp-lead = Set up the new app first, then confirm with its code. The old one stops working at that moment and your other sessions end.
new-totp-button = Use the new authenticator

new-codes-title = Make new recovery codes
new-codes-lead = You get ten new codes, shown once. All earlier codes stop working at that moment.
new-codes-button = Make new codes

token-new-title = Make an API token
token-new-lead = Give it no more than it needs. Everything it does is recorded under your name and the token's.
token-new-button = Make the token
field-token-name = Name
field-token-name-hint = What will use it, for example: nightly evidence upload
field-days = Days until it expires
field-days-hint = { $max ->
    [one] { $max } day at most
   *[other] At most { $max } days
}
field-scopes = Scopes
field-scopes-hint = What the token may do. It never may do more than you.
error-token-name-missing = Enter a name for the token, of 80 characters at most
error-days-form = Enter a number of days from 1 to { $max }
error-tokens-max = You have { $max } tokens already. Revoke one you no longer need
error-scopes-missing = Choose at least one scope
error-scopes-unknown = One of the scopes is not known here, or not yours to give

token-made-title = Your new token
token-made-once = The token is shown only now.
token-made-lost = Copy it to where it will be used. If it is lost, revoke it and make another.
token-made-copy = Copy the token
token-made-use = Send it in the header Authorization: Bearer or X-API-Key, never in an address.
token-made-done = I have copied it

## Headings of the scopes

scopes-account = Your account
scopes-evidence = Evidence
scopes-messages = Messages
scopes-people = People
scopes-sign_in = Your sessions
scopes-system = This server
scopes-trail = Audit trail

## Confirming one's identity again

error-fresh-wrong = The password or the code is not right. A code works once: wait for the next one and try again.

## On the next page, when no mail could be sent

flash-changed-elsewhere = Your sign-in details were changed on { $when }. If this was not you, tell an administrator now.
