--- A campaign: every record of a file sent once, before its window opens, and what became of each.
--
-- What is done stands in a journal beside the input; running the same again continues. What was sent cannot be recalled: its window
-- ends it. All methods block their task only, and return nil, err for what the world causes.
-- @module tcb.campaign
local core = require "tcb.core"
local errors = require "tcb.errors"
local hosts = require "tcb.hosts"
local interrupt = require "tcb.campaign.interrupt"
local items = require "tcb.campaign.items"
local journal = require "tcb.campaign.journal"
local options = require "tcb.campaign.options"
local setup = require "tcb.campaign.setup"
local summary = require "tcb.campaign.summary"
local task = require "tcb.task"

local STATE = journal.STATE
local M = {}

---@class tcb.Campaign
---@field journal string path of its journal
local Campaign = {}
Campaign.__index = Campaign
Campaign.__name = "tcb.campaign"

---@class tcb.RunOptions
---@field in_doubt "hold"|"resend"|nil what becomes of batches whose fate is not known; default hold
---@field retry_failed integer? send "Failed to push" again so often; default 0
---@field wait boolean? push waits for settlement
---@field patience_s number? give up when no request has succeeded for so long; default 900
---@field give_up_s number? after ends_at a record that was never reported is in doubt; default 3600
---@field timeout_s number? reconcile ends after so long
---@field max_records integer? send at most so many in this run
---@field canary integer? so many records go first and must settle before the rest goes
---@field stop_over number? per cent of the canary that may fail; default 5
---@field on_batch function? hook on_batch{ seq, batch_id, records } when a batch was accepted
---@field on_outcome function? hook on_outcome{ seq, position, batch_id, outcome, reason, record_id } when a record is settled
---@field on_progress function? hook on_progress(p) each progress_s: records, rate, tokens, outcomes so far
---@field progress_s number? seconds between calls of on_progress; default 1
---@field keep_input boolean? keep a copy of the input beside the journal
---@field dry_run boolean? push reads, checks and encodes everything, sends and writes nothing
---@field yes boolean? do not ask before a large push (the host's)
---@field on_note fun(text: string)? what the user should know, such as a changed order; default: the log

---@class tcb.CampaignOptions: tcb.RunOptions
---@field client tcb.Client? needed by push and reconcile
---@field source table|string? tcb.csv(...), tcb.ndjson(...), tcb.records(...) or a CSV file's path
---@field journal string? path; default the source's path with `.tcb.db`
---@field label string? id or name of a dynamic label, for rows without one
---@field caller string? for rows without one
---@field map table? field -> column
---@field set table? field -> text that fills a missing column or an empty cell; `{column}` inserts a value
---@field zone string? of instants that name none, "Asia/Kolkata"
---@field country string? completes national numbers, "91"
---@field plus boolean? send numbers with a leading + (dialect v2 alone)
---@field dialect "v2"|"v1"|nil
---@field batch integer? records a request, 1..500; default 500
---@field sort boolean? send in order of starts_at
---@field strict boolean? a record whose window has begun is expired
---@field unique boolean? refuse all but the first record with the same match key
---@field lead_s number? how long before its window a record may be sent at the earliest
---@field starts_at integer? of rows without one, epoch ms
---@field ends_at integer?
---@field exclude string? do-not-call list: a file with a number a line
---@field schedule tcb.Schedule? one record per row and window
---@field each function? hook each(r) on every row's record: nil or true keeps it (fields set on r count),
--- false drops it, a table or a list of tables replaces it; an error stops the push
---@field label_optional boolean? let rows without a label go; the service may refuse them

--- Makes a campaign. Touches neither disk nor network. Raises on unknown options and wrong types.
---@param opts tcb.CampaignOptions
---@return tcb.Campaign? campaign
---@return tcb.Error? err kind config: inside the event loop of nginx or HAProxy
function M.new(opts)
  local refused = hosts.refuse("a campaign", "run it with `tcb push` or a Lua script beside it, with tokens of its own")
  if refused then return nil, refused end
  local o = options.campaign(opts, 2)
  if type(o.source) == "string" then o.source = require("tcb.source.csv").new(o.source) end
  local path = o.journal or (o.source and o.source.path and o.source.path .. ".tcb.db")
  if not path then error("tcb.campaign: option 'journal' is needed: the source has no path to put it beside", 2) end
  return setmetatable({ journal = path, client = o.client, source = o.source, options = o }, Campaign)
end

--- Asks a push or reconcile that runs to end: no new request starts, those under way get their answer.
---@param reason? string for messages and the journal
function Campaign:stop(reason)
  self.stop_reason = reason or "stopped"
  if self.running then self.running:stop(self.stop_reason) end
end

local function on_signal(self)
  return function(name) self:stop(name) end
end

--- The error that an interrupted run ends with; nil when it was not interrupted.
local function interrupted(self, what)
  if not self.stop_reason then return nil end
  return errors.new{ kind = "cancelled", slug = self.stop_reason, message = what .. " was interrupted; the journal is complete",
    remedy = ("run the same command again to continue (%s)"):format(self.journal) }
end

--- Did the campaign not even begin: its input or its options are at fault, and nothing was planned?
local function is_stillborn(j, result, err)
  return not result and j.is_new and errors.is(err) and (err.kind == "input" or err.kind == "config") and j:is_blank()
end

--- Runs `fn(j)` with the journal open for writing, once it is known to be this campaign's; it is closed whatever happens.
function Campaign:_with(what, create, fn)
  self.stop_reason = nil
  local function body()
    local j, err = journal.open(self.journal, { create = create, what = what })
    if not j then return nil, err end
    local function finish(ok, ...)
      local no_memory = not ok and errors.memory((...))
      if no_memory then
        j:abandon(no_memory)
        if self.running then self.running:stop("memory", no_memory) end
      end
      self.running = nil
      if ok and create and is_stillborn(j, ...) then j:discard() else j:close() end
      if not ok then error((...), 0) end
      return ...
    end
    return finish(pcall(function()
      if self.source and self.source.keep then self.source:keep(setup.kept_path(self.journal)) end
      local ok, why = setup.check(self, j, create)
      if not ok then return nil, why end
      return fn(j)
    end))
  end
  local function told(ok, ...)
    if ok then return ... end
    local no_memory = errors.memory((...))
    if not no_memory then error((...), 0) end
    return nil, errors.copy(no_memory)
  end
  return told(pcall(interrupt.guard, on_signal(self), task.run, body))
end

--- What a push would do: every fault of the input, repeats and overlaps, batches, tokens, the finish, and whether every window is met.
-- Sends and writes nothing; a client is needed only for a label given by name. Blocks while it reads.
---@param o? { on_fault: fun(f: tcb.Fault)?, limits: string|table|nil, tokens: integer? }
---@return tcb.Plan? plan
---@return tcb.Error? err
function Campaign:plan(o)
  if not self.source then error("campaign:plan: the campaign was made without a source", 2) end
  o = options.check("campaign:plan", o, { { on_fault = "function", limits = "any", tokens = "integer" } }, 2)
  return require("tcb.campaign.plan").run(self, o)
end

--- Sends what can be sent now, in as many requests at once as the account's quota grants. Continues where an earlier run ended.
-- Blocks until all is sent, or what is left has to wait for a later run.
---@param run? tcb.RunOptions over those of the campaign
---@return tcb.Summary? summary
---@return tcb.Error? err the journal is complete all the same
function Campaign:push(run)
  local o = options.run("campaign:push", self.options, run, 2)
  if o.dry_run then return require("tcb.campaign.dry").run(self) end
  if not self.client then error("campaign:push: the campaign was made without a client", 2) end
  return self:_with("push", true, function(j) return require("tcb.campaign.drive").push(self, j, o) end)
end

--- Asks for the status of what was sent until all is settled, or `timeout_s` have passed. The input is not needed.
---@param run? tcb.RunOptions
---@return tcb.Summary? summary
---@return tcb.Error? err
function Campaign:reconcile(run)
  local o = options.run("campaign:reconcile", self.options, run, 2)
  if not self.client then error("campaign:reconcile: the campaign was made without a client", 2) end
  return self:_with("reconcile", false, function(j) return require("tcb.campaign.drive").reconcile(self, j, o) end)
end

--- Counts by outcome, from the journal alone (and the input's rest, where a push was interrupted and the input is there).
---@return tcb.Summary? summary
---@return tcb.Error? err
function Campaign:summary()
  local j, err = journal.open(self.journal, { readonly = true })
  if not j then return nil, err end
  setup.use_kept(self, j)
  local ok, s = pcall(summary.read, j, setup.rest(self, j))
  j:close()
  if ok then return s end
  if errors.is(s) then return nil, s end
  error(s, 0)
end

--- Runs `fn(j, shape)` with the journal open for reading, and the options that it was begun with.
local function reading(self, fn)
  local j, err = journal.open(self.journal, { readonly = true })
  if not j then return nil, err end
  local function finish(ok, ...)
    j:close()
    if not ok and errors.is((...)) then return nil, (...) end
    if not ok then error((...), 0) end
    return ...
  end
  return finish(pcall(function()
    local shape = setup.stored(self, j)
    setup.use_kept(self, j)
    if not self.source then self.source = setup.stored_source(j) end
    if not self.source then
      return errors.fail("config", "the input is needed, and the journal does not know where it lies",
        { remedy = "tell where: --input PATH" })
    end
    return fn(j, shape)
  end))
end

--- Every row of the input with what became of it: the input's columns, then tcb_line tcb_outcome tcb_reason tcb_batch_id tcb_record_id
--- tcb_matched. Streams; needs the input.
---@param o { format: "csv"|"json"|"sqlite", write: fun(text: string)?, path: string?, events: boolean?, inbox: string? } write: gets pieces of
--- text; path: of a new SQLite file; events: adds tcb_events, the receiver's webhook events in the campaign's time, out of `inbox`
---@return true? ok
---@return tcb.Error? err
function Campaign:export(o)
  o = options.check("campaign:export", o,
    { { format = "string", write = "function", path = "string", events = "boolean", inbox = "string" } }, 2)
  return reading(self, function(j, shape)
    local export = require "tcb.campaign.export"
    if o.format == "sqlite" then return export.sqlite(self, j, shape, o.path) end
    if o.events then return export.with_events(self, j, shape, o) end
    return export.write(self, j, shape, o.format, o.write)
  end)
end

--- The life of the records of a number or of a line: list of { row, line, outcome, reason, batches, webhooks }. `webhooks`: the receiver's
--- webhook events in the campaign's time, out of the inbox at `inbox` (default: the usual one, where there is one).
---@param o { number: string?, line: integer?, inbox: string? }
---@return table[]? records
---@return tcb.Error? err
function Campaign:why(o)
  o = options.check("campaign:why", o, { { number = "string", line = "integer", inbox = "string" } }, 2)
  return reading(self, function(j, shape) return require("tcb.campaign.why").find(self, j, shape, o) end)
end

Campaign._interrupted = interrupted
Campaign._items = items
Campaign._STATE = STATE
Campaign._now = core.clock.now

function Campaign:__tostring()
  return ("tcb.campaign (%s)"):format(self.journal)
end

return M
