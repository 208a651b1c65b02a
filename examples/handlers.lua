-- Handlers for `tcb listen --script examples/handlers.lua`: one function per event type. Each event's handler runs at least once: an
-- error runs it again later, and the events of one number come in their order. Here each result is a line on standard output.
local function line(...)
  print(table.concat({ ... }, "  "))
  io.stdout:flush()
end

--- Instants are milliseconds everywhere.
local function clock(at)
  return os.date("!%H:%M", math.floor(at / 1000))
end

--- Which day and half hour the customer asked for; "any time" without a slot picker.
local function when(slot)
  if not slot then return "any time" end
  if not slot.from_at then return slot.day or slot.date end
  return ("%s %s to %s UTC"):format(slot.date, clock(slot.from_at), clock(slot.to_at))
end

return {
  --- Call me back: `number` is the one to call, whichever field of the event held it.
  cmb = function(event)
    if event.interested == false then return line("do not call", event.number) end
    line("call", event.number, when(event.slot), event.feature_set or "")
  end,

  --- An answer to a survey: `answers` is a map from question to response.
  user_feedback = function(event)
    for question, response in pairs(event.answers) do line("feedback", event.number, question, response) end
  end,

  --- Event types that did not exist when this was written.
  other = function(event) line("kept", event.type, event.id) end,

  --- What was given up after the last attempt. It stays in the inbox: `tcb inbox list --state dead`.
  dead = function(event, why) io.stderr:write("gave up on ", event.id, ": ", why, "\n") end,
}
