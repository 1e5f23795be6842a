-- The scheduler of package priority, on Redis. Every function below does what
-- the function of the same name does there; the comments there say why. All
-- numbers are integers below 2^53, which Lua's doubles hold exactly.
--
-- P is the prefix of all keys. State is read at the first use in a script and
-- written by sched_flush, which every script that changes it calls at its end.

local UNIT, HORIZON, REBASE_AT = 2520, 2 ^ 50, 2 ^ 51
local READY, IDLE = 1, 2 -- places of a flow; 0 is neither

local S          -- lanes and the clock among them
local tenants = {} -- by name: loaded ones; false for unknown ones

local STATE = '<' .. string.rep('d', 4 + 4 * 8)
local CONFIG = '<' .. string.rep('d', 3 * 4 + 5)
local TENANT = '<' .. string.rep('d', 5 + 4 * 9)

local function sched_load()
  if S then return end
  local raw, conf = redis.call('GET', P .. 's'), { struct.unpack(CONFIG, redis.call('GET', P .. 'c')) }
  local v = raw and { struct.unpack(STATE, raw) } or {}
  S = {
    now = v[1] or 0, top = v[2] or 0, turn = v[3] or 0, slots = v[4] or 0,
    every = conf[13], reserve_from = conf[14],
    fallback = { weight = conf[15], max = conf[16], paused = conf[17] },
    lanes = {},
  }
  for id = 0, 3 do
    local i = 4 + id * 8
    S.lanes[id] = {
      weight = conf[id + 1], max = conf[id + 5], objective = conf[id + 9],
      tag = v[i + 1] or 0, floor = v[i + 2] or 0, now = v[i + 3] or 0, top = v[i + 4] or 0,
      running = v[i + 5] or 0, active = v[i + 6] or 0, ready = v[i + 7] or 0, idle = v[i + 8] or 0,
    }
  end
end

local function sched_slots(n) S.slots = n end

-- tenant_get returns a tenant that is known, or nil.
local function tenant_get(name)
  local t = tenants[name]
  if t == nil then
    t = false
    local raw = redis.call('HGET', P .. 'T', name)
    if raw then
      local v = { struct.unpack(TENANT, raw) }
      t = { name = name, weight = v[1], max = v[2], paused = v[3], configured = v[4], running = v[5], flows = {} }
      for id = 0, 3 do
        local i = 5 + id * 9
        t.flows[id] = {
          t = t, there = v[i + 1], tag = v[i + 2], floor = v[i + 3], running = v[i + 4], queued = v[i + 5],
          parked = v[i + 6], head = v[i + 7], head_seq = v[i + 8], place = v[i + 9],
          ready_key = v[i + 2], due_key = v[i + 7],
        }
      end
    end
    tenants[name] = t
  end
  return t or nil
end

local function tenant_new(name)
  local t = tenant_get(name)
  if not t then
    local c = S.fallback
    t = { name = name, weight = c.weight, max = c.max, paused = c.paused, configured = 0, running = 0, flows = {} }
    for id = 0, 3 do
      t.flows[id] = {
        t = t, there = 0, tag = 0, floor = 0, running = 0, queued = 0, parked = 0, head = 0, head_seq = 0, place = 0,
        ready_key = 0, due_key = 0,
      }
    end
    tenants[name] = t
  end
  t.dirty = true
  return t
end

local function sched_flush()
  if not S then return end
  local v = { S.now, S.top, S.turn, S.slots }
  for id = 0, 3 do
    local l = S.lanes[id]
    local i = 4 + id * 8
    v[i + 1], v[i + 2], v[i + 3], v[i + 4] = l.tag, l.floor, l.now, l.top
    v[i + 5], v[i + 6], v[i + 7], v[i + 8] = l.running, l.active, l.ready, l.idle
  end
  redis.call('SET', P .. 's', struct.pack(STATE, unpack(v, 1, 36)))
  for name, t in pairs(tenants) do
    if t and t.dirty then
      local keep = t.configured == 1
      v = { t.weight, t.max, t.paused, t.configured, t.running }
      for id = 0, 3 do
        local f = t.flows[id]
        keep = keep or f.there == 1 or f.parked > 0
        local i = 5 + id * 9
        v[i + 1], v[i + 2], v[i + 3], v[i + 4], v[i + 5] = f.there, f.tag, f.floor, f.running, f.queued
        v[i + 6], v[i + 7], v[i + 8], v[i + 9] = f.parked, f.head, f.head_seq, f.place
      end
      if keep then
        redis.call('HSET', P .. 'T', name, struct.pack(TENANT, unpack(v, 1, 41)))
      else
        redis.call('HDEL', P .. 'T', name)
      end
      t.dirty = false
    end
  end
end

local function queue_key(id, name) return P .. 'q:' .. id .. ':' .. name end

-- entry_member is what a queue holds: all that a pick must know of a job.
local function entry_member(job, enqueued, cost) return job .. ' ' .. int(enqueued) .. ' ' .. int(cost) end

local function entry_read(member)
  local job, enqueued, cost = string.match(member, '^(%S*) (%S+) (%S+)$')
  return job, tonumber(enqueued), tonumber(cost)
end

local function share(cost, weight) return math.floor(math.max(cost, 1) * UNIT / weight) end

-- A clock is S or a lane: both have now and top.
local function clock_join(c, a)
  a.tag = math.max(a.tag, c.now + 1)
  a.floor = c.now
  c.top = math.max(c.top, a.tag)
end

local function clock_charge(c, a, by)
  a.tag = math.min(a.tag + by, c.now + HORIZON)
  c.top = math.max(c.top, a.tag)
end

local function clock_correct(c, a, by)
  local low = c.now - HORIZON
  local tag = math.max(a.tag, low) + by
  a.tag = math.min(math.max(tag, a.floor, low), c.now + HORIZON)
  c.top = math.max(c.top, a.tag)
end

local function clock_finish(c) c.now = math.max(c.now, c.top) end

local function lane_open(l) return l.ready > 0 and (l.max == 0 or l.running < l.max) end

local function tenant_open(t) return t.paused == 0 and (t.max == 0 or t.running < t.max) end

local function first(key)
  local r = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  return r[1], tonumber(r[2])
end

local function smallest(id)
  local _, tag = first(P .. 'ready:' .. id)
  return tag
end

local function settle_lane(l)
  local open = lane_open(l) and 1 or 0
  if open ~= l.active then
    l.active = open
    if open == 1 then clock_join(S, l) end
  end
end

local function idle_remove(id, f)
  if f.place == IDLE then
    redis.call('ZREM', P .. 'idle:' .. id, f.t.name)
    S.lanes[id].idle = S.lanes[id].idle - 1
    f.place = 0
  end
end

local function rest(id, f)
  local l = S.lanes[id]
  if f.queued > 0 or f.running > 0 then
    idle_remove(id, f)
  elseif f.tag > l.now then
    if f.place ~= IDLE then
      redis.call('ZADD', P .. 'idle:' .. id, f.tag, f.t.name)
      l.idle = l.idle + 1
      f.place = IDLE
    elseif f.ready_key ~= f.tag then
      redis.call('ZADD', P .. 'idle:' .. id, f.tag, f.t.name)
    end
    f.ready_key = f.tag
  else
    idle_remove(id, f)
    f.there = 0
  end
  f.t.dirty = true
end

local function settle(id, f)
  local l, name = S.lanes[id], f.t.name
  if f.queued > 0 and tenant_open(f.t) then
    local new = f.place ~= READY
    if new then
      idle_remove(id, f)
      clock_join(l, f)
      l.ready = l.ready + 1
      f.place = READY
    end
    if new or f.ready_key ~= f.tag then
      redis.call('ZADD', P .. 'ready:' .. id, f.tag, name)
      f.ready_key = f.tag
    end
    if new or f.due_key ~= f.head then
      redis.call('ZADD', P .. 'due:' .. id, f.head, name)
      f.due_key = f.head
    end
  else
    if f.place == READY then
      redis.call('ZREM', P .. 'ready:' .. id, name)
      redis.call('ZREM', P .. 'due:' .. id, name)
      l.ready = l.ready - 1
      f.place = 0
    end
    rest(id, f)
  end
  f.t.dirty = true
  settle_lane(l)
end

local function settle_all(t)
  for id = 0, 3 do
    if t.flows[id].there == 1 then settle(id, t.flows[id]) end
  end
end

local function expire_idle(id)
  local l = S.lanes[id]
  for _ = 1, 2 do
    if l.idle == 0 then return end
    local name, tag = first(P .. 'idle:' .. id)
    if tag > l.now then return end
    rest(id, tenant_get(name).flows[id])
  end
end

-- flow_get returns the flow of a tenant in a lane, made new when there is none.
local function flow_get(id, name)
  local f, l = tenant_new(name).flows[id], S.lanes[id]
  if f.there == 0 then
    f.there, f.tag, f.floor, f.running, f.queued, f.place = 1, l.now, l.now, 0, 0, 0
  end
  return f
end

-- flow_known returns the flow if there is one, nil otherwise.
local function flow_known(id, name)
  local t = tenant_get(name)
  local f = t and t.flows[id]
  if f and f.there == 1 then
    t.dirty = true
    return f
  end
end

-- read_head reads the queue's head after it changed.
local function read_head(id, f)
  f.head, f.head_seq = 0, 0
  if f.queued > 0 then
    local member, seq = first(queue_key(id, f.t.name))
    local _, enqueued = entry_read(member)
    f.head, f.head_seq = enqueued, seq
  end
end

local function add_running(id, f, by)
  local t = f.t
  local before = tenant_open(t)
  f.running = f.running + by
  t.running = t.running + by
  S.lanes[id].running = S.lanes[id].running + by
  if tenant_open(t) ~= before then
    settle_all(t)
  else
    settle(id, f)
  end
end

local function start(id, f, cost)
  local l = S.lanes[id]
  clock_charge(l, f, share(cost, f.t.weight))
  clock_charge(S, l, share(cost, l.weight))
  add_running(id, f, 1)
end

local function sched_enqueue(id, name, job, seq, enqueued, cost)
  local f = flow_get(id, name)
  if redis.call('ZADD', queue_key(id, name), 'NX', seq, entry_member(job, enqueued, math.max(cost, 1))) == 0 then
    return false
  end
  if f.queued == 0 or seq < f.head_seq then f.head, f.head_seq = enqueued, seq end
  f.queued = f.queued + 1
  settle(id, f)
  return true
end

local function sched_remove(id, name, seq)
  local f = flow_known(id, name)
  if not f or redis.call('ZREMRANGEBYSCORE', queue_key(id, name), seq, seq) == 0 then return false end
  f.queued = f.queued - 1
  if seq == f.head_seq then read_head(id, f) end
  settle(id, f)
  return true
end

local function sched_started(id, name, cost)
  local f, l = flow_get(id, name), S.lanes[id]
  if f.place ~= READY then clock_join(l, f) end
  if l.active == 0 then clock_join(S, l) end
  start(id, f, cost)
end

local function sched_done(id, name, estimated, actual)
  local f = flow_known(id, name)
  if not f or f.running == 0 then return false end
  local l = S.lanes[id]
  clock_correct(l, f, share(actual, f.t.weight) - share(estimated, f.t.weight))
  clock_correct(S, l, share(actual, l.weight) - share(estimated, l.weight))
  add_running(id, f, -1)
  expire_idle(id)
  return true
end

local function sched_tenant(name, weight, max, paused)
  local t, c = tenant_new(name), S.fallback
  t.weight = math.min(math.max(weight, 1), 1000)
  t.max, t.paused = math.max(max, 0), paused
  t.configured = (t.weight ~= c.weight or t.max ~= c.max or t.paused ~= c.paused) and 1 or 0
  settle_all(t)
end

local function reserved()
  local running = S.lanes[1].running + S.lanes[2].running + S.lanes[3].running
  return S.slots >= S.reserve_from and running >= S.slots - 1
end

local function eligible(id, shut) return S.lanes[id].active == 1 and (id == 0 or not shut) end

local function fair_lane()
  local best
  local shut = reserved()
  for id = 0, 3 do
    local l = S.lanes[id]
    if eligible(id, shut) and (not best or l.tag < S.lanes[best].tag) then best = id end
  end
  return best
end

-- late_lane returns the lane whose oldest head is the most overdue one, and the
-- tenant of that head.
local function late_lane(now)
  local best, who
  local earliest, shut = now, reserved()
  for id = 0, 3 do
    local l = S.lanes[id]
    if eligible(id, shut) then
      local name, enqueued = first(P .. 'due:' .. id)
      if enqueued + l.objective < earliest then best, who, earliest = id, name, enqueued + l.objective end
    end
  end
  return best, who
end

local function smallest_lane()
  local tag = S.now + HORIZON
  for id = 0, 3 do
    if S.lanes[id].active == 1 then tag = math.min(tag, S.lanes[id].tag) end
  end
  return tag
end

local function any_active()
  for id = 0, 3 do
    if S.lanes[id].active == 1 then return true end
  end
  return false
end

local function account_rebase(a, d)
  a.tag = math.max(a.tag - d, -HORIZON)
  a.floor = math.max(a.floor - d, -HORIZON)
end

-- rebase_flows is linear in the tenants and comes up once in 28 years of
-- service at weight 1.
local function rebase_flows(id, d)
  S.lanes[id].now, S.lanes[id].top = S.lanes[id].now - d, S.lanes[id].top - d
  sched_flush()
  for _, name in ipairs(redis.call('HKEYS', P .. 'T')) do
    local t = tenant_get(name)
    local f = t.flows[id]
    if f.there == 1 then
      account_rebase(f, d)
      f.ready_key, t.dirty = f.tag, true
      if f.place == READY then redis.call('ZADD', P .. 'ready:' .. id, f.tag, name) end
      if f.place == IDLE then redis.call('ZADD', P .. 'idle:' .. id, f.tag, name) end
    end
  end
end

local function rebase()
  local d = S.now
  if d >= REBASE_AT then
    S.now, S.top = S.now - d, S.top - d
    for id = 0, 3 do account_rebase(S.lanes[id], d) end
  end
  for id = 0, 3 do
    d = S.lanes[id].now
    if d >= REBASE_AT then rebase_flows(id, d) end
  end
end

-- sched_pick chooses the next job and starts it. It returns its lane, tenant,
-- ID, seq and cost, or nil.
local function sched_pick(now)
  local id = fair_lane()
  if not id then return nil end
  local name
  S.turn = S.turn + 1
  if S.turn >= S.every then
    S.turn = 0
    local late, who = late_lane(now)
    if late then id, name = late, who end
  end
  local l = S.lanes[id]
  local least, tag = first(P .. 'ready:' .. id)
  name = name or least
  S.now = math.max(S.now, smallest_lane())
  l.now = math.max(l.now, tag)
  local f = tenant_get(name).flows[id]
  local popped = redis.call('ZPOPMIN', queue_key(id, name))
  local job, _, cost = entry_read(popped[1])
  local seq = tonumber(popped[2])
  f.queued = f.queued - 1
  read_head(id, f)
  start(id, f, cost)
  if l.ready == 0 then clock_finish(l) end
  if not any_active() then clock_finish(S) end
  expire_idle(id)
  rebase()
  return id, name, job, seq, cost
end

-- sched_take starts a given queued job out of its turn, if a pick could start
-- one of its tenant in its lane now. It returns its cost, or nil.
local function sched_take(id, name, seq)
  local f = flow_known(id, name)
  if not f or f.place ~= READY or not eligible(id, reserved()) then return nil end
  local found = redis.call('ZRANGEBYSCORE', queue_key(id, name), seq, seq)
  if not found[1] then return nil end
  local _, _, cost = entry_read(found[1])
  sched_remove(id, name, seq)
  sched_started(id, name, cost)
  rebase()
  return cost
end
