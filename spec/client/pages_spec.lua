local core = require "tcb.core"
local errors = require "tcb.errors"
local json = require "tcb.json"
local pages = require "tcb.pages"

--- A caller that answers from a function of the page number, and counts.
local function fake(answer)
  local caller = { asked = {} }
  function caller:request(_, request)
    table.insert(self.asked, request.query)
    local body, err = answer(request.query.page or 1, request.query)
    if not body then return nil, err end
    return { status = 200, headers = {}, body = type(body) == "string" and body or json.encode(body) }
  end
  return caller
end

local function items(from, to)
  local list = json.array()
  for i = from, to do list[#list + 1] = { id = "i" .. i } end
  return list
end

local function names(list)
  local out = {}
  for _, item in ipairs(list) do out[#out + 1] = item.id end
  return table.concat(out, " ")
end

describe("pages", function()
  it("end labels at a short page, and at an empty one", function()
    local caller = fake(function(page, q) return items((page - 1) * q.limit + 1, math.min(page * q.limit, 5)) end)
    assert.equal("i1 i2 i3 i4 i5", names(pages.new(caller, "labels", { limit = 2 }):all()))
    assert.equal(3, #caller.asked)
    caller = fake(function(page, q) return items((page - 1) * q.limit + 1, math.min(page * q.limit, 4)) end)
    assert.equal("i1 i2 i3 i4", names(pages.new(caller, "labels", { limit = 2 }):all()))
    assert.equal(3, #caller.asked)
    caller = fake(function() return items(1, 0) end)
    assert.same({}, pages.new(caller, "labels", {}):all())
    assert.is_nil(pages.new(caller, "labels", {}):first())
  end)

  it("do not end labels at a page that the service cut to its own limit", function()
    local caller = fake(function(page) return items((page - 1) * 1000 + 1, math.min(page * 1000, 2500)) end)
    assert.equal(2500, #pages.new(caller, "labels", { limit = 5000 }):all())
  end)

  it("end at the page count, under either of its names", function()
    for call, info in pairs{ feature_sets = "pagination_info", numbers = "pagination_information" } do
      local caller = fake(function(page) return { [call] = items(page * 2 - 1, page * 2), [info] = { total_page_count = 3 } } end)
      assert.equal("i1 i2 i3 i4 i5 i6", names(pages.new(caller, call, {}):all()))
      assert.same({ {}, { page = 2 }, { page = 3 } }, caller.asked)
    end
  end)

  it("take one page when none is counted, and never go round in a circle", function()
    local caller = fake(function() return { numbers = items(1, 3) } end)
    assert.equal(3, #pages.new(caller, "numbers", {}):all())
    assert.equal(1, #caller.asked)
    caller = fake(function() return items(1, 2) end)                    -- pays no heed to `page`
    local list = pages.new(caller, "labels", { limit = 2 }):all()
    assert.is_true(#list >= 2 and #caller.asked == 2)
  end)

  it("begin at the page asked for", function()
    local caller = fake(function(page) return { numbers = items(page, page),
      pagination_information = { total_page_count = 4 } } end)
    assert.equal("i3 i4", names(pages.new(caller, "numbers", { page = 3 }):all()))
    assert.equal("i1", names(pages.new(caller, "numbers", { page = 3 }):page(1)))
  end)

  it("are callable in `for`, again and nested", function()
    local caller = fake(function(page) return { numbers = items(page * 2 - 1, page * 2),
      pagination_information = { total_page_count = 2 } } end)
    local list, seen = pages.new(caller, "numbers", {}), {}
    for a in list do
      if a.id == "i3" then break end
      for b in list do seen[#seen + 1] = a.id .. b.id end
    end
    assert.equal("i1i1 i1i2 i1i3 i1i4 i2i1 i2i2 i2i3 i2i4", table.concat(seen, " "))
    local count = 0
    for _ in list do count = count + 1 end
    assert.equal(4, count)
  end)

  it("go on from where they are when called by hand", function()
    local list = pages.new(fake(function(page)
      return { numbers = items(page, page), pagination_information = { total_page_count = 3 } }
    end), "numbers", {})
    assert.same({ "i1", "i2", "i3" }, { list().id, list().id, list().id })
    assert.is_nil(list())
    assert.equal("i1", list().id)
  end)

  it("fetch a page only when it is reached", function()
    local caller = fake(function(page) return { numbers = items(page * 2 - 1, page * 2),
      pagination_information = { total_page_count = 9 } } end)
    local list = pages.new(caller, "numbers", {})
    assert.equal(0, #caller.asked)
    assert.equal("i4", list:find(function(n) return n.id == "i4" end).id)
    assert.equal(2, #caller.asked)
  end)

  it("ask anew each time, so that nothing is stale", function()
    local n = 0
    local caller = fake(function()
      n = n + 1
      return { numbers = items(n, n) }
    end)
    local list = pages.new(caller, "numbers", {})
    assert.same({ "i1", "i2", "i3" }, { list:all()[1].id, list:first().id, list:find(function() return true end).id })
    for item in list do assert.equal("i4", item.id) end
  end)

  it("raise the error object in `for`, and return it elsewhere", function()
    local bad = errors.new{ kind = "server", message = "broken" }
    local caller = fake(function(page)
      if page == 2 then return nil, bad end
      return { numbers = items(1, 2), pagination_information = { total_page_count = 2 } }
    end)
    local list, count = pages.new(caller, "numbers", {}), 0
    local ok, err = pcall(function() for _ in list do count = count + 1 end end)
    assert.same({ false, bad, 2 }, { ok, err, count })
    for _, result in ipairs{ { list:all() }, { list:find(function() return false end) }, { list:page(2) } } do
      assert.is_nil(result[1])
      assert.equal(bad, result[2])
    end
    assert.equal("i1", list:first().id)
  end)

  it("refuse what is no list", function()
    for _, body in ipairs{ '{"numbers": 7}', "[1]", '{"numbers": [1]}', "{" } do
      local all, err = pages.new(fake(function() return body end), "numbers", {}):all()
      assert.is_nil(all)
      assert.equal("proto numbers", err.kind .. " " .. err.call)
    end
  end)

  it("turn instants into epoch ms and numbers into digits", function()
    local list = pages.new(fake(function()
      return '{"numbers":[{"phone_number":"+918800000001","created_at":"2026-01-07T06:53:55.402122Z","updated_at":"soon","x_at":5}]}'
    end), "numbers", {})
    assert.same({ phone_number = "918800000001", created_at = 1767768835402, updated_at = "soon", x_at = 5 }, list:first())
    if math.type then assert.equal("integer", math.type(list:first().created_at)) end
  end)

  it("hold one page in memory, not the list", function()
    local filler = ("x"):rep(2000)
    local caller = fake(function(page)
      local list = {}
      for i = 1, 100 do list[i] = { id = page .. "-" .. i, filler = filler .. page .. i } end
      return { numbers = list, pagination_information = { total_page_count = 200 } }
    end)
    collectgarbage()
    collectgarbage()
    local before, most, count = collectgarbage "count", 0, 0
    for _ in pages.new(caller, "numbers", {}) do
      count = count + 1
      if count % 1000 == 0 then
        collectgarbage()
        collectgarbage()
        most = math.max(most, collectgarbage "count" - before)
      end
    end
    assert.equal(20000, count)
    assert.is_true(most < 4000, most .. " KB")
    assert.is_truthy(core.version)
  end)
end)
