# Sign-offs of the audit trail.

reviews-title = Reviews
reviews-lead = Who looked at which entries, and what they found. A review is signed once and never changed; a later one may correct it.
reviews-none-title = No reviews yet
reviews-none = Choose a range of entries in the audit trail and sign it off.
review-these = Sign off these entries
review-next = Review the oldest open entries

cover-title = Reviewed so far
cover-sum = { $reviewed } of { $size } entries of this log are signed off.
cover-hint = { $days ->
    [one] Only reviews of all entries of a range count here. Compliance officers are reminded once the oldest open entry is a day old.
   *[other] Only reviews of all entries of a range count here. Compliance officers are reminded once the oldest open entry is { $days } days old.
}
cover-table = The same as a table
cover-done = Signed off
cover-open = Open

col-entries = Entries
col-finding = Finding
col-method = Method
col-reviewer = Reviewer

finding-none = Nothing to object
finding-question = Question open
finding-incident = Incident
method-all = All entries
method-sample = Sample

review-title = Review of entries { $first } to { $last }
review-facts = What was signed
review-part = Filtered
review-corrected = Corrected
review-corrected-by = A later review corrects this one:
review-corrects = Corrects
review-correct = Correct it by another review
review-comment = Comment
review-comment-hint = What you looked for and what you saw. It is sealed beside the entry.
review-meaning = I have reviewed these entries of the audit trail as stated, and this is my finding.
review-meaning-label = Meaning of the signature
review-meaning-hint = Signing says this under your name, with your password and code confirmed a moment ago. It cannot be changed or taken back.
review-filter = Filters
review-matched = Entries that match
review-root = Root after the last entry
review-seed = Seed of the sample
review-entry = Entry of this review
review-drawn = Entries drawn
review-drawn-hint = Nobody chose them: the seed follows from the range, the count and the root, and the sample from the seed. SECURITY.md says how.

review-new-title = Sign off entries { $first } to { $last }
review-new-lead = Look at the entries first. What you sign here is itself an entry of the trail.
review-what = What you sign off
review-sample = Look at a sample of so many (1 to { $max })
review-draw = Draw
review-sign = Sign
review-differing = { $count ->
    [one] One entry of this range was altered in the database. Only an incident can be signed off.
   *[other] { $count } entries of this range were altered in the database. Only an incident can be signed off.
}
error-comment-empty = Say in a few words what you looked at
error-comment = Shorten the comment, and leave out characters that cannot be seen
error-finding = Choose what you found
error-review-own = All of these entries are your own acts. Someone else has to sign them off.
error-review-differs = Entries of this range were altered in the database. Only an incident can be signed off.
error-review-corrected = The review you want to correct was corrected already, or is not there.
