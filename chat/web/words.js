/**
 * What the page says: every sentence in one place, to be read and reviewed as a whole.
 *
 * Kind, plain, short. Nothing blames; nothing promises a person before one is there.
 */

export const WORDS = {
  entrance: {
    title: "Come in when you're ready",
    lead: "This is a small group for talking with people who understand. Facilitators look after it when it is open.",
    name: "What shall we call you?",
    nameHint: "Pick any name that isn't your own. It is all that others see of you.",
    country: "Country",
    countryHint: "Optional. We only use it to show you support lines that work where you are. The group never sees it.",
    remember: "Remember me on this device",
    rememberHint: "Leave this off on a device that others use.",
    enter: "Come in",
    noLink: "You need an invitation to come in",
    noLinkLead: "Open the link that your group sent you, or paste it here.",
    link: "Your invitation link or code",
    linkUnread: "We couldn't make out a link in that. Could you copy the whole link and try once more?",
    nameMissing: "Please choose a name to go by. Anything you like, as long as it isn't your own.",
    wait: "Opening the door…",
    cantReach: "We can't reach the group just now. We keep trying by ourselves, so you can leave this open.",
  },
  rooms: {
    title: "Where would you like to go?",
    none: "There is no room open for you at the moment. Your group can tell you when the next one is.",
  },
  agreement: {
    title: "Before you come in",
    lead: "This is what everyone here agrees on, so that it stays a good place to talk.",
    yes: "I agree, take me in",
    no: "Not now",
    declined: "That's all right. You can come back whenever you like.",
  },
  line: {
    waiting: (time) => `The connection was lost. Trying again in ${time}. What you write here is kept.`,
    retrying: "The connection was lost. Trying again now. What you write here is kept.",
    draining: "The group's server is taking a moment. You'll be back in here by yourself, and nothing gets lost.",
    now: "Try now",
  },
  back: {
    nothing: "You're back. Nothing was said while you were away.",
    some: (count) => `You're back. ${count === 1 ? "One message" : `${count} messages`} came while you were away.`,
    mark: "While you were away",
    notAll: "You're back. Some of what happened while you were away is not shown here. You see the latest.",
    why: {
      none: "We had no place to start from.",
      epoch: "The room's history was started anew on our side.",
      expired: "You were away longer than we keep your place.",
      too_many: "A great deal was said in the meantime. Scroll up to read it.",
      ahead: "Something on our side went back in time. If a message of yours is missing, please send it again.",
    },
  },
  ended: {
    title: "You've left the group",
    again: "Come in again",
    codes: {
      4501: "This sign-in is no longer valid. Please ask your group for a new link.",
      4503: "You can't take part here at present. Please contact the people who run the group. Help is there for you elsewhere, too.",
      4508: "Too much came from this page at once, so we paused it. Coming in again will set it right.",
      default: "The connection was closed. Coming in again will usually set it right.",
    },
    expired: "This link has run its course. Please ask your group for a new one.",
    signedOut: "You are signed out of this device.",
  },
  banned: {
    title: "You can't take part at present",
    label: "What would you like them to know?",
    ask: "Ask for another look",
  },
  composer: {
    label: "Write to the group",
    toTeam: "Write privately to our team",
    muted: (until) => `You can read along${until}. What you write here goes to our team alone, and they are glad to hear from you.`,
    locked: "A facilitator has paused the conversation. Your draft is kept. You can still write to our team.",
    closed: "This room is closed now. You can read what was said, and what you write here goes to our team alone.",
    talk: (name) => (name ? `Write to ${name}` : "Write in this private talk"),
    notYourTurn: (name) => `${name || "Someone else"} is speaking. Raise your hand, and your turn will come. What you send until then goes to our team alone.`,
    turns: (name, hands) => `${name ? `${name} is speaking` : "Nobody is speaking yet"}${hands ? `, ${hands} more ${hands === 1 ? "hand is" : "hands are"} up` : ""}.`,
    yourTurn: "It's your turn. Take your time, and lower your hand when you're done.",
    held: "Messages here go to our team first, then to the group.",
    slow: (time) => `This room takes its time: one message every ${time}.`,
    hint: "Enter sends, Shift and Enter starts a new line",
    sending: "Sending…",
    unsure: "Waiting for the connection. It will go out by itself.",
    waiting: (time) => `Goes out by itself in ${time}`,
    tooLong: (over) => `${over} characters over what fits in one message. Two parts work well.`,
  },
  leave: "Leave at once and clear this page",
  begins: "This is where it begins.",
  people: {
    team: "Our team",
    group: "The group",
    talk: "In this talk",
    unstaffed: "Nobody from our team is in the room right now. What you send them under Support is kept until they are.",
  },
  held: {
    title: "Waiting for our team",
    lead: "Only you and our team can see this. You're not in trouble.",
    blocked: "Kept out of the room",
    blockedLead: "Only you and our team can see this. You're welcome to change it and send it again.",
    refused: "Not sent",
    released: "Our team passed your message on to the group.",
    youWrote: "You wrote:",
    keptBack: "Our team kept a message of yours out of the room.",
    editHeld: "Your change is waiting for our team. Until then the group sees what was there before.",
    masked: "A detail in your message was covered, to keep you and others safe.",
  },
  help: {
    title: "Support",
    lead: "This goes to our team alone. The group does not see it.",
    label: "What would you like them to know?",
    labelHint: "You can leave this empty.",
    send: "Ask our team for help",
    sent: "This is with our team now. If you'd rather not wait, the lines here are open to you.",
    sentNote: "You asked our team for help. This is with them now.",
    write: "Write to our team",
    cards: "Support you were given",
    noCards: "Support lines that we show you are kept here.",
    elsewhere: "Find a helpline anywhere in the world",
    misread: "Did we misread this?",
    misreadTitle: "Tell us how you meant it",
    misreadLead: "Thank you for telling us. Our team reads this, and nothing is held against you.",
    quiet: "Support is here if you'd like it",
    folded: "A note for you. Open it when you're by yourself.",
    forYou: "For you alone",
    putAway: "Put away",
    kept: "You'll find it again under Support.",
    soon: "If you are in danger right now, please call your local emergency number.",
  },
  outside: {
    notYet: "This room isn't open yet",
    closed: "This room is closed",
    notNow: "The room isn't open to you just now",
    again: "You can also leave this open: we look again by ourselves, and take you in once it opens.",
    look: "Look again",
    opened: "The room is open now.",
    openedWriting: "The room is open now. What you are writing to our team stays here until you come in.",
  },
  removed: {
    title: "You're taking a break from this room",
    lead: "You can still write to our team.",
  },
  queue: {
    empty: "Nothing is waiting. Good moment to stretch.",
    hidden: "Text hidden",
    conflict: (name) => `${name || "A colleague"} has taken this one.`,
    leaseOver: "Your time with this one ran out, so others can take it. Claim it again to go on.",
    done: "Decided. Thank you for looking after this.",
    sanction: "This is about the person's own safety, so no sanction goes with it.",
    noteHint: "Stays within the team.",
    noted: "Your colleagues can see it now.",
    opinion: (name) => `${name || "A colleague"} asks what you think.`,
    safeguarding: "A child may be at risk",
    course: "What they wrote, over time:",
    appeals: (action, time) => `Asks for another look at what was decided at ${time}: ${action}.`,
    evidence: "This was put aside when it was decided. Who opens it, when and why is kept.",
    evidenceHint: "Close this when you have read it.",
    topics: "Colleagues who are free are offered flags about these first. You can always take one all the same.",
    topicsKept: "Kept. Thank you for looking after yourself.",
    more: "There is more behind these. They come up as you go.",
    none: "Nothing of this kind is waiting.",
    choose: "Choose what you see",
    hides: (count) => `Choose what you see (${count} not shown)`,
    counts: ({ open, claimed, late }) => `${open} open, ${claimed} with somebody, ${late} late`,
    takenBack: "Take the decision back",
    upheld: "Leave it as it was",
    textHint: "Optional. Goes to the person, and to nobody else.",
    next: (left) => `The next of us is called in ${left}`,
    calling: "The next of us is being called",
  },
  team: {
    title: "Our team",
    duty: "You are",
    others: (count) => `${count === 1 ? "One of your colleagues" : `${count} of your colleagues`} can be reached now.`,
    alone: "None of your colleagues can be reached now.",
    said: {
      on_duty: "You are on duty. Thank you.",
      on_call: "You are on call: we reach you here, or outside if nobody comes.",
      break: "Enjoy your break. You are not called meanwhile.",
      off: "You are off duty. Take care.",
    },
    tasks: (count) => `Ask after ${count === 1 ? "somebody" : `${count} people`}`,
    askAfter: (name, room) => `Ask after ${name} in ${room}`,
    yours: "yours",
    done: "I asked after them",
  },
  // Words to staff about somebody whom their queue names, by code; where it does not, the server's own are read.
  calls: {
    call: (name, room) => `${name} in ${room} may need a person now. Please look at the queue.`,
    missed: (name, room) => `Nobody has come yet to ${name} in ${room}, and it is your turn. Please look at the queue.`,
    unanswered: (name, room) => `${name} wrote something heavy in ${room}, and nobody has answered yet.`,
    left: (name, room) => `${name}, whom we worry about, has left ${room}.`,
    lost: (name, room) => `${name}, whom we worry about, has lost the connection to ${room}. They may be back in a moment.`,
    back: (name, room) => `${name}, whom we worry about, is back in ${room}.`,
    follow_up: (name, room) => `It is time to ask after ${name} from ${room}.`,
    safeguarding: (name, room) => `A child may be at risk: what ${name} wrote in ${room} was sent to you. Please look at the queue.`,
    handed: (name, room) => `A colleague handed ${name} in ${room} over to you. Please look at the queue.`,
    opinion_given: (name, room) => `A colleague told you what they think about ${name} in ${room}.`,
  },
  // The same, where several come within a moment.
  manyCalls: {
    call: (count) => `${count} people may need somebody now. Please look at the queue.`,
    missed: (count) => `Nobody has come yet to ${count} people, and it is your turn. Please look at the queue.`,
  },
  pairs: {
    title: "What takes two people",
    nobody: "somebody",
    ask: "Ask a second person",
    asked: "A colleague has an hour to confirm it. You can follow it above the queue.",
    whyHint: "Your colleague reads this before they confirm, and it is kept in the record of what staff did.",
    look: "Read and decide…",
    until: (time) => `Ends by itself at ${time}.`,
    openUntil: (time) => `Open to you until ${time}.`,
    open: "Open it",
    no: "Not now",
    sure: (name) => `If you aren't sure, talk with ${name} first. Leaving it alone confirms nothing: it ends by itself within the hour.`,
    erase: {
      menu: (name) => `Erase ${name} everywhere…`,
      title: (name) => `Erase ${name} everywhere?`,
      lead: "All that they wrote and the name they chose go for good, in every room and in the queue, and they are signed out of all rooms. Nobody can bring it back. A second person has to confirm it first.",
      why: "Why should it be erased?",
      wants: (by, name) => `${by} asks to erase ${name} everywhere.`,
      mine: (name) => `You asked to erase ${name} everywhere. A colleague has to confirm it.`,
      happens: "All that they wrote and the name they chose go for good, in every room and in the queue, and they are signed out of all rooms. What staff decided stays in the record, without their words. Nobody can bring it back.",
      yes: "Erase for good",
      done: (name) => `${name} is erased everywhere.`,
    },
    break_glass: {
      menu: (name) => `See who ${name} is…`,
      title: (name) => `See who ${name} is?`,
      lead: "For when a life or a child may be in danger, or the law asks for it. You would see all that we know of them, and what they wrote. A second person has to confirm it first. They are not told.",
      why: "Why do you need to know?",
      wants: (by, name) => `${by} asks to see who ${name} is.`,
      mine: (name) => `You asked to see who ${name} is. A colleague has to confirm it.`,
      confirmed: (by, name) => `${by} confirmed it: you can see who ${name} is.`,
      happens: "Your colleague, and nobody else, can then see all that we know of them and what they wrote, until the hour is over. Each look is kept in the record with both your names.",
      yes: "Let them see it",
      done: (name) => `Your colleague can see who ${name} is now.`,
      kept: "That you looked is kept in the record. Close this when you have what you need.",
      name: "Name they chose",
      country: "Country they chose",
      language: "Language",
      invite: "Came by the invitation",
      id: "Number in our records",
      nowhere: "They were in no room that is still kept.",
      texts: (room) => `Show what they wrote in ${room}`,
      earlier: "Earlier ones",
      gone: "taken back",
      none: "They wrote nothing here.",
    },
  },
  talk: {
    offer: (name) => `Talk privately with ${name}…`,
    invited: (name) => `${name || "A facilitator"} offers you a private talk, for the two of you. You keep your place in the group.`,
    supervised: (name) => `${name} from our team is there as well.`,
    yours: (name) => `You offered ${name || "somebody"} a private talk.`,
    accept: "Go there",
    decline: "Not now",
    withdraw: "End it",
    alone: (name) => `This talk is private: ${name ? `between you and ${name}` : "for the two of you"}. The group does not see it.`,
    waits: (name) => `${name || "They"} can come in when they are ready.`,
    back: "Back to the group",
    end: "End the talk",
    name: "Private talk",
    over: "The private talk is over.",
    aftercare: "Something for the group?",
  },
  problem: {
    lost: "The connection dropped before we had an answer. Please try again in a moment.",
    other: "That didn't work just now. Please try again in a moment.",
  },
};

/** A word to staff: about `name` where that is known, else as the server put it. */
export function callText({ code, text }, name, room) {
  return name && WORDS.calls[code] ? WORDS.calls[code](name, room) : text;
}

/** What the page says when a command fails: the server's own kind sentence where there is one. */
export function problemText(problem) {
  if (problem.name === "Lost") return WORDS.problem.lost;
  return problem.reply?.text || WORDS.problem.other;
}

export const ROLES = {
  participant: "",
  facilitator: "Facilitator",
  moderator: "Moderator",
  admin: "Admin",
};

export const RANK = { participant: 0, facilitator: 1, moderator: 2, admin: 3 };

export const SEVERITIES = {
  none: { word: "Room content", rank: 0 },
  low: { word: "Low", rank: 1 },
  moderate: { word: "Moderate", rank: 2 },
  high: { word: "High", rank: 3 },
  imminent: { word: "Imminent", rank: 4 },
};

export const TOPICS = {
  suicide: "Suicide",
  self_harm: "Self-harm",
  overdose: "Overdose",
  abuse: "Abuse",
  violence: "Violence",
  eating_disorder: "Eating",
};

export const KINDS = {
  message: "Message",
  report: "Report",
  help: "Asked for help",
  appeal: "Appeal",
  sanction: "Decision",
};

/** What was decided, as colleagues read it. */
export const DECIDED = {
  approve: "left as it is, or let in",
  dismiss: "left; the signal or report was mistaken",
  warn: "a content warning was put",
  retract: "kept out, or taken down",
  mute: "the person was muted",
  remove: "the person was taken out of the room",
  ban: "the person was banned",
  escalate: "handed on",
  erased: "erased with its person",
  granted: "taken back",
  upheld: "left as it was",
};

export const PHASES = {
  opening: "Opening",
  check_in: "Check-in",
  sharing: "Sharing",
  closing: "Closing",
};

export const HOLDS = {
  none: "Straight to the room",
  new: "Newcomers' messages wait for us",
  all: "Every message waits for us",
};

export const DURATIONS = [
  [300, "5 minutes"],
  [900, "15 minutes"],
  [3600, "1 hour"],
  [86400, "1 day"],
  [0, "Until we lift it"],
];
