--- Personalisation: real-time calls, batches and their status, in both dialects. Everything per record happens in C.
-- A batch's body and 10 bytes a record are kept in a file without a name; rows are made from them when they are asked for.
-- @module tcb.sandbox.records
local accounts = require "tcb.sandbox.accounts"
local answers = require "tcb.sandbox.answers"
local core = require "tcb.core"
local M = {}

--- What records need beside the rules: one object a sandbox.
function M.new(rules)
  local self, err = { batches = {}, made = 0 }, nil
  self.list, err = core.sandbox_records()
  if self.list and not rules.options.forget then self.file, err = core.sandbox_file() end
  if err then return nil, err end
  self.keys, self.notes, self.body, self.rows = core.buf(), core.buf(), core.buf(), core.buf()
  return self
end

function M.close(self)
  if self.file then self.file:close() end
  self.list:close()
end

local function must(value, err)
  if not value then error(err, 0) end
  return value
end

--- Reads and checks the body: count, broken | nil, answer.
local function read(ctx, v1, is_batch)
  local self = ctx.rules.records
  local count, err = self.list:read(ctx.req.body, v1, is_batch)
  if not count then
    if err.kind ~= "input" then error(err, 0) end
    return nil, err
  end
  ctx.line.records = count
  return count, must(self.list:check(ctx.now, ctx.account.dynamic_ids, not v1 and is_batch))
end

--- Receivers that fail to push once: the first time an account sends to such a number.
local function decide_once(ctx)
  local list, failed = ctx.rules.records.list, ctx.account.failed_once
  local i, receiver = list:once(1)
  while i do
    list:decide(i, failed[receiver] and "success" or "push_failed")
    failed[receiver] = true
    if i == ctx.line.records then break end
    i, receiver = list:once(i + 1)
  end
end

--- The records are committed: their keys go into this request's ledger line.
local function commit(ctx)
  local self = ctx.rules.records
  self.keys:clear()
  if ctx.rules.options.keys then ctx.keys = must(self.list:ledger(self.keys)) end
end

local function settle(rules, batch, due)
  local self = rules.records
  local notes = must(self.file:read(batch.at + batch.bytes, batch.count * 10, self.notes))
  self.keys:clear()
  rules.ledger:write("settle", due, { batch_id = batch.id }, "results", must(core.sandbox_results(notes, self.keys)))
  batch.is_settled = true
end

--- Keeps an accepted batch and has it settle later. Returns its id.
local function accept(ctx, v1, is_batch)
  local rules, self = ctx.rules, ctx.rules.records
  self.made = self.made + 1
  local id = rules.ids.uuid("batch " .. self.made)
  ctx.line.batch_id = id
  ctx.account.batches = ctx.account.batches + 1
  if rules.options.forget then return id end
  self.notes:clear()
  must(self.list:notes(self.notes))
  local body = ctx.req.body
  local bytes = type(body) == "string" and #body or body:len()
  local batch = { id = id, account = ctx.account, v1 = v1, is_batch = is_batch, count = ctx.line.records, bytes = bytes,
    at = must(self.file:add(body, self.notes)), accepted_at = ctx.now }
  self.batches[id] = batch
  rules.timeline.add(ctx.now + rules.settle_ms, function(due) settle(rules, batch, due) end)
  return id
end

function M.push(ctx)
  if ctx.req.count and ctx.rules.options.empty_bodies then   -- rehearsing pace alone: nothing to read, nothing kept
    ctx.line.records = ctx.req.count
    ctx.rules.records.made = ctx.rules.records.made + 1
    ctx.line.batch_id = ctx.rules.ids.uuid("batch " .. ctx.rules.records.made)
    return answers.raw(200, '{"batch_id":"' .. ctx.line.batch_id .. '"}')
  end
  local count, wrong = read(ctx, false, true)
  if not count then return answers.invalid(wrong.message) end
  decide_once(ctx)
  commit(ctx)
  return answers.raw(200, '{"batch_id":"' .. accept(ctx, false, true) .. '"}')
end

--- What is wrong with record `i`: sentence, field.
local function fault_of(list, i)
  local field, sentence = list:fault(i)
  if field then return field .. " " .. sentence, field end
end

function M.personalise(ctx)
  local list = ctx.rules.records.list
  local count, wrong = read(ctx, false, false)
  if not count then
    if wrong.field then return answers.real_time(400, "error", "Request body is invalid: " .. wrong.message, wrong.field) end
    return answers.invalid(wrong.message)
  end
  local sentence, field = fault_of(list, 1)
  if sentence then return answers.real_time(400, "error", "Request body is invalid: " .. sentence, field) end
  decide_once(ctx)
  local outcome, reason = list:outcome(1)
  if reason then return answers.real_time(400, "error", reason, outcome == "invalid" and "receiver_number" or nil) end
  commit(ctx)
  return answers.real_time(200, "success", "Record processed successfully")
end

--- The v1 calls answer with text: the batch id is inside it.
local function text_answer(ctx, is_batch)
  local rules, list = ctx.rules, ctx.rules.records.list
  local count, wrong = read(ctx, true, is_batch)
  if not count then return answers.invalid(wrong.message) end
  local broken = wrong
  if broken == count then
    rules.records.made = rules.records.made + 1
    return answers.text("failure", ("%s. BatchID: %s"):format(fault_of(list, 1), rules.ids.uuid("batch " .. rules.records.made)))
  end
  decide_once(ctx)
  commit(ctx)
  return answers.text("success", "Records Uploaded Successfully. BatchID: " .. accept(ctx, true, is_batch))
end

function M.v1_push(ctx) return text_answer(ctx, true) end
function M.v1_personalise(ctx) return text_answer(ctx, false) end

--- While a batch is being processed its rows appear one after another, all pending.
local function view_of(ctx, batch, v1)
  local shown = batch.count
  if not batch.is_settled then
    local rules = ctx.rules
    shown = math.floor(batch.count * math.min(1, (ctx.now - batch.accepted_at) / math.max(1, rules.settle_ms)))
  end
  return { v1 = v1, batch_id = batch.id, account = batch.account.id, created_at = accounts.iso(batch.accepted_at),
    labels = batch.account.dynamic_ids, label_names = batch.account.dynamic_names, settled = batch.is_settled or false,
    shown = shown }
end

local function status(ctx, v1)
  local self, id = ctx.rules.records, ctx.query.batchId
  if not id or id == "" then return answers.invalid("batchId is required") end
  local batch = self.batches[id]
  if not batch or batch.account ~= ctx.account then return answers.not_found("batch not found") end
  ctx.line.batch_id, ctx.line.records = id, nil
  local body = must(self.file:read(batch.at, batch.bytes, self.body))
  local notes = must(self.file:read(batch.at + batch.bytes, batch.count * 10, self.notes))
  must(self.list:read(body, batch.v1, batch.is_batch))
  local rows = self.rows
  rows:clear()
  must(rows:add(v1 and "[" or ('{"client_account_id":"%s","batch_id":"%s","data":['):format(batch.account.id, id)))
  must(self.list:rows(notes, view_of(ctx, batch, v1), rows))
  must(rows:add(v1 and "]" or "]}"))
  return answers.raw(200, rows)
end

function M.status(ctx) return status(ctx, false) end
function M.v1_status(ctx) return status(ctx, true) end

return M
