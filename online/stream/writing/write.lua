-- One write: all of its events to all of their streams, or nothing.
--
-- KEYS  the clock, the floor, the schemas, the counter of all events; then for each stream its name
--       and its counter of pending events; the log comes first
-- ARGV  how many events may be pending, the time to stamp (empty: the store's), the schema's digest;
--       then for each stream the number of events and their block
--
-- Returns {'written', arrival}, {'full', stream, pending} or {'schema'} where it is not known.

local clock, floor, schemas, total = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local limit, now, digest = tonumber(ARGV[1]), ARGV[2], ARGV[3]

if redis.call('HEXISTS', schemas, digest) == 0 then
  return {'schema'}
end
for place = 5, #KEYS, 2 do
  local pending = tonumber(redis.call('GET', KEYS[place + 1]) or '0')
  if pending + tonumber(ARGV[place - 1]) > limit then
    return {'full', KEYS[place], pending}
  end
end

local arrival = tonumber(now)
if not arrival then
  local time = redis.call('TIME')
  arrival = time[1] * 1000000 + time[2]
end
-- No two writes arrive at once, none before another that was written earlier, and none in an hour
-- that the archive has closed.
arrival = math.max(
  arrival,
  tonumber(redis.call('GET', clock) or '-1') + 1,
  tonumber(redis.call('GET', floor) or '0')
)
-- Lua would write so large a number as 1.7e+15.
arrival = string.format('%.0f', arrival)
redis.call('SET', clock, arrival)

for place = 5, #KEYS, 2 do
  local number, block = ARGV[place - 1], ARGV[place]
  redis.call('XADD', KEYS[place], '*', 'a', arrival, 'n', number, 's', digest, 'b', block)
  redis.call('INCRBY', KEYS[place + 1], number)
end
redis.call('INCRBY', total, ARGV[4])
return {'written', arrival}
