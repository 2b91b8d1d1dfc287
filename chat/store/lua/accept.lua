-- accept: one judged text of a person, to wherever its verdict sends it.
--
-- args   op       post | edit | whisper | help
--        room, user, role, issued (of the token, ms), name
--        key      idempotency key, or nothing;  receipt: seconds that its answer is kept
--        verdict  deliver | held | blocked;  waits: held only because the room holds posts
--        body     the event to deliver, without number and time;  target: seq (edit) or user (whisper)
--        answer   the `posted` or `ok` to give, without seq and flag
--        flag     the flag to raise, without rev and times, or nothing;  due: seconds until somebody should be there
--                 wait: ms until the first call after the opening one
--        reply_within  ms within which somebody should have replied to a delivered post that shows distress, or nothing
--        leads    who safeguard children, where the flag has that route
--        crisis   whether the text carries a crisis signal
--        support, held   private events for the author, or nothing;  unseen: the support that a refused text gets,
--                 which does not say that the room sees it
--        refuse   a code that the node found already: nothing is delivered, a crisis is flagged all the same
--        replaces key of an own held message that this one takes the place of;  reply_to: seq
--        burst, interval (ms between posts, 0: no limit)
-- reply  msgpack: {answer, decision} | {code, wait, flag, support} | {stale = 'held' | 'deliver'}
--
-- One script, because these must not come apart: the receipt and the append; the check of rights and the append (a
-- mute that lands first wins, on every node); the text that is held and the flag that shows it; a refusal and the
-- flag of the person refused.

local me = person(arg.user)
local rank = rank_of(me, arg.role, arg.issued)
local room = hash('room')
local receipt = arg.key and hash(receipt_key(arg.user, arg.key)) or {}
if receipt.answer then
  return cmsgpack.pack({answer = receipt.answer, decision = receipt.decision})
end

local function is_mine(entry)
  return entry and entry.type == 'message' and not entry.retracted and entry.from.id == arg.user
end

-- When the next post may come, by a virtual schedule (GCRA) kept under `field`; nothing where it may come now.
local function too_soon(field, burst, interval)
  if interval == 0 then return nil end
  local at = math.max(now, tonumber(me[field] or 0))
  local wait = at - (burst - 1) * interval - now
  return wait > 0 and wait or nil
end

-- Keep several fields in one call: a call costs more than all that is done here between two of them.
local function note(key, fields)
  local flat = {}
  for name, value in pairs(fields) do
    flat[#flat + 1], flat[#flat + 2] = name, value
  end
  if #flat > 0 then redis.call('HSET', P .. key, unpack(flat)) end
end

local mine = {}  -- what this text changes in its author's standing

local function spend(field, interval)
  if interval > 0 then mine[field] = math.max(now, tonumber(me[field] or 0)) + interval end
end

local function left(till)
  till = tonumber(till)
  return till > 0 and till - now or nil
end

local function refusal()
  if is_running(me.banned) then return 'banned', left(me.banned) end
  if rank == 0 then return 'not_found' end
  if arg.op == 'help' then
    local wait = too_soon('help_tat', arg.burst, arg.interval)
    if wait then return 'rate_limited', wait end
    return nil
  end
  if is_running(me.removed) then return 'removed', left(me.removed) end
  if is_running(me.muted) then return 'muted', left(me.muted) end
  if arg.refuse then return arg.refuse end
  if arg.op ~= 'whisper' then
    if room.closed == '1' or (room.asleep and rank == 1) then return 'room_closed' end
    if rank == 1 then
      if room.locked == '1' then return 'room_locked' end
      if room.turns == '1' and redis.call('LINDEX', P .. 'hands', 0) ~= arg.user then return 'not_your_turn' end
      local gap = tonumber(me.last or 0) + tonumber(room.slow_mode or 0) * 1000 - now
      if arg.op == 'post' and gap > 0 and room.slow_mode ~= '0' then return 'slow_mode', gap end
    end
  end
  if arg.op == 'edit' and not is_mine(entry_of(arg.target)) then return 'not_found' end
  if arg.op == 'whisper' then
    local them = person(arg.target)
    if not them.seen then return 'not_found' end
    if rank == 1 and known_rank(them) == 1 then return 'forbidden' end
  end
  if arg.reply_to and redis.call('HEXISTS', P .. 'log', arg.reply_to) == 0 then return 'not_found' end
  local wait = too_soon('tat', arg.burst, arg.interval)
  if wait then return 'rate_limited', wait end
end

-- A flood of refused texts is one person's need: past so many open flags of theirs, younger than this, a further text
-- joins the newest that has room, so that staff are called once, and each text is still in exactly one flag.
local FLAGS, WITHIN, TEXTS, BYTES = 5, 60000, 20, 32000
local LOOKED = 15  -- flags of theirs, the newest first, among which those are looked for

local function has_room(flag, text)
  local bytes = #(flag.text or '') + #text
  for _, more in ipairs(flag.also or {}) do bytes = bytes + #more.text end
  return #(flag.also or {}) < TEXTS and bytes <= BYTES
end

-- The open flag that a refused text joins, or nothing where it gets one of its own. One with whose author somebody is
-- takes nothing graver in: that has to call anew.
local function crowded(by)
  local found, count = nil, 0
  for _, id in ipairs(redis.call('ZREVRANGE', P .. 'flags:' .. arg.user, 0, LOOKED - 1)) do
    local flag = flag_of(id)
    if flag and flag.verdict == 'refused' and flag.state ~= 'decided' and now - flag.opened_at < WITHIN then
      count = count + 1
      local is_free = #flag.attended_by == 0 or SEVERITY[by.severity] <= SEVERITY[flag.severity]
      if not found and is_free and has_room(flag, by.text) then found = flag end
    end
  end
  return count >= FLAGS and found or nil
end

local function deepen(flag, by)
  flag.severity, flag.due_at = by.severity, math.min(flag.due_at, now + arg.due * 1000)
end

-- A text that tells of a child at risk sends its flag to those who safeguard children, once.
local function route(flag, by)
  if not by.route or (flag.route and flag ~= by) then return end
  flag.route, flag.routed_by = by.route, by.routed_by
  if #arg.leads > 0 then
    notify(flag.author, {code = 'safeguarding', to = arg.leads, flag = flag.flag, severity = flag.severity})
  end
end

-- Put this text among those of a flag, which is then as grave, and as soon due, as the gravest of them.
local function join(flag, place)
  local by = arg.flag
  flag.also = flag.also or {}
  flag.also[place or #flag.also + 1] = {key = arg.key or '', at = now, rev = flag.rev + 1, severity = by.severity,
    text = by.text, reasons = by.reasons}
  if SEVERITY[by.severity] > SEVERITY[flag.severity] then deepen(flag, by) end
  route(flag, by)
  keep_flag(flag)
  return flag.flag
end

local function joined_at(texts)
  for place, more in ipairs(texts or {}) do
    if more.key == arg.key then return place, more end
  end
end

-- A text that joined a flag is sent again. Returns the flag that it stays in, or nothing where it leaves it: it is
-- refused no more, or it was decided and is another text now.
local function rejoin(id, verdict)
  local flag = flag_of(id)
  if not flag then return nil end
  if flag.state == 'decided' then
    local kept = redis.call('HGET', P .. 'evidence:' .. id, 'also')
    local _, before = joined_at(kept and cmsgpack.unpack(kept))
    return verdict == 'refused' and (not before or before.text == arg.flag.text) and id or nil
  end
  local place, before = joined_at(flag.also)
  if not place then return nil end
  if verdict ~= 'refused' then
    table.remove(flag.also, place)
    if #flag.also == 0 then flag.also = nil end
    keep_flag(flag)
    return nil
  end
  return before.text == arg.flag.text and id or join(flag, place)
end

-- Keep the flag that a text calls for. Returns its id, and whether the text joined others there.
local function raise(verdict, seq)
  local flag, before = arg.flag, receipt.flag
  if before and receipt.joined == '1' then
    local stays = rejoin(before, verdict)
    if stays then return stays, true end
    before = nil
  end
  -- A text under this key was refused before, or a message that has a flag was edited: its one flag goes on, with what
  -- the text is now. A decided one opens again where that is something else.
  local is_edit = not before and flag and arg.op == 'edit' and verdict == 'delivered'
  local known = before or (is_edit and redis.call('HGET', P .. 'flagged', seq))
  local earlier = known and flag_of(known)
  if earlier then
    -- A decided flag's text was put aside; where that has expired, the severity alone tells.
    local text = earlier.text or redis.call('HGET', P .. 'evidence:' .. known, 'text')
    local is_same = not flag or ((not text or flag.text == text) and flag.severity == earlier.severity)
    if earlier.verdict == verdict and is_same then return earlier.flag end
    if not is_same then
      earlier.text, earlier.reasons, earlier.categories = flag.text, flag.reasons, flag.categories
      local is_decided = earlier.state == 'decided'
      if is_decided then
        earlier.severity, earlier.due_at = flag.severity, now + arg.due * 1000
      elseif SEVERITY[flag.severity] > SEVERITY[earlier.severity] then
        deepen(earlier, flag)
      end
      route(earlier, flag)
    end
    if earlier.state == 'decided' and (not is_same or verdict == 'held' or verdict == 'blocked') then
      earlier.state, earlier.decision, earlier.text = 'open', nil, flag and flag.text or text
      earlier.attended_by = {}  -- whoever was with them has gone: a clock runs anew
    end
    earlier.verdict, earlier.seq = verdict, seq
    flag = earlier
  elseif not flag then
    return nil  -- the flag that the receipt names is gone, and this text needs none
  else
    local others = verdict == 'refused' and not known and crowded(flag)
    if others then return join(others), true end
    route(flag, flag)
    flag.state, flag.opened_at = 'open', now
    flag.due_at = now + arg.due * 1000
    flag.verdict, flag.seq = verdict, seq
  end
  local id = P .. 'flag:' .. flag.flag
  if not (is_edit and earlier) then
    redis.call('HSET', id, 'op', arg.op, 'user', arg.user, 'key', arg.key or '', 'target', arg.target or '')
  end
  if verdict == 'held' or verdict == 'blocked' then redis.call('HSET', id, 'body', arg.body) end
  if seq then redis.call('HSET', P .. 'flagged', seq, flag.flag) end
  keep_flag(flag)
  return flag.flag
end

local function remember(fields)
  if not arg.key then return end
  local key = receipt_key(arg.user, arg.key)
  note(key, fields)
  redis.call('EXPIRE', P .. key, arg.receipt)
end

local code, wait = refusal()
if code then
  if not arg.crisis or code == 'not_found' and rank == 0 then return refused(code, wait) end
  local flag, is_joined = raise('refused')
  if not receipt.flag and arg.support then tell(arg.user, arg.unseen or arg.support) end
  remember({flag = flag, joined = is_joined and '1' or '0'})
  return cmsgpack.pack({code = code, wait = wait, flag = flag, support = true})
end

-- The room may hold posts for staff: the node then has to come with a flag and the words for the author.
local waits = (arg.op == 'post' or arg.op == 'edit') and rank == 1
  and (room.hold == 'all' or (room.hold == 'new' and not me.posts))
if arg.verdict == 'deliver' and waits then return cmsgpack.pack({stale = 'held'}) end
if arg.waits and not waits then return cmsgpack.pack({stale = 'deliver'}) end

-- A message that takes the place of a held one: the held one can be released no more.
if arg.replaces then
  local old = redis.call('HGET', P .. receipt_key(arg.user, arg.replaces), 'flag')
  local flag = old and flag_of(old)
  if not flag or (flag.verdict ~= 'held' and flag.verdict ~= 'blocked') then return refused('not_found') end
  if flag.state == 'decided' and flag.seq then return refused('conflict') end
  redis.call('HDEL', P .. 'flag:' .. old, 'body')
  redis.call('HDEL', P .. 'evidence:' .. old, 'body')
  forget_held(arg.user, arg.replaces)
  flag.verdict = 'replaced'
  if SEVERITY[flag.severity] < 2 and flag.state ~= 'decided' then
    flag.state, flag.decision, flag.text = 'decided', {action = 'replaced', at = now}, nil
  end
  keep_flag(flag)
  tell(arg.user, cmsgpack.pack({type = 'held_decided', room = arg.room, key = arg.replaces, flag = old,
    action = 'replaced', text = arg.replaced_text}))
  note_decision(arg.user, arg.replaces, 'replaced')
end

local seq, useq, flag
if arg.op == 'help' then
  flag = raise('none')
  spend('help_tat', arg.interval)
else
  if arg.verdict == 'deliver' then
    if arg.op == 'whisper' then
      tell(arg.target, arg.body)
      useq = tell(arg.user, arg.body)
    else
      seq = deliver(arg.op, arg.body, arg.target)
    end
    if arg.op == 'post' then mine.posts = tonumber(me.posts or 0) + 1 end
    if arg.reply_within and seq then due('reply', seq, now + arg.reply_within) end
    if arg.flag or receipt.flag then flag = raise('delivered', arg.op == 'edit' and arg.target or seq) end
  else
    flag = raise(arg.verdict)
  end
  spend('tat', arg.interval)
  if arg.op == 'post' then mine.last = now end
end
note('person:' .. arg.user, mine)
if arg.support and not receipt.flag then tell(arg.user, arg.support) end
if arg.held then
  local held = arg.held
  if receipt.flag then  -- the node could not know of the earlier flag
    local event = cmsgpack.unpack(held)
    event.flag = flag
    held = cmsgpack.pack(event)
  end
  tell(arg.user, held)
end

local answer = arg.answer
if seq then answer = with_fields(answer, 1, '\163seq' .. cmsgpack.pack(seq)) end
if useq then answer = with_fields(answer, 1, '\164useq' .. cmsgpack.pack(useq)) end
if flag and arg.verdict ~= 'deliver' then answer = with_fields(answer, 1, '\164flag' .. cmsgpack.pack(flag)) end
remember({answer = answer, flag = flag})
return cmsgpack.pack({answer = answer})
