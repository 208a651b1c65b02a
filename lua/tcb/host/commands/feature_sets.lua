--- `tcb feature-sets`: the account's feature sets.
local listing = require "tcb.host.listing"

return {
  summary = "the account's feature sets, which numbers are listed with",
  usage = "tcb feature-sets [filters] [options]",
  options = listing.options {
    { "--department-id", "ID", "of this department" },
    { "--operation-id", "ID", "of this operation" },
    { "--process-id", "ID", "of this process" },
  },
  examples = { "tcb feature-sets --limit 20 --page 1" },
  run = function(opts, rest, env)
    return listing.run({
      call = "feature_sets", filters = { "department_id", "operation_id", "process_id" }, none = "no feature set fits",
      columns = {
        { name = "name", min = 20 }, { name = "id", title = "ID", min = 36 }, { name = "status", min = 6 },
        { name = "department_name", title = "DEPARTMENT" }, { name = "process_name", title = "PROCESS" },
      },
      order = { "id", "name", "description", "status", "process_id", "client_account_id", "label_id" },
    }, opts, rest, env)
  end,
}
