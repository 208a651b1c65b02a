--- What the sources' comments say of the public names: for `:doc`, for completion, and for docs/reference.md.
-- @module tcb.host.docs
local native = require "tcb.host.native"
local wrap = require "tcb.host.table".wrap
local M = {}

--- Classes that users hold, in the order of the reference. Their other methods and all other modules are the library's own affair.
M.CLASSES = { "tcb.Client", "tcb.Pages", "tcb.Batch", "tcb.Job", "tcb.Campaign", "tcb.Source", "tcb.Schedule", "tcb.Task", "tcb.Sandbox",
  "tcb.Listener", "tcb.Inbox", "tcb.ClientV1", "tcb.Error" }

--- Modules that users require themselves, beside tcb.
M.MODULES = { "tcb.loop", "tcb.handler", "tcb.nginx", "tcb.nginx_inbox" }

--- A module's text: the checkout's when TCB_LUADIR names one, else the one inside the binary.
function M.source(module)
  local path = os.getenv "TCB_LUADIR" and package.searchpath(module, package.path)
  if path then
    local file = assert(io.open(path, "rb"))
    local text = file:read "a"
    file:close()
    return text
  end
  return native.source(module)
end

--- Splits a comment block into { text, params = { { name, type, text } }, returns = { text }, fields = ..., class, parent }. A line
--- without a tag behind one with a tag goes on with that.
local function read_block(lines)
  local block, text = { params = {}, returns = {}, fields = {} }, {}
  local goes_on
  for _, line in ipairs(lines) do
    local tag, rest = line:match "^%-%-%-@(%a+)%s*(.*)$"
    if tag == "param" or tag == "field" then
      local name, kind, about = rest:match "^(%S+)%s+(%b{}%S*)%s*(.*)$"
      if not name then name, kind, about = rest:match "^(%S+)%s+(fun%b():%s*%S+)%s*(.*)$" end
      if not name then name, kind, about = rest:match "^(%S+)%s+(fun%b()%S*)%s*(.*)$" end
      if not name then name, kind, about = rest:match "^(%S+)%s+(%b()%S*)%s*(.*)$" end
      if not name then name, kind, about = rest:match "^(%S+)%s+(table%b<>%S*)%s*(.*)$" end
      if not name then name, kind, about = rest:match "^(%S+)%s+(\"[^%s]*)%s*(.*)$" end
      if not name then name, kind, about = rest:match "^(%S+)%s+(%S+)%s*(.*)$" end
      local entry = { name = name or rest, type = kind or "", text = about or "" }
      table.insert(tag == "param" and block.params or block.fields, entry)
      goes_on = function(more) entry.text = entry.text .. " " .. more end
    elseif tag == "return" then
      local returns = block.returns
      returns[#returns + 1] = rest
      goes_on = function(more) returns[#returns] = returns[#returns] .. " " .. more end
    elseif tag == "class" then
      block.class, block.parent = rest:match "^([%w_.]+)", rest:match "^[%w_.]+:%s*(tcb[%w_.]+)"
    elseif not tag then
      local plain = line:match "^%-%-%-? ?(.*)$"
      if goes_on then
        goes_on((plain:gsub("^%s+", "")))
      elseif not plain:match "^@module" then
        text[#text + 1] = plain
      end
    end
  end
  block.text = table.concat(text, "\n"):gsub("%s+$", "")
  return block
end

--- Every documented thing of one module: { text, functions = { { owner, name, args, ... } }, classes = { name -> block } }.
function M.parse(text)
  local module = { functions = {}, classes = {}, owners = {} }
  local lines, block, pending = {}, nil, nil
  for line in (text .. "\n"):gmatch "(.-)\n" do
    if line:match "^%-%-" then
      lines[#lines + 1] = line
    else
      if #lines > 0 then
        block = read_block(lines)
        if not module.text then module.text = block.text end
        if block.class then
          module.classes[block.class] = block
          pending = block.class
        end
      end
      local owner, sep, name, args = line:match "^function ([%w_]+)([.:])([%w_]+)%((.-)%)"
      local var = line:match "^local ([%w_]+) = "
      if var and pending then
        module.owners[var] = pending
        pending = nil
      elseif owner and #lines > 0 and not block.class then
        module.functions[#module.functions + 1] = { owner = owner, sep = sep, name = name, args = args, text = block.text,
          params = block.params, returns = block.returns }
      end
      lines, block = {}, nil
    end
  end
  return module
end

local index

local function public_names()
  local names = {}
  for name, module, field in M.source "tcb":gmatch "\n  ([%w_]+) = { \"([%w_.]+)\", \"([%w_]+)\" }," do
    names[#names + 1] = { name = name, module = module, field = field }
  end
  return names
end

--- All of it, read once: { functions = { tcb.x ... }, classes = { { name, var, block, methods } ... } }.
function M.index()
  if index then return index end
  index = { functions = {}, classes = {}, by_class = {}, modules = {} }
  local modules = {}
  local function parsed(name)
    if modules[name] == nil then
      local text = M.source(name)
      modules[name] = text and M.parse(text) or false
    end
    return modules[name]
  end
  for _, public in ipairs(public_names()) do
    local module = parsed(public.module)
    for _, f in ipairs(module and module.functions or {}) do
      if f.owner == "M" and f.name == public.field then
        index.functions[#index.functions + 1] = { shown = "tcb." .. public.name, args = f.args, text = f.text, params = f.params, returns = f.returns }
      end
    end
  end
  for _, name in ipairs(native.modules()) do
    if not name:match "^tcb%.host" then parsed(name) end
  end
  for _, class in ipairs(M.CLASSES) do
    local entry = { name = class, object = class:match "(%w+)$":lower(), methods = {}, internal = {} }
    if class == "tcb.ClientV1" then entry.object = "client.v1" end
    for _, module in pairs(modules) do
      if module and module.classes[class] then
        entry.fields, entry.text = module.classes[class].fields, module.classes[class].text
        if entry.text == "" then entry.text = module.text end
        for _, f in ipairs(module.functions) do
          local is_internal = f.text:match "^Called by" or f.text:match "^Used by"
          if module.owners[f.owner] == class and not f.name:match "^_" then
            f.shown = entry.object .. ":" .. f.name
            table.insert(is_internal and entry.internal or entry.methods, f)
          end
        end
      end
    end
    if entry.fields then
      index.classes[#index.classes + 1] = entry
      index.by_class[class] = entry
    end
  end
  for _, module in pairs(modules) do
    for class, block in pairs(module and module.classes or {}) do
      index.by_class[class] = index.by_class[class] or { name = class, fields = block.fields, text = block.text, methods = {} }
      index.by_class[class].parent = block.parent
    end
  end
  for _, name in ipairs(M.MODULES) do
    local module = { name = name, text = modules[name].text, functions = {} }
    for _, f in ipairs(modules[name].functions) do
      if f.owner == "M" then
        f.shown = name .. "." .. f.name
        table.insert(module.functions, f)
      end
    end
    index.modules[#index.modules + 1] = module
  end
  return index
end

--- Fields of a class, of those that it extends too.
function M.fields(class)
  local entry, list = M.index().by_class[class], {}
  while entry do
    for _, field in ipairs(entry.fields) do list[#list + 1] = field end
    entry = entry.parent and M.index().by_class[entry.parent]
  end
  return list
end

--- Methods of a class that are the library's own affair: their comment begins with "Used by" or "Called by".
function M.internal(class)
  local names = {}
  for _, f in ipairs((M.index().by_class[class] or {}).internal or {}) do names[#names + 1] = f.name end
  return names
end

--- The signature: `client:labels(opts)`.
function M.signature(f)
  return f.shown .. "(" .. f.args .. ")"
end

--- A comment's text for a page of `columns`: paragraphs are filled, lines that begin with a space stay as they are.
local function filled(text, columns)
  local out, paragraph = {}, {}
  local function flush()
    if paragraph[1] then out[#out + 1] = wrap(table.concat(paragraph, " "), columns, 0) end
    paragraph = {}
  end
  for line in (text .. "\n"):gmatch "(.-)\n" do
    if line:match "^%S" then
      paragraph[#paragraph + 1] = line
    else
      flush()
      out[#out + 1] = line
    end
  end
  flush()
  return table.concat(out, "\n")
end

local function add_fields(out, fields, columns)
  for _, p in ipairs(fields) do out[#out + 1] = "  " .. wrap(("%s (%s)%s"):format(p.name, p.type, p.text ~= "" and ": " .. p.text or ""), columns, 6) end
end

--- Everything about one function as plain text, with the options that a table given to it may have.
function M.describe(f, columns)
  local out = { M.signature(f), "", filled(f.text, columns) }
  if f.params[1] then out[#out + 1] = "" end
  add_fields(out, f.params, columns)
  if f.returns[1] then out[#out + 1] = "" end
  for _, r in ipairs(f.returns) do out[#out + 1] = "  " .. wrap("returns " .. r, columns, 6) end
  local told = {}
  for _, p in ipairs(f.params) do
    for name in p.type:gmatch "tcb%.%w+" do
      local class = M.index().by_class[name]
      if class and class.fields[1] and #class.methods == 0 and not told[name] then
        told[name] = true
        out[#out + 1] = "\n" .. name
        add_fields(out, M.fields(class.name), columns)
      end
    end
  end
  return table.concat(out, "\n")
end

--- Everything about one class as plain text.
function M.describe_class(class, columns)
  local out = { class.name, "", filled(class.text or "", columns) }
  if class.text == "" then out = { class.name } end
  add_fields(out, M.fields(class.name), columns)
  for _, f in ipairs(class.methods) do out[#out + 1] = "  " .. M.signature(f) end
  return table.concat(out, "\n")
end

--- Functions whose name is `word` or ends in it: `client.push`, `push`, `tcb.sleep`; or the class of that name.
---@return table[] functions
---@return table? class
function M.find(word)
  local wanted, found = word:gsub(":", "."):gsub("%(.*$", ""), {}
  local all = M.index()
  for _, f in ipairs(all.functions) do
    if f.shown == wanted or f.shown == "tcb." .. wanted then found[#found + 1] = f end
  end
  for _, module in ipairs(all.modules) do
    for _, f in ipairs(module.functions) do
      if f.shown == wanted or f.shown == "tcb." .. wanted then found[#found + 1] = f end
    end
  end
  local class
  for _, c in ipairs(all.classes) do
    if c.name == wanted or c.object == wanted:lower() then class = c end
    for _, f in ipairs(c.methods) do
      local shown = f.shown:gsub(":", ".")
      if shown == wanted or f.name == wanted then found[#found + 1] = f end
    end
  end
  return found, class or all.by_class[word]
end

--- Field and option names that a table given to `fn` ("client:push", "tcb.client") may have.
function M.fields_for(fn)
  local names = {}
  local function add_type(kind)
    local inline = kind:match "^%b{}"
    if inline then
      for name in inline:gmatch "([%w_]+):" do names[#names + 1] = name end
    end
    for class in kind:gmatch "tcb%.%w+" do
      for _, field in ipairs(M.fields(class)) do names[#names + 1] = (field.name:gsub("%?$", "")) end
    end
  end
  for _, f in ipairs((M.find(fn))) do
    for _, p in ipairs(f.params) do add_type(p.type) end
  end
  return names
end

return M
