-- remove forgets a job that has ended, if it still is what Go read.

local id, version, keyed, group, ended = arg(), arg(), arg(), arg(), arg()
local names = args()
local v = redis.call('HMGET', job_key(id), 'v', 's')
if v[1] ~= version then return 0 end
if keyed ~= '' then
  local use = redis.call('GET', P .. 'k:' .. keyed)
  if use and string.match(use, '^(%S+) ') == id then redis.call('DEL', P .. 'k:' .. keyed) end
end
if group ~= '' then
  redis.call('ZREM', P .. 'g:' .. group, id)
  if redis.call('EXISTS', P .. 'g:' .. group) == 0 then redis.call('SREM', P .. 'G', group) end
end
redis.call('ZREM', P .. 'end:' .. ended, id)
for _, name in ipairs(names) do redis.call('ZREM', P .. name, id) end
redis.call('DEL', job_key(id), P .. 'a:' .. id, P .. 'e:' .. id, P .. 'b:' .. id)
count(v[2], -1)
count('-' .. v[2], 1)
counts_write()
return 1
