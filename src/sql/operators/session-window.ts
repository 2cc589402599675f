import { mapKeyOfAll } from '../values/compare.ts';
import type { Evaluate, Frame, Row } from '../values/value.ts';
import type { Operator, StateBudget, WindowClock } from './operator.ts';
import type { WindowContent } from './window-content.ts';

interface Session {
  first: number;
  last: number;
  readonly content: WindowContent;
  /** The timer that counts; earlier ones of this session do nothing. */
  timer: number;
}

interface Options {
  readonly gapMs: number;
  readonly keys: readonly Evaluate[];
  readonly frame: Frame;
  readonly clock: WindowClock;
  readonly newContent: () => WindowContent;
  readonly budget: StateBudget;
}

/**
 * SESSION: rows of a key that are less than a gap apart. A row out of order may reach two sessions, which then are one.
 * A session's timer is not moved with each row: when it fires too early it is set anew.
 */
export class SessionWindow implements Operator {
  private readonly options: Options;
  private readonly sessions = new Map<string, Session[]>();
  private order = 0;
  private timers = 0;

  constructor(options: Options) {
    this.options = options;
  }

  push(row: Row): void {
    const { frame, keys, gapMs, clock, newContent, budget } = this.options;
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
      const started: Session = { first: time, last: time, content: newContent(), timer: 0 };
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
    const timer = ++this.timers;
    session.timer = timer;
    this.options.clock.at(session.last + this.options.gapMs, session.first, (due) =>
      this.fire(key, session, timer, due),
    );
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
