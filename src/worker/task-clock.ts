import type { Clock } from '../base/clock.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { State } from './status-table.ts';

/** How a task has spent its time since it was made: Kafka Connect's running-ratio and pause-ratio. */
export class TaskClock {
  readonly #clock: Clock;
  readonly #spentMs = new Map<State, number>();
  #state: State = 'UNASSIGNED';
  #sinceMs: number;

  constructor(clock: Clock, metrics: Metrics) {
    this.#clock = clock;
    this.#sinceMs = clock.monotonicMs();
    const ratio = (name: string, help: string, state: State): void =>
      metrics.gauge(`kafka_connect_connector_task_${name}_ratio`, help, () => this.share(state));
    ratio('running', 'Share of its time that the task has run', 'RUNNING');
    ratio('pause', 'Share of its time that the task was paused', 'PAUSED');
  }

  become(state: State): void {
    const nowMs = this.#clock.monotonicMs();
    this.#spentMs.set(this.#state, (this.#spentMs.get(this.#state) ?? 0) + nowMs - this.#sinceMs);
    this.#state = state;
    this.#sinceMs = nowMs;
  }

  share(state: State): number {
    const currentMs = this.#clock.monotonicMs() - this.#sinceMs;
    let allMs = currentMs;
    for (const ms of this.#spentMs.values()) allMs += ms;
    const ofState = (this.#spentMs.get(state) ?? 0) + (state === this.#state ? currentMs : 0);
    return allMs === 0 ? 0 : ofState / allMs;
  }
}
