--- The runtime inside nginx (OpenResty): cosockets for bytes, light threads for waiting. One HTTP/1.1 request, never repeated.
--
-- What nginx decides by its configuration: `resolver` for names, `lua_ssl_trusted_certificate` and `lua_ssl_verify_depth` for TLS.
-- The kept connections of one peer are apart by scheme, address, name and proxy, so that none is used for what it was not checked for.
-- @module tcb.runtime.nginx
local core = require "tcb.core"
local errors = require "tcb.errors"
local loop = require "tcb.task.nginx"
local task = require "tcb.task"

local ngx = rawget(_G, "ngx")
local mono = core.clock.mono
local M = { name = "nginx", sleep = task.sleep, now_us = mono }

--- Connections to one peer at a time; more requests wait for one (nginx' own backlog wakes them late).
M.CONNECTIONS = 100
--- An idle connection is dropped before common gateways do (60 s), so that a request rarely meets a dying one.
M.IDLE_MS = 20000
local BODY_MAX = 32 * 1024 * 1024
local PIECE = 65536
local CANCEL_MS = 200

local places = {}                   -- [pool name] = semaphore of its free connections

local TLS_REMEDY = "the CA must be in lua_ssl_trusted_certificate, with lua_ssl_verify_depth large enough; TLS is always verified"

local function fail(kind, message, sent, remedy)
  return errors.fail(kind, message, { sent = sent or nil, remedy = remedy })
end

--- scheme, host, port, target out of a URL.
local function parts(url)
  local scheme, authority, target = url:match "^(https?)://([^/?#]+)(.*)$"
  if not scheme then return nil end
  local host, port = authority:match "^(.-):(%d+)$"
  host = host or authority
  if target:sub(1, 1) ~= "/" then target = "/" .. target end
  return { scheme = scheme, host = host, port = tonumber(port) or (scheme == "https" and 443 or 80), target = target, authority = authority }
end

local function is_loopback(host)
  return host == "localhost" or host == "[::1]" or host:match "^127%." ~= nil
end

--- What a failed connect means to a user.
local function connect_error(peer, why)
  if why:find("no resolver", 1, true) then
    return fail("config", ("nginx cannot resolve '%s': no resolver is configured"):format(peer.host), false,
      "add a `resolver` line to the http block (nginx does not read /etc/resolv.conf)")
  end
  if why == "timeout" then return fail("timeout", ("no connection to %s:%d in time"):format(peer.host, peer.port)) end
  return fail("net", ("cannot connect to %s:%d: %s"):format(peer.host, peer.port, why))
end

--- Milliseconds left of the attempt, or nil, err when none is.
local function left_ms(deadline, what, sent)
  local left = math.floor((deadline - mono()) / 1000)
  if left > 0 then return left end
  return fail("timeout", what .. " took too long", sent)
end

--- A handshake with verification. nginx 0.10.23 throws when it fails at once, and takes false for "do not verify": so pcall, and
--- always nil for the session.
local function handshake(sock, name)
  local ok, session, why = pcall(sock.sslhandshake, sock, nil, name, true)
  if ok and session then return true end
  why = tostring(not ok and session or why or "handshake failed")
  if not ok and why:find("assertion failed", 1, true) then why = "the certificate was not accepted" end
  return fail("net", ("TLS to '%s' failed: %s"):format(name, why), false, TLS_REMEDY)
end

--- CONNECT through a proxy: the head of its answer, line by line.
local function tunnel(sock, peer)
  local target = peer.host .. ":" .. peer.port
  local ok, why = sock:send{ "CONNECT ", target, " HTTP/1.1\r\nHost: ", target, "\r\n\r\n" }
  local line
  if ok then line, why = sock:receive "*l" end
  if not line or line:match "^HTTP/1%.[01] (%d%d%d)" ~= "200" then
    return fail("net", "the proxy refused the connection: " .. (line or tostring(why)))
  end
  for _ = 1, 100 do
    line, why = sock:receive "*l"
    if line == "" then return true end
    if not line then break end
  end
  return fail("net", "the proxy's answer was cut: " .. tostring(why))
end

local function open(request, peer, deadline)
  local sock = ngx.socket.tcp()
  local left, err = left_ms(deadline, "the request")
  if not left then return nil, err end
  sock:settimeouts(math.min(left, math.floor((request.connect_timeout_s or 10) * 1000)), left, left)
  local via = peer.proxy or peer
  local host = via.host == "localhost" and "127.0.0.1" or via.host
  local ok, why = sock:connect(host, via.port, { pool = peer.pool, pool_size = M.CONNECTIONS })
  if not ok then return connect_error(via, why) end
  if sock:getreusedtimes() > 0 then return sock end
  ok = true
  if peer.proxy then ok, err = tunnel(sock, peer) end
  if ok and peer.scheme == "https" then ok, err = handshake(sock, peer.host) end
  if ok then return sock end
  sock:close()
  return nil, err
end

local function head_of(request, peer, length)
  local lines = { request.method .. " " .. peer.target .. " HTTP/1.1", "Host: " .. peer.authority }
  for _, line in ipairs(request.headers or {}) do lines[#lines + 1] = line end
  lines[#lines + 1] = "Accept-Encoding: identity"
  if request.method ~= "GET" or length > 0 then lines[#lines + 1] = "Content-Length: " .. ("%d"):format(length) end
  lines[#lines + 1] = "\r\n"
  return table.concat(lines, "\r\n")
end

--- Reads until the response is whole. A task's read looks up now and then, for nothing else can tell it that it was cancelled.
local function receive(request, sock, parser, deadline)
  local me = loop.current()
  local slice = me and CANCEL_MS or request.on_wait and 1000 or math.huge
  local told_us = mono()
  while true do
    local left, err = left_ms(deadline, "the answer", true)
    if not left then return nil, err end
    if me and me.cancelled then return fail("cancelled", "the request was cancelled", true) end
    sock:settimeout(math.min(left, slice))
    local bytes, why = sock:receiveany(PIECE)
    local whole
    if bytes then
      whole, err = parser:feed(bytes)
      if whole then return true end
      if whole == nil then return nil, err end
    elseif why == "closed" then
      whole, err = parser:finish()
      if whole then return true end
      if not parser:started() then return fail("net", "the connection was closed before an answer", true) end
      return nil, err
    elseif why ~= "timeout" then
      return fail("net", "the connection broke before the answer was whole: " .. tostring(why), true)
    elseif request.on_wait and mono() - told_us >= 900000 then
      told_us = mono()
      request.on_wait()
    end
  end
end

local function exchange(request, sock, peer, deadline)
  local body = request.body
  if type(body) == "userdata" then body = body:string() end
  body = body or ""
  local parser, err = core.http1(request.max_body_bytes or BODY_MAX)
  if not parser then return nil, err end
  local sent_us = mono()
  if request.on_sent then request.on_sent(sent_us) end
  local ok, why = sock:send{ head_of(request, peer, #body), body }
  if not ok then
    parser:close()
    return fail(why == "timeout" and "timeout" or "net", "the request could not be sent whole: " .. tostring(why), true)
  end
  ok, err = receive(request, sock, parser, deadline)
  if not ok then
    parser:close()
    return nil, err
  end
  local status, headers, got = parser:response((request.want == "buf" or request.into) and "buf" or "string")
  local answer = { status = status, headers = headers, body = got, sent_us = sent_us, done_us = mono(), keeps = parser:keeps() }
  parser:close()
  if request.into then answer.body = request.into:add(got) end
  return answer
end

--- A free connection's place; given back when released, or when nginx has dropped the thread that held it.
local function take_place(peer, deadline)
  local free = places[peer.pool]
  if not free then
    free = require "ngx.semaphore".new(M.CONNECTIONS)
    places[peer.pool] = free
  end
  local left, err = left_ms(deadline, "the request")
  if not left then return nil, err end
  if not free:wait(left / 1000) then
    return fail("timeout", ("all %d connections to %s are busy"):format(M.CONNECTIONS, peer.host))
  end
  local held = true
  local function give_back()
    if held then
      held = false
      free:post(1)
    end
  end
  local guard = newproxy(true)                                     -- luacheck: ignore
  getmetatable(guard).__gc = give_back
  return { guard = guard, give_back = give_back }
end

local function peer_of(request)
  local peer = parts(request.url)
  if not peer then return fail("config", "the URL is not http or https") end
  if request.file then
    return fail("config", "inside nginx nothing is written to the disk", false, "download it with the tcb program or a Lua script")
  end
  if request.ca then
    return fail("config", "inside nginx the CA comes from its configuration", false, "use lua_ssl_trusted_certificate instead of the option ca")
  end
  if request.proxy and request.proxy ~= "" and not is_loopback(peer.host) then
    peer.proxy = parts(request.proxy:find("://", 1, true) and request.proxy or "http://" .. request.proxy)
    if not peer.proxy or peer.proxy.scheme ~= "http" then return fail("config", "the proxy is not an http:// URL") end
  end
  local via = peer.proxy
  peer.pool = table.concat({ "tcb", peer.scheme, peer.host, peer.port, "verified", via and via.host .. ":" .. via.port or "direct" }, "|")
  return peer
end

--- Sends one request and waits for its answer; see tcb.runtime. Blocks the calling light thread only; possible in the rewrite,
--- access, content and timer phases.
function M.send(request)
  local ok, err = loop.may_wait()
  if not ok then return nil, err end
  local peer, place, sock, answer
  peer, err = peer_of(request)
  if not peer then return nil, err end
  local deadline = mono() + math.floor((request.timeout_s or 30) * 1e6)
  place, err = take_place(peer, deadline)
  if not place then return nil, err end
  sock, err = open(request, peer, deadline)
  if sock then
    answer, err = exchange(request, sock, peer, deadline)
    if answer and answer.keeps then sock:setkeepalive(M.IDLE_MS, M.CONNECTIONS) else sock:close() end
  end
  place.give_back()
  return answer, err
end

--- Where the account's state is kept: the shared dictionary, for all workers.
M.store = require("tcb.store.shared").new

return M
