local child = require "support.child"
local json = require "tcb.json"
local luas = require "support.luas"
local nginx = require "support.nginx"
local tls = require "support.tls"

-- A location for each configuration of trust; all speak to the same servers, and would share their kept connections.
local SERVER = [[
location = /right { lua_ssl_trusted_certificate $DIR/ca.pem; content_by_lua_block { require("spec_tls").get() } }
location = /also-right { lua_ssl_trusted_certificate $DIR/ca.pem; content_by_lua_block { require("spec_tls").get() } }
location = /wrong { lua_ssl_trusted_certificate $DIR/other-ca.pem; content_by_lua_block { require("spec_tls").get() } }
location = /none { content_by_lua_block { require("spec_tls").get() } }
location = /timer { lua_ssl_trusted_certificate $DIR/ca.pem; content_by_lua_block {
  ngx.print((require("tcb.task").detached(function(url) return require("spec_tls").told(url) end, ngx.var.arg_url))) } }
location = /wrong-timer { lua_ssl_trusted_certificate $DIR/other-ca.pem; content_by_lua_block {
  ngx.print((require("tcb.task").detached(function(url) return require("spec_tls").told(url) end, ngx.var.arg_url))) } }
]]

local HANDLERS = [[
local M = {}
function M.told(url, proxy)
  local res, err = require("tcb.runtime").current().send{ method = "GET", url = url, proxy = proxy, headers = { "Accept: application/json" },
    timeout_s = 5 }
  return res and res.status .. " " .. res.body or ("%s|%s|%s"):format(err.kind, err.sent, tostring(err))
end
function M.get() ngx.print(M.told(ngx.var.arg_url, ngx.var.arg_proxy)) end
return M
]]

-- nginx is LuaJIT by itself: one run tells all.
describe("runtime nginx over TLS", luas.abi ~= "luajit" and function() end or function()
  for _, protocol in ipairs { "TLSv1.2", "TLSv1.3" } do
    describe("by " .. protocol, function()
      local server, upstream = nil, {}
      setup(function()
        server = nginx.start{ server = SERVER, http = ("lua_ssl_verify_depth 2; lua_ssl_protocols %s;"):format(protocol),
          prepare = function(dir)
            tls.make(dir)
            local file = assert(io.open(dir .. "/lua/spec_tls.lua", "w"))
            file:write(HANDLERS)
            file:close()
          end }
        for _, name in ipairs { "good", "wronghost", "expired" } do
          upstream[name] = child.raw(("--tls %s/%s.pem %s/%s.key"):format(server.dir, name, server.dir, name))
        end
        upstream.plain = child.raw()
        upstream.full = child.raw "--full"
        upstream.proxy = child.raw("--proxy " .. upstream.good.port)
      end)
      teardown(function()
        for _, s in pairs(upstream) do s.stop() end
        if server then server.stop() end
      end)

      local function get(location, name, more)
        return (server.get(("/%s?url=https://localhost:%d/echo%s"):format(location, upstream[name].port, more or "")))
      end
      local function connections(name)
        local port = upstream[name].port
        local body = name == "plain" and server.get(("/none?url=http://127.0.0.1:%d/seen"):format(port))
          or server.get(("/right?url=https://localhost:%d/seen"):format(port))
        return json.decode(body:match "^200 (.*)$").connections
      end
      local function refused(text, body)                            -- nginx loses the reason of a handshake that fails at once
        local why = body:match "^net|nil|TLS to 'localhost' failed: (.*)$"
        assert.truthy(why, body)
        assert.truthy(why:find(text) or why:find "^the certificate was not accepted: ", body)
        assert.matches("lua_ssl_trusted_certificate", why)
      end

      it("trusts the right CA, and keeps the connection", function()
        for _ = 1, 3 do assert.matches("^200 ", get("right", "good")) end
        assert.equal(1, connections "good")
      end)

      it("refuses a wrong CA and none at all, also while a connection of the right one is kept", function()
        for _ = 1, 20 do
          assert.matches("^200 ", get("right", "good"))
          refused("certificate", get("wrong", "good"))
          refused("certificate", get("none", "good"))
          refused("certificate", get("wrong-timer", "good"))
        end
        assert.matches("^200 ", get("also-right", "good"))
        assert.matches("^200 ", get("timer", "good"))
      end)

      it("refuses a wrong host name and an expired certificate, every time", function()
        for _ = 1, 20 do
          refused("certificate host mismatch", get("right", "wronghost"))
          refused("certificate has expired", get("right", "expired"))
        end
      end)

      it("says so when the other side speaks no TLS, or never answers", function()
        assert.matches("^net|nil|TLS to 'localhost' failed: ", get("right", "plain"))
        assert.matches("^timeout|nil|no connection to localhost:%d+ in time", get("right", "full"))
      end)

      it("takes no answer for one when plain HTTP meets a TLS port", function()
        local body = server.get(("/right?url=http://localhost:%d/echo"):format(upstream.good.port))
        assert.matches("^net|true|the connection [%w ]+ before ", body)
      end)

      it("tells that addresses are not checked, only names", function()
        local body = server.get(("/right?url=https://127.0.0.1:%d/echo"):format(upstream.good.port))
        assert.matches("^net|nil|TLS to '127.0.0.1' failed: .*name", body)
      end)

      it("goes through a proxy, verified end to end", function()
        local function by(location, host, user)
          return (server.get(("/%s?url=https://%s/echo&proxy=http://%s127.0.0.1:%d"):format(location, host, user or "", upstream.proxy.port)))
        end
        assert.matches("^200 ", by("right", "api.spec.invalid"))
        assert.matches("^net|nil|TLS to 'other.spec.invalid' failed: ", by("right", "other.spec.invalid"))
        assert.matches("^net|nil|TLS to 'api.spec.invalid' failed: ", by("wrong", "api.spec.invalid"))
        assert.matches("^net|nil|the proxy refused the connection: HTTP/1.1 407", by("right", "refused.spec.invalid"))
        assert.matches("^net|nil|the proxy refused the connection: HTTP/1.1 407", by("right", "user.spec.invalid"))
        assert.matches("^net|nil|TLS to 'user.spec.invalid' failed: ", by("right", "user.spec.invalid", "me%3A:p%40ss@"))
      end)

      it("leaves no error of ours in nginx' log", function()        -- nginx itself tells what a peer without TLS, or a reset, did
        local errors = server.errors():gsub("[^\n]*SSL_do_handshake%(%) failed %(SSL: [^\n]*wrong version number[^\n]*\n?", "")
        assert.equal("", (errors:gsub("[^\n]*recv%(%) failed %(104: Connection reset by peer%)[^\n]*\n?", "")))
      end)
    end)
  end
end)
