--- The documentation runs: every Lua block, and every sh block not marked `text`, of README.md and docs/*.md.
-- All sh blocks of a file run in one shell, in order, in a fresh folder; a Lua block is a script for `tcb --sandbox`.
local luas = require "support.luas"

local function capture(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read "*a"
  pipe:close()
  return text
end

local function blocks(path)
  local list, block = {}, nil
  local line_number = 0
  for line in io.lines(path) do
    line_number = line_number + 1
    local info = line:match "^```(.*)$"
    if info and block then
      block, list[#list + 1] = nil, block
    elseif info then
      block = { info = info, line = line_number, lines = {} }
    elseif block then
      block.lines[#block.lines + 1] = line
    end
  end
  assert(not block, path .. ": a block does not end")
  return list
end

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

-- The program under test is the binary, which has a Lua of its own: one run is enough.
describe("documentation", luas.abi ~= "lua5.4" and function() end or function()
  local files = {}
  for path in capture("cd '" .. luas.root .. "' && ls README.md docs/*.md"):gmatch "[^\n]+" do files[#files + 1] = path end

  local function run(dir, command)
    local bin = dir .. "/.bin"
    assert(os.execute(("mkdir -p '%s' && ln -sf '%s/build/tcb%s' '%s/tcb' && ln -sfn '%s/examples' '%s/examples'")
      :format(bin, luas.root, luas.suffix, bin, luas.root, dir)))
    local out = capture(("cd '%s' && env -u TCB_BASE_URL -u TCB_ACCOUNT -u TCB_KEY_ID -u TCB_API_KEY -u TCB_CLOCK CHECKOUT='%s' "
      .. "PATH='%s':\"$PATH\" TCB_STATE_DIR='%s/.state' XDG_CONFIG_HOME='%s/.config' timeout 120 %s </dev/null 2>&1; echo \"exit $?\"")
      :format(dir, luas.root, bin, dir, dir, command))
    assert.is_truthy(out:find("exit 0\n$"), command .. "\n" .. out)
    return out
  end

  local marked = 0
  for _, path in ipairs(files) do
    local sh = {}
    for _, block in ipairs(blocks(luas.root .. "/" .. path)) do
      local text = table.concat(block.lines, "\n")
      if block.info == "lua" then
        it(("%s:%d runs"):format(path, block.line), function()
          local dir = capture("mktemp -d"):gsub("\n", "")
          write(dir .. "/block.lua", text .. "\n")
          run(dir, "tcb --sandbox block.lua")
          os.execute("rm -rf '" .. dir .. "'")
        end)
      elseif block.info == "sh" then
        sh[#sh + 1] = ("# %s:%d\n%s\n"):format(path, block.line, text)
      elseif block.info == "text" then
        marked = marked + 1
      end
    end
    if #sh > 0 then
      it(path .. ": its commands run", function()
        local dir = capture("mktemp -d"):gsub("\n", "")
        write(dir .. "/blocks.sh", "set -e\ntrap 'kill $(jobs -p) 2>/dev/null || :' EXIT\n" .. table.concat(sh, "\n"))
        run(dir, "bash -x blocks.sh")
        os.execute("rm -rf '" .. dir .. "'")
      end)
    end
  end

  it("marks at most ten blocks as not to be run", function() assert.is_true(marked <= 10, marked) end)

  it("names no file that is not there", function()
    for _, path in ipairs(files) do
      local file = assert(io.open(luas.root .. "/" .. path))
      local text = file:read "*a"
      file:close()
      for target in text:gmatch "%]%(([^)#:]+)[^)]*%)" do
        local full = luas.root .. "/" .. (path:match "^(.*/)" or "") .. target
        assert.is_true(os.execute("test -e '" .. full .. "'") == true or os.execute("test -e '" .. full .. "'") == 0, path .. ": " .. target)
      end
    end
  end)
end)
