--- `tcb listen`: receives the service's webhooks until a signal.
local json = require "tcb.json"
local M = {
  summary = "receive webhook events (call me back, user feedback) and run handlers",
  usage = "tcb listen --port P --key-file F [--script HANDLERS.lua | --jsonl FILE] [options]",
  options = {
    { "--port", "P", "TCP port; 0 is any free one", type = "integer", min = 0, max = 65535 },
    { "--key-file", "F", "file with the key of the webhook's URL (?key=...), readable by you alone" },
    { "--script", "HANDLERS.lua", "a script that returns { cmb = function(event), user_feedback = ..., other = ..., dead = ... }" },
    { "--jsonl", "FILE", "append each event to FILE as a JSON line (-: standard output)" },
    { "--host", "ADDRESS", "listen on this address (127.0.0.1: behind a proxy); 0.0.0.0 for all" },
    { "--path", "PATH", "path of the URL (/hook)" },
    { "--cert", "F", "certificate (PEM, with its chain): serve TLS" },
    { "--tls-key", "F", "the certificate's private key (PEM)" },
    { "--socket", "PATH", "listen on a unix socket (too), for OpenResty's handler" },
    { "--socket-mode", "MODE", "permissions of the socket, octal (600)" },
    { "--inbox", "PATH", "the inbox's file (inbox.db in the state directory)" },
    { "--workers", "N", "handlers at a time (8); events of one number stay in order", type = "integer", min = 1, max = 1000 },
    { "--attempts", "N", "runs of a failing handler before an event is dead (12)", type = "integer", min = 1, max = 1000 },
    { "--keep-days", "N", "how long handled events stay in the inbox (90)", type = "number", min = 14 },
    { "--max-body", "BYTES", "longest event taken (262144)", type = "integer", min = 1024 },
  },
  details = [[
An event is answered 200 once it is durable in the inbox, and before any handler runs; duplicates are dropped by their event_id. Without
--script and --jsonl events wait in the inbox. A handler that fails runs again later: 12 times over about 8 hours, then the event is dead
(`tcb inbox list --state dead`, `tcb inbox replay --state dead`). SIGINT and SIGTERM end it with status 0. See docs/webhooks.md.]],
  examples = { "tcb listen --port 8080 --key-file hook.key --script handlers.lua",
    "tcb listen --port 8443 --host 0.0.0.0 --cert fullchain.pem --tls-key key.pem --key-file hook.key --jsonl events.jsonl" },
}

local SAME = { "port", "host", "path", "cert", "tls_key", "socket", "inbox", "workers", "attempts", "keep_days", "key_file" }

--- The table of handlers that a script returns | nil, text (its error with the traceback).
local function load_script(path)
  local chunk, why = loadfile(path)
  if not chunk then return nil, why end
  local ok, on = xpcall(chunk, function(err)
    return type(err) == "string" and debug.traceback(err, 2) or err
  end, path)
  if not ok then return nil, on end
  if type(on) ~= "table" then return nil, path .. " must return a table of handlers, not a " .. type(on) end
  for name, fn in pairs(on) do
    if type(fn) ~= "function" then return nil, ("%s: handler '%s' is no function"):format(path, tostring(name)) end
  end
  return on
end

local function read_handlers(opts)
  if opts.script then return load_script(opts.script) end
  if not opts.jsonl then return nil end
  local on, why = require "tcb.inbox.jsonl".open(opts.jsonl)
  if not on then return nil, "cannot write to " .. why end
  return { other = on.other }
end

local function options_of(opts)
  local given = { max_body_bytes = opts.max_body, socket_mode = opts.socket_mode and tonumber(opts.socket_mode, 8) }
  for _, name in ipairs(SAME) do given[name] = opts[name] end
  return given
end

--- With --json standard output says where it listens, and at the end what came; unless the events themselves go there.
local function says_json(opts, env) return env.json and opts.jsonl ~= "-" end

local function announce(listener, opts, env)
  local places = {}
  if listener.url then places[#places + 1] = listener.url .. "?key=..." end
  if opts.socket then places[#places + 1] = opts.socket end
  env.note(("listening on %s, inbox %s\n"):format(table.concat(places, " and "), listener.inbox.path))
  if says_json(opts, env) then
    env.out(json.encode({ url = listener.url, socket = opts.socket, inbox = listener.inbox.path }, { "url", "socket", "inbox" }) .. "\n")
    io.stdout:flush()
  end
end

local function report(listener, opts, env)
  local s = listener:stats()
  if not s then return end
  if says_json(opts, env) then
    env.out(json.encode({ deliveries = s.requests, refused = s.refused + s.cut_short, handled = s.handled, waiting = s.waiting, dead = s.dead },
      { "deliveries", "refused", "handled", "waiting", "dead" }) .. "\n")
  end
  env.note(("%d deliveries, %d refused, %d handled, %d waiting, %d dead\n"):format(s.requests, s.refused + s.cut_short, s.handled,
    s.waiting, s.dead))
end

function M.run(opts, rest, env)
  if rest[1] then return env.usage(("unexpected argument '%s'"):format(rest[1])) end
  if not opts.port and not opts.socket then return env.usage "--port is needed (or --socket)" end
  if opts.script and opts.jsonl then return env.usage "--script and --jsonl exclude each other" end
  if (opts.cert == nil) ~= (opts.tls_key == nil) then return env.usage "TLS needs --cert and --tls-key" end
  if opts.socket_mode and not opts.socket_mode:match "^[0-7]+$" then return env.usage "--socket-mode is octal, such as 660" end
  if opts.path and not opts.path:match "^/[^?#*%s]*$" then return env.usage "--path starts with / and has no query" end
  local on, why = read_handlers(opts)
  if why then return env.fail(why) end
  local given = options_of(opts)
  given.on = on
  local listener, err = require "tcb.listen".new(given)
  if not listener then return env.fail(err) end
  env.on_interrupt(function() listener:stop() end)
  announce(listener, opts, env)
  local ok
  ok, err = listener:run()
  report(listener, opts, env)
  listener:close()
  return ok and 0 or env.fail(err)
end

M.keeps_code = true

return M
