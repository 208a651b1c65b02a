local luas = require "support.luas"
local nginx = require "support.nginx"
local rough = require "support.rough"

-- nginx is LuaJIT by itself: one run tells all. The long form is spec/soak/nginx.sh.
describe("tcb inside nginx, among rough clients and services", luas.abi ~= "luajit" and function() end or function()
  local r
  setup(function() r = rough.start() end)
  teardown(function() r.stop() end)

  it("answers each as it should, and loses neither memory nor descriptors", function()
    assert.equal("", r.mix(800))
    local fds, kb = r.figures()
    assert.equal("", r.mix(1200))
    local fds_after, kb_after = r.figures()
    assert.is_true(fds_after <= fds + 10, ("%d descriptors became %d"):format(fds, fds_after))
    assert.is_true(kb_after <= kb + 1500, ("%d KiB became %d"):format(kb, kb_after))
  end)

  it("finishes what is under way when its worker shuts down, and then goes", function()
    local old = r.host.get "/worker"
    local pipe = io.popen(("for i in 1 2 3 4 5 6 7 8; do curl -s --noproxy '*' -m 20 '%s/second' & done; wait"):format(r.host.url))
    for _ = 1, 100 do
      if tonumber(nginx.capture(("ls /proc/%s/fd | wc -l"):format(old))) >= 16 then break end
      nginx.capture "sleep 0.01"
    end
    r.host.reload()                                                -- returns when the old worker has gone
    assert.equal(("good"):rep(8), pipe:read "*a")
    pipe:close()
    assert.are_not.equal(old, (r.host.get "/worker"))
  end)

  it("leaves no error in nginx' log", function() assert.equal("", r.host.errors()) end)
end)
