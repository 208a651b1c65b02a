--- What the program around this Lua state does for the layers below it. A program with nothing to offer leaves it empty; the host
-- binary puts its own in as it starts (tcb.host.main).
-- @module tcb.program

---@class tcb.Program
---@field on_interrupt? fun(fn: fun(name: string)?): function? `fn("INT"|"TERM")` is called at a signal, instead of an error that ends the
---       script; gives what was called before
---@field trim? fun(): integer gives memory back that only the start needed; kB
return {}
