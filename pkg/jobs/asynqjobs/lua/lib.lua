-- What the scripts share: their arguments, keys, and the parts of a job that
-- are kept beside its row.

local arg_at = 0

-- arg reads the next argument, num the next one as a number.
local function arg()
  arg_at = arg_at + 1
  return ARGV[arg_at]
end

local function num() return tonumber(arg()) end

-- args reads a list: its length, then its items.
local function args()
  local list = {}
  for i = 1, num() do list[i] = arg() end
  return list
end

-- server_time is the server's clock in unix ms.
local function server_time()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

-- moment is a time that was given, or the server's where none was.
local function moment(given)
  if given ~= '' then return tonumber(given) end
  return server_time()
end

local BACKSTOP = 30000 -- ms past the deadline that a running job may take
local DAY = 86400000   -- ms
local ALIVE = 15000    -- ms that a worker counts after it was heard of

local function job_key(id) return P .. 'j:' .. id end

-- view is what Go needs to read a job.
local function view(id) return redis.call('HMGET', job_key(id), 'd', 'h', 'v', 's', 'q', 'k', 'w', 'b', 'u') end

-- due_member sorts jobs that fall due at the same time by seq.
local function due_member(seq, id) return string.format('%016.0f', seq) .. ':' .. id end

local function due_remove(state, seq, id)
  local m = due_member(seq, id)
  if state == 'R' then
    redis.call('ZREM', P .. 'lease', m)
    redis.call('ZREM', P .. 'back', m)
  elseif state == 'Q' or state == 'P' then
    redis.call('ZREM', P .. 'late', m)
    if state == 'P' then redis.call('ZREM', P .. 'wake', m) end
  end
end

-- due_add notes when a waiting job must be looked at again.
local function due_add(state, seq, id, deadline, parked)
  if state == 'Q' or state == 'P' then
    local m = due_member(seq, id)
    redis.call('ZADD', P .. 'late', deadline, m)
    if state == 'P' then redis.call('ZADD', P .. 'wake', parked, m) end
  end
end

-- count changes how many jobs are in a state. What one call changes goes out
-- once, by counts_write at its end.
local counted = {}

local function count(state, by) counted[state] = (counted[state] or 0) + by end

local function counts_write()
  for state, by in pairs(counted) do
    if by ~= 0 then redis.call('HINCRBY', P .. 'n', state, by) end
  end
  counted = {}
end

-- each does one item of the arguments after the other and returns what each
-- answers. An item is how many arguments it has, then these. One that fails
-- answers its error and stops none of the others.
local function each(one)
  local answers = {}
  for i = 1, num() do
    local last = num()
    last = arg_at + last
    local ok, answer = pcall(one)
    if not ok and type(answer) ~= 'table' then answer = { err = 'ERR ' .. tostring(answer) } end
    answers[i], arg_at = answer, last
  end
  return answers
end

-- money adds to what a tenant spent on a day. A sum that does not fit stays as
-- it is: nobody has that much money.
local function money(tenant, day, cost)
  if cost == '0' or day == '' then return end
  redis.pcall('HINCRBY', P .. 'm:' .. day, tenant, cost)
  redis.pcall('HINCRBY', P .. 'm:' .. day, '', cost)
end

local function negated(cost)
  if string.sub(cost, 1, 1) == '-' then return string.sub(cost, 2) end
  return '-' .. cost
end

-- A row of the ledger is kept as MARK|DAY|COST|JSON. The mark is o for an open
-- row, c for a closed one, and l with the time for one that was found open. The
-- day is that of its end, empty before.
local function attempt_parse(row) return string.match(row, '^(%a%d*)|(%-?%d*)|(%-?%d+)|(.*)$') end

local function attempt_store(key, field, tenant, old, mark, day, cost, json)
  if old then
    local _, was, spent = attempt_parse(old)
    money(tenant, was, negated(spent))
  end
  redis.call('HSET', key, field, mark .. '|' .. day .. '|' .. cost .. '|' .. json)
  money(tenant, day, cost)
end

-- attempts_put reads rows from the arguments and writes them.
local function attempts_put(id, generation, tenant)
  local key = P .. 'a:' .. id
  for _ = 1, num() do
    local field, mark, day, cost, json = generation .. ':' .. arg(), arg(), arg(), arg(), arg()
    attempt_store(key, field, tenant, redis.call('HGET', key, field), mark, day, cost, json)
  end
end

-- attempts_lost marks the open rows of a generation and returns all its rows.
local function attempts_lost(id, generation, tenant, now)
  local key, found = P .. 'a:' .. id, {}
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    local field, row = all[i], all[i + 1]
    if string.match(field, '^(%d+):') == generation then
      local mark, _, cost, json = attempt_parse(row)
      if mark == 'o' then
        mark = 'l' .. int(now)
        attempt_store(key, field, tenant, row, mark, int(math.floor(now / DAY)), cost, json)
        row = redis.call('HGET', key, field)
      end
      found[#found + 1] = field
      found[#found + 1] = row
    end
  end
  return found
end

-- A worker is kept as SLOTS WAITING HEARD ALIVE: its slots, its calls of lend
-- that wait, when the last one ended by the engine's clock, and when a waiting
-- one was last heard of by the server's.
local function worker_read(raw)
  if not raw then return { slots = 0, waiting = 0, heard = 0, alive = 0 } end
  local slots, waiting, heard, alive = string.match(raw, '^(%S+) (%S+) (%S+) (%S+)$')
  return { slots = tonumber(slots), waiting = tonumber(waiting), heard = tonumber(heard), alive = tonumber(alive) }
end

local function worker_write(name, w)
  redis.call('HSET', P .. 'wk', name, int(w.slots) .. ' ' .. int(w.waiting) .. ' ' .. int(w.heard) .. ' ' .. int(w.alive))
end

-- fleet sums the slots of the workers that count. It forgets the others when
-- told to.
local function fleet(now, forget)
  local real = server_time()
  local all = redis.call('HGETALL', P .. 'wk')
  local slots, workers = 0, 0
  for i = 1, #all, 2 do
    local w = worker_read(all[i + 1])
    if w.waiting > 0 and real < w.alive + ALIVE or now < w.heard + ALIVE then
      slots, workers = slots + w.slots, workers + 1
    elseif forget then
      redis.call('HDEL', P .. 'wk', all[i])
    end
  end
  return slots, workers
end

-- grant gives every lease another period from now and returns how many. The
-- period is the one it was lent for, at least the given one: a holder gives a
-- sign of life once in so long.
local function grant(now, least)
  local all = redis.call('ZRANGE', P .. 'lease', 0, -1)
  for _, m in ipairs(all) do
    local v = redis.call('HMGET', job_key(string.sub(m, 18)), 'b', 'u')
    local lent = (tonumber(v[2]) or 0) - (tonumber(v[1]) or 0)
    redis.call('ZADD', P .. 'lease', 'XX', now + math.max(least, lent), m)
  end
  return #all
end
