/**
 * Where the workers of a group are: each tells its address in the status topic, under a key of ours that Kafka Connect's
 * workers pass over, and takes it back when it stops. One that was killed may stand there for longer.
 */
import { describeError } from '../../base/errors.ts';
import type { Log } from '../../telemetry/log.ts';
import { parseObject } from '../json.ts';
import type { Table } from '../table.ts';

export interface AddressesOptions {
  /** Where others reach this worker. */
  readonly url: string | undefined;
  /** Name of this machine. */
  readonly host: string;
  readonly workerId: string;
  readonly status: Pick<Table, 'entries' | 'put'>;
  readonly log: Log;
}

const prefix = 'tributary-worker-';

export class Addresses {
  readonly #options: AddressesOptions;

  constructor(options: AddressesOptions) {
    this.#options = options;
  }

  async tell(): Promise<void> {
    const { url, host, status } = this.#options;
    const told = JSON.stringify({ url, host });
    if (url !== undefined && status.entries.get(this.#key) !== told) await this.#put(told);
  }

  async takeBack(): Promise<void> {
    if (this.#options.status.entries.has(this.#key)) await this.#put(null);
  }

  /** Of those that this worker can reach. */
  others(): readonly string[] {
    const { host, status } = this.#options;
    const urls: string[] = [];
    for (const [key, value] of status.entries) {
      if (!key.startsWith(prefix) || key === this.#key) continue;
      const { url, host: on } = parseObject(value) ?? {};
      if (typeof url !== 'string' || !URL.canParse(url)) continue;
      if (on === host || !isLoopbackUrl(url)) urls.push(url);
    }
    return urls;
  }

  get #key(): string {
    const { host, workerId } = this.#options;
    return `${prefix}${host}-${workerId}`;
  }

  async #put(value: string | null): Promise<void> {
    const { status, log } = this.#options;
    await status.put([[this.#key, value]]).catch((error: unknown) => {
      log.warn('address_not_told', { reason: describeError(error) });
    });
  }
}

/** It leads to the machine of whoever asks. */
export function isLoopbackUrl(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127\./.test(hostname);
}
