local tcb = require "support.tcb"
local terminal = require "support.terminal"

local SECRET = "sentinel-secret-of-the-key"

describe("tcb profile", function()
  local dir, config
  before_each(function()
    dir = os.tmpname()
    os.execute("rm -f " .. dir .. "; mkdir " .. dir)
    config = dir .. "/tcb/config.lua"
  end)
  after_each(function() os.execute("rm -rf " .. dir) end)

  local function profile(call)
    table.insert(call, 1, "profile")
    call.env = call.env or {}
    call.env.XDG_CONFIG_HOME = dir
    return tcb(call)
  end

  it("adds, lists, chooses and removes", function()
    local r = profile { "add", "acme", "--account", "a-1", "--key-id", "k-1", "--api-key-file", "-", "--set", "country=91", "--set", "tokens=5",
      stdin = SECRET .. "\n" }
    assert.equal(0, r.code)
    assert.equal("", r.out)
    assert.matches("'acme' is in .* and the default", r.err)
    assert.equal("600\n", tcb.shell("stat -c %a " .. config).out)
    assert.matches(SECRET, tcb.slurp(config), 1, true)
    profile { "add", "other", "--account", "a-2", "--key-id", "k-2", "--api-key-command", "echo key", "--base-url", "https://example.org" }
    assert.equal(table.concat({
      "   NAME   BASE URL                                        ACCOUNT  KEY",
      "*  acme   https://enterprise-portal-noneu.truecaller.com  a-1      in the file",
      "   other  https://example.org                             a-2      by command",
    }, "\n") .. "\n", profile { "list" }.out)
    assert.equal(0, profile { "use", "other" }.code)
    assert.equal('{"name":"acme","default":false,"base_url":"https://enterprise-portal-noneu.truecaller.com","account":"a-1","key":"in the file"}\n'
      .. '{"name":"other","default":true,"base_url":"https://example.org","account":"a-2","key":"by command"}\n', profile { "list", "--json" }.out)
    assert.equal(0, profile { "remove", "other" }.code)
    assert.matches("^ +NAME", profile { "list" }.out)
    assert.is_nil(profile { "list" }.out:find "other")
  end)

  it("asks on a terminal, and does not show the key", function()
    local r = terminal {
      command = "env XDG_CONFIG_HOME=" .. dir .. " " .. tcb.binary .. " profile add acme",
      { "expect", "base URL .*: " }, { "send", "\n" }, { "expect", "account id: " }, { "send", "a-9\n" },
      { "expect", "key id: " }, { "send", "k-9\n" }, { "expect", "not shown.: " }, { "send", SECRET .. "\n" }, { "expect", "check it with" },
    }
    assert.equal(0, r.code)
    assert.is_nil(r.text:find(SECRET, 1, true))
    assert.matches('account = "a%-9"', tcb.slurp(config))
  end)

  it("takes no key from the command line", function()
    local r = profile { "add", "acme", "--account", "a", "--key-id", "k", "--api-key", SECRET }
    assert.equal(2, r.code)
    assert.matches("unknown option", r.err)
    assert.is_nil(r.err:find(SECRET, 1, true))
    r = profile { "add", "acme", "--account", "a", "--key-id", "k" }
    assert.equal(3, r.code)
    assert.matches("never stands in the command line", r.err)
  end)

  it("says what is wrong, and what to do", function()
    local function fails(code, pattern, call)
      local r = profile(call)
      assert.equal(code, r.code)
      assert.matches(pattern, r.err)
      assert.equal("", r.out)
    end
    fails(2, "none of add, list, use, remove", { "drop" })
    fails(2, "add needs a NAME", { "add" })
    fails(2, "did you mean 'country'", { "add", "a", "--account", "a", "--key-id", "k", "--set", "contry=91" })
    fails(3, "no profile 'x' .* make it with", { "use", "x" })
    profile { "add", "acme", "--account", "a", "--key-id", "k", "--api-key-command", "echo" }
    fails(3, "a profile 'acme' already: %-%-replace", { "add", "acme", "--account", "a", "--key-id", "k", "--api-key-command", "echo" })
    fails(3, "known profiles: acme", { "remove", "x" })
    os.execute("chmod 644 " .. config)
    fails(3, "chmod 600", { "list" })
    os.execute("chmod 600 " .. config .. "; echo 'return {' > " .. config)
    fails(3, "not valid Lua", { "list" })
  end)
end)
