--- Rows of call records for the specs of sources, and feeds over them.
local core = require "tcb.core"
local cjson = require "cjson"
local feeds = require "tcb.source.feed"

local M = { NOW = 1893456000000, LABEL = "0c7d1f6e-0281-4f86-bb27-745254543456" }
M.HEADER = "caller_number,receiver_number,label_id,dynamic_label_name,dynamic_call_reason,starts_at,ends_at"

--- One CSV line without its end; `changes` by field name or short name.
function M.row(changes)
  local c = changes or {}
  return table.concat({ c.caller or "911234567890", c.receiver or "919876543210", c.label or M.LABEL, c.name or "Acme Deliveries",
    c.reason or "Your parcel arrives today", c.starts or ("%d"):format(M.NOW + 1000), c.ends or ("%d"):format(M.NOW + 3600000) }, c.delimiter or ",")
end

--- `n` rows with different receivers.
function M.rows(n, changes)
  local list = {}
  for i = 1, n do
    local c = { receiver = ("9198%08d"):format(i) }
    for k, v in pairs(changes or {}) do c[k] = v end
    list[i] = M.row(c)
  end
  return list
end

function M.file(lines, newline)
  newline = newline or "\n"
  return table.concat(lines, newline) .. newline
end

M.PATHS = { "plain", "portable", "sse2", "avx2" }
--- Does this machine run that build of the fast path?
function M.has_path(path)
  local feed = assert(core.feed(assert(core.reader.decode(assert(core.reader.text "x"))), {}))
  local ok = feed:path(path)
  feed:close()
  return ok ~= nil
end

--- Everything a feed over `text` gives: { records (decoded, in order), bodies, batches, faults = { {line, code, field, message} } }
function M.run(text, shape, opts)
  opts = opts or {}
  local reader = assert(core.reader.decode(assert(core.reader.text(text)), opts.encoding))
  local feed, err = feeds.open(reader, shape or {}, { checkpoint = opts.checkpoint, name = "rows", format = opts.format })
  if not feed then return nil, err end
  if opts.path then assert(feed:path(opts.path)) end
  local out = { records = {}, bodies = {}, batches = {}, faults = {}, excluded = 0 }
  local function note(b)
    for line, offset, code, field, message in core.refusals(b.refused, shape and shape.dialect) do
      out.faults[#out.faults + 1] = { line = line, offset = offset, code = code, field = field, message = message }
    end
    out.excluded = out.excluded + b.excluded_count
  end
  while true do
    local b, why, rest = feed:next(opts.now or M.NOW)
    if b then
      note(b)
      local body = b.body:string()
      out.bodies[#out.bodies + 1] = body
      out.batches[#out.batches + 1] = b
      local records = cjson.decode(body).call_records
      assert(#records == b.count, "count differs from the body's")
      assert(#b.hashes == 8 * b.count, "hashes differ from the count")
      for _, r in ipairs(records) do out.records[#out.records + 1] = r end
      feed:release(b)
    else
      if type(why) ~= "string" then
        feed:close()
        return nil, why
      end
      note(rest)
      if why == "end" then break end
    end
  end
  out.encoding, out.converted = feed:encoding()
  feed:close()
  return out
end

--- { "line code", ... } of a run's faults
function M.codes(out)
  local list = {}
  for i, f in ipairs(out.faults) do list[i] = f.line .. " " .. f.code end
  return list
end

return M
