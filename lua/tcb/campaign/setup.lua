--- What ties a journal to its campaign: account, the options that shape bodies, the input. A resume with others is refused.
-- @module tcb.campaign.setup
local core = require "tcb.core"
local errors = require "tcb.errors"
local json = require "tcb.json"
local options = require "tcb.campaign.options"

local M = {}
local UUID = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"

local function mismatch(j, message, remedy)
  return errors.fail("config", ("journal '%s' %s"):format(j.path, message), { slug = "other_campaign", remedy = remedy })
end

--- Stands for a label that was given by name, where nobody can be asked for its id.
M.ANY_LABEL = "00000000-0000-4000-8000-000000000000"

--- The id of a label given by id or by name; only dynamic labels can be used. May ask the service.
function M.label(client, label)
  if label == nil or label:match(UUID) then return label and label:lower() end
  local names, found, wrong = {}, nil, nil
  local list, err = client:labels():all()
  if not list then return nil, err end
  for _, l in ipairs(list) do
    if l.name == label and l.label_type == "dynamic" then found = l.id end
    if l.name == label and l.label_type ~= "dynamic" then wrong = l.label_type end
    if l.label_type == "dynamic" then names[#names + 1] = l.name end
  end
  if found then return found end
  if wrong then
    local message = ("label '%s' is %s; only dynamic labels can be used for personalisation"):format(label, wrong)
    return errors.fail("input", message, { field = "label_id" })
  end
  local has = table.concat(names, ", ")
  return errors.fail("input", ("the account has no dynamic label named '%s'; it has: %s"):format(label, has), { field = "label_id" })
end

local function write_header(self, j)
  local client, o = self.client, self.options
  local label, err = M.label(client, o.label)
  if err then return nil, err end
  local values = { id = core.random_id and core.random_id() or ("%.0f-%d"):format(core.clock.now(), core.pid()), made_at = core.clock.now(),
    made_by = "tcb " .. core.version, account = client.account, base_url = client.base_url, label_id = label, input_done = 0,
    keeps_bodies = (o.each or o.schedule) and 1 or 0 }
  for name, text in pairs(options.shape_text(o)) do values["shape." .. name] = text end
  if o.keep_input and self.source.is_file and self.source:is_file() then
    local kept = M.kept_path(j.path)
    local copied
    copied, err = core.copy_file(self.source.path, kept)
    if not copied then return nil, err end
    self.source, values["input.kept"] = require("tcb.source." .. self.source.kind).new(kept, { encoding = self.source.encoding }), 1
  end
  values.shape, values.source = json.encode(M.shape(self, { header = { label_id = label } })), self.source.kind
  values["input.path"] = self.source.path
  for name, value in pairs(self.source.identity and self.source:identity() or {}) do values["input." .. name] = value end
  local ok
  ok, err = j:clear_header()
  if ok then ok, err = j:set(values) end
  if ok then ok, err = j:durable() end
  return ok, err
end

--- Option names as the command line spells them.
local function spelled(name)
  return "--" .. name:gsub("_s$", ""):gsub("_", "-")
end

local function check_shape(self, j)
  local mine, wrong = options.shape_text(self.options), {}
  for name in pairs(options.SHAPE) do
    local then_, now = j.header["shape." .. name], mine[name]
    if then_ ~= now then
      wrong[#wrong + 1] = ("%s %s"):format(spelled(name), not then_ and "was not given then" or not now and "was given then" or "differs")
    end
  end
  if #wrong == 0 then return true end
  table.sort(wrong)
  return mismatch(j, "was begun with other options: " .. table.concat(wrong, ", "),
    "repeat the first command's options, or begin anew with another --journal")
end

local function check_input(self, j)
  if not self.source or not self.source.identity then return true end
  if self.source.is_file and not self.source:is_file() then return true end       -- kept as it came: the reader compares
  local now, err = self.source:identity()
  if not now then return j.header.input_done == 1 or nil, err end            -- all was read: it may be gone
  local size, changed = j.header["input.size"], j.header["input.changed_us"]
  if size and now.size ~= size then
    return mismatch(j, ("belongs to an input of %.0f bytes; '%s' has %.0f: it was changed since"):format(size,
      self.source.path or "-", now.size or 0),
      "give the input as it was (--input PATH), or begin anew with another --journal")
  end
  if changed and now.changed_us ~= changed and self.source.verify then
    local same
    same, err = self.source:verify(j.header["input.read"] or "")
    if same == nil then return nil, err end
    if not same then
      return mismatch(j, ("was begun with another content of '%s': what was read of it then has changed"):format(self.source.path or "-"),
        "give the input as it was (--input PATH), or begin anew with another --journal")
    end
    return j:set{ ["input.changed_us"] = now.changed_us }
  end
  return true
end

--- Makes the header of a new journal, or checks that the journal at hand is this campaign's.
---@param self tcb.Campaign
---@param is_push boolean a push: the options and the input count, too
function M.check(self, j, is_push)
  if is_push and (not j.header.made_at or j:is_blank()) then return write_header(self, j) end      -- whatever was tried before
  if not j.header.made_at or (j:is_blank() and j.header.input_done ~= 1) then
    return mismatch(j, "is empty: nothing was pushed yet", "push first")
  end
  if self.client.account ~= j.header.account then
    return mismatch(j, ("belongs to account %s, not to %s"):format(j.header.account, self.client.account),
      "use that account's profile or variables; a sandbox has a new account each time unless --seed is given")
  end
  if not is_push then return true end
  M.use_kept(self, j)
  local ok, err = check_shape(self, j)
  if ok then ok, err = check_input(self, j) end
  return ok, err
end

--- Options that the feed itself wants; the others are the campaign's.
local FEED = { "caller", "map", "set", "zone", "country", "plus", "dialect", "label_optional", "starts_at", "ends_at", "exclude",
  "unique" }

--- The shape of a campaign that sends nothing: a label's name is looked up where there is a client, else any id stands for it.
---@return table? shape
---@return tcb.Error? err
function M.unsent_shape(self)
  local shape, label, err = M.shape(self), self.options.label, nil
  if label and self.client then
    label, err = M.label(self.client, label)
    if err then return nil, err end
  elseif label and not label:match(UUID) then
    label = M.ANY_LABEL
  end
  shape.label_id = label
  return shape
end

--- The shape for the feed: the options that form a body, the label by its id. One table a journal, so that a source may keep its
--- reader for it.
function M.shape(self, j)
  local o, shape = self.options, {}
  for _, name in ipairs(FEED) do shape[name] = o[name] end
  shape.label_id, shape.batch = j and j.header.label_id or nil, o.batch or options.DEFAULTS.batch
  for _, name in ipairs{ "country", "plus", "dialect" } do
    if shape[name] == nil and self.client and self.client._conf then shape[name] = self.client._conf[name] or nil end
  end
  return shape
end

--- A copy of the input that was kept counts, whatever its file holds today.
function M.use_kept(self, j)
  if j.header["input.kept"] == 1 then self.source = M.stored_source(j) end
end

--- The feed's shape as it was when the campaign began, whatever the options of this program are.
function M.stored(self, j)
  return j.header.shape and json.decode(j.header.shape) or M.shape(self, j)
end

--- Where input is kept that cannot be read again, a pipe's or a program's.
function M.kept_path(journal_path) return journal_path .. ".input" end

--- The source where the journal last saw it, or what was kept of it; nil when neither is known.
function M.stored_source(j)
  local path, kind = j.header["input.path"], j.header.source
  if path and path ~= "-" then return require("tcb.source." .. (kind or "csv")).new(path) end
  local file = j.path and io.open(M.kept_path(j.path), "rb")
  if not file then return nil end
  file:close()
  local source = require("tcb.source." .. (kind or "csv")).new(path or {})
  source:keep(M.kept_path(j.path))
  return source
end

--- What a sorted feed still holds.
local function count_sorted(feed)
  local sums = { records = 0, refused = 0, excluded = 0 }
  while true do
    local b, why, rest = feed:next(core.clock.now())
    local part = b or rest
    if part then sums.refused, sums.excluded = sums.refused + part.refused_count, sums.excluded + part.excluded_count end
    if b then
      sums.records = sums.records + b.count
      feed:release(b)
    elseif why ~= "refused" then
      return why == "end" and sums or nil
    end
  end
end

--- What an interrupted push has not read yet: { waiting, refused, dropped }; nil when all was read, or the input is not there.
function M.rest(self, j)
  if j.header.input_done ~= 0 or not self.source or self.options.each or self.options.schedule then return nil end
  local now = self.source.identity and self.source:identity()
  if not now or not now.size or now.size ~= j.header["input.size"] then return nil end
  local shape = M.shape(self, j)
  shape.sort = j.header.order == "starts_at" or nil
  local feed = self.source:feed(shape, j:checkpoint())
  if not feed then return nil end
  local sums
  local function never() error("a file that has to be waited for", 0) end
  if shape.sort then sums = count_sorted(feed) else sums = feed:drain(core.clock.now(), never) end
  feed:close()
  return sums and { waiting = sums.records, refused = sums.refused, dropped = sums.excluded }
end

return M
