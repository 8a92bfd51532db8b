# Said once, on the page after an act. `flash-text-<key>`, without arguments.

flash-text-password-set = Your password is set. Sign in with it.
flash-text-zone-saved = Times are now shown in the zone you chose.
flash-text-password-changed = Your password is changed. Your other sessions have ended.
flash-text-email-changed = Your e-mail address is changed. Your other sessions have ended.
flash-text-session-ended = The session has ended.
flash-text-token-revoked = The token is revoked.

flash-text-roles-saved = The roles are saved.
flash-text-nothing-changed = Nothing was changed.
flash-text-disabled = The account is disabled.
flash-text-enabled = The account is enabled.
flash-text-unlocked = The account is unlocked.
flash-text-totp-reset = The authenticator is reset. A new one is set up at the next sign-in.
flash-text-sessions-ended = All sessions have ended.
flash-text-deleted = The account is deleted.

flash-text-uploaded = The file is stored.
flash-text-system-made = The system is described.
flash-text-system-changed = The system is changed.
flash-text-assessment-made = The assessment has begun.
flash-text-objective-kept = It is kept.
flash-text-evidence-deleted = The evidence is deleted. Its entry and its hash stay.
flash-text-message-sent = The message is on its way.
flash-text-message-held = The message is held. The reason stands below.

flash-text-review-signed = The review is signed.
flash-text-retention-set = The retention is in force.
flash-text-retention-proposed = The shorter retention is proposed. Another compliance officer has to approve it.
flash-text-retention-approved = The shorter retention is in force.
flash-text-hold-placed = The hold stands.
flash-text-hold-released = The hold is released.
flash-text-erased = What was held sealed about them is erased.
flash-text-view-saved = The view is saved.
flash-text-view-deleted = The view is deleted.
