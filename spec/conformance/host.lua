-- host.lua lua5.3|nginx|haproxy: runs the conformance cases inside that host; failures, then `@@ passed failed skipped` for spec/run.
local cjson = require "cjson"
local child = require "support.child"
local cases = require "conformance.cases"
local capture = require "support.nginx".capture
local root = os.getenv "SPEC_ROOT"
local hosts = {}

hosts["lua5.3"] = function(sandbox)
  local code = ([[package.path = '%s/lua/?.lua;%s/lua/?/init.lua;%s/spec/?.lua;' .. package.path
    package.cpath = '%s/build/lua5.3/?.so;' .. package.cpath
    io.write(require('conformance.run').all(require('cjson').decode(io.read '*a')))]]):format(root, root, root, root)
  return capture(("echo '%s' | lua5.3 -e \"%s\" 2>&1"):format(sandbox.json, code))
end

local function post(url, body)
  return capture(("curl -s --noproxy '*' -m 120 -X POST -H 'Expect:' --data '%s' '%s' 2>&1"):format(body, url))
end

function hosts.nginx(sandbox)
  local server = require "support.nginx".start{ server = [[location = /conformance { content_by_lua_block {
    ngx.req.read_body()
    ngx.print(require("conformance.run").all(require("cjson").decode(ngx.req.get_body_data())))
  } }]], http = "client_body_buffer_size 64k;" }
  os.execute(("cp -r '%s/spec/conformance' '%s/lua/' && chmod -R a+rX '%s/lua'"):format(root, server.dir, server.dir))
  local out = post(server.url .. "/conformance", sandbox.json)
  -- The injected reset is logged by nginx itself, whatever lua_socket_log_errors says.
  local errors = server.errors():gsub("[^\n]*recv%(%) failed %(104: Connection reset by peer%)[^\n]*\n?", "")
  server.stop()
  return out .. (errors ~= "" and "\nnot ok nginx' error log: " .. errors or "")
end

function hosts.haproxy(sandbox)
  local server = assert(require "support.haproxy".start{ front = "http-request use-service lua.conformance", script = [[
    core.register_service("conformance", "http", function(applet)
      local out = require("conformance.run").all(require("cjson").decode(applet:receive()))
      applet:set_status(200)
      applet:add_header("content-length", tostring(#out))
      applet:start_response()
      applet:send(out)
    end)]] })
  local out = post(server.url, sandbox.json)
  server.stop()
  return out
end

local name = arg[1]
local sandbox = child.sandbox("--settle 0.3 --number-settle 0.3 --accounts " .. #cases)
local ok, out = pcall(hosts[name], sandbox)
sandbox.stop()
local passed, failed, seen = 0, 0, {}
for line in (tostring(out) .. "\n"):gmatch "([^\n]+)\n" do
  if line:match "^ok " then
    passed = passed + 1
    seen[line:sub(4)] = true
  else
    io.write("\nfailure conformance in ", name, ": ", line, "\n")
    failed = failed + (line:match "^not ok " and 1 or 0)
  end
end
if ok and passed + failed == 0 or not ok then failed = failed + 1 end
for _, case in ipairs(cases) do
  if failed == 0 and not seen[case.name] then failed = failed + 1 end
end
print(("\n@@ %d %d 0"):format(passed, failed))
os.exit(failed == 0 and 0 or 1)
