--- What commands do differently on a terminal: the scenes once more, on one. Colours where they are wanted, and nowhere else; lines
-- that fit; help for every command.
local json = require "tcb.json"
local luas = require "support.luas"
local scenes = require "support.scenes"
local tcb = require "support.tcb"
local terminal = require "support.terminal"
local transcript = require "support.transcript"

if luas.is_jit then return end                 -- the binary is Lua 5.4, whatever runs the spec

--- Those of the campaign's scene that show something of their own, without most of the waiting.
local SHOWN = { "plan", "plan stdin", "dry run", "push", "journal sent", "reconcile", "why", "export", "push unique", "report" }

describe("on a terminal", function()
  local cases = {}
  for _, name in ipairs(SHOWN) do
    for _, case in ipairs(scenes.campaign.cases) do if case.name == name then cases[#cases + 1] = case end end
  end

  --- The campaign's scene on a terminal: text by case.
  local function play(environment, term)
    local dir = os.tmpname()
    os.execute("rm -f " .. dir .. "; mkdir -p " .. dir .. "/state")
    local lines = { "cd " .. dir, ("t() { '%s' \"$@\"; }\ntcb() { '%s' \"$@\"; }"):format(tcb.binary, tcb.binary), scenes.campaign.setup }
    for _, case in ipairs(cases) do lines[#lines + 1] = ("echo '@@ %s'\n{ %s\n} </dev/null"):format(case.name, case.line) end
    lines[#lines + 1] = "echo '@@ end'"
    tcb.file(table.concat(lines, "\n") .. "\n", dir .. "/script")
    local r = terminal { columns = 80, term = term, raw = true, command = ("env -u COLUMNS -u NO_COLOR XDG_CONFIG_HOME=%s TCB_STATE_DIR=%s/state LC_ALL=C.UTF-8 "
      .. "%s %s sandbox --seed 7 --settle 0.1 -- sh %s/script"):format(dir, dir, environment, tcb.binary, dir), { "expect", "@@ end" } }
    os.execute("rm -rf " .. dir)
    local out = {}
    for name, text in (r.text .. "@@ "):gmatch "@@ ([^\r]*)\r\n(.-)%f[@\0]" do out[name] = text:gsub("\r\n", "\n") end
    return out, r
  end

  it("colours the report, and nothing else", function()
    local out, r = play("A=b")
    assert.equal(0, r.code)
    assert.truthy(out.report:find "\27%[32m.-\27%[0m", out.report)
    for _, case in ipairs(cases) do
      assert.is_truthy(out[case.name], case.name)
      if case.name ~= "report" then assert.is_nil(out[case.name]:find("\27", 1, true), case.name) end
      for line in out[case.name]:gsub("\27%[%d+m", ""):gmatch "[^\r\n]+" do
        assert.is_true(case.wide or line:find "^tcb " or transcript.widest(line) <= 80, line)
      end
    end
  end)

  it("colours nothing with NO_COLOR, and on a dumb terminal, where it rewrites no line either", function()
    local out, r = play("NO_COLOR=1")
    assert.equal(0, r.code)
    assert.is_nil(r.text:find("\27", 1, true))
    assert.truthy(out.report:find("success  40", 1, true))
    out, r = play("A=b", "dumb")
    assert.equal(0, r.code)
    for name, text in pairs(out) do assert.is_nil(text:find "[\27\r]", name) end
  end)
end)

describe("help", function()
  it("tells every option of every command, in lines that fit, and the same with --help and as JSON", function()
    local names, lines = {}, {}
    for name in tcb { "help", "--json" }.out:gmatch '{"name":"([^"]*)","group"' do names[#names + 1] = name end
    assert.is_true(#names >= 25, #names)
    for _, name in ipairs(names) do
      for _, words in ipairs { "help " .. name, name .. " --help", "help " .. name .. " --json" } do
        lines[#lines + 1] = ("'%s' %s || echo failed; echo @@"):format(tcb.binary, words)
      end
    end
    local r = tcb.shell("export COLUMNS=80\n" .. table.concat(lines, "\n"))
    assert.equal("", r.err)
    local pages = {}
    for page in r.out:gmatch "(.-)@@\n" do pages[#pages + 1] = page end
    assert.equal(3 * #names, #pages)
    for i, name in ipairs(names) do
      local page, again, object = pages[3 * i - 2], pages[3 * i - 1], json.decode(pages[3 * i])
      assert.equal(page, again)
      assert.equal("tcb " .. name, page:match("^tcb " .. name:gsub("%p", "%%%0")))
      assert.equal(name, object.name)
      for _, option in ipairs(object.options) do assert.truthy(page:find("\n  " .. option.name, 1, true), name .. " " .. option.name) end
      for line in page:gsub("\nExamples\n.*", "\n"):gmatch "[^\n]+" do assert.is_true(transcript.widest(line) <= 80, line) end
    end
  end)
end)
