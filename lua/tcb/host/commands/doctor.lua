--- `tcb doctor`: looks at everything that has to be right before a campaign, and says the remedy of what is not.
local core = require "tcb.core"
local config = require "tcb.config"
local errors = require "tcb.errors"
local json = require "tcb.json"
local native = require "tcb.host.native"
local table_of = require "tcb.host.table"

local SKEW_MAX_S = 30                                    -- windows shift by as much as the clock is off

--- Parses an HTTP date: epoch ms | nil.
local function http_date(text)
  local day, name, year, h, m, s = (text or ""):match "^%a+, (%d+) (%a+) (%d+) (%d+):(%d+):(%d+) GMT$"
  local month = name and ("JanFebMarAprMayJunJulAugSepOctNovDec"):find(name, 1, true)
  if not month then return nil end
  return core.instant.parse(("%s-%02d-%02dT%s:%s:%sZ"):format(year, math.floor((month + 2) / 3), day, h, m, s))
end

local function second(ms)
  return core.instant.format(ms - ms % 1000)
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

local function lasting(s)
  for _, unit in ipairs { { 172800, 86400, "days" }, { 7200, 3600, "h" }, { 600, 60, "min" } } do
    if s > unit[1] then return ("%.0f %s"):format(s / unit[2], unit[3]) end
  end
  return ("%.0f s"):format(s)
end

check("clock", function(state)
  local shift = os.getenv "TCB_CLOCK"
  if shift and shift ~= "" then return "warn", "TCB_CLOCK shifts it: " .. shift, "unset TCB_CLOCK for real campaigns" end
  if not state.conf then return "skip", "needs a configuration" end
  if not state.server_date then return "skip", state.is_cut_off and "needs the network" or "the service named no time" end
  local skew = (core.clock.now() - state.server_date) / 1000
  if math.abs(skew) > SKEW_MAX_S then
    return "bad", ("this machine is %s %s the service"):format(lasting(math.abs(skew)), skew > 0 and "ahead of" or "behind"),
      "set the clock, and keep it set (systemd-timesyncd, chrony): windows would open at the wrong time"
  end
  return "ok", ("within %d s of the service"):format(math.ceil(math.abs(skew)))
end)

--- The proxy that requests go through, without its password, and where it is set.
local function proxy_of(conf)
  local function shown(url) return (url:gsub("//[^/@]*@", "//")) end
  if conf.is_loopback then return nil end
  if conf.proxy then return shown(conf.proxy), conf.from.proxy end
  for _, name in ipairs { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" } do
    local url = os.getenv(name)
    if url and url ~= "" then return shown(url), name end
  end
end

check("network", function(state)
  local conf = state.conf
  if not conf then return "skip", "needs a configuration" end
  local proxy = proxy_of(conf)
  local via = proxy and " through the proxy " .. proxy or ""
  local res, err = require "tcb.runtime".current().send { method = "GET", url = conf.base_url .. "/", headers = { "Accept: */*" }, repeatable = true,
    connect_timeout_s = conf.connect_timeout_s, timeout_s = conf.timeout_s, ca = conf.ca, proxy = conf.proxy }
  if not res then
    state.is_cut_off = true
    if err.kind == "config" or err.message:find "TLS" then
      state.tls_error = err
      return "skip", "see TLS"
    end
    return "bad", err.message .. via, proxy and "check the proxy first (option proxy, HTTPS_PROXY, NO_PROXY), then the network and the base URL"
      or err.remedy or errors.remedy(err.kind)
  end
  state.server_date = http_date(res.headers.date)
  return "ok", ("%s answers%s"):format(conf.base_url, via)
end)

check("proxy", function(state)
  if not state.conf then return "skip", "needs a configuration" end
  if state.conf.is_loopback then return "skip", "never to this machine" end
  local proxy, origin = proxy_of(state.conf)
  if not proxy then return "ok", "none is set" end
  return "ok", ("%s, from %s"):format(proxy, origin == "options" and origin or origin == "environment" and "the " .. origin or origin)
end)

check("TLS", function(state)
  local conf = state.conf
  if not conf then return "skip", "needs a configuration" end
  if not conf.base_url:match "^https" then return "skip", "plain http, to this machine only" end
  local file, folder = os.getenv "SSL_CERT_FILE", os.getenv "SSL_CERT_DIR"
  local ca = conf.ca or file or folder or "the system's certificates"
  local err = state.tls_error
  if err and err.kind == "config" then
    return "bad", err.message, "name a PEM file or a folder of hashed certificates (option ca, SSL_CERT_FILE, SSL_CERT_DIR)", 3
  elseif err and err.message:find "certificate" then
    return "bad", ("%s (trusted: %s)"):format(err.message, ca),
      "check the base URL's host name, this machine's date, and the CA (option ca, SSL_CERT_FILE, SSL_CERT_DIR, package ca-certificates)"
  elseif err then
    return "bad", err.message, "check that the base URL's port speaks TLS, and that nothing between stops it"
  end
  if state.is_cut_off then return "skip", "needs the network" end
  return "ok", "the certificate is verified with " .. ca
end)

--- What is known of the key, and when it was tried: tokens of this key and secret alone count.
local function proof(state)
  local caller = assert(state.client._wire.caller())
  if caller.stats.mints > 0 then return "the key made a token just now, which reads labels" end
  local status = caller.governor:status()
  local newest
  for _, t in ipairs(status and status.tokens or {}) do
    if t.is_ours and (not newest or t.minted_at > newest.minted_at) then newest = t end
  end
  if not newest then return "the token at hand reads labels" end
  return ("a token that this key made %d min ago reads labels"):format(math.floor((core.clock.now() - newest.minted_at) / 60000)),
    ("'tcb doctor --prove' tries the key itself; that takes one of %s mints left"):format(
      state.conf.limits.mint and ("%d"):format(status.mints_left) or "unlimited")
end

check("credentials", function(state, opts)
  if not state.conf then return "skip", "needs a configuration" end
  if state.is_cut_off then return "skip", "needs the network" end
  local client, err = require "tcb".client { profile = state.conf.profile }
  if not client then return "bad", err.message, err.remedy end
  local label
  label, err = client:labels():find(function(l) return l.label_type == "dynamic" end)
  state.client = client
  if not err and opts.prove then
    local caller = assert(client._wire.caller())
    if caller.stats.mints == 0 then err = select(2, caller.governor:prove()) end
  end
  if err then return "bad", err.message .. (err.status and (" (HTTP %d)"):format(err.status) or ""), err.remedy or errors.remedy(err.kind) end
  local what, remedy = proof(state)
  if not label then return "warn", what .. "; the account has no dynamic label", "ask Truecaller for one: campaigns need it" end
  return "ok", ("%s; first dynamic label: %s"):format(what, label.name), remedy
end)

check("limits", function(state)
  if not state.client then return "skip", "needs credentials" end
  local status, err = require "tcb.host.quota".status(state.client)
  if not status then return "bad", err.message, err.remedy or "see the line `state`" end
  if status.paused_at then return "warn", "the account is paused since " .. second(status.paused_at), "run: tcb resume" end
  local has_limit = state.conf.limits.mint
  if has_limit and status.mints_left == 0 then
    return "warn", ("no token can be made before %s"):format(second(status.next_mint_at or core.clock.now())),
      "wait, or stop what else makes tokens for this account"
  end
  return "ok", ("%s, %s left"):format(table_of.count(#status.tokens, "token"),
    has_limit and table_of.count(status.mints_left, "mint") or "unlimited mints")
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

local CODE = { configuration = 3, credentials = 3, network = 5, TLS = 5 }
local NARROW = 60
local MARK = { ok = "ok  ", warn = "warn", bad = "BAD ", skip = "-   " }

--- A check's result as lines that fit the page: mark and name in front of the text, or above it where the page is narrow.
local function page(r, columns)
  local indent = columns < NARROW and 6 or 21
  local head = MARK[r.verdict] .. "  " .. r.check
  head = indent == 6 and head .. "\n" .. (" "):rep(indent) or ("%-21s"):format(head)
  local out = head .. table_of.wrap(r.text, columns, indent) .. "\n"
  if r.remedy then out = out .. (" "):rep(indent) .. "-> " .. table_of.wrap(r.remedy, columns, indent + 3) .. "\n" end
  return out
end

--- What is left to say below the checks.
local function verdict_of(bad, warnings)
  if bad > 0 then return bad == 1 and "one of these must be mended" or ("%d of these must be mended"):format(bad) end
  return warnings > 0 and "nothing stands in the way; see the " .. (warnings > 1 and "warnings" or "warning") or "nothing stands in the way"
end

local function run(opts, rest, env)
  if rest[1] then return env.usage(("unexpected argument '%s'"):format(rest[1])) end
  local state, codes, order = {}, {}, {}
  local by_name = {}
  for _, c in ipairs(CHECKS) do by_name[c[1]] = c[2] end
  -- The clock is compared with the service's answer, so it comes behind the network.
  for _, name in ipairs { "modules", "configuration", "network", "proxy", "TLS", "clock", "credentials", "limits", "state", "journal", "time zones" } do
    local ok, verdict, text, remedy, code = pcall(by_name[name], state, opts)
    if not ok then
      if native.caught() then error(verdict, 0) end
      verdict, text, remedy, code = "bad", tostring(verdict), nil, nil
    end
    local result = { check = name, verdict = verdict, text = core.log.redact(text), remedy = remedy and core.log.redact(remedy) }
    codes[name] = code
    order[#order + 1] = result
  end
  local bad, warnings, code = 0, 0, 0
  for _, r in ipairs(order) do
    if env.json then
      env.out(json.encode(r, { "check", "verdict", "text", "remedy" }) .. "\n")
    else
      env.out(page(r, env.columns))
    end
    if r.verdict == "warn" then warnings = warnings + 1 end
    if r.verdict == "bad" then
      bad = bad + 1
      local own = codes[r.check] or CODE[r.check] or 1
      if code == 0 or own == 3 or own == 5 and code == 1 then code = own end
    end
  end
  if not env.json then env.note(verdict_of(bad, warnings) .. "\n") end
  return code
end

return {
  summary = "check configuration, clock, network, credentials, limits and state",
  usage = "tcb doctor [--journal PATH] [--prove]",
  options = {
    { "--journal", "PATH", "look at this journal too" },
    { "--prove", nil, "try the key itself: make a token even where one is at hand" },
  },
  details = [[
Reads labels, with a token that is at hand, else with a new one; nothing is changed at the service. A token at hand tells that the key was
good when it was made. --prove tries the key now, which takes one of the account's 10 tokens in 30 minutes.]],
  run = run,
}
