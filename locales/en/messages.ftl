# Messages.

messages-title = Messages
messages-lead = Each message is recorded before it is sent, and again with its result.
messages-none-title = No messages yet
messages-none = A message is one text to one number. What became of it is shown here, also when nobody knows.
messages-sandbox = The sandbox gateway is in use: nothing leaves this server.
messages-sandbox-link = See what it delivered
send-title = Send a message
send-button = Send message
count-button = Count parts
message-length = Length
text-length = { $segments ->
    [one] { $segments } part
   *[other] { $segments } parts
}, { $encoding }, { $units } { $encoding ->
    [GSM-7] septets
   *[other] units
}
field-to = Phone number
field-to-hint = With the country code, for example +1 415 555 2671
field-text = Text
field-text-hint = Do not put patient data in a text message
message-title = Message to { $to }
message-timeline = What happened
message-facts = Message
message-gateway = Gateway
message-held = Held, not sent.
message-text-hidden = You may see that it was sent, not what it says.
sandbox-title = Sandbox gateway
sandbox-lead = What the built-in gateway took as delivered. It is slow and sometimes fails on purpose. No message here reached a phone.
sandbox-none-title = Nothing delivered yet
sandbox-none = Send a message and it shows up here some moments later.
sandbox-message = Message

state-queued-means = Waits for its turn.
state-held-means = Recorded, and not sent for a reason.
state-sending-means = On its way to the gateway.
state-accepted-means = The gateway has taken it.
state-delivered-means = The gateway says it arrived.
state-failed-means = The gateway could not send it.
state-rejected-means = The gateway refused it.
state-unknown-means = It may or may not have been sent. It is never sent a second time by itself.

attempt-queued = Recorded by { $author }
attempt-intent = About to be handed to { $gateway }
attempt-held = Held: { $reason }
attempt-sending = Handed to { $gateway }
attempt-accepted = { $gateway } took it
attempt-delivered = { $gateway } says it arrived
attempt-failed = { $gateway } could not send it: { $reason }
attempt-rejected = Not sent by { $gateway }: { $reason }
attempt-unknown = No clear answer from { $gateway }, so it is not tried again: { $reason }
attempt-interrupted = The server stopped before an answer of { $gateway } was recorded, so it is not tried again

gateway-sandbox = Sandbox
gateway-none = None

action-message-receive = A message came in
action-message-report = Report of a gateway

message-reason-no-gateway = no gateway is set up
message-reason-refused = the gateway refused it
message-reason-timeout = the answer did not come in time
message-reason-gateway-fault = the gateway failed on the way
message-reason-interrupted = the server stopped before an answer was recorded
message-reason-number-stopped = the number had opted out or was blocked
message-reason-erased = the number was erased
message-reason-altered = the stored message was altered

error-to-missing = Enter a phone number
error-to-plus = Start the number with + and the country code
error-to-short = The number is too short
error-to-long = The number is too long. It has at most 15 digits
error-to-characters = A phone number has digits, spaces, dashes and brackets only
error-to-country = There is no country with this code
error-to-extension = A message cannot reach an extension. Enter the number without it
error-to-scientific = A spreadsheet has turned this number into one like 1.4E+10 and lost digits. Enter it again
error-to-kind = A number of this kind does not receive messages. Enter a mobile number
error-to-invalid = This number cannot exist in its country. Check it and try again
error-text-missing = Enter the text of the message
error-text-long = { $max ->
    [one] The text is too long. Use { $max } character at most
   *[other] The text is too long. Use at most { $max } characters
}
error-text-characters = The text has characters that cannot be sent
