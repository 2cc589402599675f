import { after, type Clock } from '../base/clock.ts';
import { type Pulled, pull, Waiters } from './pull.ts';

/** A connection as states and pure transitions, and those who do what it says. */
export interface Machine<State, Event, Effect> {
  next(state: State, event: Event): readonly [State, readonly Effect[]];
  /** When the state wants to be told of the time, monotonic; Infinity: never. */
  wakeAtMs(state: State): number;
  /** The time has come: what is to be seen then. */
  tick(): Event;
  /** Does what a transition wants. It may raise events in turn. */
  obey(effect: Effect): void;
  /** A state of another kind was reached, and all is done that the transition wanted. */
  changed(before: State, state: State): void;
  /** Its timers tell the time. */
  readonly clock: Clock;
}

/**
 * Drives the state machine of a source's connection: keeps its state, obeys its effects, tells it the time when it wants to
 * know, and lets one who waits for records, or for its end, be woken.
 */
export class MachineDriver<State extends { readonly kind: string }, Event, Effect> {
  readonly #machine: Machine<State, Event, Effect>;
  #state: State;
  #callOff: (() => void) | undefined;
  /** One who pulls, and one who waits for the end meanwhile. */
  readonly #waiters = new Waiters();

  constructor(initial: State, machine: Machine<State, Event, Effect>) {
    this.#state = initial;
    this.#machine = machine;
  }

  get state(): State {
    return this.#state;
  }

  /** One transition. Effects may raise events in turn; they come after the state has changed, so the order is kept. */
  raise(event: Event): void {
    const before = this.#state;
    const [state, effects] = this.#machine.next(before, event);
    this.#state = state;
    for (const effect of effects) this.#machine.obey(effect);
    if (this.#state === state && state !== before) this.#arm();
    if (state.kind !== before.kind) this.#machine.changed(before, state);
  }

  /** There is something to take, or it has ended. */
  notify(): void {
    this.#waiters.notify();
  }

  /** Everything that arrived since the last call, as soon as there is something. undefined: over, nothing is left. */
  pull<Batch>(source: Pulled<Batch>): Promise<Batch | undefined> {
    return pull(source, this.#waiters);
  }

  /** Resolves when the state is of one of these kinds, which end in `notify`. No timer is left then. */
  async until(...kinds: readonly State['kind'][]): Promise<void> {
    while (!kinds.includes(this.#state.kind)) await this.#waiters.notified();
    this.#callOff?.();
  }

  #arm(): void {
    this.#callOff?.();
    this.#callOff = undefined;
    const { clock } = this.#machine;
    const atMs = this.#machine.wakeAtMs(this.#state);
    if (atMs === Number.POSITIVE_INFINITY) return;
    this.#callOff = after(clock, atMs - clock.monotonicMs(), () => this.#tick());
  }

  #tick(): void {
    const before = this.#state;
    this.raise(this.#machine.tick());
    // Too early for the state, as a timer may be: it is told again.
    if (this.#state === before) this.#arm();
  }
}
