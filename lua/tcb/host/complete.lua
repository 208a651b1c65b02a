--- What Tab offers at the prompt: commands, globals, fields and methods, option names, ids of the account.
-- @module tcb.host.complete
local docs = require "tcb.host.docs"
local M = {}

local function add_keys(into, value, prefix)
  if type(value) ~= "table" then return end
  for key in next, value do
    if type(key) == "string" and key:match "^[%a_][%w_]*$" and key:sub(1, #prefix) == prefix and not (key:sub(1, 1) == "_" and prefix == "") then
      into[key] = true
    end
  end
end

--- Class of a value by its metatable's name: "tcb.pages" -> the documented tcb.Pages.
local function class_of(value)
  local meta = (type(value) == "table" or type(value) == "userdata") and getmetatable(value)
  local name = type(meta) == "table" and rawget(meta, "__name")
  if not name then return nil, meta end
  for class, entry in pairs(docs.index().by_class) do
    if class:lower() == name:lower() then return entry, meta end
  end
  return nil, meta
end

--- Follows `a.b.c` from the globals without calling anything of the user's.
local function resolve(chain)
  local value = _G
  for name in chain:gmatch "[%w_]+" do
    if type(value) ~= "table" then return nil end
    local found = rawget(value, name)
    if found == nil and value == _G and name == "tcb" then found = require "tcb" end
    if found == nil and value ~= _G then
      local meta = getmetatable(value)
      local up = type(meta) == "table" and rawget(meta, "__index")
      found = type(up) == "table" and rawget(up, name) or nil
    end
    value = found
    if value == nil then return nil end
  end
  return value
end

local function members(chain, sep, prefix)
  local into = {}
  local value = resolve(chain)
  local class, meta = class_of(value)
  if chain == "client" then class = docs.index().by_class["tcb.Client"] end
  if chain == "client.v1" then class = docs.index().by_class["tcb.ClientV1"] end
  if chain == "tcb" then
    for _, f in ipairs(docs.index().functions) do into[f.shown:sub(5)] = f.shown:sub(5, 4 + #prefix) == prefix or nil end
  end
  if class then
    for _, f in ipairs(class.methods) do if f.name:sub(1, #prefix) == prefix and sep == ":" then into[f.name] = true end end
    for _, f in ipairs(class.fields or {}) do
      if sep == "." and f.name:sub(1, #prefix) == prefix then into[f.name:match "^[%w_]+" or ""] = true end
    end
  end
  if type(value) == "string" then add_keys(into, string, prefix) end
  if not class then
    add_keys(into, value, prefix)
    local up = type(meta) == "table" and rawget(meta, "__index")
    if type(up) == "table" then add_keys(into, up, prefix) end
  end
  return into
end

--- The text in front of the cursor without closed brackets and strings: what is still open. Returns the innermost open bracket's
-- leading text, or nil; and whether the cursor is inside a string.
local function open_parts(text)
  local stack, quote, i, from = {}, nil, 1, nil
  while i <= #text do
    local c = text:sub(i, i)
    if quote then
      if c == "\\" then i = i + 1 elseif c == quote then quote = nil end
    elseif c == '"' or c == "'" then
      quote, from = c, i + 1
    elseif c == "(" or c == "{" then
      stack[#stack + 1] = i
    elseif (c == ")" or c == "}") and #stack > 0 then
      stack[#stack] = nil
    end
    i = i + 1
  end
  return stack, quote and from
end

--- The function whose arguments are being written: "client:push" of `client:push{ { cal`.
local function called(text, stack)
  for i = #stack, 1, -1 do
    local name = text:sub(1, stack[i] - 1):match "([%a_][%w_.:]*)%s*$"
    if name and name ~= "return" then return name end
  end
end

--- Ids that fit at a string's place: `live` = { labels = fn -> list, feature_sets = fn -> list }.
local function live_values(text, from, stack, live)
  local typed, before = text:sub(from), text:sub(1, from - 2)
  local field = before:match "([%w_]+)%s*=%s*$"
  local fn = called(text, stack)
  local list
  if field == "label_id" then list = live.labels()
  elseif field == "feature_set_id" or fn and (fn:match "[:.]publish$" or fn:match "[:.]delist$") and before:match "%(%s*$" then
    list = live.feature_sets()
  end
  local found = {}
  for _, item in ipairs(list or {}) do
    if item.id:sub(1, #typed) == typed or item.name:lower():sub(1, #typed) == typed:lower() then
      found[#found + 1] = { text = item.id, note = item.name }
    end
  end
  return found, typed
end

--- Candidates for the text in front of the cursor.
---@param text string
---@param commands string[] the prompt's own, `:help` and so on
---@param live table
---@return { text: string, note: string? }[] candidates sorted
---@return string typed what they would replace
function M.at(text, commands, live)
  local set, typed = {}, nil
  local doc = text:match "^%s*:doc%s+([%w_.:]*)$"
  if doc then
    for _, f in ipairs(docs.index().functions) do set[f.shown] = f.shown:sub(1, #doc) == doc or nil end
    for _, c in ipairs(docs.index().classes) do
      for _, f in ipairs(c.methods) do
        local shown = f.shown:gsub(":", doc:find ":" and ":" or ".")
        set[shown] = shown:sub(1, #doc) == doc or nil
      end
    end
    typed = doc
  elseif text:match "^%s*:[%a]*$" then
    typed = text:match "(:[%a]*)$"
    for _, name in ipairs(commands) do set[name] = name:sub(1, #typed) == typed or nil end
  else
    local stack, from = open_parts(text)
    if from then return live_values(text, from, stack, live) end
    local chain, sep, prefix = text:match "([%a_][%w_.]*)([.:])([%w_]*)$"
    if chain then
      set, typed = members(chain, sep, prefix), prefix
    else
      typed = text:match "([%a_][%w_]*)$" or ""
      local inside = stack[#stack] and text:sub(stack[#stack], stack[#stack]) == "{" and text:sub(1, #text - #typed):match "[{,]%s*$"
      local fn = inside and called(text, stack)
      for _, name in ipairs(fn and docs.fields_for(fn) or {}) do set[name] = name:sub(1, #typed) == typed or nil end
      if next(set) == nil and typed ~= "" then
        add_keys(set, _G, typed)
        for _, name in ipairs { "tcb", "client" } do set[name] = name:sub(1, #typed) == typed or set[name] end
        for word in ("and break do else elseif end false for function if in local nil not or repeat return then true until while"):gmatch "%a+" do
          set[word] = word:sub(1, #typed) == typed or set[word]
        end
      end
    end
  end
  local list = {}
  for name in pairs(set) do list[#list + 1] = { text = name } end
  table.sort(list, function(a, b) return a.text < b.text end)
  return list, typed
end

--- What all candidates begin with.
function M.common(list)
  local common = list[1].text
  for _, item in ipairs(list) do
    while item.text:sub(1, #common) ~= common do common = common:sub(1, -2) end
  end
  return common
end

return M
