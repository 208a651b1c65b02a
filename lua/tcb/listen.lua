--- Receives the service's webhooks: keeps each event durably, answers 200, then runs your handlers, at least once an event.
-- Answers come from a thread of their own, so that nothing a handler does delays them.
-- @module tcb.listen
local core = require "tcb.core"
local errors = require "tcb.errors"
local hosts = require "tcb.hosts"
local inbox = require "tcb.inbox"
local runner = require "tcb.inbox.runner"
local task = require "tcb.task"
local M = {}

local KEY_MIN = 12

---@class tcb.ListenOptions
---@field port integer? TCP port; 0: any free one. Without it only `socket` is listened on
---@field host string? address to listen on, default 127.0.0.1 (behind a proxy); "0.0.0.0" for all
---@field path string? of the URL, default "/hook"
---@field key string? the secret in the URL's query, `?key=...`; needed with `port`
---@field key_file string? a file that holds it, readable by you alone
---@field cert string? file with the certificate (PEM, the chain behind it): TLS
---@field tls_key string? file with its key
---@field socket string? path of a unix socket, for the OpenResty handler (tcb.nginx_inbox)
---@field socket_mode integer? its permissions, default 384 (0600)
---@field inbox string? path of the inbox, default inbox.db in the state directory
---@field on table? handlers by event type: { cmb = fn(event), user_feedback = fn, other = fn, dead = fn(event, text) }; nil: events wait
---@field workers integer? handlers at a time, default 8
---@field attempts integer? runs of a failing handler before the event is dead, default 12
---@field backoff_s number[]? waits between them
---@field keep_days number? how long handled events stay in the inbox, default 90, at least 14
---@field max_body_bytes integer? default 262144
---@field idle_timeout_s number? default 20
---@field read_timeout_s number? for one whole request, default 10
---@field max_connections integer? default 512
---@field commit_max integer? most events that share one commit, default 512
local OPTIONS = { port = "number", host = "string", path = "string", key = "string", key_file = "string", cert = "string",
  tls_key = "string", socket = "string", socket_mode = "number", inbox = "string", on = "table", workers = "number", attempts = "number", backoff_s = "table",
  keep_days = "number", max_body_bytes = "number", idle_timeout_s = "number", read_timeout_s = "number", max_connections = "number",
  commit_max = "number" }

---@class tcb.Listener
---@field url string? where to deliver to, without the key
---@field port integer?
local Listener = {}
Listener.__index = Listener
Listener.__name = "tcb.listen"

local function check(options)
  for name, value in pairs(options) do
    if not OPTIONS[name] then error("tcb.listen: unknown option '" .. tostring(name) .. "'", 3) end
    if type(value) ~= OPTIONS[name] then
      error(("tcb.listen: option '%s' is a %s, not a %s"):format(name, OPTIONS[name], type(value)), 3)
    end
  end
  if not options.port and not options.socket then error("tcb.listen: give port, or socket", 3) end
  if options.path and not options.path:match "^/[^?#*%s]*$" then error("tcb.listen: path starts with / and has no query", 3) end
  if (options.cert == nil) ~= (options.tls_key == nil) then error("tcb.listen: TLS needs both cert and tls_key", 3) end
  for name, fn in pairs(options.on or {}) do
    if type(fn) ~= "function" then error("tcb.listen: handler '" .. tostring(name) .. "' is no function", 3) end
  end
end

local function read_key(options)
  if options.key_file then
    local text, err = core.private_read(options.key_file)
    if not text then
      return nil, err or errors.new { kind = "config", message = "cannot read the key file '" .. options.key_file .. "': there is none" }
    end
    options.key = text:gsub("%s+$", "")
  end
  if not options.port then return true end
  if not options.key then
    return errors.fail("config", "webhooks need a key", { remedy = "put a long random text into a file and give key_file (--key-file)" })
  end
  if #options.key < KEY_MIN or options.key:find "[%c ]" then
    return errors.fail("config", "the webhook key is unusable: at least 12 characters, no spaces",
      { remedy = "make one with: head -c 24 /dev/urandom | base64 | tr '+/' '-_'" })
  end
  core.log.secret(options.key)
  return true
end

local function read_pem(options, name)
  if not options[name] then return nil end
  local file, why = io.open(options[name], "rb")
  if not file then error(errors.new { kind = "config", message = "cannot read " .. why }, 0) end
  local text = file:read "*a"
  file:close()
  return text
end

local function start_front(options)
  local cert, tls_key = read_pem(options, "cert"), read_pem(options, "tls_key")
  local ok, httpd = pcall(require, "tcb.httpd")
  if not ok then
    return errors.fail("config", "tcb.listen needs the module tcb.httpd: " .. tostring(httpd):match "^[^\n]*",
      { remedy = "install the package libmicrohttpd12 (Debian) and build with `make`" })
  end
  local thread, err = httpd.thread("tcb.listen.front", "main", { port = options.port, host = options.host or "127.0.0.1",
    path = options.path or "/hook", key = options.key, cert = cert, tls_key = tls_key, socket = options.socket,
    socket_mode = options.socket_mode or 384, inbox = options.inbox, max_body_bytes = options.max_body_bytes or 262144,
    idle_timeout_s = options.idle_timeout_s or 20, read_timeout_s = options.read_timeout_s or 10,
    max_connections = options.max_connections or 512, commit_max = options.commit_max or 512 })
  if not thread then return nil, err end
  local first = thread:receive(60) or "failed net the acknowledging thread does not answer"
  local port = first:match "^ready (%d+)$"
  if port then return thread, tonumber(port) end
  thread:close()
  local kind, message = first:match "^failed (%a+) (.*)$"
  return errors.fail(kind or "config", message or first)
end

local function watch(self)
  local function step()
    local news = false
    local text = self.thread:receive(0)
    while text do
      if text == "new" then
        news = true
      elseif text:match "^stats" then
        self.front_stats = text
      else
        self.failure = text
        self:stop()
      end
      text = self.thread:receive(0)
    end
    if self.thread:ended() and not self.failure then self.failure = "it ended" end
    if self.failure then self:stop() end
    if news and self.runner then self.runner:poke() end
  end
  self.poller = { fd = function() return not self.failure and self.thread:fd() or nil end, step = step }
  task.add_poller(self.poller)
end

--- Starts to listen. Events are received from now on; handlers run while `run` (or anything that waits in tcb's tasks) does.
--- Blocks until the port is open.
---@param options tcb.ListenOptions
---@return tcb.Listener? listener nil, err: config (key, TLS files, host), net (the port is taken), store (the inbox)
---@return tcb.Error? err
function M.new(options)
  if type(options) ~= "table" then error("tcb.listen: a table of options is expected", 2) end
  check(options)
  local refused = hosts.refuse("a listener", {
    nginx = "run `tcb listen --socket PATH` beside it; nginx hands events over to it with tcb.nginx_inbox",
    haproxy = "run `tcb listen` beside it, as a server of the backend to which HAProxy sends the webhooks",
  })
  if refused then return nil, refused end
  local given = {}
  for k, v in pairs(options) do given[k] = v end
  local ok, err = read_key(given)
  if not ok then return nil, err end
  given.inbox = given.inbox or inbox.default_path()
  local box
  box, err = inbox.open(given.inbox, { keep_days = given.keep_days })
  if not box then return nil, err end
  local self = setmetatable({ inbox = box, url = nil, port = nil, runner = nil, thread = nil, stopped = task.event(),
    failure = nil }, Listener)
  if given.on then
    self.runner, err = runner.new(box, given)
    if not self.runner then
      box:close()
      return nil, err
    end
  end
  local fine, thread, port = pcall(start_front, given)
  if not fine or not thread then
    self:close()
    return nil, fine and port or thread
  end
  self.thread = thread
  if given.port then
    self.port = port
    local host = given.host or "127.0.0.1"
    if host:find ":" then host = "[" .. host .. "]" end
    self.url = ("%s://%s:%d%s"):format(given.cert and "https" or "http", host, port, given.path or "/hook")
  end
  watch(self)
  if self.runner then self.running = task.spawn(function() self.runner:run() end) end
  return self
end

--- Blocks the calling task until `stop` (or the acknowledging thread fails). Running handlers end first.
---@return true? ok
---@return tcb.Error? err
function Listener:run()
  self.stopped:wait()
  if self.running then self.running:wait() end
  if self.failure then return errors.fail("net", "the acknowledging thread failed: " .. self.failure) end
  return true
end

--- Asks `run` to return. Events are still received and kept until `close`.
function Listener:stop()
  if self.runner then self.runner:stop() end
  self.stopped:set()
end

--- Deliveries and the state of the inbox: { requests, refused, cut_short, connections, waiting, done, dead, duplicates, handled, failed }.
---@return table? stats nil, err when the inbox cannot be read
---@return tcb.Error? err
function Listener:stats()
  local stats, err = self.inbox:stats()
  if not stats then return nil, err end
  self.front_stats = nil
  self.thread:send "stats"
  local give_up = core.clock.mono() + 5e6
  while not self.front_stats and not self.failure and core.clock.mono() < give_up do
    core.poll({ self.thread:fd() }, 0.05)
    self.poller.step()
  end
  local r, f, c, n = (self.front_stats or ""):match "^stats (%d+) (%d+) (%d+) (%d+)$"
  stats.requests, stats.refused, stats.cut_short, stats.connections = tonumber(r), tonumber(f), tonumber(c), tonumber(n)
  local counts = self.runner and self.runner.counts or { handled = 0, failed = 0 }
  stats.handled, stats.failed = counts.handled, counts.failed
  return stats
end

--- Stops listening and closes the inbox. What was acknowledged is kept; handlers that run are left. Harmless when repeated.
function Listener:close()
  if self.poller then task.remove_poller(self.poller) end
  if self.thread then self.thread:close() end
  self:stop()
  if self.runner then self.runner:close() end
  self.inbox:close()
end

function Listener:__tostring()
  return ("tcb.listen (%s)"):format(self.url or "unix socket")
end

return M
