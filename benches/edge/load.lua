-- What wrk sends, and what it says at its end.
--
-- wrk … -s load.lua URL -- METHOD PATHS TOKENS DELAY_MS COUNT
--
-- METHOD of every request. PATHS: a file with one path and query a line. TOKENS: a file with one bearer token a line, or
-- "-". Both are gone through in turns. DELAY_MS: how long a connection waits before each request, 0 for none. COUNT: how
-- many requests there are in all, 0 for as many as fit.

local requests, delay_ms, count, sent = {}, 0, 0, 0

local function lines(path)
  local found = {}
  for line in io.lines(path) do found[#found + 1] = line end
  return found
end

function init(args)
  local method, paths = args[1], lines(args[2])
  local tokens = args[3] ~= "-" and lines(args[3]) or {}
  delay_ms, count = tonumber(args[4]), tonumber(args[5])
  for i = 1, math.max(#paths, #tokens) do
    local headers = { ["Accept-Encoding"] = "gzip" }
    if #tokens > 0 then headers["Authorization"] = "Bearer " .. tokens[(i - 1) % #tokens + 1] end
    requests[i] = wrk.format(method, paths[(i - 1) % #paths + 1], headers)
  end
  if delay_ms > 0 then
    -- Around the mean, so that connections do not come all at once.
    function delay() return math.random(math.floor(delay_ms / 2), math.ceil(delay_ms * 3 / 2)) end
  end
end

function request()
  sent = sent + 1
  if count > 0 and sent == count then
    -- wrk itself goes on to sleep for its whole time: whoever started it wakes it.
    wrk.thread:stop()
    io.write("STOPPED\n")
    io.flush()
  end
  return requests[(sent - 1) % #requests + 1]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests": %d, "seconds": %f, "bytes": %d, "p50_ms": %f, "p99_ms": %f, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6, summary.bytes, latency:percentile(50) / 1000,
    latency:percentile(99) / 1000, errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
