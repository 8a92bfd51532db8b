# Plans of action and milestones, the clock of a conditional status, and operational plans of action.

plan-title = Plan of action
plan-lead = What is not met and may wait, by 32 CFR 170.21: with its milestones, and 180 days from the conditional status to the close-out. Nothing here counts as met.
plan-csv = Plan as CSV
plan-clock = Conditional status
plan-conditional = Conditional status date
plan-conditional-hint = The day on which the status became conditional. Everything that is not met must stand on this plan by then.
plan-conditional-do = Start the 180 days
plan-last-day = Last day for the close-out
plan-citation-clock = 32 CFR 170.21(b)
plan-days-left = { $count ->
    [one] { $count } day left
   *[other] { $count } days left
}
plan-expired = The 180 days are over. The conditional status has ended (32 CFR 170.21(b)); a new assessment is needed.
plan-closed = Closed out
plan-close-day = Day of the close-out
plan-close-hint = Once. Every requirement on this plan must be verified as met.
plan-close-do = Close the plan out
plan-none = Nothing stands on this plan.
plan-weakness = What is missing
plan-remediation = What is done about it
plan-milestones = Milestones
plan-milestones-hint = One a line: 2026-03-31 the module is ordered. Put x between day and text once it is reached.
plan-milestone-reached = reached
plan-risk = Risk
plan-owner = Owner
plan-due = To be done by
plan-late = late
plan-changed = Changed
plan-change-item = Change { $id }
plan-remove = Take { $id } off the plan
plan-add = Put a requirement on the plan
plan-add-none = Nothing else that was assessed and is not met may stand on a plan.
plan-add-do = Put it on the plan
plan-requirement = Requirement

risk-low = Low
risk-moderate = Moderate
risk-high = High

operational-title = Operational plans of action
operational-lead = What was in place and fails for a time: no part of the plan of action of an assessment, and without its deadline.
operational-deficiency = What fails
operational-since = Since
operational-open = open
operational-resolved = Mended
operational-resolution = How it was mended
operational-resolve = It is mended
operational-change = Change or end { $id }
operational-add = Write an operational plan
operational-add-do = Write it
operational-requirement-hint = As in 3.14.1.

error-plan-framework = Only an assessment by SP 800-171 r2 has a plan of action.
error-plan-unassessed = { $id } is not assessed yet. Find out first whether it is met.
error-plan-final = Everything is met: the status is final, and there is nothing to wait for.
error-plan-missing = { $id } is not met and stands on no plan. Put it on this plan first.
error-plan-late = The 180 days are over, so this plan cannot be closed out any more.
error-plan-open = { $id } stands on the plan and is not verified as met.
error-plan-changed = Somebody else changed this meanwhile. What they made of it is shown under its heading when you open this page anew; yours is kept in the form.
error-plan-state = This is there already, or gone already.
error-plan-kept = A conditional status rests on this plan: nothing is taken off it.
error-plan-requirement = There is no such requirement in this framework.
error-milestones = Write one milestone a line, beginning with its day: 2026-03-31 the module is ordered.
error-close-out-day = Name a day from the conditional status date to today.

flash-text-plan-kept = Kept.
flash-text-plan-removed = It is off the plan.
flash-text-plan-clock = Kept.

action-plan-add = Put a requirement on the plan
action-plan-edit = Change an item of the plan
action-plan-remove = Take an item off the plan
action-plan-export = Export the plan of action
action-plan-begin = Start the days of a conditional status
action-plan-close-out = Close the plan of action out
action-operational-add = Write an operational plan
action-operational-edit = Change an operational plan
action-operational-resolve = End an operational plan
