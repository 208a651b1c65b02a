--- What `tcb labels`, `feature-sets` and `numbers` have in common: pages of the account as a table, or a JSON line per object.
-- @module tcb.host.listing
local json = require "tcb.json"
local table_of = require "tcb.host.table"
local M = {}

--- Options of every listing besides its own filters.
M.OPTIONS = {
  { "--page", "N", "this page alone; without it all of them", type = "integer", min = 1 },
  { "--limit", "N", "so many a page", type = "integer", min = 1 },
  { "--dry-run", nil, "print the request instead of sending it" },
}

--- Option lists put together: own filters first.
function M.options(own)
  local all = {}
  for _, list in ipairs { own, M.OPTIONS } do for _, entry in ipairs(list) do all[#all + 1] = entry end end
  return all
end

--- The items | nil, err: of one page when one was asked for, else of all.
local function fetch(pages, opts)
  if opts.page then return pages:page(opts.page) end
  return pages:all()
end

--- Fetches and prints. `what` = { call, method, filters = { option field, ... }, columns, order (of JSON fields), none = "no labels",
-- keep = fn(item, opts) -> boolean | nil }. Returns the exit code. Blocks.
function M.run(what, opts, rest, env)
  if rest[1] then return env.usage(("unexpected argument '%s'"):format(rest[1])) end
  local query = { page = opts.page, limit = opts.limit }
  for _, name in ipairs(what.filters) do query[name] = opts[name] end
  local client, err = env.client()
  if not client then return env.fail(err) end
  if opts.dry_run then
    for name, value in pairs(what.always or {}) do query[name] = query[name] or value end
    return env.show_request(client, what.call, { query = query })
  end
  local items
  items, err = fetch(client[what.call](client, query), opts)
  if not items then return env.fail(err) end
  local rows = {}
  for _, item in ipairs(items) do
    if not what.keep or what.keep(item, opts) then rows[#rows + 1] = item end
  end
  if env.json then
    for _, item in ipairs(rows) do env.out(json.encode(item, what.order) .. "\n") end
  elseif #rows > 0 then
    env.out(table_of.render(what.columns, rows, env.columns))
  else
    env.note(what.none .. "\n")
  end
  return 0
end

return M
