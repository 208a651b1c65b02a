--- Page objects: what client:labels(), :feature_sets() and :numbers() return. Pages are fetched when they are reached.
--
--     for label in client:labels() do print(label.name) end        -- raises the error object when a page cannot be had
--     local all, err = client:numbers{ feature_set_id = id }:all() -- nil, err instead
--
-- The end of a list: labels end at a page shorter than `limit`; feature sets and numbers at the page count that the service
-- names (API reference: `pagination_info` with feature sets, `pagination_information` with numbers, none with labels).
-- @module tcb.pages
local errors = require "tcb.errors"
local json = require "tcb.json"
local objects = require "tcb.objects"
local options = require "tcb.options"
local M = {}

local STEP = 2 ^ 20                    -- more items than any page has: page * STEP + index tells where an item stands

---@class tcb.Pages<T>: { [1]: T }
---@field call string the call that fetches a page, as in the ledger
local Pages = {}
Pages.__index = Pages
Pages.__name = "tcb.pages"

--- How each list is laid out: where its items are, what a first request always carries, when a page is short.
local LISTS = {
  labels = { page = 1, limit = 1000, short = 1000 },
  feature_sets = { items = "feature_sets" },
  numbers = { items = "numbers" },
}

--- Makes a page object. Sends nothing yet.
---@param caller table as of tcb.call
---@param call "labels"|"feature_sets"|"numbers"
---@param query table query parameters as the user gave them; `page` is where the list begins
---@param due_us integer? when who asks gives up, monotonic clock
function M.new(caller, call, query, due_us)
  local copy = {}
  for name, value in pairs(query) do copy[name] = value end
  return setmetatable({ call = call, _caller = caller, _due_us = due_us, _query = copy, _list = LISTS[call], _cache = {},
    _at = setmetatable({}, { __mode = "k" }), _cursor = nil }, Pages)
end

local function proto(self, message)
  return errors.fail("proto", message, { call = self.call, status = 200 })
end

--- Reads one answer: its items and the page count, if it names one.
local function read(self, body)
  local value, err = json.decode(body)
  if value == nil then
    err.call = self.call
    return nil, err
  end
  local items, name = value, self._list.items
  if name then items = type(value) == "table" and value[name] end
  if type(items) ~= "table" then return proto(self, ("the answer has no %s"):format(name or "list")) end
  for _, item in ipairs(items) do
    if type(item) ~= "table" then return proto(self, "the answer's list holds something that is no object") end
    objects.instants(item)
    if item.phone_number then item.phone_number = objects.digits(item.phone_number) end
  end
  local info = name and (value.pagination_info or value.pagination_information)
  return items, type(info) == "table" and tonumber(info.total_page_count) or nil
end

--- Is there a page behind page `n`? `before`: the page in front of it, to notice a service that pays no heed to `page`.
local function is_last(self, items, count, n, before)
  if #items == 0 then return true end
  if count then return n >= count end
  local limit, short = self._query.limit or self._list.limit, self._list.short
  if not limit or #items < math.min(limit, short or limit) then return true end
  local a, b = items[1], before and before.items[1]
  local id = a.id or a.phone_number
  return b ~= nil and id ~= nil and id == (b.id or b.phone_number)
end

--- Page `n` as { items, last }, out of the two kept or from the service.
local function fetch(self, n)
  local cached = self._cache[n]
  if cached then return cached end
  local query = { page = self._list.page, limit = self._list.limit }
  for name, value in pairs(self._query) do query[name] = value end
  if n ~= self:_first_page() then query.page = n end
  local res, err = self._caller:request(self.call, { query = query, due_us = self._due_us })
  if not res then return nil, err end
  local items, count = read(self, res.body)
  if not items then return nil, count end
  local before = self._cache[n - 1]
  local page = { items = items, last = is_last(self, items, count, n, before) }
  for i, item in ipairs(items) do self._at[item] = n * STEP + i end
  self._cache = { [n - 1] = before, [n] = page }
  return page
end

function Pages:_first_page()
  return self._query.page or 1
end

--- The position in front of the first item; what was fetched before is asked for again.
local function start(self)
  self._cache = {}
  return self:_first_page() * STEP
end

--- The item behind position `at`, and its position | nil at the end | nil, nil, err.
local function after(self, at)
  local n, i = math.floor(at / STEP), at % STEP + 1
  local page, err = fetch(self, n)
  while page and not page.items[i] and not page.last do
    n, i = n + 1, 1
    page, err = fetch(self, n)
  end
  if not page then return nil, nil, err end
  return page.items[i], n * STEP + i
end

--- The next item; nil at the end. Raises the error object. A `for` loop begins at the first item each time, also inside another.
-- Called by hand, as `local next = client:labels(); next()`, it goes on from where it was. Blocks while a page is fetched.
function Pages:__call(...)
  local is_loop, last = select("#", ...) >= 2, select(2, ...)
  local at
  if is_loop and last ~= nil then at = self._at[last] else at = not is_loop and self._cursor or start(self) end
  local item, next_at, err = after(self, at)
  if err then error(err, 0) end
  if not is_loop then self._cursor = item and next_at or nil end
  return item
end

--- All items as one list. Blocks.
---@return table[]? items
---@return tcb.Error? err
function Pages:all()
  local list = {}
  local item, at, err = after(self, start(self))
  while item do
    list[#list + 1] = item
    item, at, err = after(self, at)
  end
  if err then return nil, err end
  return list
end

--- The first item; nil without an error when the list is empty. Fetches one page.
---@return table? item
---@return tcb.Error? err
function Pages:first()
  return self:find(function() return true end)
end

--- The first item for which `fn(item)` is true; nil without an error when there is none. Fetches no page behind it.
---@param fn fun(item: table): any
---@return table? item
---@return tcb.Error? err
function Pages:find(fn)
  options.argument("pages:find", "the test", fn, "function", 2)
  local item, at, err = after(self, start(self))
  while item do
    if fn(item) then return item end
    item, at, err = after(self, at)
  end
  return nil, err
end

--- The items of page `n` alone, asked for each time.
---@param n integer from 1
---@return table[]? items
---@return tcb.Error? err
function Pages:page(n)
  options.argument("pages:page", "n", n, "number", 2)
  options.check("pages:page", { n = n }, { n = "integer" }, 2)
  self._cache[n] = nil
  local page, err = fetch(self, n)
  if not page then return nil, err end
  return page.items
end

function Pages:__tostring()
  return ("tcb.pages (%s)"):format(self.call)
end

return M
