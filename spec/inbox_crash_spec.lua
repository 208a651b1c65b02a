--- The receiver is killed while events come in: a short form of spec/soak/inbox.sh.
local json = require "tcb.json"
local luas = require "support.luas"

if not luas.is_jit then                        -- the binary is Lua 5.4, whatever runs the spec
  describe("tcb listen", function()
    it("loses no acknowledged event when it is killed, and repeats but never skips an effect", function()
      local dir = os.tmpname()
      os.remove(dir)
      os.execute("mkdir " .. dir)
      local p = io.popen(("timeout 200 python3 %s/spec/support/storm.py %s/build/tcb%s %s 1500 6 %d 2>&1"):format(luas.root, luas.root, luas.suffix,
        dir, os.time() % 100000))
      local out = p:read "*a"
      p:close()
      os.execute("rm -r " .. dir)
      local r = assert(json.decode(out), out)
      assert.equal(1500, r.acknowledged)
      assert.equal(1500, r.distinct, r.log)
      assert.equal(6, r.kills)
      assert.equal(0, r.code, r.log)
      assert.is_true(r.effects >= 1500)
      assert.is_false(r.key_in_log)
    end)
  end)
end
