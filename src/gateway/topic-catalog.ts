/** Topics as the broker has them: descriptions, asked once for all that want them now, and news of what has changed. */
import { withTimeout } from '../base/abort.ts';
import { isError, TributaryError } from '../base/errors.ts';
import { SharedQuestion } from '../base/shared-question.ts';
import type { Broker, TopicDescription } from '../broker/broker.ts';

export interface TopicWatcher {
  /** Its topics, where it has named them; null: any may be one of them. */
  readonly named: readonly string[] | null;
  /** Whether this topic concerns it: named, or matched by its pattern. */
  wants(topic: string): boolean;
  /** Its topics as they are now, described; a deleted one is not among them. */
  changed(topics: ReadonlyMap<string, TopicDescription>): void;
}

export interface CatalogOptions {
  readonly broker: Broker;
  /** How often changes are looked for while somebody watches. */
  readonly refreshMs?: number;
  readonly timeoutMs?: number;
  readonly onRetry: (reason: unknown) => void;
}

export class TopicCatalog {
  readonly #options: CatalogOptions;
  readonly #described = new Map<string, SharedQuestion<TopicDescription>>();
  readonly #listed: SharedQuestion<readonly string[]>;
  readonly #watchers = new Set<TopicWatcher>();
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;

  constructor(options: CatalogOptions) {
    this.#options = options;
    this.#listed = new SharedQuestion(() => this.#bounded(options.broker.listTopics()));
  }

  /** UNKNOWN_TOPIC, BROKER_UNAVAILABLE. */
  describe(topic: string): Promise<TopicDescription> {
    let question = this.#described.get(topic);
    if (question === undefined) {
      question = new SharedQuestion(
        () => this.#bounded(this.#options.broker.describeTopic(topic)),
        () => this.#described.delete(topic),
      );
      this.#described.set(topic, question);
    }
    return question.ask();
  }

  list(): Promise<readonly string[]> {
    return this.#listed.ask();
  }

  /** Call the function to end it. */
  watch(watcher: TopicWatcher): () => void {
    this.#watchers.add(watcher);
    this.#timer ??= setInterval(() => void this.#refresh(), this.#options.refreshMs ?? 5000).unref();
    return () => {
      this.#watchers.delete(watcher);
      if (this.#watchers.size === 0) this.close();
    };
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** One look at a time: a broker that is slow is not asked more often for it, and no older answer comes last. */
  async #refresh(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const isWanted = wantedBy(this.#watchers);
      const names = (await this.list()).filter(isWanted);
      const topics = new Map<string, TopicDescription>();
      for (const name of names) {
        const description = await this.describe(name).catch((error: unknown) => {
          if (!isError(error, 'UNKNOWN_TOPIC')) throw error;
        });
        if (description !== undefined) topics.set(name, description);
      }
      for (const watcher of [...this.#watchers]) {
        watcher.changed(topicsOf(watcher, topics));
      }
    } catch (error) {
      this.#options.onRetry(error); // the next refresh asks again
    } finally {
      this.#isLooking = false;
    }
  }

  /** To ask changes nothing: a broker that does not answer in time is one that cannot be reached. */
  async #bounded<T>(answer: Promise<T>): Promise<T> {
    try {
      return await withTimeout(answer, this.#options.timeoutMs ?? 10_000, 'asking the broker for its topics');
    } catch (error) {
      if (!isError(error, 'TIMEOUT')) throw error;
      throw new TributaryError('BROKER_UNAVAILABLE', error.message, { retriable: true, cause: error });
    }
  }
}

/** Ten thousand subscribers of named topics are not asked about each topic that there is. */
function wantedBy(watchers: ReadonlySet<TopicWatcher>): (topic: string) => boolean {
  const named = new Set<string>();
  const others: TopicWatcher[] = [];
  for (const watcher of watchers) {
    if (watcher.named === null) others.push(watcher);
    else for (const topic of watcher.named) named.add(topic);
  }
  return (topic) => named.has(topic) || others.some((watcher) => watcher.wants(topic));
}

function topicsOf(
  watcher: TopicWatcher,
  topics: ReadonlyMap<string, TopicDescription>,
): ReadonlyMap<string, TopicDescription> {
  const found = new Map<string, TopicDescription>();
  for (const name of watcher.named ?? topics.keys()) {
    const description = topics.get(name);
    if (description !== undefined && watcher.wants(name)) found.set(name, description);
  }
  return found;
}
