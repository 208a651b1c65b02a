--- Listing and delisting numbers: answered at once, done later.
--
-- publish: a new number is `pending`, then `listed`. delist: `delisting`, then absent. A number listed while its delisting is
-- under way looks accepted and is ignored. Numbers of the unassigned code 999 may fail: those that end in 9004 to be listed
-- (absent again), those that end in 9005 to be delisted (listed again).
-- @module tcb.sandbox.numbers
local accounts = require "tcb.sandbox.accounts"
local answers = require "tcb.sandbox.answers"
local core = require "tcb.core"
local json = require "tcb.json"
local M = {}

local MOST = 10000
--- The two answers have different arrays (api.md, section 8).
local PUBLISH = { "new_numbers", "existing_numbers", "other_phonetype_numbers", "others_numbers", "invalid_numbers",
  "other_feature_set_numbers", "migrated_numbers", "delisted_numbers", "updated_numbers" }
local DELIST = { "processing_numbers", "new_numbers", "existing_numbers", "other_phonetype_numbers", "others_numbers",
  "invalid_numbers", "other_feature_set_numbers" }

--- The body's numbers, each once and in order | nil, answer.
local function read_numbers(ctx)
  local body = ctx.req.body
  local ok, why = core.json_check(body, 8)
  if not ok then return nil, answers.invalid("the body is not JSON: " .. why) end
  local value = json.decode(body)
  local list = type(value) == "table" and value.phone_numbers
  if list == nil or list == false then return nil, answers.invalid("phone_numbers is required") end
  if type(list) ~= "table" then return nil, answers.invalid("phone_numbers must be a list") end
  if #list < 1 or #list > MOST then return nil, answers.invalid("phone_numbers must hold 1 to 10000 numbers") end
  local out, seen = {}, {}
  for i = 1, #list do
    local n = list[i]
    if type(n) ~= "string" then return nil, answers.invalid("phone_numbers must be strings") end
    if not seen[n] then
      seen[n] = true
      out[#out + 1] = n
    end
  end
  return out
end

local function is_number(text)
  return #text >= 8 and #text <= 15 and text:match("^[1-9]%d+$") ~= nil
end

local function write(order, lists, before, status)
  local parts = { before }
  for _, name in ipairs(order) do
    local quoted = {}
    for i, n in ipairs(lists[name] or {}) do quoted[i] = json.quote(n) end
    parts[#parts + 1] = ('"%s":[%s]'):format(name, table.concat(quoted, ","))
  end
  parts[#parts + 1] = ('"status":"%s"'):format(status)
  return answers.raw(200, "{" .. table.concat(parts, ",") .. "}")
end

local function sorter()
  local lists = {}
  return lists, function(name, n)
    lists[name] = lists[name] or {}
    table.insert(lists[name], n)
  end
end

local function count(list) return list and #list or 0 end

--- Writes the ledger's `numbers` event, where there is something to tell.
local function tell(rules, t, set, action, n)
  if n > 0 then rules.ledger:write("numbers", t, { feature_set_id = set.id, action = action, count = n }) end
end

local function remove(account, entries)
  local gone = {}
  for _, entry in ipairs(entries) do
    gone[entry] = true
    account.number_of[entry.phone] = nil
  end
  local kept = {}
  for _, entry in ipairs(account.numbers) do
    if not gone[entry] then kept[#kept + 1] = entry end
  end
  account.numbers = kept
end

--- Ends the listing or delisting of `entries` at `due`.
local function finish(rules, account, set, entries, due, delisting)
  local failing, done, failed = delisting and "^999%d*9005$" or "^999%d*9004$", {}, {}
  for _, entry in ipairs(entries) do
    local is_failed = entry.phone:find(failing) ~= nil
    table.insert(is_failed and failed or done, entry)
    if is_failed == delisting then entry.state = "listed" end
    entry.updated_at = accounts.iso(due)
  end
  remove(account, delisting and done or failed)
  tell(rules, due, set, delisting and "delisted" or "listed", #done)
  tell(rules, due, set, delisting and "delist-failed" or "list-failed", #failed)
end

local function later(rules, ctx, set, entries, delisting)
  if #entries == 0 then return end
  rules.timeline.add(ctx.now + rules.number_settle_ms, function(due) finish(rules, ctx.account, set, entries, due, delisting) end)
end

function M.publish(ctx)
  local rules, account, set = ctx.rules, ctx.account, ctx.account.feature_set[ctx.ids[2]]
  if not set then return answers.not_found("feature set not found") end
  local list, wrong = read_numbers(ctx)
  if not list then return wrong end
  local lists, put = sorter()
  local entries, ignored = {}, 0
  for _, n in ipairs(list) do
    local entry = account.number_of[n]
    if not is_number(n) then put("invalid_numbers", n)
    elseif entry and entry.state == "delisting" then
      put("new_numbers", n)                                  -- looks accepted, and nothing comes of it
      ignored = ignored + 1
    elseif not entry then
      entries[#entries + 1] = accounts.add_number(account, n, set, "pending", ctx.now)
      put("new_numbers", n)
    elseif entry.set == set then put("existing_numbers", n)
    else put("other_feature_set_numbers", n) end
  end
  ctx.after(function()
    tell(rules, ctx.now, set, "publish", #entries)
    tell(rules, ctx.now, set, "ignored", ignored)
  end)
  later(rules, ctx, set, entries, false)
  local good = count(lists.new_numbers) + count(lists.existing_numbers)
  local before = ('"client_account_id":"%s","created_by_email":"ops@example.com","phone_type":"verified"'):format(account.id)
  return write(PUBLISH, lists, before, good > 0 and "pending" or "failed")
end

function M.delist(ctx)
  local rules, account, set = ctx.rules, ctx.account, ctx.account.feature_set[ctx.ids[2]]
  if not set then return answers.not_found("feature set not found") end
  local list, wrong = read_numbers(ctx)
  if not list then return wrong end
  local lists, put = sorter()
  local entries = {}
  for _, n in ipairs(list) do
    local entry = account.number_of[n]
    if not is_number(n) then put("invalid_numbers", n)
    elseif not entry then put("new_numbers", n)
    elseif entry.set ~= set then put("other_feature_set_numbers", n)
    elseif entry.state ~= "listed" then put("processing_numbers", n)
    else
      entry.state, entry.updated_at = "delisting", accounts.iso(ctx.now)
      entries[#entries + 1] = entry
      put("existing_numbers", n)
    end
  end
  ctx.after(function() tell(rules, ctx.now, set, "delist", #entries) end)
  later(rules, ctx, set, entries, true)
  local good = count(lists.existing_numbers) + count(lists.processing_numbers)
  return write(DELIST, lists, ('"client_account_id":"%s","phone_type":""'):format(account.id), good > 0 and "pending" or "failed")
end

return M
