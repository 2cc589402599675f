/** The gateway's metrics (PROTOCOL.md, section 12). Counters are plain fields; topics become labels up to a bound. */
import type { Counter, Histogram, Metrics } from '../telemetry/metrics.ts';

const bounds = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];

export interface Traffic {
  readonly records: Counter;
  readonly bytes: Counter;
}

export class GatewayMetrics {
  readonly #metrics: Metrics;
  readonly #maxTopics: number;
  readonly #topics = new Set<string>();
  readonly #open = new Map<string, { count: number }>();
  /** By protocol and topic: no text is put together to look one up. */
  readonly #trafficIn = new Map<string, Map<string, Traffic>>();
  readonly #trafficOut = new Map<string, Map<string, Traffic>>();
  readonly publishSeconds: Histogram;
  readonly deliverSeconds: Histogram;
  readonly dropped: Counter;
  readonly conflated: Counter;
  readonly ignored: Counter;
  readonly duplicates: Counter;
  readonly slowCloses: Counter;
  readonly transformErrors: Counter;

  constructor(metrics: Metrics, maxTopics: number) {
    this.#metrics = metrics;
    this.#maxTopics = maxTopics;
    this.publishSeconds = metrics.histogram(
      name('publish_seconds'),
      'From a publish read to its answer written',
      bounds,
    );
    this.deliverSeconds = metrics.histogram(name('deliver_seconds'), 'From a record fetched to its write', bounds);
    this.dropped = metrics.counter(name('dropped_records_total'), 'Records thrown away by the policy "drop"');
    this.conflated = metrics.counter(name('conflated_records_total'), 'Records replaced by newer ones of their key');
    this.ignored = metrics.counter(name('v2_ignored_messages_total'), 'v2 messages without a topic or a message');
    this.duplicates = metrics.counter(name('duplicates_total'), 'Publishes answered from the memory of their mid');
    this.slowCloses = metrics.counter(name('slow_closes_total'), 'Connections closed because they took too little');
    this.transformErrors = metrics.counter(name('transform_errors_total'), 'Records that a transform failed on');
    for (const reason of ['missing', 'malformed', 'signature', 'expired', 'claims', 'unknown'])
      this.#authFailures(reason);
    for (const reason of ['slow', 'retention', 'truncated', 'recreated', 'deleted', 'corrupt']) this.#gaps(reason);
    for (const protocol of ['v2-text', 'v2-binary', 'json', 'bin', 'ingest', 'sse', 'ndjson']) this.#openOf(protocol);
  }

  gauge(short: string, help: string, read: () => number, labels: Readonly<Record<string, string>> = {}): void {
    this.#metrics.gauge(name(short), help, read, labels);
  }

  opened(protocol: string): void {
    this.#openOf(protocol).count++;
    this.#metrics.counter(name('connections_total'), 'Connections accepted', { protocol }).value++;
  }

  closed(protocol: string, code: number): void {
    this.#openOf(protocol).count--;
    this.#metrics.counter(name('closes_total'), 'Connections ended, by close code', {
      protocol,
      code: String(code),
    }).value++;
  }

  rejected(status: number): void {
    this.#metrics.counter(name('handshakes_rejected_total'), 'Requests refused before they began', {
      status: String(status),
    }).value++;
  }

  publishError(code: string): void {
    this.#metrics.counter(name('publish_errors_total'), 'Publishes that failed', { code }).value++;
  }

  gap(reason: string, records: number): void {
    this.#gaps(reason).value += records;
    if (reason === 'slow') this.dropped.value += records;
  }

  authFailure(reason: string): void {
    this.#authFailures(reason).value++;
  }

  aclDenial(action: string): void {
    this.#metrics.counter(name('acl_denials_total'), 'Requests that the access rules refused', { action }).value++;
  }

  /** Counters of what came in or went out; of topics beyond the bound together. Once a batch, not once a record. */
  traffic(direction: 'in' | 'out', protocol: string, topic: string): Traffic {
    const known = direction === 'in' ? this.#trafficIn : this.#trafficOut;
    let byTopic = known.get(protocol);
    if (byTopic === undefined) {
      byTopic = new Map();
      known.set(protocol, byTopic);
    }
    let traffic = byTopic.get(topic);
    if (traffic !== undefined) return traffic;
    const label = this.#label(topic);
    if (label !== topic) return this.traffic(direction, protocol, label);
    const labels = { protocol, topic };
    traffic = {
      records: this.#metrics.counter(name(`records_${direction}_total`), `Records ${direction}`, labels),
      bytes: this.#metrics.counter(name(`bytes_${direction}_total`), `Bytes of records ${direction}`, labels),
    };
    byTopic.set(topic, traffic);
    return traffic;
  }

  /** A topic is read from now on; `lags`: of all that are, by topic. */
  readerOpened(topic: string, lags: () => ReadonlyMap<string, number>): void {
    const label = this.#label(topic);
    const read = (): number => {
      let sum = 0;
      for (const [other, lag] of lags()) if (this.#label(other) === label) sum += lag;
      return sum;
    };
    this.gauge('reader_lag_records', 'Records on the log that the shared readers have not read yet', read, {
      topic: label,
    });
  }

  /** A topic's own name, or that of all beyond the bound. */
  #label(topic: string): string {
    if (this.#topics.has(topic) || topic === 'other') return topic;
    if (this.#topics.size >= this.#maxTopics) return 'other';
    this.#topics.add(topic);
    return topic;
  }

  #gaps(reason: string): Counter {
    return this.#metrics.counter(name('gap_records_total'), 'Offsets that were announced as gaps', { reason });
  }

  #authFailures(reason: string): Counter {
    return this.#metrics.counter(name('auth_failures_total'), 'Tokens refused', { reason });
  }

  #openOf(protocol: string): { count: number } {
    let open = this.#open.get(protocol);
    if (open === undefined) {
      const counted = { count: 0 };
      open = counted;
      this.#open.set(protocol, open);
      this.#metrics.gauge(name('connections'), 'Connections open', () => counted.count, { protocol });
    }
    return open;
  }
}

function name(short: string): string {
  return `tributary_gateway_${short}`;
}
