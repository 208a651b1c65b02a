local luas = require "support.luas"
local tcb = require "support.tcb"
local terminal = require "support.terminal"

local function in_shell(shell, text)
  return tcb.shell(("PATH='%s/build':$PATH %s -c %s"):format(luas.root, shell, tcb.quote(text)))
end

describe("tcb completion", luas.suffix ~= "" and function() end or function()
  it("completes in bash", function()
    local function complete(line)
      return in_shell("bash --norc", ([[
        source <(tcb completion bash)
        words=(%s); COMP_WORDS=("${words[@]}"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _tcb; echo "${COMPREPLY[*]}"]]):format(line)).out
    end
    assert.equal("labels\n", complete "tcb lab")
    assert.equal("labels\n", complete "tcb --profile x --sandbox lab")
    assert.equal("--dynamic --dry-run\n", complete "tcb labels --d")
    assert.equal("bash\n", complete "tcb completion b")
    assert.equal("interested sim-unreadable not-interested\n", complete "tcb sandbox --scenario ''")
    assert.matches("/etc/passwd", complete "tcb publish x --file /etc/pass")
  end)

  it("completes in bash at a terminal, key by key", function()
    local r = terminal {
      command = ("env PATH='%s/build':\"$PATH\" INPUTRC=/dev/null bash --norc --noprofile -i"):format(luas.root),
      { "send", "PS1='B> '; bind 'set enable-bracketed-paste off'; source <(tcb completion bash); echo rea''dy\n" }, { "expect", "ready\r?\n.*B> " },
      { "send", "tcb feat\t" }, { "expect", "ure-sets " }, { "send", "--dep\t" }, { "expect", "artment-id " },
      { "send", "\21tcb push --in-doubt r\t" }, { "expect", "esend" }, { "send", "\21tcb profile \t\t" }, { "expect", "add +list +remove +use" },
      { "send", "\21exit\n" },
    }
    assert.equal(0, r.code, r.text)
  end)

  it("completes in zsh", function()
    local r = terminal {
      command = ("env PATH='%s/build':\"$PATH\" zsh -f -i"):format(luas.root),
      { "send", "PS1='Z> '; autoload -U compinit; compinit -u -D; source <(tcb completion zsh); print rea''dy\n" },
      { "expect", "ready\r?\n.*Z> " },
      { "send", "tcb feat\t" }, { "expect", "ure-sets" }, { "send", "--dep\t" }, { "expect", "artment-id" },
      { "send", "\21tcb completion f\t" }, { "expect", "ish" },
      { "send", "\21exit\n" },
    }
    assert.equal(0, r.code)
  end)

  it("completes in fish", function()
    local function complete(line)
      return in_shell("fish --no-config", ("tcb completion fish | source; complete -C '%s'"):format(line)).out
    end
    assert.matches("^labels\tthe account's labels", complete "tcb lab")
    assert.matches("^%-%-dynamic\t", complete "tcb labels --dyn")
    assert.matches("interested", complete "tcb sandbox --scenario ")
  end)

  it("completes the names of profiles", function()
    local dir = os.tmpname()
    os.execute("rm -f " .. dir .. "; mkdir -p " .. dir .. "/tcb")
    tcb.file("return { profiles = { acme = { account = 'a' } } }", dir .. "/tcb/config.lua")
    os.execute("chmod 600 " .. dir .. "/tcb/config.lua")
    local r = in_shell("env XDG_CONFIG_HOME=" .. dir .. " bash --norc",
      "source <(tcb completion bash); COMP_WORDS=(tcb labels --profile ''); COMP_CWORD=3; _tcb; echo ${COMPREPLY[*]}")
    assert.equal("acme\n", r.out)
    os.execute("rm -rf " .. dir)
  end)

  it("names the shells it knows", function()
    local r = tcb { "completion", "csh" }
    assert.equal(2, r.code)
    assert.matches("bash, zsh or fish", r.err)
  end)
end)
