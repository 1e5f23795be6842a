-- record writes one record: there says that it has to exist.

local now, there = num(), arg() == '1'
local w = writes_read()
if there and redis.call('EXISTS', P .. 'r:' .. w[1].key) == 0 then return { 'missing', '0' } end
local other = writes_fit(w)
if other then return { 'conflict', other } end
return { 'ok', int(write(w[1], now)) }
