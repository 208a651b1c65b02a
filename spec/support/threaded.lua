--- What spec/httpd_thread_spec.lua runs in threads.
local httpd = require "tcb.httpd"
local core = require "tcb.core"
local M = {}

function M.echo(port, args)
  port:send(("%s %s %s"):format(args.text, tostring(args.flag), args.number))
  while not port:stopping() do
    local text = port:receive(-1)
    if text then port:send(text:upper()) end
  end
end

function M.fail() error "it broke" end

function M.clock(port) port:send(tostring(core.clock.shift()) .. " " .. core.log.redact "key thread-secret-1") end

function M.serve(port)
  local server = assert(httpd.server {})
  server:watch(port:fd())
  port:send(("%d"):format(server:port()))
  while not port:stopping() do
    server:step(10)
    local request = server:take()
    if request then request:respond(200, nil, "from a thread") end
    port:receive(0)
  end
end

return M
