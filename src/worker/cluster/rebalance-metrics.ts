/** Kafka Connect's `connect-worker-rebalance-metrics`, under the names that Strimzi's rules for the JMX exporter give. */
import type { Clock } from '../../base/clock.ts';
import type { Counter, Metrics } from '../../telemetry/metrics.ts';

const prefix = 'kafka_connect_worker_rebalance_';

export class RebalanceMetrics {
  readonly #clock: Clock;
  readonly #completed: Counter;
  #beganAtMs: number | undefined;
  #endedAtMs: number | undefined;
  #generation = 0;
  #sumMs = 0;
  #maxMs = 0;

  constructor(metrics: Metrics, clock: Clock, isLeader: () => boolean) {
    this.#clock = clock;
    this.#completed = metrics.counter(`${prefix}completed_rebalances_total`, 'Times that the work was shared out anew');
    const gauge = (name: string, help: string, read: () => number): void => metrics.gauge(prefix + name, help, read);
    gauge('epoch', 'Generation of the group of workers', () => this.#generation);
    gauge('rebalancing', '1 while work that moves is being given up', () => (this.#beganAtMs === undefined ? 0 : 1));
    gauge(
      'rebalance_avg_time_seconds',
      'Mean time that giving up work took',
      () => this.#sumMs / 1000 / (this.#completed.value || 1),
    );
    gauge('rebalance_max_time_seconds', 'Longest time that giving up work took', () => this.#maxMs / 1000);
    gauge('time_since_last_rebalance_seconds', 'Time since the work was last shared out', () =>
      this.#endedAtMs === undefined ? -1 : (clock.monotonicMs() - this.#endedAtMs) / 1000,
    );
    metrics.gauge('tributary_worker_is_leader', '1 for the worker that answers writes of all', () =>
      Number(isLeader()),
    );
  }

  begins(): void {
    this.#beganAtMs ??= this.#clock.monotonicMs();
  }

  ends(generation: number): void {
    const nowMs = this.#clock.monotonicMs();
    const tookMs = nowMs - (this.#beganAtMs ?? nowMs);
    this.#beganAtMs = undefined;
    this.#endedAtMs = nowMs;
    this.#generation = generation;
    this.#sumMs += tookMs;
    this.#maxMs = Math.max(this.#maxMs, tookMs);
    this.#completed.value++;
  }
}
