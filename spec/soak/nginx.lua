--- 20,000 requests of rough clients to one nginx worker with tcb in it, and a rough service behind: see spec/support/rough.lua.
-- Argument: how many requests. Part of spec/soak/nginx.sh.
local rough = require "support.rough"
local total = tonumber(arg[1])

local function verdict(name, good, measured, bound)
  print(("%s nginx.%s %s %s"):format(good and "ok" or "MISS", name, measured, bound))
end

local r = rough.start()
local ok, why = pcall(function()
  local wrong = r.mix(total / 5)                                   -- warms up: pools, traces, arenas
  local fds, kb = r.figures()
  wrong = wrong .. r.mix(total)
  local fds_after, kb_after = r.figures()
  print(("descriptors %d -> %d, resident %d -> %d KiB over %d requests"):format(fds, fds_after, kb, kb_after, total))
  verdict("wrong_answers", wrong == "", wrong == "" and "none" or wrong:gsub("%s+", "_"), "none")
  verdict("descriptors_gained", fds_after - fds <= 16, fds_after - fds, "<=16")     -- up to 8 kept a peer
  verdict("resident_KiB_gained", kb_after - kb <= 1024, kb_after - kb, "<=1024")
  local errors = r.host.errors()
  io.write(errors:sub(1, 4000))
  verdict("error_log_lines", errors == "", select(2, errors:gsub("[^\n]+", "")), 0)
end)
r.stop()
if not ok then error(why, 0) end
