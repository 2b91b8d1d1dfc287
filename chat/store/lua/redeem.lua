-- redeem: turn an invite code into a new person of its room.
--
-- KEYS[1]  hearth:{people}:room (no such key: it names the slot, as in the other scripts)
-- args   digest (of the code), user (new id), folded and name, country, language, again (ms)
-- reply  msgpack: {room, role, at, name} | {code}; the first answer once more where this id was made of this invite
--        within the last `again` milliseconds: whoever was not told of it asks so
--
-- A script of its own, because it touches people and invites, which lie in another slot than any room, and because
-- the count of an invite, the name and the person must not come apart: no code is used once too often, no name twice.

local invite = hash('invite:' .. arg.digest)
local made = hash('user:' .. arg.user)
if next(made) then
  if is_running(made.banned) then return refused('banned') end
  -- A grant since then has another time: this answer would not know of it.
  local is_same = made.redeemed == arg.digest .. ' ' .. (made.granted_at or '')
  if not is_same or tonumber(made.granted_at) < now - arg.again then return refused('unauthenticated') end
  return cmsgpack.pack({room = invite.room, role = invite.role, at = tonumber(made.granted_at), name = made.name})
end
if not invite.room or invite.revoked == '1' or (invite.expires ~= '0' and tonumber(invite.expires) < now)
  or (invite.most ~= '0' and tonumber(invite.used) >= tonumber(invite.most)) then
  return refused('unauthenticated')
end
local owner = redis.call('HGET', P .. 'names', arg.folded)
if owner then return refused('conflict') end
redis.call('HINCRBY', P .. 'invite:' .. arg.digest, 'used', 1)
redis.call('HSET', P .. 'names', arg.folded, arg.user)
redis.call('HSET', P .. 'user:' .. arg.user, 'name', arg.name, 'country', arg.country or '', 'language',
  arg.language or '', 'grants', cmsgpack.pack({[invite.room] = invite.role}), 'granted_at', now,
  'redeemed', arg.digest .. ' ' .. now)
return cmsgpack.pack({room = invite.room, role = invite.role, at = now, name = arg.name})
