--- What the commands tokens, pause and resume share: the account's governor, without a request to the service.
-- @module tcb.host.account
local M = {}

--- The governor of the account that the options, the environment or the profile name | nil, err.
---@return tcb.Governor? governor
---@return tcb.Error? err
function M.governor(env)
  local client, err = env.client()
  if not client then return nil, err end
  local caller
  caller, err = client._wire.caller()
  if not caller then return nil, err end
  return caller.governor, nil, client
end

--- Stops or resumes the account's sends; the exit code. `done`: what to say.
function M.pause(env, stop, done)
  local governor, err = M.governor(env)
  if not governor then return env.fail(err) end
  if governor.store.kind == "memory" then
    return env.usage "the account's state is in memory: there is no other process to reach"
  end
  local ok
  ok, err = governor:pause(stop)
  if not ok then return env.fail(err) end
  if env.json then env.out(('{"paused":%s}\n'):format(stop)) else env.note(done .. "\n") end
  return 0
end

return M
