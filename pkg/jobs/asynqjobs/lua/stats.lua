-- stats answers the counts of one moment.

local now = moment(arg())
local slots, workers = fleet(now, false)
return {
  int(now), slots, workers,
  redis.call('HGETALL', P .. 'n'), redis.call('HGETALL', P .. 'T'), redis.call('HGETALL', P .. 'sv'),
}
