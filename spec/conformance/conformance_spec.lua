local child = require "support.child"
local suite = require "conformance.run"

describe("conformance", function()
  local sandbox
  setup(function() sandbox = child.sandbox("--settle 0.3 --number-settle 0.3 --accounts " .. #suite.cases) end)
  teardown(function() if sandbox then sandbox.stop() end end)
  for n, case in ipairs(suite.cases) do
    it(case.name, function() assert.is_nil(suite.one(sandbox.service, n)) end)
  end
end)
