--- `tcb tokens`: the account's tokens as its state file knows them, and what is left to mint.
local core = require "tcb.core"
local json = require "tcb.json"

local COLUMNS = {
  { name = "id", title = "TOKEN", min = 8 }, { name = "age", min = 6 }, { name = "ends", title = "ENDS IN", min = 7 },
  { name = "push", title = "PUSHES", min = 6 }, { name = "personalise", title = "REAL-TIME", min = 9 }, { name = "state", min = 8 },
}
local SUMMARY = { "tokens", "pool", "mints_left", "minting", "next_mint_at", "paused_at", "paused_until", "cautious_until", "store" }

local function minutes(ms)
  local s = math.max(0, math.floor(ms / 1000))
  return ("%d:%02d"):format(math.floor(s / 60), s % 60)
end

local function shown(t, now)
  local state = not t.is_ours and "other key" or not t.usable and "ending" or t.paused_until and "paused" or "in use"
  return { id = t.id, age = minutes(now - t.minted_at), ends = minutes(t.ends_at - now), push = ("%d"):format(t.push_used),
    personalise = ("%d"):format(t.personalise_used), state = state }
end

local function print_text(s, env)
  local now, rows = core.clock.now(), {}
  for i, t in ipairs(s.tokens) do rows[i] = shown(t, now) end
  if rows[1] then env.out(require("tcb.host.table").render(COLUMNS, rows, env.columns)) else env.out "no tokens\n" end
  env.out(("%d mints left"):format(s.mints_left))
  if s.next_mint_at > now then
    env.out(("; the next is possible in %s (%s)"):format(minutes(s.next_mint_at - now), core.instant.format(s.next_mint_at)))
  end
  env.out "\n"
  if s.minting > 0 then env.out(("%d being minted\n"):format(s.minting)) end
  if s.paused_at then env.out(("paused since %s: `tcb resume` lets the account go on\n"):format(core.instant.format(s.paused_at))) end
  if s.cautious_until then
    env.out(("mint history lost: one mint at a time until %s\n"):format(core.instant.format(s.cautious_until)))
  end
end

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
    env.note "forgotten: tokens and mint history\n"
    return 0
  end
  local s
  s, err = governor:status()
  if not s then return env.fail(err) end
  if env.json then print_json(s, governor, env) else print_text(s, env) end
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
