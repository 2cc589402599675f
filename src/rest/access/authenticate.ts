/** Who asks: basic or bearer credentials of a request against those of the configuration. */
import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { Attempts } from './attempts.ts';
import { type Credential, likeNone, matches } from './credentials.ts';
import type { Role } from './roles.ts';

export interface Account {
  readonly name: string;
  readonly role: Role;
  readonly credential: Credential;
}

export interface Accounts {
  /** With a name and a password. */
  readonly users: readonly Account[];
  /** With a bearer token; the name is for the log. */
  readonly tokens: readonly Account[];
}

export interface Caller {
  readonly name: string;
  readonly role: Role;
}

export type Login =
  | { readonly kind: 'known'; readonly caller: Caller }
  | { readonly kind: 'missing' }
  | { readonly kind: 'wrong' }
  | { readonly kind: 'limited'; readonly retryAfterMs: number };

/** Credentials that were right lately: a password's hash is made to be slow, and clients send it with each request. */
const rememberMs = 300_000;
const maxRemembered = 1_000;
/** Slow hashes at a time; each takes megabytes, and a thread that the broker's files need, too. */
const maxChecks = 2;
const maxWaiting = 50;

export class Authenticator {
  readonly #accounts: Accounts;
  readonly #clock: Clock;
  readonly #attempts = new Attempts();
  readonly #nobody: Credential;
  /** Keys are not the credentials, and cannot be turned back into them. */
  readonly #remembered = new Map<string, { readonly caller: Caller; readonly untilMs: number }>();
  readonly #secret = randomBytes(32);
  #checking = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(accounts: Accounts, clock: Clock) {
    this.#accounts = accounts;
    this.#clock = clock;
    this.#nobody = likeNone(accounts.users.map(({ credential }) => credential));
  }

  /** `header` is the request's Authorization. One that was right lately is never limited. */
  async login(header: string | undefined, address: string): Promise<Login> {
    if (header === undefined || header === '') return { kind: 'missing' };
    const key = createHmac('sha256', this.#secret).update(header).digest('base64');
    const nowMs = this.#clock.monotonicMs();
    const remembered = this.#remembered.get(key);
    if (remembered !== undefined && remembered.untilMs > nowMs) return { kind: 'known', caller: remembered.caller };
    const waitMs = this.#attempts.waitMs(address, nowMs);
    if (waitMs > 0) return { kind: 'limited', retryAfterMs: waitMs };
    if (this.#waiting.length >= maxWaiting) return { kind: 'limited', retryAfterMs: 1_000 };
    // Counted before it is known to be wrong: many at once would else all be tried.
    this.#attempts.begin(address, nowMs);
    const caller = await this.#find(header);
    if (caller === undefined) return { kind: 'wrong' };
    this.#attempts.succeeded(address);
    this.#remember(key, caller, nowMs);
    return { kind: 'known', caller };
  }

  async #find(header: string): Promise<Caller | undefined> {
    const [, scheme = '', rest = ''] = /^(\w+)\s+(.+)$/s.exec(header.trim()) ?? [];
    switch (scheme.toLowerCase()) {
      case 'basic':
        return this.#user(Buffer.from(rest, 'base64').toString('utf8'));
      case 'bearer':
        return this.#token(rest.trim());
      default:
        return undefined;
    }
  }

  async #user(text: string): Promise<Caller | undefined> {
    const colon = text.indexOf(':');
    const name = colon < 0 ? text : text.slice(0, colon);
    const account = this.#accounts.users.find((user) => user.name === name);
    const right = await this.#inTurn(() => matches(text.slice(colon + 1), account?.credential ?? this.#nobody));
    return right && account !== undefined && colon >= 0 ? { name, role: account.role } : undefined;
  }

  /** All are compared, whichever fits: how long it takes tells nothing. */
  async #token(text: string): Promise<Caller | undefined> {
    let found: Caller | undefined;
    for (const { name, role, credential } of this.#accounts.tokens) {
      if (await this.#inTurn(() => matches(text, credential))) found = { name, role };
    }
    return found;
  }

  async #inTurn<T>(check: () => Promise<T>): Promise<T> {
    if (this.#checking >= maxChecks) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#checking++;
    try {
      return await check();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#checking--;
      else next(); // its turn is handed on
    }
  }

  #remember(key: string, caller: Caller, nowMs: number): void {
    this.#remembered.delete(key);
    this.#remembered.set(key, { caller, untilMs: nowMs + rememberMs });
    if (this.#remembered.size > maxRemembered) this.#remembered.delete(this.#remembered.keys().next().value!);
  }
}
