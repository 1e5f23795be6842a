-- accept takes submissions. The key of each is asked first, then its ID, then
-- the limits.

local function accept()
  local now, ttl, most = num(), num(), num()
  local id, tenant, lane, key, fingerprint = arg(), arg(), num(), arg(), arg()
  local max_queued, cost, deadline, batch, row, event, body, file = num(), num(), num(), arg(), arg(), arg(), arg(), arg()

  local function replay(other)
    local v = redis.call('HMGET', job_key(other), 't', 'f')
    if v[1] ~= tenant or v[2] ~= fingerprint then return { 'key_reused' } end
    return { 'existing', view(other) }
  end

  local keyed = P .. 'k:' .. tenant .. ':' .. key
  if key ~= '' then
    local use = redis.call('GET', keyed)
    if use then
      local other, since = string.match(use, '^(%S+) (%S+)$')
      if now < tonumber(since) + ttl and redis.call('EXISTS', job_key(other)) == 1 then return replay(other) end
    end
  end
  if redis.call('EXISTS', job_key(id)) == 1 then return replay(id) end

  sched_load()
  local t = tenant_get(tenant)
  if max_queued > 0 and t then
    local waiting = 0
    for l = 0, 3 do waiting = waiting + t.flows[l].queued + t.flows[l].parked end
    if waiting >= max_queued then return { 'tenant_full' } end
  end
  local counts = redis.call('HMGET', P .. 'n', 'Q', 'P')
  if (tonumber(counts[1]) or 0) + (counted.Q or 0) + (tonumber(counts[2]) or 0) >= most then return { 'engine_full' } end

  local seq = redis.call('HINCRBY', P .. 'n', 'seq', 1)
  redis.call('HSET', job_key(id), 'd', row, 'v', 1, 's', 'Q', 't', tenant, 'l', lane, 'q', seq, 'c', cost, 'e', now,
    'x', deadline, 'g', 1, 'f', fingerprint, 'y', batch, 'm', file)
  redis.call('RPUSH', P .. 'e:' .. id, event)
  if body ~= '' then redis.call('SET', P .. 'b:' .. id, body) end
  if key ~= '' then
    -- Redis forgets the key itself some time after it has stopped to count.
    redis.call('SET', keyed, id .. ' ' .. int(now), 'PX', ttl + DAY)
  end
  for _, name in ipairs(args()) do redis.call('ZADD', P .. name, 0, id) end
  due_add('Q', seq, id, deadline, 0)
  count('Q', 1)
  sched_enqueue(lane, tenant, id, seq, now, cost)
  return { 'created', int(seq) }
end

local answers = each(accept)
sched_flush()
counts_write()
return answers
