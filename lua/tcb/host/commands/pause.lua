--- `tcb pause`: no process of the account sends any more, until `tcb resume`.
return {
  summary = "stop the sends of the account in every process, until resume",
  usage = "tcb pause",
  options = {},
  details = [[
Reaches every process that shares the account's state file within a second. Pushes and real-time calls wait; what is under way gets its
answer; labels, numbers and status go on. Nothing is lost: `tcb resume` lets them continue.]],
  run = function(_, rest, env)
    if rest[1] then return env.usage(("unknown argument '%s'"):format(rest[1])) end
    return require("tcb.host.account").pause(env, true, "paused: every process of the account waits; 'tcb resume' lets them go on")
  end,
}
