--- A campaign's input from a CSV file or a pipe.
-- @module tcb.source.csv
local base = require "tcb.source.base"

local M = {}

--- A source of records: `tcb.csv "records.csv"`; "-" reads standard input. Opens nothing yet. A file that is compressed with gzip is
--- recognised; a pipe's is not (gzip = true).
---@param path string
---@param opts? tcb.FileOptions
---@return tcb.Source
function M.new(path, opts) return (base.from_path("csv", path, opts)) end

return M
