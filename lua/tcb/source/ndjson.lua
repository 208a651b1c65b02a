--- A campaign's input from newline-delimited JSON: one object a line, members by the API's field names or by --map.
-- @module tcb.source.ndjson
local base = require "tcb.source.base"

local M = {}

--- A source of records: `tcb.ndjson "records.ndjson"`; "-" reads standard input. Opens nothing yet.
--- Instants are numbers or texts; other members serve templates, hooks and the export.
---@param path string
---@param opts? tcb.FileOptions
---@return tcb.Source
function M.new(path, opts) return (base.from_path("ndjson", path, opts)) end

return M
