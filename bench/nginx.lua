--- One nginx worker with tcb in it, on one processor; load and a made-up service on the other. Argument: the program bench/load.c.
-- Throughput is compared with a bare cosocket client, written as its documentation shows, that sends the same record and reads the
-- same answer, without checks, limits, token or errors. Rounds in turn, medians. Part of bench/nginx.sh.
package.path = "spec/?.lua;" .. package.path
local mono = require("tcb.core").clock.mono
local nginx = require "support.nginx"
local load_program = arg[1]

local SERVICE = [[
location ~ /token$ { return 200 '{"token":"0123456789abcdef0123456789abcdef"}'; }
location /fast/ { default_type application/json; return 200 '{"status_info":{"status":"success","message":"The record was accepted"}}'; }
location /slow/ { content_by_lua_block { ngx.sleep(0.3) ngx.print '{"status_info":{"status":"success"}}' } }
location /stall/ { content_by_lua_block { ngx.sleep(5) ngx.print '{"status_info":{"status":"success"}}' } }
]]

local SERVER = [[
location = /ping { content_by_lua_block { ngx.header.content_length = 4 ngx.print "pong" } }
location / { content_by_lua_block { require("bench_handlers")[ngx.var.uri:sub(2)]() } }
]]

local HANDLERS = [[
local cjson = require "cjson"
local M = {}
local function client(path, limits)
  return assert(require("tcb").client{ base_url = "http://127.0.0.1:%d" .. path, account = "acme", key_id = "k", api_key = "bench-key",
    limits = limits or "mint=0 push=0 personalise=0" })
end
local clients = { fast = client "/fast", slow = client "/slow", stall = client "/stall",
  limited = client("/fast/limited", "mint=0 push=0 personalise=1000/1") }
local function record()
  local now = math.floor(ngx.now() * 1000)
  return { caller_number = "911234567890", receiver_number = "919876543210", label_id = "7b2f3c1e-3f50-4f5e-9f5d-0a1b2c3d4e5f",
    dynamic_call_reason = "Your parcel arrives today", starts_at = now + 60000, ends_at = now + 3600000 }
end
local function good()
  ngx.header.content_length = 20
  ngx.print '{"status":"success"}'
end
for name, c in pairs(clients) do
  M[name] = function()
    assert(c:personalise(record()))
    good()
  end
end
local HEAD = "POST /fast/v2/clients/acme/dynamic_call_record HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
  .. "Authorization: Bearer 0123456789abcdef0123456789abcdef\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
  .. "User-Agent: bare\r\nContent-Length: "
function M.bare()
  local body = cjson.encode(record())
  local sock = ngx.socket.tcp()
  sock:settimeouts(10000, 30000, 30000)
  assert(sock:connect("127.0.0.1", %d))
  assert(sock:send{ HEAD, #body, "\r\n\r\n", body })
  local status = tonumber(assert(sock:receive "*l"):match "^HTTP/1%%.1 (%%d%%d%%d)")
  local headers = {}
  while true do
    local line = assert(sock:receive "*l")
    if line == "" then break end
    local name, value = line:match "^(.-):%%s*(.*)$"
    headers[name:lower()] = value
  end
  local answer = cjson.decode(assert(sock:receive(tonumber(headers["content-length"]))))
  sock:setkeepalive(20000, 100)
  assert(status == 200 and answer.status_info.status == "success")
  good()
end
return M
]]

local service = nginx.start{ server = SERVICE, main = "worker_cpu_affinity 10;" }
local host = nginx.start{ server = SERVER, main = "worker_cpu_affinity 01;" }

local function load(path, connections, requests)
  local out = nginx.capture(("timeout 120 taskset 2 %s %d /%s %d %d"):format(load_program, host.port, path, connections, requests))
  local seconds, median, p99, most, bad = out:match "^(%S+) (%S+) (%S+) (%S+) (%d+)$"
  assert(bad == "0", path .. ": " .. (bad and bad .. " requests failed" or "no result: " .. out) .. "\n" .. host.errors():sub(1, 2000))
  return tonumber(seconds), { median = tonumber(median), p99 = tonumber(p99), most = tonumber(most) }
end

local function median(list)
  table.sort(list)
  return list[math.floor(#list / 2) + 1]
end

local function verdict(name, good, measured, bound)
  print(("%s nginx.%s %s %s"):format(good and "ok" or "MISS", name, measured, bound))
end

local function waiting()
  local all = {}
  for i = 1, 5 do all[i] = load("slow", 50, 50) * 1000 end
  local ms = median(all)
  verdict("50_requests_of_300_ms", ms <= 450, ("%.0f"):format(ms), "<=450")
end

local function stalled()
  local from = mono()
  local stall = io.popen(("timeout 60 taskset 2 %s %d /stall 50 50"):format(load_program, host.port))
  repeat load("ping", 1, 100) until mono() - from > 500000         -- they are all on their way by then
  local _, ping = load("ping", 1, 3000)
  assert(mono() - from < 4900000, "the machine is too busy: the stalled requests were over before the others")
  local shortest = stall:read "*a":match "^(%S+) .* 0\n$"
  assert(tonumber(shortest or 0) >= 5, "a request to the stalled API failed")
  stall:close()
  print(("/ping beside 50 stalled requests: median %.2f ms, p99 %.2f ms, at most %.2f ms"):format(ping.median, ping.p99, ping.most))
  verdict("ping_p99_ms", ping.p99 <= 10, ("%.2f"):format(ping.p99), "<=10")
end

local function throughput()
  local rates, n = { bare = {}, fast = {} }, 3000
  for round = 0, 31 do                                             -- the first warms up
    for name, list in pairs(rates) do
      local seconds = load(name, 16, n)
      if round > 0 then list[round] = n / seconds end
    end
  end
  load("limited", 16, n)
  local bare, fast, limited = median(rates.bare), median(rates.fast), n / load("limited", 16, n)
  print(("a fast API, requests/s: bare cosockets %.0f, tcb %.0f; at a limit of 1,000/s that all workers share %.0f"):format(bare, fast, limited))
  verdict("throughput_of_bare_cosockets", fast / bare >= 0.8, ("%.2f"):format(fast / bare), ">=0.8")
end

local file = assert(io.open(host.dir .. "/lua/bench_handlers.lua", "w"))
file:write(HANDLERS:format(service.port, service.port, service.port))
file:close()
local ok, why = pcall(function()
  load("slow", 1, 1)
  waiting()
  stalled()
  throughput()
  assert(host.errors() == "", host.errors())
end)
host.stop()
service.stop()
if not ok then error(why, 0) end
