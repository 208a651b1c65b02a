-- host/embed.lua: prints a C table with every Lua file below a folder, so that the binary runs from anywhere: as text, for whoever reads it,
-- and compiled, which loads four times as fast. Line numbers and names stay in. Usage: lua5.4 embed.lua DIR
local dir = arg[1]
local pipe = assert(io.popen("find " .. dir .. " -name '*.lua' | LC_ALL=C sort"))
print('#include "host/sources.h"\n')
local names = {}
for path in pipe:lines() do
  local name = path:sub(#dir + 2):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", ".")
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  local code = string.dump(assert(load(text, "@" .. path, "t")))
  names[#names + 1] = { name = name, path = path, bytes = #text, code_bytes = #code }
  for i, bytes in ipairs{ text, code } do
    io.write("static const unsigned char ", i == 1 and "s" or "c", #names, "[] = {")
    for k = 1, #bytes do
      if k % 32 == 1 then io.write("\n") end
      io.write(bytes:byte(k), ",")
    end
    print("0};")
  end
end
local function print_source(i, n, before, after)
  print(('%s{"%s", "@%s", (const char *)s%d, %d, (const char *)c%d, %d}%s'):format(before, n.name, n.path, i, n.bytes, i, n.code_bytes, after))
end

for i, n in ipairs(names) do
  if n.name == "tcb.host.main" then print_source(i, n, "const host_source host_main = ", ";") end
end
print("const host_source host_sources[] = {")
for i, n in ipairs(names) do print_source(i, n, "  ", ",") end
print("  {NULL, NULL, NULL, 0, NULL, 0}\n};")
