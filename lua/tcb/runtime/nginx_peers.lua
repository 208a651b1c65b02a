--- Peers of the nginx runtime: where a request goes, and the places for connections to it.
-- A connection that was verified for one configuration is never used under another: a peer is told apart by scheme, host (the name
-- that TLS checks), port and proxy, and where TLS is spoken by the location's configuration, which holds CA and client certificate.
-- @module tcb.runtime.nginx_peers
local errors = require "tcb.errors"
local loop = require "tcb.task.nginx"
local core = require "tcb.core"

local mono = core.clock.mono
local ngx = rawget(_G, "ngx")
local M = {}

--- Connections to one peer at a time; more requests wait for one (nginx' own backlog wakes them late).
M.CONNECTIONS = 100

local COLLECT_US = 1000000
local peers = {}                    -- [origin .. proxy][configuration] = peer
local last = {}                     -- what was asked for before, where no configuration matters
local collected_us = 0

local function fail(kind, message, remedy)
  return errors.fail(kind, message, { remedy = remedy })
end

--- scheme, host, port, and of a proxy user:password, out of the beginning of a URL.
local function parts(origin)
  local scheme, authority = origin:match "^(https?)://([^/?#]+)$"
  if not scheme then return nil end
  local user = authority:match "^(.*)@"
  authority = authority:match "[^@]*$"
  local host, port = authority:match "^(.-):(%d+)$"
  host = host or authority
  return { scheme = scheme, host = host, port = tonumber(port) or (scheme == "https" and 443 or 80), authority = authority,
    user = user and ngx.unescape_uri((user:gsub("%+", "%%2B"))) }
end

local function is_loopback(host)
  return host == "localhost" or host == "[::1]" or host:match "^127%." ~= nil
end

--- A function that tells the configuration in force: the address of the request's loc_conf, the sixth word of nginx' request since
--- its beginnings (the first holds the letters HTTP); its result is nil where that is not so: then no connection is kept.
local function configuration_reader()
  local ffi, get_request = require "ffi", require("resty.core.base").get_request
  local as_words, as_letters = ffi.typeof "uintptr_t *", ffi.typeof "uint32_t *"
  return function()
    local words = ffi.cast(as_words, get_request())
    return ffi.cast(as_letters, words)[0] == 0x50545448 and tonumber(words[5]) or nil
  end
end

local configuration                 -- made when TLS is first spoken

local function new_peer(origin, proxy, conf)
  local peer = parts(origin)
  if not peer then return fail("config", "the URL is not http or https") end
  if proxy and proxy ~= "" and not is_loopback(peer.host) then
    peer.proxy = parts(((proxy:find("://", 1, true) and proxy or "http://" .. proxy):gsub("/+$", "")))
    if not peer.proxy or peer.proxy.scheme ~= "http" then return fail("config", "the proxy is not an http:// URL") end
  end
  local via = peer.proxy or peer
  peer.via_host, peer.via_port = via.host == "localhost" and "127.0.0.1" or via.host, via.port
  peer.keeps = peer.scheme == "http" or conf ~= nil
  peer.connect = { pool_size = M.CONNECTIONS, pool = table.concat({ "tcb", peer.scheme, peer.host, peer.port, "verified", conf and ("%.0f"):format(conf) or "",
    peer.proxy and via.authority or "direct" }, "|") }
  peer.head = (" HTTP/1.1\r\nHost: %s\r\n"):format(peer.authority)
  peer.free, peer.made, peer.queue = {}, 0, {}
  return peer
end

--- The peer of a request, and the target that stands in its first line.
---@return table? peer
---@return string|tcb.Error target
function M.of(request)
  local url, proxy = request.url, request.proxy
  if url == last.url and proxy == last.proxy then return last.peer, last.target end
  local origin = url:match "^https?://[^/?#]+" or url
  local key = proxy and origin .. " " .. proxy or origin
  local known = peers[key]
  if not known then
    known = {}
    peers[key] = known
  end
  local conf
  if origin:byte(5) == 115 then                                    -- https
    configuration = configuration or configuration_reader()
    conf = configuration()
  end
  local peer, err = known[conf or 0], nil
  if not peer then
    peer, err = new_peer(origin, proxy, conf)
    if not peer then return nil, err end
    known[conf or 0] = peer
  end
  local target = url:sub(#origin + 1)
  if target:byte(1) ~= 47 then target = "/" .. target end
  if peer.scheme == "http" then last = { url = url, proxy = proxy, peer = peer, target = target } end
  return peer, target
end

--- A new place, held by its `guard`: the collector gives it back when nginx has dropped the thread that had it.
local function new_place(peer)
  local guard = newproxy(true)                                     -- luacheck: ignore
  peer.made = peer.made + 1
  getmetatable(guard).__gc = function()
    peer.made = peer.made - 1
    local waiter = table.remove(peer.queue, 1)
    if waiter then loop.wake(waiter) end
  end
  return { peer = peer, guard = guard }
end

--- A free or new place; nil when all are held.
local function find_place(peer)
  local free = peer.free
  local n = #free
  if n > 0 then
    local place = free[n]
    free[n] = nil
    return place
  end
  if peer.made < M.CONNECTIONS then return new_place(peer) end
end

local function leave(queue, waiter)
  for i = 1, #queue do
    if queue[i] == waiter then return table.remove(queue, i) end
  end
end

--- A place for one connection, for as long as the request lasts. Waits for one until `deadline` (mono, us).
---@return table? place { peer, parser: kept from one request to the next }
---@return tcb.Error? err
function M.take(peer, deadline)
  local place = find_place(peer)
  while not place do
    if mono() - collected_us > COLLECT_US then                     -- perhaps those who hold them have long gone
      collected_us = mono()
      collectgarbage()
      place = find_place(peer)
      if place then break end
    end
    local waiter = {}
    peer.queue[#peer.queue + 1] = waiter
    local why = loop.park(waiter, math.min(deadline, mono() + COLLECT_US))
    if not why then leave(peer.queue, waiter) end
    if why == nil then return fail("cancelled", "the request was cancelled before it was sent") end
    place = type(why) == "table" and why or find_place(peer)
    if not place and mono() >= deadline then
      return fail("timeout", ("all %d connections to %s are busy"):format(M.CONNECTIONS, peer.host))
    end
  end
  return place
end

--- Hands the place to the first who waits, else keeps it.
function M.give_back(place)
  local peer = place.peer
  local waiter = table.remove(peer.queue, 1)                       -- the collector may take one at any time: no look before
  while waiter do
    if loop.wake(waiter, place) then return end
    waiter = table.remove(peer.queue, 1)
  end
  peer.free[#peer.free + 1] = place
end

return M
