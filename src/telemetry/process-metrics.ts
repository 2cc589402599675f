/** What Prometheus' own client libraries say about a process, under the names that dashboards know. */
import type { Family } from './metrics.ts';

/** Families as they are now: made for each scrape, nothing runs in between. */
export function processFamilies(): Family[] {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, external } = process.memoryUsage();
  return [
    counter('process_cpu_seconds_total', 'Time of the processor spent, in seconds', (user + system) / 1e6),
    gauge('process_resident_memory_bytes', 'Memory that the process holds', rss),
    gauge('process_start_time_seconds', 'When the process began, since 1970', startTimeSeconds()),
    gauge('nodejs_heap_size_used_bytes', 'Memory of JavaScript objects', heapUsed),
    gauge('nodejs_external_memory_bytes', 'Memory of buffers and other objects outside the heap', external),
  ];
}

function startTimeSeconds(): number {
  return performance.timeOrigin / 1000;
}

function counter(name: string, help: string, value: number): Family {
  return { kind: 'counter', name, help, series: new Map([['', { labels: {}, counter: { value } }]]) };
}

function gauge(name: string, help: string, value: number): Family {
  return { kind: 'gauge', name, help, series: new Map([['', { labels: {}, read: () => value }]]) };
}
