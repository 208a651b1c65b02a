--- Which transport this program uses. Everything that sends goes through `current().send`.
--
-- A runtime is a table `{ name, send(request) -> answer | nil, err, sleep(seconds), now_us() }`:
-- request = { method, url, headers = { "Name: value", ... } in order and complete, body = string | tcb.buf, connect_timeout_s = 10,
--   timeout_s = 30 (one attempt), repeatable = boolean (false: idle connections older than 20 s are not used), max_body_bytes,
--   want = "string" | "buf", into = tcb.buf to receive the answer, file = path of a download, ca, proxy, on_sent(us), on_wait() }
-- answer = { status, headers = { ["lower-case"] = "value" }, body = string | tcb.buf, sent_us, done_us } (monotonic clock).
-- A runtime never sends a request twice and never follows a redirect. Its errors (kinds net, timeout, proto, cancelled, memory,
-- config, store) have `sent = true` when the first byte of the request had left.
-- @module tcb.runtime
local hosts = require "tcb.hosts"
local M = {}

local used

local RUNTIMES = { lua = "tcb.runtime.curl", nginx = "tcb.runtime.nginx", haproxy = "tcb.runtime.haproxy" }

local function default()
  return require(RUNTIMES[hosts.name()])
end

--- The runtime of this program: the one given to `use`, else the one that fits the host.
function M.current()
  used = used or default()
  return used
end

--- Uses `runtime` from here on (nil: the default again). Returns the one used before, nil when none was yet.
function M.use(runtime)
  local before = used
  used = runtime
  return before
end

return M
