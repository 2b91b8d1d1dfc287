-- decide: one step of a flag's review, with its effect on the room and on the author, and its audit entry.
--
-- args   op       attend | claim | unclaim | decide | report | appeal | evidence | expire | note
--        room, flag (id), by ({id, name, role}), role, issued, least
--        lease    ms; rev: the caller's view of the flag, or nothing
--        action, note, text (to the author), warning, seconds; told: words for the author, by what becomes of it
--        follow_up  ms until somebody asks after the author of a grave flag that is decided, or nothing
--        support  (attend) the author's support, now seen;  seq, report, new (report) what is reported, and the flag
--                 to open where the message has none
--        new (appeal) the flag that asks for another look;  purpose (evidence) why the text is opened
--        note, to (a colleague, who takes the claim), ask (opinion | safeguarding), leads (who safeguard children)
--        evidence ms for which a decided text is kept for staff
-- reply  msgpack: {flag, seq, text and also (evidence)} | {code, by}
--
-- One script, because of two moderators one must win and the other be told who; and because a decision, the release
-- of the text, the author's notice and the audit entry are one act.

local me = person(arg.by.id)
local rank = rank_of(me, arg.role, arg.issued)
local id = arg.flag
local ops = {}
local flag

local function holder(flag)
  if flag.claimed_by and (flag.lease_until or 0) > now then return flag.claimed_by end
end

local function release_claim(flag)
  flag.claimed_by, flag.lease_until = nil, nil
  if flag.state == 'claimed' then flag.state = 'open' end
end

-- Whether the author's own risk is all there is: then nobody is sanctioned for it.
local function is_only_risk(flag)
  for _, text in ipairs({flag, unpack(flag.also or {})}) do
    for _, reason in ipairs(text.reasons) do
      if not reason.risk then return false end
    end
  end
  return #flag.reports == 0 and (#flag.reasons > 0 or flag.kind == 'help' or flag.severity ~= 'none')
end

function ops.attend()
  for _, who in ipairs(flag.attended_by) do
    if who.id == arg.by.id then return nil end
  end
  table.insert(flag.attended_by, {id = arg.by.id, name = arg.by.name, role = arg.by.role, at = now})
  keep_flag(flag)
  if arg.support then
    local event = cmsgpack.unpack(arg.support)
    event.key = redis.call('HGET', P .. 'flag:' .. id, 'key') or ''
    tell(flag.author.id, cmsgpack.pack(event))
  end
  audit('attend', {flag = id, user = flag.author.id})
end

-- What somebody routed to those who safeguard children is theirs, where there are any.
local function is_anothers()
  if flag.route ~= 'safeguarding' or flag.routed_by or #arg.leads == 0 or rank >= RANK.admin then return false end
  for _, lead in ipairs(arg.leads) do
    if lead == arg.by.id then return false end
  end
  return true
end

function ops.claim()
  if flag.state == 'decided' then return 'conflict', flag.decision and flag.decision.by end
  if is_anothers() then return 'forbidden' end
  local by = holder(flag)
  if by and by.id ~= arg.by.id then return 'conflict', by end
  flag.state, flag.claimed_by, flag.lease_until = 'claimed', arg.by, now + arg.lease
  flag.claimed_at = flag.claimed_at or now
  keep_flag(flag)
  audit(by and 'renew' or 'claim', {flag = id, user = flag.author.id, what = 'context'})
end

-- A lease that nobody renewed: the flag is everybody's again, and they see it.
function ops.expire()
  if not flag.claimed_by or holder(flag) then return 'conflict' end
  audit('expire', {flag = id, user = flag.author.id, held_by = flag.claimed_by.id})
  release_claim(flag)
  keep_flag(flag)
end

function ops.unclaim()
  local by = holder(flag)
  if not by or by.id ~= arg.by.id then return 'conflict', by end
  release_claim(flag)
  keep_flag(flag)
  audit('unclaim', {flag = id, user = flag.author.id})
end

local function tell_author(action, seq)
  local key = redis.call('HGET', P .. 'flag:' .. id, 'key') or ''
  tell(flag.author.id, cmsgpack.pack({type = 'held_decided', room = arg.room, key = key, flag = id,
    action = action, seq = seq, text = arg.text or arg.told[action]}))
  if key ~= '' then note_decision(flag.author.id, key, action, seq) end
end

local ADVERSE = {retract = true, mute = true, remove = true, ban = true}
local SANCTION = {mute = 'muted', remove = 'removed', ban = 'banned'}

local function sanction(action)
  local them = person(flag.author.id)
  if rank <= math.max(known_rank(them), RANK[flag.author.role] or 1) then return 'forbidden' end
  local till = ends(arg.seconds)
  redis.call('HSET', P .. 'person:' .. flag.author.id, SANCTION[action], till)
  if action == 'mute' then
    tell(flag.author.id, cmsgpack.pack({type = 'muted', room = arg.room, ['until'] = till, flag = id,
      text = arg.told.muted}))
  elseif action == 'remove' then
    tell(flag.author.id, cmsgpack.pack({type = 'removed', room = arg.room, ['until'] = till, flag = id,
      text = arg.told.removed}))
  end
end

-- A held text, or one that was put aside, released at a new seq.
local function release(held, warning)
  if not held.body then return 'conflict' end
  local them = person(flag.author.id)
  if is_running(them.muted) or is_running(them.removed) or is_running(them.banned) then return 'conflict' end
  local body = held.body
  if warning then
    local event = cmsgpack.unpack(body)
    event.warning = warning
    body = cmsgpack.pack(event)
  end
  if held.op == 'whisper' then
    tell(held.target, body)
    tell(flag.author.id, body)
    return nil
  end
  local seq = deliver(held.op, body, tonumber(held.target))
  if not seq then return 'conflict' end
  if held.op == 'post' then redis.call('HINCRBY', P .. 'person:' .. flag.author.id, 'posts', 1) end
  return nil, held.op == 'edit' and tonumber(held.target) or seq, seq
end

local function decide_waiting(action, held)
  local code, seq, released
  if action == 'approve' or action == 'warn' then
    if flag.verdict == 'replaced' or flag.verdict == 'withdrawn' then return 'conflict' end
    code, seq, released = release(held, action == 'warn' and arg.warning or nil)
    if code then return code end
    if seq then redis.call('HSET', P .. 'flagged', seq, id) end
    flag.seq = seq
  elseif SANCTION[action] then
    code = sanction(action)
    if code then return code end
  elseif action ~= 'retract' then
    return 'bad_request'
  end
  redis.call('HDEL', P .. 'flag:' .. id, 'body')
  forget_held(flag.author.id, redis.call('HGET', P .. 'flag:' .. id, 'key'))
  tell_author(released and action or (SANCTION[action] and 'retract') or action, released)
  return nil, released
end

-- Another look at an earlier decision: taken back, with what it did, or left as it is.
local function decide_appeal(action)
  local first = flag_of(flag.against.flag)
  local kept = hash('evidence:' .. flag.against.flag)
  local takes_back = action == 'approve' or action == 'warn'
  if not takes_back and action ~= 'dismiss' and action ~= 'retract' then return 'bad_request' end
  local released
  if takes_back then
    local field, till = SANCTION[first.decision.action], first.decision.till
    local them = P .. 'person:' .. flag.author.id
    if field and till and tonumber(redis.call('HGET', them, field)) == till then
      redis.call('HDEL', them, field)
      if field == 'muted' then
        tell(flag.author.id, cmsgpack.pack({type = 'unmuted', room = arg.room, text = arg.told.unmuted}))
      end
    end
    -- What can't be said any more (it expired, its author wrote it anew, somebody keeps them from it) stays unsaid.
    local _
    local has_gone = first.verdict == 'replaced' or first.verdict == 'withdrawn'
    if not has_gone then _, _, released = release(kept, action == 'warn' and arg.warning or nil) end
    if released then redis.call('HDEL', P .. 'evidence:' .. first.flag, 'body') end
    first.decision.overturned = {by = arg.by, at = now}
    keep_flag(first)
  end
  local key = redis.call('HGET', P .. 'flag:' .. first.flag, 'key') or ''
  local became = takes_back and action or 'retract'
  tell(flag.author.id, cmsgpack.pack({type = 'held_decided', room = arg.room, key = key, flag = first.flag,
    action = became, seq = released, text = arg.text or arg.told[takes_back and 'granted' or 'upheld']}))
  if key ~= '' then note_decision(flag.author.id, key, became, released) end
  return nil, released
end

local function decide_standing(action)
  if SANCTION[action] then
    local code = sanction(action)
    if code then return code end
  end
  local entry = flag.seq and entry_of(flag.seq)
  local stands = entry and entry.type == 'message' and not entry.retracted
  if action == 'warn' then
    if not stands then return 'conflict' end
    return nil, put_warning(entry, arg.warning)
  end
  if stands and (action == 'retract' or SANCTION[action]) then
    retract(entry, 'staff')
    tell_author('retract', flag.seq)
  end
end

-- The next in the chain is called at once, also where somebody is there.
local function summon()
  if SEVERITY[flag.severity] < SEVERITY.moderate then return end
  flag.summons, flag.clock, flag.clock_at = true, flag.severity, flag.clock_at or now
  flag.step, flag.next_at = flag.step or 1, now
end

-- Somebody asks after the person the next day, whatever was decided: whoever decided owns that.
local function plan_follow_up()
  if not arg.follow_up or SEVERITY[flag.severity] < SEVERITY.high then return end
  local task = {flag = id, room = arg.room, user = flag.author, severity = flag.severity, owner = arg.by,
    made_at = now, due_at = now + arg.follow_up}
  redis.call('HSET', P .. 'follow_ups', id, cmsgpack.pack(task))
  due('task', id, task.due_at)
  audit('plan_follow_up', {flag = id, user = flag.author.id, due_at = task.due_at})
end

function ops.decide()
  if flag.state == 'decided' then return 'conflict', flag.decision and flag.decision.by end
  local by = holder(flag)
  if not by or by.id ~= arg.by.id then return 'conflict', by end
  if arg.rev and arg.rev ~= flag.rev then return 'conflict', by end
  if is_anothers() then return 'forbidden' end
  if SANCTION[arg.action] and is_only_risk(flag) then return 'forbidden' end
  local seq
  local held = hash('flag:' .. id)
  local entry = flag.seq and entry_of(flag.seq)
  local kept = {key = held.key, op = held.op == 'report' and 'post' or held.op, target = held.target, body = held.body}
  if not ADVERSE[arg.action] then
    kept.body = nil
  elseif not kept.body and entry and entry.type == 'message' and not entry.retracted then
    kept.op, kept.body = 'post', body_of(entry)  -- also where an edit raised the flag: the message itself went
  end
  if arg.action == 'escalate' then
    release_claim(flag)
    flag.escalated, flag.due_at = (flag.escalated or 0) + 1, now
    summon()
  else
    local code
    local waits = flag.verdict == 'held' or flag.verdict == 'blocked'
    local step = flag.against and decide_appeal or (waits and decide_waiting or decide_standing)
    code, seq = step(arg.action, held)
    if code then return code end
    release_claim(flag)
    flag.state = 'decided'
    flag.decision = {action = arg.action, by = arg.by, at = now, note = arg.note,
      till = SANCTION[arg.action] and ends(arg.seconds) or nil}
    keep_evidence(flag, flag.text, kept)
    if arg.action == 'dismiss' and flag.kind == 'report' then
      for _, report in ipairs(flag.reports) do
        redis.call('HINCRBY', P .. 'person:' .. report.by.id, 'dismissed', 1)
      end
    end
    plan_follow_up()
  end
  keep_flag(flag)
  audit('decide', {flag = id, user = flag.author.id, decision = arg.action, note = arg.note})
  return nil, nil, seq
end

-- The author asks for another look at what was decided, once; somebody else than the first looks.
function ops.appeal()
  local earlier = flag.appeal and flag_of(flag.appeal)
  if earlier and earlier.text == arg.new.text then return nil end
  if flag.appeal or flag.against or flag.state ~= 'decided' or not ADVERSE[flag.decision.action]
    or flag.verdict == 'replaced' or flag.verdict == 'withdrawn' then
    return 'conflict'
  end
  local new, first = arg.new, flag
  new.author, new.seq = {id = arg.by.id, name = arg.by.name, role = first.author.role}, first.seq
  new.against = {flag = id, action = first.decision.action, by = first.decision.by, at = first.decision.at}
  new.state, new.opened_at, new.due_at = 'open', now, now + arg.due * 1000
  redis.call('HSET', P .. 'flag:' .. new.flag, 'op', 'appeal', 'user', arg.by.id)
  first.appeal = new.flag
  keep_flag(first)
  keep_flag(new)
  audit('appeal', {flag = id, user = arg.by.id, by = {id = arg.by.id, role = arg.by.role}})  -- a trail names staff alone
end

-- Open the text of a flag that was put aside, for a purpose that the trail keeps.
local opened, also
function ops.evidence()
  local kept = redis.call('HMGET', P .. 'evidence:' .. id, 'text', 'also')
  opened = kept[1] or flag.text
  if not opened then return 'not_found' end
  also = kept[2] and cmsgpack.unpack(kept[2]) or flag.also
  audit('read', {what = 'evidence', flag = id, user = flag.author.id, reason = arg.purpose})
end

local MOST_NOTES = 50

-- A child may be at risk: grave, due now, and for those who are named for it.
local function safeguard()
  flag.route, flag.routed_by, flag.due_at = 'safeguarding', nil, now
  if SEVERITY[flag.severity] < SEVERITY.high then flag.severity = 'high' end
  release_claim(flag)
  summon()
  if #arg.leads > 0 then
    notify(flag.author, {code = 'safeguarding', to = arg.leads, flag = id, severity = flag.severity})
  end
end

local function hand_over()
  local by, them = holder(flag), person(arg.to)
  if not by or by.id ~= arg.by.id then return 'conflict', by end
  if known_rank(them) < RANK.moderator or arg.to == flag.author.id then return 'not_found' end
  if flag.against and flag.against.by.id == arg.to then return 'not_found' end
  flag.claimed_by = {id = arg.to, name = them.name or '', role = them.role or them.seen}
  flag.lease_until = now + arg.lease
  notify(flag.author, {code = 'handed', to = {arg.to}, flag = id, severity = flag.severity})
end

-- A word to colleagues, which may hand the flag over, ask for a second opinion or be one, or send it on.
function ops.note()
  if flag.state == 'decided' then return 'conflict', flag.decision and flag.decision.by end
  flag.notes = flag.notes or {}
  if #flag.notes >= MOST_NOTES then return 'conflict' end
  if arg.to then
    local code, by = hand_over()
    if code then return code, by end
  end
  table.insert(flag.notes, {by = arg.by, at = now, text = arg.note})
  if flag.opinion and not flag.opinion.answered_by and flag.opinion.by.id ~= arg.by.id then
    flag.opinion.answered_by = arg.by
    notify(flag.author, {code = 'opinion_given', to = {flag.opinion.by.id}, flag = id})
  end
  if arg.ask == 'opinion' then flag.opinion = {by = arg.by, at = now} end
  if arg.ask == 'safeguarding' then safeguard() end
  keep_flag(flag)
  audit('note', {flag = id, user = flag.author.id, note = arg.note, to = arg.to, ask = arg.ask})
end

-- A report opens the message's flag or joins it, and a new one where that is decided; it raises no severity.
function ops.report()
  local entry = entry_of(arg.seq)
  if not entry or entry.type ~= 'message' then return 'not_found' end
  if entry.from.id == arg.by.id then return 'forbidden' end
  if is_running(me.removed) then return 'removed' end
  local known = redis.call('HGET', P .. 'flagged', arg.seq)
  flag = known and flag_of(known)
  if flag then
    for _, report in ipairs(flag.reports) do
      if report.by.id == arg.by.id then return nil end
    end
  end
  if not flag or flag.state == 'decided' then
    if entry.retracted then return 'not_found' end
    flag = arg.new
    flag.author, flag.text, flag.seq = entry.from, entry.text, arg.seq
    flag.state, flag.opened_at, flag.due_at = 'open', now, now + arg.due * 1000
    redis.call('HSET', P .. 'flagged', arg.seq, flag.flag)
    redis.call('HSET', P .. 'flag:' .. flag.flag, 'op', 'report', 'user', entry.from.id)
  end
  -- Reports of one whose reports were dismissed sink in order; they stay.
  arg.report.at, arg.report.doubt = now, tonumber(me.dismissed or 0)
  table.insert(flag.reports, arg.report)
  keep_flag(flag)
end

-- Whoever is banned may ask for another look at that.
if is_running(me.banned) and arg.op ~= 'appeal' then return refused('banned') end
if rank == 0 then return refused('not_found') end
if rank < arg.least then return refused('forbidden') end
if arg.op ~= 'report' then
  flag = flag_of(id)
  -- Nobody sees or decides a flag about themselves, nor an appeal on an act of their own; one about staff is for
  -- moderators. An appeal is its author's alone.
  if not flag or (flag.author.id == arg.by.id) ~= (arg.op == 'appeal') then return refused('not_found') end
  if arg.op ~= 'appeal' and flag.author.role ~= 'participant' and rank < 3 then return refused('not_found') end
  if flag.against and flag.against.by.id == arg.by.id then return refused('not_found') end
end
local code, by, seq = ops[arg.op]()
if code then return refused(code, nil, by) end
return cmsgpack.pack({flag = flag, seq = seq, text = opened, also = also})
