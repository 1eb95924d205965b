-- Requests the targets of a file (second argument) in turn with a method (first argument); a PUT has 4 KiB.
-- Ends the run as wrk_report.lua does.
dofile(debug.getinfo(1).source:match('@(.*/)') .. 'wrk_report.lua')

local requests, at = {}, 0

function init(args)
  local body = args[1] == 'PUT' and string.rep('x', 4096) or nil
  for target in io.lines(args[2]) do
    requests[#requests + 1] = wrk.format(args[1], target, nil, body)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
