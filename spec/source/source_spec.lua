local core = require "tcb.core"
local tcb = require "tcb"
local rows = require "support.rows"
local NOW, HEADER, row, file = rows.NOW, rows.HEADER, rows.row, rows.file

describe("source", function()
  local path
  local function write(text)
    path = os.tmpname()
    local f = assert(io.open(path, "wb"))
    f:write(text)
    f:close()
  end
  after_each(function() if path then os.remove(path) path = nil end end)

  local function all(source, shape, checkpoint)
    local feed = assert(source:feed(shape, checkpoint))
    local list = {}
    while true do
      local b, why = feed:next(NOW)
      if b then
        b.text = b.body:string()
        feed:release(b)
        list[#list + 1] = b
      elseif why == "end" then break
      else assert.equal("refused", why) end
    end
    feed:close()
    return list
  end

  local function mixed(n)
    local lines = rows.rows(n)
    for i = 50, n, 50 do lines[i] = row { receiver = "bad" } end
    for i = 33, n, 33 do lines[i] = row { reason = '"Your ""parcel""\narrives"', receiver = ("9197%08d"):format(i % 7) } end
    table.insert(lines, 1, HEADER)
    return file(lines)
  end

  it("makes every batch again from its spans", function()
    write(mixed(3000))
    local source, shape = tcb.csv(path), {}
    local list = all(source, shape)
    for _, order in ipairs { 1, -1 } do
      for i = order == 1 and 1 or #list, order == 1 and #list or 1, order do
        local b = assert(source:rebuild(shape, list[i].spans))
        assert.is_true(list[i].text == b.body:string(), "batch " .. i)
        assert.is_true(list[i].hashes == b.hashes)
      end
    end
    source:close()
    source:close()
  end)

  it("makes batches again from a file that was converted", function()
    write((mixed(1500):gsub("Acme", "Caf\233")))
    local source, shape = tcb.csv(path), {}
    core.log.level "error"
    local list = all(source, shape)
    for i = #list, 1, -1 do assert.is_true(list[i].text == assert(source:rebuild(shape, list[i].spans)).body:string()) end
    core.log.level "warn"
    source:close()
  end)

  it("goes on behind any checkpoint", function()
    write(mixed(2600))
    local source, shape = tcb.csv(path), { batch = 200 }
    local list = all(source, shape)
    for i = 1, #list do
      local rest = all(source, shape, list[i].checkpoint)
      assert.equal(#list - i, #rest)
      for j = 1, #rest do assert.is_true(list[i + j].text == rest[j].text) end
    end
  end)

  it("notices that the file has changed", function()
    write(mixed(600))
    local source, shape = tcb.csv(path), {}
    local list = all(source, shape)
    local f = assert(io.open(path, "wb"))
    f:write(HEADER .. "\n" .. row { receiver = "bad" } .. "\n")
    f:close()
    local b, err = source:rebuild(shape, list[1].spans)
    assert.is_nil(b)
    assert.equal("input", err.kind)
    source:close()
  end)

  it("says why a file cannot be opened", function()
    local feed, err = tcb.csv("/nonexistent/x.csv"):feed {}
    assert.is_nil(feed)
    assert.matches("cannot open '/nonexistent/x.csv': No such file", err.message)
    feed, err = tcb.csv("/tmp"):feed {}
    assert.is_nil(feed)
    assert.matches("directory", err.message)
    write "receiver_number\n"
    feed, err = tcb.csv(path):feed {}
    assert.is_nil(feed)
    assert.equal(path, err.place)
  end)

  it("refuses damaged checkpoints and spans", function()
    write(mixed(10))
    local feed, err = tcb.csv(path):feed({}, "\2xyz")
    assert.is_nil(feed)
    assert.equal("store", err.kind)
    local source = tcb.csv(path)
    local b
    b, err = source:rebuild({}, "\255")
    assert.is_nil(b)
    assert.equal("store", err.kind)
    source:close()
  end)

  it("drains: counts and hashes without keeping anything", function()
    write(mixed(3000))
    local feed = assert(tcb.csv(path):feed {})
    local sums = assert(feed:drain(NOW))
    assert.equal(2941, sums.records)
    assert.equal(59, sums.refused)
    assert.same({ number = 59 }, sums.codes)
    local bytes, batches = 0, all(tcb.csv(path), {})
    for _, b in ipairs(batches) do bytes = bytes + #b.text end
    assert.equal(bytes, sums.bytes)
    assert.equal(#batches, sums.batches)
    feed:close()
    feed = assert(tcb.csv(path):feed { batch = 499 })
    assert.not_equal(sums.hash, feed:drain(NOW).hash)
    feed:close()
    feed:close()
    assert.has_error(function() feed:drain(NOW) end)
  end)

  it("reads a pipe as it comes, and says wait", function()
    write ""
    os.execute("rm -f " .. path .. " && mkfifo " .. path)
    local writer = io.popen("sh -c 'exec 3>" .. path .. "; read go; cat >&3'", "w")
    local feed = assert(tcb.csv(path):feed {})
    local b, why = feed:next(NOW)
    assert.is_nil(b)
    assert.equal("wait", why)
    assert.is_number(feed:fd())
    writer:write("go\n", file { HEADER, row() })
    writer:flush()
    for _ = 1, 2000 do
      b, why = feed:next(NOW, true)
      if b or why ~= "wait" then break end
      core.poll({ feed:fd() }, 0.01)
    end
    assert.equal(1, b.count)
    writer:write(file { row { receiver = "919800000001" } })
    writer:close()
    repeat
      b, why = feed:next(NOW)
      if why == "wait" then core.poll({ feed:fd() }, 0.01) end
    until why ~= "wait"
    assert.equal(1, b.count)
    assert.equal("end", select(2, feed:next(NOW)))
    feed:close()
  end)
end)
