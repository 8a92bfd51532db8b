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
mail-invite-text = An administrator has made an account for you. Your username is { $username }. Open this link to choose a password:
mail-invite-then = Have your phone at hand: you will set up an authenticator app next.

mail-password-changed-subject = Your Countersign password was changed
mail-password-changed-text = The password of your account was changed on { $at }.

mail-totp-changed-subject = Your Countersign authenticator was changed
mail-totp-changed-text = The authenticator of your account was changed on { $at }.

mail-email-changed-subject = Your Countersign e-mail address was changed
mail-email-changed-text = The e-mail address of your account was changed on { $at }. Notices go to the new address from now on.

mail-codes-changed-subject = Your Countersign recovery codes were replaced
mail-codes-changed-text = The recovery codes of your account were replaced on { $at }. The earlier ones no longer work.

mail-alert-unwitnessed-subject = No witness confirms the audit trail of Countersign
mail-alert-unwitnessed-text = On { $at }, { $entries } entries of the audit trail { $origin } were waiting for a quorum of witnesses. That is more, or longer, than the configuration allows.
mail-alert-unwitnessed-now = Until a quorum confirms them, a rolled-back or rewritten trail would not show.
mail-alert-untimed-subject = No time-stamp covers the audit trail of Countersign
mail-alert-untimed-text = On { $at }, the oldest entry of the audit trail { $origin } without a time-stamp had waited { $secs } seconds. That is longer than the configuration allows.
mail-alert-untimed-now = Until one covers it, its time is that of this server's clock and of the witnesses.
mail-alert-integrity-fault-subject = The audit trail of Countersign is in doubt
mail-alert-integrity-fault-text = The audit trail { $origin } came into doubt on { $at }. What does not agree: { $parts }.
mail-alert-integrity-fault-now = Until this is resolved, only signing in, reading and exporting work.

mail-mention-subject = You were mentioned in a comment
mail-mention-text = { $by } mentioned you in a comment on the objective { $objective }.
mail-review-due-subject = A review of the audit trail is due
mail-review-due-text = Entries of the audit trail wait for a review, the oldest for more than { $days ->
    [one] a day
   *[other] { $days } days
}: they begin at entry { $entry }. Look at them and sign them off here:
mail-alert-unsigned-subject = Checkpoints of the audit trail of Countersign wait for their signature
mail-alert-unsigned-text = On { $at } the signer of the audit trail { $origin } had not signed for { $secs } seconds ({ $why }).
mail-alert-unsigned-now = Acts go on and are entered. What was entered since then is not signed, and exports end with the last checkpoint before.
mail-alert-keys-back-subject = Keys of erased people came back in Countersign
mail-alert-keys-back-text = On { $at } the keys of { $keys } erased subjects were there again: the database of keys is an old copy.
mail-alert-keys-back-now = They were destroyed again at once. Find out who restored it, and whether the copy lies elsewhere too.
mail-alert-no-room-subject = The disk of Countersign is almost full
mail-alert-no-room-text = On { $at } the disk of the data folder had { $free } MiB free; { $kept } MiB are kept for the audit trail.
mail-alert-no-room-now = Until there is room again, only signing in, reading and exporting work. Then the rest works by itself.
mail-alert-stream-late-subject = A receiver of the audit trail of Countersign is behind
mail-alert-stream-late-text = { $sink } does not have { $entries } entries of the audit trail, as of { $at }. The oldest has waited { $secs } seconds.
mail-alert-stream-why = What was noticed: { $why }.
mail-alert-stream-file-subject = The file of the audit trail of Countersign was changed from outside
mail-alert-stream-file-text = { $file }, to which the audit trail is appended, was removed, replaced or cut by somebody else, as was noticed on { $at }.
mail-alert-stream-file-now = The server goes on with the file that has this name now. Entries written before may be missing from it; they are in the server's own trail, and in an export of it.
