-- commit writes jobs that Go moved, each if it still is what Go read.

local function commit()
  local id, version, guard = arg(), arg(), arg()
  local now = num()
  local a = { -- the job after the change
    s = arg(), v = arg(), l = num(), fresh = arg() == '1', e = num(), x = num(), p = num(), g = arg(), o = arg(),
  }
  local row, heavy_kept, heavy, event = arg(), arg() == '1', arg(), arg()
  local service, drop_body = arg(), arg() == '1'
  local group_from, group_to, group_at = arg(), arg(), num()
  local end_from, end_to, end_at = arg(), arg(), num()
  local leaves, joins = args(), args()

  local key = job_key(id)
  local v = redis.call('HMGET', key, 's', 'v', 't', 'l', 'q', 'c', 'z', 'g')
  if not v[1] or v[2] ~= version then return { 'version' } end
  local b = { s = v[1], t = v[3], l = tonumber(v[4]), q = tonumber(v[5]), c = tonumber(v[6]), limbo = v[7] == '1' }
  local m = due_member(b.q, id)
  if guard ~= '' and tonumber(redis.call('ZSCORE', P .. 'lease', m)) ~= tonumber(guard) then return { 'version' } end

  -- The rows of the ledger come before the writes among the arguments, and must
  -- not be written when a write does not fit.
  local rows = {}
  for i = 1, num() do rows[i] = { n = arg(), mark = arg(), day = arg(), cost = arg(), json = arg() } end
  local writes = writes_read()
  local other = writes_fit(writes)
  if other then return { 'record', other } end

  local generation = v[8]
  for _, r in ipairs(rows) do
    local at, field = P .. 'a:' .. id, generation .. ':' .. r.n
    attempt_store(at, field, b.t, redis.call('HGET', at, field), r.mark, r.day, r.cost, r.json)
  end
  for _, w in ipairs(writes) do write(w, now) end

  local seq = b.q
  if a.fresh then seq = redis.call('HINCRBY', P .. 'n', 'seq', 1) end
  redis.call('HSET', key, 'd', row, 'v', a.v, 's', a.s, 'l', a.l, 'q', seq, 'e', a.e, 'x', a.x, 'p', a.p, 'g', a.g, 'o', a.o)
  if b.limbo then redis.call('HDEL', key, 'z') end
  if not heavy_kept then
    if heavy ~= '' then redis.call('HSET', key, 'h', heavy) else redis.call('HDEL', key, 'h') end
  end
  if b.s == 'R' and a.s ~= 'R' then redis.call('HDEL', key, 'k', 'w', 'b', 'u') end
  redis.call('RPUSH', P .. 'e:' .. id, event)
  if drop_body then
    redis.call('DEL', P .. 'b:' .. id)
    redis.call('HDEL', key, 'm')
  end

  for _, name in ipairs(leaves) do redis.call('ZREM', P .. name, id) end
  for _, name in ipairs(joins) do redis.call('ZADD', P .. name, 0, id) end
  if group_from ~= '' then
    redis.call('ZREM', P .. 'g:' .. group_from, id)
    if redis.call('EXISTS', P .. 'g:' .. group_from) == 0 then redis.call('SREM', P .. 'G', group_from) end
  end
  if group_to ~= '' then
    redis.call('ZADD', P .. 'g:' .. group_to, group_at, id)
    redis.call('SADD', P .. 'G', group_to)
  end
  if end_from ~= '' then redis.call('ZREM', P .. 'end:' .. end_from, id) end
  if end_to ~= '' then redis.call('ZADD', P .. 'end:' .. end_to, end_at, id) end
  if b.s ~= a.s then
    count(b.s, -1)
    count(a.s, 1)
  end

  local moved = a.fresh or a.l ~= b.l
  if b.s ~= a.s or moved then
    due_remove(b.s, b.q, id)
    due_add(a.s, seq, id, a.x, a.p)
  end

  -- serve takes in how long a loan held its slot.
  local function serve(ms)
    local field = b.l .. ':' .. b.t
    local n, sum = string.match(redis.call('HGET', P .. 'sv', field) or '0 0', '^(%S+) (%S+)$')
    n, sum = tonumber(n), tonumber(sum)
    if n < 20 then n, sum = n + 1, sum + ms else sum = sum - math.floor(sum / 20) + ms end
    redis.call('HSET', P .. 'sv', field, int(n) .. ' ' .. int(sum))
  end

  -- parked counts by the jobs that wait in no queue.
  local function parked(lane, by)
    local t = tenant_new(b.t)
    t.flows[lane].parked = t.flows[lane].parked + by
  end

  if b.s ~= a.s or moved then
    sched_load()
    if b.s == 'R' and a.s ~= 'R' then
      sched_done(b.l, b.t, b.c, tonumber(service) or b.c)
      if service ~= '' then serve(tonumber(service)) end
    end
    if b.s == 'P' or b.limbo then
      parked(b.l, -1)
    elseif b.s == 'Q' then
      sched_remove(b.l, b.t, b.q)
    end
    if a.s == 'P' then parked(a.l, 1) end
    if a.s == 'Q' then sched_enqueue(a.l, b.t, id, seq, a.e, b.c) end
  end
  return { 'ok', int(seq) }
end

local answers = each(commit)
sched_flush()
counts_write()
return answers
