-- Records: each is a hash with v its version, u when it was put, b its value,
-- and i:NAME for each of its indexes.

-- writes_read reads writes from the arguments.
local function writes_read()
  local ws = {}
  for i = 1, num() do
    local w = { kind = arg(), id = arg(), version = arg(), delete = arg() == '1' }
    if not w.delete then
      w.value = arg()
      w.index = args()
    end
    w.key = w.kind .. ':' .. w.id
    ws[i] = w
  end
  return ws
end

-- writes_fit finds out whether all versions fit, each write after those before
-- it. It returns nil, or the version that did not.
local function writes_fit(ws)
  local seen = {}
  for _, w in ipairs(ws) do
    local v = seen[w.key] or tonumber(redis.call('HGET', P .. 'r:' .. w.key, 'v') or 0)
    if w.version ~= '-1' and w.version ~= int(v) then return int(v) end
    seen[w.key] = w.delete and 0 or v + 1
  end
end

local function write(w, now)
  local key = P .. 'r:' .. w.key
  local old, version = redis.call('HGETALL', key), 0
  for i = 1, #old, 2 do
    local name = string.match(old[i], '^i:(.*)$')
    if name then
      redis.call('ZREM', P .. 'ri:' .. w.kind .. ':' .. name .. ':' .. old[i + 1], w.id)
    elseif old[i] == 'v' then
      version = tonumber(old[i + 1])
    end
  end
  redis.call('DEL', key)
  if w.delete then
    redis.call('ZREM', P .. 'rx:' .. w.kind, w.id)
    return version
  end
  redis.call('HSET', key, 'v', version + 1, 'u', now, 'b', w.value)
  for i = 1, #w.index, 2 do
    redis.call('HSET', key, 'i:' .. w.index[i], w.index[i + 1])
    redis.call('ZADD', P .. 'ri:' .. w.kind .. ':' .. w.index[i] .. ':' .. w.index[i + 1], 0, w.id)
  end
  redis.call('ZADD', P .. 'rx:' .. w.kind, 0, w.id)
  return version + 1
end
