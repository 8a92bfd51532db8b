# Error pages. Each says what to do.

error-reference = Reference:
error-400-title = That request could not be read
error-400-text = Something in it is missing or not in the right form. Go back, check it and try again.
error-401-title = Sign in first
error-401-text = This page is for people who are signed in.
error-403-title = You may not do this
error-403-text = Your roles do not include it. An administrator can grant a role. The attempt is recorded.
error-403-because-text = { $because } The attempt is recorded.
error-403-csrf-title = This form could not be trusted
error-403-csrf-text = It was open for too long, or it came from another site. Nothing was changed. Go back, reload the page and send it again.
error-404-title = Page not found
error-404-text = There is nothing at this address, or nothing you may see. Check it, or start from the home page.
error-405-title = That is not possible here
error-405-text = This address does not take that kind of request.
error-409-title = Someone was quicker
error-409-text = This was changed in the meantime. Reload the page and look before you try again.
error-412-title = Someone was quicker
error-412-text = This was changed while you had it open. Reload the page and look before you try again.
error-413-title = That is too big
error-413-text = The most this server takes here is { $max }. Choose something smaller.
error-413-plain-text = It is bigger than this server takes here. Choose something smaller.
error-415-title = That format is not taken here
error-415-text = Send the form from its own page.
error-416-title = There is no such part
error-422-title = Something needs correcting
error-422-text = Go back, correct what is marked and send it again.
error-429-title = Too many requests
error-429-text = Wait { $seconds ->
    [one] { $seconds } second
   *[other] { $seconds } seconds
} and try again.
error-500-title = Something went wrong
error-500-text = Check whether your last change arrived before you try again. If this happens again, give the reference to the operator of this server.
error-503-title = Not available right now
error-503-text = The server is busy or stopping. Try again in a moment.
error-fault-title = Only reading works now
error-fault-text = The audit trail does not hold together, so nothing may be changed until the operator has settled it.
error-link-home = Go to the home page
error-link-sign-in = Sign in
error-link-back = Go back
error-link-status = Open the status page

error-field = { $field } { $what }.
error-503-integrity_fault-title = Only reading works now
error-503-no_room-title = Only reading works now
error-503-busy-title = Busy right now
error-503-timeout-title = That took too long
error-403-fresh-title = Confirm it is you first
error-429-too_many_tries-title = Too many login attempts
error-429-locked-title = This account is closed for now
error-409-last_admin-title = This is the last administrator
error-409-not_scored-title = This framework has no score
error-409-unproven-title = Nothing shows it yet
error-409-last_proof-title = Something rests on it
error-428-title = Say what you saw

## By code: what a person reads when nothing more exact is known

error-code-changed = This was changed meanwhile. Look at it again.
error-code-if_match = Send `If-Match` with the ETag of what you saw.
error-code-unproven = Nothing is complete without evidence, or a recorded interview, test or examination.
error-code-last_proof = This is the last thing a complete objective rests on.
error-code-not_scored = Only NIST SP 800-171 r2 has a score.
error-code-not_found = There is nothing at this address, or nothing you may see. Check it, or start from the home page.
error-code-method = This address does not take that kind of request.
error-code-internal = Check whether your last change arrived before you try again. If this happens again, give the reference to the operator of this server.
error-code-bad_request = Something in the request is missing or not in the right form. Go back, check it and try again.
error-code-invalid = Something in it is not right. Go back, correct it and send it again.
error-code-forbidden = Your roles do not include it. An administrator can grant a role. The attempt is recorded.
error-code-sign_in = This page is for people who are signed in.
error-code-fresh = This needs your password and a code again, because the last time is too long ago. The attempt is recorded.
error-code-csrf = It was open for too long, or it came from another site. Nothing was changed. Go back, reload the page and send it again.
error-code-too_many = Too many requests in a short time. Wait { $seconds ->
    [one] { $seconds } second
   *[other] { $seconds } seconds
} and try again.
error-code-too_many_tries = Too many login attempts. Wait { $seconds ->
    [one] { $seconds } second
   *[other] { $seconds } seconds
} and try again.
error-code-locked = Too many login attempts. The account stays closed until an administrator unlocks it.
error-code-too_many_of = You have as many of these as are allowed. Remove one first.
error-code-too_many_fields = The form has more fields than this server takes.
error-code-last_admin = This is the last administrator. Make another one first.
error-code-state = This was changed in the meantime, or was done already. Reload the page and look before you try again.
error-code-pruned = This entry was kept for as long as entries are, and then pruned. Its place and its hash stay. The page on retention says more.
error-code-erased = The person or number this concerns was erased. Nothing can be added to it any more.
error-code-busy = The server has much to do just now. Wait { $seconds ->
    [one] { $seconds } second
   *[other] { $seconds } seconds
} and try again.
error-code-unavailable = The database does not answer. Nothing was changed. Try again in a moment.
error-code-timeout = It took longer than allowed. Check whether your last change arrived before you try again.
error-code-integrity_fault = The audit trail, or the clock that it is written by, is in doubt, so nothing may be changed until the operator has settled it. Reading and exporting still work.
error-code-unwitnessed = No witness has confirmed the audit trail for too long, and this act waits until one does. The status page tells the operator more.
error-code-no_room = The disk of this server is almost full, so nothing new is begun: what is begun must also fit into the audit trail. Signing in, reading and exporting still work, and the rest will by itself once there is room.
error-code-no_checkpoint = No signed checkpoint covers this yet. One follows within a second or so; try again.
error-code-doubled_field = A field is there more than once. Send each field one time.
error-code-not_utf8 = The text is not in UTF-8. Send the form from its own page.
error-code-malformed = What was sent cannot be read. Check its form and send it again.
error-code-broken_body = The connection broke off before everything had arrived. Send it again.
error-code-not_a_form = Send the form from its own page.
error-code-not_json = Send JSON, with the content type application/json.
error-code-media_type = That format is not taken here. Send the form from its own page.
error-code-too_large = It is bigger than this server takes here. Choose something smaller.
error-code-bad_cookie = The browser sent a cookie this server did not make. Delete the cookies of this site and sign in again.
error-code-plain_http = This server is reached by https only. Begin the address with https.
error-code-credential_in_query = A token must never stand in an address, where logs keep it. Send it in the header Authorization, and revoke the one that was sent.
error-code-bad_token = The token is not known, has expired or was revoked. Make a new one on your account page.
error-code-two_credentials = The request carries more than one token. Send one.
error-code-not_multipart = Send the file from its own page, as multipart/form-data.
error-code-range = The file is shorter than the part asked for. Ask for it whole.
error-code-quota = This is more than your share of the storage. Delete what you no longer need, or ask an administrator.
error-code-bad_idempotency_key = The Idempotency-Key is not one this server takes: 1 to 255 printable ASCII characters.
error-code-secret_told = This request made a token before. Its secret was shown once, then. If it is lost, revoke that token and make another one with a new Idempotency-Key.
error-code-idempotency_mismatch = This Idempotency-Key was used for another request. Take a new one.

error-403-signature-title = This request is not signed
error-code-signature = Its signature does not fit what was received. Nothing was kept.
error-409-number_stopped-title = Nothing is sent to this number
error-code-number_stopped = It has opted out or is blocked.
error-409-contact_exists-title = This number has a contact already
error-code-contact_exists = Change that contact, or merge the other one into it.
error-409-name_taken-title = The name is taken
error-code-name_taken = There is a list of this name already. Choose another name.
error-412-if_match-title = Somebody else changed it
error-428-if_match-title = Which version is changed?
