# Intakes: merging, files, and what comes after the conversation.

action-intake-merge = Make one record of two
action-intake-attach = Add a file to a patient's record
action-intake-attach-sent = Send a file with an intake

intake-state-merged = merged into another
intake-texts = Texts that came afterwards
intake-files = Files
intake-files-none = No files.
intake-file = File
intake-file-image = image
intake-file-pdf = PDF
intake-file-by = { $kind }, by { $by }
intake-file-read = Read this file
intake-file-add = Add an image or a PDF
intake-file-hint = At most 10 MB. It is kept sealed and goes with the record.
intake-file-button = Add
intake-file-missing = Choose a file first
intake-file-large = The file is larger than 10 MB; send a smaller one
intake-file-kind = Only JPEG, PNG, GIF, WebP and PDF are taken; what counts is the content, not the name
intake-file-full = This record takes no more files
intake-form-file = A photo or PDF
intake-form-file-hint = { $count ->
    [one] One file of at most 10 MB. Add it before you fill in what follows.
   *[other] At most { $count } files of 10 MB each. Add them before you fill in what follows.
}
intake-form-files = { $count ->
    [one] One file was added.
   *[other] { $count } files were added.
}
flash-text-intake-attached = The file was added.

intake-merge = Merge with another record
intake-merge-lead = This record stays. The other one is closed and points here; what both say stays readable, and whoever read either is told of both. Neither is kept longer than was promised for it.
intake-merge-alike = Maybe the same patient
intake-merge-alike-none = No other record has this number, or this name and date of birth.
intake-merge-with = Another record
intake-merge-with-hint = Its id, as its page shows it.
intake-merge-look = Look at it
intake-merge-none = There is no such record
intake-merge-stays = Stays
intake-merge-closes = Is closed
intake-merge-fields = Take the other's answer
intake-merge-same = Both say the same, or nothing.
intake-merge-kept = Only this record has an answer.
intake-merge-other = Only the other record has an answer.
intake-merge-differ = They differ. Unticked, the answer of this record stays.
intake-merge-read = What they say is not shown here: read a field on the page of its record when you must.
intake-merge-button = Merge
intake-merge-until = Both are destroyed
intake-merge-sooner = The other record is destroyed earlier than this one would be, and this one then goes with it.
intake-merged-into = This record went into another one, where the patient's answers are now:
intake-merged-from = Went into this
flash-text-intake-merged = The two records are one now.
error-code-intake_merged = This record went into another one; do it there.
error-code-intake_unlike = These two cannot become one: both must be complete, or with a person, of the same flow, and nothing may have gone into the other one yet.
error-code-intake_full = This record takes no more files.
error-code-intake_file = Only JPEG, PNG, GIF, WebP and PDF of at most 10 MB are taken.

intake-days = Begun on each day
intake-days-count = Intakes
intake-whatsapp = The flow { $flow } asks about health and may be held over WhatsApp. WhatsApp is not eligible under HIPAA: no agreement covers what passes there. Set whatsapp = false in its file unless you know that this law does not bind you.

action-intake-print = Print a patient's record
intake-print = Print this record
intake-print-hint = Every field on one page, for paper or a PDF; password and code are asked for.
intake-print-title = Patient's record
intake-print-lead = Print this page, or save it as a PDF, with your browser; then close it.
intake-print-without = Not on this page: files, what an answer said before it was corrected, and what records said that went into this one.
intake-print-by = Printed by
intake-print-word = Word
intake-print-hash = Hash in the trail
disclosure-print = Printed
disclosure-compare = Compared with another record

action-intake-export-sheet = Export patients' records into a spreadsheet
disclosure-sheet = Exported into a spreadsheet
intake-sheet = Spreadsheet at Google
intake-sheet-hint = Only with an agreement of your organisation with Google that covers patients' data. Each export makes a tab of its own; whoever has the spreadsheet can read it.
intake-sheet-button = Export into the spreadsheet
intake-sheet-failed = Google did not take it, or did not say that it did. A tab may be there in part: look, and remove it. The log says more.
intake-sheet-full = More than 10,000 records: export fewer days.
flash-text-intake-sheet = The records are in a new tab of the spreadsheet.
