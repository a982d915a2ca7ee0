-- Load for wrk: arguments are the body and "same" or "differs", which says whether each request carries an
-- Authorization header of its own. A number of nine digits, a new one for each request, stands there and
-- wherever the body has @@.
local counter = 100000000
local threads = 0
local pieces, whole

function setup(thread)
  thread:set("id", threads)
  threads = threads + 1
end

function init(args)
  local body = args[1]
  wrk.method = "POST"
  wrk.body = (body:gsub("@@", "123456789"))
  wrk.headers["Content-Type"] = "application/json"
  if args[2] == "differs" then
    -- The request is made once, and cut where the number belongs: to format each one would cost wrk more
    -- than to send it.
    wrk.headers["Authorization"] = "Bearer load-" .. id .. "-123456789"
    pieces = {}
    for piece in (wrk.format() .. "123456789"):gmatch("(.-)123456789") do
      pieces[#pieces + 1] = piece
    end
  else
    whole = wrk.format()
  end
end

function request()
  if whole then
    return whole
  end
  counter = counter + 1
  if pieces[3] then
    return table.concat(pieces, counter)
  end
  return pieces[1] .. counter .. pieces[2]
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "duration_us": %d, "bytes": %d, "p50_us": %d, "p90_us": %d, "p99_us": %d, '
      .. '"max_us": %d, "errors": {"connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}}\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(90),
    latency:percentile(99), latency.max, errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
