--- The accounts of a sandbox and what stands in them at the start: made up, and the same for the same seed.
-- The first has 3 dynamic labels and 1 other, 60 feature sets and 240 numbers; further ones are small, and own no numbers.
-- @module tcb.sandbox.accounts
local M = {}

local FIRST = { dynamic = 3, other = 1, feature_sets = 60, numbers = 240 }
local FURTHER = { dynamic = 1, other = 0, feature_sets = 2, numbers = 0 }
local LABELS = { "Acme Deliveries", "Acme Bank Service", "Acme Appointments" }
local DEPARTMENTS = { "Logistics", "Service", "Collections", "Sales", "Health" }
local OPERATIONS = { "Outbound", "Inbound" }
local PROCESSES = { "Reminders", "Confirmations", "Surveys" }

local function iso(ms)
  local text = os.date("!%Y-%m-%dT%H:%M:%S", math.floor(ms / 1000))
  local rest = ("%03d"):format(ms % 1000):gsub("0+$", "")
  return rest == "" and text .. "Z" or text .. "." .. rest .. "Z"
end
--- Epoch ms -> "2026-01-23T09:07:32.21Z", as the service writes instants.
M.iso = iso

local function add_labels(account, ids, size, at)
  local function add(name, kind)
    local n = #account.labels + 1
    account.labels[n] = { id = ids.uuid(("label %d of account %d"):format(n, account.number)), name = name,
      logo_url = ("https://images.example.com/logo-%d.png"):format(n), category = 10, sub_category = 142,
      created_by_email = "ops@example.com", created_at = iso(at), label_type = kind }
  end
  for i = 1, size.dynamic do
    add(LABELS[i], "dynamic")
    if i == 1 and size.other > 0 then add("Acme", "static") end
  end
  local dynamic, names = {}, {}
  for _, label in ipairs(account.labels) do
    if label.label_type == "dynamic" then
      dynamic[#dynamic + 1] = label.id
      names[#names + 1] = label.name .. "\0"
    end
  end
  account.dynamic_ids, account.dynamic_names = table.concat(dynamic), table.concat(names)
end

local function add_feature_sets(account, ids, size, at)
  local function id(kind, n) return ids.uuid(("%s %d of account %d"):format(kind, n, account.number)) end
  for n = 1, size.feature_sets do
    local d, o, p = (n - 1) % #DEPARTMENTS + 1, (n - 1) % #OPERATIONS + 1, (n - 1) % #PROCESSES + 1
    local label = account.labels[(n - 1) % #account.labels + 1]
    local operation = id("operation", o)
    local set = { id = id("feature set", n), name = ("%s %s %d"):format(DEPARTMENTS[d], PROCESSES[p], n), description = "Made up",
      status = "draft", process_id = id("process", p), client_account_id = account.id, label_id = label.id,
      call_reason_id = id("reason", n), business_profile_id = id("profile", 1), call_me_back = n % 2 == 0,
      survey = n % 3 == 0, department_id = id("department", d),
      department_name = DEPARTMENTS[d], operation_id = operation, calling_operation_id = operation,
      calling_operation_name = OPERATIONS[o], process_name = PROCESSES[p], sub_process_name = "",
      created_at = iso(at), updated_at = iso(at), label_name = label.name }
    account.feature_sets[n] = set
    account.feature_set[set.id] = set
  end
end

--- A number of the account. `state`: "listed", "pending" or "delisting".
function M.add_number(account, phone, set, state, at)
  local entry = { phone = phone, set = set, state = state, created_at = iso(at), updated_at = iso(at) }
  account.numbers[#account.numbers + 1] = entry
  account.number_of[phone] = entry
  return entry
end

local function add_numbers(account, ids, size, at)
  local base = math.floor(ids.draw(("numbers of account %d"):format(account.number)) * 90000000)
  for n = 1, size.numbers do
    M.add_number(account, ("9188%08d"):format(base + n), account.feature_sets[(n - 1) % #account.feature_sets + 1], "listed", at)
  end
end

--- Makes account number `n`.
---@param at integer ms: when everything in it was created
function M.new(ids, n, at)
  local size = n == 1 and FIRST or FURTHER
  local function id(kind) return ids.uuid(("%s %d"):format(kind, n)) end
  local account = { number = n, id = id "account", key_id = id "key id", api_key = id "api key", labels = {}, feature_sets = {},
    feature_set = {}, numbers = {}, number_of = {}, events = {}, minted = 0, batches = 0, failed_once = {} }
  add_labels(account, ids, size, at)
  add_feature_sets(account, ids, size, at)
  add_numbers(account, ids, size, at)
  return account
end

return M
