--- `tcb labels`: the account's labels.
local listing = require "tcb.host.listing"

return {
  summary = "the account's labels; a campaign needs a dynamic one",
  usage = "tcb labels [--dynamic] [options]",
  options = listing.options { { "--dynamic", nil, "only those that personalisation can use" } },
  examples = { "tcb labels --dynamic", "tcb labels --json" },
  run = function(opts, rest, env)
    return listing.run({
      call = "labels", filters = {}, always = { page = 1, limit = 1000 }, none = "the account has no such label",
      keep = function(label) return not opts.dynamic or label.label_type == "dynamic" end,
      columns = { { name = "name", min = 20 }, { name = "id", title = "ID", min = 36 }, { name = "label_type", title = "TYPE", min = 7 } },
      order = { "id", "name", "logo_url", "category", "sub_category", "created_by_email", "created_at", "label_type" },
    }, opts, rest, env)
  end,
}
