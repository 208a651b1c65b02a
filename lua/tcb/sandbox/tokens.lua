--- Access tokens: minted within the account's limit, valid for their life, revoked on request; each with its own windows.
-- @module tcb.sandbox.tokens
local answers = require "tcb.sandbox.answers"
local accounts = require "tcb.sandbox.accounts"
local core = require "tcb.core"
local json = require "tcb.json"
local limits = require "tcb.sandbox.limits"
local M = {}
local Tokens = {}
Tokens.__index = Tokens

function M.new(rules)
  return setmetatable({ rules = rules, by_text = {}, list = {}, windows = {}, made = 0 }, Tokens)
end

--- The account's sliding window of mints.
local function mint_window(self, account)
  local window = self.windows[account]
  if not window then
    window = limits.window(self.rules.options.limits.mint)
    self.windows[account] = window
  end
  return window
end

function Tokens:mints_used(account, now) return mint_window(self, account).used(now) end

local function is_live(token, now)
  return not token.is_revoked and now < token.expires_at
end

function Tokens:live(account, now)
  local n = 0
  for _, token in ipairs(self.list) do
    if token.account == account and is_live(token, now) then n = n + 1 end
  end
  return n
end

--- Forgets tokens that ended long ago; until then they are told from texts that never were tokens.
local function tidy(self, now)
  local kept = {}
  for _, token in ipairs(self.list) do
    if now < token.expires_at + 86400000 then kept[#kept + 1] = token else self.by_text[token.text] = nil end
  end
  self.list = kept
end

local function add(self, account, now)
  tidy(self, now)
  self.made = self.made + 1
  local text, list = self.rules.ids.hex("token " .. self.made), self.rules.options.limits
  local token = { text = text, short = core.sha256(text):sub(1, 8), account = account,
    expires_at = now + self.rules.token_life_ms, push = limits.window(list.push), personalise = limits.window(list.personalise) }
  self.by_text[text] = token
  self.list[#self.list + 1] = token
  account.minted = account.minted + 1
  return token
end

local function text_field(body, name)
  local value = body[name]
  if value == nil then return nil, answers.invalid(name .. " is required") end
  if type(value) ~= "string" then return nil, answers.invalid(name .. " must be a string") end
  return value
end

--- POST /clients/{client}/token
function M.mint(ctx)
  local self, account = ctx.rules.tokens, ctx.account
  if ctx.req.headers["x-public-access"] ~= "allow" then return answers.unauthorized("X-Public-Access: allow is required") end
  local good, why = core.json_check(ctx.req.body, 8)
  if not good then return answers.invalid("the body is not JSON: " .. why) end
  local body = json.decode(ctx.req.body)
  if type(body) ~= "table" then return answers.invalid("the body must be an object") end
  local key_id, wrong = text_field(body, "key_id")
  if not key_id then return wrong end
  local api_key
  api_key, wrong = text_field(body, "api_key")
  if not api_key then return wrong end
  if not account then return answers.not_found("client not found") end
  if key_id ~= account.key_id or api_key ~= account.api_key then return answers.unauthorized("invalid key_id or api_key") end
  if not mint_window(self, account).take(ctx.now) then return answers.too_many() end
  local token = add(self, account, ctx.now)
  ctx.line.token = token.short
  return answers.raw(200, ('{"token":"%s","created_at":"%s"}'):format(token.text, accounts.iso(ctx.now)))
end

--- The live token of a request | nil, answer. Garbled and dead tokens show as a 500 on the v1 status, as documented there.
function Tokens:check(ctx)
  local header = ctx.req.headers.authorization
  if not header then return nil, answers.unauthorized("Missing authorization header") end
  local text = header:match("^[Bb]earer +(%S+)$")
  local token = text and self.by_text[text]
  if text then ctx.line.token = token and token.short or core.sha256(text):sub(1, 8) end
  if token and is_live(token, ctx.now) then return token end
  if ctx.call == "v1_status" then return nil, answers.parse_token() end
  return nil, answers.unauthorized()
end

--- Revokes live tokens; returns how many.
---@param which string? the token, or the first 8 hex digits of its SHA-256
---@param account string? an account id
function Tokens:revoke(which, account, now)
  local n = 0
  for _, token in ipairs(self.list) do
    local is_meant = not which or token.text == which or token.short == which
    if is_meant and is_live(token, now) and (not account or token.account.id == account) then
      token.is_revoked = true
      n = n + 1
    end
  end
  return n
end

return M
