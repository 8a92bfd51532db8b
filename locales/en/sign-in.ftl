# Signing in, the second factor, single-use links.

login-title = Sign in
login-lead = Use the name and password of your Countersign account.
login-button = Sign in
login-forgot = I cannot get in
login-again = Start again
login-back = Back to sign in

totp-title = Enter your code
totp-lead = Open your authenticator app and enter the code it shows for Countersign.
totp-button = Continue
totp-recovery = Use a recovery code instead

recovery-title = Use a recovery code
recovery-lead = Enter one of the ten codes you kept when you set up your authenticator. Each code works once.
recovery-button = Continue
recovery-totp = Use the authenticator app instead

enrol-title = Set up your authenticator
enrol-lead = Every account here needs a second step. You need an authenticator app on your phone, such as Aegis, FreeOTP or Google Authenticator.
enrol-qr = QR code that holds the secret for your authenticator app. The same secret is written beside it.
enrol-scan = Scan this code
enrol-scan-text = In the app, add an account and point the camera at the code.
enrol-type = Or type it in
enrol-account = Account: { $account }. Time based, 6 digits.
enrol-copy = Copy the secret
enrol-code-hint = The 6 digits the app shows now
enrol-button = Confirm and continue

progress-label = Opening your account
progress-done = Done:
progress-password = Password
progress-authenticator = Authenticator
progress-codes = Recovery codes

codes-title = Keep your recovery codes
codes-lead = If { $username } ever loses the phone, one of these codes opens the account in its place. Each works once.
codes-once = These codes are shown only now.
codes-where = Print them, or keep them in a password manager. Do not keep them on the phone.
codes-copy = Copy all codes
codes-print = Print
codes-kept = I have kept them

forgot-title = I cannot get in
forgot-lead = Enter your username. If the account has an e-mail address and this server can send mail, a link for a new password is on its way.
forgot-button = Send the link
forgot-sent-title = Check your mail
forgot-sent-mail = If there is such an account and this server can send mail, a link is on its way. It works once, for a short time.
forgot-sent-nothing = Nothing arrived after some minutes? Ask an administrator for a reset link.
forgot-sent-totp = Lost your authenticator? Sign in with a recovery code. Without one, ask an administrator to reset it.

link-setup-title = Set up Countersign
link-setup-lead = This link makes the first administrator. It works once. After that, people join by invitation only.
link-setup-button = Create the administrator
link-invite-title = Welcome to Countersign
link-invite-lead = Choose a password to open your account. Your authenticator comes next.
link-invite-button = Open my account
link-reset-title = Choose a new password
link-reset-lead = Your other sessions end when you save it. Your authenticator stays as it is.
link-reset-button = Save the password
link-expires = This link works once, until
link-gone = This link has been used or has expired. Ask for a new one.

password-rules = What a password must have
password-generate = Make me a passphrase
password-generated = Here is a passphrase. It is already filled in below. Keep it in a password manager before you go on.
password-copy = Copy the passphrase

fresh-title = Confirm it is you
fresh-lead = What you are about to do needs your password and a code again. This lasts 10 minutes.
fresh-button = Confirm and continue

signed-out-title = You are signed out
signed-out-asked = Your session on this device has ended.
signed-out-everywhere = All your sessions have ended, on every device.
signed-out-idle = You were away for a while, so your session ended. Sign in to go on.
signed-out-ended = Your session has ended. Sign in to go on.
signed-out-again = Sign in again

## Fields

field-username = Username
field-username-hint = Small letters, digits, dots and dashes
field-display-name = Full name
field-display-name-hint = As colleagues and the audit trail should show it
field-email = E-mail address
field-email-hint = For notices about this account
field-password = Password
field-new-password = New password
field-password-again = New password again
field-code = Code from the app
field-code-hint = 6 digits
field-recovery-code = Recovery code
field-recovery-code-hint = Dashes and spaces do not matter

## Password rules, in words

password-rule-min = At least { $n } characters
password-rule-max = At most { $n } characters
password-rule-upper = An upper-case letter
password-rule-lower = A lower-case letter
password-rule-digit = A digit
password-rule-special = A special character; a space counts
password-rule-common = Not one of the passwords known to be in common use
password-rule-context = Not your name, your e-mail address or the name of this service

## What may be wrong

error-login-wrong = The name or the password is not right. Check both and try again.
error-login-throttled = Too many login attempts. Wait { $minutes ->
    [one] { $minutes } minute
   *[other] { $minutes } minutes
} and try again.
error-username-missing = Enter your username
error-username-form = The username may have small letters, digits, dots and dashes only
error-username-taken = This username is taken. Choose another
error-display-name-missing = Enter the full name
error-email-missing = Enter an e-mail address
error-email-form = Enter an e-mail address such as name@example.org
error-password-missing = Enter your password
error-new-password-missing = Enter a new password
error-password-wrong = The password is not right
error-password-short = The password is too short. Use at least { $n } characters
error-password-long = The password is too long. Use at most { $n } characters
error-password-upper = Add an upper-case letter
error-password-lower = Add a lower-case letter
error-password-digit = Add a digit
error-password-special = Add a special character
error-password-common = This password is in common use. Choose another
error-password-context = The password must not contain your name, your e-mail address or the name of this service
error-password-same = Choose a password you do not use now
error-password-differ = The two passwords are not the same. Enter the new password again
error-code-missing = Enter the code
error-code-form = The code has 6 digits
error-code-wrong = This code is not right, or it was used already. Wait for the next one and try again
error-recovery-wrong = This recovery code is not right, or it was used already
error-totp-locked = Too many wrong codes. Use a recovery code, or ask an administrator to unlock the account.
error-form-expired = This page was open for too long. Nothing was changed. Send the form again.
