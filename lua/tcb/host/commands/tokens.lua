--- `tcb tokens`: the account's tokens as its state file knows them, and what is left to mint.
local json = require "tcb.json"

local SUMMARY = { "tokens", "pool", "mints_left", "minting", "next_mint_at", "paused_at", "paused_until", "cautious_until", "store" }

local function print_json(s, governor, env)
  s.tokens, s.store = json.array(s.tokens), governor.store.kind
  env.out(json.encode(s, SUMMARY) .. "\n")
end

local function run(opts, rest, env)
  if rest[1] then return env.usage(("unknown argument '%s'"):format(rest[1])) end
  local governor, err = require("tcb.host.account").governor(env)
  if not governor then return env.fail(err) end
  if opts.forget then
    local ok
    ok, err = governor:forget()
    if not ok then return env.fail(err) end
    if env.json then env.out '{"forgotten":true}\n' else env.note "forgotten: tokens and mint history\n" end
    return 0
  end
  local s
  s, err = governor:status()
  if not s then return env.fail(err) end
  if env.json then print_json(s, governor, env) else env.out(require("tcb.host.quota").text(s, env.columns)) end
  return 0
end

return {
  summary = "the account's tokens, mints left, when the next is possible",
  usage = "tcb tokens [--forget]",
  options = {
    { "--forget", nil, "drop tokens and mint history from the state file" },
  },
  details = [[
Asks the state file, not the service. A token is shown as the first 8 digits of its SHA-256, as in the sandbox's ledger. --forget is for
a sandbox that was started anew: for a real account the service remembers the mints all the same.]],
  examples = { "tcb tokens", "tcb tokens --json" },
  run = run,
}
