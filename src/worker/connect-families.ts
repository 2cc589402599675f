/**
 * Kafka Connect's metrics that follow from what the worker knows anyway: states, numbers of connectors and tasks, rates and
 * means of counters. Made for each scrape. Names are those that Strimzi's rules for the JMX exporter give.
 */
import type { Clock } from '../base/clock.ts';
import type { Family, Labels } from '../telemetry/metrics.ts';
import { RateWindow } from './rate-window.ts';
import type { State } from './status-table.ts';
import type { ConnectorStatus, TaskStatus } from './worker-view.ts';

type Status = Omit<ConnectorStatus, 'tasks'> & { readonly tasks: readonly Pick<TaskStatus, 'task' | 'state'>[] };

export interface ConnectFigures {
  connectorNames(): readonly string[];
  status(name: string): Status | undefined;
  connector(name: string): { readonly config: Readonly<Record<string, string | null>> } | undefined;
}

const prefix = 'kafka_connect_';
const taskStates: readonly State[] = ['RUNNING', 'PAUSED', 'FAILED', 'UNASSIGNED', 'RESTARTING'];
/** Counters of Kafka Connect that come with a rate over the last half minute. */
const rated: readonly string[] = [
  'source_task_source_record_poll',
  'source_task_source_record_write',
  'sink_task_sink_record_send',
];

export class ConnectFamilies {
  readonly #figures: ConnectFigures;
  readonly #registry: ReadonlyMap<string, Family>;
  readonly #rates: RateWindow;

  constructor(figures: ConnectFigures, registry: ReadonlyMap<string, Family>, clock: Clock) {
    this.#figures = figures;
    this.#registry = registry;
    this.#rates = new RateWindow(clock);
  }

  families(): Family[] {
    const made = new Made();
    const statuses = this.#figures.connectorNames().flatMap((name) => this.#figures.status(name) ?? []);
    made.gauge('worker_connector_count', 'Connectors that this worker runs', statuses.length);
    const tasks = statuses.reduce((sum, status) => sum + status.tasks.length, 0);
    made.gauge('worker_task_count', 'Tasks that this worker runs', tasks);
    for (const what of ['connector', 'task']) this.#startupShares(made, what);
    for (const status of statuses) this.#connector(made, status);
    for (const name of rated) this.#rate(made, name);
    this.#shares(made);
    this.#rates.prune();
    return [...made.families.values()];
  }

  #connector(made: Made, { name, type, connector, tasks }: Status): void {
    const config = this.#figures.connector(name)?.config;
    const labelled = (label: string, value: string): Labels => ({ connector: name, [label]: value });
    made.gauge(
      'connector_status',
      'State of a connector, 1 for the one it is in',
      1,
      labelled('status', lower(connector.state)),
    );
    made.gauge(
      'connector_connector_class',
      'Class of a connector',
      1,
      labelled('connector_class', config?.['connector.class'] ?? ''),
    );
    made.gauge(
      'connector_connector_type',
      'Whether a connector is a source or a sink',
      1,
      labelled('connector_type', type),
    );
    made.gauge(
      'connector_connector_version',
      'Version of a connector',
      1,
      labelled('connector_version', connector.version ?? ''),
    );
    made.gauge('worker_connector_total_task_count', 'Tasks of a connector', tasks.length, { connector: name });
    for (const state of taskStates) {
      const count = tasks.filter((task) => task.state === state).length;
      const help = `Tasks of a connector that are ${lower(state)}`;
      made.gauge(`worker_connector_${lower(state)}_task_count`, help, count, { connector: name });
    }
    for (const { task, state } of tasks) {
      const labels = { connector: name, task: String(task), status: lower(state) };
      made.gauge('connector_task_status', 'State of a task, 1 for the one it is in', 1, labels);
    }
  }

  #startupShares(made: Made, what: string): void {
    const value = (name: string): number => this.#sum(`${prefix}worker_${what}_startup_${name}_total`);
    const attempts = value('attempts');
    for (const name of ['success', 'failure']) {
      const help = `Percentage of the starts of ${what}s that were a ${name}`;
      made.gauge(
        `worker_${what}_startup_${name}_percentage`,
        help,
        attempts === 0 ? 0 : (100 * value(name)) / attempts,
      );
    }
  }

  #rate(made: Made, name: string): void {
    for (const { labels, value } of this.#series(`${prefix}${name}_total`)) {
      const perSecond = this.#rates.rate(`${name} ${labels['connector']} ${labels['task']}`, value);
      made.gauge(`${name}_rate`, 'Records a second, over the last half minute', perSecond, labels);
    }
  }

  /** Means and percentages since the start of a task. */
  #shares(made: Made): void {
    const batches = this.#byLabels('tributary_source_batches_total');
    for (const { labels, value } of this.#series(`${prefix}source_task_source_record_poll_total`)) {
      const count = batches.get(keyOf(labels)) ?? 0;
      const mean = count === 0 ? 0 : value / count;
      made.gauge('connector_task_batch_size_avg', 'Records of a batch, on average', mean, labels);
    }
    const failures = this.#byLabels('tributary_source_offset_commit_failures_total');
    for (const { labels, value } of this.#series('tributary_source_offset_commits_total')) {
      const failed = failures.get(keyOf(labels)) ?? 0;
      const share = (part: number): number => (value + failed === 0 ? 0 : (100 * part) / (value + failed));
      const help = 'Percentage of the commits of offsets that were a';
      made.gauge('connector_task_offset_commit_success_percentage', `${help} success`, share(value), labels);
      made.gauge('connector_task_offset_commit_failure_percentage', `${help} failure`, share(failed), labels);
    }
  }

  #series(name: string): { readonly labels: Labels; readonly value: number }[] {
    const family = this.#registry.get(name);
    if (family?.kind !== 'counter') return [];
    return [...family.series.values()].map(({ labels, counter }) => ({ labels, value: counter.value }));
  }

  #byLabels(name: string): ReadonlyMap<string, number> {
    return new Map(this.#series(name).map(({ labels, value }) => [keyOf(labels), value]));
  }

  #sum(name: string): number {
    return this.#series(name).reduce((sum, { value }) => sum + value, 0);
  }
}

class Made {
  readonly families = new Map<string, Extract<Family, { kind: 'gauge' }>>();

  gauge(name: string, help: string, value: number, labels: Labels = {}): void {
    const full = prefix + name;
    let family = this.families.get(full);
    if (family === undefined) {
      family = { kind: 'gauge', name: full, help, series: new Map() };
      this.families.set(full, family);
    }
    family.series.set(String(family.series.size), { labels, read: () => value });
  }
}

function keyOf({ connector, task }: Labels): string {
  return `${connector}\n${task}`;
}

function lower(state: State): string {
  return state.toLowerCase();
}
