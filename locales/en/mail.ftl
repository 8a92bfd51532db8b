# Mails. Plain text, one paragraph a line.

mail-hello = Hello { $name },
mail-signature = Countersign
mail-link-once = The link works once, until { $expires }.
mail-sessions-ended = All your other sessions have ended.
mail-not-you = If this was not you, tell an administrator at once.

mail-reset-subject = Choose a new password for Countersign
mail-reset-text = Someone asked for a new password for your account. If it was you, open this link:
mail-reset-not-you = If it was not you, do nothing: your password stays as it is.

mail-invite-subject = You are invited to Countersign
mail-invite-text = { $inviter } has made an account for you. Your username is { $username }. Open this link to choose a password:
mail-invite-then = Have your phone at hand: you will set up an authenticator app next.

mail-password-changed-subject = Your Countersign password was changed
mail-password-changed-text = The password of your account was changed on { $at } from { $address }.

mail-totp-changed-subject = Your Countersign authenticator was changed
mail-totp-changed-text = The authenticator of your account was changed on { $at } from { $address }.

mail-email-changed-subject = Your Countersign e-mail address was changed
mail-email-changed-text = The e-mail address of your account was changed on { $at } from { $address }. Notices go to the new address from now on.

mail-new-sign-in-subject = New sign-in to Countersign
mail-new-sign-in-text = Someone signed in to your account on { $at } from { $address } with { $agent }, a device not seen before.
