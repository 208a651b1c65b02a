--- A campaign's input from a CSV file or a pipe.
-- @module tcb.source.csv
local base = require "tcb.source.base"

local M = {}

local OPTIONS = { encoding = true, gzip = true }

--- A source of records: `tcb.csv "records.csv"`; "-" reads standard input. Opens nothing yet. A file that is compressed with gzip is
--- recognised; a pipe's is not (gzip = true).
---@param path string
---@param opts { encoding: "utf-8"|"windows-1252"|"utf-16le"|"utf-16be"|nil, gzip: boolean? }? the encoding where it is not to be recognised
---@return tcb.Source
function M.new(path, opts)
  if type(path) ~= "string" then error("a path is expected, got " .. type(path), 2) end
  opts = base.options(opts, OPTIONS, 2)
  return base.with_path(base.new{ path = path, kind = "csv", format = "csv", encoding = opts.encoding, gzip = opts.gzip })
end

return M
