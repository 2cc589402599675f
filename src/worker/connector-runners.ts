/**
 * The connectors that this worker has a part of: brought to what the tables say when an entry or what it owns changes, one
 * change a connector at a time; connectors never wait for each other.
 */
import { describeError, TributaryError } from '../base/errors.ts';
import type { ActiveTopics } from './active-topics.ts';
import { ChangeQueue } from './change-queue.ts';
import type { RestartCommand } from './config-entries.ts';
import { ConnectorRunner, type RunnerContext } from './connector-runner.ts';
import { type RestartPlan, restartPlan } from './restart-plan.ts';
import type { ConnectorStatus } from './worker-view.ts';

export class ConnectorRunners {
  readonly #context: RunnerContext;
  readonly #topics: ActiveTopics;
  readonly #runners = new Map<string, ConnectorRunner>();
  readonly #changes = new ChangeQueue();
  /** Resolved when everything ends: from then on nothing is started, whatever the group or the tables say. */
  readonly #stopping = Promise.withResolvers<void>();
  #isStopping = false;

  constructor(context: RunnerContext, topics: ActiveTopics) {
    this.#context = { ...context, startAgain: (name) => this.apply(name) };
    this.#topics = topics;
  }

  get(name: string): ConnectorRunner | undefined {
    return this.#runners.get(name);
  }

  /** Runs a change behind those of the same connector that came before, whether they succeeded or not. */
  change<T>(name: string, change: () => Promise<T>): Promise<T> {
    return this.#changes.run(name, change);
  }

  /** Resolves when the changes of this connector that were asked for before are over. */
  settled(name: string): Promise<void> {
    return this.#changes.settled(name);
  }

  /** The configuration or the target state is another one, or the connector is to be started again. */
  apply(name: string): void {
    if (this.#isStopping) return;
    if (this.#context.ownership.owns(name)) this.#runner(name); // it is shown as unassigned until then
    this.inBackground(
      name,
      this.change(name, () => this.#runner(name).apply()),
    );
  }

  /** The configuration is gone: so is what ran here by it, and what was told of it. */
  remove(name: string): void {
    const { configs, statuses, ownership, spool } = this.#context;
    const remove = async (): Promise<void> => {
      if (configs.connector(name) !== undefined) return; // it was made again meanwhile
      const runner = this.#runners.get(name);
      const tasks = [...(runner?.tasks.keys() ?? [])];
      await runner?.stopTasks('UNASSIGNED');
      await runner?.closeOffsets();
      this.#runners.delete(name);
      spool?.forget(name);
      if (!ownership.owns(name)) {
        for (const task of tasks) statuses.removeTask(name, task);
        return;
      }
      statuses.remove(name);
      await this.#topics.reset(name);
    };
    this.inBackground(name, this.change(name, remove));
  }

  /** There are others now than before: what was spooled of those that are no more goes away, once they have ended here. */
  tasksMade(name: string): void {
    const { spool } = this.#context;
    if (spool === undefined || this.#isStopping) return;
    this.inBackground(
      name,
      this.change(name, async () => spool.tasksMade(name)),
    );
  }

  /** There is more to do, `ready` once what those who did it before have told is read. */
  gained(ready: Promise<void>): void {
    if (this.#isStopping) return;
    for (const name of this.#context.configs.connectors()) {
      if (!this.ownsAny(name)) continue;
      this.#runner(name); // it is shown as unassigned until then
      const adjust = async (): Promise<void> => {
        await Promise.race([ready, this.#stopping.promise]);
        if (!this.#isStopping) await this.#runner(name).adjust();
      };
      this.inBackground(name, this.change(name, adjust));
    }
  }

  /**
   * The tables are read now. What runs by what was known of them before goes on where `isSame` says so, and else by what they say;
   * what is another worker's ends at once.
   */
  compare(isSame: (name: string) => Promise<boolean>): void {
    for (const runner of [...this.#runners.values()]) {
      const { name } = runner;
      const compare = async (): Promise<void> => {
        if (this.#isStopping) return;
        await runner.lose();
        if (await isSame(name)) await runner.confirm();
        else {
          this.#context.options.log.info('connector_differs', { connector: name, detail: 'from what was known of it' });
          await runner.apply();
        }
        this.#context.spool?.tasksMade(name);
      };
      if (this.#context.configs.connector(name) === undefined) this.remove(name);
      else this.inBackground(name, this.change(name, compare));
    }
  }

  /** The group takes work away, or has taken it: resolves when it has ended here. */
  async gaveUp(how: 'released' | 'lost'): Promise<void> {
    const runners = [...this.#runners.values()];
    if (how === 'lost') await Promise.all(runners.map((runner) => runner.lose()));
    const adjust = async (runner: ConnectorRunner): Promise<void> => {
      // Behind the end of its tasks there is nothing to adjust: it would start anew what this worker still owns.
      if (!this.#isStopping) await runner.adjust();
    };
    await Promise.all(runners.map((runner) => this.change(runner.name, () => adjust(runner))));
    for (const { name, tasks } of runners) if (tasks.size === 0 && !this.ownsAny(name)) this.#runners.delete(name);
    if (how === 'released') await this.#context.statuses.settled();
  }

  /** Restarts what the plan says, all of which runs here. */
  restart(name: string, { connectorFailed, tasks }: Pick<RestartPlan, 'connectorFailed' | 'tasks'>): Promise<void> {
    return this.change(name, async () => {
      // A connector has no work of its own: starting it anew makes its tasks, which is only wanted where it had failed.
      if (connectorFailed) await this.#runners.get(name)?.apply();
      else for (const task of tasks) await this.#runners.get(name)?.restartTask(task);
    });
  }

  /** Of each connector that has references, unless its configuration says to leave it alone. */
  rereadReferences(): void {
    const { configs } = this.#context;
    for (const name of this.#runners.keys()) {
      const config = configs.connector(name);
      if (config === undefined || config['config.action.reload']?.trim() === 'none') continue;
      if (!Object.values(config).some((value) => value.includes('${'))) continue;
      this.inBackground(
        name,
        this.change(name, async () => this.#runners.get(name)?.rereadReferences()),
      );
    }
  }

  restartTask(name: string, task: number): Promise<void> {
    return this.change(name, async () => {
      const runner = this.#runners.get(name);
      if (runner === undefined) throw new TributaryError('NOT_FOUND', `Unknown task: ${name}-${task}`);
      await runner.restartTask(task);
    });
  }

  /** This worker's share of a restart that all have been told of. */
  restartOwn(status: ConnectorStatus, command: RestartCommand): void {
    const { ownership } = this.#context;
    const { name } = status;
    const plan = restartPlan(status, command);
    const wanted = command.task === undefined ? plan.tasks : [command.task];
    const tasks = wanted.filter((task) => ownership.owns(name, task));
    const connectorFailed = plan.connectorFailed && command.task === undefined && ownership.owns(name);
    if (connectorFailed || tasks.length > 0) this.inBackground(name, this.restart(name, { connectorFailed, tasks }));
  }

  ownsAny(name: string): boolean {
    const { ownership, configs } = this.#context;
    return ownership.owns(name) || configs.tasks(name).some((_, task) => ownership.owns(name, task));
  }

  ownsAll(name: string): boolean {
    const { ownership, configs } = this.#context;
    return ownership.owns(name) && configs.tasks(name).every((_, task) => ownership.owns(name, task));
  }

  inBackground(name: string, work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      this.#context.options.log.error('connector_change_failed', { connector: name, reason: describeError(error) });
    });
  }

  /** Ends everything, writing what was received and where it ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#stopping.resolve();
    const runners = [...this.#runners.values()];
    await Promise.all(runners.map((runner) => this.change(runner.name, () => runner.stopTasks('UNASSIGNED'))));
  }

  /** Behind `stop`: tasks (`connector-task`) that had more than they could write. */
  unwritten(): readonly string[] {
    return [...this.#runners.values()].flatMap(({ name, tasks }) =>
      [...tasks].filter(([, { runner }]) => !runner.endedClean).map(([task]) => `${name}-${task}`),
    );
  }

  /** Behind `stop`. */
  async closeOffsets(): Promise<void> {
    await Promise.all([...this.#runners.values()].map((runner) => runner.closeOffsets()));
  }

  #runner(name: string): ConnectorRunner {
    let runner = this.#runners.get(name);
    if (runner === undefined) {
      runner = new ConnectorRunner(name, this.#context);
      this.#runners.set(name, runner);
    }
    return runner;
  }
}
