--- Listing (publishing) and delisting numbers. Both are asynchronous, and the service silently ignores a number that is listed
-- while its delisting is still being processed: so the numbers are looked up first, and those in between wait until they no
-- longer are.
-- @module tcb.job
local core = require "tcb.core"
local errors = require "tcb.errors"
local json = require "tcb.json"
local options = require "tcb.options"
local pages = require "tcb.pages"
local M = {}

local PART = core.endpoints.publish.records_max          -- numbers in one call; API reference: 10,000
local FIRST_POLL_S, SLOWEST_POLL_S = 0.5, 15
local WAIT_S = 900

--- What tells the two jobs apart. `hold`: the state in which a number must wait before it is sent; `under_way`: nothing is left
-- to send. `accepted`: the answer's arrays whose numbers the service took on; its other arrays are refusals (API reference, by
-- its samples: `new_numbers` are good news when listing, and numbers that are not the account's when delisting).
local ACTIONS = {
  publish = { hold = "delisting", accepted = { new_numbers = true, existing_numbers = true, processing_numbers = true,
    migrated_numbers = true, updated_numbers = true, delisted_numbers = true } },
  delist = { hold = "pending", under_way = "delisting", accepted = { existing_numbers = true, processing_numbers = true,
    delisted_numbers = true, updated_numbers = true, migrated_numbers = true } },
}
local REFUSED = { "new_numbers", "existing_numbers", "invalid_numbers", "other_phonetype_numbers", "others_numbers",
  "other_feature_set_numbers" }

---@class tcb.Job
---@field action "publish"|"delist"
---@field feature_set_id string
---@field count integer different numbers in the job
---@field reasons table<string, string> number -> why it failed: the name of the array the service put it in
---@field answers table[] the service's answers, one for each 10,000 numbers
local Job = {}
Job.__index = Job
Job.__name = "tcb.job"

--- Numbers as digits, each once, in the order given.
local function read_numbers(who, numbers, country, level)
  if type(numbers) ~= "table" then error(("%s: a list of numbers is expected, got %s"):format(who, type(numbers)), level + 1) end
  local list, seen = {}, {}
  for i, text in ipairs(numbers) do
    if type(text) ~= "string" then error(("%s: number %d is a %s, not a string"):format(who, i, type(text)), level + 1) end
    local digits, err = core.phone.parse(text, country or "")
    if not digits then
      err.index, err.field = i, "phone_numbers"
      return nil, err
    end
    if not seen[digits] then list[#list + 1], seen[digits] = digits, true end
  end
  if #list == 0 then return errors.fail("input", "the list of numbers is empty", { field = "phone_numbers" }) end
  return list
end

--- States of the job's numbers as number details show them: number -> status; what is absent is not listed.
-- A delisting elsewhere in the account counts too, so a publish looks at all numbers and a delist at those of its feature set.
local function look_up(self, everywhere, due_us)
  local states = {}
  local list = pages.new(self._caller, "numbers", { feature_set_id = not everywhere and self.feature_set_id or nil }, due_us)
  local ok, err = errors.catch(function()
    for n in list do
      if self._numbers[n.phone_number] then states[n.phone_number] = n.status end
    end
  end)
  if not ok then return nil, err end
  return states
end

local function sort_answer(self, answer, sent)
  local action, failed = ACTIONS[self.action], answer.status == "failed"
  local refused = {}
  for _, name in ipairs(REFUSED) do
    if (failed or not action.accepted[name]) and type(answer[name]) == "table" then
      for _, number in ipairs(answer[name]) do refused[tostring(number):gsub("^%+", "")] = name end
    end
  end
  for _, number in ipairs(sent) do
    self._numbers[number] = refused[number] and "failed" or "sent"
    self.reasons[number] = refused[number]
  end
end

--- Sends numbers in parts. On an error, says how many had gone before it.
local function send(self, list)
  for first = 1, #list, PART do
    local part, quoted = {}, {}
    for i = first, math.min(first + PART - 1, #list) do
      part[#part + 1] = list[i]
      quoted[#quoted + 1] = json.quote(list[i])
    end
    local body = '{"phone_numbers":[' .. table.concat(quoted, ",") .. "]}"
    local res, err = self._caller:request(self.action, { feature_set = self.feature_set_id, body = body, count = #part })
    local answer = res
    if res then answer, err = json.decode(res.body) end
    if not answer then
      err.call = err.call or self.action
      if first > 1 then err.message = ("after %d of %d numbers had been sent: %s"):format(first - 1, #list, err.message) end
      return nil, err
    end
    self.answers[#self.answers + 1] = answer
    sort_answer(self, answer, part)
  end
  return true
end

--- Sends the numbers that are not in between; the others stay `held`. Returns how many are held | nil, err.
local function send_free(self, due_us)
  local states, err = look_up(self, self.action == "publish", due_us)
  if not states then return nil, err end
  local action, free, held = ACTIONS[self.action], {}, 0
  for _, number in ipairs(self._order) do
    if self._numbers[number] == "held" then
      if states[number] == action.hold then held = held + 1
      elseif states[number] ~= nil and states[number] == action.under_way then self._numbers[number] = "sent"
      else free[#free + 1] = number end
    end
  end
  local ok
  ok, err = send(self, free)
  if not ok then return nil, err end
  return held
end

--- Sends what can be sent, polling until nothing is held or `due`. Returns how many are still held | nil, err.
local function send_all(self, due)
  local sleep, pause = require("tcb.runtime").current().sleep, FIRST_POLL_S
  while true do
    local held, err = send_free(self, due)
    if not held then return nil, err end
    local left = (due - core.clock.mono()) / 1e6
    if held == 0 or left <= 0 then return held end
    sleep(math.min(pause, left))
    pause = math.min(pause * 1.5, SLOWEST_POLL_S)
  end
end

--- Starts a job; used by client:publish and client:delist. Blocks: looks the numbers up, sends them, and waits up to deadline_s for
-- numbers in between; what must wait longer is sent by job:wait.
---@return tcb.Job? job
---@return tcb.Error? err
function M.start(caller, conf, action, feature_set_id, numbers, level)
  local who = "client:" .. action
  options.argument(who, "the feature set's id", feature_set_id, "string", level + 1)
  local list, err = read_numbers(who, numbers, conf.country, level + 1)
  if not list then return nil, err end
  local job = setmetatable({ action = action, feature_set_id = feature_set_id, count = #list, reasons = {}, answers = {},
    _caller = caller, _order = list, _numbers = {}, _seen = {} }, Job)
  for _, number in ipairs(list) do job._numbers[number] = "held" end
  local held
  held, err = send_all(job, core.clock.mono() + math.floor(conf.deadline_s * 1e6))
  if not held then return nil, err end
  return job
end

--- What the states say about one sent number: its outcome, or nil while it is unsettled.
local function settle(self, number, state)
  local seen = self._seen[number]
  self._seen[number] = state or seen
  if self.action == "delist" then
    if state == nil then return "delisted" end
    return state == "listed" and seen == "delisting" and "failed" or nil           -- the delisting failed: the old state is back
  end
  if state == "listed" then return "listed" end
  if state == nil and seen == "delisting" then return "ignored" end              -- it was listed into a delisting begun elsewhere
  return state == nil and seen == "pending" and "failed" or nil
end

local function poll(self, due_us)
  local states, err = look_up(self, false, due_us)
  if not states then return nil, err end
  local result, unsettled = { listed = {}, delisted = {}, ignored = {}, failed = {} }, {}
  for _, number in ipairs(self._order) do
    local is = self._numbers[number]
    if is == "sent" then
      is = settle(self, number, states[number]) or "sent"
      self._numbers[number] = is
    end
    table.insert(result[is] or unsettled, number)
  end
  self._states = states
  return result, unsettled
end

--- One look at the numbers. Returns the result so far and the list of unsettled numbers | nil, err. Blocks.
---@return { listed: string[], delisted: string[], ignored: string[], failed: string[] }? result
---@return string[]|tcb.Error unsettled
function Job:poll()
  local result, unsettled = poll(self)
  return result, unsettled
end

local function too_late(self, result, unsettled, timeout_s)
  local absent = self.action == "publish"
  for _, number in ipairs(unsettled) do
    absent = absent and self._states[number] == nil and self._numbers[number] == "sent"
  end
  if absent then                                         -- accepted, and never seen since: what the service calls nothing at all
    for _, number in ipairs(unsettled) do table.insert(result.ignored, number) end
    return result
  end
  local first = unsettled[1]
  local is = self._numbers[first] == "held" and "still waiting to be sent" or self._states[first] or "not listed"
  local message = ("%d of %d numbers are not settled after %g s (%s is %s)"):format(#unsettled, self.count, timeout_s,
    core.log.mask(first), is)
  local late = errors.new{ kind = "timeout", message = message, call = self.action,
    remedy = "wait again later: the service is still at work" }
  return nil, late, result
end

--- Waits until each number is settled, polling number details ever more slowly. Blocks (other tasks go on).
-- A number that was accepted and is never seen again by the end counts as `ignored`.
---@param opts? { timeout_s: number? } default 900 s
---@return { listed: string[], delisted: string[], ignored: string[], failed: string[] }? result numbers as digits; job.reasons
--- says why some failed
---@return tcb.Error? err kind timeout when numbers are still being worked on
---@return table? so_far with an error of kind timeout: the result so far
function Job:wait(opts)
  opts = options.check("job:wait", opts, { timeout_s = "seconds" }, 2)
  local timeout_s, pause = opts.timeout_s or WAIT_S, FIRST_POLL_S
  local due = core.clock.mono() + math.floor(timeout_s * 1e6)
  local held, err = send_all(self, due)
  if not held then return nil, err end
  while true do
    local result, unsettled = poll(self, due)
    if not result then return nil, unsettled end
    if #unsettled == 0 then return result end
    local left = (due - core.clock.mono()) / 1e6
    if left <= 0 then return too_late(self, result, unsettled, timeout_s) end
    require("tcb.runtime").current().sleep(math.min(pause, left))
    pause = math.min(pause * 1.5, SLOWEST_POLL_S)
  end
end

function Job:__tostring()
  return ("tcb.job %s of %d numbers"):format(self.action, self.count)
end

return M
