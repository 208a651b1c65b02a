local core = require "tcb.core"

--- Feeds `text` in pieces of `size` bytes; returns the last result of feed, and the parser.
local function parse(text, size, body_max)
  local p = core.http1(body_max or 1000)
  local whole, err
  for at = 1, #text, size do
    whole, err = p:feed(text:sub(at, at + size - 1))
    if whole == nil then return nil, err, p end
  end
  return whole, err, p
end

local function each_size(text, fn)
  for _, size in ipairs{ 1, 2, 3, 7, 4096 } do fn(parse(text, size)) end
end

local function refused(text, what)
  for _, size in ipairs{ 1, 4096 } do
    local whole, err, p = parse(text, size)
    if whole == false then whole, err = p:finish() end
    assert.is_nil(whole)
    assert.equal("proto", err.kind)
    assert.is_true(err.sent)
    assert.is_truthy(err.message:find(what, 1, true), err.message)
  end
end

describe("http1", function()
  it("reads a response with a length, in pieces of any size", function()
    each_size("HTTP/1.1 200 OK\r\nContent-Type:  application/json \r\nContent-Length: 7\r\n\r\n[1,2,3]", function(whole, _, p)
      assert.is_true(whole)
      local status, headers, body = p:response()
      assert.equal(200, status)
      assert.same({ ["content-type"] = "application/json", ["content-length"] = "7" }, headers)
      assert.equal("[1,2,3]", body)
      assert.is_true(p:keeps())
    end)
  end)

  it("reads chunks with extensions and trailers", function()
    each_size("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\n[1,2\r\n3\r\n,3]\r\n0\r\nX-T: 1\r\n\r\n", function(whole, _, p)
      assert.is_true(whole)
      assert.equal("[1,2,3]", select(3, p:response()))
      assert.is_true(p:keeps())
    end)
  end)

  it("passes over 100 and 103 heads", function()
    each_size("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 429 Too\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n",
      function(whole, _, p)
        assert.is_true(whole)
        local status, headers, body = p:response()
        assert.equal(429, status)
        assert.equal("3", headers["retry-after"])
        assert.equal("", body)
      end)
  end)

  it("takes a body without a length up to the close, and does not keep that connection", function()
    each_size("HTTP/1.1 200 OK\r\n\r\nabc", function(whole, _, p)
      assert.is_false(whole)
      assert.is_true(p:finish())
      assert.equal("abc", select(3, p:response()))
      assert.is_false(p:keeps())
    end)
  end)

  it("knows when the connection ends", function()
    local function keeps(text) return select(3, parse(text, 4096)):keeps() end
    assert.is_false(keeps "HTTP/1.1 204 No\r\nConnection: foo, Close\r\n\r\n")
    assert.is_false(keeps "HTTP/1.0 204 No\r\n\r\n")
    assert.is_true(keeps "HTTP/1.0 204 No\r\nConnection: keep-alive\r\n\r\n")
    assert.is_false(keeps "HTTP/1.1 204 No\r\n\r\nextra")
  end)

  it("gives the body as a buffer", function()
    local _, _, p = parse("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 4096)
    assert.equal("abc", select(3, p:response "buf"):string())
  end)

  it("refuses a head and a body that are cut", function()
    refused("HTTP/1.1 200 OK\r\nContent-Ty", "inside the answer's head")
    refused("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "inside the answer's body")
    refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n[1,2", "inside the answer's body")
  end)

  it("refuses what is not HTTP/1.1", function()
    refused("SSH-2.0-OpenSSH\r\n\r\n", "no status line")
    refused("HTTP/2 200\r\n\r\n", "no status line")
    refused("\r\n\r\n", "no status line")
    refused("HTTP/1.1 2x0 OK\r\n\r\n", "no status code")
    refused("HTTP/1.1 101 Switching\r\n\r\n", "protocol switch")
    refused("HTTP/1.1 200 OK\r\nNo colon\r\n\r\n", "header")
    refused("HTTP/1.1 200 OK\r\n folded: x\r\n\r\n", "header")
    refused("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", "two different lengths")
    refused("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "no number")
    refused("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", "both a length")
    refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "unknown transfer encoding")
    refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "without a size")
    refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", "longer than announced")
  end)

  it("keeps to its bounds", function()
    refused("HTTP/1.1 200 OK\r\nX: " .. ("x"):rep(70000), "64 KiB")
    refused("HTTP/1.1 200 OK\r\n" .. ("X: 1\r\n"):rep(101) .. "\r\n", "too many header lines")
    refused("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" .. ("x"):rep(1001), "over the bound")
  end)

  it("says whether anything came", function()
    local p = core.http1(10)
    assert.is_false(p:started())
    local ok, err = p:finish()
    assert.is_nil(ok)
    assert.is_truthy(err.message:find("before an answer", 1, true))
    p:close()
    p:close()
    assert.equal("tcb.http1 (closed)", tostring(p))
  end)
end)
