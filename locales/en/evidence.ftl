# Evidence: files and what is known of them.

evidence-title = Evidence
evidence-lead = Files kept exactly as they were uploaded, each under its own hash.
evidence-search = Name or SHA-256
evidence-none-title = No evidence yet
evidence-none = Evidence is any file that shows a requirement is met: a policy, a screenshot, a report. Each upload becomes an entry in the audit trail.
evidence-no-match-title = Nothing found
evidence-no-match = No file fits “{ $q }”.
evidence-by = Uploaded by { $owner }
evidence-download = Download
evidence-facts = File
evidence-bytes = { $count ->
    [one] { $shown } byte
   *[other] { $shown } bytes
}
evidence-check = The hash is checked each time the file is read. To check a copy yourself, compare its SHA-256 with the one above.
evidence-delete = Delete this file
evidence-delete-not = You cannot delete this file.
evidence-deleted = Deleted
evidence-deleted-kept = The entry and the hash are kept.

upload-title = Upload a file
upload-types = Allowed: { $types }.
upload-max = At most
upload-quota = Your space:
upload-button = Upload
upload-going = Uploading
upload-checking = Checking the file
upload-too-big = This file is too big. Choose a smaller one
upload-empty = This file is empty. Choose another
upload-proxy = A proxy in front of this server refused the file because of its size. Tell the operator: the proxy's limit must be at least the one shown above
upload-failed = The upload did not arrive. Check your connection and try again
field-file = File

error-file-missing = Choose a file
error-file-empty = The file is empty. Choose another
error-file-type = This kind of file is not allowed. Allowed are: { $types }
error-file-content = The content of the file is not what its name says. Save it in the right format and try again
error-file-big = The file is bigger than { $max }. Choose a smaller one
error-file-quota = There is not enough of your space left for this file. Delete what you no longer need, or ask an administrator
error-file-name = The name of the file is missing or too long. Rename it and try again
error-file-order = The form arrived in the wrong order. Reload the page and try again

confirm-evidence-delete-title = Delete { $name }?
confirm-evidence-delete-what = The file itself is removed. This cannot be undone.
confirm-evidence-delete-1 = Nobody can download it any more.
confirm-evidence-delete-2 = Its entry in the audit trail and its hash stay.
confirm-evidence-delete-3 = Your reason is kept with it.
confirm-evidence-delete-verb = Delete the file

flash-uploaded = { $name } is uploaded.
flash-evidence-deleted = { $name } is deleted. Its entry and its hash are kept.
flash-evidence-known = { $name } is uploaded. The same content was already here, so it is stored once.

error-evidence-reason-long = The reason is too long. Use at most { $max } characters
error-evidence-reason-characters = The reason holds characters that cannot be kept. Remove them
