--- Schedules: from a period, daily hours and a zone to the windows that a campaign's records get.
-- A window never lasts longer than 24 h (the API's limit), so a campaign over days is at least a record per receiver and day.
-- A campaign passes over its source once a window, with that window's starts_at and ends_at for every row: no row is held back
-- in memory, and a pass begins when its window's lead begins. Pure but for reading the zone's rules from the system's tzdata; never blocks.
-- @module tcb.schedule
local core = require "tcb.core"
local errors = require "tcb.errors"

local M = {}
local HOUR_S, DAY_S = 3600, 86400
local DAY_MS = DAY_S * 1000
local WINDOW_MAX_MS = DAY_MS                                       -- API reference, a call record: ends_at at most 24 h after starts_at
local DAYS_MAX = 3660
local WEEKDAYS = { "thursday", "friday", "saturday", "sunday", "monday", "tuesday", "wednesday" }   -- 1970-01-01 was a Thursday
local OPTIONS = { from = true, to = true, daily = true, zone = true, quiet = true, lead_s = true }

---@class tcb.Window
---@field starts_at integer epoch ms
---@field ends_at integer epoch ms, at most 24 h later
---@field day string the local date the window belongs to, "2026-11-02"

---@class tcb.Schedule
---@field lead_s number how long before its start a window's records may be sent, seconds
local Schedule = {}
Schedule.__index = Schedule
Schedule.__name = "tcb.schedule"

local function bad(message, ...)
  error("tcb.schedule: " .. message:format(...), 3)
end

--- "19:30" -> seconds of the day; "24:00" only where a day may end.
local function time_of_day(text, what, is_end)
  local h, m = tostring(text):match "^(%d%d?):(%d%d)$"
  h, m = tonumber(h), tonumber(m)
  if not h or m > 59 or h > 24 or h == 24 and (m > 0 or not is_end) then
    bad("%s: '%s' is not a time of day such as '19:30'", what, tostring(text))
  end
  return h * HOUR_S + m * 60
end

--- { "10:00", "19:00" } -> { from, to } in seconds of the day; an end at or before the start lies on the next day.
local function span_of(pair, what)
  if type(pair) ~= "table" or #pair ~= 2 then bad("%s: two times of day are expected, { '10:00', '19:00' }", what) end
  local from, to = time_of_day(pair[1], what), time_of_day(pair[2], what, true)
  return { from = from, to = to > from and to or to + DAY_S }
end

local function spans_of(daily)
  if type(daily) ~= "table" or #daily == 0 then bad("daily: { '10:00', '19:00' } or a list of such pairs is expected") end
  if type(daily[1]) ~= "table" then return { span_of(daily, "daily") } end
  local spans = {}
  for i, pair in ipairs(daily) do
    spans[i] = span_of(pair, "daily")
    if i > 1 and spans[i].from < spans[i - 1].to then bad("daily: windows must be in order and must not overlap") end
  end
  if spans[#spans].to - DAY_S > spans[1].from then bad("daily: the last window reaches into the first one of the next day") end
  return spans
end

local function date_of(text, what)
  local y, m, d = tostring(text):match "^(%d%d%d%d)-(%d%d)-(%d%d)$"
  y, m, d = tonumber(y), tonumber(m), tonumber(d)
  if not y or m < 1 or m > 12 or d < 1 or d > 31 then bad("%s: '%s' is not a date such as '2026-11-02'", what, tostring(text)) end
  return y, m, d
end

local function weekday_of(word)
  for _, name in ipairs(WEEKDAYS) do
    if #word >= 3 and name:sub(1, #word) == word then return name end
  end
end

--- { "sunday", "2026-11-05", { "13:00", "14:30" } } -> days without calls, and spans of each day without calls.
local function quiet_of(quiet)
  local days, spans = {}, {}
  for _, entry in ipairs(quiet or {}) do
    if type(entry) == "table" then
      spans[#spans + 1] = span_of(entry, "quiet")
    else
      local word = weekday_of(tostring(entry):lower())
      if not word then date_of(entry, "quiet: a weekday, a date or a pair of times is expected") end
      days[word or entry] = true
    end
  end
  return days, spans
end

--- The instants of a span of seconds that begins on one local day. Zone rules decide: a start inside a gap moves to its end.
local function instants(zone, day, span)
  return { starts_at = zone:instant(day.year, day.month, day.day, span.from), ends_at = zone:instant(day.year, day.month, day.day, span.to) }
end

--- What is left of `windows` without `hole`.
local function without(windows, hole)
  local left = {}
  for _, w in ipairs(windows) do
    if hole.ends_at <= w.starts_at or hole.starts_at >= w.ends_at then
      left[#left + 1] = w
    else
      if hole.starts_at > w.starts_at then left[#left + 1] = { starts_at = w.starts_at, ends_at = hole.starts_at } end
      if hole.ends_at < w.ends_at then left[#left + 1] = { starts_at = hole.ends_at, ends_at = w.ends_at } end
    end
  end
  return left
end

--- The windows of one local day, split where one would last longer than 24 h (a day of 25 h when clocks go back).
local function windows_of(day, options)
  local windows = {}
  for _, span in ipairs(options.spans) do
    local w = instants(options.zone, day, span)
    if w.ends_at > w.starts_at then windows[#windows + 1] = w end              -- a window that lies in a gap vanishes
  end
  for _, span in ipairs(options.quiet_spans) do
    for shift = -1, 1 do                                                       -- yesterday's night may still be quiet, tomorrow's already
      windows = without(windows, instants(options.zone, { year = day.year, month = day.month, day = day.day + shift }, span))
    end
  end
  local split = {}
  for _, w in ipairs(windows) do
    while w.ends_at - w.starts_at > WINDOW_MAX_MS do
      split[#split + 1] = { starts_at = w.starts_at, ends_at = w.starts_at + WINDOW_MAX_MS }
      w = { starts_at = w.starts_at + WINDOW_MAX_MS, ends_at = w.ends_at }
    end
    split[#split + 1] = w
  end
  return split
end

---@class tcb.ScheduleOptions
---@field from string local date, "2026-11-02"
---@field to string local date, included
---@field daily table { "10:00", "19:00" }, or a list of such pairs; an end at or before its start lies on the next day
---@field zone string an IANA name or an offset: "Asia/Kolkata", "+05:30"
---@field quiet table? weekdays ("sunday"), dates and pairs of times without calls
---@field lead_s number? how long before its start a window's records may be sent at the earliest; default 86400

--- Makes a schedule. A wrong shape raises; an unknown zone is nil, err (config).
---@param options tcb.ScheduleOptions
---@return tcb.Schedule? schedule
---@return tcb.Error? err
function M.new(options)
  if type(options) ~= "table" then bad("a table of options is expected, got %s", type(options)) end
  for name in pairs(options) do
    if not OPTIONS[name] then bad("unknown option '%s'", tostring(name)) end
  end
  local lead_s = options.lead_s or DAY_S
  if type(lead_s) ~= "number" or not (lead_s >= 0) then bad("lead_s: a number of seconds is expected") end
  if type(options.zone) ~= "string" then bad("zone: a name such as 'Asia/Kolkata' is expected") end
  local spans = spans_of(options.daily)
  local quiet_days, quiet_spans = quiet_of(options.quiet)
  local fy, fm, fd = date_of(options.from, "from")
  local ty, tm, td = date_of(options.to, "to")
  local zone, err = core.instant.zone(options.zone)
  if not zone then return nil, err end
  local utc = core.instant.zone "UTC"
  local first, last = utc:instant(fy, fm, fd, 0), utc:instant(ty, tm, td, 0)
  if last < first then bad("to: %s lies before from: %s", options.to, options.from) end
  if (last - first) / DAY_MS > DAYS_MAX then bad("more than %d days", DAYS_MAX) end
  local windows, shape = {}, { spans = spans, quiet_spans = quiet_spans, zone = zone }
  for at = first, last, DAY_MS do
    local year, month, day = utc:date(at)
    local name = ("%04d-%02d-%02d"):format(year, month, day)
    if not quiet_days[name] and not quiet_days[WEEKDAYS[at / DAY_MS % 7 + 1]] then
      for _, w in ipairs(windows_of({ year = year, month = month, day = day }, shape)) do
        w.day = name
        windows[#windows + 1] = w
      end
    end
  end
  if #windows == 0 then
    return errors.fail("input", ("the schedule from %s to %s has no window: every day is quiet"):format(options.from, options.to))
  end
  return setmetatable({ windows = windows, lead_s = lead_s, zone = options.zone }, Schedule)
end

--- The windows in order of time: a list of { starts_at, ends_at, day }.
---@return tcb.Window[]
function Schedule:list()
  local copy = {}
  for i, w in ipairs(self.windows) do copy[i] = { starts_at = w.starts_at, ends_at = w.ends_at, day = w.day } end
  return copy
end

function Schedule:__tostring()
  return ("tcb.schedule (%d windows, %s)"):format(#self.windows, self.zone)
end

return M
