--- What a command is given besides its options: a client, its outputs, the width of the page, the exit code of an error.
-- @module tcb.host.env
local native = require "tcb.host.native"
local failure = require "tcb.host.failure"
local M = {}

local UNITS = { [""] = 1, k = 1024, m = 1024 ^ 2, g = 1024 ^ 3 }
local sandbox                                            -- the one of this process

--- The sandbox of `--sandbox`, started when first needed. Returns it | nil, err. Its seed is fixed, so that ids in a script stay good.
function M.sandbox()
  if sandbox then return sandbox end
  local err
  sandbox, err = require "tcb".sandbox { seed = "tcb" }
  return sandbox, err
end

--- The same, nil when none was needed so far.
function M.running_sandbox()
  return sandbox
end

--- Client options that lead to it: what --sandbox puts into tcb.ambient.
function M.credentials()
  local s, err = M.sandbox()
  if not s then return nil, err end
  return { base_url = s.base_url, account = s.account, key_id = s.key_id, api_key = s.api_key, store = "memory" }
end

local function refuse(text)
  io.stderr:write("tcb: ", text, "\n")
  return false, 2
end

--- Makes the options that concern the whole process come true: --sandbox, --profile and the limits. Returns true | false, exit code.
function M.apply(opts)
  if opts.memory_limit then
    local n, unit = opts.memory_limit:lower():match "^(%d+)([kmg]?)i?b?$"
    if not n or tonumber(n) == 0 then return refuse("--memory-limit is a size such as 64M, not '" .. opts.memory_limit .. "'") end
    native.memory_limit(math.tointeger(n * UNITS[unit]))
  end
  if opts.time_limit then
    local s = tonumber(opts.time_limit)
    if not s or not (s > 0 and s < 1e9) then return refuse("--time-limit is a number of seconds, not '" .. opts.time_limit .. "'") end
    native.time_limit(s)
  end
  local ambient = (opts.sandbox or opts.profile) and require "tcb.ambient"
  if opts.profile then ambient.profile = opts.profile end
  if opts.sandbox then ambient.credentials = M.credentials end
  return true
end

--- Exit codes of errors that end a command.
local function code_of(err)
  if type(err) == "table" and err.kind == "in_doubt" then return 7 end
  if type(err) == "table" and err.kind == "cancelled" and native.caught() then return native.caught() end
  return failure.code(err)
end

--- The environment of command `name`. Does not block; `client` may start the sandbox.
function M.new(opts, name)
  local env = { json = opts.json or false, quiet = opts.quiet or false, name = name }
  env.columns = require "tcb.host.table".columns()
  env.is_terminal = native.isatty(1)
  env.color = env.is_terminal and (os.getenv "NO_COLOR" or "") == "" and os.getenv "TERM" ~= "dumb"

  --- A client by the options, the environment or the profile | nil, err.
  function env.client(options)
    return require "tcb".client(options or {})
  end
  --- How `client` writes records and numbers, for core.record: { country, plus }.
  function env.rules(client)
    return { country = client._conf.country, plus = client._conf.plus or nil }
  end
  --- `--dry-run`: prints a request as it would leave, without its token. `request` as of tcb.call, body as text. Returns the exit code.
  function env.show_request(client, call, request)
    local core = require "tcb.core"
    local method, url = core.request(call, { base_url = client.base_url, account = client.account, feature_set = request.feature_set,
      query = request.query })
    if not method then return env.fail(url) end
    local object = { method = method, url = url, body = request.body }
    if env.json then
      env.out(require "tcb.json".encode(object, { "method", "url", "body" }) .. "\n")
      return 0
    end
    local lines = { method .. " " .. url }
    for _, header in ipairs(require "tcb.call".headers(call, "[token]")) do lines[#lines + 1] = header end
    env.out(table.concat(lines, "\n") .. "\n\n" .. (request.body and request.body .. "\n" or ""))
    return 0
  end
  --- Text for standard output: data, and nothing else.
  function env.out(text)
    local ok, message, number = io.stdout:write(text)
    if not ok and number ~= 32 then error("cannot write the output: " .. message, 0) end
  end
  --- A remark for people, on standard error; not with --quiet.
  function env.note(text)
    if opts.quiet then return end
    native.flush()                                         -- what was printed before stands before it, wherever both go
    io.stderr:write(failure.clean(text))
  end
  --- Reports what ends the command; returns its exit code.
  function env.fail(err)
    local code = code_of(err)
    if not (type(err) == "table" and err.kind == "cancelled" and native.caught()) then
      local text, own = tostring(err), name .. ": "
      if text:sub(1, #own) == own then text = text:sub(#own + 1) end          -- a call that is called as the command is
      native.flush()
      io.stderr:write(failure.clean("tcb " .. own .. text), "\n")
    end
    return code
  end
  --- Reports what ends the command before anything was sent; what the command line caused (a file that is not there, a label of no such
  -- name) is a mistake in it. Returns the exit code.
  function env.mistake(err)
    local code = env.fail(err)
    return type(err) == "table" and err.kind == "input" and 2 or code
  end
  --- A mistake in the command line; returns 2.
  function env.usage(text)
    io.stderr:write("tcb ", name, ": ", failure.clean(text), " ('tcb help ", name, "' shows how it is used)\n")
    return 2
  end
  --- fn("INT" | "TERM") is called at the first signal instead of an error being raised where the program stands: note it, stop
  -- taking on work, return. The second signal ends the process at once.
  function env.on_interrupt(fn)
    return native.on_interrupt(fn)
  end
  --- 130 or 143 once a signal has asked to stop.
  env.interrupted = native.caught
  return env
end

return M
