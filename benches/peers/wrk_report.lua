-- Ends a wrk run with one line of JSON, so that its prose need not be parsed.
-- Only `done` is defined: wrk then sends its requests without calling into Lua.
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"seconds": %.6f, "requests": %.0f, "bytes": %.0f, "p99": %.6f, '
      .. '"socket_errors": %.0f, "status_errors": %.0f}\n',
    summary.duration / 1e6,
    summary.requests,
    summary.bytes,
    latency:percentile(99) / 1e6,
    errors.connect + errors.read + errors.write + errors.timeout,
    errors.status))
end
