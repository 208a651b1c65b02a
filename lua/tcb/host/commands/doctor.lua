--- `tcb doctor`: looks at everything that has to be right before a campaign, and says the remedy of what is not.
local core = require "tcb.core"
local config = require "tcb.config"
local errors = require "tcb.errors"
local json = require "tcb.json"
local native = require "tcb.host.native"

local SKEW_MAX_S = 30                                    -- windows shift by as much as the clock is off

--- Parses an HTTP date: epoch ms | nil.
local function http_date(text)
  local day, name, year, h, m, s = (text or ""):match "^%a+, (%d+) (%a+) (%d+) (%d+):(%d+):(%d+) GMT$"
  local month = name and ("JanFebMarAprMayJunJulAugSepOctNovDec"):find(name, 1, true)
  if not month then return nil end
  return core.instant.parse(("%s-%02d-%02dT%s:%s:%sZ"):format(year, math.floor((month + 2) / 3), day, h, m, s))
end

local CHECKS = {}
local function check(name, fn) CHECKS[#CHECKS + 1] = { name, fn } end

local NEEDED = { { "tcb.curl", "libcurl4" }, { "tcb.sqlite", "libsqlite3-0" }, { "cjson", "lua-cjson" } }
local WANTED = { { "tcb.httpd", "libmicrohttpd12", "no sandbox, no `tcb listen`" }, { "tcb.zlib", "zlib1g", "no input that is gzipped" } }

check("modules", function()
  for _, m in ipairs(NEEDED) do
    local ok, why = pcall(require, m[1])
    if not ok then
      return "bad", ("%s cannot be loaded: %s"):format(m[1], tostring(why):match "[^\n]*"), ("install the package %s, or build with `make`"):format(m[2])
    end
  end
  for _, m in ipairs(WANTED) do
    if not pcall(require, m[1]) then return "warn", ("%s cannot be loaded: %s"):format(m[1], m[3]), ("install the package %s"):format(m[2]) end
  end
  return "ok", "libcurl, SQLite, libmicrohttpd, zlib and lua-cjson are there"
end)

check("configuration", function(state, opts)
  local conf, err = config.resolve { profile = opts.profile }
  if not conf then return "bad", err.message, err.remedy end
  state.conf = conf
  local origins = {}
  for _, name in ipairs { "base_url", "account", "key_id", "api_key" } do
    local from = conf.from[name] or "api_key_command"
    if not origins[from] then origins[#origins + 1], origins[from] = from, true end
  end
  return "ok", ("account %s at %s, from %s"):format(conf.account, conf.base_url, table.concat(origins, ", "))
end)

check("clock", function(state)
  local shift = os.getenv "TCB_CLOCK"
  if shift and shift ~= "" then return "warn", "TCB_CLOCK shifts it: " .. shift, "unset TCB_CLOCK for real campaigns" end
  if not state.server_date then return "skip", "the service named no time" end
  local skew = (core.clock.now() - state.server_date) / 1000
  if math.abs(skew) > SKEW_MAX_S then
    return "bad", ("this machine is %d s %s the service"):format(math.abs(skew), skew > 0 and "ahead of" or "behind"),
      "set the clock, and keep it set (systemd-timesyncd, chrony): windows would open at the wrong time"
  end
  return "ok", ("within %d s of the service"):format(math.ceil(math.abs(skew)))
end)

check("network", function(state)
  local conf = state.conf
  if not conf then return "skip", "needs a configuration" end
  local res, err = require "tcb.runtime".current().send { method = "GET", url = conf.base_url .. "/", headers = { "Accept: */*" }, repeatable = true,
    connect_timeout_s = conf.connect_timeout_s, timeout_s = conf.timeout_s, ca = conf.ca, proxy = conf.proxy }
  local via = conf.proxy and " through the proxy " .. conf.proxy:gsub("//[^/@]*@", "//") or ""
  if not res then
    state.is_cut_off = true
    local remedy = err.message:find "certificate" and "check the CA (option ca, SSL_CERT_DIR, package ca-certificates) and the base URL's host name"
      or err.remedy or errors.remedy(err.kind)
    return "bad", err.message .. via, remedy
  end
  state.server_date = http_date(res.headers.date)
  return "ok", ("%s answers%s%s"):format(conf.base_url, via, conf.base_url:match "^https" and ", certificate verified" or "")
end)

check("credentials", function(state)
  if not state.conf then return "skip", "needs a configuration" end
  if state.is_cut_off then return "skip", "needs the network" end
  local client, err = require "tcb".client { profile = state.conf.profile }
  if not client then return "bad", err.message, err.remedy end
  local label
  label, err = client:labels():find(function(l) return l.label_type == "dynamic" end)
  state.client = client
  if err then return "bad", err.message .. (err.status and (" (HTTP %d)"):format(err.status) or ""), err.remedy or errors.remedy(err.kind) end
  if not label then return "warn", "they are good, but the account has no dynamic label", "ask Truecaller for one: campaigns need it" end
  return "ok", ("they are good; first dynamic label: %s"):format(label.name)
end)

check("limits", function(state)
  if not state.client then return "skip", "needs credentials" end
  local status, err = require "tcb.host.quota".status(state.client)
  if not status then return "bad", err.message, err.remedy or "see the line `state`" end
  if status.paused_at then return "warn", "the account is paused since " .. core.instant.format(status.paused_at), "run: tcb resume" end
  local has_limit = state.conf.limits.mint
  if has_limit and status.mints_left == 0 then
    return "warn", ("no token can be made before %s"):format(core.instant.format(status.next_mint_at or core.clock.now())),
      "wait, or stop what else makes tokens for this account"
  end
  return "ok", ("%d tokens, %s mints left"):format(#status.tokens, has_limit and status.mints_left or "unlimited")
end)

check("state", function(state)
  local dir = config.state_dir()
  if state.conf and state.conf.store == "memory" then return "ok", "kept in memory, not shared with other processes" end
  if not dir then return "bad", "there is no place for it", "set HOME or TCB_STATE_DIR" end
  local probe = ("%s/doctor.%d"):format(dir, core.clock.mono())
  local ok, err = core.private_write(probe, "")
  if not ok then return "bad", err.message, "make the folder writable, or set TCB_STATE_DIR" end
  os.remove(probe)
  return "ok", dir
end)

check("journal", function(_, opts)
  if not opts.journal then return "skip", "name one with --journal PATH" end
  local file, why = io.open(opts.journal, "rb")
  if not file then return "bad", "cannot open " .. why, "check the path" end
  file:close()
  local db, err = require "tcb.sqlite".open(opts.journal, { create = false, readonly = true })
  local row = db and db:prepare "PRAGMA quick_check(1)":row()
  if db then db:close() end
  if not row or row[1] ~= "ok" then
    return "bad", err and err.message or tostring(row and row[1] or "it cannot be read"), "keep a copy, then run: tcb journal verify " .. opts.journal
  end
  return "ok", opts.journal .. " is whole"
end)

check("time zones", function()
  local zone, err = core.instant.zone "Asia/Kolkata"
  if not zone then return "bad", err.message, "install the package tzdata" end
  zone:close()
  return "ok", "the system's zone rules are there"
end)

local CODE = { configuration = 3, credentials = 3, network = 5 }
local MARK = { ok = "ok  ", warn = "warn", bad = "BAD ", skip = "-   " }

local function run(opts, rest, env)
  if rest[1] then return env.usage(("unexpected argument '%s'"):format(rest[1])) end
  local state, results, order = {}, {}, {}
  local by_name = {}
  for _, c in ipairs(CHECKS) do by_name[c[1]] = c[2] end
  -- The clock is compared with the service's answer, so it comes behind the network, but is shown in front of it.
  for _, name in ipairs { "modules", "configuration", "network", "clock", "credentials", "limits", "state", "journal", "time zones" } do
    local ok, verdict, text, remedy = pcall(by_name[name], state, opts)
    if not ok then
      if native.caught() then error(verdict, 0) end
      verdict, text, remedy = "bad", tostring(verdict), nil
    end
    results[name] = { check = name, verdict = verdict, text = core.log.redact(text), remedy = remedy and core.log.redact(remedy) }
    order[#order + 1] = results[name]
  end
  local bad, code = 0, 0
  for _, r in ipairs(order) do
    if env.json then
      env.out(json.encode(r, { "check", "verdict", "text", "remedy" }) .. "\n")
    else
      env.out(("%s  %-13s  %s\n"):format(MARK[r.verdict], r.check, r.text))
      if r.remedy then env.out(("      %-13s  -> %s\n"):format("", r.remedy)) end
    end
    if r.verdict == "bad" then
      bad = bad + 1
      local own = CODE[r.check] or 1
      if code == 0 or own == 3 or own == 5 and code == 1 then code = own end
    end
  end
  if not env.json then env.note(bad == 0 and "nothing stands in the way\n" or ("%d of these must be mended\n"):format(bad)) end
  return code
end

return {
  summary = "check configuration, clock, network, credentials, limits and state",
  usage = "tcb doctor [--journal PATH]",
  options = { { "--journal", "PATH", "look at this journal too" } },
  details = "Makes one token if there is none, and reads labels; nothing is changed at the service.",
  run = run,
}
