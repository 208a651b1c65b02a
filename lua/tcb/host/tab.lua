--- Answers Tab at the prompt.
-- @module tcb.host.tab
local complete = require "tcb.host.complete"

local SHOWN = 40

--- Labels and feature sets of the account, fetched once a session, and only when the session has a client already.
local function live_of(session)
  local function list(name)
    return function()
      local client = rawget(_G, "client")
      if not client and not require "tcb.ambient".credentials then return {} end
      if not session.cache[name] then
        local ok, items = pcall(function() return _G.client[name](_G.client):all() end)
        session.cache[name] = ok and items or nil
      end
      return session.cache[name] or {}
    end
  end
  return { labels = list "labels", feature_sets = list "feature_sets" }
end

local function print_candidates(list, width)
  local lines, widest = {}, 0
  for i = 1, math.min(#list, SHOWN) do
    local item = list[i]
    lines[i] = item.note and item.text .. "  " .. item.note or item.text
    widest = math.max(widest, #lines[i])
  end
  io.stdout:write "\n"
  local per_row = math.max(1, list[1].note and 1 or math.floor(width / (widest + 2)))
  for i, line in ipairs(lines) do
    io.stdout:write(line, (i % per_row == 0 or i == #lines) and "\n" or (" "):rep(widest + 2 - #line))
  end
  if #list > SHOWN then io.stdout:write("… ", #list - SHOWN, " more\n") end
  io.stdout:flush()
end

--- Completes the text in front of the cursor, or shows what it could become.
return function(editor, text, session, width)
  local list, typed = complete.at(text, require "tcb.host.colon".names, live_of(session))
  if #list == 0 then return end
  local common = complete.common(list)
  if #common > #typed or #list == 1 then
    local drop = common:sub(1, #typed) == typed and 0 or utf8.len(typed) or #typed
    editor:insert(drop > 0 and common or common:sub(#typed + 1), drop)
    editor:redraw()
  else
    print_candidates(list, width)
    editor:redraw()
  end
end
