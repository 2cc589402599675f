import type { Counter, Metrics } from '../telemetry/metrics.ts';

/** Kafka Connect's startup figures of a worker, for connectors or for their tasks. */
export interface Startups {
  /** Counts the attempt, and how it ended. */
  counted<T>(start: () => T | Promise<T>): Promise<T>;
}

export function startups(metrics: Metrics, of: 'connector' | 'task'): Startups {
  const counter = (name: string, help: string): Counter =>
    metrics.counter(`kafka_connect_worker_${of}_startup_${name}_total`, help);
  const attempts = counter('attempts', `Starts of ${of}s, whatever became of them`);
  const successes = counter('success', `Starts of ${of}s that succeeded`);
  const failures = counter('failure', `Starts of ${of}s that failed`);
  return {
    async counted(start) {
      attempts.value++;
      try {
        const started = await start();
        successes.value++;
        return started;
      } catch (error) {
        failures.value++;
        throw error;
      }
    },
  };
}
