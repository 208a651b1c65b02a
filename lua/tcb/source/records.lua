--- A campaign's input from a program: records as Lua tables, from an iterator or a list.
-- They travel as lines of JSON, so that they can be kept like a pipe's input.
-- @module tcb.source.records
local core = require "tcb.core"
local base = require "tcb.source.base"

local M = {}

local PULL = 500                    -- records asked for at a time

--- Where records come from: a function that gives the next table, nil at the end; or a list.
local function iterator(from)
  if type(from) == "function" then return from end
  local i = 0
  return function()
    i = i + 1
    return from[i]
  end
end

--- Records that a program makes: `tcb.records(function() return next_record_or_nil end)`, or a list of tables. The function may yield;
--- its errors reach who reads. Instants are epoch ms; other members that are texts, numbers or booleans serve templates and hooks.
--- A campaign that is continued asks for the same records from the start: give the same ones, or none.
---@param from fun(): table? | table[]
---@return tcb.Source
function M.new(from)
  if type(from) ~= "function" and type(from) ~= "table" then error("an iterator or a list is expected, got " .. type(from), 2) end
  local source = base.new{ kind = "records", format = "ndjson", path = nil }
  source._open = function()
    local reader, queue = core.reader.queue()
    if not reader then return nil, queue end
    local next_record, n = iterator(from), 0
    local function pull()
      for _ = 1, PULL do
        local record = next_record()
        if record == nil then
          queue:close()
          return true
        end
        n = n + 1
        if type(record) ~= "table" then error(("record %d: a table is expected, got %s"):format(n, type(record)), 0) end
        local ok, err = queue:add(record)
        if not ok then return nil, err end
      end
      return true
    end
    return reader, { identity = {}, pull = pull }
  end
  return source
end

return M
