local html = require "tcb.report.html"

local AT = 1793613600000

local function sample(n)
  local failures = {}
  for i = 1, n do
    failures[i] = { line = i + 1, number = "919876543210", starts_at = AT, outcome = i % 2 == 0 and "failed" or "refused",
      reason = i % 2 == 0 and "Failed to push" or "</script><b>length</b> of 919876543210", seq = i % 2 == 0 and 3 or nil }
  end
  return {
    title = "november <1>.db", generated_at = AT + 7200000,
    summary = { journal = "november.db", input = 5000, dropped = 10, split = 5, records = 4995, refused = 60, success = 4500, failed = 400,
      expired = 20, in_doubt = 10, waiting = 2, sent = 3, batches = 10, requests = 31 },
    reasons = { { outcome = "failed", text = "Failed to push", records = 250 }, { outcome = "failed", text = "Not a Truecaller user", records = 150 } },
    timeline = { { at = AT, records = 2500 }, { at = AT + 60000, records = 2000 }, { at = AT + 900 * 60000, records = 500 } },
    ceiling = 300000, windows = { met = 4880, late = 25, missed = 30 },
    slowest = { { seq = 3, batch_id = "0ca10281-11a0-4f86-bb27-7452da543cb6", records = 500, sent_at = AT, seconds = 12.5 } },
    failures = failures, failures_total = n, export = "tcb export november.db",
  }
end

describe("html.render", function()
  it("shows the figures it is given", function()
    local page = html.render(sample(4))
    for _, figure in ipairs{ "4,995", "4,500", "300,000", "12.5 s", "Not a Truecaller user", "4,880" } do
      assert.is_truthy(page:find(figure, 1, true), figure)
    end
  end)

  it("asks for nothing outside itself", function()
    local page = html.render(sample(4))
    assert.is_nil(page:find("https?://"))
    assert.is_nil(page:find("src=", 1, true))
    assert.is_truthy(page:find("default-src 'none'", 1, true))
  end)

  it("masks numbers and escapes what came from outside", function()
    local page = html.render(sample(4))
    assert.is_nil(page:find("919876543210", 1, true))
    assert.is_truthy(page:find("91******3210", 1, true))
    assert.is_nil(page:find("</script><b>", 1, true))
    assert.is_truthy(page:find("november &lt;1&gt;.db", 1, true))
  end)

  it("stays under 2 MB with any number of failures, and says where the rest is", function()
    local page = html.render(sample(12000))
    assert.is_true(#page < 2 * 1024 * 1024, #page)
    assert.is_truthy(page:find("2,000 more rows", 1, true))
    assert.is_truthy(page:find("tcb export november.db", 1, true))
  end)

  it("has landmarks, a heading a section, headers in every table, and a label at its field", function()
    local page = html.render(sample(4))
    for _, tag in ipairs { "<header>", "<main>", '<html lang="en">', '<label class="screen">', 'role="status"', 'role="img" aria-label=' } do
      assert.truthy(page:find(tag, 1, true), tag)
    end
    local sections, tables = 0, 0
    for id, body in page:gmatch '<section aria%-labelledby="(%w+)">(.-)</section>' do
      sections = sections + 1
      assert.truthy(body:find(('<h2 id="%s">'):format(id), 1, true), id)
    end
    for head in page:gmatch "<table>.-<thead>(.-)</thead>" do
      tables = tables + 1
      for th in head:gmatch "<th([^>]*)>" do assert.truthy(th:find('scope="col"', 1, true) or th:find('aria-hidden="true"', 1, true), th) end
    end
    assert.same({ 7, 6 }, { sections, tables })
  end)

  it("can be read in light and dark: contrast of text 4.5, of bars 3", function()
    local function luminance(hex)
      if #hex == 3 then hex = hex:gsub("%x", "%0%0") end
      local sum = 0
      for i, weight in ipairs { 0.2126, 0.7152, 0.0722 } do
        local c = tonumber(hex:sub(2 * i - 1, 2 * i), 16) / 255
        sum = sum + weight * (c <= 0.03928 and c / 12.92 or ((c + 0.055) / 1.055) ^ 2.4)
      end
      return sum
    end
    local function contrast(a, b)
      a, b = luminance(a), luminance(b)
      return (math.max(a, b) + 0.05) / (math.min(a, b) + 0.05)
    end
    local schemes = 0
    for block in require "tcb.report.style".CSS:gmatch ":root(%b{})" do
      local colour = {}
      for name, hex in block:gmatch "%-%-(%w+):#(%x+)" do colour[name] = hex end
      schemes = schemes + 1
      for _, ground in ipairs { "bg", "card" } do
        for _, text in ipairs { "fg", "dim" } do
          assert.is_true(contrast(colour[text], colour[ground]) >= 4.5, text .. " on " .. ground .. " in " .. block)
        end
        for _, bar in ipairs { "ok", "bad", "warn", "wait", "bar" } do
          assert.is_true(contrast(colour[bar], colour[ground]) >= 3, bar .. " on " .. ground .. " in " .. block)
        end
      end
    end
    assert.equal(3, schemes)                               -- light, dark, print
  end)

  it("is whole for a campaign without failures and without sends", function()
    local data = sample(0)
    data.timeline, data.slowest, data.reasons = {}, {}, {}
    local page = html.render(data)
    assert.is_truthy(page:find("No record failed.", 1, true))
    assert.is_truthy(page:find("Nothing was sent.", 1, true))
    assert.is_truthy(page:find("</html>", 1, true))
  end)
end)
