--- `tcb delist`: takes numbers out of a feature set.
return require "tcb.host.listed".command("delist", "take numbers out of a feature set",
  "Any count, sent 10,000 at a time. A number that is still being listed is waited for first.")
