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
error-413-title = That is too big
error-413-text = The most this server takes here is { $max }. Choose something smaller.
error-413-plain-text = It is bigger than this server takes here. Choose something smaller.
error-415-title = That format is not taken here
error-415-text = Send the form from its own page.
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
