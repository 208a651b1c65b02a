--- The runtime inside HAProxy: libcurl's engine, stepped while HAProxy's own coroutines wait (tcb.task.haproxy).
-- @module tcb.runtime.haproxy
local curl = require "tcb.runtime.curl"

local M = {}
for name, value in pairs(curl) do M[name] = value end
M.name = "haproxy"

--- Where the account's state is kept: in this Lua state, which all threads of HAProxy share under `lua-load`.
function M.store() return require("tcb.store.memory").new() end

return M
