/**
 * What is to be done at the end of this turn of the event loop. A record that ten thousand subscribers wait for is as many tasks:
 * with an immediate each, Node would look after every one of them for ticks and microtasks, which costs more than some of them.
 */
export interface TurnTask {
  /** Must not throw: it would end the process. */
  runTurn(): void;
}

export class Turn {
  #tasks: TurnTask[] = [];

  /** Runs it once, behind everything that this turn reads from sockets. */
  add(task: TurnTask): void {
    if (this.#tasks.push(task) === 1) setImmediate(this.#run);
  }

  readonly #run = (): void => {
    const tasks = this.#tasks;
    this.#tasks = []; // what a task adds is for the next turn
    for (const task of tasks) task.runTurn();
  };
}
