--- A campaign's input from newline-delimited JSON: one object a line, members by the API's field names or by --map.
-- @module tcb.source.ndjson
local base = require "tcb.source.base"

local M = {}

local OPTIONS = { encoding = true, gzip = true }

--- A source of records: `tcb.ndjson "records.ndjson"`; "-" reads standard input. Opens nothing yet.
--- Instants are numbers or texts; other members serve templates, hooks and the export.
---@param path string
---@param opts { encoding: "utf-8"|"windows-1252"|"utf-16le"|"utf-16be"|nil, gzip: boolean? }?
---@return tcb.Source
function M.new(path, opts)
  if type(path) ~= "string" then error("a path is expected, got " .. type(path), 2) end
  opts = base.options(opts, OPTIONS, 2)
  return base.with_path(base.new{ path = path, kind = "ndjson", format = "ndjson", encoding = opts.encoding, gzip = opts.gzip })
end

return M
