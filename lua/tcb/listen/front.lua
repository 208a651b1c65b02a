--- The acknowledging thread of tcb.listen: takes deliveries, makes them durable, answers 200, and tells its owner that there are
-- some. It runs in a Lua state of its own, so that no handler can delay an answer.
-- @module tcb.listen.front
local core = require "tcb.core"
local httpd = require "tcb.httpd"
local inbox = require "tcb.inbox"
local json = require "tcb.json"
local M = {}

local JSON = { ["Content-Type"] = "application/json" }
local RECEIVED = '{"status":"received"}'

local function refuse(request, status, message)
  request:respond(status, JSON, json.encode { message = message })
end

--- Answers a list of requests after one commit for all. Returns how many events were new.
local function acknowledge(box, requests)
  local bodies, new = {}, 0
  for i, request in ipairs(requests) do bodies[i] = request.body end
  local results, err = box:put(bodies)
  if not results then
    core.log.write("error", "cannot keep webhook events, the sender will repeat them: " .. tostring(err))
    for _, request in ipairs(requests) do refuse(request, 503, "the event could not be stored") end
    return 0
  end
  for i, request in ipairs(requests) do
    local result = results[i]
    if type(result) == "string" then
      if result == "new" then new = new + 1 end
      request:respond(200, JSON, RECEIVED)
    else
      core.log.write("warn", "refused a webhook delivery from " .. request.peer .. ": " .. result.message)
      refuse(request, 400, result.message)
    end
  end
  return new
end

--- Takes what has arrived, and what arrives while it does, up to `most` deliveries.
local function gather(server, most)
  local list, before = {}, 0
  repeat
    before = #list
    local request = server:take()
    while request do
      list[#list + 1] = request
      request = #list < most and server:take() or nil
    end
    if #list > 0 and #list < most then server:step(0) end
  until #list == before or #list >= most
  return list
end

local function routes(args)
  local list = {}
  if args.port then
    list[1] = { path = args.path, methods = "POST", key_name = "key", key = args.key, content_type = "application/json" }
  end
  if args.socket then list[#list + 1] = { path = "/_inbox", methods = "POST", content_type = "application/json" } end
  return list
end

local function open(args)
  local box, err = inbox.open(args.inbox)
  if not box then return nil, err end
  local server
  server, err = httpd.server { host = args.port and args.host, port = args.port, unix = args.socket, unix_mode = args.socket_mode,
    cert = args.cert, key = args.tls_key, max_body_bytes = args.max_body_bytes, max_header_bytes = 16384,
    idle_timeout_s = args.idle_timeout_s, read_timeout_s = args.read_timeout_s, max_connections = args.max_connections,
    routes = routes(args) }
  if not server then
    box:close()
    return nil, err
  end
  return box, server
end

--- Runs until the owner closes the thread. Sends "ready PORT" or "failed KIND MESSAGE", then "new" after each commit with new events,
--- and "stats ..." when asked for it.
function M.main(port, args)
  core.log.secret(args.key or "")
  local box, server = open(args)
  if not box then
    port:send("failed " .. server.kind .. " " .. server.message)
    return
  end
  server:watch(port:fd())
  port:send(("ready %d"):format(server:port()))
  while not port:stopping() do
    assert(server:step(30))
    local requests = gather(server, args.commit_max)
    if #requests > 0 and acknowledge(box, requests) > 0 then port:send "new" end
    local asked = port:receive(0)
    if asked == "stats" then
      local s = server:stats()
      port:send(("stats %d %d %d %d"):format(s.requests, s.refused, s.cut_short, s.connections))
    end
  end
  server:step(0)                        -- the last answers leave
  server:close()
  box:close()
end

return M
