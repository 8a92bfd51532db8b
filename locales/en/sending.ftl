# What gateways say, and what became of messages.

gateway-twilio = Twilio
gateway-phone = Phone bridge
stop-source-gateway = the gateway's word
action-message-reconcile = Message looked for at its gateway

message-reason-no-connection = there was no connection to the gateway
message-reason-connection-lost = the connection was lost
message-reason-answer-unreadable = the answer could not be read
message-reason-not-found = the gateway was asked twice and does not have it
message-reason-twilio-21610 = the number wants no messages
message-reason-twilio-21211 = there is no such number
message-reason-twilio-21614 = the number cannot receive messages
message-reason-twilio-20003 = the gateway does not take the account and its token
message-reason-twilio-20429 = the gateway had too much to do
message-reason-twilio-30003 = the telephone was not reached
message-reason-twilio-30007 = a carrier filtered it
message-reason-phone-busy = the phone bridge had too much to do
message-reason-phone-key = the phone bridge does not take the key
message-reason-phone-failed = the telephone says that it was not sent
message-reason-phone-no-program = the telephone's program for messages is missing
message-reason-phone-timeout = the telephone did not answer in time
message-reason-phone-program-failed = the telephone's program for messages failed
message-reason-phone-interrupted = the phone bridge was stopped while it was handed over
message-reason-phone-expired = its time was over before the telephone had it
message-reason-phone-forgot = the phone bridge lost its memory
message-reason-campaign-gone = its campaign is gone

attempt-again = Nothing was sent by { $gateway }, so it waits for another turn: { $reason }
attempt-reconciled = { $gateway } was asked what became of it
