-- boot finds out whether the server has started since anybody last looked.
-- Then whoever holds a lease could not extend it meanwhile, and every lease
-- gets another period. The first process to open an engine on such a server
-- also starts the scheduler anew, as every engine does.

local run, opening, now, period, conf = arg(), arg() == '1', moment(arg()), num(), arg()
if opening or redis.call('EXISTS', P .. 'c') == 0 then redis.call('SET', P .. 'c', conf) end

-- refill makes a new scheduler out of the counts of queues and what runs.
local function refill()
  redis.call('DEL', P .. 's', P .. 'wk', P .. 'sv')
  for id = 0, 3 do redis.call('DEL', P .. 'ready:' .. id, P .. 'due:' .. id, P .. 'idle:' .. id) end
  sched_load()
  for _, name in ipairs(redis.call('HKEYS', P .. 'T')) do
    local t, c = tenant_get(name), S.fallback
    t.weight, t.max, t.paused, t.configured, t.running, t.dirty = c.weight, c.max, c.paused, 0, 0, true
    for id = 0, 3 do
      local f = t.flows[id]
      f.there, f.tag, f.floor, f.running, f.place = 0, 0, 0, 0, 0
    end
    for id = 0, 3 do
      local f = t.flows[id]
      if f.queued > 0 then
        f.there = 1
        settle(id, f)
      end
    end
  end
  for _, m in ipairs(redis.call('ZRANGE', P .. 'lease', 0, -1)) do
    local v = redis.call('HMGET', job_key(string.sub(m, 18)), 'l', 't', 'c')
    sched_started(tonumber(v[1]), v[2], tonumber(v[3]))
  end
  sched_flush()
end

if redis.call('HGET', P .. 'boot', 'run') ~= run then
  -- Even where the server lost what it answered, no token comes twice: the
  -- epoch is the time of the start.
  local epoch = math.floor(server_time() / 1000) % 1048576
  if tonumber(redis.call('HGET', P .. 'boot', 'epoch')) == epoch then epoch = (epoch + 1) % 1048576 end
  redis.call('HSET', P .. 'boot', 'run', run, 'epoch', epoch)
  redis.call('HINCRBY', P .. 'boot', 'number', 1)
  grant(now, period)
  if opening then refill() end
end
return { tonumber(redis.call('HGET', P .. 'boot', 'number')), int(server_time()) }
