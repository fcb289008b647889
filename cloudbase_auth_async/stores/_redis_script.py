"""
What `RedisStore` does inside Redis: one script, one hash for each session.

A script runs whole or not at all and touches one key, so a cluster needs nothing more. All the
values are ASCII text: a client may decode answers in whatever encoding its owner chose.

| field | what it is |
| --- | --- |
| `generation`, `value` | the record; the value in base64 |
| `written` | the highest fence under which a record was written |
| `write`, `write_before` | the random names of the last two calls that changed the record |
| `lock`, `holder`, `until` | whose lock it is, where that runs, and when it lapses (ms) |
| `fence` | the fence that was given out last |
| `corrupt_generation`, `corrupt_value` | a record that could not be read |

A fence is the time in microseconds, or one more than the last if that is larger. So fences go
on growing although the hash was removed, or a fail-over lost the last one.

A client sends a command again when its answer was lost. The second sending of a change that has
happened is told by its name, and of a lock by its owner; both are answered like the first.
"""

import hashlib
from typing import Final

SCRIPT: Final = b"""
local key, command = KEYS[1], ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function get(field)
  return redis.call('HGET', key, field) or ''
end

local function number(field)
  return tonumber(get(field)) or 0
end

local function keep(milliseconds)
  redis.call('PEXPIRE', key, math.max(tonumber(milliseconds), number('until') - now))
end

local function happened(write)
  return get('write') == write or get('write_before') == write
end

local function name_write(write)
  redis.call('HSET', key, 'write_before', get('write'), 'write', write)
end

if command == 'load' then
  return redis.call('HMGET', key, 'generation', 'value')

elseif command == 'has' then
  local answer = redis.pcall('HEXISTS', key, 'generation')
  return answer == 1 and 1 or 0

elseif command == 'replace' then
  local write, expected, generation, value = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
  local fence, milliseconds = ARGV[6], ARGV[7]
  if happened(write) then return 1 end
  local there = get('generation')
  if there == generation and get('value') == value then return 1 end
  if there ~= expected then return 0 end
  if fence ~= '' and tonumber(fence) < number('written') then return 0 end
  redis.call('HSET', key, 'generation', generation, 'value', value)
  if fence ~= '' then redis.call('HSET', key, 'written', fence) end
  name_write(write)
  keep(milliseconds)
  return 1

elseif command == 'remove' then
  local write, expected, milliseconds = ARGV[2], ARGV[3], ARGV[4]
  if happened(write) then return 1 end
  if get('generation') ~= expected then return 0 end
  -- First, because a Redis that is out of memory allows it, and then the rest, too.
  redis.call('HDEL', key, 'generation', 'value')
  name_write(write)
  keep(milliseconds)
  return 1

elseif command == 'aside' then
  local generation, value, milliseconds = ARGV[2], ARGV[3], ARGV[4]
  if get('generation') ~= generation or get('value') ~= value then return 0 end
  redis.call('HDEL', key, 'generation', 'value')
  redis.call('HSET', key, 'corrupt_generation', generation, 'corrupt_value', value)
  keep(milliseconds)
  return 1

elseif command == 'acquire' then
  local owner, holder, milliseconds = ARGV[2], ARGV[3], tonumber(ARGV[4])
  if number('until') > now then
    if get('lock') == owner then return {1, get('fence')} end
    return {0, get('holder')}
  end
  local fence = math.max(time[1] * 1000000 + time[2], number('fence') + 1, number('written') + 1)
  local text = string.format('%.0f', fence)
  local left = redis.call('PTTL', key)
  redis.call('HSET', key, 'lock', owner, 'holder', holder, 'fence', text,
    'until', string.format('%.0f', now + milliseconds))
  -- A record outlives its lock; a hash that never expires (-1) stays so.
  if left ~= -1 and left < milliseconds then redis.call('PEXPIRE', key, milliseconds) end
  return {1, text}

elseif command == 'release' then
  if get('lock') ~= ARGV[2] then return 0 end
  return redis.call('HDEL', key, 'lock', 'holder', 'until')
end
return redis.error_reply('ERR unknown command')
"""

# How Redis names a script it has seen; no secret depends on it.
SHA: Final = hashlib.sha1(SCRIPT, usedforsecurity=False).hexdigest()
