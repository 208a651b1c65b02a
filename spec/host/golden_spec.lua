--- Every command as a user sees it: golden sessions at 80 and 40 columns, JSON, standard input closed, no terminal; the figures against
-- those of the ledger. The scenes: spec/support/scenes.lua; how they become text, and how the goldens are written anew:
-- spec/support/transcript.lua.
local json = require "tcb.json"
local luas = require "support.luas"
local scenes = require "support.scenes"
local tcb = require "support.tcb"
local transcript = require "support.transcript"

if luas.is_jit then return end                 -- the binary is Lua 5.4, whatever runs the spec

--- A parser that takes nothing but JSON, one document a line: prints what it does not take.
local STRICT = [[
import json, sys
def once(pairs):
    names = [name for name, _ in pairs]
    assert len(set(names)) == len(names), "a name twice"
    return dict(pairs)
def no_constant(name): raise ValueError(name)
for line in sys.stdin.buffer.read().decode("utf-8").split("\n"):
    if line:
        try: json.loads(line, object_pairs_hook=once, parse_constant=no_constant)
        except Exception as why: print(why, line[:200])
]]

local function count(list, fits)
  local n = 0
  for _, item in ipairs(list) do if fits(item) then n = n + 1 end end
  return n
end

local function sum(list, field)
  local n = 0
  for _, item in ipairs(list) do n = n + (item[field] or 0) end
  return n
end

describe("every command", function()
  local played, account, campaign, events, tools

  setup(function()
    played = transcript.play(scenes, "plain", "json", "closed", "narrow")
    account, campaign, events, tools = played.account.json, played.campaign.json, played.events.json, played.tools.json
  end)

  it("ends with its exit code, whatever the form of its output", function()
    for name, variants in pairs(played) do
      for variant, session in pairs(variants) do
        for _, case in ipairs(session.scene.cases) do
          assert.equal(case.code, session[case.name].code, ("%s, %s: %s\n%s"):format(name, variant, case.line, session[case.name].err))
        end
      end
    end
  end)

  it("looks as it is meant to, at 80 columns", function()
    for name, variants in pairs(played) do
      local text = transcript.text(variants.plain, function(case) return not case.hidden end)
      assert.equal("", transcript.differs(name, text))
      for _, case in ipairs(variants.plain.scene.cases) do
        local most, line = transcript.widest(variants.plain[case.name].out)
        assert.is_true(case.wide or case.hidden or most <= 80, line)
      end
    end
  end)

  it("fits 40 columns: the summary, tables, the report, help", function()
    for name, variants in pairs(played) do
      local text = transcript.text(variants.narrow, function(case) return case.narrow end)
      assert.equal("", transcript.differs(name .. "-40", text))
      for _, case in ipairs(variants.narrow.scene.cases) do
        local most, line = transcript.widest(variants.narrow[case.name].out:gsub("\nExamples\n.*", "\n"))
        assert.is_true(not case.narrow or most <= 40, line)
      end
    end
  end)

  it("prints with --json what a strict parser takes, a document a line, and nothing else", function()
    local lines = {}
    for name, variants in pairs(played) do
      local text = transcript.text(variants.json, function(case) return not (case.text or case.hidden or case.loose) end)
      assert.equal("", transcript.differs(name .. "-json", text))
      for _, case in ipairs(variants.json.scene.cases) do
        if not case.text then lines[#lines + 1] = variants.json[case.name].out end
      end
    end
    local program, input = tcb.file(STRICT), tcb.file(table.concat(lines))
    local r = tcb.shell(("python3 %s <%s"):format(program, input))
    os.remove(program)
    os.remove(input)
    assert.equal("", r.out .. r.err)
    assert.equal(0, r.code)
    local _, n = table.concat(lines):gsub("\n", "")
    assert.is_true(n > 150, n)
  end)

  it("does the same with standard input closed, and without a terminal writes no escape sequence", function()
    for name, variants in pairs(played) do
      assert.equal("", transcript.differs(name, transcript.text(variants.closed, function(case) return not case.hidden end), true))
      for _, session in pairs(variants) do
        for _, case in ipairs(session.scene.cases) do
          local r = session[case.name]
          assert.is_nil((r.out .. r.err):find "[\27\r]", case.line)
        end
      end
    end
  end)

  it("has a case", function()
    local text = {}
    for _, scene in pairs(scenes) do for _, case in ipairs(scene.cases) do text[#text + 1] = case.line end end
    text = table.concat(text, "\n") .. "\n"
    for name in tcb { "help", "--json" }.out:gmatch '{"name":"([^"]*)","group"' do
      assert.truthy(text:find("tcb " .. name:gsub("%p", "%%%0") .. "[ \n]") or text:find("begin " .. name .. " ", 1, true), name)
    end
  end)

  it("tells figures of the account that are the ledger's", function()
    local mints, pushes = account:requests("token", 200), account:requests("push", 200)
    local tokens = account:objects("tokens")[1]
    assert.equal(1, #mints)
    assert.same({ mints[1].token, 10 - #mints, #pushes }, { tokens.tokens[1].id, tokens.mints_left, tokens.tokens[1].push_used })
    local taken = {}
    for _, e in ipairs(account.ledger) do if e.event == "numbers" then taken[e.action] = (taken[e.action] or 0) + e.count end end
    assert.equal(account:objects("publish")[1].accepted + #account:objects("publish file")[1].listed + #account:objects("publish stdin")[1].listed,
      taken.publish)
    assert.equal(account:objects("delist")[1].accepted + #account:objects("delist wait")[1].delisted, taken.delist)
    assert.equal(#account:objects "numbers filtered" + taken.publish, #account:objects "listed")
    for status, n in pairs(account:settled()) do
      assert.equal(n, count(account:objects "status", function(row) return row.status == status end), status)
    end
    assert.equal(#account:requests("personalise", 200), count(account:objects "personalise", function(r) return r.status == "success" end)
      + count(account:objects "personalise file", function(r) return r.status == "success" end)
      + count(account:objects "personalise stdin", function(r) return r.status == "success" end))
    assert.same({ 4, 5, 5, 4 }, { #account:objects "labels", #account:objects "sets", #account:objects "numbers", #account:objects "numbers filtered" })
  end)

  it("sends nothing of what --dry-run prints", function()
    for _, e in ipairs(account:requests()) do
      assert.is_nil(e.path:find("department_id", 1, true))
      assert.is_nil(e.path:find("a%20b", 1, true))
    end
    assert.equal(4, #account:requests "publish" + #account:requests "delist" - 1)
    assert.equal(3, #account:requests "personalise")
  end)

  it("tells figures of a campaign that are the ledger's", function()
    local requests = campaign:requests()
    local summaries = {}
    for i, name in ipairs { "canary", "reconcile", "push stdin", "push hook", "push unique" } do summaries[i] = campaign:objects(name)[1] end
    local pushes = campaign:requests("push", 200)
    assert.equal(sum(pushes, "records"), sum(summaries, "success") + sum(summaries, "failed") + sum(summaries, "sent"))
    assert.equal(#pushes, sum(summaries, "batches"))
    assert.equal(#pushes + #campaign:requests "status", sum(summaries, "requests"))
    assert.equal(count(requests, function(e) return e.call == "token" end) - 1, sum(summaries, "mints"))    -- one was for the set-up
    for _, s in ipairs(summaries) do
      assert.equal(s.records, s.refused + s.success + s.failed + s.expired + s.in_doubt + s.waiting + s.sent)
      assert.equal(s.input, s.records + s.dropped - s.split)
    end

    local s, ids, by_outcome = summaries[2], {}, {}
    for line in campaign["export"].out:gmatch "[^\n]+" do
      local row = json.decode(line)
      ids[row.tcb_batch_id or ""] = true
      by_outcome[row.tcb_outcome] = (by_outcome[row.tcb_outcome] or 0) + 1
    end
    assert.same({ success = 5, failed = 2, refused = 1 }, by_outcome)
    local settled, reasons = { success = 0, error = 0 }, {}
    for _, e in ipairs(campaign.ledger) do
      if e.event == "settle" and ids[e.batch_id] then
        for _, row in ipairs(e.results) do
          settled[row.status] = settled[row.status] + 1
          if row.status == "error" then reasons[row.message] = (reasons[row.message] or 0) + 1 end
        end
      end
    end
    assert.same({ success = s.success, error = s.failed }, settled)
    assert.same(s.reasons, reasons)
    assert.equal(s.success + s.failed, campaign:objects("plan")[3].summary.ok)
    assert.equal(s.success + s.failed, campaign:objects("dry run")[1].records)
    assert.same({ s.batches, s.success + s.failed }, { campaign:objects("verify")[1].batches, campaign:objects("verify")[1].records })
  end)

  it("tells figures of one record, and of a report, that are the ledger's", function()
    local why, batch = campaign:objects("why")[1], nil
    for _, e in ipairs(campaign:requests("push", 200)) do if e.batch_id == why.batches[1].batch_id then batch = e end end
    assert.equal(("200 %s"):format(batch.token), (why.batches[1].events[1].text:gsub(" %d+ ", " ")))
    assert.equal(batch.records, why.batches[1].records)
    local report, unique = campaign:objects("report")[1], campaign:objects("push unique")[1]
    for _, name in ipairs { "records", "success", "failed", "refused", "batches" } do assert.equal(unique[name], report[name], name) end
    assert.equal(unique.success + unique.failed, sum(report.timeline, "records"))
    local push_limit = campaign.ledger[1].limits.push:match "^%d+"
    assert.equal(10 * 500 * push_limit, report.ceiling_per_minute)
  end)

  it("tells figures of events that are the ledger's", function()
    local ids, deliveries, seen = {}, 0, 0
    for _, e in ipairs(events.ledger) do
      if e.event == "webhook" then
        deliveries = deliveries + 1
        if not ids[e.event_id] then seen, ids[e.event_id] = seen + 1, true end
      end
    end
    local stats = events:objects("inbox stats")[1]
    assert.same({ seen, deliveries - seen }, { stats.waiting + stats.done + stats.dead, stats.duplicates })
    for _, e in ipairs(events:objects "inbox") do assert.is_true(ids[e.event_id]) end
    assert.equal(seen, #events:objects "inbox")
    assert.equal(deliveries, events:objects("trigger")[1].deliveries + events:objects("trigger feedback")[1].deliveries)
  end)

  it("tells figures of a rehearsal that are its ledger's", function()
    local n = { requests = 0, records = 0, batches = 0, mints = 0, rate_limited = 0 }
    for _, e in ipairs(tools:objects "rehearsed") do
      if e.event == "request" then
        n.requests = n.requests + 1
        if e.call == "push" and e.status == 200 then n.records, n.batches = n.records + e.records, n.batches + 1 end
        if e.call == "token" then n.mints = n.mints + 1 end
        if e.status == 429 then n.rate_limited = n.rate_limited + 1 end
      end
    end
    local told = tools:objects("rehearse")[1]
    for name, value in pairs(n) do assert.equal(value, told[name], name) end
    assert.equal(35000, n.records)
  end)
end)
