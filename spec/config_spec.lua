local core = require "tcb.core"
local errors = require "tcb.errors"

local BASE = "https://api.example"
local FULL = { TCB_BASE_URL = BASE, TCB_ACCOUNT = "env-account", TCB_KEY_ID = "env-key", TCB_API_KEY = "env-secret" }

describe("config.resolve", function()
  local config, ambient, getenv, env, home
  local function sh(command) assert(os.execute(command)) end
  local function write(text, mode)
    sh(("mkdir -p %s/tcb && rm -f %s/tcb/config.lua"):format(home, home))
    local file = assert(io.open(home .. "/tcb/config.lua", "w"))
    file:write(text)
    file:close()
    sh(("chmod %s %s/tcb/config.lua"):format(mode or "600", home))
  end
  local function fails(options, ...)
    local conf, err = config.resolve(options)
    assert.is_nil(conf)
    assert.equal("config", err.kind)
    assert.is_true(errors.is(err))
    for _, part in ipairs{ ... } do
      assert.is_truthy(tostring(err):find(part, 1, true), tostring(err) .. "\n lacks " .. part)
    end
    return err
  end
  local function use(vars) for k, v in pairs(vars) do env[k] = v end end

  before_each(function()
    home, env, getenv = os.tmpname(), {}, os.getenv
    os.remove(home)
    sh("mkdir -p " .. home)
    env.XDG_CONFIG_HOME = home
    os.getenv = function(name)                                       -- luacheck: ignore
      if name:find "^TCB_" or name:find "^XDG_" or name == "HOME" then return env[name] end
      return getenv(name)
    end
    config, ambient = require "tcb.config", require "tcb.ambient"
  end)
  after_each(function()
    os.getenv = getenv                                               -- luacheck: ignore
    ambient.credentials, ambient.profile = nil, nil
    core.clock.shift(0)
    sh("rm -rf " .. home)
  end)

  it("has the documented defaults", function()
    use(FULL)
    local conf = assert(config.resolve())
    assert.same({ BASE, "env-account", "env-key", "env-secret" }, { conf.base_url, conf.account, conf.key_id, conf.api_key })
    assert.same({ 10, 30, 120, 10 }, { conf.connect_timeout_s, conf.timeout_s, conf.deadline_s, conf.tokens })
    assert.same({ false, "file", false, "v2" }, { conf.wait, conf.store, conf.plus, conf.dialect })
    assert.same({ mint = { count = 10, window_s = 1800 }, push = { count = 60, window_s = 60 }, personalise = { count = 100,
      window_s = 1 } },
      conf.limits)
    assert.equal("environment", conf.from.account)
  end)

  it("says what to do when there is no account", function()
    fails(nil, "no account", "tcb profile add", "--sandbox")
    use{ TCB_BASE_URL = BASE, TCB_ACCOUNT = "a", TCB_KEY_ID = "k" }
    fails(nil, "api_key is missing", "TCB_API_KEY")
    env.TCB_BASE_URL, env.TCB_API_KEY = nil, "s3cret-s3cret"
    fails(nil, "base_url is missing", "https://enterprise-portal-noneu.truecaller.com")
    env.TCB_ACCOUNT = ""
    fails(nil, "base_url, account are missing")
  end)

  it("prefers options, then the environment, then the default profile", function()
    write [[return { default = "acme", profiles = {
      acme = { base_url = "https://file.example/x/", account = "file-account", key_id = "file-key", api_key = "file-secret",
        country = "91" } } }]]
    local conf = assert(config.resolve())
    assert.same({ "https://file.example/x", "file-account", "91", "acme", "profile acme" },
      { conf.base_url, conf.account, conf.country, conf.profile, conf.from.api_key })
    env.TCB_ACCOUNT = "env-account"
    conf = assert(config.resolve{ key_id = "opt-key" })
    assert.same({ "env-account", "opt-key", "file-secret" }, { conf.account, conf.key_id, conf.api_key })
    use(FULL)
    conf = assert(config.resolve())
    assert.is_nil(conf.country or conf.profile)
    env.TCB_PROFILE = "acme"
    conf = assert(config.resolve())
    assert.same({ "env-account", "91", "acme" }, { conf.account, conf.country, conf.profile })
  end)

  it("lets a profile asked for by name win over the environment", function()
    write [[return { profiles = { b = { base_url = "https://b.example", account = "b-account", key_id = "b-key" } } }]]
    use(FULL)
    local conf = assert(config.resolve{ profile = "b" })
    assert.same({ "https://b.example", "b-account", "b-key", "env-secret" }, { conf.base_url, conf.account, conf.key_id,
      conf.api_key })
    ambient.profile = "b"
    assert.equal("b-account", config.resolve().account)
  end)

  it("takes the sandbox's credentials over all others, but for a client of another loopback server", function()
    use(FULL)
    ambient.credentials = function()
      return { base_url = "http://127.0.0.1:1", account = "box", key_id = "k", api_key = "sandbox-key", store = "memory" }
    end
    local conf = assert(config.resolve{ account = "mine", base_url = BASE, key_id = "k", api_key = "mine-mine", timeout_s = 3 })
    assert.same({ "http://127.0.0.1:1", "box", "memory", 3 }, { conf.base_url, conf.account, conf.store, conf.timeout_s })
    conf = assert(config.resolve{ account = "mine", base_url = "http://127.0.0.1:2", key_id = "k", api_key = "mine-mine" })
    assert.equal("mine", conf.account)
    ambient.credentials = function() return errors.fail("config", "no libmicrohttpd") end
    fails(nil, "no libmicrohttpd")
  end)

  it("refuses a profiles file that others can read, and says the remedy", function()
    for _, mode in ipairs{ "644", "640", "602" } do
      write("return { profiles = {} }", mode)
      fails(nil, "open to others (mode " .. mode, "chmod 600")
    end
    sh(("rm %s/tcb/config.lua && mkdir %s/tcb/config.lua"):format(home, home))
    fails(nil, "is not a plain file")
  end)

  it("runs the file in an empty environment", function()
    for text, part in pairs{
      ["return {"] = "is not valid Lua", ["return 7"] = "must return a table", ["os.exit(0)"] = "failed",
        ["while true do end"] = "must not loop",
      ["return { profile = {} }"] = "unknown key 'profile'", ["return { profiles = { a = 1 } }"] = "is not a table",
      ["return { default = 1 }"] = "must hold default", ["\27Lua"] = "bytecode",
      ["return { profiles = { default = { acount = 'x' } } }"] = "unknown key 'acount'",
      ["return { default = 'b', profiles = { a = {} } }"] = "there is no profile 'b'",
      ["return { profiles = { default = { timeout_s = 'soon' } } }"] = "timeout_s in the profile default must be a number",
    } do
      write(text)
      fails(nil, part)
    end
  end)

  it("names the known profiles when one is unknown", function()
    write [[return { profiles = { acme = {}, beta = {} } }]]
    fails({ profile = "gamma" }, "there is no profile 'gamma'", "acme, beta")
  end)

  it("gets the key from a command", function()
    use(FULL)
    env.TCB_API_KEY = nil
    assert.equal("from the command", config.resolve{ api_key_command = "echo 'from the command'; echo more" }.api_key)
    assert.equal("no-newline", config.resolve{ api_key_command = "printf no-newline" }.api_key)
    assert.equal("[secret]", core.log.redact "from the command")
    fails({ api_key_command = "echo half-a-secret; exit 3" }, "failed with status")
    fails({ api_key_command = "echo half-a-secret; false" }, "failed with status 1")
    fails({ api_key_command = "true" }, "printed nothing")
    assert.equal("given", config.resolve{ api_key = "given", base_url = BASE, api_key_command = nil }.api_key)
    write [[return { default = "c", profiles = { c = { api_key_command = "echo of-the-profile" } } }]]
    assert.equal("of-the-profile", config.resolve().api_key)
    env.TCB_API_KEY = "of-the-environment"
    env.TCB_PROFILE = "c"
    assert.equal("of-the-environment", config.resolve().api_key)
    assert.equal("of-the-profile", config.resolve{ profile = "c" }.api_key)
  end)

  it("registers the key as a secret", function()
    use(FULL)
    env.TCB_API_KEY = "key-of-this-spec"
    assert(config.resolve())
    assert.equal("x [secret] y", core.log.redact "x key-of-this-spec y")
    assert(config.resolve{ proxy = "http://me:pass-of@proxy@proxy.example:3128" })
    assert.equal("x [secret] y", core.log.redact "x pass-of@proxy y")
  end)

  it("reads limits of every form", function()
    use(FULL)
    env.TCB_LIMITS = "push=5/2 mint=0"
    assert.same({ mint = false, push = { count = 5, window_s = 2 }, personalise = { count = 100, window_s = 1 } },
      config.resolve().limits)
    local conf = assert(config.resolve{ limits = { push = { 6, 0.5 }, personalise = 0 } })
    assert.same({ mint = { count = 10, window_s = 1800 }, push = { count = 6, window_s = 0.5 }, personalise = false }, conf.limits)
    for text, part in pairs{ ["push"] = "'push' in it", ["push=x"] = "COUNT/SECONDS", ["pull=1/1"] = "names 'pull'",
      ["push=1/0"] = "COUNT" } do
      env.TCB_LIMITS = text
      fails(nil, "TCB_LIMITS", part)
    end
  end)

  it("shifts the clock for loopback only", function()
    use(FULL)
    env.TCB_CLOCK = "+1h"
    fails(nil, "TCB_CLOCK is set", "not on loopback")
    env.TCB_BASE_URL = "http://127.0.0.1:9"
    assert(config.resolve())
    assert.equal(3600000, core.clock.shift())
    assert(config.resolve())
    assert.equal(3600000, core.clock.shift())
    env.TCB_CLOCK = "yesterday"
    fails(nil, "TCB_CLOCK is 'yesterday'")
  end)

  it("refuses base URLs and log levels, naming where they came from", function()
    use(FULL)
    env.TCB_BASE_URL = "http://api.example"
    fails(nil, "http:// is for loopback only", "correct it in the environment")
    env.TCB_BASE_URL, env.TCB_LOG = BASE, "loud"
    fails(nil, "TCB_LOG is 'loud'")
  end)

  it("raises on unknown options and wrong types, and only then", function()
    use(FULL)
    for _, options in ipairs{ { acount = "x" }, { timeout_s = "5" }, { wait = 1 }, { account = {} }, { profile = 1 },
      { tokens = "ten" }, { limits = 5 } } do
      assert.has_error(function() config.resolve(options) end)
    end
    assert.has_error(function() config.resolve "acme" end)
    for _, options in ipairs{ { tokens = 21 }, { tokens = 1.5 }, { timeout_s = 0 }, { store = "disk" }, { dialect = "v3" },
      { country = "x" }, { account = "" },
      { account = "a\nb" }, { ca = "/nonexistent/ca.pem" }, { deadline_s = 1e9 } } do
      fails(options)
    end
  end)

  it("writes the profiles file for the user alone, and reads it back", function()
    local profiles = require "tcb.profiles"
    sh("rm -rf " .. home)
    local data = { default = "a", profiles = { a = { account = 'q"\n\\', tokens = 3, wait = true, limits = { push = { 5,
      2 } } }, ["b c"] = {} } }
    assert(profiles.write(data))
    local back = assert(profiles.read())
    assert.same(data.profiles, back.profiles)
    assert.equal("a", back.default)
    local pipe = io.popen("stat -c %a " .. home .. "/tcb " .. home .. "/tcb/config.lua; ls " .. home .. "/tcb | wc -l")
    assert.equal("700\n600\n1\n", pipe:read "*a")
    pipe:close()
    env.XDG_CONFIG_HOME = "/proc/nowhere"
    local ok, err = profiles.write(data)
    assert.is_nil(ok)
    assert.equal("store", err.kind)
  end)
end)
