-- lend makes up to max loans for a worker. It takes late jobs out of their
-- queues and leaves it to the caller to expire them: the state machine does
-- that.

local given = arg()
local now = moment(given)
local worker, slots, period, max, first_call, last_call = arg(), num(), num(), num(), arg() == '1', arg() == '1'
local due_by = arg() -- ms, or empty to lend by turn
local MOST_LATE = 256
local MOST_DUE = 1000

-- token makes the token of the next loan: 20 bits that change with every start
-- of the server, and 32 bits of a count that goes on over all of them.
local epoch

local function token()
  epoch = epoch or tonumber(redis.call('HGET', P .. 'boot', 'epoch'))
  local n = redis.call('HINCRBY', P .. 'boot', 'tokens', 1) % 4294967296
  return int(epoch * 4294967296 + n)
end

-- moved puts the job under another state in the indexes that every job has.
local function moved(id, from, to, tenant, lane, batch)
  local names = { '', ':t:' .. tenant, ':l:' .. lane }
  if batch ~= '' then names[4] = ':b:' .. batch end
  for _, name in ipairs(names) do
    redis.call('ZREM', P .. 'x:' .. from .. name, id)
    redis.call('ZADD', P .. 'x:' .. to .. name, 0, id)
  end
end

local function arrive()
  local w = worker_read(redis.call('HGET', P .. 'wk', worker))
  w.slots, w.alive = slots, server_time()
  if first_call then w.waiting = w.waiting + 1 end
  w.waiting = math.max(w.waiting, 1) -- the worker may have been forgotten since its first call
  worker_write(worker, w)
end

local function leave()
  local w = worker_read(redis.call('HGET', P .. 'wk', worker))
  w.waiting, w.heard = math.max(w.waiting - 1, 0), now
  worker_write(worker, w)
end

-- hand_out writes a loan of a job that was picked.
local function hand_out(id, lane, tenant, seq, job)
  local k, m = token(), due_member(seq, id)
  redis.call('HSET', job_key(id), 's', 'R', 'v', int(tonumber(job.version) + 1), 'k', k, 'w', worker, 'b', now, 'u', now + period)
  redis.call('RPUSH', P .. 'e:' .. id, '+' .. int(now) .. ' ' .. worker)
  redis.call('ZREM', P .. 'late', m)
  redis.call('ZADD', P .. 'lease', now + period, m)
  redis.call('ZADD', P .. 'back', job.deadline + BACKSTOP, m)
  count('Q', -1)
  count('R', 1)
  moved(id, 'Q', 'R', tenant, lane, job.batch)
  return { id, view(id), attempts_lost(id, job.generation, tenant, now) }
end

sched_load()
arrive()
sched_slots((fleet(now, true)))
local loans, late = {}, {}

local function read(id)
  local v = redis.call('HMGET', job_key(id), 'x', 'v', 'g', 'y', 's', 't', 'l')
  return {
    deadline = tonumber(v[1]), version = v[2], generation = v[3], batch = v[4] or '',
    state = v[5], tenant = v[6], lane = tonumber(v[7]),
  }
end

-- lend_by_turn lends what the scheduler picks.
local function lend_by_turn()
  while #loans < max and #late < MOST_LATE do
    local lane, tenant, id, seq, cost = sched_pick(now)
    if not lane then return end
    local job = read(id)
    if now >= job.deadline then
      redis.call('HSET', job_key(id), 'z', 1)
      local f = flow_get(lane, tenant)
      f.parked = f.parked + 1 -- it still waits, in no queue
      sched_done(lane, tenant, cost, 0)
      late[#late + 1] = id
    else
      loans[#loans + 1] = hand_out(id, lane, tenant, seq, job)
    end
  end
end

-- lend_due lends the jobs that can wait no longer, the nearest deadline first.
local function lend_due()
  local near = redis.call('ZRANGEBYSCORE', P .. 'late', '(' .. int(now), due_by, 'LIMIT', 0, MOST_DUE)
  for _, m in ipairs(near) do
    if #loans == max then return end
    local seq, id = tonumber(string.sub(m, 1, 16)), string.sub(m, 18)
    local job = read(id)
    if job.state == 'Q' and sched_take(job.lane, job.tenant, seq) then
      loans[#loans + 1] = hand_out(id, job.lane, job.tenant, seq, job)
    end
  end
end

if due_by == '' then lend_by_turn() else lend_due() end
sched_flush()
counts_write()
local more = #late == MOST_LATE
if #loans > 0 or last_call and not more then leave() end
return { int(now), loans, late, more and 1 or 0 }
