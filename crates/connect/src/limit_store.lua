-- Limits that several gateways count together: one call decides and counts, or settles.
--
-- KEYS: for each counter its sums (a hash) and its open requests (a sorted set by when their lease ends).
-- ARGV: what to do, then:
--   reserve  member, lease_ms, tokens, nanousd, then for each counter its seven maxima, -1 for none
--   settle   member, reserved tokens and nanousd, used tokens and nanousd, then for each counter its tokens_per_minute
--   renew    member, lease_ms
-- A member is "TOKENS NANOUSD ID": what its request has reserved, and whose it is; settling an empty one only adds.
--
-- The rules are those of `gateway::counter`, and a test holds the two together. Time is the server's.

local MINUTE_MS, DAY_MS = 60000, 86400000
-- How long sums are kept that count: longer than any month. And those that say nothing.
local KEPT_MS, AT_REST_MS = 32 * DAY_MS, 2 * MINUTE_MS
-- Leases that have run out, taken account of in one call.
local RUN_OUT_MAX = 1000

local function month_of(now)
  local days = math.floor(now / DAY_MS) + 719468
  local era, day = math.floor(days / 146097), days % 146097
  local year = math.floor((day - math.floor(day / 1460) + math.floor(day / 36524) - math.floor(day / 146096)) / 365)
  local day_of_year = day - (365 * year + math.floor(year / 4) - math.floor(year / 100))
  return (era * 400 + year) * 12 + math.floor((5 * day_of_year + 2) / 153)
end

-- A window that is over begins anew; one that is a single one ahead stays: the clock was set back.
local function roll(sums, name, number)
  if sums[name] ~= number and sums[name] ~= number + 1 then
    sums[name], sums[name .. 't'], sums[name .. 'n'] = number, 0, 0
  end
end

local function use(sums, tokens, nanousd)
  sums.dt, sums.dn = sums.dt + tokens, sums.dn + nanousd
  sums.mt, sums.mn = sums.mt + tokens, sums.mn + nanousd
end

local function give_back(sums, tokens, nanousd)
  sums.ot, sums.on = math.max(sums.ot - tokens, 0), math.max(sums.on - nanousd, 0)
end

-- What is missing in a bucket: `rm`, `tm`, since `ra`, `ta`. A clock that was set back fills nothing.
local function missing(sums, bucket, size, now)
  local elapsed = math.min(math.max(now - sums[bucket .. 'a'], 0), MINUTE_MS)
  return math.max(sums[bucket .. 'm'] - elapsed * size, 0)
end

local function take(sums, bucket, size, amount, now)
  sums[bucket .. 'm'] = math.max(missing(sums, bucket, size, now) + amount * MINUTE_MS, 0)
  sums[bucket .. 'a'] = now
end

local function load_counter(index, now)
  local sums = { d = 0, dt = 0, dn = 0, m = 0, mt = 0, mn = 0, ot = 0, on = 0, rm = 0, ra = 0, tm = 0, ta = 0 }
  local stored = redis.call('HGETALL', KEYS[2 * index - 1])
  for at = 1, #stored, 2 do
    sums[stored[at]] = tonumber(stored[at + 1]) or 0
  end
  roll(sums, 'd', math.floor(now / DAY_MS))
  roll(sums, 'm', month_of(now))
  local open = KEYS[2 * index]
  -- What nobody has settled is taken to have been used.
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', open, '-inf', now, 'LIMIT', 0, RUN_OUT_MAX)) do
    local tokens, nanousd = string.match(member, '^(%d+) (%d+) ')
    tokens, nanousd = tonumber(tokens or 0), tonumber(nanousd or 0)
    give_back(sums, tokens, nanousd)
    use(sums, tokens, nanousd)
    redis.call('ZREM', open, member)
  end
  return sums
end

local function store_counter(index, sums)
  local key, open = KEYS[2 * index - 1], KEYS[2 * index]
  local under_way = redis.call('ZCARD', open)
  if under_way == 0 then
    sums.ot, sums.on = 0, 0
  end
  local fields = {}
  for name, value in pairs(sums) do
    fields[#fields + 1] = name
    fields[#fields + 1] = string.format('%.0f', value)
  end
  redis.call('HSET', key, unpack(fields))
  local counts = under_way > 0 or sums.mt > 0 or sums.mn > 0
  redis.call('PEXPIRE', key, counts and KEPT_MS or AT_REST_MS)
  redis.call('PEXPIRE', open, KEPT_MS)
end

-- Which of a counter's maxima does not let a request in, and when it may; -1 if never.
local function refused(index, sums, maxima, tokens, nanousd, now)
  if maxima[1] >= 0 and redis.call('ZCARD', KEYS[2 * index]) >= maxima[1] then
    return 1, 1000
  end
  local buckets = { { 2, 'r', 1 }, { 3, 't', tokens } }
  for _, bucket in ipairs(buckets) do
    local size, amount = maxima[bucket[1]], bucket[3]
    if size >= 0 and amount > 0 then
      if amount > size then
        return bucket[1], -1
      end
      local beyond = missing(sums, bucket[2], size, now) + amount * MINUTE_MS - size * MINUTE_MS
      if beyond > 0 then
        return bucket[1], math.ceil(beyond / size)
      end
    end
  end
  local windows = {
    { 4, tokens, sums.dt + sums.ot + tokens },
    { 5, tokens, sums.mt + sums.ot + tokens },
    { 6, nanousd, sums.dn + sums.on + nanousd },
    { 7, nanousd, sums.mn + sums.on + nanousd },
  }
  for _, window in ipairs(windows) do
    local max = maxima[window[1]]
    if max >= 0 and window[2] > 0 and window[3] > max then
      return window[1], -1
    end
  end
end

local actions = {}

function actions.reserve(now)
  local member, lease_ms, tokens, nanousd = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
  local counters, all_maxima = {}, {}
  local answer = { 0 }
  for index = 1, #KEYS / 2 do
    local maxima, sums = {}, load_counter(index, now)
    for at = 1, 7 do
      maxima[at] = tonumber(ARGV[5 + 7 * (index - 1) + at])
    end
    counters[index], all_maxima[index] = sums, maxima
    -- Whoever asks again because the answer was lost is counted once.
    if answer[1] == 0 and not redis.call('ZSCORE', KEYS[2 * index], member) then
      local maximum, after_ms = refused(index, sums, maxima, tokens, nanousd, now)
      if maximum then
        answer = { 1, index, maximum, after_ms }
      end
    end
  end
  for index, sums in ipairs(counters) do
    local maxima = all_maxima[index]
    if answer[1] == 0 and redis.call('ZADD', KEYS[2 * index], now + lease_ms, member) == 1 then
      sums.ot, sums.on = sums.ot + tokens, sums.on + nanousd
      if maxima[2] >= 0 then
        take(sums, 'r', maxima[2], 1, now)
      end
      if maxima[3] >= 0 then
        take(sums, 't', maxima[3], tokens, now)
      end
    end
    store_counter(index, sums)
    if answer[1] == 0 then
      for _, name in ipairs({ 'd', 'dt', 'dn', 'm', 'mt', 'mn' }) do
        answer[#answer + 1] = sums[name]
      end
    end
  end
  return answer
end

function actions.settle(now)
  local member = ARGV[2]
  local tokens, nanousd = tonumber(ARGV[3]), tonumber(ARGV[4])
  local used_tokens, used_nanousd = tonumber(ARGV[5]), tonumber(ARGV[6])
  for index = 1, #KEYS / 2 do
    -- Once somebody has found that its lease has run out it is counted already.
    local is_open = member == '' or redis.call('ZREM', KEYS[2 * index], member) == 1
    local sums, size = load_counter(index, now), tonumber(ARGV[6 + index])
    if is_open then
      give_back(sums, tokens, nanousd)
      use(sums, used_tokens, used_nanousd)
      if size >= 0 then
        take(sums, 't', size, -tokens, now)
        take(sums, 't', size, used_tokens, now)
      end
    end
    store_counter(index, sums)
  end
  return { 0 }
end

function actions.renew(now)
  local member, lease_ms = ARGV[2], tonumber(ARGV[3])
  for index = 1, #KEYS / 2 do
    redis.call('ZADD', KEYS[2 * index], 'XX', now + lease_ms, member)
  end
  return { 0 }
end

local clock = redis.call('TIME')
return actions[ARGV[1]](clock[1] * 1000 + math.floor(clock[2] / 1000))
