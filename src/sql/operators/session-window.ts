import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Forgetful } from '../state/stateful.ts';
import { mapKeyOfAll } from '../values/compare.ts';
import type { Evaluate, Frame, Row } from '../values/value.ts';
import type { Operator, StateBudget, WindowClock } from './operator.ts';
import type { Contents, WindowContent } from './window-content.ts';

interface Session {
  first: number;
  last: number;
  readonly content: WindowContent;
  /** The timer that counts, and when it fires; earlier ones of this session do nothing. */
  timer: number;
  dueMs: number;
}

interface Options {
  readonly gapMs: number;
  readonly keys: readonly Evaluate[];
  readonly frame: Frame;
  readonly clock: WindowClock;
  readonly contents: Contents;
  readonly budget: StateBudget;
}

/**
 * SESSION: rows of a key that are less than a gap apart. A row out of order may reach two sessions, which then are one.
 * A session's timer is not moved with each row: when it fires too early it is set anew.
 */
export class SessionWindow implements Operator, Forgetful {
  private readonly options: Options;
  private readonly sessions = new Map<string, Session[]>();
  private order = 0;

  constructor(options: Options) {
    this.options = options;
  }

  push(row: Row): void {
    const { frame, keys, gapMs, clock, contents, budget } = this.options;
    frame.values = row.values;
    frame.timestamp = row.timestamp;
    const key = mapKeyOfAll(keys.map((evaluate) => evaluate(frame)));
    const time = row.timestamp;
    const open = this.sessions.get(key) ?? [];
    const near = open.filter(({ first, last }) => time > first - gapMs && time < last + gapMs);
    const [session, ...others] = near;
    if (session === undefined) {
      if (time + gapMs <= clock.closedUpTo()) {
        budget.late++;
        return;
      }
      if (budget.refusesMore()) return;
      const started: Session = { first: time, last: time, content: contents.create(), timer: 0, dueMs: 0 };
      this.sessions.set(key, [...open, started]);
      this.setTimer(key, started);
      started.content.add(row, this.order++);
      return;
    }
    const startedAt = session.first;
    session.content.add(row, this.order++);
    session.first = Math.min(session.first, time, ...others.map(({ first }) => first));
    session.last = Math.max(session.last, time, ...others.map(({ last }) => last));
    for (const other of others) session.content.merge(other.content);
    if (others.length > 0)
      this.sessions.set(
        key,
        open.filter((other) => !others.includes(other)),
      );
    if (session.first !== startedAt) this.setTimer(key, session);
  }

  private setTimer(key: string, session: Session): void {
    session.dueMs = session.last + this.options.gapMs;
    session.timer = this.timerFor(key, session);
  }

  private timerFor(key: string, session: Session, sequence?: number): number {
    const timer = this.options.clock.at(
      session.dueMs,
      session.first,
      (due) => this.fire(key, session, timer, due),
      sequence,
    );
    return timer;
  }

  get isEmpty(): boolean {
    return this.sessions.size === 0 && this.options.contents.isEmpty;
  }

  snapshot(writer: StateWriter): void {
    this.options.contents.snapshot(writer);
    writer.count(this.order);
    writer.list(this.sessions, ([key, sessions]) => {
      writer.text(key);
      writer.list(sessions, ({ first, last, timer, dueMs, content }) => {
        for (const time of [first, last, dueMs]) writer.number(time);
        writer.count(timer);
        content.snapshot(writer);
      });
    });
  }

  restore(reader: StateReader): void {
    const { contents } = this.options;
    contents.restore(reader);
    this.order = reader.count();
    reader.list(() => {
      const key = reader.text();
      const sessions = reader.list((): Session => {
        const times = { first: reader.number(), last: reader.number(), dueMs: reader.number() };
        const session = { ...times, timer: reader.count(), content: contents.create() };
        session.content.restore(reader);
        this.timerFor(key, session, session.timer);
        return session;
      });
      this.sessions.set(key, sessions);
    });
  }

  private fire(key: string, session: Session, timer: number, due: number): void {
    const open = this.sessions.get(key);
    if (session.timer !== timer || open === undefined || !open.includes(session)) return;
    const end = session.last + this.options.gapMs;
    if (end > due) {
      this.setTimer(key, session);
      return;
    }
    const rest = open.filter((other) => other !== session);
    if (rest.length === 0) this.sessions.delete(key);
    else this.sessions.set(key, rest);
    session.content.close(session.first, end, end - 1);
  }
}
