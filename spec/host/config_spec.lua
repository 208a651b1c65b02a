--- What is wrong with the configuration, as a user at the command line meets it: message, remedy, exit code 3, nothing on standard output.
local luas = require "support.luas"
local sandboxed = require "support.sandboxed"
local tcb = require "support.tcb"

local SENTINEL = "sentinel-of-the-profile"

if luas.abi == "lua5.4" then describe("a configuration that is wrong", function()
  local dir, config
  before_each(function()
    dir = os.tmpname()
    os.execute(("rm -f %s; mkdir -p %s/tcb"):format(dir, dir))
    config = dir .. "/tcb/config.lua"
  end)
  after_each(function() os.execute("rm -rf " .. dir) end)

  local function write(text, mode)
    tcb.file(text, config)
    os.execute(("chmod %s %s"):format(mode or "600", config))
  end

  --- Every way to the account meets the same end: a command, a script, the doctor.
  local function fails(pattern, more, env)
    local all = { XDG_CONFIG_HOME = dir, TCB_STATE_DIR = dir .. "/state" }
    for name, value in pairs(env or {}) do all[name] = value end
    local function run(call)
      for _, word in ipairs(more or {}) do call[#call + 1] = word end
      call.env = all
      local r = tcb(call)
      assert.equal(3, r.code, r.out .. r.err)
      assert.is_nil((r.out .. r.err):find(SENTINEL, 1, true))
      return r
    end
    local r = run { "labels" }
    assert.matches(pattern, r.err)
    assert.equal("", r.out)
    tcb.file('local c, err = require "tcb".client{} if not c then error(err) end', dir .. "/s.lua")
    r = run { "-e", 'local c, err = tcb.client{} if not c then error(err) end' }
    assert.matches(pattern, r.err)
    r = run { "doctor" }
    assert.matches("BAD   configuration ", r.out)
  end

  local PROFILE = "return { default = 'a', profiles = { a = { base_url = 'http://127.0.0.1:1', account = 'a', key_id = 'k', api_key = '"
    .. SENTINEL .. "' } } }"

  it("is a file that others can read", function()
    for _, mode in ipairs { "644", "640", "604" } do
      write(PROFILE, mode)
      fails("is open to others %(mode " .. mode .. "%).*: run: chmod 600 '?" .. config:gsub("%p", "%%%0"))
    end
  end)

  it("is a file that is no Lua, or not data", function()
    write("return { profiles = { a = { api_key = '" .. SENTINEL .. "' ")
    fails "is not valid Lua: .*: mend it, or write it anew"
    write "return { profiles = os.getenv 'HOME' }"
    fails "config.lua' failed, it may hold data alone: .*: mend it"
    write "return 7"
    fails "must return a table"
  end)

  it("is a key that nobody knows", function()
    write("return { default = 'a', profiles = { a = { acount = 'x', api_key = '" .. SENTINEL .. "' } } }")
    fails "profile 'a' .* has an unknown key 'acount': .*account"
    write("return { default = 'a', profile = { a = {} } }")
    fails "'profile'.*profiles"
  end)

  it("is a profile that is not there", function()
    write(PROFILE)
    fails("there is no profile 'b' .*: known profiles: a\n", { "--profile", "b" })
    fails("there is no profile 'c' .*: known profiles: a\n", nil, { TCB_PROFILE = "c" })
    os.remove(config)
    fails("no profile 'b' .*make it with `tcb profile add b`", { "--profile", "b" })
  end)

  it("is a value of the wrong kind", function()
    write("return { default = 'a', profiles = { a = { base_url = 'ftp://x', account = 'a', key_id = 'k', api_key = '" .. SENTINEL .. "' } } }")
    fails "base_url must begin with https.*correct it in the profile a"
    write("return { default = 'a', profiles = { a = { timeout_s = 'soon', account = 'a', key_id = 'k', api_key = '" .. SENTINEL .. "' } } }")
    fails "timeout_s in the profile a .*: correct it, or take it out"
    write((PROFILE:gsub("api_key = '.-'", "api_key_command = 'echo " .. SENTINEL .. "; exit 9'")))
    fails "api_key_command failed with status 9: run the command by hand"
  end)

  it("is a part that is missing, or all of it", function()
    fails("no account to work with.*tcb profile add NAME.*%-%-sandbox")
    fails("key_id, api_key are missing: set TCB_KEY_ID", nil, { TCB_BASE_URL = "http://127.0.0.1:1", TCB_ACCOUNT = "a" })
  end)

  it("is a key that the service does not accept", function()
    local r = sandboxed [[for c in labels "feature-sets" "numbers" "publish x 918800000001" "status x"; do TCB_API_KEY=sentinel-wrong tcb $c; echo $?; done
      TCB_API_KEY=sentinel-wrong tcb -e 'error(select(2, tcb.client{}:labels():all()))'; echo $?]]
    assert.equal(("3\n"):rep(6), r.out)
    local _, n = r.err:gsub("check key_id and api_key", "")
    assert.equal(6, n)
    assert.is_nil(r.err:find "sentinel")
  end)
end) end
