# What gateways say, and what became of messages.

gateway-twilio = Twilio
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
message-reason-campaign-gone = its campaign is gone

attempt-again = Nothing was sent by { $gateway }, so it waits for another turn: { $reason }
attempt-reconciled = { $gateway } was asked what became of it
