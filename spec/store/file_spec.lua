local core = require "tcb.core"
local errors = require "tcb.errors"
local file = require "tcb.store.file"
local sqlite = require "tcb.sqlite"

local dir, path
local function read(command)
  local pipe = io.popen(command)
  local text = pipe:read("*a")
  pipe:close()
  return (text:gsub("%s+$", ""))
end
local function ok() return true end
local function keep(bytes) return function(old) return core.buf(bytes), old end end
local function damaged(bytes)
  if bytes == "bad" then return errors.fail("store", "it is damaged", { slug = "damaged" }) end
  if bytes == "newer" then return errors.fail("store", "it is of a newer tcb", { slug = "newer" }) end
  return true
end

before_each(function()
  dir = read "mktemp -d"
  path = dir .. "/deep/a.db"
end)
after_each(function() os.execute("chmod -R u+rwx " .. dir .. "; rm -rf " .. dir) end)

describe("store.file", function()
  it("keeps what the function returns, for its owner alone", function()
    local a, b = file.new(path), file.new(path)
    assert.is_nil(a:update(keep "one", false, ok))
    assert.equal("one", (b:update(keep "two", true, ok)))
    assert.equal("two", (a:update(function(old) return nil, old end, false, ok)))
    assert.equal("two", (b:update(keep "three", false, ok)))
    assert.equal("600", read("stat -c %a " .. path))
    a:close()
    a:close()
    b:close()
  end)

  it("names files so that accounts and base URLs never meet, and none is given away", function()
    local one = file.path("/s", "https://a", "acme")
    assert.is_nil(one:find("acme", 1, true))
    assert.truthy(one:match "^/s/account%-%x+%.db$")
    assert.are_not.equal(one, file.path("/s", "https://b", "acme"))
    assert.are_not.equal(one, file.path("/s", "https://a", "acme2"))
  end)

  it("raises what the function raises, and keeps the old state", function()
    local a = file.new(path)
    a:update(keep "one", false, ok)
    assert.has_error(function() a:update(function() error("bug", 0) end, false, ok) end, "bug")
    assert.equal("one", (a:update(keep "two", false, ok)))
    a:close()
  end)

  for _, how in ipairs{ "noise in the file", "noise in a page", "a state that cannot be read", "another program's database" } do
    it("sets a damaged file aside, once: " .. how, function()
      local a, b = file.new(path), file.new(path)
      core.log.level "error"
      a:update(keep(("x"):rep(20000)), false, ok)
      b:update(keep "one", false, ok)
      b:update(keep(("x"):rep(20000)), false, ok)
      if how == "a state that cannot be read" then
        a:update(keep "bad", false, ok)
      else
        a:close()
        b:close()
        if how == "noise in the file" then os.execute("head -c 20000 /dev/urandom > " .. path)
        elseif how == "noise in a page" then
          os.execute("dd if=/dev/urandom of=" .. path .. " bs=4096 seek=1 count=4 conv=notrunc 2>/dev/null")
        else
          os.remove(path)
          local db = assert(sqlite.open(path))
          db:exec "CREATE TABLE state(x)"
          db:close()
        end
      end
      assert.is_nil(a:update(keep "new", false, damaged))
      assert.is_true(a.is_fresh)
      assert.equal("new", (b:update(keep "newer state", false, damaged)))
      assert.is_nil(b.is_fresh)
      assert.equal("1", read("ls " .. dir .. "/deep | grep -c 'a.db.corrupt-[0-9TZ]*$'"))
      core.log.level "warn"
      a:close()
      b:close()
    end)
  end

  it("notices a file that was replaced while it was open", function()
    local a = file.new(path)
    a:update(keep "one", false, ok)
    os.remove(path)
    assert.is_nil(a:update(keep "two", false, ok))
    local b = file.new(path)
    assert.equal("two", (b:update(keep "three", false, ok)))
    a:close()
    b:close()
  end)

  it("refuses a newer file and a newer state, and leaves them alone", function()
    local a = file.new(path)
    a:update(keep "newer", false, ok)
    local none, err = a:update(keep "x", false, damaged)
    assert.is_nil(none)
    assert.equal("newer", err.slug)
    assert.truthy(tostring(err):find("--no-store", 1, true))
    a:close()
    local db = assert(sqlite.open(path))
    db:exec "PRAGMA user_version=99"
    db:close()
    none, err = a:update(keep "x", false, ok)
    assert.is_nil(none)
    assert.equal("newer", err.slug)
    assert.equal("store", err.kind)
    assert.equal("0", read("ls " .. dir .. "/deep | grep -c corrupt"))
  end)

  it("opens the state files of every earlier form, with tokens and quota unchanged", function()
    local stored = assert(io.open("spec/store/stored/state-1.sql", "rb"))        -- of three pushes and a personalisation with one token
    os.execute("mkdir -p " .. dir .. "/deep")
    local db = assert(sqlite.open(path, { wal = false }))
    assert(db:exec(stored:read "*a"))
    stored:close()
    assert(db:exec "PRAGMA user_version=1")
    db:close()
    core.clock.virtual(1795633604557 + 10000)                                      -- 10 s after it was written, on another boot
    local done, raised = pcall(function()
      local state = core.governor{ mint = { count = 10, window_us = 1800000000 }, push = { count = 60, window_us = 60000000 },
        personalise = { count = 100, window_us = 1000000 }, life_us = 3600000000, key = "578ff21a" }
      local a = file.new(path)
      local s = a:update(function(bytes)
        assert(state:load(bytes))
        return nil, state:status()
      end, false, function(bytes) return state:load(bytes) end)
      a:close()
      assert.same({ 9, 1, 1 }, { s.mints_left, s.mints_spent, #s.tokens })
      local t = s.tokens[1]
      assert.same({ "926ab940", true, 3 }, { t.id, t.is_ours, t.push_used })
      local age_us = s.now_us - t.minted_us
      assert.is_true(age_us > 10e6 and age_us < 20e6, age_us)
    end)
    core.clock.virtual(false)
    if not done then error(raised, 0) end
  end)

  it("says what to do when the folder cannot be made", function()
    os.execute("touch " .. dir .. "/deep")
    local none, err = file.new(path):update(keep "x", false, ok)
    assert.is_nil(none)
    assert.equal("store", err.kind)
    assert.truthy(tostring(err):find("TCB_STATE_DIR", 1, true))
  end)

  it("says so when another process hangs while it holds the file", function()
    local a = file.new(path)
    a:update(keep "one", false, ok)
    local db = assert(sqlite.open(path))
    assert(db:begin())
    local from = core.clock.mono()
    local none, err = a:update(keep "x", false, ok)
    assert.is_nil(none)
    assert.equal("busy", err.slug)
    assert.is_true(core.clock.mono() - from < 7e6)
    db:rollback()
    assert.equal("one", (a:update(keep "two", false, ok)))
    db:close()
    a:close()
  end)
end)
