-- spec/soak/state.lua: damaged account states with a checksum that fits: none may crash the governor, whatever it then decides.
-- Run by state.sh on the sanitized build of Lua 5.4. Argument: how many.
local core = require "tcb.core"
local count = tonumber(arg[1]) or 200000
local mono = core.clock.mono

--- The state's checksum, in operators that LuaJIT does not read.
local checksum = load [[return function(text)
  local h = 2166136261
  for i = 1, #text do h = ((h ~ text:byte(i)) * 16777619) & 0xffffffff end
  return string.pack("<I4", h)
end]]()

local function full()
  local g = core.governor{ mint = { count = 10, window_us = 1800000000 }, push = { count = 60, window_us = 60000000 },
    personalise = { count = 100, window_us = 1000000 }, key = "00000000" }
  for _ = 1, 10 do
    local n = g:mint_begin(40000000, true, 20, false)
    g:mint_done(n, mono(), mono(), 20, "token " .. n, ("%08d"):format(n))
  end
  for _ = 1, 200 do
    g:take("push", 100, true, 0, 10, false, nil, 15000000)
    g:take("personalise", 10, true, 0, 10, false, nil, 15000000)
  end
  return g
end

local function damaged(base)
  local bytes = { base:byte(1, -1) }
  for _ = 1, math.random(4) do
    local kind = math.random(4)
    bytes[math.random(29, #bytes)] = kind == 1 and 255 or kind == 2 and 0 or math.random(0, 255)
  end
  local text = string.char(table.unpack(bytes))
  if math.random(5) == 1 then text = text:sub(1, math.random(29, #text)) end
  return text:sub(1, 24) .. checksum(text:sub(29)) .. text:sub(29)
end

math.randomseed(7)
local g, buf, taken = full(), core.buf(), 0
local base = g:dump(buf):string()
for _ = 1, count do
  if g:load(damaged(base)) then
    taken = taken + 1
    g:take("push", 100, true, 0, 10, true, nil, 15000000)
    g:take(nil, 1, false, 0, 10, true, nil, 15000000)
    local action, _, _, _, n, slot = g:take("personalise", 1, false, 0, 10, true, nil, 15000000)
    if action == "grant" then g:answered(n, "personalise", slot, mono(), mono(), 429) end
    local m = g:mint_begin(40000000, true, 20, false)
    if m then g:mint_done(m, mono(), mono(), 20, "x", "00000000") end
    g:status()
    assert(g:load(g:dump(buf)))                          -- what it made of it is in order
  end
end
print(("%s state.damaged %d %d"):format(taken > count / 10 and "ok" or "MISS", count, count))
