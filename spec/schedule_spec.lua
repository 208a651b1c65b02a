local core = require "tcb.core"
local tcb = require "tcb"

local function texts(schedule, zone_name)
  local zone, list = zone_name ~= "UTC" and core.instant.zone(zone_name) or nil, {}
  for i, w in ipairs(schedule:list()) do
    list[i] = core.instant.format(w.starts_at, zone) .. " " .. core.instant.format(w.ends_at, zone)
  end
  return list
end

describe("tcb.schedule", function()
  it("gives a window a day in the zone's own hours", function()
    local s = assert(tcb.schedule{ from = "2026-11-02", to = "2026-11-03", daily = { "10:00", "19:00" }, zone = "Asia/Kolkata" })
    assert.same({
      "2026-11-02T10:00:00+05:30 2026-11-02T19:00:00+05:30",
      "2026-11-03T10:00:00+05:30 2026-11-03T19:00:00+05:30",
    }, texts(s, "Asia/Kolkata"))
    assert.equal(86400, s.lead_s)
    assert.equal("2026-11-03", s:list()[2].day)
  end)

  it("takes several windows a day, and one over midnight", function()
    local s = assert(tcb.schedule{ from = "2026-11-02", to = "2026-11-02", daily = { { "09:00", "12:00" }, { "22:00", "02:00" } }, zone = "UTC" })
    assert.same({ "2026-11-02T09:00:00Z 2026-11-02T12:00:00Z", "2026-11-02T22:00:00Z 2026-11-03T02:00:00Z" }, texts(s, "UTC"))
  end)

  it("moves a start inside a gap to the gap's end", function()
    local s = assert(tcb.schedule{ from = "2026-03-29", to = "2026-03-29", daily = { "02:30", "10:00" }, zone = "Europe/Berlin" })
    assert.same({ "2026-03-29T03:00:00+02:00 2026-03-29T10:00:00+02:00" }, texts(s, "Europe/Berlin"))
  end)

  it("leaves out a window that lies in a gap altogether", function()
    local s, err = tcb.schedule{ from = "2026-03-29", to = "2026-03-29", daily = { "02:10", "02:40" }, zone = "Europe/Berlin" }
    assert.is_nil(s)
    assert.equal("input", err.kind)
  end)

  it("splits a day of 25 hours", function()
    local s = assert(tcb.schedule{ from = "2026-10-25", to = "2026-10-25", daily = { "00:00", "24:00" }, zone = "Europe/Berlin" })
    assert.same({
      "2026-10-25T00:00:00+02:00 2026-10-25T23:00:00+01:00",
      "2026-10-25T23:00:00+01:00 2026-10-26T00:00:00+01:00",
    }, texts(s, "Europe/Berlin"))
    for _, w in ipairs(s:list()) do assert.is_true(w.ends_at - w.starts_at <= 86400000) end
  end)

  it("keeps the hours of the day over a change of the clocks", function()
    local s = assert(tcb.schedule{ from = "2026-10-24", to = "2026-10-26", daily = { "10:00", "12:00" }, zone = "Europe/Berlin" })
    assert.same({
      "2026-10-24T10:00:00+02:00 2026-10-24T12:00:00+02:00",
      "2026-10-25T10:00:00+01:00 2026-10-25T12:00:00+01:00",
      "2026-10-26T10:00:00+01:00 2026-10-26T12:00:00+01:00",
    }, texts(s, "Europe/Berlin"))
  end)

  it("cuts quiet weekdays, dates and hours out", function()
    local s = assert(tcb.schedule{ from = "2026-10-31", to = "2026-11-03", daily = { "10:00", "19:00" }, zone = "UTC",
      quiet = { "sunday", "2026-11-03", { "13:00", "14:30" }, { "18:00", "11:00" } } })
    assert.same({
      "2026-10-31T11:00:00Z 2026-10-31T13:00:00Z", "2026-10-31T14:30:00Z 2026-10-31T18:00:00Z",
      "2026-11-02T11:00:00Z 2026-11-02T13:00:00Z", "2026-11-02T14:30:00Z 2026-11-02T18:00:00Z",
    }, texts(s, "UTC"))
  end)

  it("returns an error for a zone that does not exist", function()
    local s, err = tcb.schedule{ from = "2026-11-02", to = "2026-11-02", daily = { "10:00", "19:00" }, zone = "Mars/Olympus" }
    assert.is_nil(s)
    assert.is_truthy(tostring(err):find("Mars/Olympus", 1, true))
  end)

  it("raises for wrong shapes, naming the field", function()
    local good = { from = "2026-11-02", to = "2026-11-03", daily = { "10:00", "19:00" }, zone = "UTC" }
    local function with(field, value)
      local options = {}
      for k, v in pairs(good) do options[k] = v end
      options[field] = value
      return function() tcb.schedule(options) end
    end
    assert.error_matches(with("from", "2.11.2026"), "from")
    assert.error_matches(with("to", "2026-11-01"), "before")
    assert.error_matches(with("daily", { "10:00" }), "daily")
    assert.error_matches(with("daily", { "25:00", "26:00" }), "25:00")
    assert.error_matches(with("daily", { { "10:00", "12:00" }, { "11:00", "13:00" } }), "overlap")
    assert.error_matches(with("quiet", { "someday" }), "quiet")
    assert.error_matches(with("lead_s", -1), "lead_s")
    assert.error_matches(with("windows", 3), "unknown option 'windows'")
  end)

  it("tells what it is", function()
    local s = assert(tcb.schedule{ from = "2026-11-02", to = "2026-11-06", daily = { "10:00", "19:00" }, zone = "Asia/Kolkata" })
    assert.equal("tcb.schedule (5 windows, Asia/Kolkata)", tostring(s))
  end)
end)
