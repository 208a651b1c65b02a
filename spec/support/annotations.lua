-- Run by `tcb --sandbox`: compares the annotations of the public API with the loaded modules, in both directions: functions, parameters,
-- methods, option names and types, fields, kinds of errors. Prints a line for each difference, then `compared N`.
local docs = require "tcb.host.docs"
local errors = require "tcb.errors"
local native = require "tcb.host.native"

local compared = 0
local function say(...) print((...):format(select(2, ...))) end

local function same(what, annotated, real)
  compared = compared + 1
  for name in pairs(annotated) do if real[name] == nil then say("%s: '%s' is annotated, and not there", what, name) end end
  for name in pairs(real) do if annotated[name] == nil then say("%s: '%s' is there, and not annotated", what, name) end end
end

local function set(list)
  local s = {}
  for _, name in ipairs(list) do s[(name:gsub("%?$", ""))] = true end
  return s
end

-- What the modules' own checks of options know, by the name they give the function: noted while they are called.
local checks = {}
local options = require "tcb.options"
local campaign = require "tcb.campaign.options"
local check, check_campaign = options.check, campaign.check
function options.check(who, given, known, level)
  checks[who] = known
  return check(who, given, known, (level or 1) + 1)
end
function campaign.check(who, given, lists, level)
  checks[who] = {}
  for _, list in ipairs(lists) do
    for name, kind in pairs(list) do checks[who][name] = kind end
  end
  return check_campaign(who, given, lists, (level or 1) + 1)
end

local tcb = require "tcb"
local client = assert(tcb.client())
local label = assert(client:labels():find(function(l) return l.label_type == "dynamic" end))
local set_id = assert(client:feature_sets():first()).id
local dir = os.tmpname()
os.remove(dir)
os.execute("mkdir -p " .. dir)
local record = { caller_number = "911204567801", receiver_number = "919876543210", label_id = label.id, starts_at = tcb.now(),
  ends_at = tcb.now() + 3600000 }
local source = dir .. "/x.csv"
local csv = assert(io.open(source, "w"))
csv:write(("receiver_number,starts_at,ends_at\n919876543210,%d,%d\n12,,\n"):format(record.starts_at, record.ends_at))
csv:close()
local nginx_inbox
do                                                                    -- these two live inside nginx: loaded, not used
  rawset(_G, "ngx", {})
  require "tcb.nginx"
  nginx_inbox = require "tcb.nginx_inbox"
  rawset(_G, "ngx", nil)
end

-- Functions: of tcb itself, for the annotations of the class as well, and of the modules that users require.
local annotated, real, methods = {}, {}, {}
for _, f in ipairs(docs.index().functions) do annotated[f.shown:sub(5)] = true end
for name in docs.source "tcb":gmatch "\n  ([%w_]+) = { \"[%w_.]+\", \"[%w_]+\" }," do real[name] = type(tcb[name]) == "function" or nil end
same("tcb", annotated, real)
for name in pairs(tcb) do real[name] = true end
same("class tcb", set((function()
  local names = {}
  for _, f in ipairs(docs.fields "tcb") do names[#names + 1] = f.name end
  return names
end)()), real)
for _, module in ipairs(docs.index().modules) do
  annotated, real = {}, {}
  for _, f in ipairs(module.functions) do annotated[f.name] = true end
  for name, value in pairs(require(module.name)) do real[name] = type(value) == "function" or nil end
  same(module.name, annotated, real)
end

-- Methods of the objects, and the fields that they surely have.
local listener = assert(tcb.listen { port = 0, key = "0123456789abcdef", inbox = dir .. "/listen.db" })
local batch, job = assert(client:push { record }), assert(client:publish(set_id, { "918800000001" }))
local c = tcb.campaign { client = client, source = tcb.csv(source), journal = dir .. "/x.db", label = label.id, caller = "911204567801" }
local schedule = assert(tcb.schedule { from = "2030-01-01", to = "2030-01-02", daily = { "10:00", "19:00" }, zone = "Asia/Kolkata" })
local inbox = assert(tcb.inbox(dir .. "/inbox.db", {}))
local objects = {
  ["tcb.Client"] = client, ["tcb.Pages"] = client:labels(), ["tcb.Batch"] = batch, ["tcb.Job"] = job, ["tcb.ClientV1"] = client.v1,
  ["tcb.Campaign"] = c, ["tcb.Source"] = tcb.csv(source), ["tcb.Task"] = tcb.spawn(function() end), ["tcb.Sandbox"] = assert(tcb.sandbox {}),
  ["tcb.Schedule"] = schedule, ["tcb.Inbox"] = inbox, ["tcb.Listener"] = listener,
  ["tcb.Error"] = select(2, client:batch("no such batch"):poll()),
}
local function surely(class, object)
  compared = compared + 1
  for _, f in ipairs(docs.fields(class)) do
    local may_be_nil = f.name:match "%?$" or f.type:match "%?$" or f.type:match "|nil$"
    if not may_be_nil and object[f.name] == nil then say("%s: the field '%s' is annotated, and not there", class, f.name) end
  end
end
for _, class in ipairs(docs.index().classes) do
  local object = objects[class.name]
  if not object then
    say("%s: no object of it is made here", class.name)
  else
    local named, there = {}, {}
    for _, f in ipairs(class.methods) do named[f.name] = true end
    local meta = getmetatable(object)
    local index = type(meta.__index) == "table" and meta.__index or meta
    local internal = set(docs.internal(class.name))
    for name, value in pairs(index) do
      if type(value) == "function" and not name:match "^_" and not internal[name] then there[name] = true end
    end
    same(class.name, named, there)
    surely(class.name, object)
  end
  for _, f in ipairs(class.methods) do methods[#methods + 1] = f end
end

-- Parameters of every public function.
for _, list in ipairs { docs.index().functions, methods, docs.index().modules[1].functions, docs.index().modules[2].functions,
  docs.index().modules[3].functions, docs.index().modules[4].functions } do
  for _, f in ipairs(list) do
    local named, there = {}, {}
    for _, p in ipairs(f.params) do named[(p.name:gsub("%?$", ""))] = true end
    for name in f.args:gmatch "[%w_.]+" do there[name] = true end
    same(f.shown .. "()", named, there)
  end
end

-- Options: names in both directions, and types where the module's check knows them.
local function upvalue(fn, wanted, depth)
  for i = 1, 60 do
    local name, value = debug.getupvalue(fn, i)
    if not name then return nil end
    if name == wanted and type(value) == "table" then return value end
    local deeper = type(value) == "function" and depth > 0 and upvalue(value, wanted, depth - 1)
    if deeper then return deeper end
  end
end
local FITS = { string = { string = 1 }, number = { number = 1, integer = 1 }, integer = { integer = 1 }, instant = { integer = 1, string = 1 },
  seconds = { number = 1 },
  boolean = { boolean = 1 }, table = { table = 1 }, ["function"] = { ["function"] = 1 } }

--- "string|table|nil" -> { "string", "table" }; texts in quotes are strings, classes and lists tables.
local function alternatives(kind)
  local list = {}
  kind = kind:gsub("%?$", ""):gsub("%b()", ""):gsub("%b{}", "table"):gsub("fun[^|]*", "function"):gsub('"[^"]*"', "string")
  for word in kind:gmatch "[^|]+" do
    if word:match "%[%]$" or word:match "^tcb%." or word:match "^table" then word = "table" end
    if word == "true" or word == "false" then word = "boolean" end
    if word ~= "nil" then list[#list + 1] = word end
  end
  return list
end

local function option_fields(kind)
  local list = {}
  local inline = kind:match "^%b{}"
  if inline then
    for name, of in inline:sub(2, -2):gsub("fun%b():?", "function"):gmatch "([%w_]+):%s*([^,]+)" do
      list[#list + 1] = { name = name, type = of:match "^(.-)%s*$" }
    end
  else
    list = docs.fields(kind:match "tcb%.%w+")
  end
  return list
end

local function compare_options(what, fields, known)
  local names, kinds = {}, {}
  for _, f in ipairs(fields) do
    names[(f.name:gsub("%?$", ""))] = true
    kinds[f.name] = f.type
  end
  same(what, names, known)
  for name, kind in pairs(known) do
    for _, word in ipairs(kinds[name] and FITS[kind] and alternatives(kinds[name]) or {}) do
      if not FITS[kind][word] then say("%s: the option '%s' is annotated as %s, and checked as %s", what, name, kinds[name], kind) end
    end
  end
end

local function refused(fn, ...)
  if pcall(fn, ...) then say("an unknown option is accepted by the function at line %d", debug.getinfo(fn, "S").linedefined) end
end
local bad = { nosuch = 1 }
local config = set(require "tcb.config".names)
config.profile = true
checks["tcb.client"], checks["tcb.listen"] = config, upvalue(tcb.listen, "OPTIONS", 3)
checks["tcb.schedule"], checks["tcb.inbox"] = upvalue(tcb.schedule, "OPTIONS", 3), upvalue(tcb.inbox, "OPTIONS", 1)
checks["tcb.csv"] = upvalue(require "tcb.source.base".from_path, "FILE_OPTIONS", 1)
checks["tcb.ndjson"] = checks["tcb.csv"]                              -- one constructor serves both
checks["tcb.sandbox"] = upvalue(require "tcb.sandbox.options".read, "KNOWN", 3)
checks["tcb.nginx.setup"], checks["tcb.nginx.prewarm"] = config, config
local handed = upvalue(nginx_inbox.handle, "OPTIONS", 3)
checks["tcb.nginx_inbox.handle"] = { key = true }
for name, kind in pairs(handed) do checks["tcb.nginx_inbox.handle"][name] = kind end
local filters = { limit = true, newest = true }
for name in pairs(upvalue(inbox.entries, "FILTERS", 3)) do filters[name] = true end
checks["inbox:entries"], checks["inbox:replay"] = filters, filters
for name, object in pairs { client = client, batch = batch, job = job, ["client.v1"] = client.v1, campaign = c } do
  for _, f in ipairs(methods) do
    local method = f.shown:match("^" .. name:gsub("%p", "%%%0") .. ":([%w_]+)$")
    local last = f.params[#f.params]
    if method and last and not last.type:match "Record" and (last.type:match "^{" or last.type:match "Options$") then refused(object[method], object, bad) end
  end
end
for _, name in ipairs { "client", "campaign", "sandbox", "schedule", "listen" } do refused(tcb[name], bad) end
for _, name in ipairs { "csv", "ndjson", "inbox" } do refused(tcb[name], dir .. "/y", bad) end
refused(nginx_inbox.handle, bad)
local handler = require "tcb.handler"
refused(handler.personalise, client, { method = "POST", body = {} }, bad)
checks["tcb.handler.personalise"] = checks["handler.personalise"]
checks["tcb.nginx.personalise"] = { deadline_s = "number" }               -- its own, beside the handler's
for name, kind in pairs(checks["handler.personalise"]) do checks["tcb.nginx.personalise"][name] = kind end

local function all_functions()
  local list = {}
  for _, f in ipairs(docs.index().functions) do list[#list + 1] = f end
  for _, f in ipairs(methods) do list[#list + 1] = f end
  for _, module in ipairs(docs.index().modules) do
    for _, f in ipairs(module.functions) do list[#list + 1] = f end
  end
  return list
end
local is_no_option = { ["tcb.handler.personalise request"] = true }   -- what the host hands over
for _, f in ipairs(all_functions()) do
  for _, p in ipairs(f.params) do
    local takes = p.type:match "^{" or p.type:match "^tcb%.%w+Options%??$" or p.type:match "^tcb%.InboxFilter%??$"
    if takes and not is_no_option[f.shown .. " " .. p.name] then
      if checks[f.shown] then compare_options(f.shown .. "{}", option_fields(p.type), checks[f.shown])
      else say("%s: nothing tells which options it takes", f.shown) end
    end
  end
end

-- Tables that users get or give: a record, and what is told of a batch, a plan, a campaign, a schedule, a reply.
local rules = {}
for _, rule in ipairs(require "tcb.core".record.rules()) do rules[rule.name] = true end
local fields = {}
for _, f in ipairs(docs.fields "tcb.Record") do fields[f.name] = true end
same("tcb.Record", fields, rules)

local function exactly(class, table)
  local names, there = {}, {}
  for _, f in ipairs(docs.fields(class)) do
    local name = f.name:gsub("%?$", "")
    if table[name] ~= nil or not (f.type:match "%?$" or f.type:match "|nil$") then names[name] = true end
  end
  for name in pairs(table) do
    if not name:match "^_" then there[name] = true end
  end
  same(class, names, there)
end
local fault
exactly("tcb.Plan", assert(c:plan { on_fault = function(f) fault = f end }))
exactly("tcb.Fault", fault)
assert(c:push { keep_input = false })
exactly("tcb.Summary", assert(c:summary()))
exactly("tcb.Row", assert(batch:wait { timeout_s = 10 })[1])
exactly("tcb.Window", schedule:list()[1])
exactly("tcb.Reply", handler.refusal(errors.new { kind = "rate", message = "x" }))
listener:close()
os.execute("rm -rf " .. dir)

-- Errors: fields, and kinds as any module makes them.
local known = {}
for name in docs.source "tcb.errors":match "local FIELDS = (%b{})":gmatch "([%w_]+) = true" do known[name] = true end
fields = {}
for _, f in ipairs(docs.fields "tcb.Error") do fields[f.name] = true end
same("tcb.Error", fields, known)
local kinds, made = {}, {}
for _, f in ipairs(docs.fields "tcb.Error") do
  if f.name == "kind" then for kind in f.type:gmatch '"([%w_]+)"' do kinds[kind] = true end end
end
for _, module in ipairs(native.modules()) do
  local text = docs.source(module)
  for kind in text:gmatch 'errors%.new%s*{ kind = "([%w_]+)"' do made[kind] = true end
  for kind in text:gmatch 'errors%.fail%("([%w_]+)"' do made[kind] = true end
end
for kind in pairs(upvalue(handler.refusal, "STATUS", 1)) do made[kind] = true end
same("kinds of errors", kinds, made)
print("compared " .. compared)
os.exit(true, true)
