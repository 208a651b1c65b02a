--- busted output handler: failures in full, then one machine-readable line `@@ passed failed skipped` that spec/run adds up.
return function(options)
  local busted = require "busted"
  local handler = require "busted.outputHandlers.base"()
  local failed, skipped = 0, 0

  local function report(kind)
    return function(element, _, message, trace)
      failed = failed + 1
      local name = element and handler.getFullName(element) or "?"
      io.write(("\n%s %s\n  %s\n"):format(kind, name, tostring(message):gsub("\n", "\n  ")))
      if trace and trace.traceback then io.write("  ", (trace.traceback:gsub("\n", "\n  ")), "\n") end
      return nil, true
    end
  end

  local passed, started = 0, {}
  busted.subscribe({ "test", "start" }, function(element)
    started[element] = os.clock()
    return nil, true
  end)
  busted.subscribe({ "test", "end" }, function(element, _, status)
    if status == "success" then passed = passed + 1 elseif status == "pending" then
      skipped = skipped + 1
      io.write("\nskipped ", handler.getFullName(element), "\n")
    end
    if os.getenv "SPEC_VERBOSE" then io.write(status, " ", handler.getFullName(element), "\n") end
    io.flush()
    return nil, true
  end)
  busted.subscribe({ "failure", "it" }, report "failure")
  busted.subscribe({ "error", "it" }, report "error")
  busted.subscribe({ "error" }, function(element, ...)
    if element.descriptor ~= "it" then return report "error"(element, ...) end
    return nil, true
  end)
  busted.subscribe({ "failure" }, function(element, ...)
    if element.descriptor ~= "it" then return report "failure"(element, ...) end
    return nil, true
  end)
  busted.subscribe({ "exit" }, function()
    io.write(("\n@@ %d %d %d\n"):format(passed, failed, skipped))
    io.flush()
    return nil, true
  end)
  return handler
end
