-- host/embed.lua: prints a C table with every Lua file below a folder, so that the binary runs from anywhere; and host/main.lua
-- compiled, since every start runs it. Usage: lua5.4 embed.lua DIR
local dir = arg[1]
local pipe = assert(io.popen("find " .. dir .. " -name '*.lua' | LC_ALL=C sort"))
print('#include "host/sources.h"\n')
local names = {}

local function print_bytes(name, text)
  io.write("static const char ", name, "[] = {")
  for i = 1, #text do
    if i % 32 == 1 then io.write("\n") end
    io.write(text:byte(i), ",")
  end
  print("0};")
end

for path in pipe:lines() do
  local name = path:sub(#dir + 2):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", ".")
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  names[#names + 1] = { name = name, path = path, bytes = #text }
  print_bytes("s" .. #names, text)
  if name == "tcb.host.main" then
    local code = string.dump(assert(load(text, "@" .. path)))
    print_bytes("main_code", code)
    print(("const host_source host_main = { \"%s\", \"@%s\", main_code, %d };"):format(name, path, #code))
  end
end
print("const host_source host_sources[] = {")
for i, n in ipairs(names) do print(('  {"%s", "@%s", s%d, %d},'):format(n.name, n.path, i, n.bytes)) end
print("  {NULL, NULL, NULL, 0}\n};")
