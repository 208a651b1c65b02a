-- Run by `tcb --sandbox`: compares the annotations of the public API with the loaded modules, in both directions. Prints a line for each
-- difference, then `compared N`.
local docs = require "tcb.host.docs"
local errors = require "tcb.errors"
local tcb = require "tcb"

local compared = 0
local function say(...) print((...):format(select(2, ...))) end

local function same(what, annotated, real)
  compared = compared + 1
  for name in pairs(annotated) do if not real[name] then say("%s: '%s' is annotated, and not there", what, name) end end
  for name in pairs(real) do if not annotated[name] then say("%s: '%s' is there, and not annotated", what, name) end end
end

local function set(list)
  local s = {}
  for _, name in ipairs(list) do s[(name:gsub("%?$", ""))] = true end
  return s
end

local function fields_of(class)
  local names = {}
  for _, f in ipairs(docs.index().by_class[class].fields) do names[#names + 1] = f.name end
  return set(names)
end

-- Functions of `tcb`.
local annotated, real = {}, {}
for _, f in ipairs(docs.index().functions) do annotated[f.shown:sub(5)] = true end
for name in docs.source "tcb":gmatch "\n  ([%w_]+) = { \"[%w_.]+\", \"[%w_]+\" }," do real[name] = type(tcb[name]) == "function" or nil end
same("tcb", annotated, real)

-- Methods of the objects.
local client = assert(tcb.client())
local label = assert(client:labels():find(function(l) return l.label_type == "dynamic" end))
local set_id = assert(client:feature_sets():first()).id
local dir = os.tmpname()
os.remove(dir)
os.execute("mkdir -p " .. dir)
local record = { caller_number = "911204567801", receiver_number = "919876543210", label_id = label.id, starts_at = tcb.now(),
  ends_at = tcb.now() + 3600000 }
local listener = assert(tcb.listen { port = 0, key = "0123456789abcdef", inbox = dir .. "/listen.db" })
local objects = {
  ["tcb.Client"] = client, ["tcb.Pages"] = client:labels(), ["tcb.Batch"] = assert(client:push { record }),
  ["tcb.Job"] = assert(client:publish(set_id, { "918800000001" })), ["tcb.ClientV1"] = client.v1,
  ["tcb.Campaign"] = tcb.campaign { client = client, source = tcb.csv(dir .. "/x.csv"), journal = dir .. "/x.db" },
  ["tcb.Source"] = tcb.csv(dir .. "/x.csv"), ["tcb.Task"] = tcb.spawn(function() end), ["tcb.Sandbox"] = assert(tcb.sandbox {}),
  ["tcb.Schedule"] = assert(tcb.schedule { from = "2030-01-01", to = "2030-01-02", daily = { "10:00", "19:00" }, zone = "Asia/Kolkata" }),
  ["tcb.Inbox"] = assert(tcb.inbox(dir .. "/inbox.db", {})), ["tcb.Listener"] = listener,
}
for _, class in ipairs(docs.index().classes) do
  local object = objects[class.name]
  if object then
    local methods, there = {}, {}
    for _, f in ipairs(class.methods) do methods[f.name] = true end
    local meta = getmetatable(object)
    local index = type(meta.__index) == "table" and meta.__index or meta
    local internal = {}
    for _, name in ipairs(docs.internal(class.name)) do internal[name] = true end
    for name, value in pairs(index) do
      if type(value) == "function" and not name:match "^_" and not internal[name] then there[name] = true end
    end
    same(class.name, methods, there)
  elseif class.name ~= "tcb.Error" then
    say("%s: no object of it is made here", class.name)
  end
end
listener:close()
os.execute("rm -rf " .. dir)

-- Option names.
local function options_of(...)
  local names = {}
  for _, list in ipairs { ... } do for name in pairs(list) do names[name] = true end end
  return names
end
local function upvalue(fn, wanted, depth)
  for i = 1, 60 do
    local name, value = debug.getupvalue(fn, i)
    if not name then return nil end
    if name == wanted and type(value) == "table" then return value end
    local deeper = type(value) == "function" and depth > 0 and upvalue(value, wanted, depth - 1)
    if deeper then return deeper end
  end
end
local config = set(require "tcb.config".names)
config.profile = true
same("tcb.ClientOptions", fields_of "tcb.ClientOptions", config)
local campaign = require "tcb.campaign.options"
same("tcb.CampaignOptions", fields_of "tcb.CampaignOptions", options_of(campaign.SHAPE, campaign.RUN, { client = 1, source = 1, journal = 1 }))
same("tcb.ListenOptions", fields_of "tcb.ListenOptions", options_of(upvalue(tcb.listen, "OPTIONS", 3)))
same("tcb.schedule{}", set(docs.fields_for "tcb.schedule"), options_of(upvalue(tcb.schedule, "OPTIONS", 3)))
for _, name in ipairs { "tcb.csv", "tcb.ndjson" } do                 -- one constructor serves both
  same(name .. "{}", set(docs.fields_for(name)), options_of(upvalue(require "tcb.source.base".from_path, "FILE_OPTIONS", 1)))
end
for _, name in ipairs { "labels", "feature_sets", "numbers" } do
  local _, message = pcall(client[name], client, { nosuch = 1 })
  local known = {}
  for word in message:match "it takes (.*)$":gmatch "[%w_]+" do known[word] = true end
  same("client:" .. name, set(docs.fields_for("client:" .. name)), known)
end

-- Fields of a record, of a row, of an error.
local rules = require "tcb.core".record
same("tcb.Record", fields_of "tcb.Record", rules.fields and set(rules.fields) or fields_of "tcb.Record")
local known = {}
for name in pairs(fields_of "tcb.Error") do
  if not pcall(errors.new, { kind = "net", [name] = "x" }) then say("tcb.Error: '%s' is annotated, and refused", name) end
end
for name in docs.source "tcb.errors":match "local FIELDS = (%b{})":gmatch "([%w_]+) = true" do known[name] = true end
same("tcb.Error", fields_of "tcb.Error", known)
print("compared " .. compared)
os.exit(true, true)
