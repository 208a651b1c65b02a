local core = require "tcb.core"
local parse, format = core.instant.parse, core.instant.format

local function zone(name) return assert(core.instant.zone(name)) end
local function why(text, z)
  local ms, err = parse(text, z)
  assert.is_nil(ms)
  return err.message
end

describe("instant.parse", function()
  it("takes epoch milliseconds", function()
    assert.equal(1893456000000, parse "1893456000000")
    assert.equal(1893456000000, parse " 1893456000000 ")
    assert.equal(100000000000, parse "100000000000")
    assert.equal("1893456000000", tostring(parse "1893456000000"))
  end)

  it("tells seconds, microseconds and spreadsheet damage", function()
    assert.matches("looks like seconds", why "1893456000")
    assert.matches("looks like seconds", why "99999999999")
    assert.matches("looks like seconds", why "0")
    assert.matches("looks like seconds", why "-5")
    assert.matches("looks like microseconds", why "1893456000000000")
    assert.matches("looks like microseconds", why(("9"):rep(40)))
    assert.matches("scientific", why "1.89346E+12")
    assert.matches("fraction", why "1893456000000.0")
  end)

  it("shows the text, but no run of digits that may be a phone number", function()
    assert.matches("'2030%-13%-01T00:00Z'", why "2030-13-01T00:00Z")
    assert.is_nil(why "919876543210x":find("98765", 1, true))
  end)

  it("takes ISO 8601 with a zone", function()
    for _, text in ipairs { "2030-01-01T00:00:00Z", "2030-01-01T00:00Z", "2030-01-01 00:00:00Z", "2030-01-01T05:30:00+05:30",
      "2030-01-01T05:30+0530", "2029-12-31T19:00:00-05", "20300101T000000Z", "2030-01-01t00:00:00z", "2029-12-31T24:00:00Z",
      "2030-01-01T00:00:00.000Z", "2030-01-01 00:00:00 Z", "2030-01-01T00:00:00,0Z", "2030-01-01T00:00:00 UTC" } do
      assert.equal(1893456000000, parse(text), text)
    end
    assert.equal(1893456000250, parse "2030-01-01T00:00:00.250Z")
    assert.equal(1893456000123, parse "2030-01-01T00:00:00.123456789Z")
    assert.equal(951782400000, parse "2000-02-29T00:00:00Z")
  end)

  it("refuses what names no instant", function()
    assert.matches("no time zone", why "2030-01-01T00:00:00")
    assert.matches("date without", why "2030-01-01")
    for _, text in ipairs { "2030-13-01T00:00Z", "2030-02-30T00:00Z", "2029-02-29T00:00Z", "2030-00-01T00:00Z", "2030-01-01T25:00Z",
      "2030-01-01T10:60Z", "2030-01-01T10:00:60Z", "2030-01-01T24:01Z", "1969-01-01T00:00Z" } do
      assert.matches("does not exist", why(text), text)
    end
    for _, text in ipairs { "01/02/2030 10:00", "tomorrow", "2030-1-1T00:00Z", "2030-01-01T10Z", "2030-01-01T10:00:00X",
      "2030-01-01T10:00:00.Z", "2030-01-01T10:00:00+5", "2030-01-01T10:00:00+19:00", "12:00" } do
      assert.matches("neither", why(text), text)
    end
    assert.matches("empty", why "")
  end)

  it("takes local times with a zone", function()
    assert.equal(1893436200000, parse("2030-01-01T00:00:00", zone "Asia/Kolkata"))
    assert.equal(1893436200000, parse("2030-01-01 00:00", zone "+05:30"))
    assert.equal(1893456000000, parse("2030-01-01T00:00:00Z", zone "Asia/Kolkata"))
    assert.equal(1893456000000, parse("2030-01-01T00:00:00", zone "UTC"))
  end)

  it("moves a time inside a gap to the gap's end", function()
    local berlin = zone "Europe/Berlin"                 -- 2026-03-29 02:00 -> 03:00 CEST
    assert.equal(parse "2026-03-29T01:00:00Z", parse("2026-03-29T02:00:00", berlin))
    assert.equal(parse "2026-03-29T01:00:00Z", parse("2026-03-29T02:30:00", berlin))
    assert.equal(parse "2026-03-29T01:00:00Z", parse("2026-03-29T02:59:59.999", berlin))
    assert.equal(parse "2026-03-29T01:00:00Z", parse("2026-03-29T03:00:00", berlin))
    assert.equal(parse "2026-03-29T00:59:59Z", parse("2026-03-29T01:59:59", berlin))
  end)

  it("takes the first of two equal local times", function()
    local berlin = zone "Europe/Berlin"                 -- 2026-10-25 03:00 CEST -> 02:00 CET
    assert.equal(parse "2026-10-25T00:30:00Z", parse("2026-10-25T02:30:00", berlin))
    assert.equal(parse "2026-10-25T00:00:00Z", parse("2026-10-25T02:00:00", berlin))
    assert.equal(parse "2026-10-25T02:00:00Z", parse("2026-10-25T03:00:00", berlin))
  end)

  it("knows the rule of the years behind the table", function()
    local berlin, sydney = zone "Europe/Berlin", zone "Australia/Sydney"
    assert.equal(parse "2060-07-01T10:00:00Z", parse("2060-07-01T12:00:00", berlin))
    assert.equal(parse "2060-01-01T11:00:00Z", parse("2060-01-01T12:00:00", berlin))
    assert.equal(parse "2060-01-01T01:00:00Z", parse("2060-01-01T12:00:00", sydney))
    assert.equal(parse "2060-07-01T02:00:00Z", parse("2060-07-01T12:00:00", sydney))
  end)

  it("follows zones that skipped a whole day or change by half an hour", function()
    assert.equal(parse "2011-12-30T10:00:00Z", parse("2011-12-30T12:00:00", zone "Pacific/Apia"))
    local howe = zone "Australia/Lord_Howe"             -- 2026-10-04 02:00 -> 02:30
    assert.equal(parse "2026-10-03T15:30:00Z", parse("2026-10-04T02:15:00", howe))
    assert.equal(parse "2026-10-03T15:30:00Z", parse("2026-10-04T02:30:00", howe))
  end)
end)

describe("instant.zone", function()
  it("refuses unknown names and paths", function()
    for _, name in ipairs { "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "", "posixrules/../UTC", "+25:00" } do
      local z, err = core.instant.zone(name)
      assert.is_nil(z)
      assert.equal("config", err.kind)
    end
  end)

  it("refuses a file that is no TZif file", function()
    local z, err = core.instant.zone "tzdata.zi"
    assert.is_nil(z)
    assert.equal("config", err.kind)
  end)

  it("agrees with the system for a sample of zones and years", function()
    for _, name in ipairs { "Asia/Kolkata", "Europe/London", "America/New_York", "America/Sao_Paulo", "Africa/Casablanca", "Asia/Tehran" } do
      local z = zone(name)
      local pipe = io.popen("for y in 1975 1999 2024 2030 2037 2045; do for m in 01 07 10; do TZ=" .. name ..
        " date -d @$(date -u -d $y-$m-15T12:00:00Z +%s) '+%s %z'; done; done")
      for s, sign, h, m in pipe:read "*a":gmatch "(%d+) ([+-])(%d%d)(%d%d)" do
        local offset = (h * 3600 + m * 60) * (sign == "-" and -1 or 1)
        assert.equal(offset, z:offset(s * 1000), name .. " at " .. s)
      end
      pipe:close()
    end
  end)

  it("turns dates into instants and back", function()
    local berlin = zone "Europe/Berlin"
    local ms = berlin:instant(2026, 3, 29, 12 * 3600)
    assert.equal(parse "2026-03-29T10:00:00Z", ms)
    assert.same({ 2026, 3, 29, 12 * 3600 }, { berlin:date(ms) })
    assert.same({ 2026, 4, 1, 0 }, { berlin:date(berlin:instant(2026, 3, 32)) })
  end)

  it("can be closed twice, and says so afterwards", function()
    local z = zone "UTC"
    z:close()
    z:close()
    assert.equal("tcb.zone (closed)", tostring(z))
    assert.has_error(function() z:offset(0) end)
  end)
end)

describe("instant.format", function()
  it("writes ISO 8601 that reads back", function()
    assert.equal("2030-01-01T00:00:00Z", format(1893456000000))
    assert.equal("2030-01-01T05:30:00.250+05:30", format(1893456000250, zone "Asia/Kolkata"))
    assert.equal("2029-12-31T19:00:00-05:00", format(1893456000000, zone "America/New_York"))
    assert.equal("1969-12-31T23:59:59.999Z", format(-1))
    for _, ms in ipairs { 951782399999, 1893456000001, 4102444800000 } do assert.equal(ms, parse(format(ms))) end
  end)
end)
