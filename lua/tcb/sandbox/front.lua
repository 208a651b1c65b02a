--- The sandbox's HTTP front: one thread with a Lua state of its own runs the rules, serves loopback and delivers webhooks.
-- @module tcb.sandbox.front
local core = require "tcb.core"
local httpd = require "tcb.httpd"
local json = require "tcb.json"
local rules = require "tcb.sandbox.rules"
local task = require "tcb.task"
local M = {}

local MAX_BODY = 16 * 1024 * 1024
local DELIVERIES = 64               -- webhooks under way at once
local WEBHOOK_TIMEOUT_S = 2         -- the safe reading of the documented bound (api.md, section 10)

--- Hands an answer to the connection, or cuts it.
local function give(request, answer)
  local cut = answer.cut
  if cut == "reset-before" or cut == "reset-after-commit" then return request:cut("reset") end
  if cut == "truncate" then return request:cut("truncate", answer.status, answer.headers, answer.body) end
  return request:respond(answer.status, answer.headers, answer.body)
end

local function answer_of(front, req)
  local ok, answer = pcall(front.rules.handle, front.rules, req)
  if ok then return answer end
  core.log.write("error", "sandbox: " .. tostring(answer))
  local text = "the sandbox itself failed: " .. tostring(answer) .. "\n"
  return { status = 500, headers = { ["Content-Type"] = "text/plain" }, body = text }
end

--- Bodies are C memory, which Lua's collector does not see: they are given back at once.
local function handle(front, req)
  local answer = answer_of(front, req)
  req.body:close()
  return answer
end

--- A body that must outlive other requests: rows live in a buffer that the rules use again.
local function kept(answer)
  if type(answer.body) == "userdata" then answer.body = answer.body:string() end
  return answer
end

local function serve(front, request, req, count_ms, answer_ms)
  if count_ms > 0 then task.sleep(count_ms / 1000) end
  local answer = kept(handle(front, req))
  local wait_s = answer_ms / 1000 + (answer.cut == "stall" and answer.stall_s or 0)
  if wait_s > 0 then task.sleep(wait_s) end
  give(request, answer)
end

--- Serves at once where nothing has to be waited for; else in a task.
local function take_requests(front)
  local request = front.server:take()
  while request do
    local req = { method = request.method, path = request.path, query = request.query, headers = request.headers,
      body = request:take_body() }
    local count_ms, answer_ms = front.rules:delays(req)
    if count_ms > 0 or answer_ms > 0 then
      task.spawn(serve, front, request, req, count_ms, answer_ms)
    else
      local answer = handle(front, req)
      if answer.cut == "stall" then
        task.spawn(function(held, late)
          task.sleep(late.stall_s)
          give(held, late)
        end, request, kept(answer))
      else
        give(request, answer)
      end
    end
    request = front.server:take()
  end
end

local function deliver(front, delivery)
  local send = require("tcb.runtime").current().send
  local res = send{ method = "POST", url = delivery.url, body = delivery.body,
    headers = { "Content-Type: application/json", "Accept: application/json" },
    connect_timeout_s = WEBHOOK_TIMEOUT_S, timeout_s = WEBHOOK_TIMEOUT_S, repeatable = false, max_body_bytes = 65536 }
  local is_json = res and (res.headers["content-type"] or ""):match("^application/json") and core.json_check(res.body)
  front.rules.webhooks:ended(delivery, res and res.status, res and res.status == 200 and is_json or false, front.rules.now())
  front.delivering = front.delivering - 1
end

local function start_deliveries(front)
  while front.delivering < DELIVERIES do
    local delivery = front.rules.webhooks:take()
    if not delivery then return end
    front.delivering = front.delivering + 1
    task.spawn(deliver, front, delivery)
  end
end

--- Takes part in the scheduler's waiting: requests, and what comes due in the rules.
local function server_poller(front)
  local server, r = front.server, front.rules
  return {
    fd = function() return server:fd() end,
    timeout = function()
      local timeout, due = server:timeout(), r:next_due()
      if due then timeout = math.min(timeout or math.huge, math.max(0, (due - r.now()) / 1000)) end
      return timeout
    end,
    step = function()
      local ok, err = server:step(0)
      if not ok then core.log.write("error", "sandbox: " .. tostring(err)) end
      take_requests(front)
      r:run()
      start_deliveries(front)
      server:step(0)                                         -- so that answers leave now
    end,
  }
end

--- Questions of the thread that owns this one: "METHOD path body", answered like the control endpoints with "STATUS body".
local function port_poller(front, port, stopped)
  return {
    fd = function() return port:fd() end,
    step = function()
      local question = port:receive(0)
      while question do
        local method, path, query, body = question:match("^(%u+) ([^ ?]+)%??(%S*) (.*)$")
        local answer = kept(answer_of(front, { method = method, path = path, query = query, headers = {}, body = body }))
        port:send(("%d "):format(answer.status) .. answer.body)
        question = port:receive(0)
      end
      if port:stopping() then stopped:set() end
    end,
  }
end

local function credentials(front)
  local list = {}
  for i, a in ipairs(front.rules.accounts) do list[i] = { account = a.id, key_id = a.key_id, api_key = a.api_key } end
  return { port = front.server:port(), seed = front.rules.seed, accounts = list }
end

local function open(given)
  local r, err = rules.new(given)
  if not r then return nil, err end
  local server
  server, err = httpd.server{ host = "127.0.0.1", port = r.options.port, max_body_bytes = MAX_BODY, max_connections = 2000,
    idle_timeout_s = 75, read_timeout_s = 60 }
  if not server then
    r:close()
    return nil, err
  end
  return { rules = r, server = server, delivering = 0 }
end

--- The thread's function: `start.options` holds the options as JSON. Tells its owner the port and credentials, then serves
--- until it is told to stop.
function M.main(port, start)
  local front, err = open(json.decode(start.options))
  if not front then
    port:send(json.encode{ error = { kind = err.kind, message = err.message } })
    return
  end
  local stopped = task.event()
  local pollers = { server_poller(front), port_poller(front, port, stopped) }
  for _, poller in ipairs(pollers) do task.add_poller(poller) end
  port:send(json.encode(credentials(front)))
  task.run(function() stopped:wait() end)
  for _, poller in ipairs(pollers) do task.remove_poller(poller) end
  front.server:close()
  front.rules:close()
end

return M
