--- A service in memory behind the caller's seam, and a source out of a list: what the campaign's own decisions need, without HTTP,
--- on the virtual clock. The real thing is tested with the sandbox.
local core = require "tcb.core"
local errors = require "tcb.errors"
local json = require "tcb.json"
local task = require "tcb.task"

local M = {}
local LABEL = "11111111-2222-4333-8444-555555555555"

--- What the fault words do: is the batch committed, and what does the caller see of it.
local FAULTS = {
  ["400"] = { kind = "input", status = 400, message = "call_records: too odd" },
  ["403"] = { kind = "forbidden", status = 403, message = "not authorized" },
  ["401"] = { kind = "auth", status = 401, message = "please login again" },
  ["429"] = { kind = "rate", status = 429, message = "too many", again = true },
  ["503"] = { kind = "server", status = 503, message = "unavailable", again = true },
  refused = { kind = "net", message = "connection refused", unsent = true, again = true },
  ["500"] = { kind = "in_doubt", status = 500, message = "internal error" },
  cut = { kind = "in_doubt", message = "connection reset", commits = true },
}

local Service = {}
Service.__index = Service

local function attempt_of(call, n)
  return { n = n, at = core.clock.now(), call = call, token8 = "0123abcd", sent = false }
end

function Service:commit(body)
  local records = json.decode(body:string()).call_records
  local id = ("b-%d"):format(#self.order + 1)
  for _, r in ipairs(records) do
    local key = table.concat({ r.caller_number, r.receiver_number, ("%.0f"):format(r.starts_at) }, "|")
    self.committed[key] = (self.committed[key] or 0) + 1
  end
  self.order[#self.order + 1] = id
  self.batches[id] = { records = records, at = core.clock.now() }
  return id
end

function Service:push(o)
  local deadline = core.clock.mono() + o.deadline_s * 1e6
  for n = 1, math.huge do
    self.n = self.n + 1
    local this = self.n
    if self.slot_s then task.sleep(self.slot_s) end
    local a, fault = attempt_of("push", n), FAULTS[self.faults[this] or self.faults["*"] or ""]
    local ok, err = o.before(a)
    if not ok then return nil, err end
    if not (fault and fault.unsent) then a.sent, a.sent_at = true, core.clock.now() end
    if self.on_request then self.on_request(this) end
    task.sleep(self.latency_s)
    local id = (not fault or fault.commits) and self:commit(o.body)
    a.done_at, a.status, a.kind, a.message = core.clock.now(), not fault and 200 or fault.status, fault and fault.kind, fault and fault.message
    o.after(a)
    if not fault then return { status = 200, body = json.encode{ batch_id = id }, headers = {} } end
    if not fault.again or core.clock.mono() >= deadline then
      return nil, errors.new{ kind = fault.kind, status = fault.status, message = fault.message, call = "push", attempts = n, sent = a.sent }
    end
    task.sleep(1)
  end
end

--- What becomes of a record, by the ending of its receiver as in the sandbox.
local ENDINGS = { ["9001"] = "Invalid input", ["9002"] = "Not a Truecaller user", ["9003"] = "OS not supported", ["9005"] = "Failed to push" }

function Service:row(id, i, r)
  local ending = r.receiver_number:sub(-4)
  if ending == "9008" or ending == "9007" and core.clock.now() < 0 then return nil end
  local reason = ENDINGS[ending]
  if ending == "9006" then
    self.tries[r.receiver_number] = self.tries[r.receiver_number] or id
    if self.tries[r.receiver_number] == id then reason = "Failed to push" end
  end
  local info = { status = reason and "error" or ending == "9007" and "pending" or "success", message = reason }
  return { id = ("%08x-0281-4f86-bb27-745254543456"):format(i), caller_number = r.caller_number, receiver_number = r.receiver_number,
    label_id = r.label_id, starts_at = r.starts_at, ends_at = r.ends_at, status_info = info }
end

function Service:status(o)
  local a = attempt_of("status", 1)
  a.sent, a.sent_at = true, core.clock.now()
  task.sleep(self.latency_s)
  a.done_at = core.clock.now()
  self.polls = self.polls + 1
  local b = self.batches[o.query.batchId]
  a.status = b and 200 or 404
  o.after(a)
  if not b then return nil, errors.new{ kind = "not_found", status = 404, message = "no such batch", call = "status" } end
  local rows = json.array{}
  if core.clock.now() >= b.at + self.settle_s * 1000 then
    for i, r in ipairs(b.records) do rows[#rows + 1] = self:row(o.query.batchId, i, r) end
  end
  return { status = 200, body = core.buf(json.encode{ batch_id = o.query.batchId, data = rows }), headers = {} }
end

function Service:request(call, o)
  return self[call](self, o)
end

--- options: faults = { [request number] = word, ["*"] = word }, latency_s, settle_s, slot_s, on_request(n).
function M.new(options)
  local self = setmetatable({ n = 0, polls = 0, committed = {}, batches = {}, order = {}, tries = {}, faults = {}, latency_s = 0.3,
    settle_s = 2 }, Service)
  for k, v in pairs(options or {}) do self[k] = v end
  self.client = { account = "acc", base_url = "http://127.0.0.1:1", _conf = { limits = { push = { count = 60, window_s = 60 } }, deadline_s = 120 },
    _wire = self }
  return self
end

--- How many records were committed, and how many of them more than once.
function Service:counts()
  local all, twice = 0, 0
  for _, n in pairs(self.committed) do
    all = all + 1
    if n > 1 then twice = twice + 1 end
  end
  return all, twice
end

M.BASE = 1893456000000
--- `n` records whose windows open an hour after BASE; `endings[i]` is the ending of the i-th receiver.
function M.records(n, endings)
  local list = {}
  for i = 1, n do
    list[i] = { caller_number = "911234567890", receiver_number = ("919%05d%s"):format(i, endings and endings[i] or "1234"), label_id = LABEL,
      starts_at = M.BASE + 3600000, ends_at = M.BASE + 7200000 }
  end
  return list
end

local Source = {}
Source.__index = Source

local function encode(list)
  local hashes = {}
  for i, r in ipairs(list) do hashes[i] = core.record.hash(r) end
  return assert(core.record.encode(list)), table.concat(hashes)
end

local function batch(list, first, last)
  local part, b = {}, { min_starts_at = math.huge, min_ends_at = math.huge, max_ends_at = 0, refused = "", refused_count = 0, excluded_count = 0 }
  for i = first, last do
    local r = list[i]
    part[#part + 1] = r
    b.min_starts_at, b.min_ends_at, b.max_ends_at = math.min(b.min_starts_at, r.starts_at), math.min(b.min_ends_at, r.ends_at),
      math.max(b.max_ends_at, r.ends_at)
  end
  b.body, b.hashes = encode(part)
  b.count, b.now = #part, core.clock.now()
  b.spans = core.spans.pack{ { offset = first - 1, bytes = last - first + 1, line = first + 1, records = last - first + 1 } }
  return b
end

function Source:feed(shape, checkpoint)
  local list, at = self.list, tonumber(checkpoint or "0")
  return {
    next = function()
      if at >= #list then return nil, "end", { refused = "", refused_count = 0, excluded_count = 0 } end
      local last = math.min(at + shape.batch, #list)
      local b = batch(list, at + 1, last)
      at = last
      b.checkpoint = tostring(at)
      return b
    end,
    drain = function() return { records = #list - at, refused = 0, excluded = 0 } end,
    release = function(_, b) b.body:close() end, close = function() end, checkpoint = function() return tostring(at) end,
  }
end

function Source:rebuild(_, spans)
  local s = core.spans.list(spans)[1]
  return batch(self.list, s.offset + 1, s.offset + s.bytes)
end

function Source:identity() return { size = #self.list, changed_us = 1 } end

function M.source(list) return setmetatable({ path = "list", list = list }, Source) end

return M
