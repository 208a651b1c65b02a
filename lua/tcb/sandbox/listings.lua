--- Calls that list things: labels, feature sets, numbers; each with its own idea of a page.
-- @module tcb.sandbox.listings
local answers = require "tcb.sandbox.answers"
local json = require "tcb.json"
local M = {}

local LABEL = { "id", "name", "logo_url", "category", "sub_category", "created_by_email", "created_at", "label_type" }
local FEATURE_SET = { "id", "name", "description", "status", "process_id", "client_account_id", "label_id", "call_reason_id",
  "video_caller_id", "business_profile_id", "call_me_back", "survey", "department_id", "department_name", "operation_id",
  "calling_operation_id", "calling_operation_name", "process_name", "sub_process_name", "created_at", "updated_at" }
local NUMBER = { "phone_number", "phone_type", "status", "client_account_id", "created_by_email", "department", "operation",
  "process", "subprocess", "feature_set_name", "call_me_back", "created_at", "updated_at", "label_name" }

--- Page sizes where the caller names none.
local LABELS_LIMIT, FEATURE_SETS_LIMIT, NUMBERS_LIMIT = 1000, 50, 30

local function positive(query, name, default)
  local text = query[name]
  if text == nil then return default end
  local n = text:match("^%d+$") and #text <= 9 and tonumber(text)
  if not n or n < 1 then return nil, answers.invalid(name .. " must be a positive integer") end
  return n
end

local function page_of(query, default_limit)
  local limit, wrong = positive(query, "limit", default_limit)
  local page, wrong_page = positive(query, "page", 1)
  return page, limit, wrong or wrong_page
end

local function slice(list, page, limit, write)
  local out = {}
  for i = (page - 1) * limit + 1, math.min(#list, page * limit) do out[#out + 1] = write(list[i]) end
  return "[" .. table.concat(out, ",") .. "]"
end

function M.labels(ctx)
  local page, limit, wrong = page_of(ctx.query, LABELS_LIMIT)
  if wrong then return wrong end
  return answers.raw(200, slice(ctx.account.labels, page, limit, function(label) return json.encode(label, LABEL) end))
end

local function write_set(set)
  local out = { video_caller_id = json.null }
  for _, name in ipairs(FEATURE_SET) do
    if out[name] == nil then out[name] = set[name] end
  end
  return json.encode(out, FEATURE_SET)
end

--- Does the feature set fit the query's filters?
local function fits(query, set)
  return (query.department_id == nil or query.department_id == set.department_id)
    and (query.operation_id == nil or query.operation_id == set.operation_id)
    and (query.process_id == nil or query.process_id == set.process_id)
end

function M.feature_sets(ctx)
  local page, limit, wrong = page_of(ctx.query, FEATURE_SETS_LIMIT)
  if wrong then return wrong end
  local list = {}
  for _, set in ipairs(ctx.account.feature_sets) do
    if fits(ctx.query, set) then list[#list + 1] = set end
  end
  return answers.raw(200, ('{"feature_sets":%s,"pagination_info":{"total_page_count":%d,"current_page":%d,"page_limit":%d}}')
    :format(slice(list, page, limit, write_set), math.ceil(#list / limit), page, limit))
end

function M.numbers(ctx)
  local page, limit, wrong = page_of(ctx.query, NUMBERS_LIMIT)
  if wrong then return wrong end
  local account, list, set_id = ctx.account, {}, ctx.query.feature_set_id
  for _, n in ipairs(account.numbers) do
    if fits(ctx.query, n.set) and (set_id == nil or set_id == n.set.id) then list[#list + 1] = n end
  end
  local function write(n)
    local set = n.set
    return json.encode({ phone_number = n.phone, phone_type = "verified", status = n.state, client_account_id = account.id,
      created_by_email = "ops@example.com", department = set.department_name, operation = set.calling_operation_name,
      process = set.process_name, subprocess = set.sub_process_name, feature_set_name = set.name,
      call_me_back = set.call_me_back and "enabled" or "disabled", created_at = n.created_at, updated_at = n.updated_at,
      label_name = set.label_name }, NUMBER)
  end
  return answers.raw(200, ('{"numbers":%s,"pagination_information":{"total_page_count":%d}}')
    :format(slice(list, page, limit, write), math.ceil(#list / limit)))
end

return M
