/** One process that serves the gateway, as the one that supervises it sees it. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { withTimeout } from '../../base/abort.ts';
import { TributaryError } from '../../base/errors.ts';
import type { HeldPlaces } from './held-places.ts';
import type { FamilySnapshot } from './merged-metrics.ts';
import type { Answer, Order, Question, Report } from './messages.ts';
import type { Reloadable } from './reload-together.ts';

const program = join(import.meta.dirname, `child${import.meta.filename.slice(-3)}`);
/** One that does not tell of itself in this time is stuck. To read the files anew may mean to fetch keys. */
const answerMs = { look: 2000, prepare: 30_000, apply: 10_000 };

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

interface AnswerTo {
  readonly look: 'looked';
  readonly prepare: 'prepared';
  readonly apply: 'applied';
}

export class SupervisedProcess implements Reloadable {
  readonly number: number;
  /** Its counters when it was asked last. */
  families: readonly FamilySnapshot[] = [];
  readonly ended: Promise<ProcessEnd>;
  readonly #child: ChildProcess;
  readonly #places: HeldPlaces;
  readonly #questions = new Map<number, PromiseWithResolvers<Answer>>();
  readonly #ready = Promise.withResolvers<string>();
  #asked = 0;
  #isServing = false;

  constructor(number: number, places: HeldPlaces) {
    this.number = number;
    this.#places = places;
    // Its output is ours. Structured clones carry what JSON would lose: columns of numbers, infinities.
    this.#child = fork(program, [], { serialization: 'advanced', stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child.on('message', (report: Report) => this.#hear(report));
    this.#child.on('error', (error) => this.#ready.reject(error));
    this.ended = once(this.#child, 'exit').then(([code, signal]): ProcessEnd => {
      this.#isServing = false;
      this.#places.leaveAll();
      for (const { reject } of this.#questions.values()) {
        reject(new TributaryError('INTERNAL', `Process ${this.number} of the gateway ended before it answered`));
      }
      this.#ready.reject(
        new TributaryError('INTERNAL', `A process of the gateway ended before it served (${signal ?? code})`),
      );
      return { code: code as number | null, signal: signal as string | null };
    });
    this.#ready.promise.catch(() => {}); // one that is started anew is told of by its end
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get isServing(): boolean {
    return this.#isServing;
  }

  /** Gives the URL once it serves. Rejects with the reason why it cannot. */
  serve(order: Extract<Order, { kind: 'serve' }>): Promise<string> {
    this.#say(order);
    return this.#ready.promise;
  }

  /** TIMEOUT, and INTERNAL where it ends meanwhile. */
  ask<K extends Question['kind']>(kind: K): Promise<Extract<Answer, { kind: AnswerTo[K] }>> {
    const id = ++this.#asked;
    const question = Promise.withResolvers<Answer>();
    this.#questions.set(id, question);
    this.#say({ kind, id });
    return withTimeout(question.promise, answerMs[kind], `Asking process ${this.number} of the gateway`).finally(() =>
      this.#questions.delete(id),
    ) as ReturnType<typeof this.ask<K>>;
  }

  async prepareReload(): Promise<string | undefined> {
    return (await this.ask('prepare')).problem;
  }

  async applyReload(): Promise<readonly string[]> {
    return (await this.ask('apply')).keys;
  }

  abandonReload(): void {
    this.#say({ kind: 'abandon' });
  }

  drain(): void {
    this.#say({ kind: 'drain' });
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #hear(report: Report): void {
    switch (report.kind) {
      case 'ready':
        this.#isServing = true;
        this.#ready.resolve(report.url);
        break;
      case 'failed':
        this.#ready.reject(new TributaryError(report.code, report.message));
        break;
      case 'take':
        this.#say({ kind: 'placed', id: report.id, refusal: this.#places.take(report.ip, report.principal) });
        break;
      case 'claim':
        this.#say({ kind: 'claimed', id: report.id, isGranted: this.#places.claim(report.principal) });
        break;
      case 'leave':
        this.#places.leave(report.ip, report.principal);
        break;
      case 'looked':
        this.families = report.families;
        this.#questions.get(report.id)?.resolve(report);
        break;
      case 'prepared':
      case 'applied':
        this.#questions.get(report.id)?.resolve(report);
        break;
    }
  }

  #say(order: Order): void {
    // One that has ended hears nothing; its end tells.
    if (this.#child.connected) this.#child.send(order, () => {});
  }
}
