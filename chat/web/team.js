/** The team's own corner above the queue: whether one is on duty, how many can be reached, whom to ask after. */

import { ask } from "./dialogs.js";
import { button, day, el, fill, freshId, say } from "./dom.js";
import { problemText, SEVERITIES, WORDS } from "./words.js";

const STATES = [
  ["on_duty", "On duty"],
  ["on_call", "On call"],
  ["break", "On a break"],
  ["off", "Off duty"],
];
const REACHED = new Set([undefined, null, "on_duty", "on_call"]);

/** How many others a call would reach now: connected, and not away. Each counts once, in however many rooms. */
export function reached(staff, me) {
  return new Set(staff.filter((one) => one.id !== me && one.is_here && REACHED.has(one.duty)).map((one) => one.id)).size;
}

/** What this person said last of their duty; connected and nothing said is on duty. */
export function dutyOf(staff, me) {
  return staff.find((one) => one.id === me && one.duty)?.duty ?? "on_duty";
}

/** `app`: `me`, `connection`, `roomTitle(room)`. */
export class TeamView {
  #app;
  #select;
  #count;
  #tasks;
  #sum;
  #box;
  #due = 0;
  #staff = [];

  constructor(app) {
    this.#app = app;
    const id = freshId("duty");
    this.#select = el("select", { id, on: { change: () => this.#say(this.#select.value) } }, STATES.map(([value, label]) => el("option", { value }, label)));
    this.#count = el("p", { class: "hint", role: "status" });
    this.#tasks = el("ul", { class: "tasks" });
    this.#sum = el("summary", {});
    this.#box = el("details", { class: "tasks-box", hidden: true }, this.#sum, this.#tasks);
    this.node = el(
      "section",
      { class: "team", "aria-label": WORDS.team.title },
      el("div", { class: "field" }, el("label", { for: id }, WORDS.team.duty), this.#select),
      this.#count,
      this.#box,
    );
  }

  /** Who of staff can be reached in one room changed. */
  receive({ room, staff }) {
    const others = this.#staff.filter((one) => one.room !== room);
    this.#showRota({ staff: [...others, ...staff.map((one) => ({ ...one, room }))] });
  }

  /** Read both anew. */
  refresh() {
    return this.#try(async () => {
      this.#showRota(await this.#app.connection.send("duty"));
      this.#showTasks(await this.#app.connection.send("follow_up"));
    });
  }

  #say(state) {
    return this.#try(async () => {
      this.#showRota(await this.#app.connection.send("duty", { state }));
      say(WORDS.team.said[state]);
    });
  }

  #showRota({ staff }) {
    this.#staff = staff;
    const me = this.#app.me.id;
    this.#select.value = dutyOf(staff, me);
    const others = reached(staff, me);
    const words = others ? WORDS.team.others(others) : WORDS.team.alone;
    if (this.#count.textContent !== words) fill(this.#count, words);
  }

  /** Folded, so that flags come first, until one of them is due. */
  #showTasks({ tasks }) {
    const due = tasks.filter((task) => task.due_at <= Date.now() + (this.#app.skew ?? 0)).length;
    if (due > this.#due) this.#box.open = true;
    this.#due = due;
    this.#box.hidden = tasks.length === 0;
    fill(this.#sum, WORDS.team.tasks(tasks.length));
    fill(this.#tasks, tasks.map((task) => this.#task(task)));
  }

  #task(task) {
    const when = day(task.due_at - (this.#app.skew ?? 0));
    const mine = task.owner?.id === this.#app.me.id ? WORDS.team.yours : task.owner?.name;
    return el(
      "li",
      { class: "task" },
      el("p", {}, WORDS.team.askAfter(task.user?.name || "somebody", this.#app.roomTitle(task.room))),
      el("p", { class: "hint" }, `${SEVERITIES[task.severity]?.word ?? ""}, ${when}${mine ? `, ${mine}` : ""}`),
      button(WORDS.team.done, () => this.#done(task), { class: "small" }),
    );
  }

  #done(task) {
    ask({
      title: WORDS.team.done,
      fields: [{ name: "note", label: "A note for the team", hint: "Kept in the record of what staff did.", maxlength: 500 }],
      confirm: "Done",
      act: async ({ note }) => this.#showTasks(await this.#app.connection.send("follow_up", { flag: task.flag, note })),
    });
  }

  async #try(act) {
    try {
      await act();
    } catch (problem) {
      if (problem.name !== "Lost") say(problemText(problem));
    }
  }
}
