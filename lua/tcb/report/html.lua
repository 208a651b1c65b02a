--- The report as one HTML page that needs nothing else: no request, light and dark, printable, readable without script.
-- Pure: data in, text out. What the data says is decided by whoever reads the journal.
-- @module tcb.report.html
local core = require "tcb.core"
local style = require "tcb.report.style"

local M = {}
--- Rows of the failure table at most: keeps a page of a million records under 2 MB.
M.ROWS_MAX = 10000
local STATIC_ROWS = 100                                            -- in the page's markup, for readers without script
local CHART_BARS = 180

---@class tcb.ReportData
---@field title string the journal's file name
---@field generated_at integer epoch ms
---@field summary table the object of interfaces: input, dropped, split, records, refused, success, failed, ...
---@field reasons { outcome: string, text: string, records: integer }[] by outcome, the most frequent first
---@field timeline { at: integer, records: integer }[] records committed in each minute, in order; `at`: the minute's start
---@field ceiling integer records a minute that the account's limits allow
---@field windows { met: integer, late: integer, missed: integer }
---@field slowest { seq: integer, batch_id: string?, records: integer, sent_at: integer, seconds: number }[]
---@field failures { line: integer?, number: string, starts_at: integer?, outcome: string, reason: string, seq: integer? }[] masked numbers
---@field failures_total integer
---@field export string the command that gives all rows

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }
local function escape(text)
  return (tostring(text):gsub("[&<>\"']", ENTITIES))
end

--- 1234567 -> "1,234,567".
local function grouped(n)
  local text = ("%d"):format(n)
  local head, tail = text:match "^(%-?%d%d?%d?)(.*)$"
  if #tail % 3 ~= 0 then
    head = text:sub(1, #text - math.floor(#text / 3) * 3)
    tail = text:sub(#head + 1)
  end
  return head .. tail:gsub("(%d%d%d)", ",%1")
end

local function percent(part, whole)
  return whole > 0 and ("%.1f %%"):format(part * 100 / whole) or "-"
end

local function instant(ms)
  return ms and (core.instant.format(ms - ms % 1000):gsub("T", " "):gsub("Z$", " UTC")) or ""
end

local function bar(part, whole, class)
  local width = whole > 0 and part * 100 / whole or 0
  return ('<td class="bar" aria-hidden="true"><i class="%s" style="width:%.2f%%"></i></td>'):format(width > 0 and class or "z", width)
end

local function row_of_bar(name, n, whole, class)
  return ("<tr><th scope=\"row\">%s</th><td class=\"n\">%s</td><td class=\"n\">%s</td>%s</tr>\n"):format(
    escape(name), grouped(n), percent(n, whole), bar(n, whole, class))
end

local function bars(caption, head, rows)
  return ('<div class="scroll"><table><caption>%s</caption><thead><tr><th scope="col">%s</th><th scope="col" class="n">Records</th>'
    .. '<th scope="col" class="n">Share</th><th class="bar" aria-hidden="true"></th></tr></thead><tbody>\n%s</tbody></table></div>\n')
    :format(caption, head, table.concat(rows))
end

local function funnel(s, w)
  local rows = {
    row_of_bar("In the input", s.input, s.input, ""),
    row_of_bar("Records (after hooks)", s.records, s.input, ""),
    row_of_bar("Kept by the rules", s.records - s.refused, s.input, ""),
    row_of_bar("Accepted by the service", w.met + w.late, s.input, "wait"),
    row_of_bar("Shown to receivers (success)", s.success, s.input, "ok"),
  }
  return bars("How many records came through each step, as a share of the input.", "Step", rows)
end

local OUTCOMES = { { "success", "Success", "ok" }, { "failed", "Failed", "bad" }, { "refused", "Refused here, never sent", "warn" },
  { "expired", "Expired: window passed before sending", "warn" }, { "in_doubt", "In doubt", "bad" },
  { "sent", "Sent, not settled yet", "wait" }, { "waiting", "Waiting", "wait" } }

local function outcomes(s)
  local rows = {}
  for i, o in ipairs(OUTCOMES) do rows[i] = row_of_bar(o[2], s[o[1]], s.records, o[3]) end
  return bars("Every record ends in exactly one outcome; the figures add up to the records.", "Outcome", rows)
end

local function reasons(data)
  local rows = {}
  if #data.reasons == 0 then return "<p>No record failed or was refused.</p>\n" end
  for i, r in ipairs(data.reasons) do
    local what = r.outcome:gsub("_", " ") .. ": " .. core.log.redact(r.text)
    rows[i] = row_of_bar(what, r.records, data.summary.records, r.outcome == "failed" and "bad" or "warn")
  end
  return bars("Why records failed, were refused or are in doubt.", "Reason", rows)
end

--- Merges minutes until the chart has at most CHART_BARS bars: { at, per_minute }, minutes a bar.
local function buckets(timeline)
  local first, last = timeline[1].at, timeline[#timeline].at
  local minutes = math.floor((last - first) / 60000) + 1
  local width = math.ceil(minutes / CHART_BARS)
  local list = {}
  for i = 1, math.ceil(minutes / width) do list[i] = { at = first + (i - 1) * width * 60000, records = 0 } end
  for _, t in ipairs(timeline) do
    local b = list[math.floor((t.at - first) / 60000 / width) + 1]
    b.records = b.records + t.records
  end
  for _, b in ipairs(list) do b.per_minute = b.records / width end
  return list, width
end

local function chart(data)
  if #data.timeline == 0 then return "<p>Nothing was sent.</p>\n" end
  local list, width = buckets(data.timeline)
  local peak, busiest = 1, M.busiest(data.timeline)
  for _, b in ipairs(list) do peak = math.max(peak, b.per_minute) end
  local has_line = data.ceiling > 0 and data.ceiling < 8 * peak         -- a ceiling far above would flatten the bars
  if has_line then peak = math.max(peak, data.ceiling) end
  local w, h, out = 900, 200, {}
  local function y(n) return h - 2 - n / peak * (h - 40) end
  local step = (w - 10) / #list
  for i, b in ipairs(list) do
    if b.records > 0 then
      out[#out + 1] = ('<rect class="b" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s: %s</title></rect>'):format(
        5 + (i - 1) * step, y(b.per_minute), math.max(step - 1, 1), h - 2 - y(b.per_minute), instant(b.at), grouped(math.floor(b.per_minute + 0.5)))
    end
  end
  if has_line then
    out[#out + 1] = ('<line class="c" x1="0" x2="%d" y1="%.1f" y2="%.1f"/><text x="6" y="%.1f">ceiling %s a minute</text>'):format(
      w, y(data.ceiling), y(data.ceiling), y(data.ceiling) - 5, grouped(data.ceiling))
  end
  local from, to = instant(list[1].at), instant(data.timeline[#data.timeline].at)
  local text = ("Busiest minute %s records, ceiling %s."):format(grouped(busiest),
    data.ceiling > 0 and grouped(data.ceiling) .. (has_line and "" or ", far above this chart") or "none")
  if data.ceiling > 0 and busiest > data.ceiling then text = text .. " A token that is renewed has a quota of its own, so that a minute may exceed the ceiling." end
  if width > 1 then text = ("%s A bar covers %d minutes."):format(text, width) end
  return ('<svg viewBox="0 0 %d %d" role="img" aria-label="Records a minute from %s to %s. %s">%s<line class="a" x1="0" x2="%d" y1="%d" y2="%d"/></svg>\n'
    .. '<div class="ends" aria-hidden="true"><span>%s</span><span>%s</span></div>\n<p class="dim">%s</p>\n'):format(
    w, h, from, to, escape(text), table.concat(out, "\n"), w, h - 2, h - 2, from, to, escape(text))
end

--- The most records committed in one minute.
function M.busiest(timeline)
  local most = 0
  for _, t in ipairs(timeline) do most = math.max(most, t.records) end
  return most
end

local function windows(w)
  local all = w.met + w.late + w.missed
  return bars("Whether records were committed before their window began.", "Window", {
    row_of_bar("Met: before it began", w.met, all, "ok"),
    row_of_bar("Late: after it began, before it ended", w.late, all, "warn"),
    row_of_bar("Missed: never committed in time", w.missed, all, "bad"),
  })
end

local function slowest(list)
  if #list == 0 then return "<p>No batch was settled yet.</p>\n" end
  local rows = {}
  for i, b in ipairs(list) do
    rows[i] = ('<tr><td class="n">%d</td><td class="n">%.1f s</td><td class="n">%s</td><td>%s</td><td><code>%s</code></td></tr>\n'):format(
      b.seq, b.seconds, grouped(b.records), instant(b.sent_at), escape(b.batch_id or ""))
  end
  return ('<div class="scroll" tabindex="0" role="region" aria-label="Slowest batches"><table><caption>From sending to the last settled record.</caption>'
    .. '<thead><tr><th scope="col" class="n">Batch</th><th scope="col" class="n">Settled after</th><th scope="col" class="n">Records</th>'
    .. '<th scope="col">Sent</th><th scope="col">Id</th></tr></thead><tbody>\n%s</tbody></table></div>\n'):format(table.concat(rows))
end

--- JSON inside a script element: `<` is escaped, so that no text can end the element.
local function json_text(text)
  return '"' .. tostring(text):gsub('[%z\1-\31\\"<>&\127]', function(c) return ("\\u%04x"):format(c:byte()) end) .. '"'
end

local function failures(data)
  if data.failures_total == 0 then return "<p>No record failed.</p>\n" end
  local reason_at, reason_list, json, static = {}, {}, {}, {}
  for i, f in ipairs(data.failures) do
    if i > M.ROWS_MAX then break end
    local reason = core.log.redact(f.reason)
    if not reason_at[reason] then
      reason_list[#reason_list + 1] = json_text(reason)
      reason_at[reason] = #reason_list - 1
    end
    local number = #f.number > 0 and (f.number:find("*", 1, true) and f.number or core.log.mask(f.number)) or ""
    json[i] = ("[%s,%s,%s,%s,%d,%s]"):format(f.line and ("%d"):format(f.line) or '""', json_text(number), json_text(instant(f.starts_at)),
      json_text(f.outcome), reason_at[reason], f.seq and ("%d"):format(f.seq) or "0")
    if i <= STATIC_ROWS then
      static[i] = ('<tr><td class="n">%s</td><td>%s</td><td>%s</td><td class="w">%s</td><td>%s</td><td class="n">%s</td></tr>\n'):format(
        f.line and ("%d"):format(f.line) or "", escape(number), escape(f.outcome), escape(reason), instant(f.starts_at), f.seq and ("%d"):format(f.seq) or "")
    end
  end
  local more = data.failures_total - #json
  local note = more > 0 and ("<p>%s more rows are not in this page. All of them: <code>%s</code></p>\n"):format(grouped(more), escape(data.export)) or ""
  return note .. '<label class="screen">Search line, number, outcome or reason <input id="q" type="search" autocomplete="off"></label>\n'
    .. '<p id="said" role="status" class="dim">' .. ("Rows 1 to %d of %s"):format(#static, grouped(#json)) .. "</p>\n"
    .. '<div class="scroll" tabindex="0" role="region" aria-label="Failures"><table><thead><tr><th scope="col" class="n">Line</th>'
    .. '<th scope="col">Receiver</th><th scope="col">Outcome</th><th scope="col">Reason</th><th scope="col">Window starts</th>'
    .. '<th scope="col" class="n">Batch</th></tr></thead><tbody id="rows">\n' .. table.concat(static) .. "</tbody></table></div>\n"
    .. '<p class="screen"><button id="prev" type="button">Earlier rows</button><button id="next" type="button">Later rows</button></p>\n'
    .. '<script type="application/json" id="data">{"reasons":[' .. table.concat(reason_list, ",") .. '],"rows":[' .. table.concat(json, ",\n") .. "]}</script>\n"
    .. "<script>" .. style.JS .. "</script>\n"
end

local function cards(s)
  local list = { { "records", s.records }, { "success", s.success }, { "failed", s.failed }, { "refused", s.refused }, { "expired", s.expired },
    { "in doubt", s.in_doubt }, { "batches", s.batches }, { "requests", s.requests } }
  local out = {}
  for i, c in ipairs(list) do out[i] = ("<li><b>%s</b><span>%s</span></li>"):format(grouped(c[2]), c[1]) end
  return '<ul class="cards">' .. table.concat(out) .. "</ul>\n"
end

--- The page. Does not block; memory: the page's own size, under 2 MB.
---@param data tcb.ReportData
---@return string
function M.render(data)
  local s = data.summary
  local function section(id, title, body)
    return ('<section aria-labelledby="%s"><h2 id="%s">%s</h2>\n%s</section>\n'):format(id, id, title, body)
  end
  return table.concat{
    '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">\n',
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n",
    '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">\n<title>Campaign report: ', escape(data.title), "</title>\n<style>",
    style.CSS, "</style></head>\n<body>\n<header><h1>Campaign report: ", escape(data.title), '</h1>\n<p class="dim">Made ', instant(data.generated_at),
    " by tcb ", core.version, ". Phone numbers are masked.</p></header>\n<main>\n", cards(s),
    section("funnel", "From input to receivers", funnel(s, data.windows)), section("outcomes", "Outcomes", outcomes(s)),
    section("reasons", "Reasons", reasons(data)), section("pace", "Records a minute", chart(data)),
    section("windows", "Windows", windows(data.windows)), section("slowest", "Slowest batches", slowest(data.slowest)),
    section("failures", "Failures", failures(data)), "</main>\n</body>\n</html>\n",
  }
end

return M
