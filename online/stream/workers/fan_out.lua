-- Entries of the log, put on the stream of a partition that its events belong to.
--
-- KEYS  the stream, its counter of pending events
-- ARGV  for each entry its id in the log, its arrival, the number of its events that belong here,
--       their schema's digest and their block
--
-- Entries keep the log's ids, which only grow. So the stream refuses what it has had already, be it
-- trimmed by now, and each entry gets there once, whoever brings it, and however often.

local added = 0
for place = 1, #ARGV, 5 do
  local id, arrival, number = ARGV[place], ARGV[place + 1], ARGV[place + 2]
  local reply = redis.pcall(
    'XADD', KEYS[1], id, 'a', arrival, 'n', number, 's', ARGV[place + 3], 'b', ARGV[place + 4]
  )
  if type(reply) ~= 'table' then
    redis.call('INCRBY', KEYS[2], number)
    added = added + 1
  elseif not string.find(reply.err, 'equal or smaller') then
    return reply
  end
end
return added
