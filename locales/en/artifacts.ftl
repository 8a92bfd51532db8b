# Artifacts: what is known of evidence beside its file, its versions, its approval, and tags.

artifact-state = Approval
artifact-draft = A draft counts for nothing. Its owner says how it was come by, then asks for approval.
artifact-in-review = It counts once a compliance officer, other than its owner, has approved it.
artifact-approved = It counts for every objective that is linked to any version of it.
artifact-superseded = A later version was approved; that one counts.
artifact-submit = Ask for approval
artifact-approve = Approve
artifact-approve-not = You cannot approve this.
artifact-reject = Give back as a draft
artifact-because = Why it is given back
artifact-approved-by = Approved by { $who }
artifact-rejected-by = Given back by { $who }
artifact-about = What it is
artifact-method = How it was come by
artifact-method-none = Not said
artifact-collector = Collected by
artifact-obtained = How was this obtained?
artifact-obtained-hint = The system, the report or the person it came from, so that somebody else could get it again.
artifact-period = Period
artifact-period-from = Period from
artifact-period-to = Period to
artifact-period-hint = The days that it shows, whenever it was uploaded.
artifact-expires-on = Holds until
artifact-expires-days = Or days after the end of the period
artifact-expires-hint = Fill in one of the two. Its owner is reminded 30, 7 and 1 day before, and on the day itself.
artifact-tags = Tags
artifact-unsaid = Not said
artifact-never = No end
artifact-fixed = This can be changed in a draft, by its owner. To say something else, upload a new version.
artifact-says = What the file says
artifact-says-author = Author
artifact-says-created = Made
artifact-says-modified = Changed
artifact-says-hint = It was read from inside the file, where anybody could write it. Nothing follows from it.
artifact-versions = Versions
artifact-version = Version { $number }
artifact-version-new = Upload a new version
artifact-versions-hint = Links of objectives go to all versions at once, and follow the newest approved one.
artifact-duplicates = The same content is here already:
artifact-altered = The stored file was found to be another
artifact-altered-hint = Its SHA-256 is not the one it was uploaded with, or it is gone. Restore it from a backup.

state-draft = draft
state-in-review = in review
state-approved = approved
state-superseded = superseded

why-draft = Its evidence is a draft
why-in-review = Its evidence waits for approval
why-unconfirmed = A recorded interview or test waits for somebody else to confirm it
why-expired = Its evidence expired { $days ->
    [one] a day
   *[other] { $days } days
} ago
why-wrong-period = Its evidence is of another time than the assessment asks for, or of none
why-submitter-is-approver = Its evidence was approved by whoever uploaded it
why-superseded = Its evidence was superseded
why-hash-mismatch = Its evidence was altered after it was uploaded

error-period-order = The period ends before it begins.
error-expiry-twice = Fill in the day or the number of days, not both.
error-expiry-days = This is not a number of days from 1 to 3650.
error-expiry-period = Say first when the period ends.
error-tag-unknown = There is no such tag, or it was retired.
error-tags-many = These are too many tags. Choose 20 at most.
error-tag-code = A code is 1 to 12 letters, digits and dashes.
error-tag-there = There is such a tag already.
error-tags-full = There are too many tags. Use one that was retired again.

flash-text-artifact-kept = Kept.
flash-text-artifact-submitted = It waits for approval now.
flash-text-artifact-approved = Approved.
flash-text-artifact-rejected = Given back to its owner.
flash-text-tag-made = The tag is made.
flash-text-tag-retired = The tag is retired.

nav-tags = Tags
tags-title = Tags
tags-lead = Domains and assets that evidence belongs to. A code is part of the names it is shown by, as in AC-3.01.01.a-IT.pdf.
tags-none-title = No tags yet
tags-none = Make one for each domain or asset, such as IT, HR or a site.
tags-new = Make a tag
tags-code = Code
tags-code-hint = Up to 12 letters, digits and dashes.
tags-for = What it stands for
tags-make = Make
tags-retire = Retire
tags-retired = retired

objective-follows = version { $number } of { $versions }

window-title = Period of the evidence
window-lead = Evidence and records of another time hold nothing in this assessment. Leave both empty to take any.
window-from = From
window-to = To
flash-text-window-kept = Kept.
error-window-order = The last day is before the first one.

action-evidence-describe = Describe evidence
action-evidence-submit = Ask for approval of evidence
action-evidence-approve = Approve evidence
action-evidence-reject = Give evidence back
action-tag-create = Make a tag
action-tag-retire = Retire a tag
action-assessment-window = Set the period of an assessment's evidence
action-evidence-remind = Remind of evidence that expires
action-evidence-scrubbed = Hold stored files against their hashes

notice-evidence-expires = Evidence of yours expires
notice-alert-evidence-altered = An alert was raised: stored evidence was altered
mail-evidence-expires-subject = Evidence of yours expires
mail-evidence-expires-text = { $file } holds until { $day }. That is { $left ->
    [0] today, or over
    [one] a day from now
   *[other] { $left } days from now
}.
mail-evidence-expires-now = After that it counts for no objective. Upload a new version and have it approved:
mail-alert-evidence-altered-subject = Evidence stored in Countersign was altered
mail-alert-evidence-altered-text = On { $at }, { $files ->
    [one] a stored file was not what was uploaded, or was gone.
   *[other] { $files } stored files were not what was uploaded, or were gone.
}
mail-alert-evidence-altered-now = They count for no objective until they are whole again. The entries of the trail under “Hold stored files against their hashes” name them; restore them from a backup, and find out who had a hand in it.

bulk-upload-title = Files uploaded
bulk-upload-many = Upload many files
bulk-upload-hint = Each becomes an entry of its own. One that cannot be taken keeps none of the others back.
bulk-upload-files = Files
bulk-upload-taken = { $count } of { $all } taken.
bulk-upload-yes = taken
bulk-upload-no = not taken
bulk-upload-none = There was no file in the form.
bulk-upload-broken = The upload broke off here. Send the rest again.
bulk-upload-unlinked = It was uploaded and could not be linked. Link it from the list.
objective-upload = Upload for this objective
objective-upload-hint = Each file is uploaded and linked. It counts once somebody else has approved it.
