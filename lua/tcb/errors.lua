--- Error objects: what every `nil, err` of tcb returns, and what its iterators raise.
-- @module tcb.errors
local M = {}

---@class tcb.Error
---@field kind "input"|"auth"|"forbidden"|"not_found"|"rate"|"server"|"net"|"timeout"|"proto"|"in_doubt"|"config"|"store"|"cancelled"|"memory"
---@field message string attempt, cause, value; no secret, no whole phone number
---@field status integer? HTTP status of the answer
---@field slug string? the service's own code
---@field field string? the record or request field at fault
---@field index integer? position of the record in the list given
---@field call string? the API call, as in the ledger
---@field attempts integer? requests made for this call
---@field retryable boolean whether the same call may succeed later
---@field retry_after_s number? seconds to wait before that
---@field place string? file:line of the row or script
---@field sent boolean? whether the first byte of a request had left
---@field remedy string? what to do, where the kind alone does not tell
local Error = {}
Error.__index = Error
Error.__name = "tcb.error"

local RETRYABLE = { rate = true, server = true, net = true, timeout = true }

--- What a user can do about each kind; the last clause of every message.
local REMEDY = {
  auth = "check key_id and api_key (the portal's Manage API Keys page shows whether the key was regenerated)",
  forbidden = "ask the account's admin to grant this feature to the API key",
  not_found = "check the account id, the id in the call and the base URL",
  net = "check the network, the proxy and the base URL, then try again",
  timeout = "try again, or raise timeout_s",
  server = "the service failed; try again later",
  in_doubt = "the service may or may not have accepted it; see docs/guide.md, In doubt",
  proto = "the answer is not what the API documents; if it repeats, report it with TCB_LOG=debug output",
}

--- What a user can do about errors of this kind; nil where only the message knows.
function M.remedy(kind)
  return REMEDY[kind]
end

local FIELDS = { kind = true, message = true, status = true, slug = true, field = true, index = true, call = true, attempts = true,
  retryable = true, retry_after_s = true, place = true, sent = true, remedy = true }

--- Makes an error object out of a table of its fields. Raises on an unknown field: that is a bug of the caller.
---@return tcb.Error
function M.new(fields)
  local err = {}
  for k, v in pairs(fields) do
    if not FIELDS[k] then error("tcb.errors: unknown field '" .. tostring(k) .. "'", 2) end
    err[k] = v
  end
  if err.retryable == nil then err.retryable = RETRYABLE[err.kind] or false end
  return setmetatable(err, Error)
end

--- Shorthand for `nil, err`: the two values a failing function returns.
function M.fail(kind, message, fields)
  local all = { kind = kind, message = message }
  for k, v in pairs(fields or {}) do all[k] = v end
  return nil, M.new(all)
end

--- Another object with the same fields, for one more caller that meets the same error.
function M.copy(err)
  local other = {}
  for k, v in pairs(err) do other[k] = v end
  return setmetatable(other, Error)
end

--- Is `value` an error object of tcb?
function M.is(value)
  return type(value) == "table" and getmetatable(value) == Error
end

local NO_MEMORY = M.new{ kind = "memory", message = "not enough memory" }      -- made while there is some

--- The error of kind `memory` that was raised by tcb, or by Lua itself as a string; nil when it was anything else.
---@return tcb.Error?
function M.memory(raised)
  if raised == NO_MEMORY.message then return NO_MEMORY end
  return M.is(raised) and raised.kind == "memory" and raised or nil
end

--- Runs `fn()`, in which iterators may raise: true, or nil and the error object that was raised. Anything else raised is a mistake
--- in the program and goes on.
---@return boolean? ok
---@return tcb.Error? err
function M.catch(fn)
  local ok, err = pcall(fn)
  if ok then return true end
  if M.is(err) then return nil, err end
  error(err, 0)
end

--- One sentence: place, what failed, why, and the remedy.
function Error:__tostring()
  local parts = {}
  if self.place then parts[#parts + 1] = self.place .. ": " end
  if self.call then parts[#parts + 1] = self.call .. ": " end
  parts[#parts + 1] = self.message or self.kind
  if self.field and not (self.message or ""):find(self.field, 1, true) then parts[#parts + 1] = " (field " .. self.field .. ")" end
  if self.status then parts[#parts + 1] = " (HTTP " .. self.status .. ")" end
  if self.retry_after_s and self.kind == "rate" then
    parts[#parts + 1] = ("; possible again in %.3g s"):format(self.retry_after_s)
  end
  local remedy = self.remedy or REMEDY[self.kind]
  if remedy then parts[#parts + 1] = ": " .. remedy end
  return table.concat(parts)
end

return M
