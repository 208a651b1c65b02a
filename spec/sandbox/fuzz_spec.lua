local core = require "tcb.core"
local json = require "tcb.json"
local support = require "sandbox.support"

local ROUNDS = tonumber(os.getenv "TCB_FUZZ") or 4000

--- Mutations that keep near to JSON, drawn from a seed.
local PIECES = { '"', "\\", "{", "}", "[", "]", ",", ":", "0", "-", "1e9", ".5", "null", "true", "\\u0041", "\\ud83d", "\\ude9a", "\255", "\226\130",
  "ß", "\0", " ", '"starts_at":', '"label_id":"x"', ("9"):rep(30), ("x"):rep(150), "{}", "[]" }

local function mutate(text, random)
  for _ = 1, 1 + random(3) do
    local at, kind = 1 + random(#text), random(4)
    if kind == 0 then text = text:sub(1, at - 1) .. text:sub(at + 1 + random(8))
    elseif kind == 1 then text = text:sub(1, at) .. PIECES[1 + random(#PIECES)] .. text:sub(at + 1)
    elseif kind == 2 then text = text:sub(1, at - 1) .. string.char(random(256)) .. text:sub(at + 1)
    else text = text:sub(1, at) .. text:sub(at - random(20) - 1, at) .. text:sub(at + 1) end
  end
  return text
end

describe("sandbox under mutated bodies", function()
  it("accepts only JSON, answers with JSON, and keeps its ledger readable", function()
    local s = support.start{ limits = "push=0 personalise=0" }
    s:mint()
    local state = 12345
    local function random(n)
      state = (state * 16807) % 2147483647
      return state % n
    end
    local record = json.encode(s:record())
    local odd = json.encode(s:record{ dynamic_call_reason = "Ünïcode reason 🚚 here", receiver_number = "+919876549011" })
    local bodies = { '{"call_records":[' .. record .. "]}", '{"call_records":[' .. record .. "," .. odd .. "]}", record, odd }
    local accepted, refused = 0, 0
    for i = 1, ROUNDS do
      local which = i % 4 + 1
      local body = mutate(bodies[which], random)
      local answer = s:call(which <= 2 and "push" or "personalise", body)
      assert.is_true(answer.status == 200 or answer.status == 400, body)
      assert.is_true(core.json_check(answer.text), answer.text)
      if answer.status == 200 then
        accepted = accepted + 1
        assert.is_table(json.decode(body), body)                       -- a second reader takes it too
        if answer.json.batch_id then
          s:pass(2)
          local rows = s:call("status", nil, "batchId=" .. answer.json.batch_id)
          assert.is_true(core.json_check(rows.text), rows.text)
          assert.is_table(rows.json.data)
        end
      else
        refused = refused + 1
      end
      if i % 500 == 0 then s:mint() end
    end
    assert.is_true(accepted > ROUNDS / 50 and refused > ROUNDS / 4)
    local n = 0
    for line in s.rules.ledger:lines(0):string():gmatch "[^\n]+" do
      n = n + 1
      assert.is_true(core.json_check(line), line)
    end
    assert.equal(s.rules.ledger.n, n)
    s:close()
  end)
end)
