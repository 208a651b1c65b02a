--- `tcb numbers`: the account's numbers and their states.
local listing = require "tcb.host.listing"

return {
  summary = "the account's numbers and their states",
  usage = "tcb numbers [filters] [options]",
  options = listing.options {
    { "--feature-set-id", "ID", "of this feature set" },
    { "--department-id", "ID", "of this department" },
    { "--operation-id", "ID", "of this operation" },
    { "--process-id", "ID", "of this process" },
    { "--status", "STATE", "in this state: listed, pending, delisting" },
  },
  details = "A number is listed, pending (being listed) or delisting; once delisted it is absent.",
  examples = { "tcb numbers --status pending", "tcb numbers --json | wc -l" },
  run = function(opts, rest, env)
    return listing.run({
      call = "numbers", filters = { "feature_set_id", "department_id", "operation_id", "process_id" }, none = "no number fits",
      keep = function(number) return not opts.status or number.status == opts.status end,
      columns = {
        { name = "phone_number", title = "NUMBER", min = 15 }, { name = "status", min = 9 }, { name = "feature_set_name", title = "FEATURE SET", min = 18 },
        { name = "label_name", title = "LABEL", min = 12 }, { name = "department" }, { name = "process" },
      },
      order = { "phone_number", "phone_type", "status", "client_account_id", "created_by_email", "department", "operation", "process",
        "subprocess", "feature_set_name", "call_me_back", "created_at", "updated_at", "label_name" },
    }, opts, rest, env)
  end,
}
