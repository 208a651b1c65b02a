--- The runtime inside HAProxy: libcurl's engine, stepped while HAProxy's own coroutines wait (tcb.task.haproxy).
-- Loads all that a client may need: it is made while HAProxy reads its configuration, and afterwards HAProxy may live in a chroot.
-- @module tcb.runtime.haproxy
for _, name in ipairs{ "call", "batch", "job", "v1", "objects", "store.memory" } do require("tcb." .. name) end
pcall(require, "tcb.curl")                               -- without it, the first call says what to install
local curl = require "tcb.runtime.curl"

local M = {}
for name, value in pairs(curl) do M[name] = value end
M.name = "haproxy"

--- Where the account's state is kept: in this Lua state, which all threads of HAProxy share under `lua-load`.
function M.store() return require("tcb.store.memory").new() end

return M
