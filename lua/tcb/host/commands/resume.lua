--- `tcb resume`: ends `tcb pause`.
return {
  summary = "let the account's processes send again",
  usage = "tcb resume",
  options = {},
  details = "Every process of the account that waits goes on within a second.",
  run = function(_, rest, env)
    if rest[1] then return env.usage(("unknown argument '%s'"):format(rest[1])) end
    return require("tcb.host.account").pause(env, false, "resumed")
  end,
}
