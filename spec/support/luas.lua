--- What the specs need on every Lua: helpers with the same name on 5.4 and LuaJIT.
local M = { abi = os.getenv "SPEC_ABI", root = os.getenv "SPEC_ROOT", suffix = os.getenv "SPEC_SUFFIX" or "" }
M.unpack = table.unpack or unpack                                  -- luacheck: ignore
M.is_jit = rawget(_G, "jit") ~= nil
return M
