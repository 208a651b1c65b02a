--- Acknowledgements while a handler blocks the program for 30 s. Usage: tcb spec/soak/inbox_blocked.lua DELIVER FOLDER
local tcb = require "tcb"
local deliver, folder = arg[1], arg[2]
local KEY, SECONDS = "soak-key-0123456789", 30
local asleep, listener = false, nil
listener = assert(tcb.listen { port = 0, key = KEY, inbox = folder .. "/inbox.db", on = { other = function()
  if asleep then return end
  asleep = true
  os.execute(("(%s %d %s 16 40000 1 > %s/out 2>&1) & sleep %d"):format(deliver, listener.port, KEY, folder, SECONDS))
end } })
os.execute(("%s %d %s 1 1 0 > /dev/null"):format(deliver, listener.port, KEY))
local begun = tcb.now()
while listener:stats().done < 40001 and tcb.now() - begun < 300000 do tcb.sleep(0.5) end
local file = assert(io.open(folder .. "/out"))
local seconds, p99 = file:read("*a"):match "^(%S+) (%S+)"
file:close()
local stats = listener:stats()
listener:close()
print(("40,000 events acknowledged in %s s while the handler slept %d s"):format(seconds, SECONDS))
print(("%s inbox_ack_p99_while_blocked %sms 50ms"):format(tonumber(p99) <= 50 and tonumber(seconds) < SECONDS and "ok" or "MISS", p99))
print(("%s inbox_handled_after_block %d 40001"):format(stats.done == 40001 and "ok" or "MISS", stats.done))
