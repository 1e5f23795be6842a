-- tick notes a sweep and answers the time it is for. When nobody has swept for
-- long, all processes stood still, holders too, and every lease gets another
-- period before any is taken back.

local now, late_after, period = moment(arg()), num(), num()
local real = server_time()
local last = tonumber(redis.call('GET', P .. 'swept'))
redis.call('SET', P .. 'swept', real)
local granted = 0
if last and real - last > late_after then granted = grant(now, period) end
return { int(now), int(real), granted }
