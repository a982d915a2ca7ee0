-- Load for wrk: arguments are the body and "same" or "differs", which says whether each request carries an
-- Authorization header of its own.
local counter = 0
local threads = 0
local before, after, whole

function setup(thread)
  thread:set("id", threads)
  threads = threads + 1
end

function init(args)
  local body = args[1]
  wrk.method = "POST"
  wrk.body = body
  wrk.headers["Content-Type"] = "application/json"
  if args[2] == "differs" then
    -- The request is made once, and cut where the number belongs: to format each one would cost wrk more
    -- than to send it.
    wrk.headers["Authorization"] = "Bearer load-" .. id .. "-@@"
    local text = wrk.format()
    local from, to = text:find("@@", 1, true)
    before, after = text:sub(1, from - 1), text:sub(to + 1)
  else
    whole = wrk.format()
  end
end

function request()
  if whole then
    return whole
  end
  counter = counter + 1
  return before .. counter .. after
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "duration_us": %d, "bytes": %d, "p50_us": %d, "p90_us": %d, "p99_us": %d, '
      .. '"max_us": %d, "errors": {"connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}}\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(90),
    latency:percentile(99), latency.max, errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
