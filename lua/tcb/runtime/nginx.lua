--- The runtime inside nginx (OpenResty): cosockets for bytes, light threads for waiting. One HTTP/1.1 request, never repeated.
--
-- What nginx decides by its configuration: `resolver` for names, `lua_ssl_trusted_certificate` and `lua_ssl_verify_depth` for TLS.
-- @module tcb.runtime.nginx
local core = require "tcb.core"
local errors = require "tcb.errors"
local loop = require "tcb.task.nginx"
local peers = require "tcb.runtime.nginx_peers"
local task = require "tcb.task"

local ngx = rawget(_G, "ngx")
local mono = core.clock.mono
local M = { name = "nginx", sleep = task.sleep, now_us = mono }

--- An idle connection is dropped before common gateways do (60 s), so that a request rarely meets a dying one.
M.IDLE_MS = 20000
local BODY_MAX = 32 * 1024 * 1024
local PIECE = 65536
local CANCEL_MS = 200

local TLS_REMEDY = "the CA must be in lua_ssl_trusted_certificate, with lua_ssl_verify_depth large enough; TLS is always verified"

local function fail(kind, message, sent, remedy)
  return errors.fail(kind, message, { sent = sent or nil, remedy = remedy })
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
  if name:find "^[%d.]+$" or name:find "^%[" then why = why .. " (nginx checks names, not addresses: use a host name)" end
  if not ok and why:find("assertion failed", 1, true) then why = "the certificate was not accepted" end
  return fail("net", ("TLS to '%s' failed: %s"):format(name, why), false, TLS_REMEDY)
end

--- CONNECT through a proxy: the head of its answer, line by line.
local function tunnel(sock, peer)
  local target = peer.host .. ":" .. peer.port
  local user = peer.proxy.user
  local ok, why = sock:send{ "CONNECT ", target, " HTTP/1.1\r\nHost: ", target, "\r\n",
    user and "Proxy-Authorization: Basic " .. ngx.encode_base64(user) .. "\r\n" or "", "\r\n" }
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

local function open(request, sock, peer, deadline)
  local left, err = left_ms(deadline, "the request")
  if not left then return nil, err end
  sock:settimeouts(math.min(left, math.floor((request.connect_timeout_s or 10) * 1000)), left, left)
  local ok, why = sock:connect(peer.via_host, peer.via_port, peer.connect)
  if not ok then return connect_error(peer.proxy or peer, why) end
  if sock:getreusedtimes() > 0 then return true end
  ok = true
  if peer.proxy then ok, err = tunnel(sock, peer) end
  if ok and peer.scheme == "https" then ok, err = handshake(sock, peer.host) end
  if not ok then return nil, err end
  return true
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

--- The bytes of a request in pieces, which nginx puts together. A caller that sends the same list of headers again finds it written.
local function text_of(request, peer, target, body)
  local list = request.headers
  if list and peer.header_list ~= list then
    peer.header_list, peer.header_text = list, table.concat(list, "\r\n") .. "\r\nAccept-Encoding: identity\r\n"
  end
  local headers = list and peer.header_text or "Accept-Encoding: identity\r\n"
  if #body == 0 and request.method == "GET" then return { "GET ", target, peer.head, headers, "\r\n" } end
  return { request.method, " ", target, peer.head, headers, "Content-Length: ", #body, "\r\n\r\n", body }
end

--- One request on an open connection.
local function exchange(request, sock, place, target, deadline)
  local body, max, parser, err = request.body or "", request.max_body_bytes or BODY_MAX, place.parser, nil
  if type(body) == "userdata" then body = body:string() end
  if parser then
    parser:reset(max)
  else
    parser, err = core.http1(max)
    if not parser then return nil, err end
    place.parser = parser
  end
  local sent_us = mono()
  if request.on_sent then request.on_sent(sent_us) end
  local ok, why = sock:send(text_of(request, place.peer, target, body))
  if not ok then
    return fail(why == "timeout" and "timeout" or "net", "the request could not be sent whole: " .. tostring(why), true)
  end
  ok, err = receive(request, sock, parser, deadline)
  if not ok then return nil, err end
  local status, headers, got = parser:response((request.want == "buf" or request.into) and "buf" or "string")
  if request.into then got = request.into:add(got) end
  return { status = status, headers = headers, body = got, sent_us = sent_us, done_us = mono(), keeps = parser:keeps() and place.peer.keeps }
end

--- Sends one request and waits for its answer; see tcb.runtime. Blocks the calling light thread only; possible in the rewrite,
--- access, content and timer phases.
function M.send(request)
  local made, sock = pcall(ngx.socket.tcp)                         -- raises where nginx does not let anything wait
  if not made then return loop.may_not_wait() end
  if request.file then
    return fail("config", "inside nginx nothing is written to the disk", false, "download it with the tcb program or a Lua script")
  end
  if request.ca then
    return fail("config", "inside nginx the CA comes from its configuration", false, "use lua_ssl_trusted_certificate instead of the option ca")
  end
  local peer, target = peers.of(request)
  if not peer then return nil, target end
  local deadline = mono() + math.floor((request.timeout_s or 30) * 1e6)
  local place, err = peers.take(peer, deadline)
  if not place then return nil, err end
  local answer, ok
  ok, err = open(request, sock, peer, deadline)
  if ok then answer, err = exchange(request, sock, place, target, deadline) end
  if answer and answer.keeps then sock:setkeepalive(M.IDLE_MS, peers.CONNECTIONS) else sock:close() end
  peers.give_back(place)
  return answer, err
end

--- Where the account's state is kept: the shared dictionary, for all workers.
M.store = require("tcb.store.shared").new

return M
