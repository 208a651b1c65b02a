--- `tcb publish`: lists numbers with a feature set.
return require "tcb.host.listed".command("publish", "list numbers with a feature set",
  "Any count, sent 10,000 at a time. The service ignores a number that is still being delisted, so tcb waits for such numbers first.")
