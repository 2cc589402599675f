/**
 * Commands of the configuration topic (a restart, a level of a logger) that come between its reading and the end of the worker's
 * start. What else is written there is read from the table later; a command is read nowhere else.
 */
import type { Log } from '../telemetry/log.ts';
import type { ConfigEntry } from './config-entries.ts';

const maxCommands = 1_000;

export class EarlyCommands {
  readonly #log: Log;
  /** Undefined before the topic is read: those that it holds were carried out once. */
  #commands: Map<string, string | null> | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  /** The topic is going to be read, once more maybe. */
  reset(): void {
    this.#commands = undefined;
  }

  /** The topic is read: what comes from now on has been written since. */
  begin(): void {
    this.#commands = new Map();
  }

  /** The last one of each key counts, as it does in the topic. */
  note({ kind }: ConfigEntry, key: string, value: string | null): void {
    const commands = this.#commands;
    if (commands === undefined || (kind !== 'restart' && kind !== 'logger')) return;
    if (commands.size < maxCommands || commands.has(key)) commands.set(key, value);
    else this.#log.warn('early_command_dropped', { key });
  }

  take(): readonly (readonly [key: string, value: string | null])[] {
    const taken = [...(this.#commands ?? [])];
    this.#commands = undefined;
    return taken;
  }
}
