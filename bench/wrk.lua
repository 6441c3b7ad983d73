-- Each request differs, so that nobody's joining of identical requests flatters. BODY has one %d; the token is in TOKEN.
local n = 0
function setup(thread)
  thread:set("first", math.random(1, 1000000))
end
function request()
  n = n + 1
  local headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. os.getenv("TOKEN") }
  return wrk.format("POST", nil, headers, string.format(os.getenv("BODY"), n))
end
function done(summary, latency, requests)
  local wrong = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format("RESULT %d %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), wrong))
end
