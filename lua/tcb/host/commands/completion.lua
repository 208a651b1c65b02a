--- `tcb completion SHELL`: prints a script that completes commands, options and their values in bash, zsh or fish.
local args = require "tcb.host.args"
local commands = require "tcb.host.commands"

--- Values that the shell can complete: of options with choices, and of these.
local VALUES = { ["--in-doubt"] = { "hold", "resend" }, ["--dialect"] = { "v2", "v1" }, ["--progress"] = { "json" } }
local WORDS = { -- first words of commands
  profile = { "add", "list", "use", "remove" }, completion = { "bash", "zsh", "fish" }, journal = { "status", "verify", "purge", "resolve" },
  inbox = { "list", "show", "replay", "export" }, sandbox = { "trigger" },
}

--- Every command as { name, summary, options = { { flag, takes_value, help, values }, ... }, words }.
local function gather()
  local list = {}
  for _, name in ipairs(commands.names()) do
    local command, options = commands.get(name), {}
    for _, from in ipairs { command.options or {}, args.GLOBAL } do
      for _, entry in ipairs(from) do
        options[#options + 1] = { entry[1], entry[2] ~= nil, entry[3], entry.choices or VALUES[entry[1]] }
      end
    end
    local words = WORDS[name]
    if name == "help" then words = commands.names() end
    list[#list + 1] = { name = name, summary = command.summary, options = options, words = words }
  end
  return list
end

local function names_of(list)
  local names = {}
  for _, c in ipairs(list) do names[#names + 1] = c.name end
  return table.concat(names, " ") .. " run"
end

local function flags_of(options)
  local flags = {}
  for _, o in ipairs(options) do flags[#flags + 1] = o[1] end
  return table.concat(flags, " ")
end

local GLOBAL_FLAGS = "-e -i -l -v -h --sandbox --profile --json --quiet --memory-limit --time-limit --help --version"

local SHELLS = {}

function SHELLS.bash(list)
  local cases, values, with_value = {}, {}, {}
  for _, c in ipairs(list) do
    cases[#cases + 1] = ("    %s) flags='%s'; words='%s' ;;"):format(c.name, flags_of(c.options), table.concat(c.words or {}, " "))
    for _, o in ipairs(c.options) do
      if o[4] then values[o[1]] = table.concat(o[4], " ") end
      if o[2] then with_value[o[1]] = true end
    end
  end
  local value_cases, takers = {}, {}
  for flag, words in pairs(values) do value_cases[#value_cases + 1] = ("    %s) COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;"):format(flag, words) end
  for flag in pairs(with_value) do if not values[flag] and flag ~= "--profile" then takers[#takers + 1] = flag end end
  table.sort(value_cases)
  table.sort(takers)
  return ([=[
# bash completion for tcb: source <(tcb completion bash)
_tcb() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= flags= words= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      --profile|--memory-limit|--time-limit|-e|-l) ((i++)) ;;
      -*) ;;
      *) command=${COMP_WORDS[i]}; break ;;
    esac
  done
  COMPREPLY=()
  case $prev in
    --profile) COMPREPLY=($(compgen -W "$(tcb profile list --json 2>/dev/null | sed -n 's/^{"name":"\([^"]*\)".*/\1/p')" -- "$cur")); return ;;
]=] .. table.concat(value_cases, "\n") .. [=[

    %s) COMPREPLY=($(compgen -f -- "$cur")); return ;;
  esac
  case $command in
    "") flags='%s'; words='%s' ;;
]=] .. table.concat(cases, "\n") .. [=[

    *) COMPREPLY=($(compgen -f -- "$cur")); return ;;
  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$cur"))
  else
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
    [[ ${#COMPREPLY[@]} -gt 0 ]] || COMPREPLY=($(compgen -f -- "$cur"))
  fi
}
complete -o filenames -o bashdefault -F _tcb tcb
]=]):format(table.concat(takers, "|"), GLOBAL_FLAGS, names_of(list))
end

local function zsh_quote(text)
  return (text:gsub("'", "'\\''"):gsub("[%[%]:]", "\\%0"))
end

function SHELLS.zsh(list)
  local described, cases = {}, {}
  for _, c in ipairs(list) do
    described[#described + 1] = ("    '%s:%s'"):format(c.name, zsh_quote(c.summary))
    local specs = {}
    for _, o in ipairs(c.options) do
      local action = ""
      if o[1] == "--profile" then action = ":profile:_tcb_profiles"
      elseif o[4] then action = ":value:(" .. table.concat(o[4], " ") .. ")"
      elseif o[2] then action = ":value:_files" end
      specs[#specs + 1] = ("'%s[%s]%s'"):format("*" .. o[1], zsh_quote(o[3]), action)
    end
    local first = c.words and (" '1:word:(%s)'"):format(table.concat(c.words, " ")) or ""
    cases[#cases + 1] = ("    %s) _arguments %s%s '*:file:_files' ;;"):format(c.name, table.concat(specs, " "), first)
  end
  return [=[
#compdef tcb
# zsh completion for tcb: put it into a folder of $fpath as _tcb, or: source <(tcb completion zsh)
_tcb_profiles() {
  local -a names
  names=(${(f)"$(tcb profile list --json 2>/dev/null | sed -n 's/^{"name":"\([^"]*\)".*/\1/p')"})
  compadd -a names
}
_tcb() {
  local -a commands
  commands=(
]=] .. table.concat(described, "\n") .. [=[

    'run:run a Lua script'
  )
  local i=2 command=
  while ((i < CURRENT)); do
    case $words[i] in
      --profile|--memory-limit|--time-limit|-e|-l) ((i += 2)) ;;
      -*) ((i++)) ;;
      *) command=$words[i]; break ;;
    esac
  done
  if [[ -z $command ]]; then
    if [[ $words[CURRENT] == -* ]]; then
      compadd -- ]=] .. GLOBAL_FLAGS .. [=[

    elif [[ $words[CURRENT-1] == --profile ]]; then
      _tcb_profiles
    else
      _describe command commands
      _files
    fi
    return
  fi
  shift $((i - 1)) words
  ((CURRENT -= i - 1))
  case $command in
]=] .. table.concat(cases, "\n") .. [=[

    *) _files ;;
  esac
}
if [[ $funcstack[1] == _tcb ]]; then _tcb "$@"; else compdef _tcb tcb; fi
]=]
end

local function fish_quote(text)
  return "'" .. text:gsub("\\", "\\\\"):gsub("'", "\\'") .. "'"
end

function SHELLS.fish(list)
  local out = { [=[
# fish completion for tcb: tcb completion fish > ~/.config/fish/completions/tcb.fish
function __tcb_profiles
  tcb profile list --json 2>/dev/null | string replace -rf '^\{"name":"([^"]*)".*' '$1'
end
complete -c tcb -n __fish_use_subcommand -a run -d 'run a Lua script'
]=] }
  for _, c in ipairs(list) do
    out[#out + 1] = ("complete -c tcb -n __fish_use_subcommand -a %s -d %s\n"):format(c.name, fish_quote(c.summary))
    if c.words then
      out[#out + 1] = ("complete -c tcb -n '__fish_seen_subcommand_from %s' -a %s\n"):format(c.name, fish_quote(table.concat(c.words, " ")))
    end
    for _, o in ipairs(c.options) do
      local rest = o[1] == "--profile" and " -x -a '(__tcb_profiles)'" or o[4] and " -x -a " .. fish_quote(table.concat(o[4], " "))
        or o[2] and " -r" or ""
      out[#out + 1] = ("complete -c tcb -n '__fish_seen_subcommand_from %s' -l %s -d %s%s\n"):format(c.name, o[1]:sub(3), fish_quote(o[3]), rest)
    end
  end
  for _, o in ipairs(args.GLOBAL) do
    out[#out + 1] = ("complete -c tcb -n __fish_use_subcommand -l %s -d %s%s\n"):format(o[1]:sub(3), fish_quote(o[3]),
      o[1] == "--profile" and " -x -a '(__tcb_profiles)'" or o[2] and " -r" or "")
  end
  return table.concat(out)
end

return {
  summary = "a script that completes tcb's commands in your shell",
  usage = "tcb completion bash|zsh|fish",
  options = {},
  examples = { "source <(tcb completion bash)", "tcb completion fish > ~/.config/fish/completions/tcb.fish" },
  run = function(_, rest, env)
    local shell = SHELLS[rest[1] or ""]
    if not shell then return env.usage "needs a shell: bash, zsh or fish" end
    local script = shell(gather())
    env.out(env.json and require "tcb.json".encode({ shell = rest[1], script = script }, { "shell", "script" }) .. "\n" or script)
    return 0
  end,
}
