--- 3,000,000 records through the sandbox's rules on the virtual clock: 6,000 batches of 500 at an account's documented ceiling,
--- with every key in the ledger, every batch settled, and each status document asked for once. Run by `make bench`; prints its
--- figures and one line a bound, `ok|MISS NAME MEASURED BOUND`.
local core = require "tcb.core"
local rules = require "tcb.sandbox.rules"

local BATCHES, RECORDS, TOKENS = tonumber(arg and arg[1]) or 6000, 500, 10
local BOUND_S = 8                   -- CPU seconds for all of it

local function file_bytes(path)
  local f = assert(io.open(path, "rb"))
  local bytes = f:seek("end")
  f:close()
  return bytes
end

local function memory_kb(field)
  for line in io.lines "/proc/self/status" do
    local kb = line:match("^" .. field .. ":%s+(%d+) kB")
    if kb then return tonumber(kb) end
  end
end

--- A body of the yardstick's size: 140 KB for 500 records.
local function make_body(label, n)
  local list = {}
  for i = 1, RECORDS do
    local starts = 1893470000000 + n * 60000
    list[i] = ('{"caller_number":"9112345678%02d","receiver_number":"91%010d","label_id":"%s",'
      .. '"dynamic_label_name":"Acme Bank KYC Department","dynamic_call_reason":"Calling you for KYC verification, case %06d","starts_at":%d,"ends_at":%d}')
      :format(i % 60, 7000000000 + n * RECORDS + i, label, i, starts, starts + 3600000)
  end
  return '{"call_records":[' .. table.concat(list, ",") .. "]}"
end

local path = os.tmpname()
core.clock.virtual(1893456000000)
local r = assert(rules.new{ seed = 1, ledger = path })
local account = r.accounts[1]
local bodies, made_s = {}, os.clock()
for n = 1, 16 do bodies[n] = make_body(account.labels[1].id, n) end
made_s = os.clock() - made_s

local function send(method, path_text, query, token, body, more)
  local headers = more or { authorization = "Bearer " .. token }
  return r:handle{ method = method, path = path_text, query = query, headers = headers, body = body }
end

local PUSH, STATUS = "/v2/clients/" .. account.id .. "/dynamic_call_records", "/v3/clients/" .. account.id .. "/dynamic_call_records"
local tokens = {}
for i = 1, TOKENS do
  local answer = send("POST", "/clients/" .. account.id .. "/token", "", nil,
    ('{"key_id":"%s","api_key":"%s"}'):format(account.key_id, account.api_key), { ["x-public-access"] = "allow" })
  tokens[i] = answer.body:match('"token":"([^"]+)"')
end

local before_kb = memory_kb "VmRSS"
local push_s, ids = os.clock(), {}
for n = 1, BATCHES do
  core.clock.advance(100000)
  local answer = send("POST", PUSH, "", tokens[n % TOKENS + 1], bodies[n % 16 + 1])
  assert(answer.status == 200, answer.body)
  ids[n] = answer.body:match('"batch_id":"([^"]+)"')
end
core.clock.advance(3600000000 / 2)
r:run()
push_s = os.clock() - push_s

local status_s, rows = os.clock(), 0
for n = 1, BATCHES do
  local answer = send("GET", STATUS, "batchId=" .. ids[n], tokens[n % TOKENS + 1], "")
  assert(answer.status == 200)
  rows = rows + (answer.body:len() > 100000 and RECORDS or 0)
end
status_s = os.clock() - status_s
local ledger_mb = file_bytes(path) / 1e6
os.remove(path)
r:close()

local grown_mb = (memory_kb "VmHWM" - before_kb) / 1024
print(("sandbox: %d records in %d batches: accepted, hashed and settled %.2f s, status documents %.2f s")
  :format(BATCHES * RECORDS, BATCHES, push_s, status_s))
print(("sandbox: ledger %.0f MB, memory +%.1f MB"):format(ledger_mb, grown_mb))
local missed = false
local function bound(name, measured, most)
  local ok = measured <= most
  missed = missed or not ok
  print(("%s %s %.2f %g"):format(ok and "ok" or "MISS", name, measured, most))
end
bound("sandbox_3m_records_cpu_s", (push_s + status_s) * 6000 / BATCHES, BOUND_S)
bound("sandbox_memory_growth_mb", grown_mb, 32)
os.exit(missed and 1 or 0)
